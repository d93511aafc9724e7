// Random choices that follow from a seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace podwarp::test {

class Chance {
 public:
  explicit Chance(uint64_t seed) : generator_(seed) {}

  // From 0 to `bound` - 1.
  uint32_t Below(uint64_t bound) { return static_cast<uint32_t>(generator_() % bound); }
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  uint8_t Byte() { return static_cast<uint8_t>(generator_()); }
  uint16_t Word() { return static_cast<uint16_t>(generator_()); }
  uint64_t Any() { return generator_(); }
  template <typename T, size_t n>
  const T& Of(const T (&choices)[n]) {
    return choices[Below(n)];
  }
  template <typename T>
  const T& Of(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace podwarp::test
