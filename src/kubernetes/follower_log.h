// What the log says of Kubernetes as it is followed: that it is lost, is current again, and what is
// wrong there (two nodes with one virtual MAC, a Node of another name, what the node refuses), once
// for as long as it is so.
//
// Thread rule: one thread.
#pragma once

#include <string>

#include "absl/container/btree_set.h"
#include "absl/time/time.h"
#include "control/kubernetes_status.h"
#include "control/log_limit.h"

namespace podwarp {

class FollowerLog {
 public:
  // A watch that is opened anew is no loss.
  static constexpr absl::Duration kLostAfter = absl::Seconds(3);

  // To be called every second or so.
  void Tell(const KubernetesStatus& status, absl::Time now);

 private:
  void TellNotes(const KubernetesStatus& status, absl::Time now);

  enum class State { kUnknown, kLost, kCurrent } told_ = State::kUnknown;
  absl::Time lost_at_;
  absl::btree_set<std::string> notes_;
  LogLimit limit_{{.burst = 3, .subjects = 256}};
  // Of all notes: some say how many there are of what, and so are always new.
  LogLimit notes_limit_{{.pause = absl::Seconds(6), .burst = 20, .subjects = 1}};
};

}  // namespace podwarp
