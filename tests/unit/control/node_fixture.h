// A Node with one worker and memory ports: what it publishes is seen by what happens to frames.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "control/node.h"
#include "podwarp/net/headers.h"
#include "support/describe.h"
#include "support/eal.h"
#include "support/fake_clock.h"
#include "support/memory_port_factory.h"

namespace podwarp::test {
inline const MacAddress kVirtualMac = "02:11:22:33:44:55"_mac;
inline const MacAddress kGatewayMac = "02:00:5e:00:00:01"_mac;
inline const MacAddress kWebMac = "02:00:00:00:01:0a"_mac;
inline const MacAddress kDbMac = "02:00:00:00:01:0b"_mac;
inline const MacAddress kNodeBMac = "02:00:00:00:00:0b"_mac;
inline const MacAddress kNodeCMac = "02:00:00:00:00:0c"_mac;
inline const MacAddress kRouterMac = "02:00:00:00:00:fe"_mac;
inline const MacAddress kStrangerMac = "02:00:00:00:00:77"_mac;

inline const Ipv4Address kGateway = "10.244.0.1"_ip;
inline const Ipv4Address kHostAddress = "10.244.1.2"_ip;
inline const Ipv4Address kWeb = "10.244.1.10"_ip;
inline const Ipv4Address kDb = "10.244.1.11"_ip;
inline const Ipv4Address kOnB = "10.244.2.10"_ip;
inline const Ipv4Address kOnC = "10.244.3.10"_ip;
inline const Ipv4Address kUnderlay = "192.0.2.1"_ip;
inline const Ipv4Address kNodeC = "192.0.2.3"_ip;
inline const Ipv4Address kStranger = "192.0.2.77"_ip;
inline const Ipv4Address kRouter = "192.0.2.254"_ip;
inline const Ipv4Address kOutside = "203.0.113.9"_ip;

inline PodConfig MakePod(const std::string& name, MacAddress mac, Ipv4Address address) {
  PodConfig pod;
  pod.name = name;
  pod.mac = mac;
  pod.addresses = {address};
  return pod;
}

inline Config MakeConfig() {
  Config config;
  config.node_name = "node-a";
  config.virtual_mac = kVirtualMac;
  config.gateway = {.address = kGateway, .mac = kGatewayMac};
  config.pod_ranges = {"10.244.0.0/16"_prefix};
  config.node_pod_ranges = {"10.244.1.0/24"_prefix};
  config.service_ranges = {"10.96.0.0/12"_prefix};
  config.reserved_addresses = {"10.244.1.1"_ip};
  config.hairpin_mode = HairpinMode::kNone;
  UplinkConfig uplink;
  uplink.name = "uplink0";
  uplink.address = kUnderlay;
  uplink.address_prefix_length = 24;
  uplink.announce_pods = true;
  config.uplinks = {uplink};
  config.pods = {MakePod("web", kWebMac, kWeb), MakePod("db", kDbMac, kDb)};
  RemoteNodeConfig node;
  node.name = "node-b";
  node.virtual_mac = kNodeBMac;
  node.uplink = "uplink0";
  node.pod_ranges = {"10.244.2.0/24"_prefix};
  config.nodes = {node};
  config.routes = {{.prefix = "10.244.1.99/32"_prefix, .node = "node-b"}};
  return config;
}

// UDP to port 2, which is what FromWeb() sends to; each backend's port is 8080.
inline const Ipv4Address kServiceAddress = "10.96.0.10"_ip;
inline ServiceConfig MakeService(const std::vector<Ipv4Address>& backends) {
  ServicePortConfig port;
  port.protocol = kIpProtocolUdp;
  port.port = 2;
  for (const Ipv4Address& address : backends) {
    BackendConfig backend;
    backend.address = address;
    backend.port = 8080;
    port.backends.push_back(backend);
  }
  ServiceConfig service;
  service.name = "web";
  service.address = kServiceAddress;
  service.ports = {port};
  return service;
}

inline Packet Padded(const Packet& packet) { return packet.PadTo(60); }

inline Packet AnnouncementRequest(Ipv4Address address) {
  return Padded(Ethernet(MacAddress::Broadcast(), kVirtualMac) /
                Arp::Announcement(kVirtualMac, address));
}
inline Packet AnnouncementReply(Ipv4Address address) {
  return Padded(Ethernet(MacAddress::Broadcast(), kVirtualMac) /
                Arp::Reply(kVirtualMac, address, MacAddress::Broadcast(), address));
}
inline Packet RequestFor(Ipv4Address address) {
  return Padded(Ethernet(MacAddress::Broadcast(), kVirtualMac) /
                Arp::Request(kVirtualMac, kUnderlay, address));
}
inline Packet ReplyOf(Ipv4Address address, MacAddress mac) {
  return Padded(Ethernet(kVirtualMac, mac) / Arp::Reply(mac, address, kVirtualMac, kUnderlay));
}
inline Packet ClaimOf(Ipv4Address address, MacAddress mac) {
  return Padded(Ethernet(MacAddress::Broadcast(), mac) / Arp::Announcement(mac, address));
}

class NodeTest : public testing::Test {
 protected:
  ~NodeTest() override {
    if (node_) node_->Stop();
    node_.reset();
    workers_.reset();
    tables_.reset();
    EXPECT_EQ(BuffersInUse(), before_);
  }

