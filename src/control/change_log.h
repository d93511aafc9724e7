// What the log says of objects that come, change and go. Pods by name, up to a rate: a bulk change
// has thousands; all of them, and nodes, routes and services, at -v=1.
//
// Thread rule: any thread.
#pragma once

#include <string_view>

#include "control/changes.h"
#include "control/log_limit.h"

namespace podwarp {

class ChangeLog {
 public:
  // `who` wants the change: "the API".
  void Tell(const Change& change, std::string_view who, absl::Time now);

 private:
  LogLimit limit_{{.pause = absl::Seconds(1), .burst = 100}};
};

// "pod default/web-1 comes: 10.244.1.10", "pod default/web-1 moves from 10.244.1.10
// to 10.244.1.11", "node node-b changes".
std::string DescribeForLog(const Change& change);

}  // namespace podwarp
