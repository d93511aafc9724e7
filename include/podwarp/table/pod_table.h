// Who is behind a port, for what workers must know when a frame comes in: which MAC and addresses
// are its own.
//
//   Writer:   the control thread.
//   Readers:  workers.
//   Publish:  an immutable Pod, swapped whole.
//   Reclaim:  the old Pod after a grace period.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "podwarp/net/ip_address.h"
#include "podwarp/net/ip_prefix.h"
#include "podwarp/net/mac_address.h"
#include "podwarp/table/port_id.h"
#include "podwarp/table/rcu.h"

namespace podwarp {

struct Pod {
  std::string name;  // "namespace/name"
  MacAddress mac;
  std::vector<Ipv4Address> addresses;  // at least one
  std::vector<Ipv4Prefix> allowed_prefixes;
  // The node's own kernel, behind the host port: it may send from any address.
  bool is_host = false;

  bool Owns(Ipv4Address address) const {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
  }
  bool MaySendFrom(Ipv4Address address) const {
    // Nearly every pod has one address and sends from it.
    return address == addresses.front() || is_host || Owns(address) ||
           std::any_of(allowed_prefixes.begin(), allowed_prefixes.end(),
                       [&](const Ipv4Prefix& prefix) { return prefix.Contains(address); });
  }
};

class PodTable {
 public:
  explicit PodTable(Rcu* rcu) : rcu_(rcu) {}
  ~PodTable();
  PodTable(const PodTable&) = delete;
  PodTable& operator=(const PodTable&) = delete;

  // --- Readers. nullptr: nobody is behind the port (an uplink; a port being set up). ---
  const Pod* Get(PortId port) const { return pods_[port].load(std::memory_order_acquire); }

  // --- The writer. ---
  void Set(PortId port, Pod pod);
  void Remove(PortId port);

 private:
  void Swap(PortId port, const Pod* pod);

  Rcu* const rcu_;
  std::array<std::atomic<const Pod*>, kMaxPorts> pods_{};
};

}  // namespace podwarp
