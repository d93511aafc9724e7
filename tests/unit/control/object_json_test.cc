// Objects as the API's bodies say them.
#include "control/object_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"

namespace podwarp {
namespace {

constexpr auto kPod = ObjectKind::kPod;
constexpr auto kNode = ObjectKind::kNode;
constexpr auto kRoute = ObjectKind::kRoute;

absl::StatusOr<Object> Read(ObjectKind kind, const std::string& text) {
  const absl::StatusOr<Document> body = ParseJson(text);
  if (!body.ok()) return body.status();
  return ObjectFromJson(kind, *body, {.uplink = "up"});
}

TEST(ObjectFromJson, DefaultsAreThoseOfTheFile) {
  const absl::StatusOr<Object> pod =
      Read(kPod, R"({"name":"web-1","addresses":["10.244.1.10"],"port":{"tap":{}}})");
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(std::get<PodConfig>(*pod), (PodConfig{.name = "web-1",
                                                  .mac = MacAddress::DeriveFrom("default/web-1"),
                                                  .addresses = {Ipv4Address(10, 244, 1, 10)},
                                                  .port = TapPortConfig()}));
  const absl::StatusOr<Object> node =
      Read(kNode,
           R"({"name":"node-b","underlay_address":"192.168.50.2","pod_ranges":["10.244.2.0/24"]})");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(std::get<RemoteNodeConfig>(*node).uplink, "up");
  const absl::StatusOr<Object> route = Read(kRoute, R"({"prefix":"10.1.2.3/32","node":"node-b"})");
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(KeyOf(*route), "10.1.2.3/32");
}

TEST(ObjectFromJson, NumbersAreReadAsYamlWouldHaveThem) {
  const absl::StatusOr<Object> pod = Read(kPod,
                                          R"({"name":7,"addresses":["10.244.1.10"],"mtu":9000,
          "port":{"vhost_user":{"socket":"/s","mode":"server","queues":"2","socket_mode":660}}})");
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(std::get<PodConfig>(*pod).name, "7");
  EXPECT_EQ(std::get<PodConfig>(*pod).mtu_bytes, 9000);
  const auto& port = std::get<VhostUserPortConfig>(std::get<PodConfig>(*pod).port);
  EXPECT_EQ(port.queues, 2);
  EXPECT_EQ(port.socket_mode, uint16_t{0660});
}

TEST(ToJson, ReadsBackToTheSame) {
  const std::vector<Object> objects = {
      PodConfig{.name = "a",
                .pod_namespace = "null",
                .mac = MacAddress::DeriveFrom("x"),
                .addresses = {Ipv4Address(10, 244, 1, 10), Ipv4Address(10, 244, 1, 11)},
                .allowed_prefixes = {Ipv4Prefix(Ipv4Address(10, 9, 0, 0), 16)},
                .mtu_bytes = 9000,
                .sandbox = "net one/0 {#}: 'x'/eth0",
                .port =
                    TapPortConfig{
                        .interface = "a#b", .netns = "/run/\u00e4 \"{y}\\\n", .on_link = false}},
      PodConfig{.name = "true",
                .mac = MacAddress::DeriveFrom("y"),
                .addresses = {Ipv4Address(10, 244, 1, 12)},
                .port = VhostUserPortConfig{.socket = "/s",
                                            .server = true,
                                            .queues = 4,
                                            .socket_mode = uint16_t{0660},
                                            .group = "0"}},
      PodConfig{.name = "b",
                .mac = MacAddress::DeriveFrom("z"),
                .addresses = {Ipv4Address(10, 244, 1, 13)},
                .port = VdevPortConfig{.vdev = "net_null0,size=64"}},
      RemoteNodeConfig{.name = "node-b",
                       .virtual_mac = MacAddress::DeriveFrom("node-b"),
                       .uplink = "other",
                       .pod_ranges = {Ipv4Prefix(Ipv4Address(10, 244, 2, 0), 24)}},
      RemoteNodeConfig{.name = "node-c",
                       .underlay_address = Ipv4Address(192, 168, 50, 3),
                       .uplink = "up",
                       .pod_ranges = {Ipv4Prefix(Ipv4Address(10, 244, 3, 0), 24)}},
      RouteConfig{.prefix = Ipv4Prefix(Ipv4Address(10, 1, 2, 3), 32), .node = "node-b"},
  };
  for (const Object& object : objects) {
    const std::string text = ToJson(object).dump();
    const absl::StatusOr<Object> again = Read(KindOf(object), text);
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
    EXPECT_EQ(*again, object) << text;
  }
}

TEST(ToJson, HasTheKeysOfTheFile) {
  EXPECT_EQ(ToJson(Object(RouteConfig{.prefix = Ipv4Prefix(), .node = "b"})).dump(),
            R"({"prefix":"0.0.0.0/0","node":"b"})");
  EXPECT_EQ(ToJson(PodConfig{.name = "a", .port = VdevPortConfig{.vdev = "net_null0"}}).dump(),
            R"({"name":"a","namespace":"default","mac":"00:00:00:00:00:00","addresses":[],)"
            R"("allowed_prefixes":[],"mtu":1500,"port":{"vdev":"net_null0"}})");
}

struct BodyFault {
  std::string name;
  ObjectKind kind;
  std::string body;
  std::string faults;
};

class ObjectFault : public testing::TestWithParam<BodyFault> {};

TEST_P(ObjectFault, IsReported) {
  const absl::StatusOr<Object> object = Read(GetParam().kind, GetParam().body);
  EXPECT_TRUE(absl::IsInvalidArgument(object.status())) << object.status();
  EXPECT_EQ(std::string(object.status().message()), GetParam().faults);
}

INSTANTIATE_TEST_SUITE_P(
    All, ObjectFault,
    testing::Values(
        BodyFault{"NotAnObject", kRoute, "[]", "expected a JSON object, {\"key\": value, ...}"},
        BodyFault{"Missing", kRoute, "{}", "prefix: is missing\nnode: is missing"},
        BodyFault{"NearMiss", kRoute, R"({"prefix":"10.0.0.0/8","nod":"b"})",
                  "node: is missing\nnod: unknown key (did you mean 'node'?)"},
        BodyFault{"Null", kRoute, R"({"prefix":null,"node":"b"})",
                  "prefix: has no value; give one or leave the key out"},
        BodyFault{"NullForListAndMapping", kPod, R"({"name":"a","addresses":null,"port":null})",
                  "addresses: has no value; write [] for an empty list\n"
                  "port: has no value; give its keys or leave it out"},
        BodyFault{"WrongKinds", kPod,
                  R"({"name":["a"],"addresses":"10.0.0.1","mtu":1500.0,"port":5})",
                  "name: expected a single value, found a list\n"
                  "addresses: expected a list, found the single value '10.0.0.1'; write "
                  "[\"10.0.0.1\"]\n"
                  "mtu: '1500.0' is not a whole number from 576 to 9216\n"
                  "port: expected a mapping (key: value), found the single value '5'"},
        BodyFault{"MappingForList", kPod, R"({"name":"a","addresses":{},"port":{"tap":{}}})",
                  "addresses: expected a list, found a mapping of keys to values"},
        BodyFault{"AllAtOnce", kPod,
                  R"({"name":"A","namespace":true,"mac":"01:00:00:00:00:00",
                      "addresses":["10.0.0.1","x"],"port":{"tap":{"netns":"y"}}})",
                  "name: 'A' is not a DNS name (expected a-z, 0-9, '-' and '.', at most 253, a "
                  "letter or digit at both ends of each part)\n"
                  "mac: '01:00:00:00:00:00' is a group address (its first byte is odd) (expected "
                  "one station's address, say 02:00:00:00:00:01)\n"
                  "addresses[1]: 'x' is not an IPv4 address (expected, say, 10.244.1.10)\n"
                  "port.tap.netns: 'y' is not an absolute path (expected one that begins with "
                  "'/')"},
        BodyFault{"Sandbox", kPod,
                  R"({"name":"a","sandbox":"\n","addresses":["10.0.0.1"],"port":{"tap":{}}})",
                  "sandbox: '\\x0a' can't be a sandbox (expected 1 to 128 printable characters)"},
        BodyFault{"EmptyList", kPod, R"({"name":"a","addresses":[],"port":{"tap":{}}})",
                  "addresses: needs at least one address"},
        BodyFault{"TwoPorts", kPod,
                  R"({"name":"a","addresses":["10.0.0.1"],"port":{"tap":{},"vdev":"net_null0"}})",
                  "port: has tap and vdev; keep one"},
        BodyFault{"RightsOfAPeersSocket", kPod,
                  R"({"name":"a","addresses":["10.0.0.1"],
                      "port":{"vhost_user":{"socket":"/s","group":"g"}}})",
                  "port.vhost_user.group: is for mode: server only; in client mode the peer makes "
                  "the socket"},
        BodyFault{"NodeOutOfReach", kNode, R"({"name":"b","pod_ranges":[]})",
                  "needs virtual_mac, or underlay_address to ask for it on the wire\n"
                  "pod_ranges: needs at least one range"},
        BodyFault{"ZeroByte", kRoute, R"({"prefix":"10.0.0.1\u0000/32","node":"b"})",
                  "prefix: '10.0.0.1\\x00/32' has a zero byte"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace podwarp
