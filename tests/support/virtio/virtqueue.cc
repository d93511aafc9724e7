#include "support/virtio/virtqueue.h"

#include <glog/logging.h>

#include <bit>

#include "support/virtio/packed_virtqueue.h"
#include "support/virtio/split_virtqueue.h"
#include "support/virtio/virtio_net.h"

namespace podwarp::test {

std::unique_ptr<Virtqueue> Virtqueue::Create(const VringLayout& layout, uint64_t features) {
  CHECK(std::has_single_bit(layout.size));
  const bool event_index = (features & kRingEventIndex) != 0;
  const bool in_order = (features & kInOrder) != 0;
  layout.Clear();

  std::unique_ptr<Virtqueue> queue;
  if ((features & kRingPacked) != 0) {
    queue = std::make_unique<PackedVirtqueue>(layout, event_index, in_order);
  } else {
    queue = std::make_unique<SplitVirtqueue>(layout, event_index, in_order);
  }
  queue->CallNever();
  return queue;
}

}  // namespace podwarp::test
