#include "load/service_scene.h"

#include <glog/logging.h>
#include <rte_cycles.h>

#include <cstring>
#include <memory>

#include "podwarp/net/checksum.h"
#include "podwarp/net/ip_prefix.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/packet.h"
#include "support/replay_port.h"

namespace podwarp::test {
namespace {

constexpr size_t kFrameBytes = 64;
constexpr uint32_t kClientPorts = 32768;  // of each client, from 1024 on
constexpr uint16_t kServicePort = 80;
constexpr uint16_t kBackendPort = 8080;

const MacAddress kVirtualMac({2, 0, 0, 0, 0, 1});
const MacAddress kHostMac({2, 0, 0, 0, 0, 2});
const MacAddress kNodeMac({2, 0, 0, 0, 0, 3});

Ipv4Address Client(uint32_t flow) {
  return Ipv4Address(Ipv4Address(10, 64, 0, 1).value() + flow / kClientPorts);
}
Ipv4Address Backend(uint32_t service, uint32_t number) {
  return Ipv4Address(10, 1, static_cast<uint8_t>(service), static_cast<uint8_t>(number));
}

void WriteFrame(rte_mbuf* buffer, const FlowKey& key) {
  static const Packet udp =
      (Ethernet(kVirtualMac, kHostMac) / Ipv4(Client(0), Client(0)) / Udp(1, 2) / Payload(18))
          .PadTo(kFrameBytes);
  std::memcpy(rte_pktmbuf_mtod(buffer, void*), udp.bytes().data(), kFrameBytes);
  auto* ip = rte_pktmbuf_mtod_offset(buffer, Ipv4Header*, kEthernetHeaderBytes);
  ip->source = key.source;
  ip->destination = key.destination;
  ip->checksum = Be16(0);
  ip->checksum = InternetChecksum(ip, sizeof(*ip));
  auto* header = reinterpret_cast<UdpHeader*>(ip + 1);
  header->source_port = key.source_port;
  header->destination_port = key.destination_port;
  buffer->ol_flags = 0;
}

}  // namespace

ServiceScene::ServiceScene(uint32_t capacity)
    : tables(/*workers=*/1, /*adjacency_capacity=*/64, capacity),
      context_{.worker = 0,
               .tables = tables,
               .counters = counters,
               .events = events_,
               .pool = TestPool(),
               .limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()}} {
  host = AddPort({.name = "host", .role = PortRole::kHost, .router_mac = kVirtualMac});
  uplink = AddPort({.name = "uplink", .role = PortRole::kUplink, .router_mac = kVirtualMac});
  Pod kernel;
  kernel.name = "host";
  kernel.mac = kHostMac;
  kernel.addresses = {Client(0)};
  kernel.is_host = true;
  tables.pods.Set(host, std::move(kernel));
  Route("10.64.0.0/10", host, NextHopKind::kHost, kHostMac);
  Route("10.1.0.0/16", uplink, NextHopKind::kNode, kNodeMac);
  NodeSettings settings;
  settings.services = Route("10.96.0.0/24", kNoPort, NextHopKind::kService, MacAddress());
  tables.SetSettings(settings);
  for (uint32_t i = 0; i < kServices; ++i) SetService(i);
  for (rte_mbuf*& buffer : buffers_) {
    buffer = rte_pktmbuf_alloc(TestPool());
    CHECK(buffer != nullptr);
    rte_pktmbuf_append(buffer, kFrameBytes);
  }
}

ServiceScene::~ServiceScene() {
  for (rte_mbuf* buffer : buffers_) {
    rte_mbuf_refcnt_set(buffer, 1);
    rte_pktmbuf_free(buffer);
  }
}

FlowKey ServiceScene::CallOf(uint32_t flow) {
  FlowKey key;
  key.source = Client(flow);
  key.destination = Ipv4Address(10, 96, 0, static_cast<uint8_t>(flow % kServices));
  key.source_port = Be16(static_cast<uint16_t>(1024 + flow % kClientPorts));
  key.destination_port = Be16(kServicePort);
  key.protocol = kIpProtocolUdp;
  return key;
}

FlowKey ServiceScene::PlainCallOf(uint32_t flow) {
  FlowKey key = CallOf(flow);
  key.destination = Backend(flow % kServices, flow / kServices % kBackends);
  key.destination_port = Be16(kBackendPort);
  return key;
}

FlowKey ServiceScene::AnswerTo(uint32_t flow) {
  const FlowKey call = CallOf(flow);
  const Connection* connection = tables.connections.Lookup(call).connection;
  return connection == nullptr ? call : connection->translated.Reversed();
}

uint64_t ServiceScene::Round(PortId port, const std::array<FlowKey, kBurstFrames>& keys) {
  auto* replay = static_cast<ReplayPort*>(tables.ports.Get(port));
  replay->next.clear();
  for (const FlowKey& key : keys) {
    rte_mbuf* buffer = buffers_[next_buffer_++ % kBuffers];
    WriteFrame(buffer, key);
    // A second user, so that a frame that is dropped is still there.
    rte_mbuf_refcnt_set(buffer, 2);
    replay->next.push_back(buffer);
  }
  const uint64_t start = rte_rdtsc_precise();
  pipeline_.BeginRound(start);
  CHECK_EQ(pipeline_.Process(port, 0), kBurstFrames);
  pipeline_.Flush();
  return rte_rdtsc_precise() - start;
}

PortId ServiceScene::AddPort(const PortSettings& settings) {
  return *tables.ports.Add(std::make_unique<ReplayPort>(settings));
}

AdjacencyIndex ServiceScene::Route(const char* prefix, PortId port, NextHopKind kind,
                                   MacAddress mac) {
  Adjacency adjacency;
  adjacency.destination = mac;
  adjacency.source = kVirtualMac;
  adjacency.port = port;
  adjacency.mtu_bytes = 1500;
  adjacency.kind = kind;
  const AdjacencyIndex index = *tables.adjacencies.Add(adjacency);
  CHECK(tables.routes.Set(*Ipv4Prefix::Parse(prefix), index).ok());
  return index;
}

void ServiceScene::SetService(uint32_t number) {
  ServiceTable::ServiceSpec spec;
  spec.name = "default/bench";
  const FlowKey call = CallOf(number);
  spec.endpoint = {
      .address = call.destination, .port = call.destination_port, .protocol = call.protocol};
  for (uint32_t i = 0; i < kBackends; ++i) {
    spec.backends.push_back({Backend(number, i), Be16(kBackendPort)});
  }
  CHECK(tables.services.Set(spec).ok());
}

}  // namespace podwarp::test
