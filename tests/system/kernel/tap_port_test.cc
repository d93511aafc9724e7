// Taps with the real kernel behind them.
#include "port/tap_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernel/bridge.h"
#include "kernel/namespace.h"
#include "platform/pod_interface.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;

const MacAddress kMacA = "02:00:00:00:00:0a"_mac;
const MacAddress kMacB = "02:00:00:00:00:0b"_mac;
const Ipv4Address kIpA = "10.244.1.10"_ip;
const Ipv4Address kIpB = "10.244.2.20"_ip;

class TapPortTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for network namespaces";
  }

  static TapOptions Options(const TestNamespace& pod, MacAddress mac, std::string interface) {
    return {.interface = std::move(interface),
            .netns = pod.path(),
            .persistent = true,
            .mac = mac,
            .pool = TestPool()};
  }
  static std::unique_ptr<TapPort> Open(const TestNamespace& pod, MacAddress mac,
                                       const PortSettings& settings = {},
                                       const std::string& interface = "eth0") {
    auto port = TapPort::Open(settings, Options(pod, mac, interface));
    EXPECT_TRUE(port.ok()) << port.status();
    return *std::move(port);
  }
  static PodInterfaceSettings Pod(const TestNamespace& pod, MacAddress mac, Ipv4Address address) {
    return {.interface = "eth0",
            .netns = pod.path(),
            .mac = mac,
            .mtu_bytes = 1500,
            .addresses = {address},
            .pod_ranges = {"10.244.0.0/16"_prefix},
            .gateway = "169.254.1.1"_ip};
  }
  // With address and all.
  static std::unique_ptr<TapPort> OpenPod(const TestNamespace& pod, MacAddress mac,
                                          Ipv4Address address, const PortSettings& settings = {}) {
    auto port = Open(pod, mac, settings);
    const auto status = ConfigurePodInterface(Pod(pod, mac, address));
    EXPECT_TRUE(status.ok()) << status;
    return port;
  }
  static std::string Ping(const TestNamespace& from, Ipv4Address to) {
    return from.In("ping -n -c 3 -i 0.1 -W 5 " + to.ToString());
  }
};

TEST_F(TapPortTest, ArpAndPingBetweenTwoPods) {
  TestNamespace a, b;
  const auto port_a = OpenPod(a, kMacA, kIpA);
  const auto port_b = OpenPod(b, kMacB, kIpB);
  EXPECT_TRUE(port_a->State().up) << port_a->State().why_down;
  const unsigned in_use = BuffersInUse();
  Bridge bridge(*port_a, *port_b);
  EXPECT_TRUE(Succeeds(a.In("arping -c 1 -w 5 -I eth0 10.244.2.20")));
  EXPECT_TRUE(Succeeds(Ping(a, kIpB)));
  EXPECT_TRUE(Succeeds(b.In("ping -n -c 2 -i 0.1 -W 5 -s 8000 10.244.1.10")));
  bridge.Stop();
  EXPECT_EQ(BuffersInUse(), in_use);
  EXPECT_EQ(port_a->Statistics().transmit_errors, 0u);
  EXPECT_EQ(port_a->Statistics().receive_errors, 0u);
}

// Server and client are Python, and compare digests: what arrives is what was sent.
constexpr char kReceiveTcp[] = R"(python3 -c "
import hashlib, socket
s = socket.create_server(('10.244.2.20', 5001)); s.settimeout(50)
c, _ = s.accept(); c.settimeout(50)
h = hashlib.sha256(); n = 0
while True:
    d = c.recv(1 << 20)
    if not d: break
    h.update(d); n += len(d)
c.sendall(f'{n} {h.hexdigest()}'.encode())
")";
constexpr char kSendTcp[] = R"(python3 -c "
import hashlib, os, socket, time
end = time.monotonic() + 20
while True:
    try: s = socket.create_connection(('10.244.2.20', 5001), 5); break
    except ConnectionRefusedError:
        assert time.monotonic() < end
        time.sleep(0.05)
s.settimeout(50)
block = os.urandom(1 << 20); h = hashlib.sha256()
for i in range(64):
    d = block[i * 1000:] + block[:i * 1000]
    h.update(d); s.sendall(d)
s.shutdown(socket.SHUT_WR)
answer = s.makefile().read(); wanted = f'{64 << 20} {h.hexdigest()}'
assert answer == wanted, (answer, wanted)
")";

