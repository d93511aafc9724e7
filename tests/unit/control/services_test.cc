#include "control/services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "podwarp/net/headers.h"
#include "support/literals.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;

constexpr uint64_t kTscHz = 2'000'000'000;

const Ipv4Address kWebAddress = "10.96.0.10"_ip;
const Ipv4Address kOtherAddress = "10.96.0.11"_ip;

BackendConfig Backend(Ipv4Address address, BackendPhase phase = BackendPhase::kReady) {
  BackendConfig backend;
  backend.address = address;
  backend.port = 8080;
  backend.phase = phase;
  return backend;
}
const Ipv4Address kNodeAddress = "192.168.50.1"_ip, kHostAddress = "10.244.1.1"_ip;
const Ipv4Address kExternal = "203.0.113.10"_ip;
const Ipv4Address kPod1 = "10.244.1.10"_ip;
const Ipv4Address kPod2 = "10.244.2.10"_ip;
const Ipv4Address kPod3 = "10.244.3.10"_ip;

ServicePortConfig Port(const std::string& name, uint16_t number,
                       std::vector<BackendConfig> backends, uint8_t protocol = kIpProtocolTcp) {
  ServicePortConfig port;
  port.name = name;
  port.protocol = protocol;
  port.port = number;
  port.backends = std::move(backends);
  return port;
}

ServiceConfig Web() {
  ServiceConfig service;
  service.name = "web";
  service.address = kWebAddress;
  service.ports = {Port("http", 80, {Backend(kPod1), Backend(kPod2)}),
                   Port("", 53, {Backend(kPod1)}, kIpProtocolUdp)};
  return service;
}

Endpoint At(Ipv4Address address, uint16_t port, uint8_t protocol = kIpProtocolTcp) {
  return {.address = address, .port = Be16(port), .protocol = protocol};
}

class ServicesTest : public testing::Test {
 protected:
  ServicesTest() {
    EXPECT_TRUE(owners_.Add("ranges", {.kind = NextHopKind::kUnowned}).ok());
    EXPECT_TRUE(owners_.Claim("ranges", "10.96.0.0/16"_prefix, 1).ok());
    EXPECT_TRUE(services_.Start().ok());
  }

  absl::Status Apply(const ServiceConfig* before, const ServiceConfig* after) {
    return services_.Apply(before, after, ++generation_, now_);
  }
  void Come(const ServiceConfig& service) { ASSERT_TRUE(Apply(nullptr, &service).ok()); }
  void Change(const ServiceConfig& before, const ServiceConfig& after) {
    ASSERT_TRUE(Apply(&before, &after).ok());
  }
  const Service* Find(Ipv4Address address, uint16_t port, uint8_t protocol = kIpProtocolTcp) {
    return tables_.services.Find(At(address, port, protocol));
  }
  // Time passes, and what lingered is gone.
  void EndLingering() {
    now_ += Services::kLinger;
    services_.Tick(generation_, now_);
  }
  BackendId IdOf(const Service& service, Ipv4Address pod) {
    for (const BackendChoice::Backend& backend : service.all.ready) {
      if (backend.endpoint.address == pod) return backend.id;
    }
    ADD_FAILURE() << "no backend " << pod.ToString();
    return {};
  }

  Tables tables_{/*workers=*/1, /*adjacency_capacity=*/16};
  AddressOwners owners_{&tables_};
  Services services_{{.tsc_hz = kTscHz,
                      .node_name = "node-a",
                      .pod_ranges = {"10.244.1.0/24"_prefix},
                      .addresses = {kNodeAddress, kHostAddress}},
                     &tables_,
                     &owners_};
  uint64_t generation_ = 1;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
};

TEST_F(ServicesTest, AServiceIsFoundAtEachOfItsPorts) {
  Come(Web());
  ASSERT_NE(Find(kWebAddress, 80), nullptr);
  EXPECT_EQ(Find(kWebAddress, 80)->name, "default/web:http");
  EXPECT_EQ(Find(kWebAddress, 80)->all.ready.size(), 2u);
  EXPECT_EQ(Find(kWebAddress, 80)->all.ready.front().endpoint, At(kPod1, 8080));
  EXPECT_EQ(Find(kWebAddress, 80)->affinity_ticks, 0u);
  ASSERT_NE(Find(kWebAddress, 53, kIpProtocolUdp), nullptr);
  EXPECT_EQ(Find(kWebAddress, 53, kIpProtocolUdp)->name, "default/web:53/udp");
  EXPECT_EQ(tables_.services.size(), 2u);

  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "services");
  EXPECT_EQ(owners_.OwnerOf(kOtherAddress), "ranges");
  EXPECT_EQ(tables_.routes.Lookup(kWebAddress), services_.adjacency());
  EXPECT_EQ(tables_.adjacencies[services_.adjacency()].kind, NextHopKind::kService);
  EXPECT_EQ(services_.all().at("default/web"), Web());
}

