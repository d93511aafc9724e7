// From a flow's key to the connection it belongs to: the hash table of connection_table.h, whose
// head says how readers and writers get along.
//
// Theory of operation. A bucket is one cache line with 8 slots. A key's hash gives its signature
// and its first bucket; the second is as far from the first as the signature says. The bucket's 8
// signatures are compared at once; only a slot with the same one (by chance one in 8,000 buckets)
// has its connection looked at. A key stands in its second bucket only if the first was full, and
// the first counts those keys: at half a load it is 0 in 98 of 100 buckets, so that a key that
// isn't there costs one cache line.
//
// The hash is keyed at random when the process starts: nobody outside can aim at one bucket.
#pragma once

#include <rte_pause.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "podwarp/net/flow_key.h"
#include "podwarp/table/connection_table.h"
#include "podwarp/table/table_memory.h"

namespace podwarp {

class ConnectionIndex {
 public:
  static constexpr uint32_t kSlots = 8;  // of a bucket
  static constexpr uint32_t kMaxBulk = 64;

  // What a slot says: the connection's number << 1 | Direction.
  using Entry = uint32_t;
  static constexpr Entry kNone = ~Entry{0};
  static Entry MakeEntry(uint32_t number, Direction direction) {
    return number << 1 | static_cast<Entry>(direction);
  }
  static uint32_t NumberOf(Entry entry) { return entry >> 1; }
  static Direction DirectionOf(Entry entry) { return static_cast<Direction>(entry & 1); }

  // For both keys of `capacity` connections, a power of 2: half of the slots are in use then.
  ConnectionIndex(const Connection* connections, uint32_t capacity);
  static size_t BytesFor(uint32_t capacity);

  // --- Workers: any number of them, beside each other and beside Erase(). ---
  Entry Find(const FlowKey& key) const;
  // kNone where there is none. `count` <= kMaxBulk.
  void FindBulk(const FlowKey* keys, Entry* entries, uint32_t count) const;

  enum class InsertResult : uint8_t { kInserted, kTaken, kNoRoom };
  struct Inserted {
    InsertResult result;
    Entry entry;  // kTaken: of the connection that has the key
  };
  // REQUIRES: the connection's keys are written.
  Inserted Insert(const FlowKey& key, Entry entry);
  // All that stands in the buckets that `key` may stand in; kNone in what is left.
  std::array<Entry, 2 * kSlots> Neighbours(const FlowKey& key) const;

  // --- Any thread. ---
  // REQUIRES: the entry was inserted by this key, and is erased once.
  void Erase(const FlowKey& key, Entry entry);
  // Keys that stand in their second bucket. Walks over all buckets: for tests.
  uint64_t overflowed() const;
  // Asks for the bucket ahead.
  void Prefetch(const FlowKey& key) const { __builtin_prefetch(First(PlaceOf(key)), 1); }

 private:
  // Signatures stand in words of four, the first lowest; 0 is a free slot. A slot is taken by
  // storing the entry, then its signature; whoever reads the signature reads that entry or a later
  // one. It is freed by clearing the signature.
  struct alignas(64) Bucket {
    std::array<std::atomic<uint64_t>, 2> signatures;
    std::array<std::atomic<Entry>, kSlots> entries;
    std::atomic<uint32_t> is_locked;
    std::atomic<uint32_t> overflowed;  // keys that stand in their second bucket, of which this is
                                       // the first
  };
  static_assert(sizeof(Bucket) == 64);

  // Where a key may stand.
  struct Place {
    uint32_t first;
    uint16_t signature;
  };

  // Holds the locks of one or two buckets; always the one with the lower number first.
  class Lock {
   public:
    explicit Lock(Bucket* bucket) : lower_(bucket) { Take(lower_); }
    Lock(Bucket* a, Bucket* b) : lower_(a < b ? a : b), upper_(a < b ? b : a) {
      Take(lower_);
      Take(upper_);
    }
    ~Lock() {
      if (upper_ != nullptr) upper_->is_locked.store(0, std::memory_order_release);
      lower_->is_locked.store(0, std::memory_order_release);
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    static void Take(Bucket* bucket) {
      while (bucket->is_locked.exchange(1, std::memory_order_acquire) != 0) {
        while (bucket->is_locked.load(std::memory_order_relaxed) != 0) rte_pause();
      }
    }
    Bucket* const lower_;
    Bucket* const upper_ = nullptr;
  };

  // Multiplications of 64 x 64 bits whose halves are folded into one word. The key's two words are
  // mixed with two secret ones first; the second multiplication spreads what the first left uneven.
  Place PlaceOf(const FlowKey& key) const {
    const FlowKey::Words words = key.words();
    const uint64_t hash =
        Fold(Fold(words.addresses ^ secret_[0], words.ports_and_protocol ^ secret_[1]),
             0x9e3779b97f4a7c15);  // 2^64 / golden ratio
    const auto signature = static_cast<uint16_t>(hash);
    return {.first = static_cast<uint32_t>(hash >> 32) & mask_,
            .signature = signature != 0 ? signature : uint16_t{1}};
  }
  static uint64_t Fold(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  Bucket* First(Place place) const { return &buckets_[place.first]; }
  // Never the same as the first.
  Bucket* Second(Place place) const {
    return &buckets_[(place.first ^ (place.signature * 0x5bd1e995u | 1)) & mask_];
  }

  // Bit 2 * i is set if slot i has the signature, and no odd one.
  static uint32_t Match(const Bucket& bucket, uint16_t signature);
  static uint32_t SlotOf(uint32_t match) {
    return static_cast<uint32_t>(std::countr_zero(match)) / 2;
  }

  bool IsOf(Entry entry, const FlowKey& key) const;
  Entry FindIn(const Bucket& bucket, const FlowKey& key, uint16_t signature) const;
  Entry Find(const FlowKey& key, Place place) const;
  // False if it is full.
  static bool Put(Bucket* bucket, uint16_t signature, Entry entry);
  static bool TakeOut(Bucket* bucket, uint16_t signature, Entry entry);

  const Connection* const connections_;
  const uint32_t mask_;  // buckets - 1
  TableMemory memory_;
  Bucket* const buckets_;
  std::array<uint64_t, 2> secret_;
};

}  // namespace podwarp
