#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "control/reloader.h"
#include "support/eventually.h"
#include "unit/control/reconciler_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Outcome = EditResult::Outcome;

TEST_F(ReconcilerTest, TheNodeHasWhatTheApiSays) {
  EditResult result = Apply(Put(api_));
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.outcome, Outcome::kCreated);
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "pod default/api");
  EXPECT_EQ(Apply(Put(api_)).outcome, Outcome::kUnchanged);

  PodConfig moved = api_;
  moved.addresses = {"10.244.1.13"_ip};
  result = Apply(Put(moved));
  EXPECT_EQ(result.outcome, Outcome::kChanged);
  EXPECT_EQ(result.before, Object(api_));
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "ranges");
  EXPECT_EQ(OwnerOf("10.244.1.13"_ip), "pod default/api");

  EXPECT_EQ(Apply(Delete(ObjectKind::kPod, "default/api")).outcome, Outcome::kDeleted);
  EXPECT_EQ(OwnerOf("10.244.1.13"_ip), "ranges");
  EXPECT_EQ(Apply(Delete(ObjectKind::kPod, "default/api")).outcome, Outcome::kAbsent);
}

TEST_F(ReconcilerTest, EachOfManyEditsStandsAlone) {
  std::vector<Edit> edits;
  for (uint32_t i = 0; i < 200; ++i) {
    edits.push_back(Put(RouteConfig{.prefix = Ipv4Prefix::Host(Ipv4Address(0x0af40000 + i)),
                                    .node = i % 2 == 0 ? "node-b" : "node-x"}));
  }
  const std::vector<EditResult> results = reconciler_->Apply(edits);
  for (uint32_t i = 0; i < 200; ++i) EXPECT_EQ(results[i].status.ok(), i % 2 == 0) << i;
  EXPECT_EQ(OwnerOf("10.244.0.4"_ip), "node node-b");
  EXPECT_EQ(OwnerOf("10.244.0.5"_ip), "ranges");
  Restart();
  EXPECT_EQ(OwnerOf("10.244.0.4"_ip), "node node-b");
  EXPECT_EQ(OwnerOf("10.244.0.5"_ip), "ranges");
}

TEST_F(ReconcilerTest, ItIsThereAgainAfterARestart) {
  RemoteNodeConfig node = config_.nodes[0];
  node.name = "node-c";
  node.virtual_mac = kNodeCMac;
  node.pod_ranges = {"10.244.3.0/24"_prefix};
  EXPECT_TRUE(Apply(Put(api_)).status.ok());
  EXPECT_TRUE(Apply(Put(node)).status.ok());
  EXPECT_TRUE(
      Apply(Put(RouteConfig{.prefix = "10.244.1.77/32"_prefix, .node = "node-c"})).status.ok());
  Restart();
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "pod default/api");
  EXPECT_EQ(OwnerOf(kOnC), "node node-c");
  EXPECT_EQ(OwnerOf("10.244.1.77"_ip), "node node-c");
  EXPECT_EQ(Apply(Put(api_)).outcome, Outcome::kUnchanged);
  EXPECT_TRUE(Apply(Delete(ObjectKind::kPod, "default/api")).status.ok());
  Restart();
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "ranges");
}

TEST_F(ReconcilerTest, WhatTheNodeRefusesLeavesNothingBehind) {
  // The adjacency table has 256 places.
  const std::vector<Edit> edits = PutNodes(300);
  const std::vector<EditResult> results = reconciler_->Apply(edits);
  const auto refusal = std::find_if(results.begin(), results.end(),
                                    [](const EditResult& result) { return !result.status.ok(); });
  ASSERT_NE(refusal, results.end());
  EXPECT_TRUE(absl::IsResourceExhausted(refusal->status)) << refusal->status;
  const size_t made = static_cast<size_t>(refusal - results.begin());
  const std::string key = edits[made].key;
  EXPECT_FALSE(reconciler_->WithState(
      [&](const DesiredState& state) { return state.Find(ObjectKind::kNode, key).has_value(); }));
  // There is room again.
  EXPECT_TRUE(Apply(Delete(ObjectKind::kNode, edits[0].key)).status.ok());
  OnControl([&] {
    tables_->rcu.Synchronize();
    return true;
  });
  EXPECT_TRUE(Apply(edits[made]).status.ok());
}

