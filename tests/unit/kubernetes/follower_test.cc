#include "kubernetes/follower.h"

#include <atomic>
#include <map>

#include "follower_fixture.h"
#include "recorded.h"

namespace podwarp::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(FollowerTest, TellsTheNodeWhatTheServerHas) {
  PutCluster();
  Start();
  ASSERT_TRUE(Eventually([&] { return node_.objects().size() == 2; }));
  EXPECT_TRUE(node_.Has(ObjectKind::kNode, "node-b"));
  EXPECT_EQ(Backend(), "10.244.2.10"_ip);
}

TEST_F(FollowerTest, FollowsChanges) {
  PutCluster();
  Start();
  ASSERT_TRUE(Eventually([&] { return Backend() == "10.244.2.10"_ip; }));
  PutEndpoint("10.244.2.11");
  EXPECT_TRUE(Eventually([&] { return Backend() == "10.244.2.11"_ip; }));
  server_.objects().Delete(kServices, "default/web");
  EXPECT_TRUE(Eventually([&] { return !node_.Has(ObjectKind::kService, "default/web"); }));
  server_.objects().Delete(kNodes, "node-b");
  EXPECT_TRUE(Eventually([&] { return node_.objects().empty(); }));
}

// What is there at the end doesn't depend on how it came to be.
TEST_F(FollowerTest, EndsARecordedRunAsOneThatBeginsThere) {
  const std::pair<std::string, std::string> resources[] = {
      {kNodes, "nodes"}, {kServices, "services"}, {kSlices, "endpointslices"}, {kPods, "pods"}};
  const auto has_last_endpoint = [](const ToldNode::Objects& objects) {
    const auto last = objects.find({ObjectKind::kService, "default/last"});
    return last != objects.end() &&
           !std::get<ServiceConfig>(last->second).ports.at(0).backends.empty();
  };
  const auto objects_at_end = [&](const std::string& list, bool with_watch) {
    KubeServer server;
    for (const auto& [resource, name] : resources) {
      server.objects().Load(resource, RecordedJson(name + list));
    }
    const std::unique_ptr<ApiClient> client = *ApiClient::Open(server.access());
    Config config = config_;
    config.node_name = "node-z";  // none of them
    config.uplinks[0].address = "192.0.2.1"_ip;
    ToldNode node;
    FollowerActions actions;
    actions.apply = [&](std::span<const Edit> edits) { return node.Apply(edits); };
    actions.move_pod = [&](const std::string&, const std::vector<Ipv4Address>&) {
      return absl::OkStatus();
    };
    FollowerSettings settings = settings_;
    settings.watch_all_pods = true;
    Follower follower(client.get(), config, settings, std::move(actions));
    if (with_watch) {
      EXPECT_TRUE(Eventually([&] {
        return follower.Status().is_current && node.Has(ObjectKind::kService, "default/web");
      }));
      // In the order in which they happened.
      std::multimap<int, std::pair<std::string, Json>> events;
      for (const auto& [resource, name] : resources) {
        for (const Json& event : RecordedLines(name + ".watch.jsonl")) {
          const Json& revision = event["object"]["metadata"]["resourceVersion"];
          events.emplace(std::stoi(revision.get<std::string>()), std::pair(resource, event));
        }
      }
      for (const auto& [revision, event] : events) {
        server.objects().Replay(event.first, event.second);
      }
    }
    // A last change of each kind: what came before it has been told too.
    server.objects().Put(kNodes,
                         KubeNodeJson("last", {"10.244.99.0/24"}, Json::object(), {"192.0.2.99"}));
    server.objects().Put(
        kSlices, KubeSliceJson("last-1", "last", {KubeEndpointJson("10.244.99.9", "last")}));
    server.objects().Put(kPods, KubePodJson("last", "last", {"10.244.77.7"}));
    server.objects().Put(kServices, KubeServiceJson("last", "10.96.9.9"));
    EXPECT_TRUE(Eventually([&] {
      return node.Has(ObjectKind::kNode, "last") &&
             node.Has(ObjectKind::kRoute, "10.244.77.7/32") && has_last_endpoint(node.objects());
    }));
    follower.Stop();
    return node.objects();
  };
  const ToldNode::Objects replayed = objects_at_end(".list.json", true);
  EXPECT_EQ(replayed, objects_at_end(".list.after.json", false));
  EXPECT_FALSE(replayed.contains({ObjectKind::kService, "default/web"}));
}

