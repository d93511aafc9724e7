// The node's ports by number.
//
//   Writer:   the control thread.
//   Readers:  workers.
//   Publish:  a port stands whole before its pointer is stored.
//   Reclaim:  a removed port is destroyed, and its number used again, after a grace period.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "podwarp/port/port.h"
#include "podwarp/table/rcu.h"

namespace podwarp {

class PortSet {
 public:
  explicit PortSet(Rcu* rcu);
  // REQUIRES: no reader is online.
  ~PortSet();
  PortSet(const PortSet&) = delete;
  PortSet& operator=(const PortSet&) = delete;

  // --- Readers. ---
  // nullptr if there is no such port (any more).
  Port* Get(PortId id) const { return slots_[id].port.load(std::memory_order_acquire); }
  // False: frames for the port need not be handed to it.
  bool IsUp(PortId id) const { return slots_[id].up.load(std::memory_order_relaxed); }

  // --- Any thread. ---
  // Some port's State() may have changed.
  void NoteStateChange() { state_changed_.store(true, std::memory_order_relaxed); }

  // --- The writer. ---
  // Whether that was noted since the last call.
  bool TakeStateChange() { return state_changed_.exchange(false, std::memory_order_relaxed); }
  // Errors: ResourceExhausted when every number is taken; AlreadyExists for a name in use.
  absl::StatusOr<PortId> Add(std::unique_ptr<Port> port);
  void Remove(PortId id);
  // Asks every port how it is, for IsUp(). In ascending order.
  std::vector<std::pair<PortId, PortState>> RefreshStates();
  // kNoPort if no port has this name.
  PortId Find(std::string_view name) const;
  // In ascending order.
  std::vector<PortId> Ids() const;

 private:
  struct Slot {
    std::atomic<Port*> port{nullptr};
    std::atomic<bool> up{false};
    bool taken = false;  // writer: until the grace period after removal is over
  };

  Rcu* const rcu_;
  std::array<Slot, kMaxPorts> slots_;
  std::atomic<bool> state_changed_{false};
};

}  // namespace podwarp
