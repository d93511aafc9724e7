// A node without devices whose kernel has very many clients, services with backends on another
// node, and a worker's pipeline over all that: for measuring services.
//
// Thread rule: one thread calls Round(), the worker; Tables' own rules hold for the rest.
#pragma once

#include <array>
#include <cstdint>

#include "podwarp/dataplane/pipeline.h"
#include "podwarp/net/flow_key.h"

namespace podwarp::test {

class ServiceScene {
 public:
  static constexpr uint32_t kServices = 64;
  static constexpr uint32_t kBackends = 16;  // of each
  static constexpr uint32_t kMaxFlows = uint32_t{1} << 30;

  // `capacity`: of the connection table.
  explicit ServiceScene(uint32_t capacity);
  ~ServiceScene();
  ServiceScene(const ServiceScene&) = delete;
  ServiceScene& operator=(const ServiceScene&) = delete;

  // What flow number `flow` sends to its service: UDP of the node's kernel.
  static FlowKey CallOf(uint32_t flow);
  // The same to a backend that the client has chosen itself: no service has to do with it.
  static FlowKey PlainCallOf(uint32_t flow);
  // What comes back from the backend. REQUIRES: the flow has its connection; else it is its call.
  FlowKey AnswerTo(uint32_t flow);

  // A round over a burst of 64-byte frames with these keys, in by `port`. Returns its TSC cycles,
  // without what it took to make the frames.
  uint64_t Round(PortId port, const std::array<FlowKey, kBurstFrames>& keys);

  Tables tables;
  WorkerCounters counters;
  PortId host = kNoPort;    // calls come in here, and answers leave
  PortId uplink = kNoPort;  // and here the other way round

 private:
  static constexpr uint16_t kBuffers = 1024;

  PortId AddPort(const PortSettings& settings);
  AdjacencyIndex Route(const char* prefix, PortId port, NextHopKind kind, MacAddress mac);
  void SetService(uint32_t number);

  size_t next_buffer_ = 0;
  std::array<rte_mbuf*, kBuffers> buffers_;
  EventRing events_{kEventRingSize};
  WorkerContext context_;
  Pipeline pipeline_{&context_};
};

}  // namespace podwarp::test
