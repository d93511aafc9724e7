#include "port/tap_port.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "port/tap_buffers.h"
#include "port/vnet_header.h"

namespace podwarp {
namespace {

constexpr char kTunDevice[] = "/dev/net/tun";

// Since Linux 6.2, and only both together; <linux/if_tun.h> may be older.
constexpr unsigned kTunUdpSegments = 0x20 | 0x40;

// Frames from other ports may come in smaller pieces than a tap's own.
constexpr unsigned kMaxWriteSegments = 128;

// One writer, so that no atomic addition is needed.
void AddOne(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

absl::Status CheckOptions(const TapOptions& options) {
  const std::string& name = options.interface;
  // The kernel would take % as a pattern for a name.
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
      name.find_first_of("/:% \t\n") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", name, "\" is no interface's name: 1 to 15 characters, none of / : % or a blank"));
  }
  if (rte_pktmbuf_data_room_size(options.pool) < RTE_PKTMBUF_HEADROOM + TapBuffers::kMinDataBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("tap ", name, ": the pool's buffers hold less than 2 KiB and the headroom"));
  }
  return absl::OkStatus();
}

absl::Status AttachError(int error, const TapOptions& options) {
  const std::string interface =
      absl::StrCat("interface ", options.interface, InNamespace(options.netns));
  switch (error) {
    case EBUSY:
      return absl::AlreadyExistsError(
          absl::StrCat(interface, " is in use by another process, another podwarp perhaps"));
    case EINVAL:
      return absl::AlreadyExistsError(absl::StrCat(
          interface, " exists, but it is no tap, or one for another number of queues; delete it"));
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat(interface, ": no permission to make a tap; this needs CAP_NET_ADMIN"));
    default:
      return absl::InternalError(
          absl::StrCat("can't open tap ", interface, ": ", std::strerror(error)));
  }
}

std::string HowToSetUp(const std::string& netns, const std::string& interface) {
  for (const char* folder : {"/run/netns/", "/var/run/netns/"}) {
    absl::string_view name = netns;
    if (absl::ConsumePrefix(&name, folder)) {
      return absl::StrCat("ip -n ", name, " link set ", interface, " up");
    }
  }
  return netns.empty() ? absl::StrCat("ip link set ", interface, " up")
                       : absl::StrCat("nsenter --net=", netns, " ip link set ", interface, " up");
}

enum class WriteResult : uint8_t { kDone, kFull, kRefused };

WriteResult WriteFrame(int fd, rte_mbuf* frame) {
  if (frame->nb_segs > kMaxWriteSegments) return WriteResult::kRefused;
  VnetHeader header = MakeVnetHeader(frame);
  iovec vector[kMaxWriteSegments + 1];
  vector[0] = {.iov_base = &header, .iov_len = sizeof(header)};
  int pieces = 1;
  for (const rte_mbuf* segment = frame; segment != nullptr; segment = segment->next) {
    vector[pieces++] = {.iov_base = rte_pktmbuf_mtod(segment, void*), .iov_len = segment->data_len};
  }
  while (writev(fd, vector, pieces) < 0) {
    if (errno == EAGAIN) return WriteResult::kFull;
    if (errno != EINTR) return WriteResult::kRefused;
  }
  return WriteResult::kDone;
}

}  // namespace

TapPort::TapPort(PortSettings settings, TapOptions options)
    : Port(std::move(settings)),
      options_(std::move(options)),
      queues_(std::make_unique<Queue[]>(this->settings().receive_queues)),
      transmitters_(std::make_unique<Transmitter[]>(this->settings().workers)) {
  set_capabilities({.multi_segment = true});
}

TapPort::~TapPort() {
  for (uint16_t i = 0; i < settings().receive_queues; ++i) {
    if (queues_[i].fd >= 0) close(queues_[i].fd);
  }
}

absl::StatusOr<std::unique_ptr<TapPort>> TapPort::Open(PortSettings settings, TapOptions options) {
  if (const auto status = CheckOptions(options); !status.ok()) return status;
  std::unique_ptr<TapPort> port(new TapPort(std::move(settings), std::move(options)));
  if (const auto status = port->OpenQueues(); !status.ok()) return status;
  return port;
}