TEST_F(ReconcilerTest, WhatTheDiskRefusesLeavesNothingBehind) {
  ASSERT_TRUE(Apply(Put(route_)).status.ok());
  PodConfig unwritable = api_;
  unwritable.port = TapPortConfig{.interface = "eth0", .netns = "/run/\xff"};
  const std::vector<Edit> edits = {Delete(ObjectKind::kRoute, "10.244.1.77/32"), Put(unwritable)};
  for (const EditResult& result : reconciler_->Apply(edits)) {
    EXPECT_THAT(std::string(result.status.message()), HasSubstr("isn't UTF-8"));
  }
  EXPECT_EQ(OwnerOf("10.244.1.77"_ip), "node node-b");
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "ranges");
  EXPECT_EQ(Apply(Put(route_)).outcome, Outcome::kUnchanged);
}

TEST_F(ReconcilerTest, WhatTheNodeHasNoPlaceForAtAStartIsKept) {
  const std::vector<Edit> edits = PutNodes(100);
  for (const EditResult& result : reconciler_->Apply(edits)) ASSERT_TRUE(result.status.ok());
  const auto hidden = [&] {
    return reconciler_->WithState(
        [](const DesiredState& state) { return state.hidden(Origin::kApi); });
  };
  adjacencies_ = 64;
  Restart();
  EXPECT_GT(hidden(), 0u);
  EXPECT_LT(hidden(), 100u);
  adjacencies_ = 256;
  Restart();
  EXPECT_EQ(hidden(), 0u);
}

TEST_F(ReconcilerTest, WhatTheNodeRefusesAgainStaysHidden) {
  for (const EditResult& result : reconciler_->Apply(PutNodes(100))) {
    ASSERT_TRUE(result.status.ok());
  }
  adjacencies_ = 64;
  Restart();
  const std::vector<std::string> hidden = reconciler_->WithState(
      [](const DesiredState& state) { return state.ListHidden(Origin::kApi, 1000); });
  ASSERT_FALSE(hidden.empty());
  const std::string key = hidden[0].substr(5, hidden[0].find(':') - 5);  // of "node KEY: why"
  const auto is_hidden = [&] {
    return reconciler_->WithState([&](const DesiredState& state) {
      return !state.Find(ObjectKind::kNode, key).value().why_hidden.empty();
    });
  };
  const auto edits = PutNodes(100);
  const auto edit =
      std::find_if(edits.begin(), edits.end(), [&](const Edit& each) { return each.key == key; });
  EXPECT_TRUE(absl::IsResourceExhausted(Apply(*edit).status));
  EXPECT_TRUE(is_hidden());
  // A reload tries it again.
  EXPECT_THAT(Reload(config_)->failed, SizeIs(hidden.size()));
  EXPECT_TRUE(is_hidden());
  EXPECT_EQ(Apply(Delete(ObjectKind::kNode, key)).outcome, Outcome::kDeleted);
}

TEST_F(ReconcilerTest, WhatFollowsARefusedEditIsLookedAtAgain) {
  const std::vector<Edit> nodes = PutNodes(300);
  const std::vector<EditResult> full = reconciler_->Apply(nodes);
  const size_t refused = static_cast<size_t>(
      std::find_if(full.begin(), full.end(), [](const EditResult& r) { return !r.status.ok(); }) -
      full.begin());
  ASSERT_LT(refused, nodes.size());
  // In one batch: a node without a place, a route to it, and the same route to one that is there.
  const Ipv4Prefix prefix = route_.prefix;
  const std::vector<Edit> edits = {nodes[refused],
                                   Put(RouteConfig{.prefix = prefix, .node = nodes[refused].key}),
                                   Put(RouteConfig{.prefix = prefix, .node = "node-b"})};
  const std::vector<EditResult> results = reconciler_->Apply(edits);
  EXPECT_TRUE(absl::IsResourceExhausted(results[0].status)) << results[0].status;
  EXPECT_THAT(std::string(results[1].status.message()), HasSubstr("no node is called"));
  EXPECT_TRUE(results[2].status.ok()) << results[2].status;
  EXPECT_EQ(OwnerOf(prefix.network()), "node node-b");
  EXPECT_EQ(Apply(Delete(ObjectKind::kRoute, prefix.ToString())).outcome, Outcome::kDeleted);
  EXPECT_EQ(OwnerOf(prefix.network()), "ranges");
}

