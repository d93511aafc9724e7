// What is answered to requests as they should be, and to ones that ask for the wrong thing.
#include "api/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "absl/strings/str_cat.h"
#include "api_fixture.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;

constexpr char kPod[] = R"({"addresses":["10.244.1.10"],"port":{"tap":{}}})";
constexpr char kPodPath[] = "/v1/pods/default/web-1";

std::string MessageOf(const Json& answer) { return answer["error"]["message"]; }

class ApiServerTest : public ApiTest {
 protected:
  ApiServerTest() { Start(); }
};

TEST_F(ApiServerTest, PutIsWholeIdempotentAndSaysWhatChanged) {
  EXPECT_EQ(
      Expect(201, "PUT", kPodPath, kPod).dump(),
      R"({"created":true,"changed":["name","namespace","mac","addresses","allowed_prefixes","mtu","port"]})");
  EXPECT_EQ(Expect(200, "PUT", kPodPath, kPod).dump(), R"({"created":false,"changed":[]})");
  EXPECT_EQ(Expect(200, "PUT", kPodPath,
                   R"({"addresses":["10.244.1.11"],"mtu":9000,"port":{"tap":{}}})")["changed"],
            (Json{"addresses", "mtu"}));
  EXPECT_EQ(Expect(200, "PUT", kPodPath, kPod)["changed"], (Json{"addresses", "mtu"}));
  const Json pod = Expect(200, "GET", kPodPath);
  EXPECT_EQ(pod["key"], "default/web-1");
  EXPECT_EQ(pod["origin"], "api");
  EXPECT_EQ(pod["object"]["mac"], MacAddress::DeriveFrom("default/web-1").ToString());
  EXPECT_EQ(pod["status"], (Json{{"up", true}}));
}

TEST_F(ApiServerTest, EveryKindOfObject) {
  EXPECT_EQ(
      Expect(201, "PUT", "/v1/nodes/node-b",
             R"({"underlay_address":"192.168.50.2","pod_ranges":["10.244.2.0/24"]})")["created"],
      true);
  EXPECT_EQ(Expect(200, "GET", "/v1/nodes/node-b")["object"]["uplink"], "up");
  Expect(201, "PUT", "/v1/routes/10.1.2.3%2F32", R"({"node":"node-b"})");
  Expect(200, "PUT", "/v1/routes/10.1.2.3/32", R"({"prefix":"10.1.2.3/32","node":"node-c"})");
  EXPECT_EQ(Expect(200, "GET", "/v1/routes/10.1.2.3/32")["object"].dump(),
            R"({"prefix":"10.1.2.3/32","node":"node-c"})");
  EXPECT_EQ(Expect(200, "DELETE", "/v1/routes/10.1.2.3%2f32").dump(), R"({"deleted":true})");
  EXPECT_EQ(Expect(404, "DELETE", "/v1/routes/10.1.2.3/32").dump(),
            R"({"error":{"code":"not_found","object":"route 10.1.2.3/32",)"
            R"("message":"there is no route 10.1.2.3/32"}})");
  EXPECT_EQ(Expect(404, "GET", "/v1/nodes/node-x")["error"]["object"], "node node-x");
  Expect(201, "PUT", "/v1/services/shop/cart", R"({"address":"10.96.0.1","ports":[{"port":80}]})");
  EXPECT_EQ(Expect(200, "PUT", "/v1/services/shop/cart",
                   R"({"address":"10.96.0.1","session_affinity":"1h","ports":[{"port":80,
                       "backends":[{"address":"10.244.1.10"}]}]})")["changed"],
            (Json{"session_affinity", "ports"}));
  const Json cart = Expect(200, "GET", "/v1/services/shop/cart");
  EXPECT_EQ(cart["key"], "shop/cart");
  EXPECT_EQ(cart["object"]["ports"][0]["backends"][0]["port"], 80);
  EXPECT_EQ(Expect(200, "GET", "/v1/services")["items"][0]["key"], "shop/cart");
  EXPECT_EQ(Expect(200, "PUT", "/v1/services/shop/cart",
                   R"({"address":"10.96.0.1","session_affinity":"1h",
                       "external_addresses":["203.0.113.1"],"source_ranges":["192.0.2.0/24"],
                       "internal_traffic":"local","external_traffic":"local",
                       "ports":[{"port":80,"node_port":30080,
                       "backends":[{"address":"10.244.1.10","node":"node-b"}]}]})")["changed"],
            (Json{"external_addresses", "source_ranges", "internal_traffic", "external_traffic",
                  "ports"}));
  EXPECT_EQ(MessageOf(Expect(400, "PUT", "/v1/services/shop/cart",
                             R"({"address":"10.96.0.1","external_traffic":"loacl",
                                 "source_ranges":["0.0.0.0/0"],
                                 "ports":[{"port":80,"node_port":0}]})")),
            "external_traffic: 'loacl' is not a traffic policy (known: cluster, local)\n"
            "ports[0].node_port: '0' is not a whole number from 1 to 65535\n"
            "source_ranges: is for external_addresses, and there are none");
  EXPECT_THAT(MessageOf(Expect(400, "PUT", "/v1/services/shop/a.b",
                               R"({"address":"10.96.0.1","ports":[{"port":80}]})")),
              HasSubstr("'a.b' is not a DNS label"));
}

