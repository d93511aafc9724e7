// What the API of a running node says of its sources.
#include "api/node_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/reconciler_fixture.h"

namespace podwarp::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

class NodeBackendTest : public ReconcilerTest {
 protected:
  NodeBackendTest() {
    status_.server = "https://10.96.0.1:443";
    status_.resources.resize(1);
    status_.resources[0].name = "services";
  }

  nlohmann::ordered_json Status(const KubernetesStatusSource& kubernetes) {
    NodeBackend backend("node.yaml", &*reconciler_, &*node_, &*loop_, &watch_, kubernetes);
    const auto status = backend.Report("status", {});
    EXPECT_TRUE(status.ok()) << status.status();
    return status.value_or(nullptr);
  }
  nlohmann::ordered_json Status() {
    return Status([this] { return status_; });
  }

  KubernetesStatus status_;
  Watch watch_{&*node_, &*tables_};
};

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

TEST_F(NodeBackendTest, WhatIsHiddenStandsInTheStatusAndInTheLists) {
  const Edit edit = Put(MakeService({kWeb}));
  ASSERT_TRUE(Apply(edit).status.ok());
  ASSERT_TRUE(reconciler_->ApplyKubernetes({&edit, 1})[0].status.ok());
  EXPECT_THAT(Status().at("notes").get<std::vector<std::string>>(),
              Contains("what Kubernetes said has no place: service default/web: the API has it, "
                       "too"));
  NodeBackend backend("node.yaml", &*reconciler_, &*node_, &*loop_, &watch_);
  EXPECT_EQ(backend.Get(ObjectKind::kService, "default/web")->origin, Origin::kApi);
  ASSERT_TRUE(Apply(Delete(ObjectKind::kService, "default/web")).status.ok());
  EXPECT_EQ(backend.Get(ObjectKind::kService, "default/web")->origin, Origin::kKubernetes);
  EXPECT_EQ(backend.List(ObjectKind::kService, "", 9)[0].origin, Origin::kKubernetes);
}

}  // namespace
}  // namespace podwarp::test
