#include "kubernetes/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/literals.h"
#include "unit/kubernetes/kube_json.h"
#include "unit/kubernetes/recorded.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The item of a recorded list.
Json ItemOf(const std::string& file, const std::string& name) {
  const Json items = RecordedJson(file)["items"];
  for (const Json& item : items) {
    if (item["metadata"]["name"] == name) return item;
  }
  ADD_FAILURE() << name << " is not in " << file;
  return {};
}

TEST(KubeKeyTest, HasTheNamespaceIfThereIsOne) {
  EXPECT_EQ(KubeKeyOf(ItemOf("pods.list.json", "web-1")), "default/web-1");
  EXPECT_EQ(KubeKeyOf(ItemOf("nodes.list.json", "node-a")), "node-a");
}

TEST(KubeKeyTest, IsEmptyOfABookmarksStub) {
  for (const char* kind : {"pods", "nodes", "services", "endpointslices"}) {
    const Json bookmark = RecordedLines(std::string(kind) + ".watch.jsonl").back();
    ASSERT_EQ(bookmark["type"], "BOOKMARK");
    EXPECT_EQ(KubeKeyOf(bookmark["object"]), "") << kind;
  }
}

TEST(KubeNodeTest, HasItsRangesAndAddressesOfIpv4AndItsZone) {
  const KubeNode a = ParseKubeNode(ItemOf("nodes.list.json", "node-a"));
  EXPECT_EQ(a.name, "node-a");
  EXPECT_EQ(a.zone, "zone-1");
  EXPECT_THAT(a.pod_cidrs, ElementsAre("10.244.1.0/24"_prefix));
  EXPECT_THAT(a.internal_addresses, ElementsAre("192.0.2.11"_ip));
  EXPECT_FALSE(a.virtual_mac.has_value());
  EXPECT_FALSE(a.underlay_address.has_value());
  EXPECT_THAT(a.faults, IsEmpty());

  // Of two families, whichever comes first.
  const KubeNode d = ParseKubeNode(ItemOf("nodes-dual.list.json", "node-d"));
  EXPECT_THAT(d.pod_cidrs, ElementsAre("10.244.4.0/24"_prefix));
  EXPECT_THAT(d.internal_addresses, ElementsAre("192.0.2.14"_ip));
  EXPECT_EQ(d.zone, "");
}

TEST(KubeNodeTest, HasWhatItsPodwarpWrote) {
  const KubeNode node = ParseKubeNode(KubeNodeJson(
      "node-b", {"10.244.2.0/24"},
      {{kVirtualMacAnnotation, "02-00-00-00-00-0B"}, {kUnderlayAddressAnnotation, "192.0.2.12"}}));
  EXPECT_EQ(node.virtual_mac, "02:00:00:00:00:0b"_mac);
  EXPECT_EQ(node.underlay_address, "192.0.2.12"_ip);
  EXPECT_THAT(node.faults, IsEmpty());
}

TEST(KubeNodeTest, RemembersAnnotationsThatCannotBeRead) {
  const KubeNode node = ParseKubeNode(
      KubeNodeJson("node-b", {"10.244.2.0/24"},
                   {{kVirtualMacAnnotation, "ff:ff:ff:ff:ff:ff"},  // a group: nobody's own
                    {kUnderlayAddressAnnotation, "192.0.2"}}));
  EXPECT_FALSE(node.virtual_mac.has_value());
  EXPECT_FALSE(node.underlay_address.has_value());
  ASSERT_EQ(node.faults.size(), 2);
  EXPECT_THAT(node.faults[0], HasSubstr("annotation podwarp.io/virtual-mac: 'ff:ff:ff:ff:ff:ff'"));
  EXPECT_THAT(node.faults[1], HasSubstr("annotation podwarp.io/underlay-address: '192.0.2'"));
}

TEST(KubePodTest, TellsWhereItIsAndInWhichState) {
  const KubePod dual = ParseKubePod(ItemOf("pods-dual.list.json", "dual-1"));
  EXPECT_EQ(dual.node, "node-c");
  EXPECT_THAT(dual.ips, ElementsAre("10.244.3.10"_ip));
  EXPECT_FALSE(dual.host_network || dual.is_being_deleted || dual.is_finished);
  EXPECT_GT(dual.created, absl::InfinitePast());

  EXPECT_THAT(ParseKubePod(ItemOf("pods-dual.list.json", "v6first-1")).ips,
              ElementsAre("10.244.4.10"_ip));
  EXPECT_TRUE(ParseKubePod(ItemOf("pods-dual.list.json", "hostnet-1")).host_network);
  EXPECT_TRUE(ParseKubePod(ItemOf("pods-dual.list.json", "leaving-1")).is_being_deleted);
  EXPECT_TRUE(ParseKubePod(ItemOf("pods-dual.list.json", "done-1")).is_finished);
  const KubePod pending = ParseKubePod(ItemOf("pods-dual.list.json", "pending-1"));
  EXPECT_EQ(pending.node, "");
  EXPECT_THAT(pending.ips, IsEmpty());
}

