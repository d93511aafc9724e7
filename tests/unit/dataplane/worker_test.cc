#include "podwarp/dataplane/worker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/address_owners.h"
#include "control/worker_set.h"
#include "support/describe.h"
#include "support/eal.h"
#include "support/eventually.h"
#include "support/mbuf.h"
#include "support/memory_port.h"

namespace podwarp::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const MacAddress kGatewayMac = "02:00:5e:00:00:01"_mac;
const Ipv4Address kA = "10.244.1.1"_ip;
const Ipv4Address kB = "10.244.1.2"_ip;
constexpr IdlePolicy kMaySleep = {.may_sleep = true, .max_sleep_ns = 3'600'000'000'000};
constexpr IdlePolicy kSleepsAnHour = {
    .may_sleep = true, .first_sleep_ns = 3'600'000'000'000, .max_sleep_ns = 3'600'000'000'000};
constexpr IdlePolicy kBusy = {.may_sleep = false};

MacAddress MacOf(Ipv4Address address) { return MacAddress::DeriveFrom(address.ToString()); }

Packet Frame(Ipv4Address from, Ipv4Address to) {
  return Ethernet(kGatewayMac, MacOf(from)) / Ipv4(from, to) / Udp(1, 2) / Payload(30);
}
Packet Forwarded(Ipv4Address from, Ipv4Address to) {
  return Ethernet(MacOf(to), kGatewayMac) / Ipv4(from, to).Ttl(63) / Udp(1, 2) / Payload(30);
}

// A port that says when it has frames, as a tap does.
class ReadyPort : public MemoryPort {
 public:
  explicit ReadyPort(PortSettings settings)
      : MemoryPort(std::move(settings)), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~ReadyPort() override { close(fd_); }

  void InjectAndTell(const Packet& packet, int copies = 1) {
    for (int i = 0; i < copies; ++i) Inject(packet);
    eventfd_write(fd_, 1);
  }
  // What a tap does when its interface is deleted: another descriptor takes the place of its own.
  void Vanish() {
    const int never_ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT_EQ(dup3(never_ready, fd_, O_CLOEXEC), fd_);
    close(never_ready);
  }
  uint64_t times_asked() const { return times_asked_; }

  ReceiveMode receive_mode() const override { return ReceiveMode::kReadable; }
  int ReadinessFd(uint16_t) const override { return fd_; }
  uint16_t Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) override {
    ++times_asked_;
    eventfd_t ignored;
    eventfd_read(fd_, &ignored);
    const uint16_t count = MemoryPort::Receive(queue, frames, capacity);
    if (injected_left() > 0) eventfd_write(fd_, 1);
    return count;
  }

 private:
  const int fd_;
  std::atomic<uint64_t> times_asked_ = 0;
};

class WorkerTest : public testing::Test {
 protected:
  ~WorkerTest() override {
    Stop();
    workers_.reset();
    tables_.reset();
    EXPECT_EQ(BuffersInUse(), before_);
  }

