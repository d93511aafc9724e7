#include "kubernetes/follower_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/log_capture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FollowerLogTest : public testing::Test {
 protected:
  FollowerLogTest() { status_.server = "https://api:6443"; }

  void TellCurrent() {
    status_.is_current = true;
    status_.resources = {
        {.name = "nodes", .synced = true, .connected = true, .last_error = "", .objects = 3}};
    Tell();
  }
  void TellLost(absl::Duration since) {
    status_.is_current = false;
    status_.not_current_for = since;
    status_.resources = {{.name = "nodes", .synced = true, .last_error = "no route to host"}};
    Tell();
  }
  void Tell() { log_of_follower_.Tell(status_, now_ += absl::Seconds(1)); }

  LogCapture log_;
  KubernetesStatus status_;
  FollowerLog log_of_follower_;
  absl::Time now_ = absl::FromUnixSeconds(1'000);
};

TEST_F(FollowerLogTest, ALossIsToldOnceAndItsEndToo) {
  TellCurrent();
  EXPECT_THAT(log_.Take(), ElementsAre("I Kubernetes is current: nodes 3"));
  TellLost(absl::Seconds(2.9));
  EXPECT_THAT(log_.Take(), IsEmpty());
  TellLost(absl::Seconds(4));
  TellLost(absl::Seconds(5));
  EXPECT_THAT(log_.Take(), ElementsAre("W Kubernetes at https://api:6443 is lost: no route to "
                                       "host; what it said last goes on"));
  TellCurrent();
  TellCurrent();
  EXPECT_THAT(log_.Take(), ElementsAre("I Kubernetes is current again after 6s: nodes 3"));
}

TEST_F(FollowerLogTest, AServerThatComesAndGoesHasFewLines) {
  for (int i = 0; i < 20; ++i) {  // 40 s
    TellLost(absl::Seconds(4));
    TellCurrent();
  }
  EXPECT_THAT(log_.Take(), SizeIs(6));
}

TEST_F(FollowerLogTest, WhatIsWrongIsToldOnceForAsLongAsItIsSo) {
  TellCurrent();
  log_.Take();
  status_.notes = {"nodes a and b have the same virtual MAC"};
  Tell();
  Tell();
  EXPECT_THAT(log_.Take(), ElementsAre("W Kubernetes: nodes a and b have the same virtual MAC"));
  status_.notes.clear();
  Tell();
  status_.notes = {"nodes a and b have the same virtual MAC"};
  Tell();
  EXPECT_THAT(log_.Take(), SizeIs(1));
}

}  // namespace
}  // namespace podwarp::test