TEST_F(FollowerTest, AsksForThePodsOfItsNodeOnly) {
  PutCluster();
  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  EXPECT_THAT(Requests(kPods),
              AllOf(Not(IsEmpty()), Each(HasSubstr("fieldSelector=spec.nodeName%3Dnode-a"))));
  EXPECT_THAT(Requests(kNodes), Each(Not(HasSubstr("fieldSelector"))));
}

TEST_F(FollowerTest, WithAllPodsThereAreRoutesToThoseElsewhere) {
  settings_.watch_all_pods = true;
  PutCluster();
  Put(kPods, KubePodJson("guest", "node-b", {"10.244.7.7"}));
  Put(kPods, KubePodJson("at-home", "node-b", {"10.244.2.7"}));
  Start();
  ASSERT_TRUE(Eventually([&] { return node_.Has(ObjectKind::kRoute, "10.244.7.7/32"); }));
  EXPECT_FALSE(node_.Has(ObjectKind::kRoute, "10.244.2.7/32"));
  EXPECT_THAT(Requests(kPods), Each(Not(HasSubstr("fieldSelector"))));
  EXPECT_EQ(follower_->PodAt("10.244.7.7"_ip), "default/guest");
}

TEST_F(FollowerTest, WhileTheServerIsAwayAllStaysAndIsSaid) {
  PutCluster();
  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent() && node_.objects().size() == 2; }));
  server_.Close();
  ASSERT_TRUE(Eventually([&] {
    const KubernetesStatus status = Status();
    return std::none_of(status.resources.begin(), status.resources.end(),
                        [](const auto& resource) { return resource.connected; });
  }));
  const KubernetesStatus away = Status();
  EXPECT_FALSE(away.is_current);
  EXPECT_TRUE(IsSynced(away));
  EXPECT_LT(away.not_current_for, absl::Hours(1));
  EXPECT_THAT(away.resources[0].last_error, Not(IsEmpty()));
  EXPECT_EQ(node_.objects().size(), 2);
  const size_t edits = node_.edits();

  PutEndpoint("10.244.2.11");
  server_.Open();
  ASSERT_TRUE(Eventually([&] { return IsCurrent() && Backend() == "10.244.2.11"_ip; }));
  EXPECT_EQ(node_.edits(), edits + 1);
}

TEST_F(FollowerTest, AfterANewListOnlyDifferencesAreTold) {
  PutCluster();
  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent() && node_.objects().size() == 2; }));
  const size_t edits = node_.edits();
  server_.Close();
  Put(kNodes, KubeNodeWithMac("node-c", "10.244.3.0/24", "02:00:00:00:00:0c"));
  server_.objects().Delete(kServices, "default/web");
  server_.objects().Compact();
  server_.ForgetRequests();
  server_.Open();
  ASSERT_TRUE(Eventually([&] {
    return node_.Has(ObjectKind::kNode, "node-c") &&
           !node_.Has(ObjectKind::kService, "default/web");
  }));
  EXPECT_TRUE(node_.Has(ObjectKind::kNode, "node-b"));
  EXPECT_EQ(node_.edits(), edits + 2);
  EXPECT_THAT(Requests("nodes?limit="), Not(IsEmpty()));
}

