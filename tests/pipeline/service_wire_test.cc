// Services for callers on the wire: by external addresses and by ports of the node's own.
//
//   203.0.113.10   tcp/80, udp/53, of pods on both nodes, by the number at the end
//   node ports     tcp/30080 (pod_b), tcp/30081 (node b), tcp/30082 (the kernel of the node)
#include <set>

#include "control/connection_expiry.h"
#include "pipeline/service_rows.h"
#include "podwarp/dataplane/frame.h"
#include "support/eal.h"

namespace podwarp::test {
namespace {

const Ipv4Address kExternal = "203.0.113.10"_ip;
constexpr uint16_t kAtB = 30080, kAtNodeB = 30081, kAtHost = 30082;

template <typename Transport>
Packet FromTo(MacAddress to, MacAddress from, const Ipv4& ip, const Transport& transport,
              size_t bytes = 21) {
  return Ethernet(to, from) / ip / transport / Payload(bytes);
}
// By the router, as everything from outside.
template <typename Transport>
Packet FromOutside(const Ipv4& ip, const Transport& transport, size_t bytes = 21) {
  return FromTo(kVirtualMac, kRouterMac, ip, transport, bytes);
}
template <typename Transport>
Packet ToOutside(const Ipv4& ip, const Transport& transport, size_t bytes = 21) {
  return FromTo(kRouterMac, kVirtualMac, ip, transport, bytes);
}

class ServiceWire : public ServiceTest {
 protected:
  explicit ServiceWire(uint32_t connection_capacity = Tables::kFewConnections)
      : ServiceTest(connection_capacity) {
    NodeSettings changed = node.settings;
    changed.external_services =
        node.AddRoute(Ipv4Prefix::Host(kExternal), {.kind = NextHopKind::kExternalService});
    changed.node = node.tables.routes.Find(Ipv4Prefix::Host(kUnderlayIp));
    changed.node_address = kUnderlayIp;
    node.Publish(changed);
    // In the table all that leads to the host has one adjacency, as AddressOwners has it.
    for (const Ipv4Address own : {kHostIp, kTrunkUnderlayIp}) {
      CHECK(node.tables.routes.Set(Ipv4Prefix::Host(own), changed.node).ok());
    }
    Serve(kUnderlayIp, kIpProtocolTcp, kAtB, {Backend(kIpB)});
    Serve(kUnderlayIp, kIpProtocolTcp, kAtNodeB, {Backend(kRemoteIp)});
    Serve(kUnderlayIp, kIpProtocolTcp, kAtHost, {Backend(kUnderlayIp)});
    Serve(kExternal, kIpProtocolTcp, 80, {Backend(kIpB)});
    Serve(kExternal, kIpProtocolUdp, 53, {Backend(kRemoteIp)});
  }

  static ServiceTable::BackendSpec Backend(Ipv4Address address, bool is_local = false) {
    ServiceTable::BackendSpec backend;
    backend.address = address;
    backend.port = Be16(8080);
    backend.is_local = is_local;
    return backend;
  }

  void Serve(Ipv4Address address, uint8_t protocol, uint16_t port, const BackendSpecs& backends,
             BackendScope outside = BackendScope::kAll,
             const std::vector<Ipv4Prefix>& source_ranges = {},
             BackendScope inside = BackendScope::kAll) {
    ServiceTable::ServiceSpec spec;
    spec.name = "default/wire";
    spec.endpoint = {.address = address, .port = Be16(port), .protocol = protocol};
    spec.backends = backends;
    spec.inside = inside;
    spec.outside = outside;
    spec.source_ranges = source_ranges;
    CHECK(node.tables.services.Set(spec).ok());
  }

