// The memory of a guest that a test plays: one memfd, shown to a back end in one or several
// regions.
//
// Between two regions lies a hole in guest-physical addresses, as below 4 GiB in a real machine, so
// that an address can't be translated by one constant. What is allocated lies in one region.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "support/virtio/file_descriptor.h"

namespace podwarp::test {

class GuestMemory {
 public:
  struct Options {
    uint64_t bytes = 0;  // of all regions; rounded up to whole pages of each
    uint16_t regions = 1;
    bool huge_pages = false;  // of 2 MiB; needs some that are free
  };
  struct Region {
    uint64_t address;  // guest-physical
    uint64_t bytes;
    uint64_t offset;  // in the memfd
  };
  struct Chunk {
    uint8_t* data = nullptr;
    uint64_t address = 0;  // guest-physical
    uint64_t bytes = 0;
  };

  static absl::StatusOr<std::unique_ptr<GuestMemory>> Create(const Options& options);
  ~GuestMemory();

  // From the region that has most left, zeroed, aligned to a cache line. It is there as long as
  // the memory is. Ends the program if there isn't so much.
  Chunk Allocate(uint64_t bytes);

  // Where the guest-physical address is in this process. Ends the program if there is nothing.
  uint8_t* At(uint64_t address) const;

  const std::vector<Region>& regions() const { return regions_; }
  uint8_t* data() const { return data_; }  // the whole memfd
  uint64_t bytes() const { return bytes_; }
  int fd() const { return fd_.get(); }

  // Makes the memfd shorter (or long again, zeroed). Whoever touches what is gone gets SIGBUS: so
  // does this process.
  absl::Status Truncate(uint64_t bytes);

 private:
  GuestMemory() = default;

  FileDescriptor fd_;
  uint8_t* data_ = nullptr;
  uint64_t bytes_ = 0;
  std::vector<Region> regions_;
  std::vector<uint64_t> allocated_bytes_;  // of each region
};

// A run of guest memory, as one descriptor tells it.
struct Piece {
  uint64_t address;  // guest-physical
  uint32_t bytes;
};

// Copies `bytes` to the pieces, or from them: as many bytes as both have.
void Scatter(const GuestMemory& memory, std::span<const uint8_t> bytes,
             std::span<const Piece> pieces);
void Gather(const GuestMemory& memory, std::span<const Piece> pieces, std::span<uint8_t> bytes);

}  // namespace podwarp::test
