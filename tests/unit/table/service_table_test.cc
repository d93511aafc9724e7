#include "podwarp/table/service_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace podwarp {
namespace {

using testing::HasSubstr;

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

Endpoint At(uint32_t address, uint16_t port = 80, uint8_t protocol = kTcp) {
  return {.address = Ipv4Address(address), .port = Be16(port), .protocol = protocol};
}
constexpr uint32_t kService = 0x0a600001;  // 10.96.0.1
constexpr uint32_t kPod = 0x0af40001;      // 10.244.0.1

class ServiceTableTest : public testing::Test {
 protected:
  // The pods `ready` and `terminating`, by number, on port 8080.
  absl::Status Set(const Endpoint& endpoint, const std::vector<uint32_t>& ready,
                   const std::vector<uint32_t>& terminating = {}) {
    ServiceTable::ServiceSpec spec;
    spec.name = "default/web:http";
    spec.endpoint = endpoint;
    for (uint32_t pod : ready) spec.backends.push_back({Ipv4Address(kPod + pod), Be16(8080)});
    for (uint32_t pod : terminating) {
      spec.backends.push_back({Ipv4Address(kPod + pod), Be16(8080), /*is_terminating=*/true});
    }
    return table_.Set(spec);
  }
  BackendId IdOf(const Endpoint& service, uint32_t pod) {
    for (const BackendChoice::Backend& backend : table_.Find(service)->all.ready) {
      if (backend.endpoint == At(kPod + pod, 8080)) return backend.id;
    }
    ADD_FAILURE() << "no pod " << pod;
    return {};
  }
  bool MayBeBackend(uint32_t pod) { return table_.MayBeBackend(At(kPod + pod, 8080)); }

