#include "port/ethdev_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rte_dev.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "podwarp/port/offload.h"
#include "support/eal.h"

namespace podwarp {
namespace {

using test::BuffersInUse;
using test::TestPool;
using testing::ContainsRegex;
using testing::HasSubstr;

constexpr uint16_t kFrameBytes = 100;
constexpr size_t kPcapFileHeaderBytes = 24;
constexpr size_t kPcapRecordHeaderBytes = 16;

PortSettings Settings(uint16_t receive_queues = 1, uint16_t workers = 1) {
  PortSettings settings;
  settings.name = "uplink0";
  settings.role = PortRole::kUplink;
  settings.receive_queues = receive_queues;
  settings.workers = workers;
  return settings;
}

EthdevOptions Options(const std::string& vdev) {
  EthdevOptions options;
  options.device.vdev = vdev;
  options.pool = TestPool();
  return options;
}

std::unique_ptr<EthdevPort> OpenOrFail(const std::string& vdev, uint16_t receive_queues = 1,
                                       uint16_t workers = 1) {
  auto port = EthdevPort::Open(Settings(receive_queues, workers), Options(vdev));
  EXPECT_TRUE(port.ok()) << port.status();
  return port.ok() ? std::move(*port) : nullptr;
}

std::string ErrorOf(const PortSettings& settings, const EthdevOptions& options) {
  auto port = EthdevPort::Open(settings, options);
  return port.ok() ? "" : std::string(port.status().message());
}

rte_mbuf* MakeFrame(uint8_t fill) {
  rte_mbuf* frame = rte_pktmbuf_alloc(TestPool());
  std::memset(rte_pktmbuf_append(frame, kFrameBytes), fill, kFrameBytes);
  return frame;
}

// Nothing may stay behind: neither devices nor buffers.
class EthdevPortTest : public testing::Test {
 protected:
  void SetUp() override {
    buffers_ = BuffersInUse();
    devices_ = rte_eth_dev_count_total();
    directory_ =
        std::filesystem::temp_directory_path() / ("podwarp-ethdev-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override {
    EXPECT_EQ(BuffersInUse(), buffers_);
    EXPECT_EQ(rte_eth_dev_count_total(), devices_);
    std::filesystem::remove_all(directory_);
  }

  std::string Path(const std::string& name) const { return directory_ / name; }

  // An empty capture of Ethernet frames, which net_pcap wants for its receive side.
  std::string EmptyPcap(const std::string& name) const {
    const std::array<uint32_t, 6> header = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1};
    std::ofstream(Path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(header.data()), sizeof(header));
    return Path(name);
  }

 private:
  unsigned buffers_ = 0;
  unsigned devices_ = 0;
  std::filesystem::path directory_;
};

// --- Frames ---

TEST_F(EthdevPortTest, WhatGoesIntoARingComesOutOfIt) {
  auto port = OpenOrFail("net_ring_frames", 2, 2);
  EXPECT_EQ(port->Driver(), "net_ring");
  EXPECT_TRUE(port->State().up) << port->State().why_down;
  EXPECT_TRUE(port->capabilities().multi_segment);
  EXPECT_EQ(port->transmit_queues(), 2);

  rte_mbuf* sent[2] = {MakeFrame(1), MakeFrame(2)};
  ASSERT_EQ(port->Transmit(1, sent, 2), 2);
  rte_mbuf* received[4] = {};
  EXPECT_EQ(port->Receive(0, received, 4), 0) << "worker 1 has a queue of its own";
  ASSERT_EQ(port->Receive(1, received, 4), 2);
  EXPECT_EQ(received[0], sent[0]);
  EXPECT_EQ(received[1], sent[1]);
  for (rte_mbuf* frame : sent) rte_pktmbuf_free(frame);
}

TEST_F(EthdevPortTest, ARingDoesNotHandOnTheSendersFlags) {
  auto port = OpenOrFail("net_ring_flags");
  rte_mbuf* frame = MakeFrame(1);
  SetOffload(frame, Offload{});
  frame->ol_flags |= RTE_MBUF_F_TX_VLAN;
  ASSERT_EQ(port->Transmit(0, &frame, 1), 1);
  rte_mbuf* received = nullptr;
  ASSERT_EQ(port->Receive(0, &received, 1), 1);
  EXPECT_EQ(received->ol_flags, 0u);
  rte_pktmbuf_free(received);
}

TEST_F(EthdevPortTest, AFullRingLeavesTheRestToTheCaller) {
  auto port = OpenOrFail("net_ring_full");
  uint16_t taken = 0;
  rte_mbuf* frames[64];
  for (uint16_t sent = 64; sent == 64; taken = static_cast<uint16_t>(taken + sent)) {
    for (rte_mbuf*& frame : frames) frame = MakeFrame(1);
    sent = port->Transmit(0, frames, 64);
    rte_pktmbuf_free_bulk(frames + sent, 64u - sent);
  }
  EXPECT_EQ(taken, 1023);
  while (uint16_t count = port->Receive(0, frames, 64)) rte_pktmbuf_free_bulk(frames, count);
}

TEST_F(EthdevPortTest, NullDevicesSourceAndSink) {
  auto source = OpenOrFail("net_null_source,size=64", 4, 4);
  auto sink = OpenOrFail("net_null_sink,no-rx=1");
  rte_mbuf* frames[32];
  for (uint16_t queue = 0; queue < 4; ++queue) {
    ASSERT_EQ(source->Receive(queue, frames, 32), 32);
    EXPECT_EQ(frames[0]->pkt_len, 64u);
    EXPECT_EQ(sink->Transmit(0, frames, 32), 32);
  }
  EXPECT_EQ(sink->Receive(0, frames, 32), 0);
  EXPECT_EQ(sink->Statistics().transmit_errors, 0u);
}

// Runs inside rte_eth_tx_burst(): sees whether two workers are there at once, and stays long enough
// for it.
struct Overlap {
  std::atomic<int> inside = 0;
  std::atomic<bool> seen = false;