TEST(KubeServiceTest, HasAClusterAddressIfItIsToBeServed) {
  const auto address = [](const std::string& name) {
    return ParseKubeService(ItemOf("services-dual.list.json", name)).cluster_address;
  };
  EXPECT_EQ(address("dual"), "10.96.0.81"_ip);
  EXPECT_EQ(address("headless"), std::nullopt);
  EXPECT_EQ(address("outside"), std::nullopt);  // ExternalName
  EXPECT_EQ(address("six"), std::nullopt);
  Json others = KubeServiceJson("others", "10.96.0.1");
  others["metadata"]["labels"]["service.kubernetes.io/service-proxy-name"] = "another";
  EXPECT_EQ(ParseKubeService(others).cluster_address, std::nullopt);
  Json six_first = KubeServiceJson("six-first", "fd00::1");
  six_first["spec"]["clusterIPs"] = {"fd00::1", "10.96.0.9"};
  EXPECT_EQ(ParseKubeService(six_first).cluster_address, "10.96.0.9"_ip);
}

TEST(KubeServiceTest, HasPortsPoliciesAndAffinity) {
  const KubeService service = ParseKubeService(ItemOf("services-dual.list.json", "nodeport"));
  ASSERT_EQ(service.ports.size(), 2);
  EXPECT_EQ(service.ports[0], (KubeServicePort{"http", "TCP", 80, 30080}));
  EXPECT_EQ(service.ports[1], (KubeServicePort{"sctp", "SCTP", 81, 30081}));
  EXPECT_EQ(service.affinity, absl::Seconds(600));
  EXPECT_TRUE(service.is_external_local);
  EXPECT_FALSE(service.is_internal_local);
  EXPECT_FALSE(service.has_source_ranges);
}

TEST(KubeServiceTest, HasTheAddressesOfItsBalancerAndWhoMayCome) {
  const KubeService service = ParseKubeService(ItemOf("services-dual.list.json", "lb"));
  EXPECT_THAT(service.external_addresses, ElementsAre("203.0.113.84"_ip, "203.0.113.10"_ip));
  EXPECT_TRUE(service.has_source_ranges);
  EXPECT_THAT(service.source_ranges, ElementsAre("198.51.100.0/24"_prefix));
  EXPECT_TRUE(service.is_internal_local);
  EXPECT_FALSE(service.is_external_local);
}

TEST(KubeServiceTest, LeavesOutBalancersThatForwardToNodePorts) {
  Json object = KubeServiceJson("web", "10.96.0.1");
  object["status"]["loadBalancer"]["ingress"] = {{{"ip", "203.0.113.1"}, {"ipMode", "Proxy"}},
                                                 {{"ip", "203.0.113.2"}, {"ipMode", "VIP"}},
                                                 {{"hostname", "lb.example.com"}}};
  // What is left of a time when it was a LoadBalancer.
  EXPECT_THAT(ParseKubeService(object).external_addresses, IsEmpty());
  object["spec"]["type"] = "LoadBalancer";
  EXPECT_THAT(ParseKubeService(object).external_addresses, ElementsAre("203.0.113.2"_ip));
}

TEST(KubeServiceTest, TakesRangesAsKubernetesDoes) {
  Json object = KubeServiceJson("web", "10.96.0.1");
  object["spec"]["loadBalancerSourceRanges"] = {" 192.0.2.7/24 ", "2001:db8::/32", "192.0.2.0/240"};
  const KubeService service = ParseKubeService(object);
  EXPECT_THAT(service.source_ranges, ElementsAre("192.0.2.0/24"_prefix));
  EXPECT_THAT(service.faults,
              ElementsAre("loadBalancerSourceRanges: '192.0.2.0/240' is not a range "
                          "of addresses"));
}

