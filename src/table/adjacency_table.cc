#include "podwarp/table/adjacency_table.h"

#include <glog/logging.h>
#include <sys/mman.h>

#include <new>

#include "absl/strings/str_cat.h"

namespace podwarp {

AdjacencyTable::AdjacencyTable(Rcu* rcu, uint32_t capacity) : rcu_(rcu), capacity_(capacity) {
  void* memory = mmap(nullptr, capacity * sizeof(Adjacency), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  PCHECK(memory != MAP_FAILED) << "adjacency table: " << capacity << " entries";
  entries_ = static_cast<Adjacency*>(memory);
  new (&entries_[kNoAdjacency]) Adjacency;
}

AdjacencyTable::~AdjacencyTable() {
  rcu_->Synchronize();  // what was retired points back to this table
  munmap(entries_, capacity_ * sizeof(Adjacency));
}

absl::StatusOr<AdjacencyIndex> AdjacencyTable::Add(const Adjacency& adjacency) {
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
  --in_use_;
  rcu_->Retire([this, index] { free_.push_back(index); });
}

}  // namespace podwarp
