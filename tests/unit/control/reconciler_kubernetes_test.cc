// What Kubernetes says, on a node that the file and the API have their say about, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/reconciler_fixture.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

using Outcome = EditResult::Outcome;

class KubernetesTest : public ReconcilerTest {
 protected:
  EditResult Kubernetes(const Edit& edit) { return reconciler_->ApplyKubernetes({&edit, 1})[0]; }
  // "api", "kubernetes hidden", "" if it isn't there.
  std::string HowIs(ObjectKind kind, const std::string& key) const {
    return reconciler_->WithState([&](const DesiredState& state) -> std::string {
      const auto listed = state.Find(kind, key);
      if (!listed.has_value()) return "";
      return std::string(ToString(listed->origin)) + (listed->why_hidden.empty() ? "" : " hidden");
    });
  }
  absl::Status Move(const std::string& pod, const std::vector<Ipv4Address>& addresses) {
    return reconciler_->MovePod(pod, addresses);
  }

  static RemoteNodeConfig NodeC() {
    RemoteNodeConfig node;
    node.name = "node-c";
    node.virtual_mac = kNodeCMac;
    node.pod_ranges = {"10.244.3.0/24"_prefix};
    return node;
  }
  const ServiceConfig service_ = MakeService({kWeb});
  const RouteConfig to_c_ = {.prefix = "10.244.1.77/32"_prefix, .node = "node-c"};
};

TEST_F(KubernetesTest, TheNodeHasWhatItSaysWithDefaultsFilledIn) {
  ServiceConfig service = service_;
  service.ports[0].backends[0].port = 0;
  const std::vector<Edit> edits = {Put(to_c_), Put(NodeC()), Put(service)};
  for (const EditResult& result : reconciler_->ApplyKubernetes(edits)) {
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_EQ(result.outcome, Outcome::kCreated);
  }
  EXPECT_EQ(OwnerOf(kOnC), "node node-c");
  EXPECT_EQ(OwnerOf("10.244.1.77"_ip), "node node-c");
  EXPECT_EQ(OwnerOf(kServiceAddress), "services");
  const auto found = reconciler_->WithState(
      [](const DesiredState& state) { return state.Find(ObjectKind::kService, "default/web"); });
  EXPECT_EQ(std::get<ServiceConfig>(found->object).ports[0].backends[0].port, 2);
  EXPECT_EQ(Kubernetes(Put(service)).outcome, Outcome::kUnchanged);

  EXPECT_EQ(Kubernetes(Delete(ObjectKind::kNode, "node-c")).outcome, Outcome::kDeleted);
  EXPECT_EQ(OwnerOf(kOnC), "ranges");
  EXPECT_EQ(OwnerOf("10.244.1.77"_ip), "ranges");
  EXPECT_EQ(Kubernetes(Delete(ObjectKind::kNode, "node-c")).outcome, Outcome::kAbsent);
}

TEST_F(KubernetesTest, ItHasNoSayAboutPods) {
  EXPECT_TRUE(absl::IsInvalidArgument(Kubernetes(Put(api_)).status));
  EXPECT_TRUE(absl::IsInvalidArgument(Kubernetes(Delete(ObjectKind::kPod, api_.name)).status));
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "ranges");
}

TEST_F(KubernetesTest, TheApisServiceStandsInForItUntilItIsDeleted) {
  Kubernetes(Put(service_));
  const ServiceConfig other = MakeService({kDb});
  EXPECT_EQ(Apply(Put(other)).outcome, Outcome::kCreated);
  const auto backend = [&] {
    return OnControl([&] { return node_->services().at("default/web").ports[0].backends[0]; });
  };
  EXPECT_EQ(backend().address, kDb);
  EXPECT_EQ(Kubernetes(Put(service_)).outcome, Outcome::kUnchanged);  // still hidden
  EXPECT_EQ(backend().address, kDb);
  EXPECT_EQ(Apply(Delete(ObjectKind::kService, "default/web")).outcome, Outcome::kDeleted);
  EXPECT_EQ(backend().address, kWeb);
  const EditResult refused = Apply(Delete(ObjectKind::kService, "default/web"));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status)) << refused.status;
  EXPECT_THAT(std::string(refused.status.message()), HasSubstr("comes from Kubernetes"));
}

TEST_F(KubernetesTest, APodOfTheApiTakesAnAddressThatARouteHad) {
  Kubernetes(Put(RouteConfig{.prefix = Ipv4Prefix::Host(api_.addresses[0]), .node = "node-b"}));
  EXPECT_EQ(OwnerOf(api_.addresses[0]), "node node-b");
  EXPECT_TRUE(Apply(Put(api_)).status.ok());
  EXPECT_EQ(OwnerOf(api_.addresses[0]), "pod default/api");
  EXPECT_TRUE(Apply(Delete(ObjectKind::kPod, "default/api")).status.ok());
  EXPECT_EQ(OwnerOf(api_.addresses[0]), "node node-b");
}

TEST_F(KubernetesTest, AfterARestartItSaysAllOfItAgain) {
  Kubernetes(Put(NodeC()));
  ASSERT_TRUE(Apply(Put(to_c_)).status.ok());  // the API's, to a node of Kubernetes'
  ASSERT_TRUE(Apply(Put(service_)).status.ok());
  Kubernetes(Put(service_));
  Restart();
  EXPECT_EQ(HowIs(ObjectKind::kNode, "node-c"), "");
  EXPECT_EQ(HowIs(ObjectKind::kRoute, "10.244.1.77/32"), "api hidden");
  EXPECT_EQ(HowIs(ObjectKind::kService, "default/web"), "api");
  Kubernetes(Put(NodeC()));
  EXPECT_EQ(HowIs(ObjectKind::kRoute, "10.244.1.77/32"), "api");
  EXPECT_EQ(OwnerOf("10.244.1.77"_ip), "node node-c");
}

