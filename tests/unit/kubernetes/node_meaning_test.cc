#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kubernetes/meaning.h"
#include "support/literals.h"
#include "unit/kubernetes/kube_json.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kMac[] = "02:00:00:00:00:0b";

UplinkConfig Uplink(const std::string& name, std::optional<Ipv4Address> address) {
  UplinkConfig uplink;
  uplink.name = name;
  uplink.address = address;
  uplink.address_prefix_length = 24;
  return uplink;
}

class NodeMeaningTest : public testing::Test {
 protected:
  NodeMeaningTest() {
    settings_.node_name = "node-a";
    settings_.uplinks = {Uplink("up0", "192.0.2.11"_ip), Uplink("up1", "198.51.100.11"_ip)};
  }

  NodeMeaning Of(const Json& annotations, const Texts& internal_addresses = {},
                 const Texts& pod_cidrs = {"10.244.2.0/24"}) const {
    return MeaningOf(settings_, ParseKubeNode(KubeNodeJson("node-b", pod_cidrs, annotations,
                                                           internal_addresses)));
  }

  Config settings_;
};

TEST_F(NodeMeaningTest, IsWhatItsPodwarpWrote) {
  const NodeMeaning meaning =
      Of({{kVirtualMacAnnotation, kMac}, {kUnderlayAddressAnnotation, "198.51.100.12"}},
         {"192.0.2.12"}, {"10.244.2.0/24", "fd00::/64", "10.244.12.0/24"});
  EXPECT_THAT(meaning.sentences, IsEmpty());
  ASSERT_TRUE(meaning.node.has_value());
  EXPECT_EQ(meaning.node->name, "node-b");
  EXPECT_EQ(meaning.node->virtual_mac, "02:00:00:00:00:0b"_mac);
  EXPECT_EQ(meaning.node->underlay_address, "198.51.100.12"_ip);
  EXPECT_EQ(meaning.node->uplink, "up1");
  EXPECT_THAT(meaning.node->pod_ranges,
              ElementsAre("10.244.2.0/24"_prefix, "10.244.12.0/24"_prefix));
}

TEST_F(NodeMeaningTest, IsReachedByItsMacAlone) {
  const NodeMeaning meaning = Of({{kVirtualMacAnnotation, kMac}}, {"198.51.100.12"});
  ASSERT_TRUE(meaning.node.has_value());
  EXPECT_EQ(meaning.node->virtual_mac, "02:00:00:00:00:0b"_mac);
  EXPECT_EQ(meaning.node->underlay_address, std::nullopt);
  EXPECT_EQ(meaning.node->uplink, "up1");
  EXPECT_EQ(Of({{kVirtualMacAnnotation, kMac}}).node->uplink, "up0");
}

TEST_F(NodeMeaningTest, IsAskedForAtItsInternalAddressWithoutPodwarp) {
  const NodeMeaning meaning = Of(nullptr, {"10.0.0.12", "198.51.100.12"});
  ASSERT_TRUE(meaning.node.has_value());
  EXPECT_EQ(meaning.node->virtual_mac, std::nullopt);
  EXPECT_EQ(meaning.node->underlay_address, "198.51.100.12"_ip);
  EXPECT_EQ(meaning.node->uplink, "up1");
}

TEST_F(NodeMeaningTest, SaysWhyItIsNotReached) {
  const auto why_not = [](const NodeMeaning& meaning) {
    EXPECT_FALSE(meaning.node.has_value());
    return meaning.sentences.empty() ? "" : meaning.sentences.back();
  };
  EXPECT_EQ(why_not(Of(nullptr, {"10.0.0.12"})),
            "node node-b: is not reached: it has no annotation podwarp.io/virtual-mac, and its "
            "InternalIP 10.0.0.12 is in the segment of none of this node's uplinks");
  EXPECT_THAT(why_not(Of(nullptr)), HasSubstr("and no InternalIP"));
  // The segment's broadcast address is no host's.
  EXPECT_THAT(why_not(Of(nullptr, {"192.0.2.255"})), HasSubstr("in the segment of none"));
  EXPECT_THAT(
      why_not(Of({{kVirtualMacAnnotation, kMac}, {kUnderlayAddressAnnotation, "10.0.0.12"}})),
      HasSubstr("its underlay address 10.0.0.12 is in the segment of none"));
  EXPECT_THAT(why_not(Of({{kVirtualMacAnnotation, kMac}}, {}, {"fd00::/64"})),
              HasSubstr("no podCIDR of IPv4"));
  settings_.uplinks.clear();
  EXPECT_THAT(why_not(Of({{kVirtualMacAnnotation, kMac}})), HasSubstr("this node has no uplink"));
}

TEST_F(NodeMeaningTest, NeedsNoSegmentIfNoUplinkHasOne) {
  settings_.uplinks = {Uplink("up0", std::nullopt)};
  const Json annotations = {{kVirtualMacAnnotation, kMac},
                            {kUnderlayAddressAnnotation, "10.0.0.12"}};
  ASSERT_TRUE(Of(annotations).node.has_value());
  EXPECT_EQ(Of(annotations).node->uplink, "up0");
  EXPECT_FALSE(Of({{kUnderlayAddressAnnotation, "10.0.0.12"}}).node.has_value());
}

TEST_F(NodeMeaningTest, IsReachedInAnotherWayIfAnAnnotationCannotBeRead) {
  const NodeMeaning meaning = Of({{kVirtualMacAnnotation, "?"}}, {"192.0.2.12"});
  ASSERT_TRUE(meaning.node.has_value());
  EXPECT_EQ(meaning.node->underlay_address, "192.0.2.12"_ip);
  ASSERT_EQ(meaning.sentences.size(), 1);
  EXPECT_THAT(meaning.sentences[0],
              HasSubstr("node node-b: annotation podwarp.io/virtual-mac: '?'"));
}

}  // namespace
}  // namespace podwarp::test