TEST_F(ServicesTest, BackendsOfAChangedServiceKeepTheirIdentity) {
  Come(Web());
  const BackendId one = IdOf(*Find(kWebAddress, 80), kPod1);
  const BackendId two = IdOf(*Find(kWebAddress, 80), kPod2);
  ServiceConfig changed = Web();
  changed.ports[0].backends = {Backend(kPod3), Backend(kPod2, BackendPhase::kTerminating)};
  Change(Web(), changed);
  EXPECT_EQ(tables_.services.StateOf(one), BackendState::kGone);
  EXPECT_EQ(tables_.services.StateOf(two), BackendState::kTerminating);
  EXPECT_EQ(Find(kWebAddress, 80)->all.Pick(0)->endpoint, At(kPod3, 8080));
  Change(changed, Web());
  EXPECT_EQ(IdOf(*Find(kWebAddress, 80), kPod2), two);
  EXPECT_EQ(tables_.services.StateOf(two), BackendState::kReady);
}

TEST_F(ServicesTest, PortsComeAndGo) {
  Come(Web());
  const BackendId dns = IdOf(*Find(kWebAddress, 53, kIpProtocolUdp), kPod1);
  ServiceConfig changed = Web();
  changed.ports[0] = Port("https", 443, {Backend(kPod1)});
  Change(Web(), changed);
  EndLingering();
  EXPECT_EQ(Find(kWebAddress, 80), nullptr);
  ASSERT_NE(Find(kWebAddress, 443), nullptr);
  EXPECT_EQ(Find(kWebAddress, 443)->name, "default/web:https");
  EXPECT_EQ(IdOf(*Find(kWebAddress, 53, kIpProtocolUdp), kPod1), dns);
  EXPECT_EQ(tables_.services.size(), 2u);
}

TEST_F(ServicesTest, AServiceThatGoesLeavesNothing) {
  Come(Web());
  const ServiceConfig web = Web();
  ASSERT_TRUE(Apply(&web, nullptr).ok());
  EndLingering();
  EXPECT_FALSE(tables_.services.any());
  EXPECT_EQ(tables_.services.backend_count(), 0u);
  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "ranges");
  EXPECT_TRUE(services_.all().empty());
  Come(Web());
  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "services");
}

TEST_F(ServicesTest, AServiceMovesToAnotherAddress) {
  Come(Web());
  ServiceConfig moved = Web();
  moved.address = kOtherAddress;
  Change(Web(), moved);
  EndLingering();
  EXPECT_EQ(Find(kWebAddress, 80), nullptr);
  EXPECT_NE(Find(kOtherAddress, 80), nullptr);
  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "ranges");
  EXPECT_EQ(owners_.OwnerOf(kOtherAddress), "services");
  EXPECT_EQ(tables_.services.size(), 2u);
}

TEST_F(ServicesTest, AffinityIsCountedInTicks) {
  ServiceConfig service = Web();
  service.session_affinity = absl::Hours(3);
  Come(service);
  const double seconds = static_cast<double>(uint64_t{1} << kTickShift) / kTscHz *
                         Find(kWebAddress, 80)->affinity_ticks;
  EXPECT_GE(seconds, 10'800);
  EXPECT_LT(seconds, 10'801);
}

// --- What goes lingers. ---

TEST_F(ServicesTest, AServiceThatGoesRefusesForAMinute) {
  Come(Web());
  const ServiceConfig web = Web();
  ASSERT_TRUE(Apply(&web, nullptr).ok());
  now_ += Services::kLinger - absl::Seconds(1);
  services_.Tick(generation_, now_);
  EXPECT_TRUE(tables_.services.any());
  ASSERT_NE(Find(kWebAddress, 80), nullptr);
  EXPECT_TRUE(Find(kWebAddress, 80)->all.ready.empty());
  EXPECT_EQ(tables_.services.backend_count(), 0u);
  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "services");
  EXPECT_TRUE(services_.all().empty());
}

TEST_F(ServicesTest, WhatComesAgainDoesNotLinger) {
  Come(Web());
  const ServiceConfig web = Web();
  ASSERT_TRUE(Apply(&web, nullptr).ok());
  Come(web);
  EndLingering();
  EXPECT_EQ(Find(kWebAddress, 80)->all.ready.size(), 2u);
  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "services");
}

