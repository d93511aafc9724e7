#include "kubernetes/node_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "support/kube_server.h"
#include "support/literals.h"

namespace podwarp {
namespace {

using Json = nlohmann::json;
using test::KubeServer;
using test::operator""_ip;
using test::operator""_mac;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kNodes[] = "/api/v1/nodes";
constexpr char kEvents[] = "/api/v1/events";

class NodeRecordTest : public testing::Test {
 protected:
  NodeRecordTest() {
    server_.objects().Put(kNodes, {{"metadata", {{"name", "node-a"}}}});
    client_ = *ApiClient::Open(server_.access());
    record_ = std::make_unique<NodeRecord>(
        client_.get(), "node-a", OwnAnnotations{"02:00:00:00:00:0a"_mac, "192.168.50.1"_ip});
  }

  Json Node() { return *server_.objects().Find(kNodes, "node-a"); }
  // One look at the server's node, with these other nodes that have its virtual MAC.
  void Look(std::vector<std::string> others = {}) {
    others.push_back("node-a");
    std::sort(others.begin(), others.end());
    record_->Keep(ParseKubeNode(Node()), others, now_, &cancellation_);
  }
  size_t Count(const std::string& method) {
    const std::vector<std::string> requests = server_.requests();
    return std::count_if(requests.begin(), requests.end(), [&](const std::string& request) {
      return request.substr(0, method.size()) == method;
    });
  }
  std::vector<Json> Events() {
    std::vector<Json> events;
    for (const std::string& text : server_.objects().List(kEvents, {}, "", 0).items) {
      events.push_back(Json::parse(text));
    }
    return events;
  }
  void Change(const char* annotation, const Json& value) {
    Json node = Node();
    node["metadata"]["annotations"][annotation] = value;
    server_.objects().Put(kNodes, node);
  }

