// Filters say of any frame what libpcap says of its bytes, however they lie in memory.
#include "observe/bpf_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/chance.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

const MacAddress kMacA = "02:00:00:00:01:0a"_mac;
const MacAddress kMacB = "02:00:00:00:01:0b"_mac;
const Ipv4Address kAddresses[] = {"10.244.1.10"_ip, "10.244.1.11"_ip, "10.244.2.10"_ip,
                                  "203.0.113.9"_ip};
constexpr uint16_t kPorts[] = {22, 53, 80, 443, 8080, 40'000};

const char* const kExpressions[] = {
    "",
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "icmp",
    "sctp",
    "not ip",
    "ip or arp",
    "host 10.244.1.10",
    "src host 10.244.1.10",
    "dst host 10.244.1.11",
    "host 10.244.1.10 and host 10.244.1.11",
    "host 10.244.1.10 or host 10.244.2.10 or host 203.0.113.9",
    "not host 10.244.1.10",
    "net 10.244.0.0/16",
    "src net 10.244.1.0/24 and not dst net 10.244.0.0/16",
    "port 80",
    "tcp port 80",
    "udp port 53",
    "src port 22",
    "dst port 443",
    "portrange 80-443",
    "tcp portrange 8000-9000",
    "tcp port 80 or tcp port 443",
    "host 10.244.1.10 and (tcp port 80 or udp port 53) and not src port 22",
    "tcp[tcpflags] & tcp-syn != 0",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and not src and dst net 10.244.1.0/24",
    "tcp[tcpflags] == tcp-syn|tcp-ack",
    "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "icmp[icmptype] == icmp-echo",
    "icmp[0] != 8 and icmp[0] != 0",
    "ip[8] < 5",
    "ip[6:2] & 0x1fff != 0",
    "ip[6:2] & 0x3fff == 0",
    "ip[2:2] > 576",
    "ip[0] & 0xf > 5",
    "ip[12:4] = ip[16:4]",
    "ip[12:4] ^ ip[16:4] = 1",
    "ip[10:2] % 7 = 3",
    "ip[10:2] * 3 - ip[4:2] / 5 > 70000",
    "udp[4:2] - 8 >= 100",
    "ether host 02:00:00:00:01:0a",
    "ether src 02:00:00:00:01:0b",
    "ether broadcast",
    "ether multicast",
    "ether proto 0x88b5",
    "ether[0] & 1 = 0",
    "ether[20:4] > ether[24:4]",
    "ether[1000] = 5",
    "ether[ether[14] & 0xf] = 2",
    "len > 100",
    "less 60",
    "greater 1000",
    "len * 2 = 120",
    "vlan",
    "vlan 100",
    "vlan 100 and tcp port 80",
    "vlan and host 10.244.1.10",
    "ip proto 132",
    "ip multicast",
    "tcp port 80 and greater 200 and not host 10.244.2.10",
    "ip6 host fd00::1 or ip6 host fd00::2",
    "tcp src port 22 or tcp dst port 22 or udp src port 53 or udp dst port 53",
    "host 10.0.0.1 or host 10.0.0.2 or host 10.0.0.3 or host 10.0.0.4 or host 10.0.0.5 or port 80",
    "ip[1] >> 2 = 3 or ip[1] << 3 = 64",
    "-ip[8] < 0 and ip[8] | 1 = 65",
};

Packet RandomPacket(Chance& chance) {
  const auto port = [&] { return chance.Of(kPorts); };
  const MacAddress to = chance.OneIn(8) ? MacAddress::Broadcast() : chance.OneIn(2) ? kMacA : kMacB;
  Packet frame = Ethernet(to, chance.OneIn(2) ? kMacA : kMacB);
  if (chance.OneIn(5)) frame = frame / Vlan(chance.OneIn(2) ? 100 : 7);
  const Raw payload = Payload(chance.OneIn(4) ? chance.Below(1'400) : chance.Below(64));
  if (chance.OneIn(10)) {
    return frame / Arp::Request(kMacA, chance.Of(kAddresses), chance.Of(kAddresses));
  }
  if (chance.OneIn(10)) return frame / payload;
  Ipv4 ip(chance.Of(kAddresses), chance.Of(kAddresses));
  ip.Ttl(static_cast<uint8_t>(chance.OneIn(3) ? chance.Below(8) : 64)).Id(chance.Word());
  ip.Tos(chance.Byte());
  if (chance.OneIn(6)) ip.Options({1, 1, 1, 1});
  if (chance.OneIn(6)) ip.MoreFragments();
  if (chance.OneIn(6)) ip.FragmentOffset(static_cast<uint16_t>(8 * chance.Below(100)));
  switch (chance.Below(5)) {
    case 0:
      return frame / ip / Udp(port(), port()) / payload;
    case 1:
      return frame / ip / Icmp(static_cast<uint8_t>(chance.Below(12)), 0) / payload;
    case 2:
      return frame / ip / Sctp(port(), port()) / payload;
    default:
      return frame / ip / Tcp(port(), port(), static_cast<uint8_t>(chance.Below(64))) / payload;
  }
}

// Most are right; some are cut off or have wrong bytes, as nobody keeps anybody from sending them.
Packet RandomFrame(Chance& chance) {
  Packet frame = RandomPacket(chance);
  if (chance.OneIn(4)) frame = frame.PadTo(60);
  for (uint32_t i = chance.OneIn(4) ? chance.Below(8) : 0; i > 0; --i) {
    frame = frame.With(chance.Below(frame.size()), {chance.Byte()});
  }
  return chance.OneIn(5) ? frame.Truncate(1 + chance.Below(frame.size())) : frame;
}

MbufOptions RandomSegments(Chance& chance, size_t bytes) {
  MbufOptions options;
  if (chance.OneIn(2)) return options;
  for (size_t left = bytes; left > 1 && options.segments.size() < 5;) {
    const auto count = chance.Below(std::min<size_t>(left, chance.OneIn(2) ? 20 : 200));
    options.segments.push_back(static_cast<uint16_t>(count));
    left -= count;
  }
  return options;
}

class Oracle {
 public:
  explicit Oracle(const char* expression) {
    pcap_t* const pcap = pcap_open_dead(DLT_EN10MB, 65'535);
    EXPECT_EQ(pcap_compile(pcap, &program_, expression, 1, PCAP_NETMASK_UNKNOWN), 0)
        << expression << ": " << pcap_geterr(pcap);
    pcap_close(pcap);
  }
  ~Oracle() { pcap_freecode(&program_); }
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  bool Says(const Packet& packet) const {
    const auto bytes = static_cast<bpf_u_int32>(packet.size());
    const pcap_pkthdr header = {.ts = {}, .caplen = bytes, .len = bytes};
    return pcap_offline_filter(&program_, &header, packet.bytes().data()) != 0;
  }

 private:
  bpf_program program_ = {};
};

bool Says(const FrameProgram& program, rte_mbuf* frame) {
  return program.run(program.program.get(), frame);
}

TEST(BpfFilterTest, SaysWhatLibpcapSays) {
  EnsureEal();
  Chance chance(8);
  std::vector<Packet> packets;
  std::vector<MbufPtr> frames;
  for (int i = 0; i < 500; ++i) {
    packets.push_back(RandomFrame(chance));
    frames.emplace_back(ToMbuf(packets.back(), RandomSegments(chance, packets.back().size())));
  }
  for (const char* expression : kExpressions) {
    const Oracle oracle(expression);
    const absl::StatusOr<FrameProgram> program = CompileFilter(expression);
    const absl::StatusOr<FrameProgram> interpreted = CompileInterpretedFilter(expression);
    ASSERT_TRUE(program.ok() && interpreted.ok()) << expression;
    size_t wrong = 0;
    for (size_t i = 0; i < frames.size() && wrong < 3; ++i) {
      const bool expected = oracle.Says(packets[i]);
      wrong += Says(*program, frames[i].get()) != expected;
      EXPECT_EQ(Says(*program, frames[i].get()), expected) << expression << "\n"
                                                           << testing::PrintToString(packets[i]);
      EXPECT_EQ(Says(*interpreted, frames[i].get()), expected) << expression << ", interpreted";
    }
  }
}

TEST(BpfFilterTest, UsualOnesAreMachineCode) {
  EnsureEal();
  const auto interpreted = CompileInterpretedFilter("ip");
  ASSERT_TRUE(interpreted.ok());
  for (const char* expression : {"", "icmp", "host 10.244.1.10", "net 10.244.0.0/16", "tcp port 80",
                                 "vlan 100", "len > 100"}) {
    const auto program = CompileFilter(expression);
    ASSERT_TRUE(program.ok()) << expression;
    EXPECT_NE(program->run, interpreted->run) << expression;
  }
}

// The more jumps, the more ways there are through a program: DPDK would look at each.
TEST(BpfFilterTest, LongExpressionsTakeNoTime) {
  EnsureEal();
  std::string expression = "ip6 host fd00::1";
  for (int i = 2; i < 45; ++i) expression += " or ip6 host fd00::" + std::to_string(i);
  const auto program = CompileFilter(expression);
  ASSERT_TRUE(program.ok()) << program.status();
  const MbufPtr frame(ToMbuf(Ethernet(kMacA, kMacB) / Payload(60)));
  EXPECT_FALSE(Says(*program, frame.get()));
}

TEST(BpfFilterTest, ErrorsAreLibpcaps) {
  const auto Fault = [](const char* expression) {
    const auto program = CompileFilter(expression);
    EXPECT_TRUE(absl::IsInvalidArgument(program.status())) << expression;
    return std::string(program.status().message());
  };
  EXPECT_THAT(Fault("tcp prot 80"), testing::HasSubstr("syntax error"));
  EXPECT_THAT(Fault("host 300.1.2.3"), testing::Not(testing::IsEmpty()));
  EXPECT_THAT(Fault("ip and"), testing::HasSubstr("syntax error"));
  EXPECT_THAT(Fault("ip broadcast"), testing::HasSubstr("netmask"));
  EXPECT_THAT(Fault("port 99999"), testing::HasSubstr("99999"));
}

}  // namespace
}  // namespace podwarp::test