  void Make(uint16_t workers, const IdlePolicy& idle) {
    tables_.emplace(workers, /*adjacency_capacity=*/1024);
    owners_.emplace(&*tables_);
    std::vector<std::unique_ptr<Worker>> all;
    for (uint16_t id = 0; id < workers; ++id) {
      all.push_back(std::make_unique<Worker>(
          WorkerOptions{.id = id, .limits = {Rate::Unlimited(), Rate::Unlimited()}, .idle = idle},
          &*tables_, &events_, TestPool()));
    }
    workers_.emplace(std::move(all), &*tables_);
  }
  void Run() {
    for (size_t i = 0; i < workers_->size(); ++i) {
      threads_.emplace_back([worker = &(*workers_)[i]] { worker->Run(); });
    }
  }
  void Stop() {
    if (workers_) workers_->Stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  static PortSettings Settings(Ipv4Address address, uint16_t queues = 1) {
    return {.name = address.ToString(),
            .router_mac = kGatewayMac,
            .receive_queues = queues,
            .workers = 8};
  }
  template <typename P>
  P& Add(std::unique_ptr<P> port, Ipv4Address address) {
    P& added = *port;
    const PortId id = tables_->ports.Add(std::move(port)).value();
    tables_->pods.Set(id,
                      {.name = address.ToString(), .mac = MacOf(address), .addresses = {address}});
    EXPECT_TRUE(owners_
                    ->Add(address.ToString(), {.destination = MacOf(address),
                                               .source = kGatewayMac,
                                               .port = id,
                                               .mtu_bytes = 1500,
                                               .kind = NextHopKind::kPod})
                    .ok());
    EXPECT_TRUE(owners_->Claim(address.ToString(), Ipv4Prefix::Host(address), 1).ok());
    EXPECT_TRUE(workers_->Attach(id).ok());
    return added;
  }
  MemoryPort& AddPod(Ipv4Address address, uint16_t queues = 1) {
    return Add(std::make_unique<MemoryPort>(Settings(address, queues)), address);
  }
  ReadyPort& AddReadyPod(Ipv4Address address) {
    return Add(std::make_unique<ReadyPort>(Settings(address)), address);
  }
  PortId IdOf(Ipv4Address address) const { return tables_->ports.Find(address.ToString()); }
  void Remove(Ipv4Address address) {
    const PortId id = IdOf(address);
    EXPECT_TRUE(owners_->Remove(address.ToString()).ok());
    tables_->pods.Remove(id);
    workers_->Detach(id);
    tables_->ports.Remove(id);
  }

  template <typename F>
  uint64_t Sum(const F& of) const {
    uint64_t sum = 0;
    for (size_t i = 0; i < workers_->size(); ++i) sum += of((*workers_)[i].counters());
    return sum;
  }
  uint64_t Received() const {
    return Sum([](const WorkerCounters& counters) {
      uint64_t frames = 0;
      for (const PortCounters& port : counters.ports) frames += port.received_frames.value();
      return frames;
    });
  }
  uint64_t Transmitted() const {
    return Sum([](const WorkerCounters& counters) {
      uint64_t frames = 0;
      for (const PortCounters& port : counters.ports) frames += port.transmitted_frames.value();
      return frames;
    });
  }
  uint64_t Dropped() const {
    return Sum([](const WorkerCounters& counters) {
      uint64_t frames = 0;
      for (const Counter& reason : counters.drops) frames += reason.value();
      return frames;
    });
  }
  uint64_t Originated() const {
    return Sum([](const WorkerCounters& counters) { return counters.originated.value(); });
  }
  uint64_t Consumed() const {
    return Sum([](const WorkerCounters& counters) { return counters.consumed.value(); });
  }
  const WorkerCounters& counters() const { return (*workers_)[0].counters(); }

  // A worker that makes no rounds sleeps, or is held up: the test then sees less, but nothing
  // wrong.
  void AwaitSleep() {
    ASSERT_TRUE(Eventually([&] {
      const uint64_t rounds = counters().rounds.value();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return rounds > 0 && counters().rounds.value() == rounds;
    }));
  }

  const unsigned before_ = BuffersInUse();
  EventRing events_{kEventRingSize};
  std::optional<Tables> tables_;
  std::optional<AddressOwners> owners_;
  std::optional<WorkerSet> workers_;
  std::vector<std::thread> threads_;
};

TEST_F(WorkerTest, Forwards) {
  Make(1, kBusy);
  MemoryPort& a = AddPod(kA);
  MemoryPort& b = AddPod(kB);
  Run();
  for (int i = 0; i < 100; ++i) a.Inject(Frame(kA, kB));
  EXPECT_TRUE(Eventually([&] { return Transmitted() == 100; }));
  Stop();
  const std::vector<Packet> frames = b.TakeTransmitted();
  EXPECT_EQ(frames.size(), 100u);
  EXPECT_THAT(frames[0], EqualsFrame(Forwarded(kA, kB)));
  EXPECT_EQ(Received(), 100u);
  EXPECT_EQ(counters().sleeps.value(), 0u);
  EXPECT_GT(counters().cycles_busy.value(), 0u);
}

TEST_F(WorkerTest, ARoundTakesWhatIsThere) {
  Make(1, kBusy);
  MemoryPort& a = AddPod(kA);
  MemoryPort& b = AddPod(kB);
  EXPECT_EQ((*workers_)[0].Round(), 0u);
  for (int i = 0; i < 70; ++i) a.Inject(Frame(kA, kB));
  EXPECT_EQ((*workers_)[0].Round(), 64u);
  EXPECT_EQ((*workers_)[0].Round(), 6u);
  EXPECT_EQ(b.TakeTransmitted().size(), 70u);
  EXPECT_EQ(counters().rounds.value(), 3u);
  EXPECT_EQ(counters().bursts.value(), 2u);
}

TEST_F(WorkerTest, QueuesGoToWhoHasFewest) {
  Make(3, kBusy);
  MemoryPort& a = AddPod(kA, /*queues=*/4);
  MemoryPort& b = AddPod(kB, /*queues=*/2);
  const auto queues = [&] {
    return std::vector<size_t>{(*workers_)[0].queues(), (*workers_)[1].queues(),
                               (*workers_)[2].queues()};
  };
  EXPECT_THAT(queues(), ElementsAre(2, 2, 2));
  Run();
  for (uint16_t queue = 0; queue < 4; ++queue) a.Inject(Frame(kA, kB), queue);
  for (uint16_t queue = 0; queue < 2; ++queue) b.Inject(Frame(kB, kA), queue);
  EXPECT_TRUE(Eventually([&] { return Transmitted() == 6; }));
  const auto senders = [](MemoryPort& port) {
    std::vector<uint16_t> workers;
    for (const TransmittedFrame& frame : port.TakeTransmittedFrames()) {
      workers.push_back(frame.worker);
    }
    return workers;
  };
  EXPECT_THAT(senders(b), testing::UnorderedElementsAre(0, 1, 2, 0));
  EXPECT_THAT(senders(a), testing::UnorderedElementsAre(1, 2));
  Remove(kA);
  EXPECT_THAT(queues(), ElementsAre(0, 1, 1));
}

TEST_F(WorkerTest, EveryFrameIsAccountedForWhilePortsComeAndGo) {
  constexpr int kTimes = 300;
  Make(2, kMaySleep);
  MemoryPort& a = AddPod(kA, /*queues=*/2);
  Run();
  uint64_t injected = 0;
  uint64_t arrived = 0;
  for (int i = 0; i < kTimes; ++i) {
    MemoryPort& b = AddPod(kB);
    for (uint16_t n = 0; n < 20; ++n) {
      a.Inject(Frame(kA, kB), n % 2);
      b.Inject(Frame(kB, kA));
    }
    injected += 20;
    // Each other time some frames are on their way while the port goes.
    if (i % 2 == 0) {
      EXPECT_TRUE(Eventually([&] { return a.injected_left() + b.injected_left() == 0; }));
    }
    arrived += a.TakeTransmitted().size();
    Remove(kB);
    tables_->rcu.Poll();
  }
  EXPECT_TRUE(Eventually([&] { return a.injected_left() == 0; }));
  Stop();
  arrived += a.TakeTransmitted().size();
  EXPECT_EQ(Received() + Originated(), Transmitted() + Consumed() + Dropped());
  uint64_t from_a = 0;
  uint64_t to_a = 0;
  for (size_t i = 0; i < 2; ++i) {
    from_a += (*workers_)[i].counters().ports[IdOf(kA)].received_frames.value();
    to_a += (*workers_)[i].counters().ports[IdOf(kA)].transmitted_frames.value();
  }
  EXPECT_EQ(from_a, injected);
  EXPECT_EQ(to_a, arrived);
  EXPECT_GT(Transmitted(), injected / 2);
}

TEST_F(WorkerTest, SendsWhatIsInjected) {
  Make(1, kBusy);
  MemoryPort& a = AddPod(kA);
  Run();
  const Packet frame = Forwarded(kB, kA);
  ASSERT_TRUE((*workers_)[0].Inject(IdOf(kA), ToMbuf(frame)));
  EXPECT_TRUE(Eventually([&] { return Transmitted() == 1; }));
  EXPECT_THAT(a.TakeTransmitted(), ElementsAre(EqualsFrame(frame)));
  EXPECT_EQ(Originated(), 1u);
}

TEST_F(WorkerTest, RefusesMoreThanItCanHold) {
  Make(1, kBusy);
  MemoryPort& a = AddPod(kA);
  size_t accepted = 0;
  while (workers_->Send(IdOf(kA), ToMbuf(Forwarded(kB, kA)))) ++accepted;
  EXPECT_EQ(accepted, 1023u);
  (*workers_)[0].Round();
  EXPECT_EQ(a.TakeTransmitted().size(), accepted);
  EXPECT_TRUE(workers_->Send(IdOf(kA), ToMbuf(Forwarded(kB, kA))));  // freed with the worker
}

// --- Idle. ---

TEST_F(WorkerTest, SleepsLongerAndLonger) {
  Make(1, {.may_sleep = true, .max_sleep_ns = 100'000});
  AddPod(kA);
  Run();
  EXPECT_TRUE(Eventually([&] { return counters().sleeps.value() > 20; }));
  Stop();
  EXPECT_GT(counters().cycles_sleeping.value(), 0u);
  EXPECT_GT(counters().cycles_idle.value(), 0u);
  EXPECT_EQ(counters().cycles_busy.value(), 0u);
}

TEST_F(WorkerTest, NeverSleepsIfItMayNot) {
  Make(1, kBusy);
  AddPod(kA);
  Run();
  EXPECT_TRUE(Eventually([&] { return counters().rounds.value() > 10'000; }));
  EXPECT_EQ(counters().sleeps.value(), 0u);
}

TEST_F(WorkerTest, AnInjectedFrameAndStopWakeIt) {
  Make(1, kSleepsAnHour);
  AddPod(kA);
  Run();
  AwaitSleep();
  ASSERT_TRUE((*workers_)[0].Inject(IdOf(kA), ToMbuf(Forwarded(kB, kA))));
  EXPECT_TRUE(Eventually([&] { return Transmitted() == 1; }));
  AwaitSleep();
  Stop();  // returns when the worker has ended
}

TEST_F(WorkerTest, ANewQueueWakesIt) {
  Make(1, kSleepsAnHour);
  AddPod(kA);
  Run();
  AwaitSleep();
  const uint64_t sleeps = counters().sleeps.value();
  AddPod(kB);
  EXPECT_TRUE(Eventually([&] { return counters().sleeps.value() > sleeps; }));
}

TEST_F(WorkerTest, NobodyWaitsForAWorkerThatSleeps) {
  Make(1, kSleepsAnHour);
  AddPod(kA);
  Run();
  AwaitSleep();
  const uint64_t sleeps = counters().sleeps.value();
  for (int i = 0; i < 3; ++i) {
    tables_->rcu.Retire([] {});
    tables_->rcu.Synchronize();
  }
  EXPECT_EQ(counters().sleeps.value(), sleeps);
}

// --- Ports that say when they have frames. ---

TEST_F(WorkerTest, APortThatTellsIsAskedOnlyThen) {
  Make(1, kMaySleep);
  ReadyPort& a = AddReadyPod(kA);
  MemoryPort& b = AddReadyPod(kB);
  Run();
  EXPECT_TRUE(Eventually([&] { return counters().sleeps.value() >= 3; }));
  EXPECT_EQ(a.times_asked(), 0u);
  a.InjectAndTell(Frame(kA, kB), /*copies=*/200);  // several bursts
  EXPECT_TRUE(Eventually([&] { return Transmitted() == 200; }));
  EXPECT_EQ(b.TakeTransmitted().size(), 200u);
}

TEST_F(WorkerTest, PortsThatTellAndPortsThatMustBeAskedSideBySide) {
  Make(2, kMaySleep);
  ReadyPort& a = AddReadyPod(kA);
  MemoryPort& b = AddPod(kB);
  Run();
  for (int i = 0; i < 200; ++i) {
    a.InjectAndTell(Frame(kA, kB));
    b.Inject(Frame(kB, kA));
  }
  EXPECT_TRUE(Eventually([&] { return Transmitted() == 400; }));
  EXPECT_EQ(a.TakeTransmitted().size(), 200u);
  EXPECT_EQ(b.TakeTransmitted().size(), 200u);
}

TEST_F(WorkerTest, APortWhoseDescriptorVanishedIsRemovedLikeAnyOther) {
  Make(1, kMaySleep);
  ReadyPort& a = AddReadyPod(kA);
  ReadyPort& b = AddReadyPod(kB);
  Run();
  a.InjectAndTell(Frame(kA, kB));
  EXPECT_TRUE(Eventually([&] { return Transmitted() == 1; }));
  a.Vanish();
  Remove(kA);
  tables_->rcu.Synchronize();
  // The descriptor's number serves another port at once.
  ReadyPort& again = AddReadyPod(kA);
  again.InjectAndTell(Frame(kA, kB));
  EXPECT_TRUE(Eventually([&] { return Transmitted() == 2; }));
  EXPECT_EQ(b.TakeTransmitted().size(), 2u);
}

class UnwatchablePort : public MemoryPort {
 public:
  using MemoryPort::MemoryPort;
  int ReadinessFd(uint16_t queue) const override { return queue == 0 ? -1 : 1'000'000; }
};

TEST_F(WorkerTest, APortThatCantBeWatchedIsNotAttached) {
  Make(2, kBusy);
  const PortId id =
      tables_->ports.Add(std::make_unique<UnwatchablePort>(Settings(kA, /*queues=*/2))).value();
  const absl::Status status = workers_->Attach(id);
  EXPECT_THAT(std::string(status.message()), HasSubstr("10.244.1.1"));
  EXPECT_FALSE(status.ok());
  EXPECT_EQ((*workers_)[0].queues(), 0u);
  EXPECT_EQ((*workers_)[1].queues(), 0u);
}

}  // namespace
}  // namespace podwarp::test
