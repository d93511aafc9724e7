#include "podwarp/table/pod_table.h"

namespace podwarp {

PodTable::~PodTable() {
  for (PortId port = 0; port < kMaxPorts; ++port) Remove(port);
  rcu_->Synchronize();
}

void PodTable::Set(PortId port, Pod pod) { Swap(port, new Pod(std::move(pod))); }

void PodTable::Remove(PortId port) { Swap(port, nullptr); }

void PodTable::Swap(PortId port, const Pod* pod) {
  const Pod* old = pods_[port].exchange(pod, std::memory_order_acq_rel);
  if (old != nullptr) rcu_->RetireObject(old);
}

}  // namespace podwarp