  absl::Status TryStart() { return TryStart(adjacencies_); }
  absl::Status TryStart(uint32_t adjacencies) {
    tables_.emplace(/*workers=*/1, adjacencies);
    std::vector<std::unique_ptr<Worker>> workers;
    workers.push_back(std::make_unique<Worker>(
        WorkerOptions{.id = 0, .limits = {Rate::Unlimited(), Rate::Unlimited()}, .idle = {}},
        &*tables_, &events_, TestPool()));
    workers_.emplace(std::move(workers), &*tables_);
    node_.emplace(&config_, &*tables_, &factory_, &*workers_, &events_, TestPool());
    return node_->Start(clock_.time());
  }
  void Start() { ASSERT_TRUE(TryStart().ok()); }
  // Past the announcements of the start.
  void StartQuietly() {
    Start();
    for (int i = 0; i < 10; ++i) Step(absl::Seconds(0.5));
    for (const UplinkConfig& uplink : config_.uplinks) factory_[uplink.name].TakeTransmitted();
  }

  WorkerCounters const& counters() const { return (*workers_)[0].counters(); }
  uint64_t drops(DropReason reason) const {
    return counters().drops[static_cast<size_t>(reason)].value();
  }

  // All that is on its way arrives.
  void Forward() {
    while ((*workers_)[0].Round() > 0) continue;
  }
  // What was said meanwhile is heard, and what is due then is sent.
  void Step(absl::Duration time) {
    Forward();
    clock_.Advance(time);
    node_->Tick(clock_.time());
    Forward();
  }
  void Inject(const std::string& port, const Packet& packet) {
    factory_[port].Inject(packet);
    Step(absl::ZeroDuration());
  }
  std::vector<Packet> Sent(const std::string& port) { return factory_[port].TakeTransmitted(); }
  // When `port` sends `packet` in the next `duration`, in steps of 0.1 s.
  std::vector<double> TimesOf(const Packet& packet, const std::string& port,
                              absl::Duration duration) {
    std::vector<double> times;
    const absl::Time start = clock_.time();
    for (absl::Time end = start + duration;; Step(absl::Seconds(0.1))) {
      for (const Packet& sent : Sent(port)) {
        if (sent == packet) times.push_back(absl::ToDoubleSeconds(clock_.time() - start));
      }
      if (clock_.time() >= end) return times;
    }
  }

  const Adjacency& Toward(Ipv4Address address) const {
    return tables_->adjacencies[tables_->routes.Lookup(address)];
  }
  const Node::PodRecord& Web() const { return node_->pods().at("default/web"); }

  static Packet FromWeb(Ipv4Address destination, uint8_t ttl = 64) {
    return Ethernet(kGatewayMac, kWebMac) / Ipv4(kWeb, destination).Ttl(ttl) / Udp(1, 2) /
           Payload(30);
  }
  // What FromWeb(kServiceAddress) becomes on its way to a backend.
  static Packet ToBackendBy(MacAddress to, MacAddress from, Ipv4Address backend) {
    return Ethernet(to, from) / Ipv4(kWeb, backend).Ttl(63) / Udp(1, 8080) / Payload(30);
  }
  static Packet FromWebBy(MacAddress to, MacAddress from, Ipv4Address destination) {
    return Ethernet(to, from) / Ipv4(kWeb, destination).Ttl(63) / Udp(1, 2) / Payload(30);
  }
  Packet FromHost(Ipv4Address destination) const {
    return Ethernet(kGatewayMac, HostMac(config_)) / Ipv4(kHostAddress, destination) / Udp(1, 2) /
           Payload(30);
  }
  static Packet FromHostBy(MacAddress to, Ipv4Address destination) {
    return Ethernet(to, kVirtualMac) / Ipv4(kHostAddress, destination).Ttl(63) / Udp(1, 2) /
           Payload(30);
  }
  void AddNodeC() {
    RemoteNodeConfig node;
    node.name = "node-c";
    node.underlay_address = kNodeC;
    node.uplink = "uplink0";
    node.pod_ranges = {"10.244.3.0/24"_prefix};
    config_.nodes.push_back(node);
  }
  void AddHostPort() { config_.host_port = HostPortConfig{.address = kHostAddress}; }
  void AddQuietUplink() {
    UplinkConfig uplink;
    uplink.name = "uplink1";
    config_.uplinks.push_back(uplink);
  }

  uint32_t adjacencies_ = 256;  // places in their table
  const unsigned before_ = BuffersInUse();
  FakeClock clock_{.now = 3'600'000'000'000};
  Config config_ = MakeConfig();
  MemoryPortFactory factory_{&config_};
  EventRing events_{kEventRingSize};
  std::optional<Tables> tables_;
  std::optional<WorkerSet> workers_;
  std::optional<Node> node_;
};

}  // namespace podwarp::test