TEST_F(ServicesTest, AnAddressThatLingersIsFree) {
  Come(Web());
  const ServiceConfig web = Web();
  ASSERT_TRUE(Apply(&web, nullptr).ok());
  ServiceConfig other = Web();
  other.name = "other";
  other.ports = {Port("http", 80, {Backend(kPod3)})};
  Come(other);
  EndLingering();
  EXPECT_EQ(Find(kWebAddress, 80)->name, "default/other:http");
  EXPECT_EQ(Find(kWebAddress, 53, kIpProtocolUdp), nullptr);
  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "services");

  ASSERT_TRUE(Apply(&other, nullptr).ok());
  ASSERT_TRUE(owners_.Add("pod", {.kind = NextHopKind::kUnowned}).ok());
  ASSERT_TRUE(owners_.Claim("pod", Ipv4Prefix::Host(kWebAddress), ++generation_).ok());
  EndLingering();
  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "pod");
}

// --- Callers on the wire. ---

ServiceConfig Exposed() {
  ServiceConfig service = Web();
  service.external_addresses = {kExternal};
  service.source_ranges = {"198.51.100.0/24"_prefix};
  service.ports[0].node_port = 30080;
  return service;
}

TEST_F(ServicesTest, AServiceIsFoundAtExternalAddressesAndNodePorts) {
  Come(Exposed());
  EXPECT_EQ(Find(kWebAddress, 80)->outside, BackendScope::kNone);
  ASSERT_NE(Find(kExternal, 80), nullptr);
  EXPECT_EQ(Find(kExternal, 80)->outside, BackendScope::kAll);
  EXPECT_EQ(Find(kExternal, 80)->source_ranges, Exposed().source_ranges);
  EXPECT_NE(Find(kExternal, 53, kIpProtocolUdp), nullptr);
  for (const Ipv4Address own : {kNodeAddress, kHostAddress}) {
    ASSERT_NE(Find(own, 30080), nullptr);
    EXPECT_EQ(Find(own, 30080)->outside, BackendScope::kAll);
    EXPECT_TRUE(Find(own, 30080)->source_ranges.empty());
    EXPECT_EQ(Find(own, 80), nullptr);
  }
  EXPECT_EQ(owners_.OwnerOf(kExternal), "external services");
  EXPECT_EQ(tables_.routes.Lookup(kExternal), services_.external_adjacency());
  EXPECT_EQ(owners_.OwnerOf(kNodeAddress), "") << "not services' to route";
}

TEST_F(ServicesTest, PoliciesSayWhoseBackends) {
  ServiceConfig service = Exposed();
  service.internal_traffic = TrafficPolicy::kLocal;
  Come(service);
  EXPECT_EQ(Find(kWebAddress, 80)->inside, BackendScope::kLocal);
  EXPECT_EQ(Find(kExternal, 80)->inside, BackendScope::kAll);
  EXPECT_EQ(Find(kExternal, 80)->outside, BackendScope::kAll);
  ServiceConfig changed = Exposed();
  changed.external_traffic = TrafficPolicy::kLocal;
  changed.ports[0].backends = {Backend(kPod1), Backend(kPod2), Backend(kPod3),
                               Backend(kNodeAddress)};
  changed.ports[0].backends[0].node = "node-b";  // whatever its address says
  changed.ports[0].backends[1].node = "node-a";
  Change(service, changed);
  EXPECT_EQ(Find(kWebAddress, 80)->inside, BackendScope::kAll);
  for (const Endpoint& at : {At(kExternal, 80), At(kNodeAddress, 30080)}) {
    const Service* found = tables_.services.Find(at);
    EXPECT_EQ(found->inside, BackendScope::kAll);
    ASSERT_EQ(found->outside, BackendScope::kLocal);
    ASSERT_EQ(found->local.ready.size(), 2u);
    EXPECT_EQ(found->local.ready[0].endpoint.address, kPod2);
    EXPECT_EQ(found->local.ready[1].endpoint.address, kNodeAddress);
  }
}