void ExpectTcpIntact(const PortSettings& settings) {
  TestNamespace a, b;
  const auto open = [&](const TestNamespace& pod, MacAddress mac, Ipv4Address address) {
    auto port = TapPort::Open(settings, {.interface = "eth0",
                                         .netns = pod.path(),
                                         .persistent = true,
                                         .mac = mac,
                                         .pool = TestPool()});
    EXPECT_TRUE(port.ok()) << port.status();
    const auto status = ConfigurePodInterface({.interface = "eth0",
                                               .netns = pod.path(),
                                               .mac = mac,
                                               .addresses = {address},
                                               .pod_ranges = {"10.244.0.0/16"_prefix},
                                               .gateway = "169.254.1.1"_ip});
    EXPECT_TRUE(status.ok()) << status;
    return *std::move(port);
  };
  const auto port_a = open(a, kMacA, kIpA);
  const auto port_b = open(b, kMacB, kIpB);
  const unsigned in_use = BuffersInUse();
  Bridge bridge(*port_a, *port_b);
  {
    BackgroundCommand server(b.In(kReceiveTcp));
    EXPECT_TRUE(Succeeds(a.In(kSendTcp)));
    EXPECT_EQ(server.Wait().exit_code, 0) << server.Wait().output;
  }
  bridge.Stop();
  EXPECT_GT(bridge.cut_tcp(), 0u) << "no frame came with segmentation left to do";
  EXPECT_GT(bridge.longest_frame(), 30'000u);
  EXPECT_EQ(BuffersInUse(), in_use);
  EXPECT_EQ(port_b->Statistics().transmit_errors, 0u);
  EXPECT_EQ(port_a->Statistics().receive_errors, 0u);
}

TEST_F(TapPortTest, ATcpStreamCrossesInLargeSegmentsAndIntact) { ExpectTcpIntact({}); }
TEST_F(TapPortTest, TheSameWithTwoQueues) { ExpectTcpIntact({.receive_queues = 2, .workers = 2}); }

TEST_F(TapPortTest, UdpSegmentsCross) {
  TestNamespace a, b;
  const auto port_a = OpenPod(a, kMacA, kIpA);
  const auto port_b = OpenPod(b, kMacB, kIpB);
  Bridge bridge(*port_a, *port_b);
  ASSERT_TRUE(Succeeds(Ping(a, kIpB)));
  BackgroundCommand receiver(b.In(R"(python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)
s.bind(('10.244.2.20', 5002))
print('ready', flush=True)
first = s.recv(65535)
while first == b'?': s.sendto(b'!', ('10.244.1.10', 5003)); first = s.recv(65535)
got = [first] + [s.recv(65535) for _ in range(9)]
assert got == [bytes([i]) * 1000 for i in range(10)], [len(g) for g in got]
")"));
  EXPECT_TRUE(Succeeds(a.In(R"(python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.1)
s.bind(('10.244.1.10', 5003)); s.connect(('10.244.2.20', 5002))
for attempt in range(200):
    try: s.send(b'?'); s.recv(10); break
    except OSError: pass
else: raise SystemExit('nobody is there')
s.setsockopt(17, 103, 1000)  # UDP_SEGMENT
s.send(b''.join(bytes([i]) * 1000 for i in range(10)))
")")));
  EXPECT_EQ(receiver.Wait().exit_code, 0) << receiver.Wait().output;
  bridge.Stop();
  if (port_a->capabilities().udp_datagrams) {
    EXPECT_EQ(bridge.cut_udp(), 1u);
  }
}

TEST_F(TapPortTest, APersistentTapIsAttachedToAgainWithItsAddresses) {
  TestNamespace a, b;
  const auto port_b = OpenPod(b, kMacB, kIpB);
  const std::string show = "sh -c 'ip route; ip -o address; cat /sys/class/net/eth0/address'";
  auto port_a = OpenPod(a, kMacA, kIpA);
  const std::string before = RunCommand(a.In(show)).output;
  EXPECT_THAT(before,
              HasSubstr("default via 169.254.1.1 dev eth0 proto 119 src 10.244.1.10 onlink"));
  EXPECT_THAT(before, HasSubstr("10.244.0.0/16 dev eth0"));
  EXPECT_THAT(before, HasSubstr("10.244.1.10/16"));
  port_a.reset();
  EXPECT_TRUE(Succeeds(absl::StrCat("ip -n ", a.name(), " link show eth0")));
  port_a = Open(a, kMacA);
  EXPECT_EQ(RunCommand(a.In(show)).output, before);
  EXPECT_TRUE(port_a->State().up) << port_a->State().why_down;
  Bridge bridge(*port_a, *port_b);
  EXPECT_TRUE(Succeeds(Ping(a, kIpB)));
}

TEST_F(TapPortTest, ATapThatIsNotPersistentGoesWithThePort) {
  TestNamespace a;
  TapOptions options = Options(a, kMacA, "podwarp0");
  options.persistent = false;
  auto port = TapPort::Open({}, options);
  ASSERT_TRUE(port.ok()) << port.status();
  EXPECT_TRUE(Succeeds(absl::StrCat("ip -n ", a.name(), " link show podwarp0")));
  port->reset();
  EXPECT_FALSE(Succeeds(absl::StrCat("ip -n ", a.name(), " link show podwarp0")));
}

TEST_F(TapPortTest, ErrorsNameInterfaceAndNamespace) {
  TestNamespace a;
  const auto port = Open(a, kMacA);
  const auto twice = TapPort::Open({}, Options(a, kMacA, "eth0"));
  EXPECT_TRUE(absl::IsAlreadyExists(twice.status()));
  EXPECT_THAT(std::string(twice.status().message()),
              HasSubstr("interface eth0 in " + a.path() + " is in use"));
  ASSERT_TRUE(Succeeds(absl::StrCat("ip -n ", a.name(), " link add veth0 type veth peer veth1")));
  const auto other = TapPort::Open({}, Options(a, kMacA, "veth0"));
  EXPECT_TRUE(absl::IsAlreadyExists(other.status()));
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("it is no tap"));
  EXPECT_TRUE(absl::IsFailedPrecondition(RemovePodInterface("veth0", a.path())));
}

