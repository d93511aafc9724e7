// Theory of operation
//
// What is asked for is copied from the table behind, once: afterwards the copy is all that counts.
// A copy that was removed stays so. So a rehearsed frame finds what the frame would find, and what
// it would have added is found by those that are made in answer to it.
#include <algorithm>

#include "podwarp/table/connection_table.h"
#include "table/connection_index.h"
#include "table/connection_numbers.h"

namespace podwarp {
namespace {

// A frame adds two at most (one for its affinity), and looks for some 20 before.
constexpr uint32_t kRehearsedConnections = 256;

}  // namespace

ConnectionTable::ConnectionTable(Rcu* rcu, ConnectionTable* behind)
    : rcu_(rcu),
      capacity_(kRehearsedConnections),
      memory_(size_t{capacity_} * sizeof(Connection)),
      connections_(static_cast<Connection*>(memory_.data())),
      index_(std::make_unique<ConnectionIndex>(connections_, capacity_)),
      numbers_(std::make_unique<ConnectionNumbers>(capacity_, /*workers=*/1)),
      counters_(1),
      unlinked_(ConnectionNumbers::kNone),
      behind_(behind) {}

void ConnectionTable::Fetch(const FlowKey& key) {
  if (index_->Find(key) != ConnectionIndex::kNone) return;
  const Connection* const there = behind_->Lookup(key).connection;
  if (there == nullptr || std::find(fetched_.begin(), fetched_.end(), there) != fetched_.end()) {
    return;
  }
  const ConnectionState state = there->state.load(std::memory_order_relaxed);
  if (state == ConnectionState::kUnlinked) return;
  fetched_.push_back(there);
  const Added copy = Insert(/*worker=*/0,
                            {.original = there->original,
                             .translated = there->translated,
                             .backend = there->backend,
                             .kind = there->kind,
                             .affinity_ticks = there->affinity_ticks},
                            there->last_used.load(std::memory_order_relaxed));
  // Else a worker is changing it at this moment.
  if (copy.result != AddResult::kAdded) return;
  copy.connection->state.store(state, std::memory_order_relaxed);
  copy.connection->fins.store(there->fins.load(std::memory_order_relaxed),
                              std::memory_order_relaxed);
}

// A number that the copies' removal would give back is free only after a grace period there too.
bool ConnectionTable::HasRoomBehind() const {
  const uint64_t added = statistics().in_use - fetched_.size();
  return behind_->statistics().in_use + added < behind_->capacity_;
}

}  // namespace podwarp