TEST_F(ServicesTest, ANodePortMayChangeWithoutTheOthers) {
  Come(Exposed());
  const BackendId one = IdOf(*Find(kWebAddress, 80), kPod1);
  ServiceConfig changed = Exposed();
  changed.ports[0].node_port = 30081;
  changed.external_addresses.clear();
  Change(Exposed(), changed);
  EXPECT_EQ(Find(kNodeAddress, 30080), nullptr) << "the kernel refuses there";
  EXPECT_NE(Find(kNodeAddress, 30081), nullptr);
  EXPECT_EQ(IdOf(*Find(kWebAddress, 80), kPod1), one);
  EXPECT_TRUE(Find(kExternal, 80)->all.ready.empty()) << "lingers";
  EXPECT_EQ(owners_.OwnerOf(kExternal), "former services") << "but is anybody's on the wire";
  EXPECT_EQ(tables_.adjacencies[services_.former_adjacency()].kind, NextHopKind::kService);
  EndLingering();
  EXPECT_EQ(Find(kExternal, 80), nullptr);
  EXPECT_EQ(owners_.OwnerOf(kExternal), "");
}

TEST_F(ServicesTest, WhatAnotherHasIsRefused) {
  Come(Exposed());
  ServiceConfig other = Exposed();
  other.name = "other";
  other.address = kOtherAddress;
  EXPECT_THAT(std::string(Apply(nullptr, &other).message()),
              HasSubstr("service default/other: another service has 203.0.113.10: default/web"));
  other.external_addresses.clear();
  EXPECT_THAT(std::string(Apply(nullptr, &other).message()), HasSubstr(":30080/tcp: default/web"));
  EXPECT_EQ(Find(kOtherAddress, 80), nullptr);
  EXPECT_EQ(owners_.OwnerOf(kOtherAddress), "ranges");
  other.ports[0].protocol = kIpProtocolSctp;
  Come(other);
}

// --- Errors change nothing. ---

TEST_F(ServicesTest, WhatIsThereDoesNotComeAgainAndWhatIsNotDoesNotChange) {
  const ServiceConfig web = Web();
  EXPECT_EQ(Apply(&web, &web), absl::FailedPreconditionError("service default/web is not there"));
  EXPECT_EQ(Apply(&web, nullptr),
            absl::FailedPreconditionError("service default/web is not there"));
  EXPECT_EQ(tables_.services.size(), 0u);
  Come(web);
  EXPECT_EQ(Apply(nullptr, &web),
            absl::FailedPreconditionError("service default/web is there already"));
}

TEST_F(ServicesTest, TheAddressOfAnotherServiceIsRefused) {
  Come(Web());
  ServiceConfig other = Web();
  other.name = "other";
  other.ports = {Port("https", 443, {Backend(kPod3)})};
  const auto refused = absl::FailedPreconditionError(
      "service default/other: another service has 10.96.0.10: default/web");
  EXPECT_EQ(Apply(nullptr, &other), refused);
  EXPECT_EQ(Find(kWebAddress, 443), nullptr);
  EXPECT_EQ(services_.all().size(), 1u);

  ServiceConfig elsewhere = other;
  elsewhere.address = kOtherAddress;
  Come(elsewhere);
  EXPECT_EQ(Apply(&elsewhere, &other), refused);
  EXPECT_NE(Find(kOtherAddress, 443), nullptr);
  EXPECT_EQ(services_.all().at("default/other"), elsewhere);
  EXPECT_EQ(tables_.services.size(), 3u);
}

TEST_F(ServicesTest, WithoutRoomForOnePortNoneIsChanged) {
  Come(Web());
  const BackendId one = IdOf(*Find(kWebAddress, 80), kPod1);
  ServiceConfig changed = Web();
  changed.ports[0].backends = {Backend(kPod3)};
  ServicePortConfig big = Port("big", 90, {});
  for (uint32_t i = 0; i <= MaglevRing::kMaxBackends; ++i) {
    big.backends.push_back(Backend(Ipv4Address(0x0a000000 + i)));
  }
  changed.ports.push_back(big);
  const ServiceConfig web = Web();
  const absl::Status status = Apply(&web, &changed);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("default/web:big"));
  EXPECT_EQ(IdOf(*Find(kWebAddress, 80), kPod1), one);
  EXPECT_EQ(Find(kWebAddress, 90), nullptr);
  EXPECT_EQ(services_.all().at("default/web"), web);
}

TEST_F(ServicesTest, WithoutRoomForItsRouteAServiceLeavesNothing) {
  // What claims it has a later generation: as good an error as any of the routing table.
  ASSERT_TRUE(owners_.Claim("ranges", Ipv4Prefix::Host(kWebAddress), 100).ok());
  const ServiceConfig web = Web();
  const absl::Status status = Apply(nullptr, &web);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("service default/web: 10.96.0.10/32"));
  EXPECT_EQ(tables_.services.size(), 0u);
  EXPECT_TRUE(services_.all().empty());
  EXPECT_EQ(owners_.OwnerOf(kWebAddress), "ranges");
}

}  // namespace
}  // namespace podwarp::test