  // The port that the node calls from in the place of kOutsideIp, as the wire shows it.
  uint16_t PortOfNode(const Packet& call) {
    const Result result = node.Run(kUplink, {call});
    EXPECT_EQ(result.sent.size(), 1u);
    if (result.sent.size() != 1) return 0;
    const Bytes& bytes = result.sent[0].second.packet.bytes();
    return static_cast<uint16_t>(bytes[34] << 8 | bytes[35]);
  }
};

TEST_F(ServiceWire, NodePortWithItsBackendHere) {
  Check({
      {"the backend sees who calls", kUplink,
       FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(5000, kAtB, Tcp::kSyn), 0),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kOutsideIp, kIpB).Ttl(63),
                           Tcp(5000, 8080, Tcp::kSyn), 0))},
      {"its answer leaves by the router, not by the host", kPodB,
       FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kOutsideIp), Tcp(8080, 5000)),
       Sends(kUplink, ToOutside(Ipv4(kUnderlayIp, kOutsideIp).Ttl(63), Tcp(kAtB, 5000)))},
      {"what nobody called for doesn't", kPodB,
       FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kOutsideIp), Tcp(8080, 5001)),
       Sends(kHost,
             FromTo(kHostMac, kGatewayMac, Ipv4(kIpB, kOutsideIp).Ttl(63), Tcp(8080, 5001)))},
      {"a caller on the segment is answered there", kUplink,
       FromTo(kVirtualMac, kHost77Mac, Ipv4(kHost77Ip, kUnderlayIp), Tcp(5000, kAtB)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kHost77Ip, kIpB).Ttl(63), Tcp(5000, 8080)))},
      {"directly", kPodB, FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kHost77Ip), Tcp(8080, 5000)),
       Sends(kUplink, FromTo(kHost77Mac, kVirtualMac, Ipv4(kUnderlayIp, kHost77Ip).Ttl(63),
                             Tcp(kAtB, 5000)))},
  });
  EXPECT_EQ(connections(), 2u);
}

TEST_F(ServiceWire, NodePortWithItsBackendOnAnotherNode) {
  const Packet call = FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(5000, kAtNodeB));
  const uint16_t port = PortOfNode(call);
  EXPECT_GE(port, 1024) << "no well-known one,";
  EXPECT_LT(port, 32768) << "and none that Linux calls from";
  Check({
      {"in the node's name, by the uplink it came from", kUplink, call,
       Sends(kUplink, FromTo(kNodeBMac, kVirtualMac, Ipv4(kUnderlayIp, kRemoteIp).Ttl(63),
                             Tcp(port, 8080)))},
      {"and back", kUplink,
       FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kUnderlayIp), Tcp(8080, port)),
       Sends(kUplink, ToOutside(Ipv4(kUnderlayIp, kOutsideIp).Ttl(63), Tcp(kAtNodeB, 5000)))},
      {"other ports are the kernel's", kUplink,
       FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kUnderlayIp), Tcp(8080, port + 1)),
       Sends(kHost, FromTo(kHostMac, kGatewayMac, Ipv4(kRemoteIp, kUnderlayIp).Ttl(63),
                           Tcp(8080, port + 1)))},
  });
  EXPECT_EQ(connections(), 1u);
}

TEST_F(ServiceWire, CallersOfOneBackendGetPortsOfTheirOwn) {
  std::set<uint16_t> ports;
  for (uint16_t caller = 1; caller <= 400; ++caller) {
    ports.insert(PortOfNode(FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(caller, kAtNodeB))));
  }
  EXPECT_EQ(ports.size(), 400u);
}

// As all callers of some protocols have.
TEST_F(ServiceWire, CallersWithOneSourcePortAreNotInEachOthersWay) {
  std::set<uint16_t> ports;
  for (uint32_t caller = 1; caller <= 400; ++caller) {
    const Ipv4 call(Ipv4Address(kOutsideIp.value() + (caller << 8)), kUnderlayIp);
    ports.insert(PortOfNode(FromOutside(call, Tcp(500, kAtNodeB))));
  }
  EXPECT_EQ(ports.size(), 400u);
}

class CrowdedServiceWire : public ServiceWire {
 protected:
  CrowdedServiceWire() : ServiceWire(uint32_t{1} << 16) {}
};