  Rcu rcu_{1};
  ServiceTable table_{&rcu_};
};

TEST_F(ServiceTableTest, EmptyFindsNothing) {
  EXPECT_FALSE(table_.any());
  EXPECT_EQ(table_.Find(At(kService)), nullptr);
  EXPECT_EQ(table_.Find(Endpoint{}), nullptr);
  EXPECT_EQ(table_.StateOf(BackendId{}), BackendState::kGone);
  EXPECT_FALSE(MayBeBackend(0));
}

TEST_F(ServiceTableTest, AServiceIsFoundByAddressPortAndProtocol) {
  ASSERT_TRUE(Set(At(kService), {1}).ok());
  EXPECT_TRUE(table_.any());
  ASSERT_NE(table_.Find(At(kService)), nullptr);
  EXPECT_EQ(table_.Find(At(kService))->name, "default/web:http");
  EXPECT_EQ(table_.Find(At(kService + 1)), nullptr);
  EXPECT_EQ(table_.Find(At(kService, 81)), nullptr);
  EXPECT_EQ(table_.Find(At(kService, 80, kUdp)), nullptr);
  EXPECT_EQ(table_.Find(Endpoint{}), nullptr);
}

TEST_F(ServiceTableTest, PicksAmongTheReadyOnly) {
  ASSERT_TRUE(Set(At(kService), {1, 2}, {3}).ok());
  const Service& service = *table_.Find(At(kService));
  std::set<uint32_t> picked;
  for (uint64_t i = 0; i < 256; ++i) {
    const BackendChoice::Backend* backend = service.all.Pick(i << 56);
    EXPECT_EQ(table_.StateOf(backend->id), BackendState::kReady);
    EXPECT_EQ(backend->endpoint.port.host(), 8080);
    EXPECT_EQ(backend->endpoint.protocol, kTcp);
    picked.insert(backend->endpoint.address.value() - kPod);
  }
  EXPECT_EQ(picked, (std::set<uint32_t>{1, 2}));
  EXPECT_EQ(table_.backend_count(), 3u);
  EXPECT_TRUE(MayBeBackend(1) && MayBeBackend(2) && MayBeBackend(3));
}

TEST_F(ServiceTableTest, LocalBackendsAreTheReadyOnesHere) {
  ServiceTable::ServiceSpec spec;
  spec.name = "default/web:http";
  spec.endpoint = At(kService);
  for (uint32_t pod = 1; pod <= 4; ++pod) {
    ServiceTable::BackendSpec& backend = spec.backends.emplace_back();
    backend.address = Ipv4Address(kPod + pod);
    backend.port = Be16(8080);
    backend.is_local = pod <= 2;
    backend.is_terminating = pod == 2;
  }
  ASSERT_TRUE(table_.Set(spec).ok());
  EXPECT_TRUE(table_.Find(At(kService))->local.ready.empty()) << "nobody asks for them";
  spec.outside = BackendScope::kLocal;
  ASSERT_TRUE(table_.Set(spec).ok());
  const Service& service = *table_.Find(At(kService));
  EXPECT_EQ(service.ScopeFor(/*is_from_wire=*/false), BackendScope::kAll);
  EXPECT_EQ(service.Of(BackendScope::kAll).ready.size(), 3u);
  const BackendChoice& local = service.Of(service.ScopeFor(/*is_from_wire=*/true));
  ASSERT_EQ(local.ready.size(), 1u);
  for (uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(local.Pick(i << 56)->endpoint, At(kPod + 1, 8080));
  }
}

TEST_F(ServiceTableTest, WithNobodyReadyNothingIsPicked) {
  ASSERT_TRUE(Set(At(kService), {}, {3}).ok());
  EXPECT_EQ(table_.Find(At(kService))->all.Pick(0), nullptr);
  ASSERT_TRUE(Set(At(kService), {}).ok());
  EXPECT_EQ(table_.Find(At(kService))->all.Pick(UINT64_MAX), nullptr);
}

TEST_F(ServiceTableTest, ABackendKeepsItsIdentityWhileItsServiceHasIt) {
  ASSERT_TRUE(Set(At(kService), {1, 2}).ok());
  const BackendId one = IdOf(At(kService), 1);
  const BackendId two = IdOf(At(kService), 2);
  EXPECT_NE(one, two);
  EXPECT_NE(one.generation, 0u);

  ASSERT_TRUE(Set(At(kService), {3, 2}, {1}).ok());
  EXPECT_EQ(table_.StateOf(one), BackendState::kTerminating);
  EXPECT_EQ(IdOf(At(kService), 2), two);
  ASSERT_TRUE(Set(At(kService), {1, 2, 3}).ok());
  EXPECT_EQ(IdOf(At(kService), 1), one);
  EXPECT_EQ(table_.StateOf(one), BackendState::kReady);

  ASSERT_TRUE(Set(At(kService), {2}).ok());
  EXPECT_EQ(table_.StateOf(one), BackendState::kGone);
  EXPECT_EQ(table_.StateOf(two), BackendState::kReady);
  EXPECT_FALSE(MayBeBackend(1));
  EXPECT_TRUE(MayBeBackend(2));
}

TEST_F(ServiceTableTest, ABackendThatComesBackIsAnother) {
  ASSERT_TRUE(Set(At(kService), {1}).ok());
  const BackendId before = IdOf(At(kService), 1);
  ASSERT_TRUE(Set(At(kService), {}).ok());
  ASSERT_TRUE(Set(At(kService), {1}).ok());
  const BackendId after = IdOf(At(kService), 1);
  EXPECT_EQ(after.number, before.number) << "numbers are used again";
  EXPECT_NE(after.generation, before.generation);
  EXPECT_EQ(table_.StateOf(before), BackendState::kGone);
  EXPECT_EQ(table_.StateOf(after), BackendState::kReady);
}

TEST_F(ServiceTableTest, ThePodBehindTwoServicesIsTwoBackends) {
  ASSERT_TRUE(Set(At(kService), {1}).ok());
  ASSERT_TRUE(Set(At(kService, 443), {1}).ok());
  const BackendId http = IdOf(At(kService), 1);
  const BackendId https = IdOf(At(kService, 443), 1);
  EXPECT_NE(http, https);
  ASSERT_TRUE(table_.Remove(At(kService)).ok());
  EXPECT_EQ(table_.StateOf(http), BackendState::kGone);
  EXPECT_EQ(table_.StateOf(https), BackendState::kReady);
  EXPECT_TRUE(MayBeBackend(1));
  ASSERT_TRUE(table_.Remove(At(kService, 443)).ok());
  EXPECT_FALSE(MayBeBackend(1));
  EXPECT_FALSE(table_.any());
  EXPECT_EQ(table_.backend_count(), 0u);
}

TEST_F(ServiceTableTest, RemovingWhatIsNotThereNamesIt) {
  const absl::Status status = table_.Remove(At(kService));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("10.96.0.1:80, protocol 6"));
}

