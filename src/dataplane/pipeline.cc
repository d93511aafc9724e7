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
  context.observation.Enter(Stage::kRewrite, burst);
  RewriteAdmitted(context, burst);
  context.observation.Enter(Stage::kTransmit, burst);
  Transmit(context, burst);
  burst.count = 0;
}

void ForwardExceptions(WorkerContext& context, const Burst& exceptions, Burst& made) {
  Burst again(exceptions.ingress);
  context.observation.Enter(Stage::kHandleException, exceptions);
  for (uint16_t i = 0; i < exceptions.count; ++i) {
    HandleException(context, exceptions, i, again, made);
    if (again.count > kBurstFrames - kMaxFragments) {
      ForwardAdmitted(context, again);
      context.observation.Enter(Stage::kHandleException, again);  // back to it
    }
  }
  ForwardAdmitted(context, again);
}

void SendOn(WorkerContext& context, Burst& burst, Burst& made) {
  Burst exceptions(burst.ingress);
  context.observation.Enter(Stage::kRewrite, burst);
  Rewrite(context, burst, exceptions);
  context.observation.Enter(Stage::kTransmit, burst);
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
  context.observation.Enter(Stage::kRoute, burst);
  Route(context, burst);
  context.observation.Enter(Stage::kTranslateService, burst);
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
  context_.observation.BeforeReceive();
  burst.count = port->Receive(queue, burst.frames, kBurstFrames);
  const uint16_t received = burst.count;
  if (received > 0) ProcessReceived(burst);
  return received;
}

void Pipeline::ProcessReceived(Burst& burst) {
  const PortId id = burst.ingress.id;
  const uint16_t received = burst.count;
  Observation& observation = context_.observation;
  observation.Received(burst);

  Burst arp(burst.ingress);
  observation.Enter(Stage::kClassify, burst);
  Classify(context_, burst, arp);
  PortCounters& counters = context_.counters.ports[id];
  counters.received_frames.Add(received);
  counters.received_bytes.Add(burst.traits.bytes);
  if (arp.count > 0) {
    observation.Enter(Stage::kAnswerArp, arp);
    AnswerArp(context_, arp);
    observation.Enter(Stage::kTransmit, arp);
    TransmitTo(context_, id, arp);
  }

  observation.Enter(Stage::kGuardSource, burst);
  GuardSource(context_, burst);
  Forward(context_, burst);
  observation.EndBurst();
}

void Pipeline::Send(PortId port, rte_mbuf* frame) {
  context_.counters.originated.Add(1);
  Burst burst{Ingress{}};
  burst.Add(frame);
  context_.observation.Enter(Stage::kTransmit, burst);
  TransmitTo(context_, port, burst);
}

void Pipeline::Flush() {
  FlushTransmitBuffers(context_);
  context_.observation.EndRound();
}

void Pipeline::Rehearse(uint64_t now, PortId id, rte_mbuf* frame, const Observers* observers) {
  BeginRound(now, observers);
  Burst burst(
      {.id = id, .port = context_.tables.ports.Get(id), .pod = context_.tables.pods.Get(id)});
  burst.Add(frame);
  context_.observation.BeforeReceive();
  ProcessReceived(burst);
  Flush();
}

}  // namespace podwarp
