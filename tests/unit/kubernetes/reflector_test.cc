// Lists and watches of a server that does as it should.
#include "kubernetes/reflector.h"

#include "absl/strings/match.h"
#include "reflector_fixture.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Resource {
  const char* path;
  const char* name;
};
constexpr Resource kResources[] = {
    {"/api/v1/nodes", "nodes"},
    {"/api/v1/pods", "pods"},
    {"/api/v1/services", "services"},
    {"/apis/discovery.k8s.io/v1/endpointslices", "endpointslices"},
};

TEST_F(ReflectorTest, RecordedListAndWatchGiveTheListAfter) {
  for (const auto& [path, name] : kResources) {
    SCOPED_TRACE(name);
    KubeServer server;  // revisions are all resources'
    const Json before = RecordedJson(std::string(name) + ".list.json");
    server.objects().Load(path, before);
    RecordingSink sink;
    const auto client = *ApiClient::Open(server.access());
    Reflector reflector(client.get(), {.path = path}, &sink);
    ASSERT_TRUE(Eventually([&] { return server.open_watches() == 1; }));
    EXPECT_EQ(sink.objects(), ObjectsOf(before));
    EXPECT_EQ(reflector.Status().resource_version, "224");
    const std::vector<Json> events = RecordedLines(std::string(name) + ".watch.jsonl");
    size_t changes = 0;
    for (const Json& event : events) {
      server.objects().Replay(path, event);
      changes += event["type"] == "BOOKMARK" ? 0 : 1;
    }
    ASSERT_TRUE(Eventually([&] { return reflector.Status().events == changes; }));
    const RecordingSink::Objects after =
        ObjectsOf(RecordedJson(std::string(name) + ".list.after.json"));
    EXPECT_EQ(sink.objects(), after);
    EXPECT_EQ(reflector.Status().objects, after.size());
    EXPECT_EQ(reflector.Status().lists, 1u);
  }
}

TEST_F(ReflectorTest, RequestsAsTheyShouldBe) {
  server_.objects().Put(kPods, Pod("a"));
  Start({.field_selector = "spec.nodeName=node-a", .watch = absl::Minutes(5)});
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  EXPECT_THAT(server_.requests(),
              ElementsAre("GET /api/v1/pods?limit=500&fieldSelector=spec.nodeName%3Dnode-a",
                          "GET /api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion=2&"
                          "timeoutSeconds=300&fieldSelector=spec.nodeName%3Dnode-a"));
}

TEST_F(ReflectorTest, PagesOfALongList) {
  for (int i = 0; i < 25; ++i) server_.objects().Put(kPods, Pod("pod-" + std::to_string(i)));
  Start({.page = 10});
  ASSERT_TRUE(Eventually([&] { return IsCurrent(); }));
  EXPECT_EQ(sink_.begun(), 1);
  EXPECT_EQ(sink_.ended(), 1);
  EXPECT_EQ(sink_.puts(), 25);
  EXPECT_EQ(Status().objects, 25u);
  EXPECT_THAT(server_.requests(), SizeIs(4));
}

TEST_F(ReflectorTest, AnEmptyListIsSynced) {
  Start();
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  EXPECT_TRUE(Status().synced);
  EXPECT_EQ(sink_.ended(), 1);
  EXPECT_THAT(sink_.objects(), IsEmpty());
}

TEST_F(ReflectorTest, AListOfNullItems) {
  server_.Refuse({.part = "limit=",
                  .code = 200,
                  .body = R"({"metadata":{"resourceVersion":"1"},"items":null})"});
  Start();
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  EXPECT_EQ(sink_.ended(), 1);
}

