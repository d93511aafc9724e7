// Keeps at the API server what a node's podwarp says of itself: its annotations, and a warning
// while another node has its virtual MAC.
#pragma once

#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "kubernetes/api_client.h"
#include "kubernetes/backoff.h"
#include "kubernetes/cancellation.h"
#include "kubernetes/own_node.h"

namespace podwarp {

class NodeRecord {
 public:
  // Somebody who writes these annotations too is not fought against: after kCalm without the need
  // to write it is met as the first time.
  static constexpr absl::Duration kCalm = absl::Minutes(1);
  // Servers forget an event after an hour.
  static constexpr absl::Duration kRepeat = absl::Hours(1);

  // `client` outlives it.
  NodeRecord(const ApiClient* client, std::string name, OwnAnnotations annotations);

  // One look, by one thread; sends what is due, and waits for the answer. `node` is what the server
  // was last seen to have. `nodes` are all that have our virtual MAC; one is ourselves.
  void Keep(const KubeNode& node, const std::vector<std::string>& nodes, absl::Time now,
            Cancellation* cancellation);

  // What could not be written, and why. Any thread.
  std::vector<std::string> Sentences() const;

 private:
  // What is sent to the server at times.
  struct Errand {
    Backoff backoff{absl::Seconds(1), absl::Minutes(1)};
    absl::Time not_before = absl::InfinitePast();
    std::string error;  // under the mutex
  };
  void KeepAnnotations(const KubeNode& node, absl::Time now, Cancellation* cancellation);
  void Warn(const std::vector<std::string>& nodes, absl::Time now, Cancellation* cancellation);
  // Sets when the errand may be run again.
  void Note(Errand* errand, const absl::Status& status, absl::Time now);

  const ApiClient* const client_;
  const std::string name_;
  const OwnAnnotations annotations_;

  std::mt19937 random_{std::random_device{}()};
  Errand writing_;
  Errand warning_;
  std::string warned_of_;
  absl::Time warned_at_ = absl::InfinitePast();

  mutable std::mutex mutex_;
};

}  // namespace podwarp
