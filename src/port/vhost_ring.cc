#include "port/vhost_ring.h"

namespace podwarp {
namespace {

constexpr uint16_t kWrapBit = 1 << 15;

// Whether an index that goes from `before` to `now`, modulo 65536, passes `event` (2.7.10).
bool PassesEvent(uint16_t event, uint16_t now, uint16_t before) {
  return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - before);
}

}  // namespace

void VhostRing::SetNotification(bool is_wanted) {
  if (is_packed) {
    if (is_wanted && has_event_index) {
      StoreOnce(&device_event->place, static_cast<uint16_t>(next | (wrap ? kWrapBit : 0)));
    }
    StoreRelease(&device_event->flags, !is_wanted        ? kEventDisable
                                       : has_event_index ? kEventAtPlace
                                                         : kEventEnable);
  } else if (!has_event_index) {
    StoreOnce(&used->flags, is_wanted ? uint16_t{0} : kNoNotification);
  } else if (is_wanted) {
    // There is no index that says never: the last one stays, and is passed once in 65,536.
    StoreOnce(reinterpret_cast<uint16_t*>(&used->elements[size]), next);
  }
}

bool VhostRing::WantsCallSplit(uint16_t before) const {
  if (!has_event_index) return (LoadOnce(&available->flags) & kNoNotification) == 0;
  return is_new || PassesEvent(LoadOnce(&available->heads[size]), next, before);
}

bool VhostRing::WantsCallPacked(uint16_t before) const {
  const uint16_t flags = LoadAcquire(&driver_event->flags);
  if (flags == kEventDisable) return false;
  if (flags != kEventAtPlace || !has_event_index || is_new) return true;
  const uint16_t place = LoadOnce(&driver_event->place);
  // Places count from the ring's begin in this round: those of the last round are negative.
  auto event = static_cast<uint16_t>(place & ~kWrapBit);
  if (wrap != ((place & kWrapBit) != 0)) event = static_cast<uint16_t>(event - size);
  if (next <= before) before = static_cast<uint16_t>(before - size);
  return PassesEvent(event, next, before);
}

}  // namespace podwarp
