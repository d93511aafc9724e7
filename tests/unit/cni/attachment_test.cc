// What a container's interface is called in podwarp.
#include "attachment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace podwarp::cni {
namespace {

using testing::MatchesRegex;

Request Of(std::map<std::string, std::string> arguments, const std::string& interface = "eth0",
           const std::string& container_id = "a1") {
  return {.verb = Verb::kAdd,
          .container_id = container_id,
          .interface = interface,
          .arguments = std::move(arguments)};
}

Request OfPod(const std::string& name, const std::string& interface = "eth0") {
  return Of({{"K8S_POD_NAMESPACE", "shop"}, {"K8S_POD_NAME", name}}, interface);
}

TEST(KeyOf, IsThePods) {
  EXPECT_EQ(KeyOf(OfPod("web-1")).text(), "shop/web-1");
  EXPECT_EQ(KeyOf(OfPod("web-1.a")).path(), "/v1/pods/shop/web-1.a");
}

TEST(KeyOf, WithoutAPodIsTheContainers) {
  EXPECT_EQ(KeyOf(Of({})).text(), "default/a1");
  EXPECT_EQ(KeyOf(Of({{"K8S_POD_NAMESPACE", "shop"}})).text(), "shop/a1");
  const std::string id(64, 'f');  // as container engines make them: a label has at most 63
  EXPECT_THAT(KeyOf(Of({}, "eth0", id)).text(), MatchesRegex("default/f+-[0-9a-f]+"));
}

TEST(KeyOf, FurtherInterfacesAreFurtherPods) {
  EXPECT_EQ(KeyOf(OfPod("web-1", "net1")).text(), "shop/web-1.net1");
  EXPECT_THAT(KeyOf(OfPod("web-1", "NET_1")).text(), MatchesRegex("shop/web-1\\.net-1-[0-9a-f]+"));
  EXPECT_NE(KeyOf(OfPod("web-1", "NET_1")), KeyOf(OfPod("web-1", "net_1")));
}

// podman says the container's name, which may be gifted_mendel.
TEST(KeyOf, NamesThatDontFitAreMadeToAndStayApart) {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  const std::set<std::string> names = {
      "gifted_mendel",      "gifted-mendel",      "Gifted-mendel", "gifted_mendel-", "_",   "-",
      std::string(64, 'a'), std::string(65, 'a'), longest,         longest + "b",    "a..b"};
  std::set<std::string> keys;
  for (const std::string& name : names) {
    for (const char* interface : {"eth0", "net1"}) {
      const PodKey key = KeyOf(OfPod(name, interface));
      EXPECT_THAT(key.name, MatchesRegex("[a-z0-9]([a-z0-9.-]*[a-z0-9])?"));
      EXPECT_LE(key.name.size(), 253u);
      keys.insert(key.text());
    }
  }
  EXPECT_EQ(keys.size(), 2 * names.size());
  EXPECT_EQ(KeyOf(OfPod(longest)).name, longest);
  EXPECT_THAT(KeyOf(Of({{"K8S_POD_NAMESPACE", "a.b"}})).pod_namespace,
              MatchesRegex("a-b-[0-9a-f]+"));
}

TEST(Sandbox, ReadsBackToTheSame) {
  const Sandbox sandbox{.network = "net", .container_id = "a1", .interface = "eth0"};
  EXPECT_EQ(sandbox.text(), "net/a1/eth0");
  EXPECT_EQ(Sandbox::Parse("net/a1/eth0"), sandbox);
  for (const char* other : {"", "a", "a/b", "a/b/c/d"}) {
    EXPECT_FALSE(Sandbox::Parse(other).has_value()) << other;
  }
}

TEST(Sandbox, HasABound) {
  NetworkConfig config;
  config.name = std::string(128 - 8, 'n');
  EXPECT_EQ(SandboxOf(Of({}), config).text().size(), 128u);
  config.name += "n";
  EXPECT_THROW(SandboxOf(Of({}), config), CniError);
}

}  // namespace
}  // namespace podwarp::cni
