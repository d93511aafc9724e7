// Workers add, find and remove connections at once, while the control thread expires them.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "podwarp/table/connection_table.h"
#include "podwarp/table/rcu.h"
#include "support/chance.h"
#include "unit/table/connection_fixture.h"

namespace podwarp::test {
namespace {

constexpr uint32_t kWorkers = 4;
constexpr uint32_t kBurst = 64;

class ConnectionTableConcurrency : public testing::Test {
 protected:
  // Runs `work` in each worker, as a reader, and meanwhile `control` here, again and again. The
  // workers all begin before any of them is done.
  void Run(const std::function<void(uint32_t worker)>& work, const std::function<void()>& control) {
    std::atomic<uint32_t> ready = 0;
    std::atomic<uint32_t> running = kWorkers;
    std::vector<std::thread> threads;
    for (uint32_t worker = 0; worker < kWorkers; ++worker) {
      rcu_.Register(worker);
      threads.emplace_back([&, worker] {
        rcu_.Online(worker);
        ++ready;
        while (ready < kWorkers) std::this_thread::yield();
        work(worker);
        rcu_.Offline(worker);
        --running;
      });
    }
    while (running > 0) control();
    for (std::thread& thread : threads) thread.join();
    for (uint32_t worker = 0; worker < kWorkers; ++worker) rcu_.Unregister(worker);
  }

