#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config_checks.h"
#include "control/config_faults.h"
#include "kubernetes/meaning.h"
#include "podwarp/net/headers.h"
#include "support/literals.h"
#include "unit/kubernetes/kube_json.h"
#include "unit/kubernetes/recorded.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ServiceMeaningTest : public testing::Test {
 protected:
  ServiceMeaningTest() {
    settings_.node_name = "node-a";
    settings_.pod_ranges = {"10.244.0.0/16"_prefix};
    settings_.service_ranges = {"10.96.0.0/16"_prefix};
    UplinkConfig uplink;
    uplink.name = "up0";
    uplink.address = "192.0.2.11"_ip;
    uplink.address_prefix_length = 24;
    settings_.uplinks = {uplink};
  }

  ServiceMeaning Of(const Json& service, const std::vector<Json>& slices = {}) const {
    std::vector<KubeSlice> parsed;
    for (const Json& slice : slices) parsed.push_back(ParseKubeSlice(slice));
    std::vector<const KubeSlice*> pointers;
    for (const KubeSlice& slice : parsed) pointers.push_back(&slice);
    ServiceMeaning meaning =
        MeaningOf(settings_, KubeKeyOf(service), ParseKubeService(service), pointers, "");
    if (meaning.service.has_value()) ExpectFits(*meaning.service);
    return meaning;
  }

  // As a service of the recorded cluster is.
  ServiceMeaning OfRecorded(const std::string& name) const {
    std::vector<Json> slices;
    const Json all = RecordedJson("endpointslices-dual.list.json")["items"];
    for (const Json& slice : all) {
      if (ParseKubeSlice(slice).service == "default/" + name) slices.push_back(slice);
    }
    const Json services = RecordedJson("services-dual.list.json")["items"];
    for (const Json& service : services) {
      if (service["metadata"]["name"] == name) return Of(service, slices);
    }
    ADD_FAILURE() << name;
    return {};
  }

  // What comes out passes the checks that the node makes.
  void ExpectFits(const ServiceConfig& service) const {
    ConfigFaults faults("");
    CheckAlone(service, "service", &faults);
    CheckFits(settings_, service, "service", &faults);
    EXPECT_TRUE(faults.empty());
  }

  Config settings_;
};

std::string Text(const BackendConfig& backend) {
  return backend.address.ToString() + ":" + std::to_string(backend.port) + " " + backend.node +
         (backend.phase == BackendPhase::kTerminating ? " terminating" : "");
}

Texts TextsOf(const ServicePortConfig& port) {
  Texts texts;
  for (const BackendConfig& backend : port.backends) texts.push_back(Text(backend));
  return texts;
}

TEST_F(ServiceMeaningTest, HasTheEndpointsOfAllItsSlicesOfIpv4) {
  const ServiceMeaning meaning = OfRecorded("dual");
  EXPECT_THAT(meaning.sentences, IsEmpty());
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_EQ(meaning.service->full_name(), "default/dual");
  EXPECT_EQ(meaning.service->address, "10.96.0.81"_ip);
  ASSERT_EQ(meaning.service->ports.size(), 1);
  const ServicePortConfig& port = meaning.service->ports[0];
  EXPECT_EQ(port.name, "http");
  EXPECT_EQ(port.protocol, kIpProtocolTcp);
  EXPECT_EQ(port.port, 80);
  EXPECT_EQ(port.node_port, 0);
  // Two slices since the port's name means 8080 here and 8081 there; the unready one is left out.
  EXPECT_THAT(TextsOf(port),
              ElementsAre("10.244.3.10:8080 node-c", "10.244.3.13:8080 node-c terminating",
                          "10.244.4.10:8081 node-d"));
}

TEST_F(ServiceMeaningTest, HasNodePortsPoliciesAndAffinity) {
  const ServiceMeaning meaning = OfRecorded("nodeport");
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_EQ(meaning.service->session_affinity, absl::Seconds(600));
  EXPECT_EQ(meaning.service->internal_traffic, TrafficPolicy::kCluster);
  EXPECT_EQ(meaning.service->external_traffic, TrafficPolicy::kLocal);
  ASSERT_EQ(meaning.service->ports.size(), 2);
  EXPECT_EQ(meaning.service->ports[0].node_port, 30080);
  EXPECT_EQ(meaning.service->ports[1].node_port, 30081);
  EXPECT_EQ(meaning.service->ports[1].protocol, kIpProtocolSctp);
  EXPECT_THAT(TextsOf(meaning.service->ports[1]),
              ElementsAre("10.244.3.10:81 node-c", "10.244.3.13:81 node-c terminating",
                          "10.244.4.10:81 node-d"));
}