TEST_F(CrowdedServiceWire, PortsTowardOneBackendRunOut) {
  bool ran_out = false;
  uint32_t callers = 0;
  for (; callers < 32'768 && !ran_out; ++callers) {
    const Ipv4 call(Ipv4Address(kOutsideIp.value() + (callers >> 14 << 8)), kUnderlayIp);
    const auto port = static_cast<uint16_t>(1 + callers % 16'384);
    const Result result = node.Run(kUplink, {FromOutside(call, Tcp(port, kAtNodeB))});
    ran_out = result.dropped == std::vector{DropReason::kServiceSourcePorts};
    EXPECT_TRUE(ran_out || result.sent.size() == 1);
  }
  EXPECT_TRUE(ran_out);
  EXPECT_GT(callers, 10'000u) << "of 31,744 ports";
}

TEST_F(ServiceWire, BackendOfTheHostNetworkSeesWhoCalls) {
  Check({
      {"there", kUplink, FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(5000, kAtHost)),
       Sends(kHost, FromTo(kHostMac, kGatewayMac, Ipv4(kOutsideIp, kUnderlayIp).Ttl(63),
                           Tcp(5000, 8080)))},
      {"and back", kHost,
       FromTo(kGatewayMac, kHostMac, Ipv4(kUnderlayIp, kOutsideIp), Tcp(8080, 5000)),
       Sends(kUplink, ToOutside(Ipv4(kUnderlayIp, kOutsideIp).Ttl(63), Tcp(kAtHost, 5000)))},
  });
}

TEST_F(ServiceWire, ThePortsThatNoServiceHasAreTheKernels) {
  for (const uint8_t flags : {Tcp::kSyn, Tcp::kRst}) {
    Check({{"SSH, or a reset of it", kUplink,
            FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(5000, 22, flags), 0),
            Sends(kHost, FromTo(kHostMac, kGatewayMac, Ipv4(kOutsideIp, kUnderlayIp).Ttl(63),
                                Tcp(5000, 22, flags), 0))}});
  }
  Check({{"UDP to a node port of TCP", kUplink,
          FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Udp(5000, kAtB)),
          Sends(kHost, FromTo(kHostMac, kGatewayMac, Ipv4(kOutsideIp, kUnderlayIp).Ttl(63),
                              Udp(5000, kAtB)))},
         {"a later fragment of nobody's", kUplink,
          FromOutside(Ipv4(kOutsideIp, kUnderlayIp).FragmentOffset(8), Payload(16)),
          Sends(kHost,
                FromTo(kHostMac, kGatewayMac,
                       Ipv4(kOutsideIp, kUnderlayIp).FragmentOffset(8).Ttl(63), Payload(16)))}});
  EXPECT_EQ(connections(), 0u);
}

TEST_F(ServiceWire, PodsReachNodePortsAndExternalAddresses) {
  Check({
      {"a port of their own node", kPodA,
       FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kUnderlayIp), Tcp(5000, kAtNodeB)),
       Sends(kUplink,
             FromTo(kNodeBMac, kVirtualMac, Ipv4(kIpA, kRemoteIp).Ttl(63), Tcp(5000, 8080)))},
      {"and back", kUplink, FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kIpA), Tcp(8080, 5000)),
       Sends(kPodA,
             FromTo(kMacA, kGatewayMac, Ipv4(kUnderlayIp, kIpA).Ttl(63), Tcp(kAtNodeB, 5000)))},
      {"an external address", kPodA,
       FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kExternal), Tcp(5000, 80)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63), Tcp(5000, 8080)))},
      {"a pod of another node is somebody on the wire", kUplink,
       FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kUnderlayIp), Tcp(5000, kAtB)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kRemoteIp, kIpB).Ttl(63), Tcp(5000, 8080)))},
      {"who is answered", kPodB, FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kRemoteIp), Tcp(8080, 5000)),
       Sends(kUplink, FromTo(kNodeBMac, kVirtualMac, Ipv4(kUnderlayIp, kRemoteIp).Ttl(63),
                             Tcp(kAtB, 5000)))},
  });
}

