// What is pressed on a terminal's keyboard.
//
// Source: ECMA-48, and what xterm and the VT100 send for arrows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace podwarp::ctl {

// A character is its own value.
enum Key : int {
  kKeyUp = 256,
  kKeyDown,
  kKeyLeft,
  kKeyRight,
  kKeyPageUp,
  kKeyPageDown,
  kKeyHome,
  kKeyEnd,
  kKeyOther,  // one that has no name here
};

// Takes what a terminal sends apart into keys. A sequence may come in parts.
class KeyReader {
 public:
  void Add(std::string_view sent) { sent_ += sent; }
  // None: the rest is still to come, if there is any.
  std::optional<int> Next();

 private:
  std::string sent_;
};

}  // namespace podwarp::ctl
