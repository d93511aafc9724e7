// The whole way of a frame, top to bottom:
//
//   receive -> Classify -+-> ARP   AnswerArp: in place, back out of the same port
//                        +-> IPv4  GuardSource -> Route -> Rewrite -+-> Transmit
//                                                                   +-> HandleException, then again
//
// Nearly every frame takes the middle line, as one of a burst. What podwarp makes in answer to an
// exception (an ICMP error, an echo reply) is routed like any frame of the node's own.
#include "podwarp/dataplane/pipeline.h"

#include "dataplane/drop.h"
#include "dataplane/stages.h"

namespace podwarp {
namespace {

void ForwardExceptions(WorkerContext& context, const Burst& exceptions);

void Forward(WorkerContext& context, Burst& burst) {
  Burst exceptions(burst.ingress);
  Route(context, burst);
  Rewrite(context, burst, exceptions);
  Transmit(context, burst);
  if (exceptions.count > 0) ForwardExceptions(context, exceptions);
}

void ForwardAdmitted(WorkerContext& context, Burst& burst) {
  RewriteAdmitted(context, burst);
  Transmit(context, burst);
  burst.count = 0;
}

void ForwardExceptions(WorkerContext& context, const Burst& exceptions) {
  Burst again(exceptions.ingress);
  Burst made{Ingress{}};
  for (uint16_t i = 0; i < exceptions.count; ++i) {
    HandleException(context, exceptions, i, again, made);
    if (again.count > kBurstFrames - kMaxFragments) ForwardAdmitted(context, again);
  }
  ForwardAdmitted(context, again);
  // May come back here with exceptions of its own; but nothing is made in answer to those.
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
