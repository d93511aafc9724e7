#include "podwarp/table/rcu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace podwarp {
namespace {

TEST(Rcu, WithoutReadersAnActionRunsAtTheNextPoll) {
  Rcu rcu(4);
  bool ran = false;
  rcu.Retire([&] { ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_EQ(rcu.pending(), 1u);
  EXPECT_EQ(rcu.Poll(), 1u);
  EXPECT_TRUE(ran);
  EXPECT_EQ(rcu.pending(), 0u);
}

TEST(Rcu, WaitsForEveryOnlineReader) {
  Rcu rcu(4);
  for (uint32_t reader : {0u, 2u}) {
    rcu.Register(reader);
    rcu.Online(reader);
  }
  rcu.Retire([] {});
  EXPECT_EQ(rcu.Poll(), 0u);
  rcu.Quiescent(0);
  EXPECT_EQ(rcu.Poll(), 0u);
  rcu.Quiescent(2);
  EXPECT_EQ(rcu.Poll(), 1u);
  for (uint32_t reader : {0u, 2u}) {
    rcu.Offline(reader);
    rcu.Unregister(reader);
  }
}

TEST(Rcu, AQuiescentStateBeforeTheRetirementDoesNotCount) {
  Rcu rcu(1);
  rcu.Register(0);
  rcu.Online(0);
  rcu.Quiescent(0);
  rcu.Retire([] {});
  EXPECT_EQ(rcu.Poll(), 0u);
  rcu.Offline(0);
  EXPECT_EQ(rcu.Poll(), 1u);
}

TEST(Rcu, DoesNotWaitForAReaderThatIsOffline) {
  Rcu rcu(2);
  rcu.Register(0);
  rcu.Retire([] {});
  EXPECT_EQ(rcu.Poll(), 1u);
  rcu.Online(0);
  rcu.Retire([] {});
  EXPECT_EQ(rcu.Poll(), 0u);
  rcu.Offline(0);
  EXPECT_EQ(rcu.Poll(), 1u);
}

TEST(Rcu, ActionsRunInOrderAndMayRetireMore) {
  Rcu rcu(1);
  std::vector<int> order;
  rcu.Retire([&] {
    order.push_back(1);
    rcu.Retire([&] { order.push_back(3); });
  });
  rcu.Retire([&] { order.push_back(2); });
  rcu.Synchronize();
  EXPECT_THAT(order, testing::ElementsAre(1, 2, 3));
}

TEST(Rcu, DestructorRunsWhatIsRetired) {
  bool ran = false;
  {
    Rcu rcu(1);
    rcu.Retire([&] { ran = true; });
  }
  EXPECT_TRUE(ran);
}

// A reader that follows a pointer never finds the object overwritten or freed (which the address
// sanitizer would report).
TEST(Rcu, AnObjectLivesAsLongAsAReaderMayHoldIt) {
  constexpr int kAlive = 1;
  constexpr int kDead = 2;
  struct Object {
    ~Object() { state = kDead; }
    std::atomic<int> state = kAlive;
  };
  Rcu rcu(1);
  std::atomic<const Object*> published = new Object;
  std::atomic<bool> ready = false;
  std::atomic<bool> stop = false;
  int dead_seen = 0;
  rcu.Register(0);
  std::thread reader([&] {
    rcu.Online(0);
    while (!stop) {
      const Object* object = published;
      for (int i = 0; i < 10; ++i) dead_seen += object->state != kAlive;
      rcu.Quiescent(0);
      ready = true;
    }
    rcu.Offline(0);
  });
  while (!ready) std::this_thread::yield();
  for (int i = 0; i < 20'000; ++i) {
    rcu.RetireObject(published.exchange(new Object));
    if (i % 1000 == 0) {
      rcu.Synchronize();
    } else {
      rcu.Poll();
    }
  }
  stop = true;
  reader.join();
  delete published.load();
  EXPECT_EQ(dead_seen, 0);
}

}  // namespace
}  // namespace podwarp
