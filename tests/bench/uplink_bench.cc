// What podwarp does to a frame from uplink to uplink, beside a loop that does nothing to it:
// 64-byte frames (60 without frame check sequence), 16,384 flows over 256 /24 ranges of 256 next
// hops, net_pcap to net_null, with hugepages.
//
//   build/tests/bench/bench_uplink [--slices=500] [--core=1]
//
// Both take turns in one process every 2 ms, so that whatever else the machine does meets both:
// the ratio stays the same where rates swing by half. `tools/bench uplink` measures whole programs.
#include <gflags/gflags.h>
#include <glog/logging.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "podwarp/dataplane/worker.h"
#include "podwarp/dataplane/mark.h"
#include "podwarp/port/offload.h"
#include "port/ethdev_port.h"
#include "support/packet.h"

DEFINE_uint32(slices, 500, "turns that each takes");
DEFINE_uint32(core, 1, "where to run");
DEFINE_uint32(flows, 16384, "different frames");
DEFINE_uint32(ranges, 256, "of /24, each with a next hop of its own");

namespace podwarp::test {
namespace {

constexpr uint16_t kFloorBurst = 32;  // what suits testpmd best
constexpr uint32_t kBuffers = 65536;
const MacAddress kVirtualMac({2, 0, 0, 0, 0, 1});

uint32_t RangeOf(uint32_t i) { return Ipv4Address(10, 1, 0, 0).value() + (i << 8); }

template <typename T>
void Append(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The file format of libpcap (draft-ietf-opsawg-pcap), in the machine's byte order.
std::string MakePcap() {
  std::string file;
  for (const uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, 1u}) Append(&file, word);
  for (uint32_t flow = 0; flow < FLAGS_flows; ++flow) {
    const Ipv4Address to(RangeOf(flow * 97 % FLAGS_ranges) + 1 + flow / FLAGS_ranges % 250);
    const Packet frame =
        (Ethernet(kVirtualMac, MacAddress({2, 0, 0, 0, 0, 2})) /
         Ipv4(Ipv4Address(10, 200, 0, 1), to) / Udp(static_cast<uint16_t>(flow), 9))
            .PadTo(60);
    for (const uint32_t word : {0u, 0u, 60u, 60u}) Append(&file, word);
    file.append(reinterpret_cast<const char*>(frame.bytes().data()), 60);
  }
  const std::string path = absl::StrCat("/tmp/bench_uplink.", getpid(), ".pcap");
  std::ofstream(path, std::ios::binary) << file;
  return path;
}

void StartEal() {
  const std::string lcores = absl::StrCat("--lcores=0@", FLAGS_core);
  std::vector<std::string> arguments = {"bench_uplink", lcores,
                                        "--no-pci",     "--no-telemetry",
                                        "--in-memory",  "--log-level=lib.*:warning"};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  CHECK(rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0);
  CHECK(RegisterOffloadField().ok() && RegisterMarkField().ok());
}

struct Scene {
  Scene() {
    pool = rte_pktmbuf_pool_create("frames", kBuffers, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    CHECK(pool != nullptr) << "no hugepages?";
    const std::string pcap = MakePcap();
    in = AddPort("in", absl::StrCat("net_pcap0,rx_pcap=", pcap, ",infinite_rx=1"));
    out = AddPort("out", "net_null0,no-rx=1");
    unlink(pcap.c_str());
    tables.ports.RefreshStates();
    for (uint32_t i = 0; i < FLAGS_ranges; ++i) {
      const auto index = tables.adjacencies.Add(
          {.destination =
               MacAddress({2, 1, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}),
           .source = kVirtualMac,
           .port = ids[1],
           .mtu_bytes = 1500,
           .kind = NextHopKind::kNode});
      CHECK(tables.routes.Set(Ipv4Prefix(Ipv4Address(RangeOf(i)), 24), *index).ok());
    }
    CHECK(worker.AddQueue(ids[0], 0).ok() && worker.AddQueue(ids[1], 0).ok());
  }

  uint16_t AddPort(const char* name, const std::string& vdev) {
    auto port =
        EthdevPort::Open({.name = name, .role = PortRole::kUplink, .router_mac = kVirtualMac},
                         {.device = {.vdev = vdev}, .pool = pool});
    CHECK(port.ok()) << port.status();
    const uint16_t number = (*port)->port_id();
    ids.push_back(*tables.ports.Add(*std::move(port)));
    return number;
  }

  Tables tables{1, 65536};
  EventRing events{kEventRingSize};
  rte_mempool* pool;
  std::vector<PortId> ids;
  uint16_t in, out;
  Worker worker{
      {.id = 0, .limits = {.arp = Rate::Unlimited(), .icmp_errors = Rate::Unlimited()}, .idle = {}},
      &tables,
      &events,
      pool};
};

// What testpmd's io mode does with two ports.
uint32_t FloorRound(const Scene& scene) {
  uint32_t total = 0;
  for (const auto& [from, to] : {std::pair(scene.in, scene.out), std::pair(scene.out, scene.in)}) {
    rte_mbuf* frames[kFloorBurst];
    const uint16_t count = rte_eth_rx_burst(from, 0, frames, kFloorBurst);
    if (count == 0) continue;
    const uint16_t sent = rte_eth_tx_burst(to, 0, frames, count);
    CHECK_EQ(sent, count);
    total += count;
  }
  return total;
}

template <typename Round>
double CyclesPerFrame(const Round& round) {
  const uint64_t start = rte_rdtsc();
  const uint64_t end = start + rte_get_tsc_hz() / 500;
  uint64_t frames = 0;
  uint64_t now = start;
  while (now < end) {
    for (int i = 0; i < 16; ++i) frames += round();
    now = rte_rdtsc();
  }
  return static_cast<double>(now - start) / static_cast<double>(frames);
}

double Quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

int Main() {
  StartEal();
  Scene scene;
  std::vector<double> floor, podwarp, ratio;
  for (uint32_t i = 0; i < FLAGS_slices; ++i) {
    floor.push_back(CyclesPerFrame([&] { return FloorRound(scene); }));
    podwarp.push_back(CyclesPerFrame([&] { return scene.worker.Round(); }));
    ratio.push_back(floor.back() / podwarp.back());
  }
  const WorkerCounters& counters = scene.worker.counters();
  CHECK_EQ(counters.ports[scene.ids[1]].transmitted_frames.value(),
           counters.ports[scene.ids[0]].received_frames.value());
  std::printf("cycles a frame: floor %.1f, podwarp %.1f; best tenth %.1f, %.1f; ratio %.3f\n",
              Quantile(floor, 0.5), Quantile(podwarp, 0.5), Quantile(floor, 0.1),
              Quantile(podwarp, 0.1), Quantile(ratio, 0.5));
  return 0;
}

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  return podwarp::test::Main();
}
