// A ring of records of any length between two threads: what a worker says about frames, for
// whoever reads it.
//
// Thread rule: one writer, one reader. A record that finds no room is counted and lost: the writer
// never waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace podwarp {

class RecordRing {
 public:
  // `bytes`: a power of two. A record takes its length and at most 15 bytes more.
  explicit RecordRing(size_t bytes);
  RecordRing(const RecordRing&) = delete;
  RecordRing& operator=(const RecordRing&) = delete;

  // --- The writer. ---
  // Room for a record, aligned to 8 bytes; nullptr, and one more is lost, if there is none. What
  // was reserved can be read after Publish().
  std::byte* Reserve(uint32_t record_bytes);
  // What was reserved, or lost, since Position() isn't to be. REQUIRES: it isn't published.
  struct Position {
    uint64_t reserved;
    uint64_t lost;
  };
  Position position() const { return {.reserved = reserved_, .lost = lost()}; }
  void TakeBack(const Position& position) {
    reserved_ = position.reserved;
    lost_.store(position.lost, std::memory_order_relaxed);
  }
  void Publish() { written_.store(reserved_, std::memory_order_release); }

  // --- The reader. ---
  // The oldest record; empty if there is none. Valid until Release().
  std::span<const std::byte> Peek();
  // REQUIRES: Peek() gave one.
  void Release();

  // --- Any thread. ---
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  const size_t bytes_;
  const std::unique_ptr<uint64_t[]> memory_;
  // Positions only grow; the place in memory is a position's remainder.
  uint64_t reserved_ = 0;    // the writer's
  uint64_t known_read_ = 0;  // the writer's: read_, as it was last looked at
  uint64_t next_read_ = 0;   // the reader's: after what Peek() gave
  std::atomic<uint64_t> lost_{0};
  alignas(64) std::atomic<uint64_t> written_{0};
  alignas(64) std::atomic<uint64_t> read_{0};
};

}  // namespace podwarp