  static uint16_t Look(uint16_t, uint16_t, rte_mbuf**, uint16_t count, void* self) {
    auto* overlap = static_cast<Overlap*>(self);
    if (overlap->inside.fetch_add(1) != 0) overlap->seen = true;
    for (int i = 0; i < 20; ++i) std::this_thread::yield();
    overlap->inside.fetch_sub(1);
    return count;
  }
};

TEST_F(EthdevPortTest, WorkersShareTheOnlyTransmitQueue) {
  static constexpr uint16_t kWorkers = 2;
  static constexpr size_t kBursts = 500;
  static constexpr uint16_t kBurst = 8;
  const std::string path = Path("shared.pcap");
  auto port = OpenOrFail("net_pcap_shared,rx_pcap=" + EmptyPcap("in.pcap") + ",tx_pcap=" + path, 1,
                         kWorkers);
  EXPECT_EQ(port->transmit_queues(), 1);
  Overlap overlap;
  const auto* callback = rte_eth_add_tx_callback(port->port_id(), 0, Overlap::Look, &overlap);
  ASSERT_NE(callback, nullptr);
  std::latch ready(kWorkers);
  std::vector<std::thread> workers;
  for (uint16_t worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&port, &ready, worker] {
      ready.arrive_and_wait();
      for (size_t i = 0; i < kBursts; ++i) {
        rte_mbuf* frames[kBurst];
        for (rte_mbuf*& frame : frames) frame = MakeFrame(static_cast<uint8_t>(worker + 1));
        EXPECT_EQ(port->Transmit(worker, frames, kBurst), kBurst);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_FALSE(overlap.seen);
  rte_eth_remove_tx_callback(port->port_id(), 0, callback);
  port.reset();

  // The file is whole, and bursts follow one another.
  std::ifstream file(path, std::ios::binary);
  const std::string capture{std::istreambuf_iterator<char>(file), {}};
  constexpr size_t kRecordBytes = kPcapRecordHeaderBytes + kFrameBytes;
  ASSERT_EQ(capture.size(), kPcapFileHeaderBytes + kWorkers * kBursts * kBurst * kRecordBytes);
  size_t frames_of[kWorkers + 1] = {};
  for (size_t burst = 0; burst < kWorkers * kBursts; ++burst) {
    const size_t start = kPcapFileHeaderBytes + burst * kBurst * kRecordBytes;
    const char worker = capture[start + kPcapRecordHeaderBytes];
    for (size_t i = 0; i < kBurst; ++i) {
      const std::string frame =
          capture.substr(start + i * kRecordBytes + kPcapRecordHeaderBytes, kFrameBytes);
      ASSERT_EQ(frame, std::string(kFrameBytes, worker)) << "burst " << burst;
    }
    frames_of[static_cast<size_t>(worker)] += kBurst;
  }
  EXPECT_EQ(frames_of[1], kBursts * kBurst);
  EXPECT_EQ(frames_of[2], kBursts * kBurst);
}

// --- Devices come and go ---

TEST_F(EthdevPortTest, ADeviceGoesWithItsPortAndCanComeBack) {
  const unsigned before = rte_eth_dev_count_total();
  for (int i = 0; i < 5; ++i) {
    auto port = OpenOrFail("net_null_again");
    EXPECT_EQ(rte_eth_dev_count_total(), before + 1);
    port.reset();
    EXPECT_EQ(rte_eth_dev_count_total(), before);
  }
}

TEST_F(EthdevPortTest, TakesADeviceThatIsProbedAlready) {
  ASSERT_EQ(rte_eal_hotplug_add("vdev", "net_null_there", "size=80"), 0);
  auto port = OpenOrFail("net_null_there");
  EXPECT_EQ(port->device_name(), "net_null_there");
  rte_mbuf* frame = nullptr;
  ASSERT_EQ(port->Receive(0, &frame, 1), 1);
  EXPECT_EQ(frame->pkt_len, 80u);
  rte_pktmbuf_free(frame);
}

TEST_F(EthdevPortTest, ADeviceServesOnePort) {
  auto port = OpenOrFail("net_null_one");
  EXPECT_EQ(ErrorOf(Settings(), Options("net_null_one")),
            "uplink0: net_null_one is in use by another port");
  rte_mbuf* frame = nullptr;
  EXPECT_EQ(port->Receive(0, &frame, 1), 1) << "the port goes on as before";
  rte_pktmbuf_free(frame);
}

TEST_F(EthdevPortTest, SaysWhenDpdkHasNoRoomForMore) {
  std::vector<std::unique_ptr<EthdevPort>> ports;
  while (rte_eth_dev_count_total() < RTE_MAX_ETHPORTS) {
    ports.push_back(OpenOrFail("net_null_many" + std::to_string(ports.size())));
  }
  EXPECT_THAT(ErrorOf(Settings(), Options("net_null_more")),
              HasSubstr("built for " + std::to_string(RTE_MAX_ETHPORTS) + " devices"));
}

// --- Refusals, in words; TearDown() sees that they leave no device behind. ---

TEST_F(EthdevPortTest, NamesADriverThatIsNotThere) {
  EXPECT_THAT(ErrorOf(Settings(), Options("net_nonsense0,iface=lo")),
              HasSubstr("uplink0: DPDK has no driver for \"net_nonsense0\""));
}

TEST_F(EthdevPortTest, NamesAnInterfaceThatIsNotThere) {
  EXPECT_EQ(ErrorOf(Settings(), Options("net_af_packet0,iface=eth99")),
            "uplink0: net_af_packet0: there is no interface \"eth99\": `ip link show` lists what "
            "there is");
}

TEST_F(EthdevPortTest, NamesArgumentsThatTheDriverRefuses) {
  EXPECT_THAT(ErrorOf(Settings(), Options("net_null_wrong,colour=red")),
              HasSubstr("net_null_wrong: the driver refuses \"colour=red\""));
}

TEST_F(EthdevPortTest, DoesNotWaitForAPeer) {
  EXPECT_THAT(ErrorOf(Settings(), Options("net_virtio_user0,server=1,path=" + Path("v.sock"))),
              HasSubstr("leave server=1 out"));
}

TEST_F(EthdevPortTest, NamesPciDevicesThatAreNone) {
  EthdevOptions options = Options("");
  options.device.pci_address = "third slot";
  EXPECT_EQ(ErrorOf(Settings(), options),
            "uplink0: \"third slot\" is no PCI address: `lspci -D` shows them as 0000:3b:00.0");
  options.device.pci_address = "ff:1f.7";
  EXPECT_EQ(ErrorOf(Settings(), options),
            "uplink0: no PCI device 0000:ff:1f.7 on this machine: `lspci -D` lists what there is");
}

TEST_F(EthdevPortTest, WantsOneDevice) {
  EthdevOptions options = Options("net_null0");
  options.device.pci_address = "0000:3b:00.0";
  EXPECT_THAT(ErrorOf(Settings(), options), HasSubstr("one of them"));
  EXPECT_THAT(ErrorOf(Settings(), Options("")), HasSubstr("one of them"));
}

TEST_F(EthdevPortTest, NamesTheMostQueues) {
  const std::string vdev =
      "net_pcap_queues,rx_pcap=" + EmptyPcap("in.pcap") + ",tx_pcap=" + Path("out.pcap");
  EXPECT_EQ(ErrorOf(Settings(2), Options(vdev)),
            "uplink0: net_pcap_queues has at most 1 receive queue, not 2");
}

TEST_F(EthdevPortTest, NamesTheLimitsOfTheMtu) {
  PortSettings settings = Settings();
  settings.mtu_bytes = 9000;
  // max_rx_pktlen of net_memif is that of plain Ethernet.
  EXPECT_THAT(ErrorOf(settings, Options("net_memif0,role=server,socket-abstract=no,socket=" +
                                        Path("memif.sock"))),
              ContainsRegex("net_memif0 takes an MTU of [0-9]+ to [0-9]+, not 9000"));
  EXPECT_THAT(ErrorOf(settings, Options("net_null_jumbo")),
              HasSubstr("net_null_jumbo needs buffers of 9018 bytes for an MTU of 9000"));
}

TEST_F(EthdevPortTest, SpreadsLargeFramesOverBuffersWhereTheDeviceCan) {
  PortSettings settings = Settings();
  settings.mtu_bytes = 9000;
  EXPECT_EQ(ErrorOf(settings, Options("net_ring_jumbo")), "");
}

TEST_F(EthdevPortTest, SaysHowAPciDeviceIsBound) {
  const std::filesystem::path devices = Path("sys/bus/pci/devices");
  const auto bind = [&](const std::string& address, const std::string& driver) {
    std::filesystem::create_directories(devices / address);
    if (!driver.empty()) {
      std::filesystem::create_directory_symlink("../../../bus/pci/drivers/" + driver,
                                                devices / address / "driver");
    }
    return std::string(CheckPciBinding(address, Path("sys")).message());
  };
  EXPECT_EQ(bind("0000:3b:00.0", "ixgbe"),
            "0000:3b:00.0 is bound to ixgbe: dpdk-devbind.py -b vfio-pci 0000:3b:00.0");
  EXPECT_EQ(bind("0000:3b:00.1", ""),
            "0000:3b:00.1 is bound to no driver: dpdk-devbind.py -b vfio-pci 0000:3b:00.1");
  EXPECT_EQ(bind("0000:3b:00.2", "vfio-pci"), "");
  EXPECT_EQ(bind("0000:3b:00.3", "mlx5_core"), "");
}

// --- The vdev string ---

TEST(Vdev, KnowsTheInterfaceThatADeviceBorrows) {
  EXPECT_EQ(ParseVdev("net_af_packet0,iface=eth1,qpairs=2").interface, "eth1");
  EXPECT_EQ(ParseVdev("eth_af_packet0,qpairs=2,iface=eth1").name, "eth_af_packet0");
  EXPECT_EQ(ParseVdev("net_af_xdp0,iface=eth2").interface, "eth2");
  EXPECT_EQ(ParseVdev("net_tap0,iface=tap7").interface, "") << "net_tap makes it itself";
  EXPECT_EQ(ParseVdev("net_null0").arguments, "");
}

TEST(Vdev, GivesAfPacketSlotsForTheMtu) {
  const std::string vdev = "net_af_packet0,iface=eth1";
  EXPECT_EQ(ParseVdevForMtu(vdev, 1500).arguments, "iface=eth1,framecnt=4096");
  EXPECT_EQ(ParseVdevForMtu(vdev, 1950).arguments, "iface=eth1,framecnt=4096");
  EXPECT_EQ(ParseVdevForMtu(vdev, 9000).arguments,
            "iface=eth1,framesz=9104,blocksz=16384,framecnt=512");
  EXPECT_EQ(ParseVdevForMtu(vdev + ",framesz=16384", 9000).arguments, "iface=eth1,framesz=16384");
  EXPECT_EQ(ParseVdevForMtu(vdev + ",framecnt=64", 1500).arguments, "iface=eth1,framecnt=64");
  EXPECT_EQ(ParseVdevForMtu("net_null0,size=64", 9000).arguments, "size=64");
}

}  // namespace
}  // namespace podwarp
