// Requests over TLS: who is believed, what is shown, what is refused.
#include "kubernetes/api_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "canned_server.h"
#include "kubernetes/api_error.h"
#include "kubernetes/watch_stream.h"
#include "recorded.h"
#include "support/kube_server.h"

namespace podwarp::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;
using Json = nlohmann::json;

constexpr char kNodes[] = "/api/v1/nodes";

std::unique_ptr<ApiClient> Client(const ClusterAccess& access) {
  absl::StatusOr<std::unique_ptr<ApiClient>> client =
      ApiClient::Open(access, {.connect = absl::Seconds(20), .read = absl::Seconds(20)});
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

class ApiClientTest : public testing::Test {
 protected:
  ApiClientTest() { server_.objects().Load(kNodes, RecordedJson("nodes.list.json")); }

  absl::Status GetNodes(const ClusterAccess& access) {
    return Client(access)->Get(kNodes).status();
  }

  KubeServer server_;
};

TEST_F(ApiClientTest, GetsWhatTheServerHas) {
  const absl::StatusOr<Json> list = Client(server_.access())->Get(kNodes, {{"limit", "500"}});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(*list, RecordedJson("nodes.list.json"));
  EXPECT_THAT(server_.requests(), ElementsAre("GET /api/v1/nodes?limit=500"));
}

TEST_F(ApiClientTest, QueriesAreEscaped) {
  const auto client = Client(server_.access());
  ASSERT_TRUE(
      client->Get(kNodes, {{"fieldSelector", "metadata.name=node-a"}, {"x", "a&b +%\xc3\xa9"}})
          .ok());
  EXPECT_THAT(
      server_.requests(),
      ElementsAre("GET /api/v1/nodes?fieldSelector=metadata.name%3Dnode-a&x=a%26b%20%2B%25%C3%A9"));
}

TEST_F(ApiClientTest, PatchesAndPosts) {
  const auto client = Client(server_.access());
  const absl::StatusOr<Json> node = client->MergePatch(
      "/api/v1/nodes/node-a", {{"metadata", {{"annotations", {{"podwarp.io/virtual-mac", "x"}}}}}});
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ((*node)["metadata"]["annotations"]["podwarp.io/virtual-mac"], "x");
  EXPECT_EQ((*node)["metadata"]["name"], "node-a");
  EXPECT_EQ(client->MergePatch("/api/v1/nodes/none", Json::object()).status().code(),
            absl::StatusCode::kNotFound);

  const Json event = {{"metadata", {{"name", "e1"}}}, {"reason", "DuplicateVirtualMac"}};
  const absl::StatusOr<Json> posted = client->Post("/api/v1/namespaces/default/events", event);
  ASSERT_TRUE(posted.ok()) << posted.status();
  EXPECT_EQ(server_.objects().Find("/api/v1/events", "default/e1")->at("reason"),
            "DuplicateVirtualMac");
  EXPECT_EQ(client->Post("/api/v1/namespaces/default/events", event).status().code(),
            absl::StatusCode::kAborted);
}

TEST_F(ApiClientTest, BelievesOnlyTheClustersAuthority) {
  ClusterAccess access = server_.access();
  EXPECT_TRUE(GetNodes(access).ok());
  access.ca.text = KubeAuthority().certificate();
  const absl::Status stranger = GetNodes(access);
  EXPECT_EQ(stranger.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(stranger), AllOf(HasSubstr(access.server), HasSubstr("certificate")));
  // Several may be given, as while one takes over from another.
  access.ca.text += server_.authority().certificate();
  EXPECT_TRUE(GetNodes(access).ok());
  // One that isn't an authority is as good.
  access.ca.text = server_.certificate();
  EXPECT_TRUE(GetNodes(access).ok());
  access.ca = {};
  EXPECT_EQ(GetNodes(access).code(), absl::StatusCode::kUnavailable);
  access.insecure = true;
  EXPECT_TRUE(GetNodes(access).ok());
}

TEST_F(ApiClientTest, BelievesOnlyTheRightName) {
  KubeServer elsewhere({.hosts = {"127.0.0.1", "api.example"}});
  ClusterAccess access = elsewhere.access();
  EXPECT_TRUE(GetNodes(access).ok());
  // The same server by a name, and then by an address, that isn't in its certificate.
  const std::string port = access.server.substr(access.server.rfind(':'));
  access.server = "https://localhost" + port;
  EXPECT_THAT(MessageOf(GetNodes(access)), HasSubstr("hostname mismatch"));
  KubeServer named({.hosts = {"localhost"}});
  access = named.access();
  EXPECT_TRUE(GetNodes(access).ok());
  access.server = "https://127.0.0.1" + access.server.substr(access.server.rfind(':'));
  EXPECT_THAT(MessageOf(GetNodes(access)), HasSubstr("IP address mismatch"));
}

TEST_F(ApiClientTest, TokensAreReadAsTheyAre) {
  server_.SetToken("first");
  char name[] = "/tmp/podwarp-token-XXXXXX";
  const std::filesystem::path folder = mkdtemp(name);
  ClusterAccess access = server_.access();
  access.token = {.text = "", .file = (folder / "token").string()};
  std::ofstream(access.token.file) << "first\n";
  const auto client = Client(access);
  EXPECT_TRUE(client->Get(kNodes).ok());
  server_.SetToken("second");
  EXPECT_EQ(client->Get(kNodes).status().code(), absl::StatusCode::kUnauthenticated);
  std::ofstream(access.token.file) << "second\n";
  EXPECT_TRUE(client->Get(kNodes).ok());
  std::ofstream(access.token.file) << "second\r\nX-Remote-User: admin";
  EXPECT_THAT(MessageOf(client->Get(kNodes).status()), HasSubstr("token: has blanks"));
  std::filesystem::remove_all(folder);
  const absl::Status gone = client->Get(kNodes).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(MessageOf(gone), AllOf(HasSubstr("token: "), HasSubstr("No such file")));
}

TEST_F(ApiClientTest, ClientCertificates) {
  server_.SetToken("nobody knows");
  ClusterAccess access = server_.access();
  access.token = {};
  EXPECT_EQ(GetNodes(access).code(), absl::StatusCode::kUnauthenticated);
  const KubeAuthority::Issued issued = server_.authority().IssueClient("system:node:a");
  access.certificate.text = issued.certificate;
  access.key.text = issued.key;
  EXPECT_TRUE(GetNodes(access).ok());
  const KubeAuthority::Issued stranger = KubeAuthority().IssueClient("system:node:a");
  access.certificate.text = stranger.certificate;
  access.key.text = stranger.key;
  EXPECT_EQ(GetNodes(access).code(), absl::StatusCode::kUnavailable);
}

TEST_F(ApiClientTest, CredentialsThatCantBeUsedAreKnownAtOnce) {
  const auto error = [](const ClusterAccess& access) {
    return MessageOf(ApiClient::Open(access).status());
  };
  const KubeAuthority::Issued one = server_.authority().IssueClient("one");
  const KubeAuthority::Issued other = server_.authority().IssueClient("other");
  ClusterAccess access = server_.access();
  access.certificate.text = one.certificate;
  access.key.text = other.key;
  EXPECT_THAT(error(access), HasSubstr("client key: it isn't the certificate's"));
  access.key.text = "x";
  EXPECT_THAT(error(access), HasSubstr("client key: there is no key in it"));
  access.certificate.text = "x";
  EXPECT_THAT(error(access), HasSubstr("client certificate: there is no certificate"));
  access.certificate = access.key = {};
  access.ca.text = "x";
  EXPECT_THAT(error(access), HasSubstr("certificate authority: there is no certificate"));
  access.ca = {.text = "", .file = "/no/ca"};
  EXPECT_THAT(error(access), HasSubstr("/no/ca: No such file"));
  access.server = "nowhere";
  EXPECT_THAT(error(access), HasSubstr("not a URL"));
}

TEST_F(ApiClientTest, RefusalsAreQuoted) {
  const auto client = Client(server_.access());
  server_.Refuse({.part = kNodes, .code = 403, .body = Recorded("error.403.json")});
  EXPECT_THAT(MessageOf(client->Get(kNodes).status()),
              HasSubstr("GET /api/v1/nodes: 403: pods is forbidden"));
  server_.Refuse({.part = kNodes, .code = 429, .body = "slow down", .retry_after = "9"});
  EXPECT_THAT(RetryAfter(client->Get(kNodes).status()), Optional(absl::Seconds(9)));
  server_.Refuse({.part = kNodes, .code = 403, .body = std::string(1 << 20, 'x')});
  EXPECT_EQ(client->Get(kNodes).status().code(), absl::StatusCode::kPermissionDenied);
  server_.Refuse({.part = kNodes, .code = 302});
  EXPECT_EQ(client->Get(kNodes).status().code(), absl::StatusCode::kUnknown);
  server_.Refuse({.part = kNodes, .code = 200, .body = "[]"});
  EXPECT_EQ(client->Get(kNodes).status().code(), absl::StatusCode::kUnavailable);
  server_.Refuse({.part = "watch=", .code = 403, .body = Recorded("error.403.watch.json")});
  bool was_open = false;
  const auto refused = [](std::string_view) { return absl::InternalError("was given a refusal"); };
  EXPECT_EQ(client
                ->Watch(
                    kNodes, {{"watch", "true"}}, absl::Seconds(20), [&] { was_open = true; },
                    refused, nullptr)
                .code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(was_open);
}

TEST_F(ApiClientTest, NobodyThere) {
  const ClusterAccess access = server_.access();
  server_.Close();
  const absl::Status status = GetNodes(access);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(status), AllOf(HasSubstr(access.server), HasSubstr("no connection")));
}

// Chunk framing as a real server's, in pieces that end anywhere.
TEST(ApiClientFramingTest, RecordedChunks) {
  const std::vector<Json> events = RecordedLines("nodes.watch.jsonl");
  const std::string raw = Recorded("nodes.watch.http11.raw");
  for (const size_t piece : {size_t{1}, size_t{13}, size_t{1400}, raw.size()}) {
    const CannedServer server(raw, piece);
    int count = 0;
    WatchStream stream([&](const WatchEvent& event) {
      EXPECT_TRUE(event.object.contains("metadata"));
      ++count;
      return absl::OkStatus();
    });
    const absl::Status status =
        Client({.server = server.url()})
            ->Watch(
                kNodes, {}, absl::Seconds(20), nullptr,
                [&](std::string_view bytes) { return stream.Feed(bytes); }, nullptr);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(count, 5) << piece;
  }
}

TEST(ApiClientFramingTest, CutOffAnywhere) {
  const std::string raw = Recorded("nodes.watch.http11.raw");
  for (const size_t size : {size_t{0}, size_t{5}, size_t{100}, raw.find("\r\n\r\n") + 4,
                            raw.size() / 2, raw.size() - 5, raw.size() - 1}) {
    const CannedServer server(raw.substr(0, size));
    const absl::Status status = Client({.server = server.url()})
                                    ->Watch(
                                        kNodes, {}, absl::Seconds(20), nullptr,
                                        [](std::string_view) { return absl::OkStatus(); }, nullptr);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << size;
    EXPECT_EQ(Client({.server = server.url()})->Get(kNodes).status().code(),
              absl::StatusCode::kUnavailable)
        << size;
  }
}

TEST(ApiClientFramingTest, AWholeRecordedAnswer) {
  const CannedServer server(Recorded("pod.get.http11.raw"), 100);
  const absl::StatusOr<Json> pod = Client({.server = server.url()})->Get("/api/v1/x");
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ((*pod)["metadata"]["name"], "web-1");
  EXPECT_EQ((*pod)["status"]["podIPs"], Json::parse(R"([{"ip": "10.244.1.11"}])"));
}

TEST(ApiClientFramingTest, AServerThatSpeaksNoTls) {
  const CannedServer server(std::string(1000, 'x'));
  const absl::Status status =
      Client({.server = "https" + server.url().substr(4), .insecure = true})->Get("/x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(MessageOf(status), HasSubstr("no TLS with it"));
}

}  // namespace
}  // namespace podwarp::test
