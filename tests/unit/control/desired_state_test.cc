#include "control/desired_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/desired_objects.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DesiredStateTest : public testing::Test {
 protected:
  // "" if the edit can be made.
  std::string WrongWith(const Edit& edit) const {
    return std::string(state_.Check(edit).message());
  }
  absl::StatusCode CodeFor(const Edit& edit) const { return state_.Check(edit).code(); }
  DesiredState::Made Make(const Edit& edit) {
    const absl::Status status = state_.Check(edit);
    EXPECT_TRUE(status.ok()) << status;
    return state_.Make(edit);
  }

  // The only one; none if nothing changes.
  static std::optional<Change> ChangeOf(const DesiredState::Made& made) {
    EXPECT_LE(made.changes.size(), 1u);
    return made.changes.empty() ? std::nullopt : std::optional(made.changes[0]);
  }

  const PodConfig db_ = PodAt("db", "10.244.1.11"_ip);
  const RemoteNodeConfig node_c_ = NodeWith("node-c", "10.244.3.0/24"_prefix);
  DesiredState state_{FileConfig()};
};

TEST_F(DesiredStateTest, AnObjectComesChangesAndGoes) {
  EXPECT_EQ(ChangeOf(Make(Put(db_))), (Change{.before = std::nullopt, .after = db_}));
  EXPECT_EQ(ChangeOf(Make(Put(db_))), std::nullopt);
  PodConfig moved = db_;
  moved.addresses = {"10.244.1.12"_ip};
  EXPECT_EQ(ChangeOf(Make(Put(moved))), (Change{.before = db_, .after = moved}));
  EXPECT_EQ(state_.Find(ObjectKind::kPod, "default/db")->object, Object(moved));
  EXPECT_EQ(ChangeOf(Make(Delete(moved))), (Change{.before = moved, .after = std::nullopt}));
  EXPECT_EQ(ChangeOf(Make(Delete(moved))), std::nullopt);
  EXPECT_FALSE(state_.Find(ObjectKind::kPod, "default/db").has_value());
}