TEST_F(ApiServerTest, ListsArePaged) {
  EXPECT_EQ(Expect(200, "GET", "/v1/pods").dump(), R"({"items":[],"next":null})");
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    Expect(201, "PUT", absl::StrCat("/v1/pods/x/", name), kPod);
  }
  Json page = Expect(200, "GET", "/v1/pods?limit=2");
  ASSERT_EQ(page["items"].size(), 2u);
  EXPECT_EQ(page["items"][1]["key"], "x/b");
  EXPECT_EQ(page["items"][1]["origin"], "file");
  EXPECT_EQ(page["next"], "x/b");
  page = Expect(200, "GET", "/v1/pods?limit=3&after=x%2Fb");
  ASSERT_EQ(page["items"].size(), 3u);
  EXPECT_EQ(page["items"][2]["key"], "x/e");
  EXPECT_EQ(page["next"], nullptr);
  EXPECT_THAT(MessageOf(Expect(400, "GET", "/v1/pods?limit=0")),
              HasSubstr("limit: '0' is not a whole number from 1 to 10000"));
  EXPECT_EQ(MessageOf(Expect(400, "GET", "/v1/pods?page=2")),
            "page: unknown parameter (known: after, limit)");
}

TEST_F(ApiServerTest, TheLargestServiceFits) {
  Json service = {{"address", "10.96.0.1"}, {"ports", {{{"port", 80}}}}};
  Json& backends = service["ports"][0]["backends"] = Json::array();
  for (int i = 0; i < 5'000; ++i) {
    backends.push_back({{"address", absl::StrCat("10.244.", 100 + i / 100, ".", 100 + i % 100)},
                        {"port", 65535},
                        {"state", "terminating"},
                        {"node", std::string(63, 'n')}});
  }
  Expect(201, "PUT", "/v1/services/default/large", service.dump());
  service["name"] = "large";
  const Json line = {{"op", "put"}, {"kind", "service"}, {"object", service}};
  EXPECT_EQ(
      Expect(200, "POST", "/v1/bulk", line.dump(), "Content-Type: application/x-ndjson\r\n").dump(),
      R"({"applied":1,"failed":0,"errors":[]})");
}