absl::Status TapPort::OpenQueues() {
  const auto id = NetworkNamespaceIdOf(options_.netns);
  if (!id.ok()) return id.status();
  namespace_id_ = *id;
  auto netlink = Netlink::Open(options_.netns);
  if (!netlink.ok()) return netlink.status();
  netlink_ = *std::move(netlink);
  {
    // A descriptor of the tun device makes its interface in the namespace it was opened in.
    const auto scope = NetworkNamespaceScope::Enter(options_.netns);
    if (!scope.ok()) return scope.status();
    for (uint16_t i = 0; i < settings().receive_queues; ++i) {
      if (const auto status = AttachQueue(queues_[i]); !status.ok()) return status;
    }
  }
  if (const auto status = netlink_->SetLink(options_.interface, {.mac = options_.mac});
      !status.ok()) {
    return status;
  }
  // Last, so that a tap that could not be opened leaves nothing behind.
  if (ioctl(queues_[0].fd, TUNSETPERSIST, options_.persistent ? 1UL : 0UL) != 0) {
    return AttachError(errno, options_);
  }
  return absl::OkStatus();
}

absl::Status TapPort::AttachQueue(Queue& queue) {
  // Not blocking also for the sake of speed: it is what lets the kernel build a small frame's skb
  // in one piece (tun_can_build_skb).
  queue.fd = open(kTunDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (queue.fd < 0) {
    return absl::FailedPreconditionError(absl::StrCat("can't open ", kTunDevice, ": ",
                                                      std::strerror(errno),
                                                      "; taps need the kernel module tun"));
  }
  ifreq request{};
  options_.interface.copy(request.ifr_name, IFNAMSIZ - 1);
  const int kind =
      IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (settings().receive_queues > 1 ? IFF_MULTI_QUEUE : 0);
  request.ifr_flags = static_cast<int16_t>(kind);
  if (ioctl(queue.fd, TUNSETIFF, &request) != 0) return AttachError(errno, options_);
  const int header_bytes = sizeof(VnetHeader);
  if (ioctl(queue.fd, TUNSETVNETHDRSZ, &header_bytes) != 0) return AttachError(errno, options_);
  return NegotiateOffloads(queue.fd);
}

// Tells the kernel what it may leave undone in the frames it hands us. What we may leave undone is
// not asked: of the kernel's own abilities only segmented UDP depends on its version.
absl::Status TapPort::NegotiateOffloads(int fd) {
  constexpr unsigned kAll = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | kTunUdpSegments;
  for (const unsigned offloads :
       {kAll, kAll & ~kTunUdpSegments, unsigned{TUN_F_CSUM | TUN_F_TSO4}, unsigned{TUN_F_CSUM}}) {
    if (ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(offloads)) != 0) continue;
    set_capabilities({.checksum = true,
                      .tcp_segments = (offloads & TUN_F_TSO4) != 0,
                      .udp_datagrams = (offloads & kTunUdpSegments) != 0,
                      .multi_segment = true});
    return absl::OkStatus();
  }
  return AttachError(errno, options_);
}

// Why plain readv and writev, by tests/bench/tap_bench.cc (bursts of 32, one core at 2.6 GHz, Linux
// 6.18, microseconds a frame, middle one of three runs, a build beside it):
//
//                                              64 B   1514 B   60 KB segment
//   readv into a chain of 33 mbufs (this)      1.29     1.39      12.2
//   readv into one mbuf and a 64 KiB buffer    1.23     1.32      14.9
//   the latter by io_uring, 32 at once         0.96     1.02      18.7
//   writev (this)                              2.55     2.66      11.8
//   writev by io_uring, 32 at once             2.11     2.08      10.9
//
// io_uring saves a fifth on small frames, and is often forbidden in containers, so that this way
// would have to stay beside it. For large segments, which is how TCP comes, the chain wins.
uint16_t TapPort::Receive(uint16_t queue_index, rte_mbuf** frames, uint16_t capacity) {
  Queue& queue = queues_[queue_index];
  TapBuffers buffers(options_.pool);
  uint16_t count = 0;
  while (count < capacity) {
    if (!buffers.Fill()) {
      AddOne(queue.receive_no_buffer);
      break;
    }
    const ssize_t result = buffers.Read(queue.fd);
    if (result < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      // The kernel took the interface away from this descriptor.
      if (errno == EBADFD) GiveUp(queue);
      AddOne(queue.receive_errors);
      break;
    }
    const ssize_t bytes = result - ssize_t{sizeof(VnetHeader)};
    if (bytes < kEthernetHeaderBytes || bytes > ssize_t{buffers.capacity_bytes()}) {
      AddOne(queue.receive_errors);
      continue;
    }
    rte_mbuf* const frame = buffers.Take(static_cast<uint32_t>(bytes));
    if (!ApplyVnetHeader(buffers.header(), frame)) {
      AddOne(queue.receive_errors);
      rte_pktmbuf_free(frame);
      continue;
    }
    frames[count++] = frame;
  }
  return count;
}