TEST_F(ServiceTableTest, ABackendTwiceIsRefusedAndNothingChanges) {
  ASSERT_TRUE(Set(At(kService), {1}).ok());
  const BackendId one = IdOf(At(kService), 1);
  const absl::Status status = Set(At(kService), {2, 3}, {2});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("default/web:http: backend 10.244.0.3:8080"));
  EXPECT_EQ(IdOf(At(kService), 1), one);
  EXPECT_EQ(table_.backend_count(), 1u);
  EXPECT_FALSE(MayBeBackend(2));
}

TEST_F(ServiceTableTest, TooManyBackendsAreRefusedAndNothingChanges) {
  std::vector<uint32_t> pods;
  for (uint32_t pod = 0; pod <= MaglevRing::kMaxBackends; ++pod) pods.push_back(pod);
  const absl::Status status = Set(At(kService), pods);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("default/web:http: 65537 backends"));
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_EQ(table_.backend_count(), 0u);
  EXPECT_EQ(table_.Find(At(kService)), nullptr);
}

TEST_F(ServiceTableTest, WithoutRoomForBackendsAServiceIsRefused) {
  std::vector<uint32_t> pods;  // terminating ones need no ring
  for (uint32_t pod = 0; pod < MaglevRing::kMaxBackends; ++pod) pods.push_back(pod);
  for (uint16_t i = 0; i < 16; ++i) ASSERT_TRUE(Set(At(kService, i), {}, pods).ok()) << i;
  ASSERT_EQ(table_.backend_count(), ServiceTable::kMaxBackends);
  const absl::Status status = Set(At(kService, 16), {1});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("default/web:http: no room"));
  EXPECT_EQ(table_.Find(At(kService, 16)), nullptr);
  EXPECT_TRUE(Set(At(kService, 15), {1}, {2}).ok()) << "both were there already";
  EXPECT_TRUE(Set(At(kService, 16), {1}).ok()) << "there is room again";
}

// Services come and go in such numbers that the index grows, is full of marks and is rebuilt.
TEST_F(ServiceTableTest, FindsWhatIsThereAndNothingElse) {
  constexpr uint32_t kServices = 10'000;
  const auto at = [](uint32_t i) {
    return At(kService + i / 4, static_cast<uint16_t>(80 + i % 2), i % 4 < 2 ? kTcp : kUdp);
  };
  for (uint32_t i = 0; i < kServices; ++i) {
    ASSERT_TRUE(Set(at(i), {i}).ok());
    if (i >= 100 && i % 3 != 0) {
      ASSERT_TRUE(table_.Remove(at(i - 100)).ok()) << i;
    }
    rcu_.Poll();
  }
  uint32_t found = 0;
  for (uint32_t i = 0; i < kServices; ++i) {
    const bool is_there = i >= kServices - 100 || (i + 100) % 3 == 0;
    const Service* service = table_.Find(at(i));
    ASSERT_EQ(service != nullptr, is_there) << i;
    if (!is_there) continue;
    ++found;
    ASSERT_EQ(service->endpoint, at(i));
    ASSERT_EQ(service->all.Pick(0)->endpoint, At(kPod + i, 8080, at(i).protocol));
  }
  EXPECT_EQ(table_.size(), found);
  EXPECT_EQ(table_.backend_count(), found);
}

TEST_F(ServiceTableTest, AServiceThatWasFoundStaysUntilTheReaderIsQuiescent) {
  rcu_.Register(0);
  rcu_.Online(0);
  ASSERT_TRUE(Set(At(kService), {1}).ok());
  const Service* service = table_.Find(At(kService));
  ASSERT_TRUE(Set(At(kService), {2}).ok());
  ASSERT_TRUE(table_.Remove(At(kService)).ok());
  rcu_.Poll();
  EXPECT_EQ(rcu_.pending(), 2u);
  EXPECT_EQ(service->all.Pick(0)->endpoint, At(kPod + 1, 8080));
  rcu_.Quiescent(0);
  rcu_.Poll();
  EXPECT_EQ(rcu_.pending(), 0u);
  rcu_.Offline(0);
  rcu_.Unregister(0);
}

}  // namespace
}  // namespace podwarp
