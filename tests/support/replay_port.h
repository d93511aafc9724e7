// A port that costs nothing, for benches: hands out the same buffers over and over.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "podwarp/port/port.h"

namespace podwarp::test {

class ReplayPort final : public Port {
 public:
  using Port::Port;
  std::vector<rte_mbuf*> next;  // a burst, with each Receive(); they stay the bench's

  uint16_t Receive(uint16_t, rte_mbuf** frames, uint16_t capacity) override {
    std::memcpy(frames, next.data(), capacity * sizeof(frames[0]));
    return capacity;
  }
  uint16_t Transmit(uint16_t, rte_mbuf**, uint16_t count) override { return count; }
  PortState State() const override { return {.up = true}; }
  DeviceStatistics Statistics() const override { return {}; }
  std::string Driver() const override { return "replay"; }
};

}  // namespace podwarp::test