TEST_F(ServiceWire, ExternalAddress) {
  const Packet call = FromOutside(Ipv4(kOutsideIp, kExternal), Udp(5000, 53));
  const uint16_t port = PortOfNode(call);
  Check({
      {"a backend here", kUplink, FromOutside(Ipv4(kOutsideIp, kExternal), Tcp(5000, 80)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kOutsideIp, kIpB).Ttl(63), Tcp(5000, 8080)))},
      {"answers", kPodB, FromTo(kGatewayMac, kMacB, Ipv4(kIpB, kOutsideIp), Tcp(8080, 5000)),
       Sends(kUplink, ToOutside(Ipv4(kExternal, kOutsideIp).Ttl(63), Tcp(80, 5000)))},
      {"one elsewhere", kUplink, call,
       Sends(kUplink, FromTo(kNodeBMac, kVirtualMac, Ipv4(kUnderlayIp, kRemoteIp).Ttl(63),
                             Udp(port, 8080)))},
      {"answers too", kUplink,
       FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kUnderlayIp), Udp(8080, port)),
       Sends(kUplink, ToOutside(Ipv4(kExternal, kOutsideIp).Ttl(63), Udp(53, 5000)))},
      {"no port of it", kUplink,
       FromOutside(Ipv4(kOutsideIp, kExternal), Tcp(5000, 81).Sequence(7)),
       Drops(DropReason::kServiceNoPort)
           .AndSends(kUplink, ToOutside(Ipv4(kExternal, kOutsideIp).DontFragment(),
                                        Tcp(81, 5000, Tcp::kRst).Window(0), 0))},
      {"cluster addresses are for each node's own pods", kUplink,
       FromOutside(Ipv4(kOutsideIp, kLocalService), Tcp(5000, 80)),
       Drops(DropReason::kServiceFromUplink)},
      {"ping", kUplink,
       Ethernet(kVirtualMac, kRouterMac) / Ipv4(kOutsideIp, kExternal) / Icmp::Echo(1, 2),
       Sends(kUplink, Ethernet(kRouterMac, kVirtualMac) / Ipv4(kExternal, kOutsideIp) /
                          Icmp::EchoReply(1, 2))},
  });
}

TEST_F(ServiceWire, SourceRangesAreForTheWire) {
  Serve(kExternal, kIpProtocolTcp, 80, {Backend(kIpB)}, BackendScope::kAll,
        {"198.51.100.0/24"_prefix, "203.0.113.4/30"_prefix});
  Check({
      {"inside", kUplink, FromOutside(Ipv4(kOutsideIp, kExternal), Tcp(5000, 80)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kOutsideIp, kIpB).Ttl(63), Tcp(5000, 8080)))},
      {"outside: in silence", kUplink,
       FromOutside(Ipv4("203.0.113.8"_ip, kExternal), Tcp(5000, 80)),
       Drops(DropReason::kServiceSourceRange)},
      {"a pod of this node isn't asked", kPodA,
       FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kExternal), Tcp(5000, 80)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63), Tcp(5000, 8080)))},
  });
}

TEST_F(ServiceWire, ExternalTrafficToThisNodeOnly) {
  Serve(kExternal, kIpProtocolTcp, 80, {Backend(kIpB, /*is_local=*/true), Backend(kRemoteIp)},
        BackendScope::kLocal);
  for (uint16_t caller = 1; caller <= 50; ++caller) {
    Check({{"from the wire", kUplink, FromOutside(Ipv4(kOutsideIp, kExternal), Tcp(caller, 80)),
            Sends(kPodB,
                  FromTo(kMacB, kGatewayMac, Ipv4(kOutsideIp, kIpB).Ttl(63), Tcp(caller, 8080)))}});
  }
  std::set<PortId> ways;
  for (uint16_t caller = 1; caller <= 50; ++caller) {
    const Packet call = FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kExternal), Tcp(caller, 80));
    for (const auto& [port, frame] : node.Run(kPodA, {call}).sent) ways.insert(port);
  }
  EXPECT_EQ(ways, (std::set<PortId>{kPodB, kUplink})) << "pods may go to any backend";

  Serve(kExternal, kIpProtocolTcp, 80, {Backend(kRemoteIp)}, BackendScope::kLocal);
  Check({{"nobody here: who balances has to notice", kUplink,
          FromOutside(Ipv4("203.0.113.6"_ip, kExternal), Tcp(5000, 80)),
          Drops(DropReason::kServiceNoLocalBackend)}});
}

