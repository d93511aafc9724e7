// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace podwarp::ctl {

// "1,234,567"
std::string Count(uint64_t number);
// "1 pod", "2 pods", "1,234 pods"
std::string Count(uint64_t number, const char* noun);
// Three digits, with a prefix of their unit: "0", "12.3", "999 bit", "1.23 k", "45.6 Mbit"
std::string Short(double number, const char* unit = "");
// "42 s", "5 min 3 s", "3 h 4 min", "12 d 3 h"
std::string Span(uint64_t seconds);

}  // namespace podwarp::ctl
