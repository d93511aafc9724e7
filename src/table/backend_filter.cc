#include "podwarp/table/backend_filter.h"

#include <glog/logging.h>

namespace podwarp {
namespace {

constexpr int kFewestLog2 = 16;
constexpr size_t kBitsForEach = 32;
constexpr uint8_t kTooManyToCount = 255;

}  // namespace

BackendFilter::BackendFilter(Rcu* rcu)
    : rcu_(rcu), bits_(new Bits(kFewestLog2)), counts_(size_t{1} << kFewestLog2) {}

BackendFilter::~BackendFilter() {
  rcu_->Synchronize();
  delete bits_.load();
}

void BackendFilter::Add(uint64_t endpoint) {
  if (++endpoints_[endpoint] > 1) return;
  const Bits* old = bits_.load();
  if (endpoints_.size() * kBitsForEach <= bits()) {
    SetBit(*old, endpoint);
    return;
  }
  const Bits* bigger = new Bits(old->log2 + 1);
  counts_.assign(size_t{1} << bigger->log2, 0);
  for (const auto& [other, times] : endpoints_) SetBit(*bigger, other);
  bits_.store(bigger, std::memory_order_release);
  rcu_->RetireObject(old);
}

void BackendFilter::Remove(uint64_t endpoint) {
  const auto times = endpoints_.find(endpoint);
  CHECK(times != endpoints_.end());
  if (--times->second > 0) return;
  endpoints_.erase(times);
  const Bits& bits = *bits_.load();
  const uint64_t bit = bits.BitOf(endpoint);
  if (counts_[bit] == kTooManyToCount || --counts_[bit] > 0) return;
  bits.words[bit / 64].fetch_and(~(uint64_t{1} << bit % 64), std::memory_order_relaxed);
}

void BackendFilter::SetBit(const Bits& bits, uint64_t endpoint) {
  const uint64_t bit = bits.BitOf(endpoint);
  if (counts_[bit] < kTooManyToCount) ++counts_[bit];
  bits.words[bit / 64].fetch_or(uint64_t{1} << bit % 64, std::memory_order_relaxed);
}

}  // namespace podwarp