TEST_F(ReconcilerTest, WhatNobodyUnderstandsCanBeDeleted) {
  End();
  {
    absl::StatusOr<SqliteHandle> database = OpenSqlite(folder_ / "state.db");
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(
        RunSql(database->get(), "INSERT INTO objects VALUES ('pod', 'default/x', '{')").ok());
  }
  const auto notes = [&] {
    return reconciler_->WithState([&](const DesiredState&) { return reconciler_->StoreNotes(); });
  };
  Begin();
  EXPECT_THAT(notes(), ElementsAre(HasSubstr("pod default/x: is not JSON")));
  Apply(Delete(ObjectKind::kPod, "default/x"));
  EXPECT_THAT(notes(), IsEmpty());
  End();
  Begin();
  EXPECT_THAT(notes(), IsEmpty());
}

TEST_F(ReconcilerTest, WhatTheFileHidesCanBeDeleted) {
  ASSERT_TRUE(Apply(Put(api_)).status.ok());
  Config next = config_;
  next.pods.push_back(api_);
  ASSERT_TRUE(Reload(next).ok());
  EXPECT_EQ(Apply(Delete(ObjectKind::kPod, "default/api")).outcome, Outcome::kDeleted);
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "pod default/api");
  EXPECT_TRUE(absl::IsFailedPrecondition(Apply(Delete(ObjectKind::kPod, "default/api")).status));
  ASSERT_TRUE(Reload(config_).ok());
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "ranges");
}

TEST_F(ReconcilerTest, NothingIsChangedOnceItStops) {
  loop_->Stop();
  control_.join();
  EXPECT_TRUE(absl::IsUnavailable(Apply(Put(api_)).status));
  EXPECT_FALSE(reconciler_->WithState([](const DesiredState& state) {
    return state.Find(ObjectKind::kPod, "default/api").has_value();
  }));
}

TEST_F(ReconcilerTest, FollowsTheFile) {
  Config next = config_;
  next.pods.erase(next.pods.begin());  // web
  next.pods.push_back(api_);
  next.routes.clear();
  next.nodes[0].virtual_mac = kNodeCMac;
  next.hairpin_mode = HairpinMode::kPromiscuousArp;
  EXPECT_EQ(Reload(next)->changes, 4u);
  EXPECT_EQ(OwnerOf(kWeb), "ranges");
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "pod default/api");
  EXPECT_EQ(OwnerOf("10.244.1.99"_ip), "ranges");
  EXPECT_EQ(OnControl([&] { return Toward(kOnB).destination; }), kNodeCMac);
  EXPECT_TRUE(OnControl([&] { return tables_->settings().promiscuous_arp; }));
  // And back.
  EXPECT_EQ(Reload(config_)->changes, 4u);
  EXPECT_EQ(OwnerOf(kWeb), "pod default/web");
  EXPECT_EQ(OwnerOf("10.244.1.99"_ip), "node node-b");
}

TEST_F(ReconcilerTest, AReloadTouchesNothingThatStays) {
  const auto place = [&] {
    return OnControl([&] {
      return std::pair(node_->pods().at("default/db").port,
                       node_->owners().Find("pod default/db")->adjacency);
    });
  };
  const auto before = place();
  Config next = config_;
  next.pods.erase(next.pods.begin());
  EXPECT_EQ(Reload(next)->changes, 1u);
  EXPECT_EQ(place(), before);
}

