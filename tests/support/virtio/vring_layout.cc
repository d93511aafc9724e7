#include "support/virtio/vring_layout.h"

#include <cstring>

namespace podwarp::test {
namespace {

// Of a split ring, which is the longer one, each with its event index.
uint64_t TableBytes(uint16_t size) { return size * sizeof(VirtqDesc); }
uint64_t DriverBytes(uint16_t size) { return sizeof(VirtqAvail) + (size + 1) * sizeof(uint16_t); }
uint64_t DeviceBytes(uint16_t size) {
  return sizeof(VirtqUsed) + size * sizeof(VirtqUsedElem) + sizeof(uint16_t);
}

}  // namespace

VringLayout VringLayout::Allocate(GuestMemory& memory, uint16_t size) {
  return {.size = size,
          .table = memory.Allocate(TableBytes(size)),
          .driver = memory.Allocate(DriverBytes(size)),
          .device = memory.Allocate(DeviceBytes(size))};
}

uint64_t VringLayout::BytesFor(uint16_t size) {
  constexpr uint64_t kAlignments = 3 * 64;
  return TableBytes(size) + DriverBytes(size) + DeviceBytes(size) + kAlignments;
}

void VringLayout::Clear() const {
  for (const auto* chunk : {&table, &driver, &device}) std::memset(chunk->data, 0, chunk->bytes);
}

}  // namespace podwarp::test
