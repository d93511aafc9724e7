// The whole way of a frame, top to bottom:
//
//   receive -> Classify -+-> ARP   AnswerArp: in place, back out of the same port
//                        +-> IPv4  GuardSource -> Route -> Rewrite -+-> Transmit
//                                                                   +-> HandleException, then again
//
// Nearly every frame takes the middle line, as one of a burst. What podwarp makes in answer to an
// exception (an ICMP error, an echo reply) is routed like any frame, but can raise no exception of
// its own.
#include "podwarp/dataplane/pipeline.h"

#include "dataplane/drop.h"
#include "dataplane/stages.h"

namespace podwarp {
namespace {

void CountReceived(WorkerContext& context, const Burst& burst) {
  uint64_t bytes = 0;
  for (uint16_t i = 0; i < burst.count; ++i) bytes += rte_pktmbuf_pkt_len(burst.frames[i]);
  PortCounters& counters = context.counters.ports[burst.ingress.id];
  counters.received_frames.Add(burst.count);
  counters.received_bytes.Add(bytes);
}

void DropAll(WorkerContext& context, const Burst& burst, DropReason reason) {
  for (uint16_t i = 0; i < burst.count; ++i) Drop(context, kNoPort, burst.frames[i], reason);
}

// The end of the way for frames that may raise no (further) exception.
void ForwardPlainly(WorkerContext& context, Burst& burst) {
  Burst exceptions(burst.ingress);
  Rewrite(context, burst, exceptions);
  Transmit(context, burst);
  DropAll(context, exceptions, DropReason::kNoRoute);
  burst.count = 0;
}

void ForwardExceptions(WorkerContext& context, const Burst& exceptions) {
  Burst again(exceptions.ingress);
  Burst made{Ingress{}};
  for (uint16_t i = 0; i < exceptions.count; ++i) {
    HandleException(context, exceptions, i, again, made);
    if (again.count > kBurstFrames - kMaxFragments) ForwardPlainly(context, again);
  }
  if (again.count > 0) ForwardPlainly(context, again);
  if (made.count > 0) {
    Route(context, made);
    ForwardPlainly(context, made);
  }
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
  CountReceived(context_, burst);

  Burst arp(burst.ingress);
  Classify(context_, burst, arp);
  if (arp.count > 0) {
    AnswerArp(context_, arp);
    TransmitTo(context_, id, arp);
  }

  Burst exceptions(burst.ingress);
  GuardSource(context_, burst);
  Route(context_, burst);
  Rewrite(context_, burst, exceptions);
  Transmit(context_, burst);
  if (exceptions.count > 0) ForwardExceptions(context_, exceptions);
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
