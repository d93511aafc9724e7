#include "control/kubernetes_status.h"

#include <gtest/gtest.h>

namespace podwarp::test {
namespace {

// Nodes and pods of a server, as it is in the best case.
KubernetesStatus AllIsWell() {
  KubernetesStatus status;
  status.server = "https://10.96.0.1:443";
  status.is_current = true;
  for (const char* name : {"nodes", "pods"}) {
    KubernetesStatus::Resource& resource = status.resources.emplace_back();
    resource.name = name;
    resource.synced = resource.connected = true;
  }
  return status;
}

TEST(KubernetesStatus, SaysWhomItFollows) {
  EXPECT_TRUE(IsSynced(AllIsWell()));
  EXPECT_EQ(Summarize(AllIsWell()), "follows https://10.96.0.1:443");
}

TEST(KubernetesStatus, SaysWhatItWaitsFor) {
  KubernetesStatus status = AllIsWell();
  status.is_current = false;
  status.resources[1].synced = status.resources[1].connected = false;
  EXPECT_FALSE(IsSynced(status));
  EXPECT_EQ(Summarize(status), "waits for the first lists of https://10.96.0.1:443: pods");
  status.resources[1].last_error = "pods is forbidden";
  EXPECT_EQ(Summarize(status),
            "waits for the first lists of https://10.96.0.1:443: pods (pods is forbidden)");
}

TEST(KubernetesStatus, SaysForHowLongTheServerIsAway) {
  KubernetesStatus status = AllIsWell();
  status.is_current = false;
  status.not_current_for = absl::Seconds(95) + absl::Milliseconds(7);
  status.resources[0].connected = false;
  status.resources[0].last_error = "connection refused";
  EXPECT_TRUE(IsSynced(status));
  EXPECT_EQ(Summarize(status),
            "https://10.96.0.1:443 has not been followed for 1m35s: nodes (connection refused); "
            "forwarding goes on with what it said last");
}

}  // namespace
}  // namespace podwarp::test