TEST_F(KubernetesTest, TheSameSaidByTheApiIsWritten) {
  Kubernetes(Put(service_));
  EXPECT_EQ(Apply(Put(service_)).outcome, Outcome::kCreated);
  Restart();
  EXPECT_EQ(HowIs(ObjectKind::kService, "default/web"), "api");
}

TEST_F(KubernetesTest, AReloadKeepsIt) {
  Kubernetes(Put(NodeC()));
  Kubernetes(Put(to_c_));
  EXPECT_EQ(Reload(config_)->changes, 0u);
  Config next = config_;
  next.nodes.push_back(NodeC());
  next.nodes.back().name = "taker";
  next.nodes.back().uplink = "uplink0";
  ASSERT_TRUE(Reload(next).ok());
  EXPECT_EQ(OwnerOf(kOnC), "node taker");
  EXPECT_EQ(OwnerOf("10.244.1.77"_ip), "ranges");
  ASSERT_TRUE(Reload(config_).ok());
  EXPECT_EQ(OwnerOf(kOnC), "node node-c");
  EXPECT_EQ(OwnerOf("10.244.1.77"_ip), "node node-c");
}

TEST_F(KubernetesTest, WhatTheNodeRefusesLeavesNothingBehind) {
  // The adjacency table has 256 places.
  const std::vector<Edit> edits = PutNodes(300);
  const std::vector<EditResult> results = reconciler_->ApplyKubernetes(edits);
  size_t made = 0;
  while (made < results.size() && results[made].status.ok()) ++made;
  ASSERT_LT(made, edits.size());
  EXPECT_TRUE(absl::IsResourceExhausted(results[made].status)) << results[made].status;
  EXPECT_EQ(HowIs(ObjectKind::kNode, edits[made].key), "");
  EXPECT_TRUE(Kubernetes(Delete(ObjectKind::kNode, edits[0].key)).status.ok());
  OnControl([&] {
    tables_->rcu.Synchronize();
    return true;
  });
  EXPECT_TRUE(Kubernetes(edits[made]).status.ok());
}

TEST_F(KubernetesTest, WhatIsRefusedTakesNobodysPlace) {
  Kubernetes(Put(service_));
  Kubernetes(Put(RouteConfig{.prefix = "10.244.3.0/25"_prefix, .node = "node-b"}));
  // The disk refuses: a displaced route, and a service of the same key, are there again.
  RemoteNodeConfig node = NodeC();
  node.uplink = "uplink0";
  node.pod_ranges = {"10.244.3.0/25"_prefix};
  PodConfig unwritable = api_;
  unwritable.port = TapPortConfig{.interface = "eth0", .netns = "/run/\xff"};
  const std::vector<Edit> edits = {Put(node), Put(MakeService({kDb})), Put(unwritable)};
  for (const EditResult& result : reconciler_->Apply(edits)) EXPECT_FALSE(result.status.ok());
  EXPECT_EQ(OwnerOf("10.244.3.1"_ip), "node node-b");
  EXPECT_EQ(HowIs(ObjectKind::kRoute, "10.244.3.0/25"), "kubernetes");
  EXPECT_EQ(HowIs(ObjectKind::kNode, "node-c"), "");
  EXPECT_EQ(HowIs(ObjectKind::kService, "default/web"), "kubernetes");
  EXPECT_EQ(
      OnControl([&] { return node_->services().at("default/web").ports[0].backends[0].address; }),
      kWeb);
}

TEST_F(KubernetesTest, APodOfTheApiMovesAndStaysMoved) {
  ASSERT_TRUE(Apply(Put(api_)).status.ok());
  EXPECT_TRUE(Move("default/api", {"10.244.1.13"_ip}).ok());
  EXPECT_EQ(OwnerOf("10.244.1.12"_ip), "ranges");
  EXPECT_EQ(OwnerOf("10.244.1.13"_ip), "pod default/api");
  Restart();
  EXPECT_EQ(OwnerOf("10.244.1.13"_ip), "pod default/api");
  EXPECT_TRUE(absl::IsInvalidArgument(Move("default/api", {})));
  EXPECT_TRUE(absl::IsInvalidArgument(Move("default/api", {"192.0.2.9"_ip})));
  EXPECT_TRUE(absl::IsAlreadyExists(Move("default/api", {kWeb})));
  EXPECT_EQ(OwnerOf("10.244.1.13"_ip), "pod default/api");
}

TEST_F(KubernetesTest, PodsOfTheFileAndUnknownOnesDoNotMove) {
  EXPECT_TRUE(Move("default/web", {"10.244.1.13"_ip}).ok());
  EXPECT_TRUE(Move("default/unknown", {"10.244.1.13"_ip}).ok());
  EXPECT_EQ(OwnerOf(kWeb), "pod default/web");
  EXPECT_EQ(OwnerOf("10.244.1.13"_ip), "ranges");
}

TEST_F(KubernetesTest, NothingIsChangedOnceItStops) {
  loop_->Stop();
  control_.join();
  EXPECT_TRUE(absl::IsUnavailable(Kubernetes(Put(NodeC())).status));
  EXPECT_EQ(HowIs(ObjectKind::kNode, "node-c"), "");
}

}  // namespace
}  // namespace podwarp::test
