// One node as pipeline tests see it, and the rows that they are written in:
//
//   {"what the row says", port in, frame in, Sends(port out, frame out)}
//   {"what the row says", port in, frame in, Drops(DropReason::kTtlExpired).AndSends(...)}
//   {"what the row says", port in, frame in, Consumes().AndTells(kind, port, address, mac)}
//
// A row says all that comes of its frame: whatever else is sent, dropped or told fails the test. So
// does a frame that is not accounted for, and a buffer that is not free afterwards.
//
// With PODWARP_OBSERVED set in the environment every frame is traced and captured, and what traces
// and captures say must be what has happened.
//
//        pod_a 10.244.1.10   pod_b 10.244.1.11, .12    vacant      host 169.254.20.1
//             |                   |  and VIPs            |            |  192.168.50.1, .60.1
//   ----------+-------------------+----------------------+------------+--- gateway 10.244.1.1
//             | uplink 192.168.50.1                      | trunk 192.168.60.1, VLAN 100,
//             |                                          |   answers there for its pods
//   192.168.50.2    node b, 10.244.2.0/24           192.168.60.2  node c, 10.244.3.0/24
//   192.168.50.4    node d, 10.244.4.0/24, hasn't answered yet
//   192.168.50.77   a host that answered, 192.168.50.254 the router
#pragma once

#include <gtest/gtest.h>

#include <bitset>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "podwarp/dataplane/pipeline.h"
#include "support/literals.h"
#include "support/mbuf.h"
#include "support/memory_port.h"
#include "support/packet.h"

namespace podwarp::test {

// Ports, in the order in which the node opens them.
inline constexpr PortId kPodA = 0, kPodB = 1, kVacant = 2, kHost = 3, kUplink = 4, kTrunk = 5;
inline constexpr uint16_t kTrunkVlan = 100;

inline const MacAddress kGatewayMac = "02:00:00:00:00:fe"_mac,
                        kVirtualMac = "02:00:00:00:01:00"_mac, kMacA = "02:00:00:00:0a:0a"_mac,
                        kMacB = "02:00:00:00:0b:0b"_mac, kHostMac = "02:00:00:00:00:44"_mac,
                        kNodeBMac = "02:00:00:00:02:00"_mac, kNodeCMac = "02:00:00:00:03:00"_mac,
                        kNodeDMac = "02:00:00:00:04:00"_mac, kRouterMac = "00:00:5e:00:01:0a"_mac,
                        kHost77Mac = "02:00:00:00:77:77"_mac,
                        kStrangerMac = "02:00:00:00:66:66"_mac;

inline const Ipv4Address kGatewayIp = "10.244.1.1"_ip, kReservedIp = "10.244.1.2"_ip,
                         kIpA = "10.244.1.10"_ip, kIpB = "10.244.1.11"_ip,
                         kSecondIpB = "10.244.1.12"_ip,  // pod_b's other address
    kVipB = "10.244.1.200"_ip,                           // in pod_b's allowed prefix
    kUnownedIp = "10.244.1.99"_ip, kServiceIp = "10.96.0.10"_ip,
                         kRemoteIp = "10.244.2.10"_ip,  // on node b
    kTrunkRemoteIp = "10.244.3.10"_ip,                  // on node c
    kUnresolvedIp = "10.244.4.10"_ip,                   // on node d
    kHostIp = "169.254.20.1"_ip, kUnderlayIp = "192.168.50.1"_ip,
                         kTrunkUnderlayIp = "192.168.60.1"_ip, kNodeBIp = "192.168.50.2"_ip,
                         kNodeCIp = "192.168.60.2"_ip, kNodeDIp = "192.168.50.4"_ip,
                         kHost77Ip = "192.168.50.77"_ip, kRouterIp = "192.168.50.254"_ip,
                         kOnLinkIp = "192.168.50.88"_ip,  // nobody has asked for it
    kOutsideIp = "203.0.113.5"_ip;                        // no route

// A frame as a port delivers it.
struct Input {
  Input(Packet bytes, MbufOptions how = {}, uint64_t mbuf_flags = 0)  // NOLINT: a packet is one
      : packet(std::move(bytes)), options(std::move(how)), flags(mbuf_flags) {}

  Packet packet;
  MbufOptions options;
  uint64_t flags;  // added to mbuf::ol_flags
};

// The frame's tag lies in the mbuf's metadata.
inline Input Stripped(Packet packet) { return Input(std::move(packet), {.strip_vlan = true}); }

struct Outcome {
  std::vector<std::pair<PortId, Packet>> sent;  // by port in ascending order
  std::vector<DropReason> dropped;              // in the order of the enum
  uint64_t consumed = 0;
  std::vector<Event> told;

  Outcome AndSends(PortId port, Packet packet) &&;
  Outcome AndTells(EventKind kind, PortId port, Ipv4Address address, MacAddress mac) &&;
};
Outcome Sends(PortId port, Packet packet);
Outcome Drops(DropReason reason);
Outcome Consumes();
// The frame lives on in others: cut, or copied for a port that takes one mbuf at a time.
inline Outcome Gathered() { return Consumes(); }

struct Row {
  std::string says;
  PortId in;
  Input frame;
  Outcome out;
};

// What really came of some frames.
struct Result {
  std::vector<std::pair<PortId, TransmittedFrame>> sent;
  std::vector<DropReason> dropped;
  uint64_t consumed = 0;
  uint64_t originated = 0;
  std::vector<Event> told;
};

class TestNode {
 public:
  explicit TestNode(uint32_t connections = Tables::kFewConnections);
  TestNode(const TestNode&) = delete;
  TestNode& operator=(const TestNode&) = delete;

  // One round over these frames of one port. Fails the test if a frame is not accounted for, or a
  // buffer not free afterwards.
  Result Run(PortId port, const std::vector<Input>& frames);
  // The same for a frame that the control thread made.
  Result Send(PortId port, const Packet& frame);

  MemoryPort& port(PortId id) { return static_cast<MemoryPort&>(*tables.ports.Get(id)); }
  PortId AddPort(PortSettings settings, PortCapabilities capabilities = {},
                 std::optional<Pod> pod = std::nullopt);
  // A port and its pod with this MAC and address, routed.
  PortId AddPod(const std::string& name, MacAddress mac, Ipv4Address address,
                PortCapabilities capabilities = {}, uint16_t mtu_bytes = 1500);
  AdjacencyIndex AddRoute(const Ipv4Prefix& prefix, const Adjacency& adjacency);
  void RemoveRoute(const Ipv4Prefix& prefix);
  void Publish(const NodeSettings& changed) { tables.SetSettings(settings = changed); }
  void SetPromiscuousArp(bool promiscuous);

  Tables tables;
  EventRing events{kEventRingSize};
  WorkerCounters counters;
  WorkerContext context;
  Pipeline pipeline{&context};
  NodeSettings settings;

 private:
  void OpenPorts();
  void PublishOwners();
  Result Round(const std::function<void()>& work);
  // Of a round over frames that were received.
  void CheckObserved(const Result& result, size_t received);

  // nullptr: nobody watches.
  std::shared_ptr<TraceSession> trace_;
  std::shared_ptr<CaptureSession> capture_;
};

class NodeTest : public testing::Test {
 protected:
  explicit NodeTest(uint32_t connections = Tables::kFewConnections) : node(connections) {}

  // Each row in a round of its own, on the node as it is then.
  void Check(const std::vector<Row>& rows);

  TestNode node;
};

// What any Run() of this program has dropped a frame for.
std::bitset<kDropReasons>& SeenDropReasons();

}  // namespace podwarp::test
