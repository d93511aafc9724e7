// What needs no root; the rest is in tests/system/kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/masquerade.h"
#include "platform/network_namespace.h"
#include "platform/pod_interface.h"
#include "support/literals.h"

namespace podwarp::test {
namespace {

TEST(AddressesOnLink, TakeTheLengthOfTheLongestRangeAroundThem) {
  using Address = InterfaceAddress;
  EXPECT_THAT(AddressesOnLink({"10.244.1.5"_ip, "10.7.0.1"_ip, "192.0.2.1"_ip},
                              {"10.0.0.0/8"_prefix, "10.244.0.0/16"_prefix}),
              testing::ElementsAre(Address{"10.244.1.5"_ip, 16}, Address{"10.7.0.1"_ip, 8},
                                   Address{"192.0.2.1"_ip, 32}));
}

TEST(MasqueradeRules, FromPodsToNeitherPodsNorServices) {
  EXPECT_EQ(
      MasqueradeRules({"10.244.0.0/16"_prefix, "10.245.0.0/16"_prefix}, {"10.96.0.0/12"_prefix}),
      "table ip podwarp\n"
      "delete table ip podwarp\n"
      "table ip podwarp {\n"
      "  set pods { type ipv4_addr; flags interval; auto-merge; elements = { "
      "10.244.0.0/16, 10.245.0.0/16 } }\n"
      "  set cluster { type ipv4_addr; flags interval; auto-merge; elements = { "
      "10.244.0.0/16, 10.245.0.0/16, 10.96.0.0/12 } }\n"
      "  chain postrouting {\n"
      "    type nat hook postrouting priority srcnat; policy accept;\n"
      "    ip saddr @pods ip daddr != @cluster meta l4proto { tcp, udp, sctp } "
      "masquerade to :32768-65535\n"
      "    ip saddr @pods ip daddr != @cluster masquerade\n"
      "  }\n"
      "}\n");
}

TEST(NetworkNamespace, TheEmptyPathIsOurOwn) {
  const auto own = NetworkNamespaceIdOf("");
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_EQ(*own, *NetworkNamespaceIdOf("/proc/self/ns/net"));
  EXPECT_TRUE(NetworkNamespaceScope::Enter("").ok());
  EXPECT_EQ(*own, *NetworkNamespaceIdOf(""));
}

TEST(NetworkNamespace, OtherFilesAreRefused) {
  EXPECT_TRUE(absl::IsNotFound(NetworkNamespaceIdOf("/run/netns/is-not-there").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(NetworkNamespaceIdOf("/dev/null").status()));
  // A namespace, but of another kind.
  EXPECT_FALSE(NetworkNamespaceScope::Enter("/proc/self/ns/uts").ok());
}

TEST(WriteNetworkSysctl, MissingSettingIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(WriteNetworkSysctl("ipv4/conf/is-not-there/forwarding", "1")));
}

}  // namespace
}  // namespace podwarp::test