TEST_F(ApiServerTest, ReportsAndHealth) {
  EXPECT_EQ(Expect(200, "GET", "/v1/ports").dump(), R"({"report":"ports","parameters":0})");
  EXPECT_EQ(Expect(200, "GET", "/healthz").dump(), R"({"healthy":true})");
  EXPECT_EQ(Expect(200, "GET", "/readyz").dump(), R"({"ready":true})");
  // Bytes that aren't UTF-8 don't break an answer.
  EXPECT_EQ(Expect(200, "GET", "/v1/status")["path"], "/\uFFFD");
  backend_.SetError("not_current", absl::UnavailableError("the server is away"));
  EXPECT_EQ(Expect(200, "GET", "/readyz").dump(),
            R"({"ready":true,"not_current":"the server is away"})");
  backend_.SetError("ready", absl::UnavailableError("no"));
  EXPECT_EQ(MessageOf(Expect(503, "GET", "/readyz")), "the node is not ready");
  backend_.SetError("why_not_ready", absl::UnavailableError("it waits for lists"));
  EXPECT_EQ(MessageOf(Expect(503, "GET", "/readyz")), "the node is not ready: it waits for lists");
  Expect(200, "GET", "/healthz");
  backend_.SetError("status", absl::UnavailableError("the control thread has stopped"));
  EXPECT_EQ(MessageOf(Expect(503, "GET", "/healthz")), "the control thread has stopped");
  Expect(503, "GET", "/readyz");
}

TEST_F(ApiServerTest, ErrorsOfTheBackendHaveTheirStatus) {
  const std::pair<absl::Status, int> rows[] = {
      {absl::InvalidArgumentError("x"), 400},    {absl::NotFoundError("x"), 404},
      {absl::FailedPreconditionError("x"), 409}, {absl::AlreadyExistsError("x"), 409},
      {absl::ResourceExhaustedError("x"), 507},  {absl::UnavailableError("x"), 503},
      {absl::InternalError("x"), 500},
  };
  for (const auto& [status, expected] : rows) {
    backend_.SetError("default/web-1", status);
    const Json put = Expect(expected, "PUT", kPodPath, kPod);
    EXPECT_EQ(put["error"]["object"], "pod default/web-1");
    EXPECT_EQ(put["error"]["message"], "x");
    Expect(expected, "DELETE", kPodPath);
  }
}

TEST_F(ApiServerTest, BodiesThatAreWrongSaySo) {
  EXPECT_EQ(MessageOf(Expect(400, "PUT", kPodPath, R"({"addreses":[],"port":{"tap":{}}})")),
            "addresses: is missing\naddreses: unknown key (did you mean 'addresses'?)");
  EXPECT_THAT(MessageOf(Expect(400, "PUT", kPodPath, "{")), HasSubstr("is not JSON at line 1"));
  EXPECT_THAT(MessageOf(Expect(400, "PUT", kPodPath, "[]")), HasSubstr("expected a JSON object"));
  EXPECT_THAT(MessageOf(Expect(400, "PUT", kPodPath, "", "Content-Length: 0\r\n")),
              HasSubstr("is not JSON"));
  EXPECT_EQ(MessageOf(Expect(411, "PUT", kPodPath)), "Content-Length: is missing");
  EXPECT_EQ(MessageOf(Expect(400, "PUT", kPodPath,
                             R"({"name":"web-2","addresses":["10.244.1.10"],"port":{"tap":{}}})")),
            "the body says pod default/web-2, the path says pod default/web-1");
  EXPECT_EQ(backend_.size(ObjectKind::kPod), 0u);
}

TEST_F(ApiServerTest, WrongParametersAndNumbersSaySo) {
  EXPECT_THAT(MessageOf(Expect(400, "GET", "/v1/routes?after=x")),
              HasSubstr("after: 'x' is not an IPv4 range"));
  EXPECT_THAT(MessageOf(Expect(400, "GET", "/v1/pods?limit=0")), HasSubstr("limit: "));
  EXPECT_THAT(MessageOf(Expect(400, "PUT", kPodPath, R"({"mtu":1e999})")),
              HasSubstr("mtu: number overflow"));
}

