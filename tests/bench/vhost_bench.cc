// Cycles per frame over vhost-user: 64-byte frames, bursts of 64, guests with rings of 256,
// mergeable buffers and checksum offload.
//
//   build/tests/bench/bench_vhost
//
// Read the counter cycles_per_frame (TSC cycles). Guest and podwarp take turns on one core, and
// only podwarp's turn is timed: what moves the rings' cache lines between two cores is not in it,
// and the guest's pages are of 4 KiB. Idle ports are connected and silent; they lie at rest.
#include <benchmark/benchmark.h>
#include <glog/logging.h>
#include <rte_cycles.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "podwarp/dataplane/worker.h"
#include "port/vhost_port.h"
#include "support/eal.h"
#include "support/eventually.h"
#include "support/mbuf.h"
#include "support/packet.h"
#include "support/virtio_peer.h"

namespace podwarp::test {
namespace {

constexpr size_t kFrameBytes = 64;
constexpr uint16_t kBurst = 64;
const MacAddress kGateway({2, 0, 0, 0, 0, 1});
const MacAddress kMac[2] = {MacAddress({2, 0, 0, 0, 1, 1}), MacAddress({2, 0, 0, 0, 1, 2})};
const Ipv4Address kIp[2] = {Ipv4Address(10, 0, 0, 1), Ipv4Address(10, 0, 0, 2)};

constexpr uint64_t kSplit = kPlainFeatures | kNetMergeable | kNetCsum | kNetGuestCsum;
constexpr uint64_t kPacked = kSplit | kRingPacked;

rte_mempool* Pool() {
  static rte_mempool* const pool =
      rte_pktmbuf_pool_create("bench", 8191, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  CHECK(pool != nullptr);
  return pool;
}

void RaiseFileLimit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

struct Guest {
  std::string path;
  std::unique_ptr<VirtioPeer> peer;
  PortId port;
};

// Two pods behind vhost-user ports, the first sending to the second, and silent ones beside them.
struct Scene {
  Scene(uint64_t features, int idle_ports) {
    RaiseFileLimit();
    tables.SetSettings({.virtual_mac = kGateway, .gateway_mac = kGateway});
    for (int i = 0; i < 2; ++i) {
      AddGuest(features, 256);
      tables.pods.Set(guests[i].port,
                      {.name = absl::StrCat(i), .mac = kMac[i], .addresses = {kIp[i]}});
      const auto index = tables.adjacencies.Add({.destination = kMac[i],
                                                 .source = kGateway,
                                                 .port = guests[i].port,
                                                 .mtu_bytes = 1500,
                                                 .kind = NextHopKind::kPod});
      CHECK(tables.routes.Set(Ipv4Prefix::Host(kIp[i]), *index).ok());
    }
    for (int i = 0; i < idle_ports; ++i) AddGuest(features, 64);
    tables.ports.RefreshStates();
    const Packet frame =
        (Ethernet(kGateway, kMac[0]) / Ipv4(kIp[0], kIp[1]) / Udp(1, 2)).PadTo(kFrameBytes);
    const std::vector<GuestFrame> frames(256, GuestFrame{frame.bytes()});
    CHECK_EQ(sender().Send(0, frames), 256u);
    // Until the silent ones have been laid to rest.
    const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 20;
    while (rte_rdtsc() < end) Round();
  }
  ~Scene() {
    for (const Guest& guest : guests) {
      worker.RemoveQueues(guest.port);
      tables.ports.Remove(guest.port);
    }
    tables.rcu.Synchronize();
  }

  void AddGuest(uint64_t features, uint16_t ring_size) {
    Guest guest;
    guest.path = absl::StrCat("/tmp/podwarp-bench-", getpid(), "-", guests.size());
    auto peer = VirtioPeer::Create({.ring_size = ring_size, .features = features});
    CHECK(peer.ok()) << peer.status().message();
    guest.peer = *std::move(peer);
    CHECK(guest.peer->Listen(guest.path).ok());
    auto port = VhostPort::Open({.name = guest.path, .router_mac = kGateway},
                                {.socket = {.path = guest.path}, .pool = Pool()}, &backend);
    CHECK(port.ok()) << port.status().message();
    const Port* const opened = port->get();
    guest.port = *tables.ports.Add(*std::move(port));
    const absl::Status status = guest.peer->Accept();
    CHECK(status.ok()) << status.message();
    CHECK(Eventually([&] { return opened->State().up; })) << opened->State().why_down;
    CHECK(worker.AddQueue(guest.port, 0).ok());
    guests.push_back(std::move(guest));
  }

  VirtioPeer& sender() { return *guests[0].peer; }
  VirtioPeer& receiver() { return *guests[1].peer; }
  Port& port(int i) { return *tables.ports.Get(guests[i].port); }

  // The guests' turn, then podwarp's.
  void Round() {
    sender().SendAgain(0, kBurst);
    receiver().Discard(0);
    worker.Round();
  }

  Tables tables{1, 64};
  EventRing events{kEventRingSize};
  VhostBackend backend{&tables.rcu, [] {}};
  Worker worker{{.id = 0, .limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()}},
                &tables,
                &events,
                Pool()};
  std::vector<Guest> guests;
};

void Report(benchmark::State& state, uint64_t cycles, uint64_t frames) {
  CHECK_GT(frames, 0u);
  state.counters["cycles_per_frame"] = static_cast<double>(cycles) / static_cast<double>(frames);
}

void Receive(benchmark::State& state, uint64_t features) {
  Scene scene(features, 0);
  uint64_t cycles = 0, frames = 0;
  rte_mbuf* burst[kBurst];
  for (auto _ : state) {
    scene.sender().SendAgain(0, kBurst);
    const uint64_t start = rte_rdtsc_precise();
    const uint16_t count = scene.port(0).Receive(0, burst, kBurst);
    cycles += rte_rdtsc_precise() - start;
    frames += count;
    rte_pktmbuf_free_bulk(burst, count);
  }
  Report(state, cycles, frames);
}

void Transmit(benchmark::State& state, uint64_t features) {
  Scene scene(features, 0);
  uint64_t cycles = 0, frames = 0;
  rte_mbuf* burst[kBurst];
  for (auto _ : state) {
    scene.receiver().Discard(0);
    CHECK_EQ(rte_pktmbuf_alloc_bulk(Pool(), burst, kBurst), 0);
    for (rte_mbuf* frame : burst)
      std::memset(rte_pktmbuf_append(frame, kFrameBytes), 1, kFrameBytes);
    const uint64_t start = rte_rdtsc_precise();
    const uint16_t count = scene.port(1).Transmit(0, burst, kBurst);
    cycles += rte_rdtsc_precise() - start;
    frames += count;
    rte_pktmbuf_free_bulk(burst + count, kBurst - count);
  }
  Report(state, cycles, frames);
}

// The whole way; the argument is the number of silent ports.
void GuestToGuest(benchmark::State& state, uint64_t features) {
  Scene scene(features, static_cast<int>(state.range(0)));
  uint64_t cycles = 0, frames = 0;
  for (auto _ : state) {
    scene.sender().SendAgain(0, kBurst);
    scene.receiver().Discard(0);
    const uint64_t start = rte_rdtsc_precise();
    const uint32_t count = scene.worker.Round();
    cycles += rte_rdtsc_precise() - start;
    frames += count;
  }
  const uint64_t sent =
      scene.worker.counters().ports[scene.guests[1].port].transmitted_frames.value();
  CHECK_GE(sent, frames) << "not all frames arrived";
  Report(state, cycles, frames);
}

BENCHMARK_CAPTURE(Receive, split, kSplit);
BENCHMARK_CAPTURE(Receive, packed, kPacked);
BENCHMARK_CAPTURE(Transmit, split, kSplit);
BENCHMARK_CAPTURE(Transmit, packed, kPacked);
BENCHMARK_CAPTURE(GuestToGuest, split, kSplit)->Arg(0)->Arg(50)->Arg(250)->Arg(990);
BENCHMARK_CAPTURE(GuestToGuest, packed, kPacked)->Arg(0)->Arg(250);

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  podwarp::test::EnsureEal();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
