#include "podwarp/port/port_set.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"

namespace podwarp {

std::string_view ToString(PortRole role) {
  switch (role) {
    case PortRole::kPod:
      return "pod";
    case PortRole::kUplink:
      return "uplink";
    case PortRole::kHost:
      return "host";
  }
  return "unknown";
}

PortSet::PortSet(Rcu* rcu) : rcu_(rcu) {}

PortSet::~PortSet() {
  for (const PortId id : Ids()) Remove(id);
  rcu_->Synchronize();
}

absl::StatusOr<PortId> PortSet::Add(std::unique_ptr<Port> port) {
  const std::string& name = port->settings().name;
  if (Find(name) != kNoPort) {
    return absl::AlreadyExistsError(absl::StrCat("there is a port '", name, "' already"));
  }
  for (PortId id = 0; id < kMaxPorts; ++id) {
    Slot& slot = slots_[id];
    if (slot.taken) continue;
    slot.taken = true;
    slot.up.store(port->State().up, std::memory_order_relaxed);
    slot.port.store(port.release(), std::memory_order_release);
    return id;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("port '", name, "': all ", kMaxPorts, " port numbers are taken"));
}

void PortSet::Remove(PortId id) {
  Slot& slot = slots_[id];
  const Port* port = slot.port.exchange(nullptr, std::memory_order_acq_rel);
  CHECK(port != nullptr) << "port " << id;
  slot.up.store(false, std::memory_order_relaxed);
  rcu_->Retire([&slot, port] {
    delete port;
    slot.taken = false;
  });
}

std::vector<std::pair<PortId, PortState>> PortSet::RefreshStates() {
  std::vector<std::pair<PortId, PortState>> states;
  for (const PortId id : Ids()) {
    PortState state = Get(id)->State();
    slots_[id].up.store(state.up, std::memory_order_relaxed);
    states.emplace_back(id, std::move(state));
  }
  return states;
}

PortId PortSet::Find(std::string_view name) const {
  for (const PortId id : Ids()) {
    if (Get(id)->settings().name == name) return id;
  }
  return kNoPort;
}

std::vector<PortId> PortSet::Ids() const {
  std::vector<PortId> ids;
  for (PortId id = 0; id < kMaxPorts; ++id) {
    if (Get(id) != nullptr) ids.push_back(id);
  }
  return ids;
}

}  // namespace podwarp