TEST_F(TapPortTest, DownInWordsAndInCounters) {
  TestNamespace a;
  const auto port = Open(a, kMacA);
  EXPECT_FALSE(port->State().up);
  EXPECT_EQ(port->State().why_down,
            absl::StrCat("interface eth0 in ", a.path(), " is down: `ip -n ", a.name(),
                         " link set eth0 up`"));
  rte_mbuf* frames[3];
  for (rte_mbuf*& frame : frames) frame = ToMbuf(Ethernet(kMacA, kMacB) / Payload(100));
  EXPECT_EQ(port->Transmit(0, frames, 3), 3);
  EXPECT_EQ(port->Statistics().transmit_errors, 3u);
  EXPECT_EQ(port->Receive(0, frames, 3), 0);
  EXPECT_EQ(port->Statistics().receive_errors, 0u);
}

TEST_F(TapPortTest, ADeletedInterfaceLeavesTheEpollSet) {
  TestNamespace a;
  const auto port = OpenPod(a, kMacA, kIpA);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {}};
  ASSERT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, port->ReadinessFd(0), &event), 0);
  EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0);
  ASSERT_TRUE(Succeeds(absl::StrCat("ip -n ", a.name(), " link del eth0")));
  const std::string why = absl::StrCat("interface eth0 in ", a.path(), " has been deleted");
  EXPECT_EQ(port->State().why_down, why);
  EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 1);
  rte_mbuf* frame;
  EXPECT_EQ(port->Receive(0, &frame, 1), 0);
  EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0) << "the worker would spin";
  EXPECT_EQ(port->Receive(0, &frame, 1), 0);
  EXPECT_EQ(port->State().why_down, why);
  frame = ToMbuf(Ethernet(kMacA, kMacB) / Payload(100));
  EXPECT_EQ(port->Transmit(0, &frame, 1), 1);
  EXPECT_EQ(port->Statistics().transmit_errors, 1u);
  close(epoll);
}

TEST_F(TapPortTest, ADeletedNamespaceIsSeenAndDoesNoHarm) {
  TestNamespace a, b;
  const auto port = OpenPod(a, kMacA, kIpA);
  const std::string path = a.path();
  a.Delete();
  EXPECT_EQ(port->State().why_down, "network namespace " + path + " is gone");
  rte_mbuf* frames[64];
  rte_pktmbuf_free_bulk(frames, port->Receive(0, frames, 64));
  frames[0] = ToMbuf(Ethernet(kMacA, kMacB) / Payload(100));
  EXPECT_EQ(port->Transmit(0, frames, 1), 1);
  // Another namespace under the old name.
  ASSERT_TRUE(Succeeds("ip netns attach " + path.substr(sizeof("/run/netns/") - 1) + " " +
                       std::to_string(getpid())));
  EXPECT_EQ(port->State().why_down, "network namespace " + path + " has been made anew");
  EXPECT_TRUE(Succeeds("ip netns del " + path.substr(sizeof("/run/netns/") - 1)));
}

TEST_F(TapPortTest, IdleTapsHoldNoBuffers) {
  constexpr int kTaps = 250;
  TestNamespace a;
  const unsigned before = BuffersInUse();
  std::vector<std::unique_ptr<TapPort>> ports;
  for (int i = 0; i < kTaps; ++i) {
    ports.push_back(Open(a, MacAddress::DeriveFrom(std::to_string(i)), {}, absl::StrCat("tap", i)));
  }
  EXPECT_EQ(BuffersInUse(), before);
  rte_mbuf* frames[64];
  for (const auto& port : ports) EXPECT_EQ(port->Receive(0, frames, 64), 0);
  EXPECT_EQ(BuffersInUse(), before);
  for (const auto& port : ports) EXPECT_EQ(port->Statistics().receive_no_buffer, 0u);
}

