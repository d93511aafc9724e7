// configs/openapi.yaml says what is served: no path or method more, none less.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "api/paths.h"
#include "api_fixture.h"
#include "control/object_json.h"

namespace podwarp::test {
namespace {

constexpr const char* kMethods[] = {"get", "put", "post", "delete", "patch", "head", "options"};

using Paths = std::map<std::string, std::set<std::string>>;  // -> methods, in upper case

class OpenApiTest : public ApiTest {
 protected:
  OpenApiTest() : description_(YAML::LoadFile(std::string(PODWARP_CONFIGS) + "/openapi.yaml")) {}

  Paths Described() const {
    Paths paths;
    for (const auto& path : description_["paths"]) {
      for (const char* method : kMethods) {
        if (path.second[method]) paths[path.first.Scalar()].insert(absl::AsciiStrToUpper(method));
      }
    }
    return paths;
  }

  // What a reference (#/components/schemas/Pod) leads to.
  YAML::Node Resolve(const std::string& reference) const {
    YAML::Node node = YAML::Clone(description_);
    for (const std::string& part : std::vector<std::string>(absl::StrSplit(reference, '/'))) {
      if (part != "#") node.reset(node[part]);
      if (!node.IsDefined()) break;
    }
    return node;
  }

  void ExpectReferencesResolve(const YAML::Node& node) {
    if (node.IsMap()) {
      for (const auto& entry : node) {
        if (entry.first.Scalar() == "$ref") {
          EXPECT_TRUE(Resolve(entry.second.Scalar()).IsDefined()) << entry.second.Scalar();
        } else {
          ExpectReferencesResolve(entry.second);
        }
      }
    } else if (node.IsSequence()) {
      for (const YAML::Node& element : node) ExpectReferencesResolve(element);
    }
  }

  const YAML::Node description_;
};

TEST_F(OpenApiTest, DescribesWhatIsServed) {
  Paths served;
  for (const ApiPath& path : ApiPaths()) {
    served[std::string(path.pattern)] =
        absl::StrSplit(std::string(path.methods), absl::ByString(", "));
  }
  EXPECT_EQ(Described(), served);
}

TEST_F(OpenApiTest, EveryMethodIsServedAndNoOther) {
  const std::set<std::string> streams = {"/v1/trace", "/v1/capture"};
  Start();
  for (const auto& [pattern, methods] : Described()) {
    const std::string path = absl::StrReplaceAll(
        pattern, {{"{namespace}", "default"}, {"{name}", "a"}, {"{prefix}", "10.0.0.1%2F32"}});
    for (const char* lower : kMethods) {
      const std::string method = absl::AsciiStrToUpper(lower);
      const bool expected =
          methods.contains(method) ||
          (method == "HEAD" && methods.contains("GET") && !streams.contains(path));
      const std::string answer = Ask(method, path);
      ASSERT_NE(StatusOf(answer), 0) << method << " " << path;
      EXPECT_EQ(StatusOf(answer) != 405, expected) << method << " " << path << "\n" << answer;
      // A path that isn't there has no object either.
      if (StatusOf(answer) == 404 && method != "HEAD") {
        EXPECT_THAT(answer, testing::HasSubstr("\"object\"")) << method << " " << path;
      }
    }
  }
}

TEST_F(OpenApiTest, ReferencesLeadSomewhere) { ExpectReferencesResolve(description_); }

TEST_F(OpenApiTest, SchemasHaveTheKeysOfObjects) {
  const PodConfig pod = {
      .name = "a",
      .addresses = {Ipv4Address(10, 0, 0, 1)},
      .sandbox = "net/1/eth0",
      .port = VhostUserPortConfig{
          .socket = "/s", .server = true, .socket_mode = uint16_t{0660}, .group = "g"}};
  const RemoteNodeConfig node = {.name = "b",
                                 .virtual_mac = MacAddress(),
                                 .underlay_address = Ipv4Address(10, 0, 0, 1),
                                 .uplink = "up"};
  ServiceConfig service;
  BackendConfig backend;
  backend.node = "node-b";
  ServicePortConfig port;
  port.name = "http";
  port.node_port = 30080;
  port.backends = {backend};
  service.ports = {port};
  const auto keys_of_json = [](const Json& json) {
    std::set<std::string> keys;
    for (const auto& [name, value] : json.items()) keys.insert(name);
    return keys;
  };
  const auto keys_of_schema = [&](const std::string& name) {
    std::set<std::string> keys;
    for (const auto& entry : Resolve("#/components/schemas/" + name)["properties"]) {
      keys.insert(entry.first.Scalar());
    }
    return keys;
  };
  EXPECT_EQ(keys_of_schema("Pod"), keys_of_json(ToJson(pod)));
  EXPECT_EQ(keys_of_schema("VhostUserPort"), keys_of_json(ToJson(pod)["port"]["vhost_user"]));
  EXPECT_EQ(keys_of_schema("Node"), keys_of_json(ToJson(node)));
  EXPECT_EQ(keys_of_schema("Route"), keys_of_json(ToJson(RouteConfig())));
  const Json json = ToJson(service);
  EXPECT_EQ(keys_of_schema("Service"), keys_of_json(json));
  EXPECT_EQ(keys_of_schema("ServicePort"), keys_of_json(json["ports"][0]));
  EXPECT_EQ(keys_of_schema("Backend"), keys_of_json(json["ports"][0]["backends"][0]));
}

}  // namespace
}  // namespace podwarp::test
