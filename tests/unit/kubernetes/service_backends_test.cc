#include "kubernetes/service_backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/literals.h"
#include "unit/kubernetes/kube_json.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Json kReady = {{"ready", true}, {"serving", true}, {"terminating", false}};
const Json kUnready = {{"ready", false}, {"serving", false}, {"terminating", false}};
const Json kDraining = {{"ready", false}, {"serving", true}, {"terminating", true}};
const Json kDying = {{"ready", false}, {"serving", false}, {"terminating", true}};

const std::string kNode = "node-a";

Json Hinted(Json endpoint, const Texts& zones) {
  for (const std::string& zone : zones) endpoint["hints"]["forZones"].push_back({{"name", zone}});
  return endpoint;
}

class ServiceBackendsTest : public testing::Test {
 protected:
  // A letter for each that is left of 10.244.1.1, 10.244.1.2 and so on: R gets new connections, T
  // only keeps those it has, and - is out.
  std::string Letters(const std::vector<Json>& slices) const {
    std::string letters;
    for (const BackendConfig& backend : Backends(slices)) {
      const size_t place = backend.address.value() - "10.244.1.1"_ip.value();
      letters.resize(std::max(letters.size(), place + 1), '-');
      letters[place] = backend.phase == BackendPhase::kReady ? 'R' : 'T';
    }
    return letters;
  }

  std::vector<BackendConfig> Backends(const std::vector<Json>& slices) const {
    std::vector<KubeSlice> parsed;
    for (const Json& slice : slices) parsed.push_back(ParseKubeSlice(slice));
    std::vector<const KubeSlice*> pointers;
    for (const KubeSlice& slice : parsed) pointers.push_back(&slice);
    const BackendRules rules{.node = kNode,
                             .zone = zone_,
                             .own_ranges = own_ranges_,
                             .is_for_all = is_for_all_,
                             .is_for_local = is_for_local_};
    std::vector<std::string> faults;
    KubeServicePort port;
    port.name = "http";
    port.port = 80;
    std::vector<BackendConfig> backends = BackendsOf(port, pointers, rules, {}, &faults);
    EXPECT_THAT(faults, IsEmpty());
    return backends;
  }

  static Json At(int place, const Json& conditions, const std::string& node = "node-b") {
    return KubeEndpointJson("10.244.1." + std::to_string(place), node, conditions);
  }
  static Json Slice(const std::vector<Json>& endpoints) {
    return KubeSliceJson("s", "web", endpoints);
  }

  std::string zone_;
  std::vector<Ipv4Prefix> own_ranges_;
  bool is_for_all_ = true;
  bool is_for_local_ = false;
};

TEST_F(ServiceBackendsTest, ReadyOnesGetConnectionsAndDrainingOnesKeepThem) {
  EXPECT_EQ(Letters({Slice(
                {At(1, kReady), At(2, kUnready), At(3, kDraining), At(4, kDying), At(5, kReady)})}),
            "R-T-R");
}

TEST_F(ServiceBackendsTest, ReadyCountsEvenOfOneThatTerminates) {
  // As of a service that publishes addresses that aren't ready.
  EXPECT_EQ(Letters({Slice({At(1, {{"ready", true}, {"terminating", true}})})}), "R");
}

TEST_F(ServiceBackendsTest, DrainingOnesGetConnectionsIfNobodyIsReady) {
  EXPECT_EQ(Letters({Slice({At(1, kUnready), At(2, kDraining), At(3, kDying), At(4, kDraining)})}),
            "-R-R");
}

TEST_F(ServiceBackendsTest, SlicesMerge) {
  Json no_endpoints = Slice({});
  no_endpoints["endpoints"] = nullptr;
  EXPECT_EQ(Letters({Slice({At(1, kReady)}), no_endpoints, Slice({At(2, kReady)})}), "RR");
}

TEST_F(ServiceBackendsTest, AnEndpointInTwoSlicesIsOneAndReadyWins) {
  const Json ready = Slice({At(1, kReady)}), draining = Slice({At(1, kDraining), At(2, kReady)}),
             unready = Slice({At(1, kUnready)});
  EXPECT_EQ(Letters({ready, draining, unready}), "RR");
  EXPECT_EQ(Letters({unready, draining, ready}), "RR");
  EXPECT_EQ(Letters({unready, draining}), "TR");
  EXPECT_EQ(Backends({ready, draining, unready}).size(), 2);
}

TEST_F(ServiceBackendsTest, TheSameAddressAtTwoPortsIsTwo) {
  Json other = Slice({At(1, kReady)});
  other["ports"][0]["port"] = 8081;
  const std::vector<BackendConfig> backends = Backends({other, Slice({At(1, kReady)})});
  ASSERT_EQ(backends.size(), 2);
  EXPECT_EQ(backends[0].port, 8080);
  EXPECT_EQ(backends[1].port, 8081);
}