  Rcu rcu_{kWorkers};
};

bool IsOf(const ConnectionTable::Found& found, const FlowKey& key) {
  return found.direction == Direction::kOriginal ? found.connection->original == key
                                                 : found.connection->translated.Reversed() == key;
}

// Two begin at the same moment, again and again: first both add the same connection, then both
// remove it.
TEST_F(ConnectionTableConcurrency, OfTwoAtTheSameMomentOneIsFirst) {
  constexpr uint32_t kRounds = 60'000;
  ConnectionTable table(&rcu_, 65'536, kWorkers);  // nothing has to be given back meanwhile
  std::atomic<uint32_t> arrived = 0;
  Run(
      [&](uint32_t worker) {
        if (worker >= 2) return;
        Chance chance(worker);
        uint32_t meetings = 0;
        const auto meet = [&] {
          ++arrived;
          meetings += 2;
          // Awake, so that both go on at once; but with one core for both, one has to let go.
          for (uint32_t spins = 1; arrived < meetings; ++spins) {
            if (spins % 1024 == 0) std::this_thread::yield();
          }
          // Who comes last is off at once, and the other some 100 ns later, when it sees that: a
          // head start that is longer than what they race for, unless chance evens it out.
          for (uint32_t wait = chance.Below(600); wait > 0; --wait) (void)arrived.load();
        };
        for (uint32_t round = 0; round < kRounds; ++round) {
          meet();
          const ConnectionTable::Added added = table.Add(worker, Flow(round), kNow);
          meet();
          if (added.connection != nullptr) table.Remove(added.connection);
        }
      },
      [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
  EXPECT_EQ(table.statistics().added, kRounds);
  EXPECT_EQ(table.statistics().removed, kRounds);
}

// Every worker adds the same connections, some with the same backend as the others, some with its
// own, and then removes what it finds. The order is its own.
TEST_F(ConnectionTableConcurrency, EachIsAddedOnceAndRemovedOnce) {
  constexpr uint32_t kFlows = 2000;
  constexpr uint32_t kRounds = 10;
  ConnectionTable table(&rcu_, 16'384, kWorkers);
  for (uint32_t round = 0; round < kRounds; ++round) {
    std::vector<std::atomic<uint32_t>> added(kFlows);
    std::atomic<uint32_t> wrong = 0;
    const auto flow_of = [](uint32_t i, uint32_t worker) {
      return Flow(i, kIpProtocolTcp, i % 2 == 0 ? 1 : 2 + worker);
    };
    const auto shuffled = [](uint32_t seed) {
      std::vector<uint32_t> order(kFlows);
      for (uint32_t i = 0; i < kFlows; ++i) order[i] = i;
      // Nearly the same order for all, so that they meet.
      Chance chance(seed);
      for (uint32_t i = 0; i + 8 < kFlows; ++i) std::swap(order[i], order[i + chance.Below(8)]);
      return order;
    };
    Run(
        [&](uint32_t worker) {
          for (const uint32_t i : shuffled(round * kWorkers + worker)) {
            const NewConnection wanted = flow_of(i, worker);
            const ConnectionTable::Added result = table.Add(worker, wanted, kNow);
            if (result.result == AddResult::kAdded) {
              ++added[i];
            } else if (result.result != AddResult::kExists ||
                       result.connection->original != wanted.original) {
              ++wrong;
            }
            rcu_.Quiescent(worker);
          }
        },
        [] { std::this_thread::yield(); });
    EXPECT_EQ(wrong, 0u);
    for (uint32_t i = 0; i < kFlows; ++i) {
      ASSERT_EQ(added[i], 1u) << i;
      const Connection* connection = table.Lookup(flow_of(i, 0).original).connection;
      ASSERT_NE(connection, nullptr) << i;
      for (uint32_t worker = 0; worker < kWorkers; ++worker) {
        const FlowKey reply = flow_of(i, worker).translated.Reversed();
        EXPECT_EQ(table.Lookup(reply).connection,
                  connection->translated.Reversed() == reply ? connection : nullptr)
            << i << " by " << worker;
      }
    }
    ASSERT_EQ(table.statistics().added, (round + 1) * kFlows);

    Run(
        [&](uint32_t worker) {
          for (const uint32_t i : shuffled(round * kWorkers + worker + 1000)) {
            const ConnectionTable::Found found = table.Lookup(flow_of(i, 0).original);
            if (found.connection != nullptr) table.Remove(found.connection);
            rcu_.Quiescent(worker);
          }
        },
        [] { std::this_thread::yield(); });
    EXPECT_EQ(table.statistics().removed, (round + 1) * kFlows);
    EXPECT_GT(table.statistics().in_use, 0u);
    table.Expire(kNow, kNever, AlwaysReady);
    rcu_.Synchronize();
    EXPECT_EQ(table.statistics().in_use, 0u);
  }
  // Every number is there once.
  std::set<const Connection*> all;
  while (true) {
    const auto i = static_cast<uint32_t>(all.size());
    const ConnectionTable::Added result = table.Add(i % kWorkers, Flow(i), kNow);
    if (result.result != AddResult::kAdded) break;
    ASSERT_TRUE(all.insert(result.connection).second);
  }
  EXPECT_GE(all.size(), table.capacity() - kWorkers * 64);  // what others have at hand
}

// Some connections are there throughout, others come and go, by workers, by time and by pressure,
// in a table so small that slots and numbers change hands all the time.
TEST_F(ConnectionTableConcurrency, ALookupIsNeverWrong) {
  constexpr uint32_t kPermanent = 32;
  constexpr uint32_t kChanging = 512;  // twice as many as there is room for
  constexpr uint32_t kRounds = 20'000;
  ConnectionTable table(&rcu_, 256, kWorkers);
  for (uint32_t i = 0; i < kPermanent; ++i) {
    // In use for a long time to come: never the one that gives way.
    const ConnectionTable::Added added = table.Add(0, Flow(i), kNow + 1'000'000);
    ASSERT_EQ(added.result, AddResult::kAdded);
    added.connection->state = ConnectionState::kEstablished;
  }

  std::atomic<uint64_t> missed = 0;
  std::atomic<uint64_t> wrong = 0;
  std::atomic<uint64_t> found_changing = 0;
  std::atomic<uint32_t> now = kNow;
  const auto control = [&] {
    ConnectionTimeouts timeouts = kNever;
    timeouts.tcp_new = 3;
    table.Expire(++now, timeouts, AlwaysReady);
    rcu_.Poll();
  };
  Run(
      [&](uint32_t worker) {
        Chance chance(worker);
        FlowKey keys[kBurst];
        ConnectionTable::Found found[kBurst];
        for (uint32_t round = 0; round < kRounds; ++round) {
          for (uint32_t i = 0; i < kBurst; ++i) {
            const NewConnection flow =
                Flow(i < kPermanent ? i : kPermanent + chance.Below(kChanging));
            keys[i] = chance.OneIn(2) ? flow.original : flow.translated.Reversed();
          }
          table.LookupBulk(keys, found, kBurst);
          // What a burst does, with the first of the changing ones.
          const NewConnection flow = Flow(kPermanent + chance.Below(kChanging));
          const ConnectionTable::Added added = table.Add(worker, flow, now);
          if (added.result != AddResult::kFull) {
            if (added.connection->original != flow.original) ++wrong;
            added.connection->last_used.store(now, std::memory_order_relaxed);
            if (chance.OneIn(2)) table.Remove(added.connection);
          }
          // At the end of the burst: nothing has changed under its hands.
          for (uint32_t i = 0; i < kBurst; ++i) {
            if (found[i].connection == nullptr) {
              if (i < kPermanent) ++missed;
            } else {
              if (!IsOf(found[i], keys[i])) ++wrong;
              if (i >= kPermanent) ++found_changing;
            }
          }
          rcu_.Quiescent(worker);
        }
      },
      control);
  for (int i = 0; i < 100; ++i) control();  // it may have had little time
  EXPECT_EQ(missed, 0u);
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(found_changing, 0u);

  const ConnectionTable::Statistics statistics = table.statistics();
  EXPECT_GT(statistics.removed, 0u);
  EXPECT_GT(statistics.expired + statistics.displaced, 0u);
  for (int i = 0; i < 8; ++i) {
    table.Expire(now, kNever, [](BackendId) { return BackendState::kGone; });
  }
  rcu_.Synchronize();
  EXPECT_EQ(table.statistics().in_use, 0u);
}

}  // namespace
}  // namespace podwarp::test
