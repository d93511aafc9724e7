// When a worker polls a wakeable queue, lays it to rest, and wakes.
#include <gtest/gtest.h>
#include <rte_cycles.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>

#include "podwarp/dataplane/worker.h"
#include "support/eal.h"
#include "support/eventually.h"
#include "support/memory_port.h"

namespace podwarp::test {
namespace {

// A port whose sender tells of frames only while its queue is at rest, as a guest does. It fails
// the test if frames could stay unnoticed.
class GuestPort : public MemoryPort {
 public:
  explicit GuestPort(std::string name)
      : MemoryPort({.name = std::move(name)}), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~GuestPort() override { close(fd_); }

  void Send() {
    Inject(Packet(Bytes(60, 0)));  // is dropped, which will do
    if (at_rest_) eventfd_write(fd_, 1);
  }
  void CantTell() { can_tell_ = false; }
  // Sends once more just when the worker believes that nothing comes.
  void SendDuringRest() { send_during_rest_ = true; }

  bool at_rest() const { return at_rest_; }
  uint64_t times_asked() const { return times_asked_; }

  ReceiveMode receive_mode() const override { return ReceiveMode::kWakeable; }
  int ReadinessFd(uint16_t) const override { return fd_; }
  bool Rest(uint16_t) override {
    if (send_during_rest_.exchange(false)) Inject(Packet(Bytes(60, 0)));
    if (can_tell_) at_rest_ = true;
    return can_tell_;
  }
  void Wake(uint16_t) override {
    eventfd_t ignored;
    eventfd_read(fd_, &ignored);
    at_rest_ = false;
  }
  uint16_t Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) override {
    ++times_asked_;
    return MemoryPort::Receive(queue, frames, capacity);
  }

 private:
  const int fd_;
  std::atomic<bool> at_rest_{true};
  std::atomic<bool> can_tell_{true};
  std::atomic<bool> send_during_rest_{false};
  std::atomic<uint64_t> times_asked_{0};
};

class WorkerRestTest : public testing::Test {
 protected:
  explicit WorkerRestTest(const IdlePolicy& idle = {.may_sleep = false}) {
    worker_ = std::make_unique<Worker>(
        WorkerOptions{.id = 0, .limits = {Rate::Unlimited(), Rate::Unlimited()}, .idle = idle},
        &tables_, &events_, TestPool());
  }
  GuestPort& Add(const std::string& name) {
    auto port = std::make_unique<GuestPort>(name);
    GuestPort& added = *port;
    EXPECT_TRUE(worker_->AddQueue(tables_.ports.Add(std::move(port)).value(), 0).ok());
    return added;
  }
  // Rounds until the condition holds.
  template <typename Condition>
  bool Rounds(const Condition& condition) {
    const uint64_t end = rte_rdtsc() + 30 * rte_get_tsc_hz();
    while (!condition()) {
      if (rte_rdtsc() > end) return false;
      worker_->Round();
    }
    return true;
  }

  Tables tables_{1, 16};
  EventRing events_{kEventRingSize};
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerRestTest, AsksNobodyWhoHasNotSentYet) {
  GuestPort& silent = Add("silent");
  GuestPort& busy = Add("busy");
  busy.Send();
  ASSERT_TRUE(Rounds([&] { return busy.injected_left() == 0; }));
  EXPECT_EQ(silent.times_asked(), 0u);
}

TEST_F(WorkerRestTest, PollsAQueueThatIsBusy) {
  GuestPort& port = Add("busy");
  port.Send();
  ASSERT_TRUE(Rounds([&] { return port.injected_left() == 0; }));
  EXPECT_FALSE(port.at_rest());
  for (int i = 0; i < 100; ++i) {
    port.Send();
    ASSERT_TRUE(Rounds([&] { return port.injected_left() == 0; }));
  }
}

TEST_F(WorkerRestTest, LaysASilentQueueToRestAndAsksItNoMore) {
  GuestPort& port = Add("a");
  port.Send();
  ASSERT_TRUE(Rounds([&] { return port.injected_left() == 0; }));
  ASSERT_TRUE(Rounds([&] { return port.at_rest(); }));
  const uint64_t asked = port.times_asked();
  for (int i = 0; i < 1000; ++i) worker_->Round();
  EXPECT_EQ(port.times_asked(), asked);
  port.Send();
  EXPECT_TRUE(Rounds([&] { return port.injected_left() == 0 && !port.at_rest(); }));
}

TEST_F(WorkerRestTest, FindsWhatWasSentWhileItLaidTheQueueToRest) {
  GuestPort& port = Add("a");
  port.Send();
  ASSERT_TRUE(Rounds([&] { return port.injected_left() == 0; }));
  const uint64_t received = worker_->counters().ports[0].received_frames.value();
  port.SendDuringRest();
  ASSERT_TRUE(
      Rounds([&] { return worker_->counters().ports[0].received_frames.value() > received; }));
  EXPECT_EQ(port.injected_left(), 0u);
  EXPECT_FALSE(port.at_rest());
}

TEST_F(WorkerRestTest, GoesOnPollingWhoCantTell) {
  GuestPort& port = Add("a");
  port.Send();
  port.CantTell();
  ASSERT_TRUE(Rounds([&] { return port.injected_left() == 0; }));
  const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 100;
  while (rte_rdtsc() < end) worker_->Round();
  port.Send();
  EXPECT_TRUE(Rounds([&] { return port.injected_left() == 0; }));
}

TEST_F(WorkerRestTest, LeavesAReusedPortNumberToItsNewOwner) {
  GuestPort& first = Add("first");
  first.Send();
  ASSERT_TRUE(Rounds([&] { return first.injected_left() == 0; }));
  worker_->RemoveQueues(0);
  tables_.ports.Remove(0);
  tables_.rcu.Synchronize();
  auto port = std::make_unique<GuestPort>("second");
  const GuestPort& second = *port;
  ASSERT_EQ(tables_.ports.Add(std::move(port)).value(), 0);  // some other worker's
  for (int i = 0; i < 1000; ++i) worker_->Round();
  EXPECT_EQ(second.times_asked(), 0u);
}

class WorkerSleepTest : public WorkerRestTest {
 protected:
  // As long as nothing happens it sleeps for good.
  WorkerSleepTest()
      : WorkerRestTest({.may_sleep = true,
                        .first_sleep_ns = 3'600'000'000'000,
                        .max_sleep_ns = 3'600'000'000'000}) {}
};

TEST_F(WorkerSleepTest, AGuestWakesAWorkerThatSleeps) {
  GuestPort& port = Add("a");
  std::thread thread([&] { worker_->Run(); });
  for (int i = 0; i < 20; ++i) {
    port.Send();
    EXPECT_TRUE(Eventually([&] { return port.injected_left() == 0; }));
    EXPECT_TRUE(Eventually([&] { return port.at_rest(); }));
  }
  EXPECT_GT(worker_->counters().sleeps.value(), 0u);
  worker_->Stop();
  thread.join();
}

TEST_F(WorkerSleepTest, FramesFoundOnTheWayToBedAreSent) {
  GuestPort& port = Add("a");
  std::thread thread([&] { worker_->Run(); });
  for (int i = 0; i < 20; ++i) {
    port.SendDuringRest();
    port.Send();
    EXPECT_TRUE(Eventually([&] { return port.injected_left() == 0 && port.at_rest(); }));
  }
  worker_->Stop();
  thread.join();
  EXPECT_EQ(worker_->counters().ports[0].received_frames.value(), 40u);
}

}  // namespace
}  // namespace podwarp::test