TEST_F(ServiceMeaningTest, HasExternalAddressesAndWhoMayCome) {
  const ServiceMeaning meaning = OfRecorded("lb");
  EXPECT_THAT(meaning.sentences, IsEmpty());
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_THAT(meaning.service->external_addresses,
              ElementsAre("203.0.113.84"_ip, "203.0.113.10"_ip));
  EXPECT_THAT(meaning.service->source_ranges, ElementsAre("198.51.100.0/24"_prefix));
  EXPECT_EQ(meaning.service->internal_traffic, TrafficPolicy::kLocal);
  EXPECT_EQ(meaning.service->external_traffic, TrafficPolicy::kCluster);
  EXPECT_THAT(TextsOf(meaning.service->ports[0]), ElementsAre("192.0.2.13:9100 node-c"));
}

TEST_F(ServiceMeaningTest, TakesSlicesThatSomebodyWroteByHand) {
  const ServiceMeaning meaning = OfRecorded("noselector");
  EXPECT_THAT(meaning.sentences, IsEmpty());
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_THAT(TextsOf(meaning.service->ports[0]),
              ElementsAre("198.51.100.7:8080 ", "198.51.100.8:8080 node-c terminating",
                          "198.51.100.9:8080 "));
}

TEST_F(ServiceMeaningTest, IsNoneWithoutAClusterAddressOfIpv4) {
  for (const char* name : {"headless", "outside", "six"}) {
    const ServiceMeaning meaning = OfRecorded(name);
    EXPECT_FALSE(meaning.service.has_value()) << name;
    EXPECT_THAT(meaning.sentences, IsEmpty()) << name;
  }
}

TEST_F(ServiceMeaningTest, IsThereWithoutAnEndpoint) {
  const ServiceMeaning meaning = Of(KubeServiceJson("web", "10.96.0.1"));
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_THAT(meaning.service->ports[0].backends, IsEmpty());
}

TEST_F(ServiceMeaningTest, MatchesPortsByNameAndProtocol) {
  Json service = KubeServiceJson("web", "10.96.0.1");
  service["spec"]["ports"] = {{{"name", "dns"}, {"protocol", "UDP"}, {"port", 53}},
                              {{"name", "dns-tcp"}, {"protocol", "TCP"}, {"port", 53}},
                              {{"name", "other"}, {"port", 54}}};
  Json slice = KubeSliceJson("s", "web", {KubeEndpointJson("10.244.1.1", "node-a")});
  slice["ports"] = {{{"name", "dns"}, {"protocol", "UDP"}, {"port", 5353}},
                    {{"name", "dns-tcp"}, {"port", 5354}},
                    {{"name", "other"}, {"protocol", "UDP"}, {"port", 5355}},
                    {{"name", "other"}, {"port", nullptr}}};
  const ServiceMeaning meaning = Of(service, {slice});
  ASSERT_TRUE(meaning.service.has_value());
  ASSERT_EQ(meaning.service->ports.size(), 3);
  EXPECT_THAT(TextsOf(meaning.service->ports[0]), ElementsAre("10.244.1.1:5353 node-a"));
  EXPECT_THAT(TextsOf(meaning.service->ports[1]), ElementsAre("10.244.1.1:5354 node-a"));
  EXPECT_THAT(TextsOf(meaning.service->ports[2]), IsEmpty());
}

TEST_F(ServiceMeaningTest, HasOnePortWithoutAName) {
  Json service = KubeServiceJson("web", "10.96.0.1");
  service["spec"]["ports"] = Json::array({{{"port", 80}}});
  Json slice = KubeSliceJson("s", "web", {KubeEndpointJson("10.244.1.1", "node-a")});
  slice["ports"][0]["name"] = "";
  const ServiceMeaning meaning = Of(service, {slice});
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_EQ(meaning.service->ports[0].name, "");
  EXPECT_THAT(TextsOf(meaning.service->ports[0]), ElementsAre("10.244.1.1:8080 node-a"));
}

TEST_F(ServiceMeaningTest, LeavesOutPortsThatCannotBeExpressedAndSaysSo) {
  Json service = KubeServiceJson("web", "10.96.0.1");
  service["spec"]["ports"] = {
      {{"name", "a"}, {"port", 80}}, {{"name", "b"}, {"protocol", "QUIC"}, {"port", 81}},
      {{"name", "c"}, {"port", 0}},  {{"name", "d"}, {"port", 80}},
      {{"name", "a"}, {"port", 82}}, {{"port", 83}}};
  const ServiceMeaning meaning = Of(service);
  ASSERT_TRUE(meaning.service.has_value());
  ASSERT_EQ(meaning.service->ports.size(), 2);
  EXPECT_EQ(meaning.service->ports[0].name, "a");
  EXPECT_EQ(meaning.service->ports[1].name, "tcp-83");
  EXPECT_THAT(
      meaning.sentences,
      ElementsAre("service default/web: port 81/QUIC is left out: not a port of TCP, UDP or SCTP",
                  "service default/web: port 0/TCP is left out: not a port of TCP, UDP or SCTP",
                  "service default/web: port 80/TCP is left out: another has its number or name",
                  "service default/web: port 82/TCP is left out: another has its number or name"));
}

