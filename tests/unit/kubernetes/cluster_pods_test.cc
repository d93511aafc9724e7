#include "kubernetes/cluster_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/kubernetes/cluster_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Json Finished(Json pod) {
  pod["status"]["phase"] = "Succeeded";
  return pod;
}

// --- Pods of this node. ---

class PodMoveTest : public testing::Test, protected ClusterFixture {
 protected:
  static Json Pod(const Texts& ips) { return KubePodJson("web-1", "node-a", ips); }
};

TEST_F(PodMoveTest, IsToldOnceForEachChange) {
  SyncWithNothing();
  state.pods()->Put(Pod({}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  // Whoever attached it knows better, and said it before.
  state.pods()->Put(Pod({"10.244.1.7"}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  state.pods()->Put(Pod({"10.244.1.8", "fd00::8", "10.244.1.9"}));
  EXPECT_THAT(state.TakePodMoves(),
              ElementsAre(PodMove{"default/web-1", {"10.244.1.8"_ip, "10.244.1.9"_ip}}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  // Another change than that of its addresses, and the same in another list.
  Json leaving = Pod({"10.244.1.8", "10.244.1.9"});
  leaving["metadata"]["deletionTimestamp"] = "2026-11-22T13:32:22Z";
  List(state.pods(), {leaving});
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(PodMoveTest, IsNotToldOfWhatChangedBack) {
  SyncWithNothing();
  state.pods()->Put(Pod({"10.244.1.7"}));
  state.TakePodMoves();
  state.pods()->Put(Pod({"10.244.1.8"}));
  state.pods()->Put(Pod({"10.244.1.7"}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
}

TEST_F(PodMoveTest, IsNeverToldWithoutAnAddress) {
  SyncWithNothing();
  state.pods()->Put(Pod({"10.244.1.7"}));
  state.TakePodMoves();
  state.pods()->Put(Pod({}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  state.pods()->Put(Pod({"10.244.1.7"}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  state.pods()->Put(Pod({"fd00::7"}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
}

TEST_F(PodMoveTest, IsNotToldOfPodsThatHaveNoAddressesOfTheirOwnHere) {
  SyncWithNothing();
  Json host = KubePodJson("host", "node-a", {"192.0.2.11"});
  host["spec"]["hostNetwork"] = true;
  state.pods()->Put(host);
  state.pods()->Put(Finished(KubePodJson("done", "node-a", {"10.244.1.7"})));
  state.pods()->Put(KubePodJson("elsewhere", "node-b", {"10.244.2.7"}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
}

TEST_F(PodMoveTest, IsNotToldOfAPodThatFinishedOrWentBefore) {
  SyncWithNothing();
  state.pods()->Put(Pod({"10.244.1.7"}));
  state.pods()->Put(Finished(Pod({"10.244.1.7"})));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  state.pods()->Put(Pod({"10.244.1.7"}));
  state.pods()->Delete(Pod({}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  // One of the same name is another.
  state.pods()->Put(Pod({"10.244.1.8"}));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
}

// --- Names. ---

class PodNameTest : public testing::Test, protected ClusterFixture {};

TEST_F(PodNameTest, IsThatOfThePodWhichHasTheAddressNow) {
  EXPECT_EQ(state.PodAt("10.244.1.7"_ip), "");
  Json old = KubePodJson("z-old", "node-a", {"10.244.1.7"});
  state.pods()->Put(old);
  EXPECT_EQ(state.PodAt("10.244.1.7"_ip), "default/z-old");
  // Its address is given anew while it still goes.
  old["metadata"]["deletionTimestamp"] = "2026-11-22T13:32:22Z";
  state.pods()->Put(old);
  EXPECT_EQ(state.PodAt("10.244.1.7"_ip), "default/z-old");
  state.pods()->Put(KubePodJson("a-new", "node-a", {"10.244.1.7"}));
  EXPECT_EQ(state.PodAt("10.244.1.7"_ip), "default/a-new");
  state.pods()->Delete(KubePodJson("a-new", "node-a", {}));
  EXPECT_EQ(state.PodAt("10.244.1.7"_ip), "default/z-old");
  state.pods()->Put(Finished(old));
  EXPECT_EQ(state.PodAt("10.244.1.7"_ip), "");
}

// --- Routes. ---

class PodRouteTest : public testing::Test, protected ClusterFixture {
 protected:
  PodRouteTest() : ClusterFixture(true) {
    SyncWithNothing();
    state.nodes()->Put(B());
    state.nodes()->Put(C());
    Take();
  }
  static Json B(const std::string& range = "10.244.2.0/24") {
    return KubeNodeWithMac("node-b", range, "02:00:00:00:00:0b");
  }
  static Json C() { return KubeNodeWithMac("node-c", "10.244.3.0/24", "02:00:00:00:00:0c"); }
  static Json Pod(const std::string& node, const std::string& ip) {
    return KubePodJson("p", node, {ip});
  }
};

TEST_F(PodRouteTest, LeadsToAPodThatRunsElsewhereThanItsAddressSays) {
  state.pods()->Put(Pod("node-b", "10.244.2.7"));
  EXPECT_THAT(Take(), IsEmpty());
  state.pods()->Put(Pod("node-b", "10.244.3.7"));
  EXPECT_THAT(Take(), ElementsAre("+route 10.244.3.7/32"));
  EXPECT_EQ(Told<RouteConfig>("route 10.244.3.7/32").node, "node-b");
  // Of this node's range, and then of nobody's.
  state.pods()->Put(Pod("node-b", "10.244.1.7"));
  EXPECT_THAT(Take(), ElementsAre("-route 10.244.3.7/32", "+route 10.244.1.7/32"));
  state.pods()->Put(Pod("node-b", "10.244.99.7"));
  EXPECT_THAT(Take(), ElementsAre("-route 10.244.1.7/32", "+route 10.244.99.7/32"));
  state.pods()->Delete(Pod("node-b", ""));
  EXPECT_THAT(Take(), ElementsAre("-route 10.244.99.7/32"));
}

TEST_F(PodRouteTest, FollowsThePodToAnotherNode) {
  state.pods()->Put(Pod("node-b", "10.244.9.7"));
  Take();
  state.pods()->Put(Pod("node-c", "10.244.9.7"));
  EXPECT_THAT(Take(), ElementsAre("+route 10.244.9.7/32"));
  EXPECT_EQ(Told<RouteConfig>("route 10.244.9.7/32").node, "node-c");
  state.pods()->Put(Pod("node-a", "10.244.9.7"));
  EXPECT_THAT(Take(), ElementsAre("-route 10.244.9.7/32"));
}

TEST_F(PodRouteTest, IsForNoPodThatHasNoAddressOfItsOwn) {
  Json host = Pod("node-b", "10.244.9.7");
  host["spec"]["hostNetwork"] = true;
  state.pods()->Put(host);
  EXPECT_THAT(Take(), IsEmpty());
  state.pods()->Put(Finished(Pod("node-b", "10.244.9.7")));
  EXPECT_THAT(Take(), IsEmpty());
  state.pods()->Put(Pod("", "10.244.9.7"));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(PodRouteTest, ComesAndGoesWithTheNodeAndItsRanges) {
  state.nodes()->Delete(B());
  state.pods()->Put(Pod("node-b", "10.244.9.7"));
  EXPECT_THAT(Take(), ElementsAre("-node node-b"));
  state.nodes()->Put(B());
  EXPECT_THAT(Take(), ElementsAre("+node node-b", "+route 10.244.9.7/32"));
  state.nodes()->Put(B("10.244.9.0/24"));
  EXPECT_THAT(Take(), ElementsAre("-route 10.244.9.7/32", "+node node-b"));
  state.nodes()->Put(B());
  Take();
  // No route may lead to a node that goes.
  state.nodes()->Delete(B());
  EXPECT_THAT(Take(), ElementsAre("-route 10.244.9.7/32", "-node node-b"));
}

TEST_F(PodRouteTest, LeavesANodeThatGoesBeforeItLeadsToAnother) {
  state.pods()->Put(Pod("node-b", "10.244.9.7"));
  Take();
  state.pods()->Put(Pod("node-c", "10.244.9.7"));
  state.nodes()->Delete(B());
  EXPECT_THAT(Take(), ElementsAre("-route 10.244.9.7/32", "-node node-b", "+route 10.244.9.7/32"));
  EXPECT_EQ(Told<RouteConfig>("route 10.244.9.7/32").node, "node-c");
}

TEST_F(PodRouteTest, IsNoneOutsideThePodRangesAndSaysSo) {
  state.pods()->Put(Pod("node-b", "172.16.0.7"));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(state.Problems(),
              ElementsAre("pod default/p: no route leads to 172.16.0.7 on node node-b: it is "
                          "outside pod_ranges"));
  state.pods()->Put(Pod("node-b", "10.244.2.7"));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_THAT(state.Problems(), IsEmpty());
}

TEST(NoPodRouteTest, IsThereUnlessAllPodsAreWatched) {
  ClusterFixture cluster(false);
  cluster.SyncWithNothing();
  cluster.state.nodes()->Put(KubeNodeWithMac("node-b", "10.244.2.0/24", "02:00:00:00:00:0b"));
  cluster.state.pods()->Put(KubePodJson("p", "node-b", {"10.244.9.7"}));
  EXPECT_THAT(cluster.Take(), ElementsAre("+node node-b"));
}

}  // namespace
}  // namespace podwarp::test
