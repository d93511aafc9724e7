// Spreading a number's bits: for hashes that must be the same at every node and start.
#pragma once

#include <cstdint>

namespace podwarp {

// Every bit of the result depends on every bit of `x`, and no two `x` give the same (the end of
// SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
// Known to everybody: nothing for tables that a guest can fill.
constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace podwarp
