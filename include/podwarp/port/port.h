// A place where frames come in and go out: an uplink, a pod's port, or the host port.
//
// Thread rule: Receive() and Transmit() are for workers. A receive queue belongs to one worker at a
// time; any worker may transmit. Everything else is for the control thread, and what is `const` and
// marked so may be called from any thread. Opening and destroying: the control thread, the latter
// only after no worker can reach the port any more (a grace period).
//
// "Receive" and "transmit" are podwarp's own view: what a pod sends, podwarp receives.
#pragma once

#include <rte_mbuf.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

enum class PortRole : uint8_t { kPod, kUplink, kHost };
std::string_view ToString(PortRole role);

// Constant while the port exists; a change in the configuration is a new port.
struct PortSettings {
  std::string name;  // unique on the node: "uplink0", "podwarp0", "default/web-1"
  PortRole role = PortRole::kPod;
  // What podwarp is called on this port: frames must be sent to it, and come from it. The virtual
  // MAC on an uplink, the gateway MAC elsewhere.
  MacAddress router_mac;
  uint16_t vlan_id = 0;  // the one VLAN that the port carries; 0 = untagged frames only
  uint16_t mtu_bytes = 1500;
  uint16_t receive_queues = 1;
  uint16_t workers = 1;  // how many may transmit
  // Uplinks only: the node's own address on this wire (0.0.0.0 = none), and whether podwarp answers
  // ARP there for its pods too.
  Ipv4Address underlay_address;
  bool announce_pods = false;
  bool announce_services = false;
};

// What a device does by itself with a frame's Offload; what it can't is done before Transmit().
// 8 bytes, so that it can be read in one piece while a guest negotiates anew.
struct alignas(8) PortCapabilities {
  bool checksum = false;       // fills in a wanted TCP or UDP checksum
  bool tcp_segments = false;   // cuts, or passes on whole, a TCP/IPv4 segment of up to 64 KiB
  bool udp_datagrams = false;  // the same for UDP that is to become datagrams (USO)
  bool udp_fragments = false;  // and for UDP that is to become IP fragments (UFO)
  bool vlan_insert = false;    // puts the tag in mbuf::vlan_tci into the frame
  bool multi_segment = false;  // takes frames of several mbufs
};

// How a receive queue says that it has frames.
enum class ReceiveMode : uint8_t {
  kPolled,    // not at all: it must be asked each round
  kReadable,  // ReadinessFd() is readable as long as it has frames
  kWakeable,  // not while it is polled; but once laid to Rest(), by ReadinessFd()
};

struct PortState {
  bool up = false;
  std::string why_down;     // one plain sentence; empty if up
  std::string peer;         // what is known about the other end, in words; may be empty
  bool is_gone = false;     // down for good: its owner is to close the port and open a new one
  uint32_t speed_mbps = 0;  // 0 = unknown
};

// What the device lost or refused on its own: these frames never reached, or already left, the
// frame's way, and stand apart from the drop reasons.
struct DeviceStatistics {
  uint64_t receive_missed = 0;  // its ring was full
  uint64_t receive_errors = 0;
  uint64_t receive_no_buffer = 0;  // the buffer pool was empty
  uint64_t transmit_errors = 0;
};

class Port {
 public:
  explicit Port(PortSettings settings) : settings_(std::move(settings)) {}
  virtual ~Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  const PortSettings& settings() const { return settings_; }  // any thread
  // Any thread. May change while the port is in use: a frame finished for what the port could do
  // before may then be of no use to the other end.
  PortCapabilities capabilities() const { return capabilities_->load(std::memory_order_relaxed); }

  // --- Workers. ---
  // Up to `capacity` frames (at most 64), whole Ethernet frames without frame check sequence, each
  // with its Offload where it has one. Returns how many.
  virtual uint16_t Receive(uint16_t queue, rte_mbuf** frames, uint16_t capacity) = 0;
  // Takes the first n frames and returns n; the rest stays with the caller. `worker` < settings().
  // workers.
  virtual uint16_t Transmit(uint16_t worker, rte_mbuf** frames, uint16_t count) = 0;
  // kWakeable queues begin at rest. Rest() has the sender say from now on when it sends; of what it
  // sent before it says nothing, so that the queue must be asked once more. False: the sender can't
  // say it, poll on. Wake() is called when ReadinessFd() became readable, and when that once more
  // found something: the sender need not say anything now.
  virtual bool Rest(uint16_t /*queue*/) { return false; }
  virtual void Wake(uint16_t /*queue*/) {}

  // --- Any thread. ---
  virtual ReceiveMode receive_mode() const { return ReceiveMode::kPolled; }
  // -1 for a polled queue.
  virtual int ReadinessFd(uint16_t /*queue*/) const { return -1; }

  // --- The control thread. ---
  virtual PortState State() const = 0;
  virtual DeviceStatistics Statistics() const = 0;
  // "tap", "net_af_packet", ...
  virtual std::string Driver() const = 0;

 protected:
  void set_capabilities(PortCapabilities capabilities) {
    own_capabilities_.store(capabilities, std::memory_order_relaxed);
  }
  // To be read from there from now on. It lives as long as the port; another thread may change it.
  void share_capabilities(const std::atomic<PortCapabilities>* capabilities) {
    capabilities_ = capabilities;
  }

 private:
  const PortSettings settings_;
  std::atomic<PortCapabilities> own_capabilities_{PortCapabilities{}};
  const std::atomic<PortCapabilities>* capabilities_ = &own_capabilities_;
  static_assert(std::atomic<PortCapabilities>::is_always_lock_free);
};

}  // namespace podwarp
