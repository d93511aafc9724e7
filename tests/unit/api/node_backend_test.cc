// What the API of a running node says of its sources.
#include "api/node_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/reconciler_fixture.h"

namespace podwarp::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class NodeBackendTest : public ReconcilerTest {
 protected:
  NodeBackendTest() {
    status_.server = "https://10.96.0.1:443";
    status_.resources.resize(1);
    status_.resources[0].name = "services";
  }

  nlohmann::ordered_json Status(const KubernetesStatusSource& kubernetes) {
    NodeBackend backend("node.yaml", &*reconciler_, &*node_, &*loop_, &watch_, &explainer_,
                        kubernetes);
    const auto status = backend.Report("status", {});
    EXPECT_TRUE(status.ok()) << status.status();
    return status.value_or(nullptr);
  }
  absl::StatusOr<nlohmann::ordered_json> Explain(const ApiParameters& parameters) {
    NodeBackend backend("node.yaml", &*reconciler_, &*node_, &*loop_, &watch_, &explainer_);
    return backend.Report("explain", parameters);
  }
  nlohmann::ordered_json Status() {
    return Status([this] { return status_; });
  }

  absl::StatusOr<nlohmann::ordered_json> Report(const std::string& name,
                                                const ApiParameters& parameters = {}) {
    NodeBackend backend("node.yaml", &*reconciler_, &*node_, &*loop_, &watch_, &explainer_);
    return backend.Report(name, parameters);
  }

  KubernetesStatus status_;
  Watch watch_{&*node_, &*tables_};
  Explainer explainer_{&*node_, &*tables_, TestPool()};
};

TEST_F(NodeBackendTest, MetricsAreOfTheNodeAndOfKubernetes) {
  const auto ask = [this](const KubernetesStatusSource& kubernetes) {
    NodeBackend backend("node.yaml", &*reconciler_, &*node_, &*loop_, &watch_, &explainer_,
                        kubernetes);
    const absl::StatusOr<std::string> metrics = backend.Metrics();
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    return metrics.value_or("");
  };
  EXPECT_THAT(ask(nullptr), AllOf(HasSubstr("podwarp_build_info{"), HasSubstr("podwarp_pod_up{"),
                                  Not(HasSubstr("podwarp_kubernetes"))));
  EXPECT_THAT(ask([this] { return status_; }), HasSubstr("\npodwarp_kubernetes_synced 0\n"));
}

TEST_F(NodeBackendTest, ANodeWithoutKubernetesIsReady) {
  const auto status = Status(nullptr);
  EXPECT_EQ(status.at("ready"), true);
  EXPECT_FALSE(status.contains("kubernetes"));
  EXPECT_FALSE(status.contains("why_not_ready"));
  EXPECT_FALSE(status.contains("not_current"));
}

TEST_F(NodeBackendTest, ANodeIsReadyOnceItKnowsWhatKubernetesSays) {
  auto status = Status();
  EXPECT_EQ(status.at("ready"), false);
  EXPECT_EQ(status.at("why_not_ready"),
            "waits for the first lists of https://10.96.0.1:443: services");
  EXPECT_EQ(status.at("kubernetes").at("resources").at(0).at("name"), "services");
  EXPECT_EQ(status.at("kubernetes").at("is_synced"), false);

  status_.resources[0].synced = status_.resources[0].connected = status_.is_current = true;
  status = Status();
  EXPECT_EQ(status.at("ready"), true);
  EXPECT_FALSE(status.contains("not_current"));
  EXPECT_EQ(status.at("kubernetes").at("summary"), "follows https://10.96.0.1:443");

  // The server goes away: the node forwards on.
  status_.resources[0].connected = status_.is_current = false;
  status = Status();
  EXPECT_EQ(status.at("ready"), true);
  EXPECT_FALSE(status.contains("why_not_ready"));
  EXPECT_THAT(status.at("not_current").get<std::string>(),
              HasSubstr("https://10.96.0.1:443 has not been followed"));
}

TEST_F(NodeBackendTest, ExplainsWhatWouldBecomeOfAFrame) {
  const auto sent = Explain({{"from", "default/web"}, {"to", "default/db:80"}});
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->at("to"), "10.244.1.11:80/tcp");
  EXPECT_EQ(sent->at("verdict"), "sent");
  EXPECT_EQ(sent->at("summary"), "reaches pod default/db");
  EXPECT_FALSE(sent->contains("reason"));
  EXPECT_EQ(sent->at("arp").size(), 1u);
  EXPECT_EQ(sent->at("frames").size(), 1u);

  const auto dropped = Explain({{"from", "default/web"}, {"to", "10.244.2.10"}, {"ttl", "1"}});
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  EXPECT_EQ(dropped->at("to"), "10.244.2.10/icmp");
  EXPECT_EQ(dropped->at("reason"), "ttl_expired");
  EXPECT_EQ(dropped->at("summary"),
            "dropped: ttl_expired (time to live used up), and the sender is told by ICMP time "
            "exceeded");
  EXPECT_EQ(dropped->at("frames").size(), 2u);

  // Longer than the wire takes.
  const auto cut = Explain({{"from", "default/web"},
                            {"to", "10.244.2.10"},
                            {"bytes", "3000"},
                            {"dont_fragment", "false"}});
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->at("verdict"), "sent");
  EXPECT_EQ(cut->at("summary"), "is cut into 3 fragments, leaves by uplink0 to node node-b");
}