TEST_F(TapPortTest, FourThreadsTransmitAtOnceAndLoseNothing) {
  constexpr int kThreads = 4, kBursts = 200, kBurst = 32;
  TestNamespace a;
  const auto port = OpenPod(a, kMacA, kIpA, {.workers = kThreads});
  const auto received = [&] {
    return std::stoll(RunCommand(a.In("cat /sys/class/net/eth0/statistics/rx_packets")).output);
  };
  const long long before = received();
  const unsigned in_use = BuffersInUse();
  std::vector<std::thread> threads;
  for (uint16_t worker = 0; worker < kThreads; ++worker) {
    threads.emplace_back([&, worker] {
      const Packet packet = Ethernet(kMacA, kMacB) / Payload(100u + worker);
      for (int i = 0; i < kBursts; ++i) {
        rte_mbuf* frames[kBurst];
        for (rte_mbuf*& frame : frames) frame = ToMbuf(packet);
        EXPECT_EQ(port->Transmit(worker, frames, kBurst), kBurst);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(received() - before, kThreads * kBursts * kBurst);
  EXPECT_EQ(port->Statistics().transmit_errors, 0u);
  EXPECT_EQ(BuffersInUse(), in_use);
}

TEST_F(TapPortTest, PodInterfaceFollowsItsSettings) {
  TestNamespace a;
  const auto port = OpenPod(a, kMacA, kIpA);
  PodInterfaceSettings settings = Pod(a, kMacB, kIpB);
  settings.mtu_bytes = 1400;
  settings.gateway = "10.244.0.1"_ip;
  for (int i = 0; i < 2; ++i) {
    const auto status = ConfigurePodInterface(settings);
    ASSERT_TRUE(status.ok()) << status;
  }
  const std::string shown = RunCommand("ip -n " + a.name() + " address show eth0").output;
  EXPECT_THAT(shown, HasSubstr("mtu 1400"));
  EXPECT_THAT(shown, HasSubstr(kMacB.ToString()));
  EXPECT_THAT(shown, HasSubstr("inet 10.244.2.20/16"));
  EXPECT_THAT(shown, testing::Not(HasSubstr("10.244.1.10")));
  EXPECT_THAT(shown, testing::Not(HasSubstr("inet6")));
  EXPECT_THAT(RunCommand("ip -n " + a.name() + " route").output,
              HasSubstr("default via 10.244.0.1 dev eth0 proto 119 src 10.244.2.20"));
  EXPECT_TRUE(RemovePodInterface("eth0", a.path()).ok());
  EXPECT_TRUE(RemovePodInterface("eth0", a.path()).ok());
  EXPECT_FALSE(Succeeds("ip -n " + a.name() + " link show eth0"));
  EXPECT_TRUE(RemovePodInterface("eth0", "/run/netns/is-not-there").ok());
}

TEST_F(TapPortTest, APodMayHaveNobodyOnItsLink) {
  TestNamespace a;
  const auto port = OpenPod(a, kMacA, kIpA);
  PodInterfaceSettings settings = Pod(a, kMacA, kIpA);
  const auto routes = [&] { return RunCommand("ip -n " + a.name() + " route").output; };
  const auto addresses = [&] { return RunCommand("ip -n " + a.name() + " -4 address").output; };
  for (const char* gateway : {"169.254.1.1", "10.244.0.1"}) {
    settings.gateway = *Ipv4Address::Parse(gateway);
    for (int i = 0; i < 2; ++i) {  // it may be said again
      settings.on_link = false;
      const auto status = ConfigurePodInterface(settings);
      ASSERT_TRUE(status.ok()) << status;
    }
    EXPECT_THAT(addresses(), HasSubstr("inet 10.244.1.10/32"));
    EXPECT_THAT(routes(), HasSubstr(absl::StrCat("default via ", gateway, " dev eth0")));
    EXPECT_THAT(routes(), HasSubstr(absl::StrCat("\n", gateway, " dev eth0 proto 119 scope link")));
    EXPECT_THAT(routes(), testing::Not(HasSubstr("10.244.0.0/16")));

    settings.on_link = true;
    const auto status = ConfigurePodInterface(settings);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_THAT(addresses(), HasSubstr("inet 10.244.1.10/16"));
    EXPECT_THAT(addresses(), testing::Not(HasSubstr("/32")));
    EXPECT_THAT(routes(), HasSubstr(absl::StrCat("default via ", gateway, " dev eth0")));
    EXPECT_THAT(routes(), HasSubstr("10.244.0.0/16 dev eth0"));
    EXPECT_THAT(routes(), testing::Not(HasSubstr(absl::StrCat("\n", gateway, " dev eth0"))));
  }
}

}  // namespace
}  // namespace podwarp::test