TEST_F(DesiredStateTest, WhatTheFileSaysCanBeChangedThereOnly) {
  const PodConfig web = PodAt("web", "10.244.1.12"_ip);
  for (const Edit& edit : {Put(web), Delete(web)}) {
    EXPECT_EQ(CodeFor(edit), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(WrongWith(edit), HasSubstr("pod default/web comes from the configuration file"));
  }
  EXPECT_EQ(state_.Find(ObjectKind::kPod, "default/web")->origin, Origin::kFile);
}

TEST_F(DesiredStateTest, WhatSomebodyHasNobodyElseGets) {
  Make(Put(db_));
  Make(Put(RouteTo("node-b", "10.244.1.77/32"_prefix)));
  const auto taken = [&](const Object& object, const std::string& sentence) {
    EXPECT_EQ(CodeFor(Put(object)), absl::StatusCode::kAlreadyExists) << sentence;
    EXPECT_EQ(WrongWith(Put(object)), sentence + "; each needs one of its own");
  };
  taken(PodAt("x", "10.244.1.10"_ip), "addresses[0]: 10.244.1.10 is taken by pod default/web");
  taken(PodAt("x", "10.244.1.11"_ip), "addresses[0]: 10.244.1.11 is taken by pod default/db");
  taken(PodAt("x", "10.244.1.1"_ip), "addresses[0]: 10.244.1.1 is taken by gateway.address");
  taken(PodAt("x", "10.244.1.77"_ip), "addresses[0]: 10.244.1.77 is taken by route 10.244.1.77/32");
  PodConfig twice = PodAt("x", "10.244.1.20"_ip);
  twice.addresses.push_back(twice.addresses[0]);
  taken(twice, "addresses[1]: 10.244.1.20 is taken by addresses[0]");
  PodConfig same_tap = PodAt("x", "10.244.1.20"_ip);
  same_tap.port = db_.port;
  taken(same_tap, "port.tap: eth0 in /run/netns/db is taken by pod default/db");
  PodConfig same_mac = PodAt("x", "10.244.1.20"_ip);
  same_mac.mac = FileConfig().virtual_mac;
  taken(same_mac, "mac: 02:11:22:33:44:55 is taken by virtual_mac");
  taken(RouteTo("node-b", "10.244.1.11/32"_prefix),
        "prefix: 10.244.1.11/32 is taken by pod default/db");
  taken(RouteTo("node-b", "10.244.2.0/24"_prefix), "prefix: 10.244.2.0/24 is taken by node node-b");
  taken(NodeWith("node-a", "10.244.9.0/24"_prefix), "name: node-a is taken by node_name");
  taken(NodeWith("node-x", "10.244.1.77/32"_prefix),
        "pod_ranges[0]: 10.244.1.77/32 is taken by route 10.244.1.77/32");
}

TEST_F(DesiredStateTest, WhatWasGivenUpCanBeHadAgain) {
  Make(Put(db_));
  PodConfig moved = db_;
  moved.addresses = {"10.244.1.12"_ip};
  Make(Put(moved));
  EXPECT_EQ(WrongWith(Put(PodAt("x", "10.244.1.11"_ip))), "");
  Make(Delete(moved));
  PodConfig same_tap = PodAt("x", "10.244.1.12"_ip);
  same_tap.port = db_.port;
  EXPECT_EQ(WrongWith(Put(same_tap)), "");
}

TEST_F(DesiredStateTest, AServiceComesChangesAndGoes) {
  const ServiceConfig web = ServiceAt("web", "10.96.0.11"_ip);
  ServiceConfig changed = web;
  changed.ports[0].backends = {
      {.address = "10.244.1.10"_ip, .port = 8080, .phase = BackendPhase::kReady}};
  EXPECT_EQ(ChangeOf(Make(Put(web))), (Change{.before = std::nullopt, .after = web}));
  EXPECT_EQ(ChangeOf(Make(Put(web))), std::nullopt);
  EXPECT_EQ(ChangeOf(Make(Put(changed))), (Change{.before = web, .after = changed}));
  EXPECT_EQ(state_.Find(ObjectKind::kService, "default/web")->object, Object(changed));
  EXPECT_EQ(state_.List(ObjectKind::kService, "default/dns", 9).size(), 1u);
  EXPECT_EQ(ChangeOf(Make(Delete(changed))), (Change{.before = changed, .after = std::nullopt}));
  EXPECT_FALSE(state_.Find(ObjectKind::kService, "default/web").has_value());
}

TEST_F(DesiredStateTest, AServiceHasItsAddressAlone) {
  EXPECT_EQ(WrongWith(Put(ServiceAt("web", "10.96.0.10"_ip))),
            "address: 10.96.0.10 is taken by service default/dns; each needs one of its own");
  EXPECT_EQ(WrongWith(Put(ServiceAt("web", "10.97.0.10"_ip))),
            "address: 10.97.0.10 is outside service_ranges (10.96.0.0/16)");
  EXPECT_THAT(WrongWith(Put(ServiceAt("dns", "10.96.0.11"_ip))),
              HasSubstr("service default/dns comes from the configuration file"));
  ServiceConfig other = ServiceAt("dns", "10.96.0.11"_ip);
  other.service_namespace = "other";
  Make(Put(other));
  other.address = "10.96.0.12"_ip;
  Make(Put(other));
  EXPECT_EQ(WrongWith(Put(ServiceAt("web", "10.96.0.11"_ip))), "");
  EXPECT_THAT(WrongWith(Put(ServiceAt("web", "10.96.0.12"_ip))),
              HasSubstr("10.96.0.12 is taken by service other/dns"));
}

// Callable from the wire, too.
ServiceConfig ServiceOutside(const std::string& name, Ipv4Address address, Ipv4Address external,
                             uint16_t node_port) {
  ServiceConfig service = ServiceAt(name, address);
  service.external_addresses = {external};
  service.ports[0].node_port = node_port;
  return service;
}

TEST_F(DesiredStateTest, AServiceHasItsExternalAddressesAndNodePortsAlone) {
  const ServiceConfig web =
      ServiceOutside("web", "10.96.0.11"_ip, "203.0.113.1"_ip, uint16_t{30080});
  Make(Put(web));
  EXPECT_EQ(WrongWith(Put(ServiceOutside("b", "10.96.0.12"_ip, "203.0.113.1"_ip, 30081))),
            "external_addresses[0]: 203.0.113.1 is taken by service default/web; each needs one of "
            "its own");
  ServiceConfig other = ServiceOutside("b", "10.96.0.12"_ip, "203.0.113.2"_ip, 30080);
  EXPECT_EQ(WrongWith(Put(other)),
            "ports[0].node_port: 30080/tcp is taken by service default/web; each needs one of its "
            "own");
  other.ports[0].protocol = 17;
  Make(Put(other));
  other.ports.push_back(other.ports[0]);
  EXPECT_EQ(WrongWith(Put(other)),
            "ports[1].node_port: 30080/udp is taken by ports[0].node_port; each needs one of its "
            "own");
  EXPECT_EQ(WrongWith(Put(ServiceOutside("c", "10.96.0.13"_ip, "192.0.2.1"_ip, 30083))),
            "external_addresses[0]: 192.0.2.1 is taken by uplinks[0].address; each needs one of "
            "its own");
  EXPECT_EQ(WrongWith(Put(ServiceOutside("c", "10.96.0.13"_ip, "10.244.1.2"_ip, 30083))),
            "external_addresses[0]: 10.244.1.2 is inside 10.244.0.0/16 of pod_ranges[0]; expected "
            "one outside the cluster");
  // What it lets go of is free again.
  Make(Put(ServiceAt("web", "10.96.0.11"_ip)));
  EXPECT_EQ(WrongWith(Put(ServiceOutside("c", "10.96.0.13"_ip, "203.0.113.1"_ip, 30080))), "");
}

TEST_F(DesiredStateTest, AServiceOfTheFileTakesExternalAddressesAndNodePorts) {
  Make(Put(ServiceOutside("a", "10.96.0.11"_ip, "203.0.113.1"_ip, 30081)));
  Make(Put(ServiceOutside("b", "10.96.0.12"_ip, "203.0.113.2"_ip, 30082)));
  Config config = FileConfig();
  config.services.push_back(ServiceOutside("taker", "10.96.0.13"_ip, "203.0.113.1"_ip, 30082));
  const DesiredState taken(config, state_);
  EXPECT_THAT(taken.ListHidden(Origin::kApi, 9),
              ElementsAre("service default/a: external_addresses[0]: 203.0.113.1 is taken by "
                          "service default/taker; each needs one of its own",
                          "service default/b: ports[0].node_port: 30082/tcp is taken by service "
                          "default/taker; each needs one of its own"));
  EXPECT_THAT(DesiredState(FileConfig(), taken).ListHidden(Origin::kApi, 9), IsEmpty());
}

TEST_F(DesiredStateTest, AServiceOfTheApiOutlivesAReload) {
  const ServiceConfig web = ServiceAt("web", "10.96.0.11"_ip);
  Make(Put(web));
  Config config = FileConfig();
  EXPECT_EQ(DesiredState(config, state_).Find(ObjectKind::kService, "default/web")->origin,
            Origin::kApi);
  config.services.push_back(ServiceAt("taker", "10.96.0.11"_ip));
  const DesiredState taken(config, state_);
  EXPECT_THAT(taken.ListHidden(Origin::kApi, 9),
              ElementsAre("service default/web: address: 10.96.0.11 is taken by service "
                          "default/taker; each needs one of its own"));
  // The file lets go of it.
  EXPECT_EQ(DesiredState(FileConfig(), taken).Find(ObjectKind::kService, "default/web")->why_hidden,
            "");
}

TEST_F(DesiredStateTest, ObjectsKeepToTheNodesSettings) {
  const auto invalid = [&](const Object& object, const std::string& sentence) {
    EXPECT_EQ(CodeFor(Put(object)), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(WrongWith(Put(object)), sentence);
  };
  invalid(PodAt("x", "10.244.2.3"_ip),
          "addresses[0]: 10.244.2.3 is outside node_pod_ranges (10.244.1.0/24)");
  invalid(PodAt("x", "10.244.1.255"_ip),
          "addresses[0]: 10.244.1.255 is the network's or the broadcast address of 10.244.1.0/24 "
          "of node_pod_ranges[0]; expected one between");
  invalid(NodeWith("x", "10.9.0.0/24"_prefix),
          "pod_ranges[0]: 10.9.0.0/24 is outside pod_ranges (10.244.0.0/16)");
  RemoteNodeConfig node = node_c_;
  node.uplink = "uplink1";
  node.underlay_address = "192.0.3.7"_ip;
  invalid(node, "uplink: no uplink is called 'uplink1' (did you mean 'uplink0'?)");
  node.uplink = "uplink0";
  invalid(node,
          "underlay_address: 192.0.3.7 is not a host of the segment of uplink0, "
          "192.0.2.0/24 of uplinks[0].address");
  invalid(RouteTo("node-b", "10.9.0.0/32"_prefix),
          "prefix: 10.9.0.0/32 is outside pod_ranges (10.244.0.0/16)");
}

TEST_F(DesiredStateTest, RangesOfNodesAreApart) {
  Make(Put(node_c_));
  const auto overlaps = [&](const char* range, const std::string& what) {
    EXPECT_THAT(WrongWith(Put(NodeWith("x", *Ipv4Prefix::Parse(range)))), HasSubstr(what));
  };
  overlaps("10.244.2.128/25", "10.244.2.128/25 overlaps 10.244.2.0/24 of node node-b");
  overlaps("10.244.2.0/23", "10.244.2.0/23 overlaps 10.244.2.0/24 of node node-b");
  overlaps("10.244.3.0/24", "10.244.3.0/24 overlaps 10.244.3.0/24 of node node-c");
  overlaps("10.244.0.0/16", "10.244.0.0/16 overlaps 10.244.1.0/24 of node_pod_ranges");
  overlaps("10.244.4.0/24", "");
  // Its own may become wider and narrower.
  EXPECT_EQ(WrongWith(Put(NodeWith("node-c", "10.244.3.0/25"_prefix))), "");
  EXPECT_THAT(WrongWith(Put(NodeWith("node-c", "10.244.2.0/23"_prefix))), HasSubstr("node-b"));
  RemoteNodeConfig twice = node_c_;
  twice.pod_ranges.push_back("10.244.3.64/26"_prefix);
  EXPECT_THAT(WrongWith(Put(twice)), HasSubstr("10.244.3.64/26 overlaps 10.244.3.0/24"));
}

TEST_F(DesiredStateTest, RoutesAndTheirNode) {
  const RouteConfig route = RouteTo("node-c", "10.244.1.77/32"_prefix);
  EXPECT_EQ(WrongWith(Put(route)), "node: no node is called 'node-c'");
  Make(Put(node_c_));
  Make(Put(route));
  EXPECT_EQ(CodeFor(Delete(node_c_)), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(WrongWith(Delete(node_c_)), HasSubstr("1 route(s) lead to node node-c"));
  Make(Put(RouteTo("node-b", route.prefix)));  // it moves
  EXPECT_EQ(WrongWith(Delete(node_c_)), "");
}

TEST_F(DesiredStateTest, ThereAreOnlySoManyVhostUserPorts) {
  PodConfig pod = PodAt("vm", "10.244.1.11"_ip);
  Config config = FileConfig();
  config.node_pod_ranges.clear();
  DesiredState state(config);
  for (uint32_t i = 0; i < 500; ++i) {
    pod = PodAt("vm-" + std::to_string(i), Ipv4Address("10.244.8.1"_ip.value() + i));
    pod.port = VhostUserPortConfig{.socket = "/run/" + pod.name, .server = true, .group = ""};
    ASSERT_TRUE(state.Check(Put(pod)).ok());
    state.Make(Put(pod));
  }
  PodConfig more = PodAt("more", "10.244.7.1"_ip);
  more.port = VhostUserPortConfig{.socket = "/run/more", .group = ""};
  EXPECT_EQ(state.Check(Put(more)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(state.Check(Put(pod)).ok());
  state.Make(Delete(pod));
  EXPECT_TRUE(state.Check(Put(more)).ok());
}

TEST_F(DesiredStateTest, UndoingIsAsIfNothingHadBeen) {
  const DesiredState::Made came = Make(Put(db_));
  PodConfig moved = db_;
  moved.addresses = {"10.244.1.12"_ip};
  const DesiredState::Made changed = Make(Put(moved));
  state_.Undo(changed);
  EXPECT_EQ(state_.Find(ObjectKind::kPod, "default/db")->object, Object(db_));
  EXPECT_NE(WrongWith(Put(PodAt("x", "10.244.1.11"_ip))), "");
  EXPECT_EQ(WrongWith(Put(PodAt("x", "10.244.1.12"_ip))), "");
  state_.Undo(came);
  EXPECT_EQ(WrongWith(Put(PodAt("x", "10.244.1.11"_ip))), "");
}

TEST_F(DesiredStateTest, WhatAnotherFileLeavesNoRoomForIsHiddenUntilItDoes) {
  Make(Put(db_));
  Make(Put(node_c_));
  Make(Put(RouteTo("node-b", "10.244.1.77/32"_prefix)));
  Config file = FileConfig();
  file.pods.push_back(PodAt("other", "10.244.1.11"_ip));  // db's address
  file.nodes.clear();                                     // no node-b
  DesiredState next(file, state_);
  EXPECT_EQ(next.hidden(Origin::kApi), 2u);
  EXPECT_THAT(next.ListHidden(Origin::kApi, 10),
              ElementsAre("pod default/db: addresses[0]: 10.244.1.11 is taken by pod "
                          "default/other; each needs one of its own",
                          "route 10.244.1.77/32: node: no node is called 'node-b'"));
  EXPECT_EQ(next.Find(ObjectKind::kPod, "default/db")->origin, Origin::kApi);
  EXPECT_NE(next.Find(ObjectKind::kPod, "default/db")->why_hidden, "");
  EXPECT_EQ(next.Find(ObjectKind::kNode, "node-c")->why_hidden, "");
  EXPECT_THAT(next.entries<RouteConfig>(), IsEmpty());

  const DesiredState back(FileConfig(), next);
  EXPECT_EQ(back.hidden(Origin::kApi), 0u);
  EXPECT_EQ(back.Find(ObjectKind::kRoute, "10.244.1.77/32")->object,
            Object(RouteTo("node-b", "10.244.1.77/32"_prefix)));
}

TEST_F(DesiredStateTest, AHiddenObjectCanBeChangedAndTakenAway) {
  Make(Put(db_));
  Config file = FileConfig();
  file.pods.push_back(PodAt("other", "10.244.1.11"_ip));
  state_ = DesiredState(file, state_);
  PodConfig moved = db_;
  moved.addresses = {"10.244.1.12"_ip};
  const DesiredState::Made made = Make(Put(moved));
  EXPECT_EQ(ChangeOf(made), (Change{.before = std::nullopt, .after = moved}));
  EXPECT_EQ(state_.hidden(Origin::kApi), 0u);
}

TEST_F(DesiredStateTest, ListsInTheOrderOfKeys) {
  Make(Put(RouteTo("node-b", "10.244.10.1/32"_prefix)));
  Make(Put(RouteTo("node-b", "10.244.9.1/32"_prefix)));
  Make(Put(RouteTo("node-b", "10.244.9.0/25"_prefix)));
  const auto list = [&](ObjectKind kind, const std::string& after, size_t limit) {
    std::vector<std::string> keys;
    for (const DesiredState::Listed& listed : state_.List(kind, after, limit)) {
      keys.push_back(KeyOf(listed.object));
    }
    return keys;
  };
  EXPECT_THAT(list(ObjectKind::kRoute, "", 10),
              ElementsAre("10.244.9.0/25", "10.244.9.1/32", "10.244.10.1/32"));
  EXPECT_THAT(list(ObjectKind::kRoute, "10.244.9.0/25", 1), ElementsAre("10.244.9.1/32"));
  EXPECT_THAT(list(ObjectKind::kRoute, "10.244.9.0/32", 1), ElementsAre("10.244.9.1/32"));
  Make(Put(db_));
  EXPECT_THAT(list(ObjectKind::kPod, "", 10), ElementsAre("default/db", "default/web"));
  EXPECT_THAT(list(ObjectKind::kPod, "default/web", 10), IsEmpty());
}

}  // namespace
}  // namespace podwarp::test