TEST_F(ReconcilerTest, ServicesHandTheirExternalAddressesAndNodePortsRound) {
  const Ipv4Address x = "203.0.113.1"_ip, y = "203.0.113.2"_ip;
  ServiceConfig web = MakeService({kDb}), other = MakeService({kDb});
  other.name = "other";
  other.address = "10.96.0.11"_ip;
  const auto with = [&](Ipv4Address of_web, uint16_t port_of_web, Ipv4Address of_other,
                        uint16_t port_of_other) {
    Config config = config_;
    web.external_addresses = {of_web};
    web.ports[0].node_port = port_of_web;
    other.external_addresses = {of_other};
    other.ports[0].node_port = port_of_other;
    config.services = {web, other};
    return config;
  };
  const auto find = [&](Ipv4Address address, uint16_t port) {
    return OnControl([&] {
      const Service* service = tables_->services.Find(
          {.address = address, .port = Be16(port), .protocol = kIpProtocolUdp});
      return service == nullptr || service->all.ready.empty()
                 ? std::pair(std::string(), BackendId())
                 : std::pair(service->name, service->all.ready[0].id);
    });
  };
  EXPECT_THAT(Reload(with(x, 30001, y, 30002))->failed, IsEmpty());
  const auto at_its_address = find(kServiceAddress, 2);
  EXPECT_EQ(find(x, 2).first, "default/web:2/udp");
  EXPECT_THAT(Reload(with(y, 30002, x, 30001))->failed, IsEmpty());
  EXPECT_EQ(find(x, 2).first, "default/other:2/udp");
  EXPECT_EQ(find(y, 2).first, "default/web:2/udp");
  EXPECT_EQ(find(kUnderlay, 30001).first, "default/other:2/udp");
  EXPECT_EQ(find(kUnderlay, 30002).first, "default/web:2/udp");
  EXPECT_EQ(OwnerOf(x), "external services");
  // Who calls another of its addresses notices nothing: the backend is the same.
  EXPECT_EQ(find(kServiceAddress, 2), at_its_address);
}

// What the API said has its place again when the file's has let go.
TEST_F(ReconcilerTest, TheFileTakesAnExternalAddressAndGivesItBack) {
  const Ipv4Address x = "203.0.113.1"_ip;
  ServiceConfig api = MakeService({kDb});
  api.external_addresses = {x};
  EXPECT_EQ(Apply(Put(api)).status, absl::OkStatus());
  ServiceConfig file = MakeService({kDb});
  file.name = "file";
  file.address = "10.96.0.11"_ip;
  Config letting = config_, taking = config_;
  letting.services = {file};
  file.external_addresses = {x};
  taking.services = {file};
  const auto why_hidden = [&] {
    return reconciler_->WithState([](const DesiredState& state) {
      return state.Find(ObjectKind::kService, "default/web")->why_hidden;
    });
  };
  EXPECT_THAT(Reload(taking)->failed, IsEmpty());
  EXPECT_EQ(why_hidden(),
            "external_addresses[0]: 203.0.113.1 is taken by service default/file; each needs one "
            "of its own");
  EXPECT_THAT(Reload(letting)->failed, IsEmpty());
  EXPECT_EQ(why_hidden(), "");
  EXPECT_TRUE(OnControl([&] { return node_->services().contains("default/web"); }));
}

TEST_F(ReconcilerTest, ABadFileLeavesEverythingAsItWas) {
  std::ofstream(options_.config) << "pods: 3\n";
  EXPECT_TRUE(absl::IsInvalidArgument(reconciler_->Reload().status()));
  EXPECT_EQ(OwnerOf(kWeb), "pod default/web");
  unlink(options_.config.c_str());
  EXPECT_TRUE(absl::IsNotFound(reconciler_->Reload().status()));
  EXPECT_EQ(OwnerOf(kWeb), "pod default/web");
}

TEST_F(ReconcilerTest, WhatNeedsARestartLeavesEverythingAsItWas) {
  Config next = config_;
  next.pods.clear();
  next.idle.max_sleep = absl::Milliseconds(2);
  EXPECT_TRUE(absl::IsFailedPrecondition(Reload(next).status()));
  EXPECT_EQ(OwnerOf(kWeb), "pod default/web");
}

TEST_F(ReconcilerTest, TheFileTakesTheApisPlaceAndGivesItBack) {
  ASSERT_TRUE(Apply(Put(api_)).status.ok());
  Config next = config_;
  next.pods.push_back(TapPod("other", "02:00:00:00:01:0d"_mac, "10.244.1.12"_ip));
  ASSERT_TRUE(Reload(next).ok());
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "pod default/other");
  EXPECT_FALSE(OnControl([&] { return node_->pods().contains("default/api"); }));
  ASSERT_TRUE(Reload(config_).ok());
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "pod default/api");
}

TEST_F(ReconcilerTest, ASignalsReloadRunsApart) {
  Config next = config_;
  next.pods.erase(next.pods.begin());
  Write(next);
  Reloader reloader(&*reconciler_);
  reloader.Ask();
  EXPECT_TRUE(Eventually([&] { return OwnerOf(kWeb) == "ranges"; }));
}

}  // namespace
}  // namespace podwarp::test