TEST_F(ServiceWire, InternalTrafficToThisNodeOnly) {
  Serve(kLocalService, kIpProtocolTcp, 80, {Backend(kIpB, true), Backend(kRemoteIp)},
        BackendScope::kNone, {}, BackendScope::kLocal);
  for (uint16_t caller = 1; caller <= 50; ++caller) {
    Check(
        {{"from a pod", kPodA,
          FromTo(kGatewayMac, kMacA, Ipv4(kIpA, kLocalService), Tcp(caller, 80)),
          Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kIpA, kIpB).Ttl(63), Tcp(caller, 8080)))}});
  }
  Serve(kLocalService, kIpProtocolTcp, 80, {Backend(kRemoteIp)}, BackendScope::kNone, {},
        BackendScope::kLocal);
  const Packet syn = Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kLocalService) /
                     Tcp(5000, 80, Tcp::kSyn).Sequence(1000);
  Check(
      {{"nobody here", kPodA, syn,
        Drops(DropReason::kServiceNoLocalBackend)
            .AndSends(kPodA,
                      AtA(Ipv4(kLocalService, kIpA).DontFragment(),
                          Tcp(80, 5000, Tcp::kRst | Tcp::kAck).Window(0).Acknowledgement(1001)))}});
}

TEST_F(ServiceWire, ANodeWithoutAnAddressCantCallForOthers) {
  NodeSettings changed = node.settings;
  changed.node_address = Ipv4Address();
  node.Publish(changed);
  Check({
      {"a backend elsewhere", kUplink, FromOutside(Ipv4(kOutsideIp, kExternal), Udp(5000, 53)),
       Drops(DropReason::kServiceNoNodeAddress)},
      {"one here needs none", kUplink, FromOutside(Ipv4(kOutsideIp, kExternal), Tcp(5000, 80)),
       Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kOutsideIp, kIpB).Ttl(63), Tcp(5000, 8080)))},
  });
}

TEST_F(ServiceWire, ACallerNobodyKnowsIsAskedForAtOnce) {
  Check({{"its answer will need it", kUplink,
          FromTo(kVirtualMac, kStrangerMac, Ipv4(kOnLinkIp, kUnderlayIp), Tcp(5000, kAtB)),
          Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(kOnLinkIp, kIpB).Ttl(63), Tcp(5000, 8080)))
              .AndTells(EventKind::kNeighborWanted, kUplink, kOnLinkIp, MacAddress())}});
}

TEST_F(ServiceWire, ErrorsFindTheirWayThroughBothTranslations) {
  const Packet call = FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(5000, kAtNodeB));
  const uint16_t port = PortOfNode(call);
  const Icmp needed = Icmp::FragmentationNeeded(1400);
  // As somebody between the nodes has seen the call, and somebody on the way to the caller the
  // answer.
  const Packet called = Ipv4(kUnderlayIp, kRemoteIp).Ttl(63) / Tcp(port, 8080) / Payload(21);
  const Packet answer = Ipv4(kUnderlayIp, kOutsideIp).Ttl(60) / Tcp(kAtNodeB, 5000) / Payload(21);
  const Ipv4Address between = "198.51.100.9"_ip;
  Check({
      {"about the call", kUplink,
       Ethernet(kVirtualMac, kRouterMac) / Ipv4(between, kUnderlayIp) / needed / called,
       Sends(kUplink,
             Ethernet(kRouterMac, kVirtualMac) / Ipv4(between, kOutsideIp).Ttl(63) / needed /
                 (Ipv4(kOutsideIp, kUnderlayIp).Ttl(63) / Tcp(5000, kAtNodeB) / Payload(21)))},
      {"about the answer", kUplink,
       Ethernet(kVirtualMac, kRouterMac) / Ipv4(between, kUnderlayIp) / needed / answer,
       Sends(kUplink, Ethernet(kNodeBMac, kVirtualMac) / Ipv4(between, kRemoteIp).Ttl(63) / needed /
                          (Ipv4(kRemoteIp, kUnderlayIp).Ttl(60) / Tcp(8080, port) / Payload(21)))},
  });
}

TEST_F(ServiceWire, TooLargeAnAnswerIsToldToTheBackend) {
  const Ipv4Address far = "203.0.113.77"_ip;
  node.AddRoute(Ipv4Prefix::Host(far), {.destination = kRouterMac,
                                        .source = kVirtualMac,
                                        .port = kUplink,
                                        .mtu_bytes = 600,
                                        .kind = NextHopKind::kNeighbor});
  const Packet large =
      FromTo(kGatewayMac, kMacB, Ipv4(kIpB, far).DontFragment(), Tcp(8080, 5000), 900);
  node.Run(kUplink, {FromOutside(Ipv4(far, kUnderlayIp), Tcp(5000, kAtB))});
  const Result result = node.Run(kPodB, {large});
  EXPECT_EQ(result.dropped, std::vector{DropReason::kMtuExceeded});
  ASSERT_EQ(result.sent.size(), 1u);
  EXPECT_EQ(result.sent[0].first, kPodB);
  const Packet& error = result.sent[0].second.packet;
  const Packet quoted = (Ipv4(kIpB, far).DontFragment() / Tcp(8080, 5000) / Payload(900));
  EXPECT_EQ(error.Skip(42).Truncate(28), quoted.Truncate(28)) << "its own packet, as it sent it";
}

