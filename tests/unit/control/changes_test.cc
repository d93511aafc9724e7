#include "control/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/desired_state.h"
#include "support/literals.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

PodConfig PodCalled(const std::string& name, Ipv4Address address) {
  PodConfig pod;
  pod.name = name;
  pod.addresses = {address};
  return pod;
}

RemoteNodeConfig NodeCalled(const std::string& name) {
  RemoteNodeConfig node;
  node.name = name;
  return node;
}

std::vector<std::string> Described(const Config& before, const Config& after) {
  std::vector<std::string> described;
  for (const Change& change : ChangesBetween(DesiredState(before), DesiredState(after)))
    described.push_back(Describe(change));
  return described;
}

TEST(Changes, ThereAreNoneBetweenTheSame) {
  Config config;
  config.pods = {PodCalled("a", "10.0.0.1"_ip)};
  config.nodes = {NodeCalled("b")};
  config.routes = {{.prefix = "10.0.1.0/24"_prefix, .node = "b"}};
  EXPECT_THAT(ChangesBetween(DesiredState(config), DesiredState(config)), IsEmpty());
}

TEST(Changes, OrderInTheFileMeansNothing) {
  Config before, after;
  before.pods = {PodCalled("a", "10.0.0.1"_ip), PodCalled("b", "10.0.0.2"_ip)};
  after.pods = {before.pods[1], before.pods[0]};
  EXPECT_THAT(ChangesBetween(DesiredState(before), DesiredState(after)), IsEmpty());
}

TEST(Changes, ANodeGivesUpItsPlaceOnTheWireBeforeAnotherTakesIt) {
  Config before, after;
  before.nodes = {NodeCalled("old"), NodeCalled("other")};
  before.nodes[0].underlay_address = "192.0.2.7"_ip;
  after.nodes = {NodeCalled("new")};
  after.nodes[0].underlay_address = "192.0.2.7"_ip;
  EXPECT_THAT(Described(before, after),
              ElementsAre("node old goes", "node new comes", "node other goes"));
}

TEST(Changes, ComeBeforeWhatGoesButForPorts) {
  Config before, after;
  before.pods = {PodCalled("gone", "10.0.0.1"_ip), PodCalled("kept", "10.0.0.2"_ip)};
  before.nodes = {NodeCalled("gone"), NodeCalled("kept")};
  before.routes = {{.prefix = "10.0.1.0/24"_prefix, .node = "gone"},
                   {.prefix = "10.0.2.0/24"_prefix, .node = "gone"}};
  after.pods = {PodCalled("kept", "10.0.0.3"_ip), PodCalled("new", "10.0.0.1"_ip)};
  after.nodes = {NodeCalled("kept"), NodeCalled("new")};
  after.nodes[0].virtual_mac = "02:00:00:00:00:01"_mac;
  after.routes = {{.prefix = "10.0.2.0/24"_prefix, .node = "new"},
                  {.prefix = "10.0.3.0/24"_prefix, .node = "new"}};
  EXPECT_THAT(
      Described(before, after),
      ElementsAre("node kept changes", "node new comes", "route 10.0.2.0/24 changes",
                  "route 10.0.3.0/24 comes", "pod default/gone goes", "pod default/kept changes",
                  "pod default/new comes", "route 10.0.1.0/24 goes", "node gone goes"));
}

ServiceConfig ServiceCalled(const std::string& name, Ipv4Address address) {
  ServiceConfig service;
  service.name = name;
  service.address = address;
  return service;
}

TEST(Changes, ServicesHandTheirAddressesRound) {
  Config before, after;
  before.services = {ServiceCalled("a", "10.96.0.1"_ip), ServiceCalled("b", "10.96.0.2"_ip),
                     ServiceCalled("gone", "10.96.0.3"_ip), ServiceCalled("kept", "10.96.0.4"_ip)};
  after.services = {ServiceCalled("a", "10.96.0.2"_ip), ServiceCalled("b", "10.96.0.1"_ip),
                    ServiceCalled("new", "10.96.0.3"_ip), ServiceCalled("kept", "10.96.0.4"_ip)};
  after.services[3].session_affinity = absl::Hours(1);
  EXPECT_THAT(
      Described(before, after),
      ElementsAre("service default/gone goes", "service default/a goes", "service default/b goes",
                  "service default/kept changes", "service default/new comes",
                  "service default/a comes", "service default/b comes"));
}