TEST_F(ServiceMeaningTest, IsNoneWithoutAPortThatCanBeServed) {
  Json service = KubeServiceJson("web", "10.96.0.1");
  service["spec"]["ports"] = nullptr;
  const ServiceMeaning meaning = Of(service);
  EXPECT_FALSE(meaning.service.has_value());
  EXPECT_THAT(meaning.sentences,
              ElementsAre("service default/web: is not served: it has no port that can be"));
}

TEST_F(ServiceMeaningTest, LeavesOutExternalAddressesThatTheNodeCannotServe) {
  Json service = KubeServiceJson("web", "10.96.0.1");
  service["spec"]["externalIPs"] = {"192.0.2.11",  "10.244.7.7",  "10.96.7.7", "203.0.113.1",
                                    "2001:db8::1", "203.0.113.1", "10.96.0.1", "192.0.2.255"};
  const ServiceMeaning meaning = Of(service);
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_THAT(meaning.service->external_addresses, ElementsAre("203.0.113.1"_ip));
  ASSERT_EQ(meaning.sentences.size(), 4);
  EXPECT_EQ(meaning.sentences[0],
            "service default/web: external address 192.0.2.11 is not served: it is in this node's "
            "settings as uplinks[0].address");
  EXPECT_THAT(meaning.sentences[1], HasSubstr("10.244.7.7 is not served: it is of the pods'"));
  EXPECT_THAT(meaning.sentences[2], HasSubstr("10.96.7.7 is not served: it is of the services'"));
  EXPECT_THAT(meaning.sentences[3], HasSubstr("192.0.2.255 is not served: it is no host's"));
}

TEST_F(ServiceMeaningTest, LetsNobodyInIfNoRangeIsOfIpv4) {
  Json service = KubeServiceJson("web", "10.96.0.1");
  service["spec"]["externalIPs"] = Json::array({"203.0.113.1"});
  service["spec"]["loadBalancerSourceRanges"] = Json::array({"2001:db8::/32"});
  const ServiceMeaning meaning = Of(service);
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_THAT(meaning.service->source_ranges, ElementsAre("0.0.0.0/32"_prefix));
}

TEST_F(ServiceMeaningTest, HasNoRangesWithoutAnExternalAddress) {
  Json service = KubeServiceJson("web", "10.96.0.1");
  service["spec"]["loadBalancerSourceRanges"] = Json::array({"192.0.2.0/24"});
  EXPECT_THAT(Of(service).service->source_ranges, IsEmpty());
}

TEST_F(ServiceMeaningTest, LeavesOutEndpointsThatAreServices) {
  const ServiceMeaning meaning = Of(KubeServiceJson("web", "10.96.0.1"),
                                    {KubeSliceJson("s", "web",
                                                   {KubeEndpointJson("10.96.0.2", ""),
                                                    KubeEndpointJson("10.244.1.1", "node-a")})});
  ASSERT_TRUE(meaning.service.has_value());
  EXPECT_THAT(TextsOf(meaning.service->ports[0]), ElementsAre("10.244.1.1:8080 node-a"));
  EXPECT_THAT(meaning.sentences,
              ElementsAre("service default/web: port 80/TCP: endpoint 10.96.0.2 is left out: it is "
                          "a service's address"));
}

TEST_F(ServiceMeaningTest, HasNoMoreBackendsThanAServiceMayHave) {
  std::vector<Json> endpoints;
  for (uint32_t i = 0; i < 5'010; ++i) {
    const bool is_draining = i < 20;
    endpoints.push_back(KubeEndpointJson(
        Ipv4Address(0x0af40000 + i).ToString(), "node-a",
        {{"ready", !is_draining}, {"serving", true}, {"terminating", is_draining}}));
  }
  const ServiceMeaning meaning =
      Of(KubeServiceJson("web", "10.96.0.1"), {KubeSliceJson("s", "web", endpoints)});
  ASSERT_TRUE(meaning.service.has_value());
  const std::vector<BackendConfig>& backends = meaning.service->ports[0].backends;
  ASSERT_EQ(backends.size(), 5'000);
  // Those that get new connections come first.
  EXPECT_EQ(std::count_if(
                backends.begin(), backends.end(),
                [](const BackendConfig& backend) { return backend.phase == BackendPhase::kReady; }),
            4'990);
  EXPECT_THAT(meaning.sentences, ElementsAre("service default/web: port 80/TCP: has 5010 "
                                             "endpoints, of which 5000 are used"));
}

}  // namespace
}  // namespace podwarp::test