TEST_F(ServiceWire, BackendThatIsGoneEndsTheCall) {
  const Packet call = FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(5000, kAtNodeB));
  node.Run(kUplink, {call});
  Serve(kUnderlayIp, kIpProtocolTcp, kAtNodeB, {Backend(kIpB)});
  Check({{"TCP is reset", kUplink, call,
          Drops(DropReason::kServiceBackendGone)
              .AndSends(kUplink, Ethernet(kRouterMac, kVirtualMac) /
                                     Ipv4(kUnderlayIp, kOutsideIp).DontFragment() /
                                     Tcp(kAtNodeB, 5000, Tcp::kRst).Window(0))}});
}

// A caller that only waits is asked, wherever it is: what it says then is reset.
TEST_F(ServiceWire, CallerThatOnlyWaitsIsAsked) {
  const Packet call = FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(5000, kAtNodeB));
  const uint16_t port = PortOfNode(call);
  node.Run(kUplink,
           {FromTo(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kUnderlayIp), Tcp(8080, port))});
  node.Run(kUplink, {FromOutside(Ipv4(kOutsideIp, kUnderlayIp), Tcp(5001, kAtNodeB))});
  Serve(kUnderlayIp, kIpProtocolTcp, kAtNodeB, {});
  std::vector<PortId> asked;
  const auto send = [&](PortId way, rte_mbuf* frame) {
    asked.push_back(way);
    EXPECT_EQ(EthernetOf(frame)->destination, kRouterMac);
    EXPECT_EQ(Ipv4Of(frame)->source, kUnderlayIp);
    EXPECT_EQ(Ipv4Of(frame)->destination, kOutsideIp);
    rte_pktmbuf_free(frame);
    return true;
  };
  constexpr uint64_t kHz = 1'000'000'000;
  ConnectionExpiry expiry({}, kHz, &node.tables, send, TestPool());
  for (int i = 0; i < 5; ++i) expiry.Tick(node.context.now);
  EXPECT_EQ(asked, std::vector{kUplink}) << "not who never had an answer";
  // Its answer may be lost, and Linux answers such questions twice a second at most.
  for (uint64_t seconds = 1; seconds < 10; ++seconds) {
    expiry.Tick(node.context.now + seconds * kHz * 11 / 10);
  }
  EXPECT_EQ(asked.size(), 3u);
}

// As a virtual machine does that migrates, with its address: it would answer past this node now.
TEST_F(ServiceWire, BackendThatMovesToAnotherNodeEndsTheCall) {
  Serve(kExternal, kIpProtocolUdp, 53, {Backend(kIpB)});
  const Packet datagram = FromOutside(Ipv4(kOutsideIp, kExternal), Udp(5000, 53));
  const Packet segment = FromOutside(Ipv4(kOutsideIp, kExternal), Tcp(5000, 80));
  node.Run(kUplink, {datagram, segment});
  const AdjacencyIndex node_b = node.tables.routes.Find(Ipv4Prefix::Host(kNodeBIp));
  ASSERT_TRUE(node.tables.routes.Set(Ipv4Prefix::Host(kIpB), node_b).ok());
  Wait(1);
  Check({{"TCP is reset", kUplink, segment,
          Drops(DropReason::kServiceBackendGone)
              .AndSends(kUplink, Ethernet(kRouterMac, kVirtualMac) /
                                     Ipv4(kExternal, kOutsideIp).DontFragment() /
                                     Tcp(80, 5000, Tcp::kRst).Window(0))}});
  const Result moved = node.Run(kUplink, {datagram});
  ASSERT_EQ(moved.sent.size(), 1u);
  const Bytes& bytes = moved.sent[0].second.packet.bytes();
  const auto port = static_cast<uint16_t>(bytes[34] << 8 | bytes[35]);
  EXPECT_EQ(moved.sent[0].second.packet,
            FromTo(kNodeBMac, kVirtualMac, Ipv4(kUnderlayIp, kIpB).Ttl(63), Udp(port, 8080)))
      << "UDP goes on in the node's name";
}

