// What the node has of the file, the API and Kubernetes together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/desired_objects.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DesiredSourcesTest : public testing::Test {
 protected:
  // By the API, by Kubernetes; then all that there is room for again comes back.
  std::vector<Change> Api(const Edit& edit) {
    const absl::Status status = state_.Check(edit);
    EXPECT_TRUE(status.ok()) << status;
    return Settled(state_.Make(edit));
  }
  std::vector<Change> Kubernetes(const Edit& edit) { return Settled(state_.MakeKubernetes(edit)); }

  // "api", "kubernetes hidden", "" if it isn't there.
  std::string HowIs(const Object& object) const {
    const auto listed = state_.Find(KindOf(object), KeyOf(object));
    if (!listed.has_value()) return "";
    return std::string(ToString(listed->origin)) + (listed->why_hidden.empty() ? "" : " hidden");
  }
  std::string WhyHidden(const Object& object) const {
    return state_.Find(KindOf(object), KeyOf(object)).value().why_hidden;
  }
  static std::vector<std::string> Described(const std::vector<Change>& changes) {
    std::vector<std::string> described;
    for (const Change& change : changes) described.push_back(Describe(change));
    return described;
  }

  const ServiceConfig cart_ = ServiceAt("cart", "10.96.0.20"_ip);
  const ServiceConfig other_cart_ = ServiceAt("cart", "10.96.0.21"_ip);
  const RemoteNodeConfig node_c_ = NodeWith("node-c", "10.244.3.0/24"_prefix);
  const RouteConfig route_ = RouteTo("node-c", "10.244.1.77/32"_prefix);
  DesiredState state_{FileConfig()};

 private:
  std::vector<Change> Settled(DesiredState::Made made) {
    std::vector<Change> changes = std::move(made.changes);
    while (const auto returned = state_.BringBack()) {
      const std::vector<Change>& more = returned->made.changes;
      changes.insert(changes.end(), more.begin(), more.end());
    }
    return changes;
  }
};

TEST_F(DesiredSourcesTest, AnObjectOfKubernetesComesChangesAndGoes) {
  EXPECT_THAT(Kubernetes(Put(cart_)), ElementsAre(Change{std::nullopt, cart_}));
  EXPECT_THAT(Kubernetes(Put(cart_)), IsEmpty());
  EXPECT_EQ(HowIs(cart_), "kubernetes");
  EXPECT_THAT(Kubernetes(Put(other_cart_)), ElementsAre(Change{cart_, other_cart_}));
  EXPECT_THAT(Kubernetes(Delete(cart_)), ElementsAre(Change{other_cart_, std::nullopt}));
  EXPECT_THAT(Kubernetes(Delete(cart_)), IsEmpty());
  EXPECT_EQ(HowIs(cart_), "");
}

TEST_F(DesiredSourcesTest, WhatTheFileHasKubernetesCannotChange) {
  const ServiceConfig dns = ServiceAt("dns", "10.96.0.99"_ip);
  EXPECT_THAT(Kubernetes(Put(dns)), IsEmpty());
  EXPECT_EQ(HowIs(dns), "file");
  EXPECT_THAT(state_.ListHidden(Origin::kKubernetes, 9),
              ElementsAre("service default/dns: the configuration file has it, too"));
  EXPECT_THAT(Kubernetes(Delete(dns)), IsEmpty());
  EXPECT_EQ(HowIs(dns), "file");
  EXPECT_EQ(state_.hidden(Origin::kKubernetes), 0u);
}

TEST_F(DesiredSourcesTest, TheApisTakesThePlaceOfKubernetesAndGivesItBack) {
  Kubernetes(Put(cart_));
  EXPECT_THAT(Api(Put(other_cart_)), ElementsAre(Change{cart_, other_cart_}));
  EXPECT_EQ(HowIs(cart_), "api");
  EXPECT_THAT(state_.ListHidden(Origin::kKubernetes, 9),
              ElementsAre("service default/cart: the API has it, too"));
  // Kubernetes goes on meanwhile.
  const ServiceConfig third = ServiceAt("cart", "10.96.0.22"_ip);
  EXPECT_THAT(Kubernetes(Put(third)), IsEmpty());
  // No packet sees that one went.
  EXPECT_THAT(Api(Delete(cart_)), ElementsAre(Change{other_cart_, third}));
  EXPECT_EQ(HowIs(cart_), "kubernetes");
  EXPECT_EQ(state_.hidden(Origin::kKubernetes), 0u);
}