  KubeServer server_;
  std::unique_ptr<ApiClient> client_;
  std::unique_ptr<NodeRecord> record_;
  Cancellation cancellation_;
  absl::Time now_ = absl::FromUnixSeconds(1'000);
};

TEST_F(NodeRecordTest, WritesOnceWhatIsMissing) {
  Change("other", "stays");
  Look();
  for (int i = 0; i < 10; ++i) {
    now_ += absl::Minutes(1);
    Look();
  }
  EXPECT_EQ(Count("PATCH"), 1);
  EXPECT_EQ(Node()["metadata"]["annotations"],
            Json::parse(R"({"podwarp.io/virtual-mac": "02:00:00:00:00:0a",
                            "podwarp.io/underlay-address": "192.168.50.1", "other": "stays"})"));
  EXPECT_THAT(record_->Sentences(), IsEmpty());
}

TEST_F(NodeRecordTest, WritesAgainWhatSomebodyElseChanged) {
  Look();
  now_ += absl::Minutes(5);
  Change(kVirtualMacAnnotation, "02:00:00:00:00:99");
  Look();
  EXPECT_EQ(Node()["metadata"]["annotations"][kVirtualMacAnnotation], "02:00:00:00:00:0a");
  now_ += absl::Minutes(5);
  Change(kUnderlayAddressAnnotation, "nonsense");
  Look();
  EXPECT_EQ(Node()["metadata"]["annotations"][kUnderlayAddressAnnotation], "192.168.50.1");
}

TEST_F(NodeRecordTest, DoesNotFightWhoWritesThemToo) {
  const absl::Time end = now_ + absl::Minutes(10);
  for (; now_ < end; now_ += absl::Milliseconds(200)) {
    Change(kVirtualMacAnnotation, "02:00:00:00:00:99");
    Look();
  }
  EXPECT_LE(Count("PATCH"), 30);
  // It goes on, though: within two minutes.
  const size_t before = Count("PATCH");
  for (; now_ < end + absl::Minutes(2); now_ += absl::Milliseconds(200)) Look();
  EXPECT_GT(Count("PATCH"), before);
  EXPECT_EQ(Node()["metadata"]["annotations"][kVirtualMacAnnotation], "02:00:00:00:00:0a");
}

TEST_F(NodeRecordTest, SaysThatItMayNotWriteAndGoesOnTrying) {
  server_.Refuse({.part = "PATCH",
                  .code = 403,
                  .body = R"({"kind": "Status", "message": "may not patch nodes", "code": 403})",
                  .count = -1});
  Look();
  Look();
  EXPECT_EQ(Count("PATCH"), 1);
  ASSERT_THAT(record_->Sentences(), ElementsAre(HasSubstr("may not patch nodes")));
  EXPECT_THAT(record_->Sentences()[0], HasSubstr("node node-a: its annotations"));
  now_ += absl::Minutes(2);
  server_.ForgiveAll();
  Look();
  EXPECT_THAT(record_->Sentences(), IsEmpty());
  EXPECT_EQ(Node()["metadata"]["annotations"][kVirtualMacAnnotation], "02:00:00:00:00:0a");
}

TEST_F(NodeRecordTest, IsLeftAloneAsLongAsTheServerAsks) {
  server_.Refuse({.part = "PATCH", .code = 429, .retry_after = "100"});
  Look();
  now_ += absl::Seconds(99);
  Look();
  EXPECT_EQ(Count("PATCH"), 1);
  now_ += absl::Seconds(1);
  Look();
  EXPECT_EQ(Count("PATCH"), 2);
}

TEST_F(NodeRecordTest, IsCancelledWhileTheServerDoesNotAnswer) {
  const Json node = Node();
  server_.Hang();
  std::thread looker([&] { record_->Keep(ParseKubeNode(node), {"node-a"}, now_, &cancellation_); });
  cancellation_.Cancel();
  looker.join();
  server_.Resume();
  EXPECT_FALSE(Node()["metadata"].contains("annotations"));
}

TEST_F(NodeRecordTest, WarnsOnceThatAnotherHasItsMac) {
  for (int i = 0; i < 10; ++i) {
    now_ += absl::Minutes(1);
    Look({"node-b"});
  }
  EXPECT_EQ(Count("POST"), 1);
  const std::vector<Json> events = Events();
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0]["reason"], "DuplicateVirtualMac");
  EXPECT_EQ(events[0]["metadata"]["namespace"], "default");
  EXPECT_THAT(events[0]["message"].get<std::string>(), HasSubstr("also that of node-b"));
}

TEST_F(NodeRecordTest, WarnsAnewOfOthers) {
  Look({"node-b"});
  now_ += absl::Minutes(5);
  Look({"node-b", "node-c"});
  EXPECT_EQ(Events().size(), 2);
}

TEST_F(NodeRecordTest, WarnsAgainWhenTheServerHasForgotten) {
  Look({"node-b"});
  for (const Json& event : Events()) server_.objects().Delete(kEvents, test::KubeKey(event));
  now_ += NodeRecord::kRepeat;
  Look({"node-b"});
  EXPECT_EQ(Events().size(), 1);
}

TEST_F(NodeRecordTest, AWarningOfBeforeARestartIsEnough) {
  Look({"node-b"});
  NodeRecord other(client_.get(), "node-a",
                   OwnAnnotations{"02:00:00:00:00:0a"_mac, "192.168.50.1"_ip});
  other.Keep(ParseKubeNode(Node()), {"node-a", "node-b"}, now_ + absl::Minutes(1), &cancellation_);
  EXPECT_THAT(other.Sentences(), IsEmpty());
  EXPECT_EQ(Count("POST"), 2);
  EXPECT_EQ(Events().size(), 1);
  other.Keep(ParseKubeNode(Node()), {"node-a", "node-b"}, now_ + absl::Minutes(2), &cancellation_);
  EXPECT_EQ(Count("POST"), 2);
}

TEST_F(NodeRecordTest, SaysThatItMayNotWarn) {
  server_.Refuse({.part = "POST", .code = 403, .count = -1});
  Look({"node-b"});
  EXPECT_THAT(record_->Sentences(), ElementsAre(HasSubstr("could not be posted")));
  // There is nothing to say any more.
  Look();
  EXPECT_THAT(record_->Sentences(), IsEmpty());
}

}  // namespace
}  // namespace podwarp