ServiceConfig ServiceOutside(const std::string& name, Ipv4Address address,
                             const std::vector<Ipv4Address>& external, uint16_t node_port) {
  ServiceConfig service = ServiceCalled(name, address);
  service.external_addresses = external;
  ServicePortConfig port;
  port.port = 80;
  port.node_port = node_port;
  service.ports = {port};
  return service;
}

// Nobody else's connections end by that.
TEST(Changes, ServicesLetGoOfWhatOthersAreToHave) {
  const Ipv4Address x = "203.0.113.1"_ip, y = "203.0.113.2"_ip, z = "203.0.113.3"_ip;
  Config before, after;
  before.services = {ServiceOutside("a", "10.96.0.1"_ip, {x, z}, 30001),
                     ServiceOutside("b", "10.96.0.2"_ip, {y}, 30002),
                     ServiceOutside("c", "10.96.0.3"_ip, {}, 30003),
                     ServiceOutside("d", "10.96.0.4"_ip, {}, 0)};
  after.services = {ServiceOutside("a", "10.96.0.1"_ip, {y, z}, 30001),
                    ServiceOutside("b", "10.96.0.2"_ip, {x}, 30003),
                    ServiceOutside("c", "10.96.0.3"_ip, {}, 0),
                    ServiceOutside("d", "10.96.0.4"_ip, {}, 30004),
                    ServiceOutside("new", "10.96.0.5"_ip, {}, 30002)};
  const auto change = [](const ServiceConfig& from, const ServiceConfig& to) {
    return Change{.before = from, .after = to};
  };
  const ServiceConfig a = ServiceOutside("a", "10.96.0.1"_ip, {z}, 30001);
  const ServiceConfig b = ServiceOutside("b", "10.96.0.2"_ip, {}, 0);
  EXPECT_THAT(
      ChangesBetween(DesiredState(before), DesiredState(after)),
      ElementsAre(change(before.services[0], a), change(before.services[1], b),
                  change(before.services[2], after.services[2]), change(a, after.services[0]),
                  change(b, after.services[1]), change(before.services[3], after.services[3]),
                  Change{.before = std::nullopt, .after = after.services[4]}));
}

TEST(Changes, CarryBothSides) {
  Config before, after;
  before.routes = {{.prefix = "10.0.2.0/24"_prefix, .node = "b"}};
  after.routes = {{.prefix = "10.0.2.0/24"_prefix, .node = "c"}};
  EXPECT_THAT(ChangesBetween(DesiredState(before), DesiredState(after)),
              ElementsAre(Change{.before = before.routes[0], .after = after.routes[0]}));
}

TEST(Changes, OthersThanOfObjectsNeedARestart) {
  Config before;
  Config after = before;
  after.hairpin_mode = HairpinMode::kNone;
  after.pods = {PodCalled("a", "10.0.0.1"_ip)};
  after.services = {ServiceCalled("a", "10.96.0.1"_ip)};
  EXPECT_TRUE(CheckReloadable(before, after).ok());
  after.workers.cores = {3};
  EXPECT_EQ(CheckReloadable(before, after).message(),
            "workers differs from what podwarp was started with, and can be changed by a restart "
            "only");
  after.uplinks.emplace_back();
  EXPECT_EQ(CheckReloadable(before, after).message(),
            "uplinks, workers differ from what podwarp was started with, and can be changed by a "
            "restart only");
  after = before;
  after.uplinks = before.uplinks = {UplinkConfig()};
  after.uplinks[0].announce_services = true;
  EXPECT_THAT(std::string(CheckReloadable(before, after).message()), StartsWith("uplinks differs"));
  after = before;
  after.hairpin_address = "10.0.0.9"_ip;
  after.connections.capacity = 1024;
  after.metrics = MetricsConfig{.address = "127.0.0.1"_ip, .port = 9464};
  EXPECT_EQ(CheckReloadable(before, after).message(),
            "hairpin_address, connections, metrics differ from what podwarp was started with, and "
            "can be changed by a restart only");
}

}  // namespace
}  // namespace podwarp::test
