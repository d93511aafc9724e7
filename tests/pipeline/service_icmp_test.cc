// ICMP errors about translated flows: who gets one finds in it what it has sent itself.
#include "pipeline/service_rows.h"

namespace podwarp::test {
namespace {

const Icmp kExpired = Icmp::TimeExceeded();
const Ipv4Address kRouter = "10.9.9.9"_ip;  // somewhere on the way

Packet Datagrams(MacAddress to, MacAddress from, const Ipv4& ip, const Udp& udp) {
  return Ethernet(to, from) / ip / udp / Payload(31);
}
Packet Segments(MacAddress to, MacAddress from, const Ipv4& ip, const Tcp& tcp) {
  return Ethernet(to, from) / ip / tcp / Payload(31);
}
// What an error quotes of a frame.
Packet Quote(const Packet& frame, size_t bytes = 548) {
  return frame.Skip(kEthernetHeaderBytes).Truncate(bytes);
}

class ServiceIcmp : public ServiceTest {
 protected:
  // pod_a has a connection to each of these, as the client and as the backend see it.
  const Packet asked = Datagrams(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService), Udp(40000, 53)),
               asked_backend = Datagrams(kNodeBMac, kVirtualMac, Ipv4(kIpA, kRemoteIp).Ttl(63),
                                         Udp(40000, 5353)),
               called = Segments(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService), Tcp(40000, 80)),
               called_backend = Segments(kNodeBMac, kVirtualMac, Ipv4(kIpA, kRemoteIp).Ttl(63),
                                         Tcp(40000, 8080));

  void SetUp() override {
    Check({{"UDP", kPodA, asked, Sends(kUplink, asked_backend)},
           {"TCP", kPodA, called, Sends(kUplink, called_backend)}});
  }
};

TEST_F(ServiceIcmp, OfARouterAboutWhatTheClientSent) {
  const auto error = [](Ipv4Address from, const Icmp& icmp, const Packet& quote) {
    return Ethernet(kVirtualMac, kNodeBMac) / Ipv4(from, kIpA) / icmp / quote;
  };
  const auto told = [](Ipv4Address from, const Icmp& icmp, const Packet& quote) {
    return AtA(Ipv4(from, kIpA).Ttl(63), icmp / quote);
  };
  // The client's own packet, but for the hop that it has gone.
  const Packet asked_then =
      Datagrams(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService).Ttl(63), Udp(40000, 53));
  const Packet called_then =
      Segments(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService).Ttl(63), Tcp(40000, 80));
  const Icmp too_large = Icmp::FragmentationNeeded(1400);
  const Icmp unreachable = Icmp::Unreachable(kIcmpPortUnreachable);
  Check({
      {"fragmentation needed", kUplink, error(kRouter, too_large, Quote(called_backend)),
       Sends(kPodA, told(kRouter, too_large, Quote(called_then)))},
      {"only 8 bytes quoted: no TCP checksum", kUplink,
       error(kRouter, too_large, Quote(called_backend, 28)),
       Sends(kPodA, told(kRouter, too_large, Quote(called_then, 28)))},
      {"UDP", kUplink, error(kRouter, kExpired, Quote(asked_backend, 28)),
       Sends(kPodA, told(kRouter, kExpired, Quote(asked_then, 28)))},
      {"the backend itself speaks in the service's name", kUplink,
       error(kRemoteIp, unreachable, Quote(asked_backend)),
       Sends(kPodA, told(kRemoteService, unreachable, Quote(asked_then)))},
      {"an odd number of bytes", kUplink, error(kRouter, kExpired, Quote(asked_backend, 41)),
       Sends(kPodA, told(kRouter, kExpired, Quote(asked_then, 41)))},
      {"quotes too little to say what it is about: goes on as it is", kUplink,
       error(kRouter, kExpired, Quote(asked_backend, 24)),
       Sends(kPodA, told(kRouter, kExpired, Quote(asked_backend, 24)))},
      {"to somebody else than whose packet it is about", kUplink,
       Ethernet(kVirtualMac, kNodeBMac) / Ipv4(kRouter, kIpB) / kExpired / Quote(called_backend),
       Sends(kPodB, AtB(Ipv4(kRouter, kIpB).Ttl(63), kExpired / Quote(called_backend)))},
      {"about nothing that was translated", kUplink,
       error(kRouter, kExpired, Quote(FromA(Ipv4(kIpA, kRemoteIp)))),
       Sends(kPodA, told(kRouter, kExpired, Quote(FromA(Ipv4(kIpA, kRemoteIp)))))},
  });
}

