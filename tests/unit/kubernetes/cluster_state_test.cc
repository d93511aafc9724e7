#include "kubernetes/cluster_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/kubernetes/cluster_fixture.h"

namespace podwarp::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class ClusterStateTest : public testing::Test, protected ClusterFixture {};

Json NodeB(const std::string& pod_cidr = "10.244.2.0/24") {
  return KubeNodeWithMac("node-b", pod_cidr, "02:00:00:00:00:0b");
}
Json Own(const std::string& zone = "") {
  return KubeNodeJson("node-a", {"10.244.1.0/24"}, nullptr, {}, zone);
}
Json Web(const std::string& address = "10.96.0.80") { return KubeServiceJson("web", address); }
Json WebSlice(const std::vector<Json>& endpoints) {
  return KubeSliceJson("web-1", "web", endpoints);
}

// --- When something is said. ---

TEST_F(ClusterStateTest, SaysNothingOfNodesBeforeTheyWereListed) {
  state.nodes()->BeginList();
  state.nodes()->Put(NodeB());
  EXPECT_THAT(Take(), IsEmpty());
  state.nodes()->EndList();
  EXPECT_THAT(Take(), ElementsAre("+node node-b"));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(ClusterStateTest, SaysNothingOfServicesBeforeAllThatTheyNeedWasListed) {
  List(state.services(), {Web()});
  EXPECT_THAT(Take(), IsEmpty());
  List(state.nodes(), {});
  EXPECT_THAT(Take(), IsEmpty());
  List(state.slices(), {WebSlice({KubeEndpointJson("10.244.1.1", "node-a")})});
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  EXPECT_EQ(Told<ServiceConfig>("service default/web").ports[0].backends.size(), 1);
  EXPECT_FALSE(state.HasSynced());
  List(state.pods(), {});
  EXPECT_TRUE(state.HasSynced());
}

TEST_F(ClusterStateTest, SaysOnlyWhatIsOtherAfterAnotherList) {
  SyncWithNothing();
  List(state.nodes(),
       {Own(), NodeB(), KubeNodeWithMac("node-c", "10.244.3.0/24", "02:00:00:00:00:0c")});
  List(state.services(), {Web()});
  List(state.slices(), {WebSlice({KubeEndpointJson("10.244.1.1", "node-a")})});
  EXPECT_THAT(Take(), ElementsAre("+node node-b", "+node node-c", "+service default/web"));

  List(state.nodes(),
       {Own(), NodeB(), KubeNodeWithMac("node-d", "10.244.3.0/24", "02:00:00:00:00:0d")});
  List(state.services(), {Web()});
  List(state.slices(), {WebSlice({KubeEndpointJson("10.244.1.1", "node-a")})});
  EXPECT_THAT(Take(), ElementsAre("-node node-c", "+node node-d"));
}

TEST_F(ClusterStateTest, LetsNothingGoByAListThatBrokeOff) {
  SyncWithNothing();
  List(state.nodes(), {NodeB()});
  Take();
  const Json c = KubeNodeWithMac("node-c", "10.244.3.0/24", "02:00:00:00:00:0c");
  state.nodes()->BeginList();
  state.nodes()->Put(c);
  EXPECT_THAT(Take(), ElementsAre("+node node-c"));
  state.nodes()->BeginList();  // the first one broke off
  state.nodes()->Put(NodeB());
  EXPECT_THAT(Take(), IsEmpty());
  state.nodes()->EndList();
  EXPECT_THAT(Take(), ElementsAre("-node node-c"));
}

TEST_F(ClusterStateTest, SaysNothingOfWhatChangedAndChangedBack) {
  SyncWithNothing();
  state.nodes()->Put(NodeB());
  Take();
  state.nodes()->Put(NodeB("10.244.7.0/24"));
  state.nodes()->Put(NodeB());
  state.nodes()->Put(KubeNodeWithMac("node-c", "10.244.3.0/24", "02:00:00:00:00:0c"));
  state.nodes()->Delete(KubeNodeWithMac("node-c", "10.244.3.0/24", "02:00:00:00:00:0c"));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(ClusterStateTest, IgnoresWhatHasNoNameOrIsNotThere) {
  SyncWithNothing();
  for (ResourceSink* sink : {state.nodes(), state.pods(), state.services(), state.slices()}) {
    for (const Json& stub : {Json(), Json::object(), Json({{"metadata", {{"name", nullptr}}}})}) {
      sink->Put(stub);
      sink->Delete(stub);
    }
    sink->Delete(NodeB());
  }
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(state.Objects().nodes + state.Objects().pods + state.Objects().services, 0);
}

// --- Nodes. ---

TEST_F(ClusterStateTest, KeepsItsOwnNodeApart) {
  EXPECT_FALSE(state.OwnNode().has_value());
  SyncWithNothing();
  state.nodes()->Put(KubeNodeWithMac("node-a", "10.244.1.0/24", "02:00:00:00:00:0a"));
  EXPECT_THAT(Take(), IsEmpty());
  ASSERT_TRUE(state.OwnNode().has_value());
  EXPECT_EQ(state.OwnNode()->virtual_mac, "02:00:00:00:00:0a"_mac);
  EXPECT_THAT(state.Problems(), IsEmpty());
  state.nodes()->Delete(Own());
  EXPECT_FALSE(state.OwnNode().has_value());
}

TEST_F(ClusterStateTest, SaysWhichNodesAreNotReachedAndWhy) {
  SyncWithNothing();
  const Json unreached = KubeNodeJson("node-b", {"10.244.2.0/24"}, nullptr, {"10.0.0.1"});
  state.nodes()->Put(unreached);
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(state.Problems(), ElementsAre(HasSubstr("node node-b: is not reached: ")));
  state.nodes()->Put(NodeB());
  EXPECT_THAT(Take(), ElementsAre("+node node-b"));
  EXPECT_THAT(state.Problems(), IsEmpty());
  // Its podwarp was taken away: so is what it said.
  state.nodes()->Put(unreached);
  EXPECT_THAT(Take(), ElementsAre("-node node-b"));
  state.nodes()->Delete(unreached);
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(state.Problems(), IsEmpty());
}

TEST_F(ClusterStateTest, NamesAllNodesThatShareAMac) {
  SyncWithNothing();
  const auto node = [](const std::string& name, const std::string& mac) {
    return KubeNodeWithMac(name, "10.244.9.0/24", mac);
  };
  state.nodes()->Put(node("node-b", "02:00:00:00:00:0b"));
  state.nodes()->Put(node("node-c", "02:00:00:00:00:0b"));
  // Of its own node the settings count, not the annotation that may be old.
  state.nodes()->Put(node("node-a", "02:00:00:00:00:0b"));
  EXPECT_THAT(state.DuplicateMacs(),
              ElementsAre(DuplicateMac{"02:00:00:00:00:0b"_mac, {"node-b", "node-c"}}));
  EXPECT_THAT(state.Problems(),
              ElementsAre("nodes node-b and node-c have the same virtual MAC 02:00:00:00:00:0b"));

  state.nodes()->Put(node("node-c", "02:00:00:00:00:0a"));
  EXPECT_THAT(state.DuplicateMacs(),
              ElementsAre(DuplicateMac{"02:00:00:00:00:0a"_mac, {"node-a", "node-c"}}));
  state.nodes()->Delete(node("node-c", ""));
  EXPECT_THAT(state.DuplicateMacs(), IsEmpty());
}

// --- Services. ---

TEST_F(ClusterStateTest, FollowsAServiceAndItsSlices) {
  SyncWithNothing();
  // A slice may be there before its service, and after it.
  state.slices()->Put(WebSlice({KubeEndpointJson("10.244.1.1", "node-a")}));
  EXPECT_THAT(Take(), IsEmpty());
  state.services()->Put(Web());
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  const auto backends = [&]() -> const std::vector<BackendConfig>& {
    return Told<ServiceConfig>("service default/web").ports[0].backends;
  };
  EXPECT_EQ(backends().size(), 1);
  state.slices()->Put(KubeSliceJson("web-2", "web", {KubeEndpointJson("10.244.2.1", "node-b")}));
  Take();
  EXPECT_EQ(backends().size(), 2);
  // One that isn't ready is no news, and neither is the same in another slice.
  state.slices()->Put(KubeSliceJson("web-3", "web",
                                    {KubeEndpointJson("10.244.2.2", "node-b", {{"ready", false}}),
                                     KubeEndpointJson("10.244.2.1", "node-b")}));
  EXPECT_THAT(Take(), IsEmpty());
  // A slice that is another service's now.
  state.slices()->Put(KubeSliceJson("web-1", "other", {KubeEndpointJson("10.244.1.1", "node-a")}));
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  EXPECT_EQ(backends().size(), 1);
  state.services()->Delete(Web());
  EXPECT_THAT(Take(), ElementsAre("-service default/web"));
  state.slices()->Delete(KubeSliceJson("web-2", "web", {}));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(ClusterStateTest, AServiceThatTurnsHeadlessGoes) {
  SyncWithNothing();
  state.services()->Put(Web());
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  state.services()->Put(Web("None"));
  EXPECT_THAT(Take(), ElementsAre("-service default/web"));
}

TEST_F(ClusterStateTest, RoomIsMadeBeforeItIsTaken) {
  SyncWithNothing();
  state.services()->Put(Web());
  state.nodes()->Put(NodeB());
  Take();
  state.services()->Put(KubeServiceJson("a", "10.96.0.80"));
  state.services()->Delete(Web());
  state.nodes()->Put(KubeNodeWithMac("a", "10.244.2.0/24", "02:00:00:00:00:0b"));
  state.nodes()->Delete(NodeB());
  EXPECT_THAT(Take(),
              ElementsAre("-service default/web", "-node node-b", "+node a", "+service default/a"));
}

TEST_F(ClusterStateTest, FollowsItsOwnZone) {
  SyncWithNothing();
  Json near = KubeEndpointJson("10.244.1.1", "node-a"), far = KubeEndpointJson("10.244.2.1", "b");
  near["hints"]["forZones"] = Json::array({{{"name", "zone-1"}}});
  far["hints"]["forZones"] = Json::array({{{"name", "zone-2"}}});
  state.nodes()->Put(Own("zone-1"));
  state.services()->Put(Web());
  state.slices()->Put(WebSlice({near, far}));
  Take();
  const auto phase = [&](size_t backend) {
    return Told<ServiceConfig>("service default/web").ports[0].backends.at(backend).phase;
  };
  EXPECT_EQ(phase(0), BackendPhase::kReady);
  EXPECT_EQ(phase(1), BackendPhase::kTerminating);
  state.nodes()->Put(Own("zone-2"));
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  EXPECT_EQ(phase(0), BackendPhase::kTerminating);
  EXPECT_EQ(phase(1), BackendPhase::kReady);
  state.nodes()->Delete(Own());
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  EXPECT_EQ(phase(0), BackendPhase::kReady);
  EXPECT_EQ(phase(1), BackendPhase::kReady);
}

Json WithExternal(Json service, const std::string& address, const std::string& created) {
  service["metadata"]["creationTimestamp"] = created;
  service["spec"]["externalIPs"] = Json::array({address});
  service["spec"]["loadBalancerSourceRanges"] = Json::array({"198.51.100.0/24"});
  return service;
}

TEST_F(ClusterStateTest, AnExternalAddressIsTheOldestServices) {
  SyncWithNothing();
  const Json older =
      WithExternal(KubeServiceJson("z", "10.96.0.1"), "203.0.113.1", "2026-11-22T13:32:22Z");
  const Json newer =
      WithExternal(KubeServiceJson("a", "10.96.0.2"), "203.0.113.1", "2026-11-22T13:32:23Z");
  state.services()->Put(newer);
  Take();
  const auto external = [&](const std::string& name) {
    return Told<ServiceConfig>("service default/" + name).external_addresses;
  };
  EXPECT_THAT(external("a"), ElementsAre("203.0.113.1"_ip));
  state.services()->Put(older);
  EXPECT_THAT(Take(), ElementsAre("+service default/a", "+service default/z"));
  EXPECT_THAT(external("a"), IsEmpty());
  EXPECT_THAT(Told<ServiceConfig>("service default/a").source_ranges, IsEmpty());
  EXPECT_THAT(external("z"), ElementsAre("203.0.113.1"_ip));
  EXPECT_THAT(state.Problems(), ElementsAre("service default/a: external address 203.0.113.1 is "
                                            "not served: service default/z has it"));
  state.services()->Delete(older);
  EXPECT_THAT(Take(), ElementsAre("-service default/z", "+service default/a"));
  EXPECT_THAT(external("a"), ElementsAre("203.0.113.1"_ip));
  EXPECT_THAT(state.Problems(), IsEmpty());
}

TEST_F(ClusterStateTest, AnExternalAddressOfARemoteNodeIsTheNodes) {
  SyncWithNothing();
  state.services()->Put(WithExternal(Web(), "192.0.2.12", "2026-11-22T13:32:22Z"));
  Take();
  const auto external = [&] {
    return Told<ServiceConfig>("service default/web").external_addresses;
  };
  EXPECT_THAT(external(), ElementsAre("192.0.2.12"_ip));
  const Json node = KubeNodeJson("node-b", {"10.244.2.0/24"}, nullptr, {"192.0.2.12"});
  state.nodes()->Put(node);
  EXPECT_THAT(Take(), ElementsAre("+node node-b", "+service default/web"));
  EXPECT_THAT(external(), IsEmpty());
  EXPECT_THAT(state.Problems(), ElementsAre(HasSubstr("is not served: node node-b has it")));
  state.nodes()->Delete(node);
  EXPECT_THAT(Take(), ElementsAre("-node node-b", "+service default/web"));
  EXPECT_THAT(external(), ElementsAre("192.0.2.12"_ip));
}

TEST_F(ClusterStateTest, TellsSoManyProblemsAndCountsTheOthers) {
  SyncWithNothing();
  for (int i = 0; i < 7; ++i) {
    Json service = KubeServiceJson("s" + std::to_string(i), "10.96.0.1");
    service["spec"]["ports"] = nullptr;
    state.services()->Put(service);
  }
  Take();
  EXPECT_EQ(state.Problems().size(), 7);
  EXPECT_THAT(state.Problems(2),
              ElementsAre(HasSubstr("default/s0"), HasSubstr("default/s1"), "and 5 more"));
}

}  // namespace
}  // namespace podwarp::test
