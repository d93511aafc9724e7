#include "control/change_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/log_capture.h"
#include "unit/control/node_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'000);

TEST(ChangeLog, PodsAreToldOfByName) {
  LogCapture log;
  ChangeLog changes;
  const PodConfig web = MakePod("web", kWebMac, kWeb);
  const PodConfig moved = MakePod("web", kWebMac, kDb);
  const PodConfig other = MakePod("web", kDbMac, kDb);
  changes.Tell({.before = std::nullopt, .after = web}, "the API", kNow);
  changes.Tell({.before = web, .after = moved}, "Kubernetes", kNow);
  changes.Tell({.before = moved, .after = other}, "the file", kNow);
  changes.Tell({.before = other, .after = std::nullopt}, "the API", kNow);
  EXPECT_THAT(log.Take(),
              ElementsAre("I the API: pod default/web comes: 10.244.1.10",
                          "I Kubernetes: pod default/web moves from 10.244.1.10 to 10.244.1.11",
                          "I the file: pod default/web changes: 10.244.1.11",
                          "I the API: pod default/web goes"));
}

TEST(ChangeLog, ABulkChangeIsCutShortButNotAtLevel1) {
  LogCapture log;
  ChangeLog changes;
  const Change change{.before = std::nullopt, .after = MakePod("web", kWebMac, kWeb)};
  for (int i = 0; i < 1'000; ++i) changes.Tell(change, "the API", kNow);
  EXPECT_THAT(log.Take(), SizeIs(100));
  changes.Tell(change, "the API", kNow + absl::Seconds(1));
  EXPECT_THAT(log.Take(), ElementsAre("I the API: pod default/web comes: 10.244.1.10 (900 more "
                                      "such lines left out)"));
  FLAGS_v = 1;
  for (int i = 0; i < 1'000; ++i) changes.Tell(change, "the API", kNow);
  FLAGS_v = 0;
  EXPECT_THAT(log.Take(), SizeIs(1'000));
}

TEST(ChangeLog, OtherObjectsAreForLevel1) {
  LogCapture log;
  ChangeLog changes;
  const Change change{.before = std::nullopt, .after = MakeConfig().nodes[0]};
  changes.Tell(change, "Kubernetes", kNow);
  EXPECT_THAT(log.Take(), IsEmpty());
  FLAGS_v = 1;
  changes.Tell(change, "Kubernetes", kNow);
  FLAGS_v = 0;
  EXPECT_THAT(log.Take(), ElementsAre("I Kubernetes: node node-b comes"));
}

}  // namespace
}  // namespace podwarp::test