TEST_F(ServiceBackendsTest, ComeInOneOrderHoweverTheyAreSliced) {
  const Json a = At(1, kReady), b = At(2, kReady), c = At(3, kReady);
  const std::vector<BackendConfig> backends = Backends({Slice({a, b, c})});
  EXPECT_EQ(Backends({Slice({c, a}), Slice({b})}), backends);
  EXPECT_EQ(Backends({Slice({b}), Slice({c, a})}), backends);
}

TEST_F(ServiceBackendsTest, KnowTheirNode) {
  const std::vector<BackendConfig> backends = Backends({Slice({At(1, kReady, "node-z")})});
  ASSERT_EQ(backends.size(), 1);
  EXPECT_EQ(backends[0].node, "node-z");
}

// --- Hints. ---

TEST_F(ServiceBackendsTest, OnlyThoseForOurZoneGetConnections) {
  zone_ = "zone-1";
  EXPECT_EQ(Letters({Slice({Hinted(At(1, kReady), {"zone-1"}), Hinted(At(2, kReady), {"zone-2"}),
                            Hinted(At(3, kReady), {"zone-2", "zone-1"}), At(4, kUnready)})}),
            "RTR");
}

TEST_F(ServiceBackendsTest, HintsDoNotCountIfOneReadyEndpointHasNone) {
  zone_ = "zone-1";
  EXPECT_EQ(Letters({Slice({Hinted(At(1, kReady), {"zone-1"}), Hinted(At(2, kReady), {"zone-2"})}),
                     Slice({At(3, kReady)})}),
            "RRR");
}

TEST_F(ServiceBackendsTest, HintsDoNotCountIfNoneIsForOurZoneOrWeHaveNone) {
  const Json slice = Slice({Hinted(At(1, kReady), {"zone-1"}), Hinted(At(2, kReady), {"zone-2"})});
  zone_ = "zone-3";
  EXPECT_EQ(Letters({slice}), "RR");
  zone_ = "";
  EXPECT_EQ(Letters({slice}), "RR");
}

TEST_F(ServiceBackendsTest, HintsOfDrainingOnesDoNotMatter) {
  zone_ = "zone-1";
  EXPECT_EQ(Letters({Slice({Hinted(At(1, kReady), {"zone-1"}), At(2, kDraining)})}), "RT");
  EXPECT_EQ(Letters({Slice({Hinted(At(1, kDraining), {"zone-2"})})}), "R");
}

// --- Policies. ---

TEST_F(ServiceBackendsTest, OneThatIsForItsNodeHasTheOthersAsTheyAre) {
  is_for_all_ = false;
  is_for_local_ = true;
  zone_ = "zone-1";
  EXPECT_EQ(Letters({Slice({Hinted(At(1, kReady), {"zone-1"}), Hinted(At(2, kReady), {"zone-2"}),
                            At(3, kDraining)})}),
            "RRT");
}

TEST_F(ServiceBackendsTest, OurDrainingOneGetsConnectionsIfNoneOfOursIsReady) {
  const Json slice = Slice({At(1, kReady), At(2, kDraining), At(3, kDraining, kNode)});
  EXPECT_EQ(Letters({slice}), "RTT");
  is_for_local_ = true;
  EXPECT_EQ(Letters({slice}), "RTR");
  EXPECT_EQ(Letters({slice, Slice({At(4, kReady, kNode)})}), "RTTR");
  is_for_all_ = false;
  EXPECT_EQ(Letters({Slice({At(1, kDraining), At(2, kDraining, kNode)})}), "TR");
}

TEST_F(ServiceBackendsTest, OursGetConnectionsWhateverTheirHints) {
  zone_ = "zone-1";
  is_for_local_ = true;
  EXPECT_EQ(Letters({Slice({Hinted(At(1, kReady), {"zone-1"}), Hinted(At(2, kReady), {"zone-2"}),
                            Hinted(At(3, kReady, kNode), {"zone-2"})})}),
            "RTR");
}

TEST_F(ServiceBackendsTest, OneThatDoesNotSayItsNodeIsOursByItsAddress) {
  is_for_local_ = true;
  const Json slice = Slice({At(1, kReady), At(2, kDraining, "")});
  EXPECT_EQ(Letters({slice}), "RT");
  own_ranges_ = {"10.244.1.0/24"_prefix};
  EXPECT_EQ(Letters({slice}), "RR");
  EXPECT_EQ(Letters({Slice({At(1, kReady), At(2, kDraining, "node-b")})}), "RT");
}

}  // namespace
}  // namespace podwarp::test
