#include "table/connection_index.h"

#include <emmintrin.h>
#include <glog/logging.h>
#include <sys/random.h>

namespace podwarp {
ConnectionIndex::ConnectionIndex(const Connection* connections, uint32_t capacity)
    : connections_(connections),
      mask_(static_cast<uint32_t>(BytesFor(capacity) / sizeof(Bucket)) - 1),
      memory_(BytesFor(capacity)),
      buckets_(static_cast<Bucket*>(memory_.data())) {
  CHECK(std::has_single_bit(capacity) && capacity >= kSlots);
  PCHECK(getrandom(secret_.data(), sizeof(secret_), 0) == sizeof(secret_));
}

size_t ConnectionIndex::BytesFor(uint32_t capacity) {
  const size_t keys = 2 * size_t{capacity};
  return keys / (kSlots / 2) * sizeof(Bucket);
}

uint32_t ConnectionIndex::Match(const Bucket& bucket, uint16_t signature) {
  const __m128i all =
      _mm_set_epi64x(static_cast<int64_t>(bucket.signatures[1].load(std::memory_order_acquire)),
                     static_cast<int64_t>(bucket.signatures[0].load(std::memory_order_acquire)));
  const __m128i same = _mm_cmpeq_epi16(all, _mm_set1_epi16(static_cast<int16_t>(signature)));
  return static_cast<uint32_t>(_mm_movemask_epi8(same)) & 0x5555;
}

bool ConnectionIndex::IsOf(Entry entry, const FlowKey& key) const {
  const Connection& connection = connections_[NumberOf(entry)];
  const bool is_original = DirectionOf(entry) == Direction::kOriginal;
  const FlowKey::Words kept = (is_original ? connection.original : connection.translated).words();
  const FlowKey::Words asked = is_original ? key.words() : key.words().Reversed();
  return ((kept.addresses ^ asked.addresses) |
          (kept.ports_and_protocol ^ asked.ports_and_protocol)) == 0;
}

ConnectionIndex::Entry ConnectionIndex::FindIn(const Bucket& bucket, const FlowKey& key,
                                               uint16_t signature) const {
  for (uint32_t match = Match(bucket, signature); match != 0; match &= match - 1) {
    const Entry entry = bucket.entries[SlotOf(match)].load(std::memory_order_acquire);
    if (IsOf(entry, key)) return entry;
  }
  return kNone;
}

ConnectionIndex::Entry ConnectionIndex::Find(const FlowKey& key, Place place) const {
  const Bucket* first = First(place);
  const Entry entry = FindIn(*first, key, place.signature);
  if (entry != kNone || first->overflowed.load(std::memory_order_acquire) == 0) return entry;
  return FindIn(*Second(place), key, place.signature);
}

ConnectionIndex::Entry ConnectionIndex::Find(const FlowKey& key) const {
  return Find(key, PlaceOf(key));
}

void ConnectionIndex::FindBulk(const FlowKey* keys, Entry* entries, uint32_t count) const {
  Place places[kMaxBulk];
  for (uint32_t i = 0; i < count; ++i) {
    places[i] = PlaceOf(keys[i]);
    __builtin_prefetch(First(places[i]));
  }
  // The first slot with the signature is nearly always the one. Where it isn't, or a second bucket
  // has to be looked at, the key is looked for anew below.
  uint64_t is_open = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const Bucket& first = *First(places[i]);
    const uint32_t match = Match(first, places[i].signature);
    entries[i] = kNone;
    if (match != 0) {
      entries[i] = first.entries[SlotOf(match)].load(std::memory_order_acquire);
      __builtin_prefetch(&connections_[NumberOf(entries[i])]);
      is_open |= uint64_t{1} << i;
    } else if (first.overflowed.load(std::memory_order_acquire) != 0) {
      __builtin_prefetch(Second(places[i]));
      is_open |= uint64_t{1} << i;
    }
  }
  for (; is_open != 0; is_open &= is_open - 1) {
    const int i = std::countr_zero(is_open);
    if (entries[i] == kNone || !IsOf(entries[i], keys[i])) {
      entries[i] = Find(keys[i], places[i]);
    }
  }
}

bool ConnectionIndex::Put(Bucket* bucket, uint16_t signature, Entry entry) {
  const uint32_t free = Match(*bucket, 0);
  if (free == 0) return false;
  const uint32_t slot = SlotOf(free);
  bucket->entries[slot].store(entry, std::memory_order_release);
  bucket->signatures[slot / 4].fetch_or(uint64_t{signature} << slot % 4 * 16,
                                        std::memory_order_release);
  return true;
}

bool ConnectionIndex::TakeOut(Bucket* bucket, uint16_t signature, Entry entry) {
  for (uint32_t match = Match(*bucket, signature); match != 0; match &= match - 1) {
    const uint32_t slot = SlotOf(match);
    if (bucket->entries[slot].load(std::memory_order_acquire) != entry) continue;
    bucket->signatures[slot / 4].fetch_and(~(uint64_t{0xffff} << slot % 4 * 16),
                                           std::memory_order_release);
    return true;
  }
  return false;
}

// Whoever adds a key holds the lock of its first bucket, wherever it will stand: so it is added
// once.
ConnectionIndex::Inserted ConnectionIndex::Insert(const FlowKey& key, Entry entry) {
  const Place place = PlaceOf(key);
  Bucket* const first = First(place);
  Bucket* const second = Second(place);
  {
    const Lock lock(first);
    const Entry found = Find(key, place);
    if (found != kNone) return {InsertResult::kTaken, found};
    if (Put(first, place.signature, entry)) return {InsertResult::kInserted, kNone};
  }
  const Lock lock(first, second);
  const Entry found = Find(key, place);
  if (found != kNone) return {InsertResult::kTaken, found};
  if (Put(first, place.signature, entry)) return {InsertResult::kInserted, kNone};
  // Counted before it can be found, so that nobody misses it who found it before.
  first->overflowed.fetch_add(1, std::memory_order_release);
  if (Put(second, place.signature, entry)) return {InsertResult::kInserted, kNone};
  first->overflowed.fetch_sub(1, std::memory_order_release);
  return {InsertResult::kNoRoom, kNone};
}

void ConnectionIndex::Erase(const FlowKey& key, Entry entry) {
  const Place place = PlaceOf(key);
  if (TakeOut(First(place), place.signature, entry)) return;
  CHECK(TakeOut(Second(place), place.signature, entry)) << "connection " << NumberOf(entry);
  First(place)->overflowed.fetch_sub(1, std::memory_order_release);
}

std::array<ConnectionIndex::Entry, 2 * ConnectionIndex::kSlots> ConnectionIndex::Neighbours(
    const FlowKey& key) const {
  std::array<Entry, 2 * kSlots> entries;
  entries.fill(kNone);
  const Place place = PlaceOf(key);
  uint32_t count = 0;
  for (const Bucket* bucket : {First(place), Second(place)}) {
    const uint32_t free = Match(*bucket, 0);
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      if ((free >> 2 * slot & 1) != 0) continue;
      entries[count++] = bucket->entries[slot].load(std::memory_order_acquire);
    }
  }
  return entries;
}

uint64_t ConnectionIndex::overflowed() const {
  uint64_t sum = 0;
  for (uint32_t i = 0; i <= mask_; ++i) {
    sum += buckets_[i].overflowed.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace podwarp
