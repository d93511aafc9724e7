#include "podwarp/table/adjacency_table.h"

#include <glog/logging.h>

#include <new>

#include "absl/strings/str_cat.h"

namespace podwarp {

std::string_view ToString(NextHopKind kind) {
  switch (kind) {
    case NextHopKind::kNone:
      return "none";
    case NextHopKind::kUnowned:
      return "unowned";
    case NextHopKind::kReserved:
      return "reserved";
    case NextHopKind::kService:
      return "service";
    case NextHopKind::kExternalService:
      return "external_service";
    case NextHopKind::kLocal:
      return "local";
    case NextHopKind::kOnLink:
      return "on_link";
    case NextHopKind::kUnresolved:
      return "unresolved";
    case NextHopKind::kPod:
      return "pod";
    case NextHopKind::kHost:
      return "host";
    case NextHopKind::kNode:
      return "node";
    case NextHopKind::kNeighbor:
      return "neighbor";
  }
  return "unknown";
}

AdjacencyTable::AdjacencyTable(Rcu* rcu, uint32_t capacity)
    : rcu_(rcu),
      capacity_(capacity),
      memory_(capacity * sizeof(Adjacency)),
      entries_(static_cast<Adjacency*>(memory_.data())) {
  CHECK_GT(capacity, kNoAdjacency);
  CHECK_LE(capacity, uint32_t{1} << kAdjacencyIndexBits);
  new (&entries_[kNoAdjacency]) Adjacency;
}

// What was retired points back to this table.
AdjacencyTable::~AdjacencyTable() { rcu_->Synchronize(); }

absl::StatusOr<AdjacencyIndex> AdjacencyTable::Add(const Adjacency& adjacency) {
  // An entry whose grace period is over may still wait for the next Poll().
  if (free_.empty() && next_unused_ == capacity_) rcu_->Poll();
  AdjacencyIndex index;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else if (next_unused_ < capacity_) {
    index = next_unused_++;
  } else {
    return absl::ResourceExhaustedError(
        absl::StrCat("the adjacency table is full: ", capacity_, " entries"));
  }
  new (&entries_[index]) Adjacency(adjacency);
  ++in_use_;
  return index;
}

void AdjacencyTable::Remove(AdjacencyIndex index) {
  CHECK_NE(index, kNoAdjacency);
  CHECK_LT(index, next_unused_);
  --in_use_;
  rcu_->Retire([this, index] { free_.push_back(index); });
}

}  // namespace podwarp
