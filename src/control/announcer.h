// When to tell an uplink's segment where an address is (rule 12), and that the node is alive.
//
// A state machine without threads, sockets or clock: the caller sends what Due() returns.
// Thread rule: the control thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "podwarp/net/ip_address.h"
#include "podwarp/table/port_id.h"

namespace podwarp {

class Announcer {
 public:
  struct Due {
    enum Kind : uint8_t { kAnnounce, kKeepAlive } kind;
    PortId port;
    Ipv4Address address;  // kAnnounce
  };

  // `per_second`: announcements on each port; what is due beyond that waits.
  explicit Announcer(uint32_t per_second) : per_second_(per_second) {}

  // A frame every 60 s from now on, so that switches don't forget the node.
  void AddKeepAlive(PortId port, absl::Time now);
  // At 0, 1 and 3 s from now. One already under way for the same address starts anew.
  void Announce(PortId port, Ipv4Address address, absl::Time now);
  // Rule 3: the true owner, once, if that wasn't done for the address in the last 10 s.
  void Defend(PortId port, Ipv4Address address, absl::Time now);
  // The address or the port has gone.
  void Withdraw(Ipv4Address address);
  void RemovePort(PortId port);

  std::vector<Due> TakeDue(absl::Time now);

  size_t waiting() const { return queue_.size(); }

 private:
  struct Planned {
    PortId port;
    Ipv4Address address;
    bool is_defence;  // else one of a run of three
  };
  struct Budget {
    absl::Time since = absl::InfinitePast();
    double tokens = 0;
  };
  using Key = std::pair<PortId, Ipv4Address>;

  bool TakeToken(PortId port, absl::Time now);

  const uint32_t per_second_;
  std::multimap<absl::Time, Planned> queue_;
  absl::flat_hash_map<Key, absl::Time> defended_;
  absl::flat_hash_map<PortId, absl::Time> keep_alive_;
  absl::flat_hash_map<PortId, Budget> budgets_;
};

}  // namespace podwarp
