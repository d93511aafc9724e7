#include "support/virtio/guest_memory.h"

#include <glog/logging.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace podwarp::test {
namespace {

constexpr uint64_t kFirstAddress = uint64_t{1} << 30;
constexpr uint64_t kHoleBytes = uint64_t{1} << 24;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;
constexpr unsigned kHugePageSize = 21u << 26;  // MFD_HUGE_2MB, which glibc lacks
constexpr uint64_t kAlignment = 64;

uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

absl::StatusOr<std::unique_ptr<GuestMemory>> GuestMemory::Create(const Options& options) {
  if (options.bytes == 0 || options.regions == 0) {
    return absl::InvalidArgumentError("guest memory: no bytes or no regions");
  }
  std::unique_ptr<GuestMemory> memory(new GuestMemory);
  const unsigned flags = MFD_CLOEXEC | (options.huge_pages ? MFD_HUGETLB | kHugePageSize : 0u);
  memory->fd_ = FileDescriptor(memfd_create("guest", flags));
  if (!memory->fd_) return absl::ErrnoToStatus(errno, "guest memory: memfd_create");

  const uint64_t page = options.huge_pages ? kHugePageBytes : 4096;
  const uint64_t region_bytes =
      RoundUp(RoundUp(options.bytes, options.regions) / options.regions, page);
  memory->bytes_ = region_bytes * options.regions;
  const absl::Status sized = memory->Truncate(memory->bytes_);
  if (!sized.ok()) return sized;
  void* data =
      mmap(nullptr, memory->bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd_.get(), 0);
  if (data == MAP_FAILED) return absl::ErrnoToStatus(errno, "guest memory: mmap");
  memory->data_ = static_cast<uint8_t*>(data);
  for (uint16_t i = 0; i < options.regions; ++i) {
    memory->regions_.push_back({.address = kFirstAddress + i * (region_bytes + kHoleBytes),
                                .bytes = region_bytes,
                                .offset = i * region_bytes});
  }
  memory->allocated_bytes_.resize(options.regions);
  return memory;
}

GuestMemory::~GuestMemory() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

GuestMemory::Chunk GuestMemory::Allocate(uint64_t bytes) {
  const auto emptiest = std::ranges::min_element(allocated_bytes_);
  const Region& region = regions_[static_cast<size_t>(emptiest - allocated_bytes_.begin())];
  const uint64_t at = *emptiest;
  *emptiest = RoundUp(at + bytes, kAlignment);
  CHECK_LE(at + bytes, region.bytes) << "guest memory: the region is full";
  return {.data = data_ + region.offset + at, .address = region.address + at, .bytes = bytes};
}

uint8_t* GuestMemory::At(uint64_t address) const {
  const auto region = std::ranges::find_if(
      regions_, [&](const Region& r) { return address - r.address < r.bytes; });
  CHECK(region != regions_.end()) << "guest memory: nothing at address " << address;
  return data_ + region->offset + (address - region->address);
}

absl::Status GuestMemory::Truncate(uint64_t bytes) {
  if (ftruncate(fd_.get(), static_cast<off_t>(bytes)) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "guest memory: ftruncate");
}

void Scatter(const GuestMemory& memory, std::span<const uint8_t> bytes,
             std::span<const Piece> pieces) {
  for (const Piece& piece : pieces) {
    const size_t part = std::min<size_t>(bytes.size(), piece.bytes);
    if (part == 0) continue;
    std::memcpy(memory.At(piece.address), bytes.data(), part);
    bytes = bytes.subspan(part);
  }
}

void Gather(const GuestMemory& memory, std::span<const Piece> pieces, std::span<uint8_t> bytes) {
  for (const Piece& piece : pieces) {
    const size_t part = std::min<size_t>(bytes.size(), piece.bytes);
    if (part == 0) continue;
    std::memcpy(bytes.data(), memory.At(piece.address), part);
    bytes = bytes.subspan(part);
  }
}

}  // namespace podwarp::test
