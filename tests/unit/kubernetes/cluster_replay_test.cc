// What a real server's list and watch come to is what its next list says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "unit/kubernetes/cluster_fixture.h"
#include "unit/kubernetes/recorded.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Kind {
  const char* file;
  ResourceSink* (ClusterState::*sink)();
};
constexpr Kind kKinds[] = {{"nodes", &ClusterState::nodes},
                           {"pods", &ClusterState::pods},
                           {"services", &ClusterState::services},
                           {"endpointslices", &ClusterState::slices}};

class ClusterReplayTest : public testing::Test, protected ClusterFixture {
 protected:
  ClusterReplayTest() : ClusterFixture(true) {}

  static void ListRecorded(ClusterState* state, const std::string& suffix) {
    for (const Kind& kind : kKinds) {
      List((state->*kind.sink)(), RecordedJson(kind.file + suffix)["items"]);
    }
  }
  // The recorded nodes have no annotations of podwarp's; the segment of the uplink is theirs.
  static ClusterState* After(ClusterFixture* cluster) {
    ListRecorded(&cluster->state, ".list.after.json");
    cluster->Take();
    return &cluster->state;
  }

  static void Replay(ResourceSink* sink, const Json& event) {
    const std::string type = event["type"];
    if (type == "ADDED" || type == "MODIFIED") sink->Put(event["object"]);
    if (type == "DELETED") sink->Delete(event["object"]);
  }
};

TEST_F(ClusterReplayTest, ListAndWatchAreTheListAfterwards) {
  ClusterFixture other(true);
  const ClusterState* after = After(&other);
  // Taken after each event, and all at once.
  for (const bool each : {true, false}) {
    ListRecorded(&state, ".list.json");
    if (each) Take();
    for (const Kind& kind : kKinds) {
      for (const Json& event : RecordedLines(std::string(kind.file) + ".watch.jsonl")) {
        Replay((state.*kind.sink)(), event);
        if (each) Take();
      }
    }
    if (!each) Take();
    EXPECT_EQ(told, other.told);
    EXPECT_EQ(state.Problems(), after->Problems());
    EXPECT_EQ(state.Objects().pods, after->Objects().pods);
    EXPECT_EQ(state.Objects().slices, after->Objects().slices);
  }
  // And so the list itself brings nothing new.
  ListRecorded(&state, ".list.after.json");
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(ClusterReplayTest, SaysEachStepAsItHappened) {
  ListRecorded(&state, ".list.json");
  EXPECT_THAT(Take(),
              ElementsAre("+node node-b", "+service default/kubernetes", "+service default/web"));
  EXPECT_THAT(state.TakePodMoves(), IsEmpty());
  const auto& web = [&]() -> const ServiceConfig& {
    return Told<ServiceConfig>("service default/web");
  };
  ASSERT_EQ(web().ports.size(), 2);
  EXPECT_EQ(web().ports[0].backends[0].address, "10.244.1.10"_ip);
  EXPECT_EQ(web().ports[1].backends[0].port, 5353);

  // web-1 has another address: the pod moves, and the service follows.
  Replay(state.pods(), RecordedLines("pods.watch.jsonl")[0]);
  EXPECT_THAT(state.TakePodMoves(), ElementsAre(PodMove{"default/web-1", {"10.244.1.11"_ip}}));
  EXPECT_EQ(state.PodAt("10.244.1.11"_ip), "default/web-1");
  EXPECT_EQ(state.PodAt("10.244.1.10"_ip), "");
  const std::vector<Json> slices = RecordedLines("endpointslices.watch.jsonl");
  Replay(state.slices(), slices[0]);
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  EXPECT_EQ(web().ports[0].backends[0].address, "10.244.1.11"_ip);
  Replay(state.slices(), slices[1]);  // web-2 is there, but not ready
  EXPECT_THAT(Take(), IsEmpty());
  Replay(state.slices(), slices[2]);
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  EXPECT_EQ(web().ports[0].backends.size(), 2);
  EXPECT_EQ(web().ports[0].backends[1].node, "node-b");

  const std::vector<Json> services = RecordedLines("services.watch.jsonl");
  Replay(state.services(), services[0]);
  EXPECT_THAT(Take(), ElementsAre("+service default/web"));
  EXPECT_EQ(web().ports[0].port, 81);
  EXPECT_EQ(web().session_affinity, absl::Hours(3));
  Replay(state.services(), services[1]);
  EXPECT_THAT(Take(), ElementsAre("-service default/web"));
}

TEST_F(ClusterReplayTest, TakesAClusterOfTwoFamilies) {
  ListRecorded(&state, "-dual.list.json");
  Take();
  std::vector<std::string> names;
  for (const auto& [name, object] : told) names.push_back(name);
  // node-e has no InternalIP yet; headless, ExternalName and IPv6-only services are none of ours.
  EXPECT_THAT(names,
              ElementsAre("node node-b", "node node-c", "node node-d", "service default/dual",
                          "service default/kubernetes", "service default/lb",
                          "service default/nodeport", "service default/noselector"));
  EXPECT_THAT(state.Problems(), ElementsAre(testing::HasSubstr("node node-e: is not reached")));
  EXPECT_EQ(state.PodAt("10.244.3.10"_ip), "default/dual-1");
  EXPECT_EQ(state.PodAt("10.244.3.11"_ip), "") << "done-1 is finished";
  EXPECT_EQ(state.PodAt("192.0.2.13"_ip), "") << "hostnet-1 has the node's address";
}

// --- What was leaves nothing behind. ---

size_t BytesInUse() { return mallinfo2().uordblks; }

TEST_F(ClusterReplayTest, HistoryLeavesNoMemoryBehind) {
  SyncWithNothing();
  const auto history = [&](int from, int to, bool is_taken) {
    for (int i = from; i < to; ++i) {
      const std::string name = "x" + std::to_string(i) + std::string(40, '-');
      const std::string address = Ipv4Address(0x0af40000 + i % 60'000).ToString();
      Json node = KubeNodeJson(name, {"10.244.7.0/24"}, {{kVirtualMacAnnotation, "?"}}, {address});
      Json pod = KubePodJson(name, i % 2 == 0 ? "node-a" : name, {"172.16.0.1", address});
      Json service = KubeServiceJson(name, "10.96.0.9");
      service["spec"]["externalIPs"] = {"203.0.113." + std::to_string(i % 200 + 1), "10.96.0.7"};
      Json slice = KubeSliceJson(name, name, {KubeEndpointJson(address, name)});
      state.nodes()->Put(node);
      state.pods()->Put(pod);
      state.services()->Put(service);
      state.slices()->Put(slice);
      if (is_taken) state.TakeEdits(), state.TakePodMoves();
      state.nodes()->Delete(node);
      state.pods()->Delete(pod);
      state.services()->Delete(service);
      state.slices()->Delete(slice);
      if (is_taken) state.TakeEdits(), state.TakePodMoves();
    }
  };
  history(0, 1'000, true);
  history(0, 1'000, false);
  const size_t before = BytesInUse();
  history(1'000, 11'000, true);
  history(1'000, 11'000, false);
  EXPECT_LT(BytesInUse(), before + 100'000) << "for 160,000 changes";
  EXPECT_THAT(state.TakeEdits(), IsEmpty());
  EXPECT_THAT(state.Problems(), IsEmpty());
}

}  // namespace
}  // namespace podwarp::test