TEST_F(FollowerTest, BeforeTheFirstListsItIsNotSynced) {
  PutCluster();
  server_.Refuse({.part = "endpointslices", .code = 403, .count = -1});
  Start();
  ASSERT_TRUE(Eventually([&] { return node_.Has(ObjectKind::kNode, "node-b"); }));
  ASSERT_TRUE(Eventually([&] { return !Status().resources[2].last_error.empty(); }));
  EXPECT_FALSE(IsSynced(Status()));
  EXPECT_FALSE(Status().is_current);
  EXPECT_EQ(Status().resources[2].name, "endpointslices");
  EXPECT_THAT(Status().resources[2].last_error, HasSubstr("403"));
  // A service without its endpoints would refuse calls that it served before.
  EXPECT_FALSE(node_.Has(ObjectKind::kService, "default/web"));
  server_.ForgiveAll();
  EXPECT_TRUE(Eventually([&] { return Backend() == "10.244.2.10"_ip && IsCurrent(); }));
}

TEST_F(FollowerTest, CountsWhatTheServerHas) {
  PutCluster();
  Put(kPods, KubePodJson("web-1", "node-a", {"10.244.1.10"}));
  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  std::map<std::string, uint64_t> counts;
  for (const auto& resource : Status().resources) {
    counts[resource.name] = resource.objects;
    EXPECT_LT(resource.since_contact, absl::Hours(1)) << resource.name;
  }
  EXPECT_EQ(counts, (std::map<std::string, uint64_t>{
                        {"nodes", 2}, {"services", 1}, {"endpointslices", 1}, {"pods", 1}}));
  EXPECT_EQ(Status().server, server_.url());
}

TEST_F(FollowerTest, WhatTheNodeRefusesIsSaidAndTriedAgain) {
  PutCluster();
  node_.Refuse("default/web", "no room for it");
  Start();
  ASSERT_TRUE(Eventually([&] { return HasNote("service default/web") && IsCurrent(); }));
  EXPECT_THAT(Notes(), HasSubstr("no room for it"));
  EXPECT_TRUE(node_.Has(ObjectKind::kNode, "node-b"));
  node_.Refuse("", "");
  // That something changes is the sign to try.
  Put(kNodes, KubeNodeWithMac("node-c", "10.244.3.0/24", "02:00:00:00:00:0c"));
  EXPECT_TRUE(Eventually([&] { return Backend() == "10.244.2.10"_ip; }));
  EXPECT_TRUE(Eventually([&] { return !HasNote("default/web"); }));
}

TEST_F(FollowerTest, MovesThePodsOfItsNode) {
  PutCluster();
  Put(kPods, KubePodJson("web-1", "node-a", {"10.244.1.10"}));
  Put(kPods, KubePodJson("elsewhere", "node-b", {"10.244.2.10"}));
  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent() && follower_->PodAt("10.244.1.10"_ip) != ""; }));
  EXPECT_EQ(node_.moves(), 0) << "it has them from whoever attached the pod";
  Put(kPods, KubePodJson("web-1", "node-a", {"10.244.1.11"}));
  ASSERT_TRUE(Eventually([&] {
    return node_.AddressesOf("default/web-1") == std::vector<Ipv4Address>{"10.244.1.11"_ip};
  }));
  EXPECT_EQ(node_.moves(), 1);
  EXPECT_EQ(follower_->PodAt("10.244.1.11"_ip), "default/web-1");
  EXPECT_EQ(follower_->PodAt("10.244.1.10"_ip), "");
}

TEST_F(FollowerTest, AMoveThatIsRefusedIsSaidAndTriedAgain) {
  PutCluster();
  Put(kPods, KubePodJson("web-1", "node-a", {"10.244.1.10"}));
  node_.Refuse("", "the address is taken");
  Start();
  ASSERT_TRUE(Eventually([&] { return follower_->PodAt("10.244.1.10"_ip) != ""; }));
  Put(kPods, KubePodJson("web-1", "node-a", {"10.244.1.11"}));
  ASSERT_TRUE(Eventually([&] { return HasNote("pod default/web-1 "); }));
  EXPECT_THAT(Notes(), HasSubstr("the address is taken"));
  node_.Refuse("", "");
  EXPECT_TRUE(Eventually([&] { return !node_.AddressesOf("default/web-1").empty(); }));
  EXPECT_TRUE(Eventually([&] { return !HasNote("default/web-1"); }));
}

