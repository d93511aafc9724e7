// Whatever came and went before: what the node was told is what it would be told of the objects
// that are there now, had there never been others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "unit/kubernetes/cluster_fixture.h"

namespace podwarp::test {
namespace {

using testing::IsEmpty;

class RandomCluster {
 public:
  explicit RandomCluster(unsigned seed) : random_(seed) {}

  // One object of few names comes, changes or goes.
  void Step(ClusterState* state) {
    switch (Below(4)) {
      case 0:
        return Change(&nodes_, state->nodes(), Node());
      case 1:
        return Change(&pods_, state->pods(), Pod());
      case 2:
        return Change(&services_, state->services(), Service());
      default:
        return Change(&slices_, state->slices(), Slice());
    }
  }
  void List(ClusterState* state) const {
    ClusterFixture::List(state->slices(), Values(slices_));
    ClusterFixture::List(state->pods(), Values(pods_));
    ClusterFixture::List(state->services(), Values(services_));
    ClusterFixture::List(state->nodes(), Values(nodes_));
  }
  bool IsIn(int n) { return Below(n) == 0; }

 private:
  using Objects = std::map<std::string, Json>;

  int Below(int n) { return std::uniform_int_distribution(0, n - 1)(random_); }
  std::string Of(int n, const std::string& before, const std::string& after = "") {
    return before + std::to_string(Below(n)) + after;
  }
  static std::vector<Json> Values(const Objects& objects) {
    std::vector<Json> values;
    for (const auto& [key, object] : objects) values.push_back(object);
    return values;
  }

  void Change(Objects* objects, ResourceSink* sink, const Json& object) {
    const std::string key = KubeKeyOf(object);
    if (IsIn(3)) {
      objects->erase(key);
      sink->Delete(object);
    } else {
      (*objects)[key] = object;
      sink->Put(object);
    }
  }

  std::string NodeName() { return IsIn(5) ? "node-a" : Of(4, "node-"); }
  Json Node() {
    Json annotations = Json::object();
    if (!IsIn(3)) annotations[kVirtualMacAnnotation] = Of(3, "02:00:00:00:00:0");
    if (IsIn(3)) annotations[kUnderlayAddressAnnotation] = Of(3, "192.0.2.10");
    return KubeNodeJson(NodeName(), {Of(4, "10.244.", ".0/24")}, annotations, {Of(3, "192.0.2.10")},
                        Of(3, "zone-"));
  }
  Json Pod() {
    Json pod = KubePodJson(Of(8, "pod-"), NodeName(), {Of(6, "10.244.", ".1"), Of(3, "172.16.0.")});
    if (IsIn(4)) pod["status"]["phase"] = "Failed";
    if (IsIn(6)) pod["spec"]["hostNetwork"] = true;
    if (IsIn(4)) pod["metadata"]["deletionTimestamp"] = "2026-11-22T13:32:22Z";
    pod["metadata"]["creationTimestamp"] = Of(3, "2026-11-22T13:32:2", "Z");
    return pod;
  }
  Json Service() {
    Json service = KubeServiceJson(Of(4, "s"), IsIn(6) ? "None" : Of(3, "10.96.0.1"));
    if (IsIn(2)) {
      service["spec"]["externalIPs"] = {Of(3, "203.0.113.1"), Of(3, "192.0.2.10")};
    }
    if (IsIn(3)) service["spec"]["internalTrafficPolicy"] = "Local";
    service["metadata"]["creationTimestamp"] = Of(3, "2026-11-22T13:32:2", "Z");
    return service;
  }
  Json Slice() {
    std::vector<Json> endpoints;
    for (int i = Below(4); i > 0; --i) {
      endpoints.push_back(
          KubeEndpointJson(Of(5, "10.244.", ".1"), NodeName(),
                           {{"ready", IsIn(2)}, {"serving", !IsIn(3)}, {"terminating", IsIn(2)}}));
      if (!IsIn(4)) {
        endpoints.back()["hints"]["forZones"] = Json::array({{{"name", Of(2, "zone-")}}});
      }
    }
    return KubeSliceJson(Of(8, "slice-"), Of(4, "s"), endpoints);
  }

  std::mt19937 random_;
  Objects nodes_, pods_, services_, slices_;
};

void ExpectSame(ClusterFixture* cluster, const RandomCluster& objects) {
  ClusterFixture fresh(true);
  objects.List(&fresh.state);
  fresh.Take();
  cluster->Take();
  EXPECT_EQ(cluster->told, fresh.told);
  EXPECT_EQ(cluster->state.Problems(), fresh.state.Problems());
  EXPECT_EQ(cluster->state.DuplicateMacs(), fresh.state.DuplicateMacs());
  for (int i = 0; i < 6; ++i) {
    const Ipv4Address address(10, 244, static_cast<uint8_t>(i), 1);
    EXPECT_EQ(cluster->state.PodAt(address), fresh.state.PodAt(address));
  }
}

TEST(ClusterRandomTest, WhatIsToldIsWhatIsThere) {
  for (unsigned seed = 0; seed < 40 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    RandomCluster objects(seed);
    ClusterFixture cluster(true);
    if (seed % 2 == 0) cluster.SyncWithNothing();
    for (int i = 0; i < 300; ++i) {
      objects.Step(&cluster.state);
      if (objects.IsIn(3)) cluster.Take();
      if (objects.IsIn(100)) objects.List(&cluster.state);
    }
    objects.List(&cluster.state);
    ExpectSame(&cluster, objects);
    // Nothing of it stays.
    cluster.SyncWithNothing();
    cluster.Take();
    EXPECT_THAT(cluster.told, IsEmpty());
    EXPECT_THAT(cluster.state.Problems(), IsEmpty());
  }
}

// As it is in podwarp: a thread for each kind, one that takes, and others that ask.
TEST(ClusterRandomTest, ThreadsMayChangeItWhileItIsTaken) {
  RandomCluster objects(1), others(2);
  ClusterFixture cluster(true);
  std::vector<std::thread> threads;
  std::atomic<int> left = 2;
  for (RandomCluster* own : {&objects, &others}) {
    threads.emplace_back([&cluster, &left, own] {
      for (int i = 0; i < 2'000; ++i) {
        own->Step(&cluster.state);
        if (i % 500 == 0) own->List(&cluster.state);
      }
      --left;
    });
  }
  threads.emplace_back([&cluster, &left] {
    while (left > 0) {
      cluster.state.Problems();
      cluster.state.PodAt("10.244.1.1"_ip);
      cluster.state.OwnNode();
      cluster.state.TakePodMoves();
    }
  });
  while (left > 0) cluster.Take();
  for (std::thread& thread : threads) thread.join();
  objects.List(&cluster.state);
  ExpectSame(&cluster, objects);
}

}  // namespace
}  // namespace podwarp::test