TEST_F(ApiServerTest, ReloadsTheConfigurationFile) {
  EXPECT_EQ(Expect(200, "POST", "/v1/reload").dump(), R"({"changes":3,"failed":[]})");
  backend_.SetError("reload", absl::InvalidArgumentError("node.yaml:1: pods: expected a list"));
  EXPECT_EQ(MessageOf(Expect(400, "POST", "/v1/reload")), "node.yaml:1: pods: expected a list");
}

TEST_F(ApiServerTest, WrongPathsMethodsAndTypes) {
  EXPECT_EQ(Expect(404, "GET", "/v1/pod")["error"]["code"], "not_found");
  for (const char* path : {"/", "/v2/pods", "/v1/pods/", "/v1/nodes/", "*", "/v1/bulk/x"}) {
    const int status = StatusOf(Ask("GET", path));
    EXPECT_TRUE(status == 404 || status == 400) << path << ": " << status;
  }
  EXPECT_THAT(MessageOf(Expect(400, "GET", "/v1/pods/web-1")), HasSubstr("is not a pod"));
  EXPECT_THAT(MessageOf(Expect(400, "GET", "/v1/routes/10.1.2.3")), HasSubstr("IPv4 range"));
  EXPECT_THAT(MessageOf(Expect(400, "GET", "/v1/routes/10.1.2.3%00/32")), HasSubstr("zero byte"));
  EXPECT_THAT(MessageOf(Expect(400, "GET", "/v1/nodes/%2e%2e/x")), HasSubstr("is not a DNS name"));
  Expect(414, "GET", "/v1/nodes/" + std::string(2000, 'a'));

  const std::string answer = Ask("POST", kPodPath, kPod);
  EXPECT_EQ(StatusOf(answer), 405);
  EXPECT_THAT(answer, HasSubstr("Allow: GET, PUT, DELETE\r\n"));
  for (const char* method : {"PATCH", "OPTIONS", "TRACE", "CONNECT"}) {
    EXPECT_EQ(StatusOf(Ask(method, "/v1/pods")), 405) << method;
  }
  EXPECT_EQ(MessageOf(Expect(415, "PUT", kPodPath, kPod, "Content-Type: text/yaml\r\n")),
            "Content-Type: 'text/yaml' is not served (expected application/json)");
  Expect(415, "PUT", kPodPath, kPod, "Content-Type: multipart/form-data; boundary=x\r\n");
  Expect(201, "PUT", kPodPath, kPod, "Content-Type: Application/JSON; charset=utf-8\r\n");
  Expect(400, "DELETE", kPodPath, "{}");
}

TEST_F(ApiServerTest, HeadIsGetWithoutTheBody) {
  RawClient client(socket_);
  client.Send("HEAD /v1/ports HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string answer = client.ReceiveAll();
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_EQ(BodyOf(answer), "");
  EXPECT_EQ(StatusOf(Ask("HEAD", "/v1/bulk")), 405);
}

TEST_F(ApiServerTest, RangesAreNotServed) {
  Expect(200, "GET", "/v1/ports", "", "Range: bytes=0-3\r\n");
}

TEST_F(ApiServerTest, CppHttplibsOwnClient) {
  httplib::Client client(socket_);
  client.set_address_family(AF_UNIX);
  client.set_keep_alive(true);
  for (int i = 0; i < 200; ++i) {
    const auto put = client.Put(absl::StrCat("/v1/pods/default/p", i), kPod, "application/json");
    ASSERT_TRUE(put) << i << ": " << to_string(put.error());
    ASSERT_EQ(put->status, 201) << put->body;
  }
  const auto list = client.Get("/v1/pods", {{"Accept-Encoding", "gzip"}});
  ASSERT_TRUE(list);
  EXPECT_EQ(Json::parse(list->body)["items"].size(), 200u);
  const auto gone = client.Delete("/v1/pods/default/p7");
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->status, 200);
}

}  // namespace
}  // namespace podwarp::test