// Several workers write to one descriptor without a lock of ours: tun_get_user() builds each skb
// from the thread's own page fragment and hands it to the stack with only bottom halves off; what
// it shares (counters, the socket's memory account) is per CPU or atomic. IFF_NAPI would add locks,
// and isn't asked for. A character device has no file position to lock either.
uint16_t TapPort::Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) {
  const int fd = queues_[worker % settings().receive_queues].fd;
  uint16_t taken = 0;
  for (; taken < count; ++taken) {
    const WriteResult result = WriteFrame(fd, frames[taken]);
    if (result == WriteResult::kFull) break;
    if (result == WriteResult::kRefused) AddOne(transmitters_[worker].errors);
  }
  rte_pktmbuf_free_bulk(frames, taken);
  return taken;
}

// A tun descriptor without its interface reports EPOLLERR for ever, which epoll can't be told not
// to. A timer that is never armed is never ready and refuses writes; put in its place, under the
// same number, it makes the kernel take the tun device out of every epoll set.
void TapPort::GiveUp(Queue& queue) {
  queue.gone.store(true, std::memory_order_relaxed);
  const int never = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (never < 0) return;  // no descriptor left: the next Receive() tries again
  dup3(never, queue.fd, O_CLOEXEC);
  close(never);
}

bool TapPort::IsGone() const {
  for (uint16_t i = 0; i < settings().receive_queues; ++i) {
    pollfd ready{.fd = queues_[i].fd, .events = 0, .revents = 0};
    if (queues_[i].gone.load(std::memory_order_relaxed)) return true;
    if (poll(&ready, 1, 0) > 0 && (ready.revents & POLLERR) != 0) return true;
  }
  return false;
}

PortState TapPort::State() const {
  const auto down = [](std::string why) { return PortState{.why_down = std::move(why)}; };
  const auto gone = [](std::string why) {
    return PortState{.why_down = std::move(why), .is_gone = true};
  };
  const std::string where =
      absl::StrCat("interface ", options_.interface, InNamespace(options_.netns));
  if (!options_.netns.empty()) {
    const auto id = NetworkNamespaceIdOf(options_.netns);
    if (!id.ok()) return gone(absl::StrCat("network namespace ", options_.netns, " is gone"));
    if (*id != namespace_id_) {
      return gone(absl::StrCat("network namespace ", options_.netns, " has been made anew"));
    }
  }
  if (IsGone()) return gone(absl::StrCat(where, " has been deleted"));
  const auto is_up = netlink_->IsUp(options_.interface);
  if (!is_up.ok()) return down(std::string(is_up.status().message()));
  if (!*is_up) {
    return down(
        absl::StrCat(where, " is down: `", HowToSetUp(options_.netns, options_.interface), "`"));
  }
  return PortState{.up = true};
}

DeviceStatistics TapPort::Statistics() const {
  DeviceStatistics statistics;
  for (uint16_t i = 0; i < settings().receive_queues; ++i) {
    statistics.receive_errors += queues_[i].receive_errors.load(std::memory_order_relaxed);
    statistics.receive_no_buffer += queues_[i].receive_no_buffer.load(std::memory_order_relaxed);
  }
  for (uint16_t i = 0; i < settings().workers; ++i) {
    statistics.transmit_errors += transmitters_[i].errors.load(std::memory_order_relaxed);
  }
  const auto link = netlink_->GetLink(options_.interface);
  if (link.ok()) statistics.receive_missed = link->transmit_dropped;
  return statistics;
}

}  // namespace podwarp