TEST_F(ServiceIcmp, OfPodwarpItself) {
  const Packet last_hop =
      Datagrams(kGatewayMac, kMacA, Ipv4(kIpA, kRemoteService).Ttl(1), Udp(40000, 53));
  Check({{"time to live used up right here", kPodA, last_hop,
          Drops(DropReason::kTtlExpired).AndSends(kPodA, ErrorToA(last_hop, kExpired))}});

  const MacAddress small_mac = "02:00:00:00:05:05"_mac;
  const Ipv4Address small_ip = "10.244.1.50"_ip;
  node.AddPod("small", small_mac, small_ip, {}, /*mtu_bytes=*/1000);
  Set(kLocalService, kIpProtocolUdp, 53, {{small_ip, Be16(5353)}});
  const Packet large = Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kLocalService).DontFragment() /
                       Udp(40000, 53) / Payload(1200);
  Check({{"too large for the backend's link", kPodA, large,
          Drops(DropReason::kMtuExceeded)
              .AndSends(kPodA, ErrorToA(large, Icmp::FragmentationNeeded(1000), 1))}});
}

TEST_F(ServiceIcmp, OfTheClientAboutTheAnswer) {
  const Packet answer_seen =
      Datagrams(kMacA, kGatewayMac, Ipv4(kRemoteService, kIpA).Ttl(63), Udp(53, 40000));
  const Packet answer_sent =
      Datagrams(kVirtualMac, kNodeBMac, Ipv4(kRemoteIp, kIpA).Ttl(63), Udp(5353, 40000));
  const Icmp unreachable = Icmp::Unreachable(kIcmpPortUnreachable);
  Check({
      {"closed port", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / unreachable / Quote(answer_seen),
       Sends(kUplink, Ethernet(kNodeBMac, kVirtualMac) / Ipv4(kIpA, kRemoteIp).Ttl(63) /
                          unreachable / Quote(answer_sent))},
      {"about nothing that is known", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / unreachable /
           Quote(Datagrams(kMacA, kGatewayMac, Ipv4(kRemoteService, kIpA), Udp(53, 40009))),
       Drops(DropReason::kLocalNotServed)},
      {"cut short", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kRemoteService) / unreachable /
           Quote(answer_seen, 27),
       Drops(DropReason::kTransportTruncated)},
  });
}

TEST_F(ServiceIcmp, OfAPodThatHasCalledItself) {
  const Packet call = Datagrams(kGatewayMac, kMacA, Ipv4(kIpA, kOwnService), Udp(40000, 53));
  const Packet called_self =
      Datagrams(kMacA, kGatewayMac, Ipv4(kGatewayIp, kIpA).Ttl(63), Udp(40000, 8080));
  const Icmp unreachable = Icmp::Unreachable(kIcmpPortUnreachable);
  Check({
      {"the call", kPodA, call, Sends(kPodA, called_self)},
      {"nobody listens there", kPodA,
       Ethernet(kGatewayMac, kMacA) / Ipv4(kIpA, kGatewayIp) / unreachable / Quote(called_self),
       Sends(kPodA,
             AtA(Ipv4(kOwnService, kIpA).Ttl(63),
                 unreachable / Quote(Datagrams(kGatewayMac, kMacA, Ipv4(kIpA, kOwnService).Ttl(63),
                                               Udp(40000, 53)))))},
  });
}

}  // namespace
}  // namespace podwarp::test