TEST_F(DesiredSourcesTest, TheSameSaidByTheApiIsTheApis) {
  Kubernetes(Put(cart_));
  const DesiredState::Made made = state_.Make(Put(cart_));
  EXPECT_THAT(made.changes, IsEmpty());
  EXPECT_TRUE(made.is_other);
  EXPECT_EQ(made.outcome, EditResult::Outcome::kCreated);
  EXPECT_EQ(HowIs(cart_), "api");
  state_.Undo(made);
  EXPECT_EQ(HowIs(cart_), "kubernetes");
}

TEST_F(DesiredSourcesTest, TheApiCannotTakeAwayWhatIsOfKubernetes) {
  Kubernetes(Put(cart_));
  Kubernetes(Put(ServiceAt("hidden", "10.96.0.20"_ip)));
  for (const char* name : {"cart", "hidden"}) {
    const absl::Status status = state_.Check(Delete(ServiceAt(name, "10.96.0.20"_ip)));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("comes from Kubernetes; it can be taken out there only"));
  }
}

TEST_F(DesiredSourcesTest, AClaimOfTheApiGoesBeforeThatOfKubernetes) {
  Kubernetes(Put(node_c_));
  Kubernetes(Put(route_));
  // A pod comes here, and Kubernetes has still the route to where the address was.
  const PodConfig pod = PodAt("moved", "10.244.1.77"_ip);
  EXPECT_THAT(Described(Api(Put(pod))),
              ElementsAre("route 10.244.1.77/32 goes", "pod default/moved comes"));
  EXPECT_THAT(WhyHidden(route_), HasSubstr("is taken by pod default/moved"));
  EXPECT_THAT(Described(Api(Delete(pod))),
              ElementsAre("pod default/moved goes", "route 10.244.1.77/32 comes"));
  Api(Put(pod));
  Kubernetes(Delete(route_));
  EXPECT_THAT(Described(Api(Delete(pod))), ElementsAre("pod default/moved goes"));
}

TEST_F(DesiredSourcesTest, WhatWaitsForAnAddressComesWhenItsHolderChanges) {
  Kubernetes(Put(cart_));
  const ServiceConfig waits = ServiceAt("waits", "10.96.0.20"_ip);
  EXPECT_THAT(Kubernetes(Put(waits)), IsEmpty());
  EXPECT_EQ(WhyHidden(waits),
            "address: 10.96.0.20 is taken by service default/cart; each needs one of its own");
  EXPECT_THAT(Described(Kubernetes(Put(other_cart_))),
              ElementsAre("service default/cart changes", "service default/waits comes"));
  EXPECT_EQ(HowIs(waits), "kubernetes");
}

TEST_F(DesiredSourcesTest, AnObjectThatLosesItsPlaceByItsOwnChangeIsNotThereAnyMore) {
  Kubernetes(Put(cart_));
  Api(Put(ServiceAt("holder", "10.96.0.21"_ip)));
  EXPECT_THAT(Described(Kubernetes(Put(other_cart_))), ElementsAre("service default/cart goes"));
  EXPECT_EQ(HowIs(cart_), "kubernetes hidden");
}

TEST_F(DesiredSourcesTest, ARouteOfKubernetesWaitsForItsNode) {
  EXPECT_THAT(Kubernetes(Put(route_)), IsEmpty());
  EXPECT_EQ(WhyHidden(route_), "node: no node is called 'node-c'");
  EXPECT_THAT(Described(Kubernetes(Put(node_c_))),
              ElementsAre("node node-c comes", "route 10.244.1.77/32 comes"));
  EXPECT_THAT(Described(Kubernetes(Delete(node_c_))),
              ElementsAre("route 10.244.1.77/32 goes", "node node-c goes"));
  EXPECT_EQ(HowIs(route_), "kubernetes hidden");
}

