// What a configuration leaves to Kubernetes.
#include "control/config_complete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/changes.h"
#include "fault_case.h"
#include "support/literals.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kHost = "host_port: {interface: podwarp0}\n";
const std::string kKubernetes = "kubernetes: {}\n";

absl::StatusOr<Config> Parse(const std::string& text, const ConfigOverrides& overrides = {}) {
  return ParseConfig(kBase + text, "f", overrides);
}
ConfigOverrides WithRanges(const std::vector<Ipv4Prefix>& ranges) {
  ConfigOverrides overrides;
  overrides.pod_cidrs = ranges;
  return overrides;
}

TEST(ConfigComplete, SectionHasDefaults) {
  EXPECT_EQ(Parse(kKubernetes)->kubernetes, KubernetesConfig());
  const absl::StatusOr<Config> config =
      Parse("kubernetes: {kubeconfig: /etc/k, watch_all_pods: true}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->kubernetes->kubeconfig, "/etc/k");
  EXPECT_TRUE(config->kubernetes->watch_all_pods);
  EXPECT_FALSE(Parse("")->kubernetes.has_value());
}

TEST(ConfigComplete, FlagSwitchesItOn) {
  ConfigOverrides overrides;
  overrides.kubeconfig = "/root/.kube/config";
  for (const char* text : {"", "kubernetes: {}\n", "kubernetes: {kubeconfig: /other}\n"}) {
    EXPECT_EQ(Parse(text, overrides)->kubernetes->kubeconfig, "/root/.kube/config") << text;
  }
  overrides.kubeconfig = "here";
  EXPECT_EQ(Parse("", overrides).status().message(),
            "--kubeconfig: 'here' is not an absolute path (expected one that begins with '/')");
}

TEST(ConfigComplete, FaultsAreReported) {
  EXPECT_THAT(FaultsOf(kBase + std::string("kubernetes: {kubeconfig: k, wach_all_pods: true}\n")),
              ElementsAre("4: kubernetes.kubeconfig: 'k' is not an absolute path (expected one "
                          "that begins with '/')",
                          "4: kubernetes.wach_all_pods: unknown key (did you mean "
                          "'watch_all_pods'?)"));
  EXPECT_THAT(FaultsOf(kBase + kHost), ElementsAre("4: host_port.address: is missing"));
}

TEST(ConfigComplete, WhatIsStillToComeIsNoFault) {
  const absl::StatusOr<Config> config = Parse(kKubernetes + kHost);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(NeedsNode(*config));
  EXPECT_THAT(config->node_pod_ranges, IsEmpty());
  EXPECT_TRUE(config->host_port->address.is_zero());
  const absl::StatusOr<Config> again = ParseConfig(ToYaml(*config), "f", {});
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << ToYaml(*config);
  EXPECT_EQ(*again, *config);
}

TEST(ConfigComplete, TheNodeSaysIt) {
  const absl::StatusOr<Config> config =
      Parse(kKubernetes + kHost, WithRanges({"10.244.7.0/24"_prefix, "10.244.9.0/25"_prefix}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(NeedsNode(*config));
  EXPECT_THAT(config->node_pod_ranges, ElementsAre("10.244.7.0/24"_prefix, "10.244.9.0/25"_prefix));
  EXPECT_EQ(config->host_port->address, "10.244.7.254"_ip);
}

TEST(ConfigComplete, DefaultsDeriveFromWhatItSays) {
  const std::string text =
      "node_name: node-a\n"
      "gateway: {address: 169.254.1.1}\n"
      "pod_ranges: [10.244.0.0/16]\n" +
      kKubernetes + kHost;
  EXPECT_EQ(ParseConfig(text, "f", WithRanges({"10.244.7.0/24"_prefix}))->hairpin_address,
            "10.244.7.254"_ip);
}

TEST(ConfigComplete, TheFileGoesBeforeTheNode) {
  const std::string ranges = "node_pod_ranges: [10.244.2.0/24]\n";
  const ConfigOverrides node = WithRanges({"10.244.7.0/24"_prefix});
  absl::StatusOr<Config> config = Parse(kKubernetes + ranges + kHost, node);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->node_pod_ranges, ElementsAre("10.244.2.0/24"_prefix));
  EXPECT_EQ(config->host_port->address, "10.244.2.254"_ip);
  // Then nobody has to be asked.
  config = Parse(kKubernetes + ranges + kHost);
  EXPECT_FALSE(NeedsNode(*config));
  EXPECT_EQ(config->host_port->address, "10.244.2.254"_ip);
  config = Parse(kKubernetes + "host_port: {address: 10.244.7.5}\n", node);
  EXPECT_EQ(config->host_port->address, "10.244.7.5"_ip);
  // Without Kubernetes there is nothing to fill in.
  EXPECT_THAT(Parse("", node)->node_pod_ranges, IsEmpty());
}

TEST(ConfigComplete, SmallRangesHaveALastHostToo) {
  const auto last = [](const Ipv4Prefix& range) {
    return Parse(kKubernetes + kHost, WithRanges({range}))->host_port->address;
  };
  EXPECT_EQ(last("10.244.7.0/30"_prefix), "10.244.7.2"_ip);
  EXPECT_EQ(last("10.244.7.0/31"_prefix), "10.244.7.1"_ip);
  EXPECT_EQ(last("10.244.7.9/32"_prefix), "10.244.7.9"_ip);
}

TEST(ConfigComplete, WhatTheNodeSaysIsChecked) {
  EXPECT_EQ(Parse(kKubernetes + kHost, WithRanges({})).status().message(),
            "f:1: node_pod_ranges: is missing, and Kubernetes gives node node-a no IPv4 range "
            "(spec.podCIDRs); say which are this node's");
  EXPECT_EQ(Parse(kKubernetes, WithRanges({"10.9.0.0/24"_prefix})).status().message(),
            "f:1: node_pod_ranges[0]: 10.9.0.0/24 is outside pod_ranges (10.244.0.0/16)");
  EXPECT_EQ(
      Parse(kKubernetes + "pods:\n" + Pod("x", "10.244.8.1"), WithRanges({"10.244.7.0/24"_prefix}))
          .status()
          .message(),
      "f:6: pods[0].addresses[0]: 10.244.8.1 is outside node_pod_ranges (10.244.7.0/24)");
}

TEST(ConfigComplete, AnotherServerNeedsARestart) {
  EXPECT_EQ(CheckReloadable(*Parse(kKubernetes), *Parse("")).message(),
            "kubernetes differs from what podwarp was started with, and can be changed by a "
            "restart only");
}

}  // namespace
}  // namespace podwarp::test
