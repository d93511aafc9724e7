// The control thread's part of the connection table: what has timed out, what has to give way, and
// what can be used again.
//
// A hand goes round over all numbers that were ever used, some at each call, so that a round takes
// some 4 s if it is called every 10 ms. When less than 1/16 of the table is free it goes on, slice
// by slice, and unlinks half of each: of these, those that are of the least use. That isn't the
// idlest of the table, which nobody knows, but near: one that is among the busier half stays.
#include <glog/logging.h>

#include <algorithm>
#include <array>

#include "podwarp/net/headers.h"
#include "podwarp/table/connection_fins.h"
#include "podwarp/table/connection_table.h"
#include "table/connection_index.h"
#include "table/connection_numbers.h"

namespace podwarp {
namespace {

constexpr uint32_t kCallsPerRound = 400;
constexpr uint32_t kMinSlice = 64;
constexpr uint32_t kMaxSlice = 16384;
// Under pressure.
constexpr uint32_t kPressureSlice = 256;
constexpr uint32_t kMaxPressureSlices = 256;

constexpr uint32_t kNoNumber = ConnectionNumbers::kNone;

constexpr int kMostTold = 3;

// A worker's clock may be ahead of `now`.
uint32_t IdleTicks(const Connection& connection, uint32_t now) {
  const auto idle =
      static_cast<int32_t>(now - connection.last_used.load(std::memory_order_relaxed));
  return static_cast<uint32_t>(std::max(idle, 0));
}

uint32_t TimeoutOf(const Connection& connection, const ConnectionTimeouts& timeouts) {
  if (connection.kind == ConnectionKind::kAffinity) return connection.affinity_ticks;
  const ConnectionState state = connection.state.load(std::memory_order_relaxed);
  const bool is_new = state == ConnectionState::kNew;
  switch (connection.original.protocol) {
    case kIpProtocolTcp:
      if (is_new) return timeouts.tcp_new;
      if (state == ConnectionState::kClosing) return timeouts.tcp_closing;
      if (state == ConnectionState::kClosed) return timeouts.tcp_closed;
      return timeouts.tcp_established;
    case kIpProtocolSctp:
      return is_new ? timeouts.sctp_new : timeouts.sctp_established;
    default:
      return is_new ? timeouts.udp_new : timeouts.udp_established;
  }
}

// The greater, the sooner it gives way: first what never was established, as a flood makes them,
// and what is over; then by how long it is idle.
uint64_t RankOf(const Connection& connection, uint32_t now) {
  const ConnectionState state = connection.state.load(std::memory_order_relaxed);
  const bool is_cheap = connection.kind != ConnectionKind::kAffinity &&
                        (state == ConnectionState::kNew || state == ConnectionState::kClosed);
  return uint64_t{is_cheap} << 32 | IdleTicks(connection, now);
}

}  // namespace

void ConnectionTable::Expire(uint32_t now, const ConnectionTimeouts& timeouts,
                             const StateOf& state_of, const TellClient& tell_client) {
  const uint32_t used = numbers_->used();
  const uint32_t slice = std::clamp(used / kCallsPerRound, kMinSlice, kMaxSlice);
  ExpireSome(std::min(slice, used), now, timeouts, state_of, tell_client);
  for (uint32_t i = 0; i < kMaxPressureSlices; ++i) {
    const int64_t excess = linked() - (capacity_ - capacity_ / 16);
    if (excess <= 0) break;
    displaced_ += DisplaceSome(now, static_cast<uint32_t>(excess));
  }
  Reclaim();
}

// The one under the hand, which goes on; nullptr if it isn't in use.
Connection* ConnectionTable::Next() {
  if (hand_ >= numbers_->used()) hand_ = 0;
  __builtin_prefetch(&connections_[(hand_ + 16) & (capacity_ - 1)]);
  Connection* const connection = &connections_[hand_++];
  return connection->is_linked.load(std::memory_order_acquire) ? connection : nullptr;
}

void ConnectionTable::ExpireSome(uint32_t count, uint32_t now, const ConnectionTimeouts& timeouts,
                                 const StateOf& state_of, const TellClient& tell_client) {
  std::array<uint32_t, 64> doomed;
  uint32_t doomed_count = 0;
  for (; count > 0; --count) {
    Connection* const connection = Next();
    if (connection == nullptr || !IsOver(connection, now, timeouts, state_of, tell_client)) {
      continue;
    }
    doomed[doomed_count++] = NumberOf(*connection);
    if (doomed_count == doomed.size()) {
      expired_ += UnlinkAll(doomed.data(), doomed_count);
      doomed_count = 0;
    }
  }
  expired_ += UnlinkAll(doomed.data(), doomed_count);
}

bool ConnectionTable::IsOver(Connection* connection, uint32_t now,
                             const ConnectionTimeouts& timeouts, const StateOf& state_of,
                             const TellClient& tell_client) const {
  if (IdleTicks(*connection, now) > TimeoutOf(*connection, timeouts)) return true;
  if (state_of(connection->backend) != BackendState::kGone) return false;
  const bool is_tcp = connection->kind != ConnectionKind::kAffinity &&
                      connection->original.protocol == kIpProtocolTcp;
  if (!is_tcp || !tell_client) return true;
  ConnectionState state = connection->state.load(std::memory_order_relaxed);
  if (state == ConnectionState::kUnlinked) return false;
  // Who was never answered begins anew by itself, if there is such a client at all.
  if (state == ConnectionState::kNew &&
      (connection->fins.load(std::memory_order_relaxed) & kBackendHasAnswered) == 0) {
    return true;
  }
  const int told = connection->fins.load(std::memory_order_relaxed) / kClientToldOnce;
  const bool is_due =
      told == 0 ? state < ConnectionState::kClosed
                : told < kMostTold && IdleTicks(*connection, now) >= timeouts.tcp_tell_again;
  if (is_due && tell_client(*connection)) {
    connection->fins.fetch_add(kClientToldOnce, std::memory_order_relaxed);
    connection->last_used.store(now, std::memory_order_relaxed);
    // Unless a worker has changed it meanwhile: then it is looked at again in the next round.
    connection->state.compare_exchange_strong(state, ConnectionState::kClosed,
                                              std::memory_order_relaxed);
  }
  return false;
}

// Returns how many; `most` at most.
uint32_t ConnectionTable::DisplaceSome(uint32_t now, uint32_t most) {
  struct Ranked {
    uint64_t rank;
    uint32_t number;
  };
  std::array<Ranked, kPressureSlice> ranked;
  uint32_t count = 0;
  for (uint32_t i = std::min(kPressureSlice, numbers_->used()); i > 0; --i) {
    const Connection* const connection = Next();
    if (connection == nullptr) continue;
    ranked[count++] = {.rank = RankOf(*connection, now), .number = NumberOf(*connection)};
  }
  const uint32_t doomed_count = std::min((count + 1) / 2, most);
  std::nth_element(ranked.begin(), ranked.begin() + doomed_count, ranked.begin() + count,
                   [](const Ranked& a, const Ranked& b) { return a.rank > b.rank; });
  std::array<uint32_t, kPressureSlice> doomed;
  for (uint32_t i = 0; i < doomed_count; ++i) doomed[i] = ranked[i].number;
  return UnlinkAll(doomed.data(), doomed_count);
}

// Returns how many there were: a worker may be faster.
uint32_t ConnectionTable::UnlinkAll(const uint32_t* numbers, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const Connection& connection = connections_[numbers[i]];
    index_->Prefetch(connection.original);
    index_->Prefetch(connection.translated.Reversed());
  }
  uint32_t unlinked = 0;
  for (uint32_t i = 0; i < count; ++i) unlinked += Unlink(&connections_[numbers[i]]);
  return unlinked;
}

// All that was unlinked by anybody since the last time.
void ConnectionTable::Reclaim() {
  const uint32_t first = unlinked_.exchange(kNoNumber, std::memory_order_acquire);
  if (first == kNoNumber) return;
  rcu_->Retire([this, first] { GiveBack(first); });
}

void ConnectionTable::GiveBack(uint32_t first) {
  std::array<uint32_t, 64> numbers;
  uint32_t count = 0;
  for (uint32_t number = first; number != kNoNumber;) {
    Connection& connection = connections_[number];
    connection.state.store(ConnectionState::kFree, std::memory_order_relaxed);
    numbers[count++] = number;
    number = connection.next_unlinked;
    if (count == numbers.size() || number == kNoNumber) {
      numbers_->Give(numbers.data(), count);
      given_back_ += count;
      count = 0;
    }
  }
}

int64_t ConnectionTable::linked() const {
  const Statistics sum = statistics();
  return static_cast<int64_t>(sum.added - sum.removed - sum.expired - sum.displaced);
}

}  // namespace podwarp