TEST_F(DesiredSourcesTest, ARouteOfTheApiOutlivesANodeOfKubernetes) {
  Kubernetes(Put(node_c_));
  Api(Put(route_));
  Kubernetes(Delete(node_c_));
  EXPECT_EQ(HowIs(route_), "api hidden");
  Kubernetes(Put(node_c_));
  EXPECT_EQ(HowIs(route_), "api");
}

TEST_F(DesiredSourcesTest, ANodeOfTheApiTakesARange) {
  Kubernetes(Put(node_c_));
  Kubernetes(Put(route_));
  const RemoteNodeConfig wide = NodeWith("wide", "10.244.3.0/25"_prefix);
  EXPECT_THAT(Described(Api(Put(wide))),
              ElementsAre("route 10.244.1.77/32 goes", "node node-c goes", "node wide comes"));
  EXPECT_EQ(WhyHidden(node_c_),
            "pod_ranges: 10.244.3.0/24 overlaps 10.244.3.0/25 of node wide; they must be apart");
  EXPECT_THAT(Described(Api(Delete(wide))),
              ElementsAre("node wide goes", "node node-c comes", "route 10.244.1.77/32 comes"));
}

TEST_F(DesiredSourcesTest, RoutesStayWhileTheirNodeChangesHands) {
  Kubernetes(Put(node_c_));
  Kubernetes(Put(route_));
  Api(Put(RouteTo("node-c", "10.244.1.78/32"_prefix)));
  RemoteNodeConfig other = node_c_;
  other.virtual_mac = "02:00:00:00:00:99"_mac;
  EXPECT_THAT(Described(Api(Put(other))), ElementsAre("node node-c changes"));
  EXPECT_THAT(Described(Api(Delete(other))), ElementsAre("node node-c changes"));
  EXPECT_EQ(HowIs(route_), "kubernetes");
}

TEST_F(DesiredSourcesTest, RoutesOfKubernetesDoNotKeepANodeOfTheApi) {
  Api(Put(node_c_));
  Kubernetes(Put(route_));
  EXPECT_THAT(Described(Api(Delete(node_c_))),
              ElementsAre("route 10.244.1.77/32 goes", "node node-c goes"));
  Api(Put(node_c_));
  EXPECT_EQ(HowIs(route_), "kubernetes");
  Api(Put(RouteTo("node-c", "10.244.1.78/32"_prefix)));
  EXPECT_THAT(std::string(state_.Check(Delete(node_c_)).message()),
              HasSubstr("1 route(s) lead to node node-c"));
}

TEST_F(DesiredSourcesTest, WhatDoesNotFitOrIsNotWholeIsHidden) {
  const ServiceConfig outside = ServiceAt("outside", "192.0.2.9"_ip);
  Kubernetes(Put(outside));
  EXPECT_THAT(WhyHidden(outside), HasSubstr("192.0.2.9 is outside service_ranges"));
  ServiceConfig empty = cart_;
  empty.ports.clear();
  Kubernetes(Put(empty));
  EXPECT_THAT(WhyHidden(empty), HasSubstr("ports"));
  Kubernetes(Put(cart_));
  EXPECT_EQ(HowIs(cart_), "kubernetes");
}

TEST_F(DesiredSourcesTest, TwoNodesWithOneMacAreNotBothThere) {
  RemoteNodeConfig twin = NodeWith("twin", "10.244.4.0/24"_prefix);
  twin.virtual_mac = node_c_.virtual_mac;
  Kubernetes(Put(node_c_));
  Kubernetes(Put(twin));
  EXPECT_THAT(WhyHidden(twin), HasSubstr("is taken by node node-c"));
  Kubernetes(Delete(node_c_));
  EXPECT_EQ(HowIs(twin), "kubernetes");
}

