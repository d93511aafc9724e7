// Whatever the server does, in the end the sink has what the server has.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reflector_fixture.h"

namespace podwarp::test {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class ReflectorFaultsTest : public ReflectorTest {
 protected:
  void StartWithPods() {
    for (const char* name : {"a", "b", "c"}) server_.objects().Put(kPods, Pod(name));
    Start();
    ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  }
  std::string LastRequest() const { return server_.requests().back(); }
};

TEST_F(ReflectorFaultsTest, CutWatchesGoOnWhereTheyWere) {
  StartWithPods();
  for (int round = 0; round < 6; ++round) {
    server_.CutWatches(/*within_line=*/round % 2 == 0);
    server_.objects().Put(kPods, Pod(absl::StrCat("new-", round)));
    server_.objects().Delete(kPods, absl::StrCat("default/new-", round - 1));
    ASSERT_TRUE(Eventually([&] { return IsCurrent(); })) << round;
  }
  EXPECT_EQ(Status().lists, 1u);
  EXPECT_EQ(Status().watches, 7u);
}

// An event that was cut has not been seen: the next watch gives it again, whole.
TEST_F(ReflectorFaultsTest, CutAtEveryByteOfAnEvent) {
  server_.objects().Put(kPods, Pod("a"));
  Start();
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  const std::string line = Line("ADDED", PodAt("never", 1000));
  for (size_t cut = 1; cut + 1 < line.size(); cut += 11) {
    const uint64_t watches = Status().watches;
    server_.SendToWatches(line.substr(0, cut));
    ASSERT_TRUE(Eventually([&] { return Status().watches > watches && IsWatching(); })) << cut;
  }
  EXPECT_FALSE(sink_.Has("default/never"));
  EXPECT_EQ(Status().lists, 1u);
}

TEST_F(ReflectorFaultsTest, BothFormsOfAnExpiredWatchAreListedAnew) {
  StartWithPods();
  uint64_t lists = 1;
  for (const char* file : {"watch.410.cache.jsonl", "watch.410.etcd.jsonl"}) {
    server_.SendToWatches(Recorded(file));
    ASSERT_TRUE(Eventually([&] { return Status().lists == lists + 1 && IsCurrent(); })) << file;
    ++lists;
  }
  // As HTTP 410, which watches may be refused with too.
  server_.Refuse(
      {.part = "watch=true", .code = 410, .body = Recorded("error.410.exact-compacted.json")});
  server_.EndWatches();
  ASSERT_TRUE(Eventually([&] { return Status().lists == lists + 1 && IsCurrent(); }));
}

TEST_F(ReflectorFaultsTest, WhatHappenedMeanwhileIsSeenByAListAnew) {
  StartWithPods();
  const ClusterAccess access = server_.access();
  server_.Close();
  ASSERT_TRUE(Eventually([&] { return !Status().connected; }));
  EXPECT_TRUE(Status().synced);
  EXPECT_THAT(Status().last_error, HasSubstr(access.server));
  EXPECT_EQ(sink_.size(), 3u);  // as it was
  server_.objects().Delete(kPods, "default/b");
  server_.objects().Put(kPods, Pod("a", "node-a", "10.244.1.99"));
  server_.objects().Compact();
  server_.Open();
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  EXPECT_FALSE(sink_.Has("default/b"));
  EXPECT_EQ(sink_.deletes(), 0);
  EXPECT_EQ(Status().lists, 2u);
  EXPECT_THAT(Status().last_error, IsEmpty());
}

TEST_F(ReflectorFaultsTest, AnExpiredContinueIsListedFromTheStart) {
  for (int i = 0; i < 25; ++i) server_.objects().Put(kPods, Pod(absl::StrCat("pod-", i)));
  server_.Refuse({.part = "continue=",
                  .code = 410,
                  .body = Recorded("error.410.continue-expired.json"),
                  .count = 2});
  Start({.page = 10});
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  EXPECT_EQ(sink_.begun(), 3);
  EXPECT_EQ(sink_.ended(), 1);
  EXPECT_EQ(Status().lists, 1u);
}

TEST_F(ReflectorFaultsTest, EveryRefusalIsTriedAgain) {
  struct Case {
    int code;
    const char* body;
    const char* reason;
  };
  for (const Case& refused :
       {Case{403, "error.403.json", "403: pods is forbidden"},
        Case{403, "error.403.watch.json", "cannot watch resource"},
        Case{404, "error.404.resource.json", "404: the server could not find"},
        Case{500, "error.500.bad-rv.json", "500: resourceVersion: Invalid"},
        Case{504, "error.504.future-rv.json", "504: Timeout"}}) {
    for (const char* part : {"limit=", "watch="}) {
      SCOPED_TRACE(absl::StrCat(part, refused.reason));
      server_.Refuse(
          {.part = part, .code = refused.code, .body = Recorded(refused.body), .count = -1});
      Start();
      ASSERT_TRUE(
          Eventually([&] { return absl::StrContains(Status().last_error, refused.reason); }));
      EXPECT_FALSE(Status().connected && Status().watches > 0);
      EXPECT_EQ(Status().synced, std::string(part) == "watch=");
      server_.ForgiveAll();
      ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
      EXPECT_THAT(Status().last_error, IsEmpty());
      Stop();
      ASSERT_TRUE(Eventually([&] { return server_.open_watches() == 0; }));
    }
  }
}

TEST_F(ReflectorFaultsTest, WaitsDoubleUpToTheMost) {
  server_.Refuse({.part = kPods, .code = 500, .count = 9});
  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  EXPECT_THAT(waits(), ElementsAre(absl::Milliseconds(500), absl::Seconds(1), absl::Seconds(2),
                                   absl::Seconds(4), absl::Seconds(8), absl::Seconds(16),
                                   absl::Seconds(30), absl::Seconds(30), absl::Seconds(30)));
}

TEST_F(ReflectorFaultsTest, OnlyAWatchThatLastedShortensWaits) {
  server_.Refuse({.part = kPods, .code = 500, .count = 2});
  Start({.lasting = absl::Seconds(10)});
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  server_.CutWatches(false);
  ASSERT_TRUE(Eventually([&] { return Status().watches == 2 && IsWatching(); }));
  EXPECT_EQ(waits().back(), absl::Seconds(2));
  Advance(absl::Seconds(10));
  server_.CutWatches(false);
  ASSERT_TRUE(Eventually([&] { return Status().watches == 3; }));
  EXPECT_EQ(waits().back(), absl::Milliseconds(500));
}

// However long it took to be refused.
TEST_F(ReflectorFaultsTest, AWatchThatNeverOpenedHasNotLasted) {
  LetPass(absl::Seconds(20));
  server_.Refuse({.part = "watch=", .code = 500, .count = 3});
  Start({.lasting = absl::Seconds(10)});
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  EXPECT_THAT(waits(), ElementsAre(absl::Milliseconds(500), absl::Seconds(1), absl::Seconds(2)));
}

TEST_F(ReflectorFaultsTest, AServerThatEndsWatchesAtOnceIsNotRunAgainst) {
  StartWithPods();
  server_.EndWatches();
  ASSERT_TRUE(Eventually([&] { return Status().watches == 2 && IsWatching(); }));
  EXPECT_THAT(waits(), ElementsAre(absl::Milliseconds(500)));
  Advance(absl::Seconds(1));
  server_.EndWatches();
  ASSERT_TRUE(Eventually([&] { return Status().watches == 3; }));
  EXPECT_THAT(waits(), SizeIs(1));
}

TEST_F(ReflectorFaultsTest, RetryAfterIsHonoured) {
  server_.Refuse({.part = kPods, .code = 429, .retry_after = "7"});
  server_.Refuse({.part = kPods, .code = 504, .body = Recorded("error.504.future-rv.json")});
  Start();
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  // The second asks for a second, and would have to wait as long anyway.
  EXPECT_THAT(waits(), ElementsAre(absl::Seconds(7), absl::Seconds(1)));
}

TEST_F(ReflectorFaultsTest, ARefusedTokenIsReadAnewAtOnce) {
  server_.SetToken("new");
  server_.Refuse({.part = kPods, .code = 401, .body = Recorded("error.401.json")});
  Start();
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  EXPECT_THAT(waits(), IsEmpty());
  Stop();
  // One that is no good is tried once at once, and then with waits.
  ClusterAccess access = server_.access();
  access.token.text = "old";
  server_.ForgetRequests();
  Start(access);
  ASSERT_TRUE(Eventually([&] { return waits().size() == 3; }));
  EXPECT_THAT(server_.requests(), SizeIs(Ge(4)));
  EXPECT_EQ(waits()[0], absl::Milliseconds(500));
  EXPECT_THAT(Status().last_error, HasSubstr("401: Unauthorized"));
  Stop();
}

TEST_F(ReflectorFaultsTest, AnErrorEventOfAnotherKindIsWatchedAgain) {
  StartWithPods();
  server_.SendToWatches(
      R"({"type":"ERROR","object":{"kind":"Status","message":"etcd is away","code":500}})"
      "\n");
  ASSERT_TRUE(Eventually([&] { return Status().watches == 2 && IsCurrent(); }));
  EXPECT_EQ(Status().lists, 1u);
}

TEST_F(ReflectorFaultsTest, AnErrorEventMayAskToBeLeftAlone) {
  StartWithPods();
  server_.SendToWatches(
      R"({"type":"ERROR","object":{"code":429,"details":{"retryAfterSeconds":9}}})"
      "\n");
  ASSERT_TRUE(Eventually([&] { return Status().watches == 2 && IsCurrent(); }));
  EXPECT_THAT(waits(), ElementsAre(absl::Seconds(9)));
}

TEST_F(ReflectorFaultsTest, ALineThatIsNoEventIsListedAnew) {
  StartWithPods();
  uint64_t lists = 1;
  for (const char* line : {"no json", R"({"type":"ADDED","object":{}})",
                           R"({"type":"MODIFIED","object":{"metadata":{"name":"a"}}})"}) {
    server_.SendToWatches(std::string(line) + "\n");
    ASSERT_TRUE(Eventually([&] { return Status().lists == lists + 1 && IsCurrent(); })) << line;
    ++lists;
  }
}

TEST_F(ReflectorFaultsTest, ListsThatAreNone) {
  for (const char* body :
       {"", "[]", "{}", R"({"metadata":{"resourceVersion":"1"}})", R"({"items":[]})",
        R"({"metadata":{"resourceVersion":1},"items":[]})",
        R"({"metadata":{"resourceVersion":"1"},"items":{}})", R"({"metadata":[],"items":[]})"}) {
    server_.Refuse({.part = "limit=", .code = 200, .body = body});
  }
  server_.objects().Put(kPods, Pod("a"));
  Start();
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  EXPECT_THAT(waits(), SizeIs(8));
  EXPECT_EQ(sink_.ended(), 1);
}

TEST_F(ReflectorFaultsTest, AServerThatStopsAnsweringGoesOn) {
  StartWithPods();
  server_.Hang();
  server_.objects().Put(kPods, Pod("late"));
  server_.SetDelay(absl::Milliseconds(5));
  server_.Resume();
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  EXPECT_EQ(Status().watches, 1u);
}

}  // namespace
}  // namespace podwarp::test
