// The whole way of a frame, top to bottom:
//
//   receive -> Classify -+-> ARP   AnswerArp: in place, back out of the same port
//                        +-> IPv4  GuardSource -> Route -> TranslateService -> Rewrite -+
//                                                                                       |
//                                         HandleException, then again <-+---------------+
//                                                                       +-> Transmit
//
// Nearly every frame goes straight on, as one of a burst. Routing comes before translation, since a
// route tells that an address is a service's; what was translated is routed again there. A call
// from the wire to a service, and its answer, go on as the node's own frames do (relayed). What
// podwarp makes in answer to a frame (an ICMP error, an echo reply, a TCP reset) takes the same way
// as a frame of the node's own.
#include "podwarp/dataplane/pipeline.h"

#include "dataplane/drop.h"
#include "dataplane/stages.h"

namespace podwarp {
namespace {

void ForwardAdmitted(WorkerContext& context, Burst& burst) {
  RewriteAdmitted(context, burst);
  Transmit(context, burst);
  burst.count = 0;
}

void ForwardExceptions(WorkerContext& context, const Burst& exceptions, Burst& made) {
  Burst again(exceptions.ingress);
  for (uint16_t i = 0; i < exceptions.count; ++i) {
    HandleException(context, exceptions, i, again, made);
    if (again.count > kBurstFrames - kMaxFragments) ForwardAdmitted(context, again);
  }
  ForwardAdmitted(context, again);
}

void SendOn(WorkerContext& context, Burst& burst, Burst& made) {
  Burst exceptions(burst.ingress);
  Rewrite(context, burst, exceptions);
  Transmit(context, burst);
  if (exceptions.count > 0) ForwardExceptions(context, exceptions, made);
}

Ingress Relayed(Ingress ingress) {
  ingress.is_relayed = true;
  return ingress;
}

void Forward(WorkerContext& context, Burst& burst) {
  Burst relayed(Relayed(burst.ingress));
  Burst made{Ingress{}};  // at most one for each frame of the burst
  Route(context, burst);
  TranslateService(context, burst, relayed, made);
  SendOn(context, burst, made);
  if (relayed.count > 0) SendOn(context, relayed, made);
  // May have exceptions of its own; but nothing is made in answer to what was made.
  if (made.count > 0) Forward(context, made);
}

}  // namespace

Pipeline::Pipeline(WorkerContext* context) : context_(*context) {
  context_.waiting.reserve(kMaxPorts);
}

uint16_t Pipeline::Process(PortId id, uint16_t queue) {
  Port* port = context_.tables.ports.Get(id);
  if (port == nullptr) return 0;
  Burst burst({.id = id, .port = port, .pod = context_.tables.pods.Get(id)});
  burst.count = port->Receive(queue, burst.frames, kBurstFrames);
  if (burst.count == 0) return 0;
  const uint16_t received = burst.count;

  Burst arp(burst.ingress);
  Classify(context_, burst, arp);
  PortCounters& counters = context_.counters.ports[id];
  counters.received_frames.Add(received);
  counters.received_bytes.Add(burst.traits.bytes);
  if (arp.count > 0) {
    AnswerArp(context_, arp);
    TransmitTo(context_, id, arp);
  }

  GuardSource(context_, burst);
  Forward(context_, burst);
  return received;
}

void Pipeline::Send(PortId port, rte_mbuf* frame) {
  context_.counters.originated.Add(1);
  Burst burst{Ingress{}};
  burst.Add(frame);
  TransmitTo(context_, port, burst);
}

void Pipeline::Flush() { FlushTransmitBuffers(context_); }

}  // namespace podwarp
