// Which MAC an address on an uplink's segment has: remote nodes known by underlay address only, the
// router to the outside, and hosts that this node's kernel talks to. Asked by ARP (RFC 826), and
// asked again from time to time as RFC 4861 7.3 does for IPv6.
//
// A state machine without threads, sockets or clock: the caller sends what Due() returns and passes
// on the answers. Thread rule: the control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

class Neighbors {
 public:
  enum class State : uint8_t {
    kAsked,     // no answer yet
    kResolved,  // answered within the last minute or so
    kSilent,    // has answered once, but not lately; its last MAC is still used
  };
  struct Neighbor {
    PortId uplink = kNoPort;
    bool is_configured = false;  // stays for ever; others go when they fall silent
    State state = State::kAsked;
    std::optional<MacAddress> mac;
    uint32_t unanswered = 0;  // requests since the last answer
    absl::Time next_request;
  };
  struct Request {
    PortId uplink;
    Ipv4Address address;
    std::optional<MacAddress> to;  // unicast; broadcast if unset
  };

  // How many that nobody configured there may be at once: a scan of the segment must not fill the
  // tables.
  static constexpr size_t kMaxUnconfigured = 1024;

  // Starts asking, at once. False if it is known already, or one too many.
  bool Add(Ipv4Address address, PortId uplink, bool is_configured, absl::Time now);
  void Remove(Ipv4Address address);

  // True if `mac` is news. An answer from an address that nobody asked for, or by another uplink,
  // is ignored.
  bool Answered(Ipv4Address address, PortId uplink, const MacAddress& mac, absl::Time now);

  struct Actions {
    std::vector<Request> requests;
    std::vector<Ipv4Address> silent;  // configured ones that fell silent, or never answered: once
    std::vector<Ipv4Address> gone;    // unconfigured ones that fell silent: removed
  };
  Actions Due(absl::Time now);

  const absl::btree_map<Ipv4Address, Neighbor>& all() const { return neighbors_; }

 private:
  absl::btree_map<Ipv4Address, Neighbor> neighbors_;
  size_t unconfigured_ = 0;
};

std::string_view ToString(Neighbors::State state);

}  // namespace podwarp