TEST_F(DesiredSourcesTest, UndoingIsAsIfNothingHadBeen) {
  Kubernetes(Put(node_c_));
  Kubernetes(Put(route_));
  Kubernetes(Put(cart_));
  const std::vector<Edit> edits = {Put(PodAt("moved", "10.244.1.77"_ip)),
                                   Put(NodeWith("wide", "10.244.3.0/25"_prefix)), Put(other_cart_)};
  std::vector<DesiredState::Made> made;
  for (const Edit& edit : edits) made.push_back(state_.Make(edit));
  EXPECT_EQ(state_.hidden(Origin::kKubernetes), 3u);
  while (!made.empty()) {
    state_.Undo(made.back());
    made.pop_back();
  }
  EXPECT_FALSE(state_.BringBack().has_value());
  EXPECT_EQ(state_.hidden(Origin::kKubernetes), 0u);
  EXPECT_THAT(ChangesBetween(DesiredState(FileConfig(), state_), state_), IsEmpty());
  for (const Object& object : {Object(node_c_), Object(route_), Object(cart_)}) {
    EXPECT_EQ(HowIs(object), "kubernetes");
  }
  for (const Edit& edit : edits) EXPECT_TRUE(state_.Check(edit).ok());
}

TEST_F(DesiredSourcesTest, AReloadKeepsAllSources) {
  Kubernetes(Put(node_c_));
  Kubernetes(Put(route_));
  Kubernetes(Put(cart_));
  Api(Put(other_cart_));
  Api(Put(RouteTo("node-c", "10.244.1.78/32"_prefix)));
  const DesiredState same(FileConfig(), state_);
  EXPECT_THAT(ChangesBetween(state_, same), IsEmpty());
  EXPECT_EQ(same.hidden(Origin::kKubernetes), 1u);

  Config config = FileConfig();
  config.services.push_back(ServiceAt("cart", "10.96.0.23"_ip));
  config.nodes.push_back(NodeWith("taker", "10.244.3.0/24"_prefix));
  const DesiredState taken(config, state_);
  EXPECT_EQ(taken.hidden(Origin::kKubernetes), 3u);
  EXPECT_EQ(taken.hidden(Origin::kApi), 2u);
  const DesiredState back(FileConfig(), taken);
  EXPECT_THAT(ChangesBetween(state_, back), IsEmpty());
  EXPECT_EQ(back.Find(ObjectKind::kService, "default/cart")->origin, Origin::kApi);
  EXPECT_EQ(back.Find(ObjectKind::kRoute, "10.244.1.77/32")->origin, Origin::kKubernetes);
}

TEST_F(DesiredSourcesTest, AHiddenObjectOfTheApiComesBackBeforeThatOfKubernetes) {
  // The file gives up an address that both others want.
  Config config = FileConfig();
  config.services.push_back(ServiceAt("holder", "10.96.0.20"_ip));
  state_ = DesiredState(config);
  const ServiceConfig wish = ServiceAt("wish", "10.96.0.20"_ip);
  Kubernetes(Put(cart_));
  state_.Restore(wish, Origin::kApi);
  const DesiredState next(FileConfig(), state_);
  EXPECT_EQ(next.Find(ObjectKind::kService, "default/wish")->why_hidden, "");
  EXPECT_THAT(next.Find(ObjectKind::kService, "default/cart")->why_hidden,
              HasSubstr("is taken by service default/wish"));
}

TEST_F(DesiredSourcesTest, OneStandsInTheListForAllOfItsKey) {
  Kubernetes(Put(cart_));
  Kubernetes(Put(ServiceAt("dns", "10.96.0.98"_ip)));
  Api(Put(other_cart_));
  std::vector<std::string> listed;
  for (const auto& item : state_.List(ObjectKind::kService, "", 9)) {
    listed.push_back(KeyOf(item.object) + " " + std::string(ToString(item.origin)));
  }
  EXPECT_THAT(listed, ElementsAre("default/cart api", "default/dns file"));
  EXPECT_THAT(state_.List(ObjectKind::kService, "default/cart", 9), testing::SizeIs(1));
}

}  // namespace
}  // namespace podwarp::test
