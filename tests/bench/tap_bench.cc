// What a frame costs at a tap, and whether another way of asking the kernel would be cheaper.
// Needs root. Bursts of 32 frames; time is a worker's own, per frame (items_per_second).
//
//   TapReceive, TapTransmit  what TapPort does: one readv or writev a frame
//   BounceReceive            readv into one mbuf and a 64 KiB buffer, long frames copied from there
//   UringReceive             the same reads, a burst of them in one io_uring_enter
//   UringTransmit            the burst's writev calls in one io_uring_enter
#include <benchmark/benchmark.h>
#include <glog/logging.h>
#include <liburing.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <vector>

#include "platform/netlink.h"
#include "platform/network_namespace.h"
#include "port/tap_port.h"
#include "port/vnet_header.h"
#include "support/eal.h"
#include "support/mbuf.h"
#include "support/packet.h"

namespace podwarp::test {
namespace {

constexpr unsigned kBurst = 32;
constexpr size_t kBounceBytes = 65'536 + 32;
const MacAddress kMac = "02:00:00:00:00:01"_mac;
const MacAddress kPeer = "02:00:00:00:00:02"_mac;

// `bytes` on the wire; more than an MTU is one TCP segment to be cut.
Packet Frame(size_t bytes) {
  return Ethernet(kMac, kPeer) / Ipv4("10.0.0.1"_ip, "10.0.0.2"_ip) / Tcp(1, 2).PartialChecksum() /
         Payload(bytes - 54);
}
Offload OffloadFor(size_t bytes) {
  return {.segment_bytes = static_cast<uint16_t>(bytes > 1514 ? 1460 : 0),
          .l3_bytes = 20,
          .l4_bytes = 20,
          .checksum_wanted = true,
          .trusted = true,
          .l4_protocol = kIpProtocolTcp,
          .udp_datagrams = false};
}

// A pool as a worker's: with a cache for its lcore, unlike TestPool().
rte_mempool* Pool() {
  TestPool();
  static rte_mempool* const kPool =
      rte_pktmbuf_pool_create("bench", 16'383, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  CHECK(kPool != nullptr);
  return kPool;
}

// A tap that is up, in a namespace that is this process's alone, and a packet socket by which the
// kernel is made to send on it.
class Tap {
 public:
  static Tap& Instance() {
    static Tap tap;
    return tap;
  }
  TapPort& port() { return *port_; }
  int fd() const { return port_->ReadinessFd(0); }

  // Puts a burst into the tap's ring.
  void Fill(const std::vector<uint8_t>& message) {
    for (unsigned i = 0; i < kBurst; ++i) {
      PCHECK(send(socket_, message.data(), message.size(), 0) == ssize_t(message.size()));
    }
  }

 private:
  Tap() {
    CHECK_EQ(unshare(CLONE_NEWNET), 0) << "needs root";
    CHECK(WriteNetworkSysctl("ipv6/conf/default/disable_ipv6", "1").ok());
    auto port = TapPort::Open({}, {.interface = "bench0", .mac = kMac, .pool = Pool()});
    CHECK(port.ok()) << port.status();
    port_ = *std::move(port);
    const auto netlink = Netlink::Open("");
    CHECK(netlink.ok() && (*netlink)->SetLink("bench0", {.up = true}).ok());
    socket_ = socket(AF_PACKET, SOCK_RAW, 0);
    const int on = 1;
    PCHECK(setsockopt(socket_, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_IP);
    address.sll_ifindex = static_cast<int>(if_nametoindex("bench0"));
    PCHECK(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }

  std::unique_ptr<TapPort> port_;
  int socket_;
};

// The packet socket's header is the old one of 10 bytes.
std::vector<uint8_t> Message(size_t bytes) {
  const MbufPtr frame(ToMbuf(Frame(bytes), {.offload = OffloadFor(bytes)}));
  const VnetHeader header = MakeVnetHeader(frame.get());
  std::vector<uint8_t> message(10);
  std::memcpy(message.data(), &header, 10);
  const Packet packet = Frame(bytes);
  message.insert(message.end(), packet.bytes().begin(), packet.bytes().end());
  return message;
}

double Seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

// `receive(frames)` returns how many it received.
template <typename F>
void RunReceive(benchmark::State& state, F receive) {
  const auto bytes = static_cast<size_t>(state.range(0));
  const std::vector<uint8_t> message = Message(bytes);
  int64_t total = 0;
  for (auto _ : state) {
    Tap::Instance().Fill(message);
    unsigned count = 0;
    double time = 0;
    while (count < kBurst) {
      rte_mbuf* frames[kBurst];
      const auto start = std::chrono::steady_clock::now();
      const unsigned n = receive(frames);
      time += Seconds(std::chrono::steady_clock::now() - start);
      for (unsigned i = 0; i < n; ++i) CHECK_EQ(frames[i]->pkt_len, bytes);
      rte_pktmbuf_free_bulk(frames, n);
      count += n;
    }
    state.SetIterationTime(time);
    total += count;
  }
  state.SetItemsProcessed(total);
}

template <typename F>
void RunTransmit(benchmark::State& state, F transmit) {
  const auto bytes = static_cast<size_t>(state.range(0));
  Tap::Instance();
  const MbufPtr original(ToMbuf(Frame(bytes), {.offload = OffloadFor(bytes)}));
  for (auto _ : state) {
    rte_mbuf* frames[kBurst];
    for (rte_mbuf*& frame : frames) {
      frame = rte_pktmbuf_copy(original.get(), Pool(), 0, UINT32_MAX);
      CHECK(frame != nullptr);
      SetOffload(frame, OffloadFor(bytes));
    }
    const auto start = std::chrono::steady_clock::now();
    transmit(frames);
    state.SetIterationTime(Seconds(std::chrono::steady_clock::now() - start));
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
}

void TapReceive(benchmark::State& state) {
  RunReceive(state,
             [](rte_mbuf** frames) { return Tap::Instance().port().Receive(0, frames, kBurst); });
}

// One read's memory in the variants.
struct Slot {
  VnetHeader header;
  rte_mbuf* mbuf = nullptr;
  std::vector<uint8_t> bounce = std::vector<uint8_t>(kBounceBytes);
  iovec vector[3];

  void Prepare() {
    if (mbuf == nullptr) mbuf = rte_pktmbuf_alloc(Pool());
    CHECK(mbuf != nullptr);
    vector[0] = {&header, sizeof(header)};
    vector[1] = {rte_pktmbuf_mtod(mbuf, void*), 2048};
    vector[2] = {bounce.data(), bounce.size()};
  }
  rte_mbuf* Take(size_t bytes) {
    rte_mbuf* const frame = std::exchange(mbuf, nullptr);
    frame->data_len = static_cast<uint16_t>(std::min<size_t>(bytes, 2048));
    frame->pkt_len = static_cast<uint32_t>(bytes);
    rte_mbuf* last = frame;
    const uint8_t* from = bounce.data();
    for (size_t left = bytes - frame->data_len; left > 0;) {
      rte_mbuf* const next = rte_pktmbuf_alloc(Pool());
      CHECK(next != nullptr);
      next->data_len = static_cast<uint16_t>(std::min<size_t>(left, 2048));
      std::memcpy(rte_pktmbuf_mtod(next, void*), from, next->data_len);
      from += next->data_len;
      left -= next->data_len;
      last->next = next;
      last = next;
      ++frame->nb_segs;
    }
    CHECK(ApplyVnetHeader(header, frame));
    return frame;
  }
};

void BounceReceive(benchmark::State& state) {
  static Slot slot;
  RunReceive(state, [](rte_mbuf** frames) {
    unsigned count = 0;
    while (count < kBurst) {
      slot.Prepare();
      const ssize_t result = readv(Tap::Instance().fd(), slot.vector, 3);
      if (result < 0) break;
      frames[count++] = slot.Take(static_cast<size_t>(result) - sizeof(VnetHeader));
    }
    return count;
  });
}

struct Ring {
  Ring() { CHECK_EQ(io_uring_queue_init(64, &ring, IORING_SETUP_SINGLE_ISSUER), 0); }
  ~Ring() { io_uring_queue_exit(&ring); }
  io_uring ring;
};

void UringReceive(benchmark::State& state) {
  static Slot slots[kBurst];
  Ring ring;
  RunReceive(state, [&](rte_mbuf** frames) {
    for (Slot& slot : slots) {
      slot.Prepare();
      io_uring_sqe* sqe = io_uring_get_sqe(&ring.ring);
      io_uring_prep_readv(sqe, Tap::Instance().fd(), slot.vector, 3, 0);
      io_uring_sqe_set_data(sqe, &slot);
    }
    CHECK_EQ(io_uring_submit_and_wait(&ring.ring, kBurst), int{kBurst});
    unsigned count = 0;
    for (unsigned i = 0; i < kBurst; ++i) {
      io_uring_cqe* cqe;
      CHECK_EQ(io_uring_wait_cqe(&ring.ring, &cqe), 0);
      auto* slot = static_cast<Slot*>(io_uring_cqe_get_data(cqe));
      if (cqe->res > 0) {
        frames[count++] = slot->Take(static_cast<size_t>(cqe->res) - sizeof(VnetHeader));
      }
      io_uring_cqe_seen(&ring.ring, cqe);
    }
    return count;
  });
}

void TapTransmit(benchmark::State& state) {
  RunTransmit(state, [](rte_mbuf** frames) {
    CHECK_EQ(Tap::Instance().port().Transmit(0, frames, kBurst), kBurst);
  });
  CHECK_EQ(Tap::Instance().port().Statistics().transmit_errors, 0u);
}

void UringTransmit(benchmark::State& state) {
  struct Write {
    VnetHeader header;
    iovec vector[40];
  };
  static Write writes[kBurst];
  Ring ring;
  RunTransmit(state, [&](rte_mbuf** frames) {
    for (unsigned i = 0; i < kBurst; ++i) {
      Write& write = writes[i];
      write.header = MakeVnetHeader(frames[i]);
      write.vector[0] = {&write.header, sizeof(write.header)};
      unsigned pieces = 1;
      for (const rte_mbuf* s = frames[i]; s != nullptr; s = s->next) {
        write.vector[pieces++] = {rte_pktmbuf_mtod(s, void*), s->data_len};
      }
      io_uring_prep_writev(io_uring_get_sqe(&ring.ring), Tap::Instance().fd(), write.vector, pieces,
                           0);
    }
    CHECK_EQ(io_uring_submit_and_wait(&ring.ring, kBurst), int{kBurst});
    for (unsigned i = 0; i < kBurst; ++i) {
      io_uring_cqe* cqe;
      CHECK_EQ(io_uring_wait_cqe(&ring.ring, &cqe), 0);
      CHECK_GT(cqe->res, 0);
      io_uring_cqe_seen(&ring.ring, cqe);
    }
    rte_pktmbuf_free_bulk(frames, kBurst);
  });
}

#define PODWARP_TAP_BENCHMARK(name) \
  BENCHMARK(name)->Arg(64)->Arg(1514)->Arg(60'054)->UseManualTime()->MinTime(0.3)
PODWARP_TAP_BENCHMARK(TapReceive);
PODWARP_TAP_BENCHMARK(BounceReceive);
PODWARP_TAP_BENCHMARK(UringReceive);
PODWARP_TAP_BENCHMARK(TapTransmit);
PODWARP_TAP_BENCHMARK(UringTransmit);
#undef PODWARP_TAP_BENCHMARK

}  // namespace
}  // namespace podwarp::test

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  podwarp::test::EnsureEal();
  benchmark::RunSpecifiedBenchmarks();
}