TEST_F(ReflectorTest, OnlyWhatIsSelected) {
  server_.objects().Put(kPods, Pod("a", "node-a"));
  server_.objects().Put(kPods, Pod("b", "node-b"));
  Start({.field_selector = "spec.nodeName=node-a"});
  ASSERT_TRUE(Eventually([&] { return sink_.Has("default/a"); }));
  server_.objects().Put(kPods, Pod("c", "node-b"));
  server_.objects().Put(kPods, Pod("d", "node-a"));
  ASSERT_TRUE(Eventually([&] { return sink_.Has("default/d"); }));
  EXPECT_EQ(sink_.size(), 2u);
  server_.objects().Put(kPods, Pod("d", "node-b"));
  ASSERT_TRUE(Eventually([&] { return sink_.size() == 1; }));
  EXPECT_EQ(Status().objects, 1u);
}

TEST_F(ReflectorTest, AWatchThatEndsGoesOnFromItsBookmark) {
  KubeServer server({.bookmark_interval = absl::Milliseconds(1)});
  server.objects().Put(kPods, Pod("a"));
  Start(server.access());
  ASSERT_TRUE(Eventually([&] { return server.open_watches() == 1; }));
  // Of another resource: only a bookmark could tell that the revision has risen, and this server's
  // doesn't, so it is one of ours.
  server.SendToWatches(Line("BOOKMARK", PodAt("", 77)));
  ASSERT_TRUE(Eventually([&] {
    const std::vector<std::string> requests = server.requests();
    return absl::StrContains(requests.back(), "resourceVersion=77&");
  }));
  EXPECT_EQ(Status().lists, 1u);
  EXPECT_EQ(Status().resource_version, "77");
  EXPECT_EQ(sink_.puts(), 1);
  Stop();
}

TEST_F(ReflectorTest, OlderEventsChangeNothing) {
  server_.objects().Put(kPods, Pod("a"));
  server_.objects().Put(kPods, Pod("b"));  // revision 3
  Start();
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  server_.SendToWatches(Line("DELETED", PodAt("a", 2)) + Line("MODIFIED", PodAt("b", 3)) +
                        Line("BOOKMARK", PodAt("", 1)) + Line("ADDED", PodAt("c", 10)) +
                        Line("DELETED", PodAt("c", 9)));
  ASSERT_TRUE(Eventually([&] { return sink_.Has("default/c") && Status().watches == 2; }));
  EXPECT_EQ(sink_.size(), 3u);
  EXPECT_EQ(sink_.deletes(), 0);
  EXPECT_EQ(Status().events, 1u);
  EXPECT_EQ(Status().resource_version, "10");
}

TEST_F(ReflectorTest, ASilentWatchFromTheFutureIsListedAnew) {
  server_.objects().Put(kPods, Pod("a"));
  Start({.suspicious_silence = absl::Seconds(150)});
  ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
  // As a server's that was restored says nothing from then on.
  Advance(absl::Seconds(149));
  server_.EndWatches();
  ASSERT_TRUE(Eventually([&] { return Status().watches == 2 && IsWatching(); }));
  EXPECT_EQ(Status().lists, 1u);
  Advance(absl::Seconds(150));
  server_.EndWatches();
  ASSERT_TRUE(Eventually([&] { return Status().watches == 3; }));
  EXPECT_EQ(Status().lists, 2u);
}

TEST_F(ReflectorTest, StopsAtOnce) {
  for (int i = 0; i < 10; ++i) {
    Start();
    if (i % 2 == 0) {
      ASSERT_TRUE(Eventually([&] { return IsWatching(); }));
    }
    Stop();
    ASSERT_TRUE(Eventually([&] { return server_.open_watches() == 0; }));
  }
  server_.Hang();
  Start();
  Stop();
}

// Of a server that changes all the time, in the midst of events.
TEST_F(ReflectorTest, StopsUnderLoad) {
  std::atomic<bool> is_over = false;
  std::thread changes([&] {
    for (int i = 0; !is_over; ++i) {
      server_.objects().Put(kPods, Pod("pod-" + std::to_string(i % 100)));
    }
  });
  for (int i = 0; i < 5; ++i) {
    const int puts = sink_.puts();
    Start();
    EXPECT_TRUE(Eventually([&] { return sink_.puts() > puts + 1000; }));
    Stop();
  }
  is_over = true;
  changes.join();
}

}  // namespace
}  // namespace podwarp::test
