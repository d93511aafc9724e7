// What is served over TCP: metrics and health, and nothing else.
#include "api/tcp_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "absl/strings/str_cat.h"
#include "api/paths.h"
#include "api_fixture.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;

const Ipv4Address kLoopback(127, 0, 0, 1);

class TcpListenerTest : public ApiTest {
 protected:
  // A client of a server that serves what main.cc's does.
  httplib::Client StartPublic(ApiServerSettings settings = {}) {
    absl::StatusOr<std::unique_ptr<TcpListener>> listener = TcpListener::Open(kLoopback, 0);
    EXPECT_TRUE(listener.ok()) << listener.status();
    port_ = (*listener)->port();
    settings.http.public_only = true;
    server_ = ApiServer::Serve(*std::move(listener), settings, &backend_);
    return httplib::Client("127.0.0.1", port_);
  }

  uint16_t port_ = 0;
};

TEST_F(TcpListenerTest, ServesMetricsAsText) {
  httplib::Client client = StartPublic();
  client.set_keep_alive(true);
  for (int i = 0; i < 3; ++i) {
    const auto got = client.Get("/metrics");
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(got->body, "podwarp_test 1\n");
  }
  const auto head = client.Head("/metrics");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->body, "");
  backend_.SetError("metrics", absl::UnavailableError("podwarp is stopping"));
  const auto failed = client.Get("/metrics");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->status, 503);
  EXPECT_THAT(failed->body, HasSubstr("podwarp is stopping"));
}

TEST_F(TcpListenerTest, ServesHealthAndNothingElse) {
  httplib::Client client = StartPublic();
  for (const char* path : {"/healthz", "/readyz"}) {
    const auto got = client.Get(path);
    ASSERT_TRUE(got) << path;
    EXPECT_EQ(got->status, 200) << path;
    EXPECT_EQ(got->get_header_value("Content-Type"), "application/json") << path;
  }
  for (const ApiPath& path : ApiPaths()) {
    if (path.is_public()) continue;
    const bool is_post = path.Allows("POST");
    const std::string target =
        path.pattern.find('{') == std::string_view::npos
            ? std::string(path.pattern)
            : absl::StrCat(std::string(path.pattern.substr(0, path.pattern.find('{'))),
                           path.kind == ObjectKind::kRoute  ? "10.0.0.1/32"
                           : path.kind == ObjectKind::kNode ? "b"
                                                            : "default/a");
    const auto got = is_post ? client.Post(target, "{}", "application/json") : client.Get(target);
    ASSERT_TRUE(got) << target;
    EXPECT_EQ(got->status, 403) << target;
    EXPECT_THAT(got->body, HasSubstr("only /metrics, /healthz and /readyz are served")) << target;
  }
  const auto put = client.Put("/v1/pods/default/a", "{}", "application/json");
  ASSERT_TRUE(put);
  EXPECT_EQ(put->status, 403);
  EXPECT_EQ(backend_.size(ObjectKind::kPod), 0u);
  const auto unknown = client.Get("/");
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->status, 404);
  const auto post = client.Post("/metrics", "{}", "application/json");
  ASSERT_TRUE(post);
  EXPECT_EQ(post->status, 405);
}

TEST_F(TcpListenerTest, TheUnixSocketHasMetricsToo) {
  Start();
  EXPECT_EQ(BodyOf(Ask("GET", "/metrics")), "podwarp_test 1\n");
}

TEST_F(TcpListenerTest, AskersWhoAskTooOftenAreToldSo) {
  ApiServerSettings settings;
  settings.http.requests_per_second = 2;
  httplib::Client client = StartPublic(settings);
  client.set_keep_alive(true);
  int status = 0;
  for (int i = 0; i < 1'000 && status != 429; ++i) {
    const auto got = client.Get("/metrics");
    if (got) status = got->status;
  }
  EXPECT_EQ(status, 429);
}

TEST_F(TcpListenerTest, AnAddressThatCantBeHadIsNamed) {
  const auto first = TcpListener::Open(kLoopback, 0);
  ASSERT_TRUE(first.ok()) << first.status();
  const uint16_t port = (*first)->port();
  const auto again = TcpListener::Open(kLoopback, port);
  EXPECT_EQ(again.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(std::string(again.status().message()),
            absl::StrCat("another process listens on 127.0.0.1:", port));
  const auto foreign = TcpListener::Open(Ipv4Address(192, 0, 2, 1), 9464);
  EXPECT_EQ(foreign.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(std::string(foreign.status().message()),
            "can't listen on 192.0.2.1:9464: this machine doesn't have the address");
}

TEST_F(TcpListenerTest, APortIsFreeAgainAtOnce) {
  httplib::Client client = StartPublic();
  ASSERT_TRUE(client.Get("/metrics"));
  server_.reset();
  EXPECT_TRUE(TcpListener::Open(kLoopback, port_).ok());
}

}  // namespace
}  // namespace podwarp::test
