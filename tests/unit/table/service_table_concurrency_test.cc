// Readers find services while the writer sets and removes them, and must never see a wrong one.
//
// How a wrong one is known: a service's backends have its own port, so that what is found by an
// endpoint must have that endpoint and backends with that port. Some services are permanent, and
// so are their first backends: they must be found, be ready, be let through by the filter and keep
// their identity whatever comes and goes around them.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "podwarp/table/service_table.h"

namespace podwarp {
namespace {

constexpr uint32_t kReaders = 3;
constexpr uint32_t kChanges = 20'000;
constexpr uint32_t kPermanent = 4;  // services, the first ones
constexpr uint32_t kServices = 64;
constexpr uint32_t kPods = 4096;  // more than the filter has room for at first

Endpoint ServiceAt(uint32_t i) {
  return {.address = Ipv4Address(0x0a600000 + i),
          .port = Be16(static_cast<uint16_t>(1000 + i)),
          .protocol = 6};
}
Endpoint PodOf(uint32_t service, uint32_t pod) {
  return {.address = Ipv4Address(0x0af40000 + pod), .port = ServiceAt(service).port, .protocol = 6};
}
ServiceTable::BackendSpec Backend(uint32_t service, uint32_t pod, bool is_terminating) {
  const Endpoint endpoint = PodOf(service, pod);
  return {endpoint.address, endpoint.port, is_terminating};
}

TEST(ServiceTableConcurrency, AReaderNeverSeesAWrongService) {
  Rcu rcu(kReaders);
  ServiceTable table(&rcu);
  std::mt19937 random(3);
  const auto set = [&](uint32_t i) {
    ServiceTable::ServiceSpec spec;
    spec.name = "service";
    spec.endpoint = ServiceAt(i);
    if (i < kPermanent) spec.backends.push_back(Backend(i, 0, false));
    const auto first = static_cast<uint32_t>(1 + random() % (kPods - 4));
    for (uint32_t pod = first; pod < first + random() % 4; ++pod) {
      spec.backends.push_back(Backend(i, pod, random() % 4 == 0));
    }
    ASSERT_TRUE(table.Set(spec).ok());
  };
  for (uint32_t i = 0; i < kPermanent; ++i) set(i);
  std::vector<BackendId> permanent;
  for (uint32_t i = 0; i < kPermanent; ++i) {
    permanent.push_back(table.Find(ServiceAt(i))->all.ready.front().id);
  }

  std::atomic<uint64_t> wrong = 0;
  std::atomic<uint64_t> found_others = 0;
  std::atomic<uint64_t> gone = 0;
  std::atomic<uint32_t> running = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (uint32_t reader = 0; reader < kReaders; ++reader) {
    rcu.Register(reader);
    readers.emplace_back([&, reader] {
      std::mt19937_64 hash(reader);
      BackendId last;
      rcu.Online(reader);
      for (bool first = true; !stop.load(std::memory_order_relaxed); first = false) {
        for (uint32_t i = 0; i < kServices; ++i) {
          const Service* service = table.Find(ServiceAt(i));
          if (service == nullptr) {
            wrong += i < kPermanent;
            continue;
          }
          found_others += i >= kPermanent;
          wrong += service->endpoint != ServiceAt(i);
          const BackendChoice::Backend* backend = service->all.Pick(hash());
          if (backend != nullptr) {
            wrong += backend->endpoint.port != ServiceAt(i).port;
            gone += table.StateOf(last) == BackendState::kGone;
            last = backend->id;
          }
          if (i >= kPermanent) continue;
          wrong += !table.any();
          wrong += service->all.ready.front().id != permanent[i];
          wrong += table.StateOf(permanent[i]) != BackendState::kReady;
          wrong += !table.MayBeBackend(PodOf(i, 0));
        }
        rcu.Quiescent(reader);
        if (first) ++running;
      }
      rcu.Offline(reader);
    });
  }
  while (running < kReaders) std::this_thread::yield();

  for (uint32_t change = 0; change < kChanges; ++change) {
    const auto i = static_cast<uint32_t>(random() % kServices);
    if (i >= kPermanent && random() % 2 == 0) {
      table.Remove(ServiceAt(i)).IgnoreError();  // half of them aren't there
    } else {
      set(i);
    }
    // Once, in the middle: so many backends that the filter has to grow.
    if (change == kChanges / 2) {
      ServiceTable::ServiceSpec big;
      big.endpoint = ServiceAt(kServices);
      for (uint32_t pod = 0; pod < kPods; ++pod) {
        big.backends.push_back(Backend(kServices, pod, true));
      }
      ASSERT_TRUE(table.Set(big).ok());
    }
    rcu.Poll();
    if (rcu.pending() > 1000) rcu.Synchronize();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  for (uint32_t reader = 0; reader < kReaders; ++reader) rcu.Unregister(reader);

  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(found_others, 0u);
  EXPECT_GT(gone, 0u);
}

}  // namespace
}  // namespace podwarp