TEST_F(NodeBackendTest, ExplainSaysWhatIsWrongWithTheQuestion) {
  const auto fault = [&](const ApiParameters& parameters) {
    return std::string(Explain(parameters).status().message());
  };
  EXPECT_EQ(fault({{"to", "10.0.0.1"}}), "from: is missing");
  EXPECT_EQ(fault({{"from", "host"}}), "to: is missing");
  EXPECT_THAT(fault({{"from", "default/web"}, {"to", "x"}}), HasSubstr("to: "));
  EXPECT_THAT(fault({{"from", "default/web"}, {"to", "10.0.0.1:0"}}), HasSubstr("to: "));
  EXPECT_THAT(fault({{"from", "default/web"}, {"to", "10.0.0.1:80/dccp"}}),
              HasSubstr("to: 'dccp' is not tcp, udp or sctp"));
  EXPECT_EQ(fault({{"from", "default/web"}, {"to", "default/nobody"}}),
            "to: there is no pod or service default/nobody on this node");
  EXPECT_EQ(fault({{"from", "default/nobody"}, {"to", "10.0.0.1"}}),
            "from: there is no pod default/nobody on this node");
  EXPECT_THAT(fault({{"from", "nowhere"}, {"to", "10.0.0.1"}}),
              HasSubstr("from: there is no uplink nowhere"));
  EXPECT_EQ(fault({{"from", "uplink0"}, {"to", "10.0.0.1"}}),
            "source: uplink0 needs one, since many can send there");
  EXPECT_THAT(fault({{"from", "default/web"}, {"to", "10.0.0.1"}, {"bytes", "27"}}),
              HasSubstr("bytes: 27 is out of range (28 to 65535"));
  EXPECT_THAT(fault({{"from", "default/web"}, {"to", "10.0.0.1"}, {"ttl", "0"}}),
              HasSubstr("ttl: "));
  EXPECT_THAT(fault({{"form", "default/web"}}), HasSubstr("form: unknown parameter"));
}

TEST_F(NodeBackendTest, WhatIsHiddenStandsInTheStatusAndInTheLists) {
  const Edit edit = Put(MakeService({kWeb}));
  ASSERT_TRUE(Apply(edit).status.ok());
  ASSERT_TRUE(reconciler_->ApplyKubernetes({&edit, 1})[0].status.ok());
  EXPECT_THAT(Status().at("notes").get<std::vector<std::string>>(),
              Contains("what Kubernetes said has no place: service default/web: the API has it, "
                       "too"));
  NodeBackend backend("node.yaml", &*reconciler_, &*node_, &*loop_, &watch_, &explainer_);
  EXPECT_EQ(backend.Get(ObjectKind::kService, "default/web")->origin, Origin::kApi);
  ASSERT_TRUE(Apply(Delete(ObjectKind::kService, "default/web")).status.ok());
  EXPECT_EQ(backend.Get(ObjectKind::kService, "default/web")->origin, Origin::kKubernetes);
  EXPECT_EQ(backend.List(ObjectKind::kService, "", 9)[0].origin, Origin::kKubernetes);
}

TEST_F(NodeBackendTest, StagesAndLatencyAreOfAWorkerOrOfAll) {
  const auto stages = Report("stages");
  ASSERT_TRUE(stages.ok()) << stages.status();
  EXPECT_EQ(stages->at("items").size(), kStages);
  EXPECT_EQ(stages->at("items").at(0).at("name"), "receive");
  EXPECT_EQ(Report("stages", {{"lcore", "1"}}), stages);
  EXPECT_EQ(Report("stages", {{"lcore", "2"}}).status().message(),
            "lcore: '2' is not a whole number from 1 to 1");
  const auto latency = Report("latency");
  ASSERT_TRUE(latency.ok()) << latency.status();
  EXPECT_EQ(latency->at("items").at(0).at("lcore"), 1);
  EXPECT_EQ(latency->at("items").at(0).at("samples"), 0);
  EXPECT_EQ(latency->at("all").at("p99_us"), 0);
}

TEST_F(NodeBackendTest, ARouteSaysWhereAFrameGoes) {
  const auto route = Report("route", {{"to", kOnB.ToString()}});
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(route->at("owner"), "node node-b");
  EXPECT_EQ(Report("route").status().message(), "to: an address is missing");
  EXPECT_EQ(Report("route", {{"from", "1"}}).status().message(),
            "from: unknown parameter (known: to)");
}

TEST_F(NodeBackendTest, PortsHaveTheirDrops) {
  const auto ports = Report("ports");
  ASSERT_TRUE(ports.ok()) << ports.status();
  EXPECT_EQ(ports->at("items").at(0).at("drops"), nlohmann::ordered_json::object());
  const auto drops = Report("drops");
  ASSERT_TRUE(drops.ok()) << drops.status();
  EXPECT_EQ(drops->at("items").at(0).at("last_pods"), nlohmann::ordered_json::array());
}

}  // namespace
}  // namespace podwarp::test