// Where it would be called from now on, were there no affinity.
TEST_F(ServiceWire, AffinityEndsWhereThePolicyDoes) {
  ServiceTable::ServiceSpec spec;
  spec.name = "default/wire";
  spec.endpoint = {.address = kExternal, .port = Be16(80), .protocol = kIpProtocolTcp};
  spec.backends = {Backend(kRemoteIp), Backend(kIpB, /*is_local=*/true)};
  spec.outside = BackendScope::kAll;
  spec.affinity_ticks = 1'000'000;
  ASSERT_TRUE(node.tables.services.Set(spec).ok());
  std::vector<Ipv4Address> at_node_b;  // whom the ring leads there
  for (uint32_t caller = 1; caller <= 40; ++caller) {
    const Ipv4Address address(kOutsideIp.value() + (caller << 8));
    const Result result = node.Run(kUplink, {FromOutside(Ipv4(address, kExternal), Tcp(1, 80))});
    ASSERT_EQ(result.sent.size(), 1u);
    if (result.sent[0].first == kUplink) at_node_b.push_back(address);
  }
  ASSERT_FALSE(at_node_b.empty());
  spec.outside = BackendScope::kLocal;
  ASSERT_TRUE(node.tables.services.Set(spec).ok());
  for (const Ipv4Address address : at_node_b) {
    Check({{"another connection", kUplink, FromOutside(Ipv4(address, kExternal), Tcp(2, 80)),
            Sends(kPodB, FromTo(kMacB, kGatewayMac, Ipv4(address, kIpB).Ttl(63), Tcp(2, 8080)))}});
  }
}

// A flood of them must not keep the kernel's own neighbours out.
TEST_F(ServiceWire, StrangersAreAskedForSoOftenOnly) {
  node.context.limits.neighbors = Rate(100, 3, 1'000'000'000);
  size_t asked = 0;
  for (uint32_t caller = 100; caller < 150; ++caller) {
    const Ipv4Address address(kUnderlayIp.value() + caller);
    asked +=
        node.Run(kUplink,
                 {FromTo(kVirtualMac, kStrangerMac, Ipv4(address, kUnderlayIp), Tcp(5000, kAtB))})
            .told.size();
  }
  EXPECT_EQ(asked, 3u);
}

// A moment ago it was a service's: refused, but not answered for.
TEST_F(ServiceWire, FormerExternalAddress) {
  NodeSettings changed = node.settings;
  changed.former_services =
      node.AddRoute(Ipv4Prefix::Host(kExternal), {.kind = NextHopKind::kService});
  node.Publish(changed);
  Serve(kExternal, kIpProtocolTcp, 80, {});
  const PortId announcing = node.AddPort({.name = "announcing",
                                          .role = PortRole::kUplink,
                                          .router_mac = kVirtualMac,
                                          .announce_services = true});
  const MacAddress everyone = MacAddress::Broadcast();
  Check({
      {"refused", kUplink,
       Ethernet(kVirtualMac, kRouterMac) / Ipv4(kOutsideIp, kExternal) /
           Tcp(5000, 80, Tcp::kSyn).Sequence(1000),
       Drops(DropReason::kServiceNoBackend)
           .AndSends(kUplink,
                     Ethernet(kRouterMac, kVirtualMac) /
                         Ipv4(kExternal, kOutsideIp).DontFragment() /
                         Tcp(80, 5000, Tcp::kRst | Tcp::kAck).Window(0).Acknowledgement(1001))},
      {"ARP for it", announcing,
       Ethernet(everyone, kStrangerMac) / Arp::Request(kStrangerMac, kOnLinkIp, kExternal),
       Drops(DropReason::kArpNotAnnounced)},
      {"ARP from it", announcing,
       Ethernet(everyone, kStrangerMac) / Arp::Request(kStrangerMac, kExternal, kExternal),
       Drops(DropReason::kArpUnsolicitedReply)},
  });
}

}  // namespace
}  // namespace podwarp::test