TEST(KubeServiceTest, HasAnAffinityOfThreeHoursUnlessItIsSaid) {
  Json object = KubeServiceJson("web", "10.96.0.1");
  EXPECT_EQ(ParseKubeService(object).affinity, absl::ZeroDuration());
  object["spec"]["sessionAffinity"] = "ClientIP";
  EXPECT_EQ(ParseKubeService(object).affinity, absl::Hours(3));
  object["spec"]["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"] = 1'000'000;
  EXPECT_EQ(ParseKubeService(object).affinity, absl::Hours(24));
}

TEST(KubeSliceTest, HasPortsAndEndpoints) {
  const KubeSlice slice = ParseKubeSlice(ItemOf("endpointslices.list.json", "web-rcsqf"));
  EXPECT_EQ(slice.service, "default/web");
  EXPECT_THAT(slice.ports,
              ElementsAre(KubeSlicePort{"http", "TCP", 8080}, KubeSlicePort{"dns", "UDP", 5353}));
  ASSERT_EQ(slice.endpoints.size(), 1);
  EXPECT_EQ(slice.endpoints[0].address, "10.244.1.10"_ip);
  EXPECT_EQ(slice.endpoints[0].node, "node-a");
}

TEST(KubeSliceTest, HasTheApisDefaultsForWhatIsNotSaid) {
  const KubeSlice slice =
      ParseKubeSlice(ItemOf("endpointslices-dual.list.json", "noselector-hand"));
  ASSERT_EQ(slice.endpoints.size(), 3);
  EXPECT_TRUE(slice.endpoints[0].is_ready && slice.endpoints[0].is_serving);
  EXPECT_FALSE(slice.endpoints[0].is_terminating);
  EXPECT_EQ(slice.endpoints[0].node, "");
  EXPECT_FALSE(slice.endpoints[1].is_ready);
  EXPECT_TRUE(slice.endpoints[1].is_serving && slice.endpoints[1].is_terminating);
  EXPECT_THAT(slice.endpoints[1].zones, ElementsAre("zone-1"));
  EXPECT_TRUE(slice.endpoints[2].is_ready && slice.endpoints[2].is_serving);

  // Serving is as ready is.
  const KubeSlice unready = ParseKubeSlice(
      KubeSliceJson("s", "web", {KubeEndpointJson("10.0.0.1", "node-a", {{"ready", false}})}));
  ASSERT_EQ(unready.endpoints.size(), 1);
  EXPECT_FALSE(unready.endpoints[0].is_serving);
}

TEST(KubeSliceTest, HasNothingOfOtherAddressTypes) {
  for (const char* name : {"dual-h2zlm", "empty-hand", "fqdn-hand", "six-xm5h2"}) {
    const KubeSlice slice = ParseKubeSlice(ItemOf("endpointslices-dual.list.json", name));
    EXPECT_NE(slice.service, "") << name;
    EXPECT_THAT(slice.endpoints, IsEmpty()) << name;
    EXPECT_THAT(slice.ports, IsEmpty()) << name;
  }
}

// Every field, and every part of a list, once as each other type: nothing is thrown.
void Twist(const Json& whole, const Json::json_pointer& at,
           const std::function<void(const Json&)>& parse) {
  for (const Json& other : {Json(), Json(true), Json(-7), Json(1e300), Json("?"), Json::array(),
                            Json::array({nullptr, 1, "x"}), Json::object()}) {
    Json twisted = whole;
    twisted[at] = other;
    parse(twisted);
  }
  const Json& here = whole[at];
  if (here.is_object()) {
    for (const auto& [name, value] : here.items()) Twist(whole, at / name, parse);
  } else if (here.is_array()) {
    for (size_t i = 0; i < here.size(); ++i) Twist(whole, at / i, parse);
  }
}

TEST(KubeObjectsTest, TakeEveryShape) {
  const auto twist_all = [](const std::string& file, const auto& parse) {
    const Json items = RecordedJson(file)["items"];
    for (Json item : items) {
      item["metadata"].erase("managedFields");
      Twist(item, Json::json_pointer(), [&](const Json& object) {
        KubeKeyOf(object);
        parse(object);
      });
    }
  };
  twist_all("nodes-dual.list.json", ParseKubeNode);
  twist_all("pods-dual.list.json", ParseKubePod);
  twist_all("services-dual.list.json", ParseKubeService);
  twist_all("endpointslices-dual.list.json", ParseKubeSlice);
}

}  // namespace
}  // namespace podwarp::test