TEST_F(FollowerTest, SaysThatItsRangesAreOthersNow) {
  PutCluster();
  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  EXPECT_FALSE(HasNote("other pod ranges"));
  Put(kNodes, KubeNodeJson("node-a", {"10.244.9.0/24"}, Json::object()));
  EXPECT_TRUE(Eventually([&] { return HasNote("other pod ranges"); }));
}

TEST_F(FollowerTest, WritesOnItsOwnNodeWhatOthersNeed) {
  PutCluster();
  Start();
  const auto annotation = [&](const char* name) -> Json {
    const Json node = *server_.objects().Find(kNodes, "node-a");
    return node["metadata"].value("annotations", Json::object()).value(name, "");
  };
  ASSERT_TRUE(Eventually([&] { return annotation(kVirtualMacAnnotation) == "02:00:00:00:00:0a"; }));
  EXPECT_EQ(annotation(kUnderlayAddressAnnotation), "192.168.50.1");
  Put(kNodes,
      KubeNodeJson("node-a", {"10.244.1.0/24"}, {{kVirtualMacAnnotation, "02:00:00:00:00:99"}}));
  EXPECT_TRUE(Eventually([&] { return annotation(kVirtualMacAnnotation) == "02:00:00:00:00:0a"; }));
  EXPECT_THAT(Requests("PATCH"), Each(HasSubstr("/api/v1/nodes/node-a")));
}

TEST_F(FollowerTest, WarnsOfANodeThatHasItsMac) {
  PutCluster();
  Put(kNodes, KubeNodeWithMac("node-c", "10.244.3.0/24", "02:00:00:00:00:0a"));
  // Two others that have the same are theirs to warn of.
  Put(kNodes, KubeNodeWithMac("node-d", "10.244.4.0/24", "02:00:00:00:00:0b"));
  Start();
  const auto events = [&] { return server_.objects().List(kEvents, {}, "", 0).items; };
  ASSERT_TRUE(Eventually([&] { return !events().empty(); }));
  EXPECT_THAT(events(), ElementsAre(HasSubstr("also that of node-c")));
  EXPECT_THAT(Notes(), AllOf(HasSubstr("node-c"), HasSubstr("node-d")));
}

TEST_F(FollowerTest, SaysThatThereIsNoNodeOfItsName) {
  PutCluster();
  server_.objects().Delete(kNodes, "node-a");
  Start();
  EXPECT_TRUE(Eventually([&] { return HasNote("node node-a: Kubernetes has no node of this"); }));
  PutCluster();
  EXPECT_TRUE(Eventually([&] { return !HasNote("no node of this name"); }));
}

// Far sooner than a request gives up.
TEST_F(FollowerTest, StopsWhileTheServerDoesNotAnswer) {
  PutCluster();
  server_.Hang();
  Start();
  absl::Time begin = absl::Now();
  Stop();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
  server_.Resume();

  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  server_.Hang();
  begin = absl::Now();
  Stop();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
  server_.Resume();
}

TEST_F(FollowerTest, SaysHowItStandsWhileTheNodeIsBusy) {
  PutCluster();
  client_ = *ApiClient::Open(server_.access());
  std::atomic<bool> is_busy = false, is_free = false;
  FollowerActions actions;
  actions.apply = [&](std::span<const Edit> edits) {
    is_busy = true;
    EXPECT_TRUE(Eventually([&] { return is_free.load(); }));
    return node_.Apply(edits);
  };
  actions.move_pod = [](const std::string&, const std::vector<Ipv4Address>&) {
    return absl::OkStatus();
  };
  follower_ = std::make_unique<Follower>(client_.get(), config_, settings_, std::move(actions));
  ASSERT_TRUE(Eventually([&] { return is_busy.load() && IsCurrent(); }));
  EXPECT_TRUE(node_.objects().empty());
  is_free = true;
  EXPECT_TRUE(Eventually([&] { return node_.objects().size() == 2; }));
}

}  // namespace
}  // namespace podwarp::test
