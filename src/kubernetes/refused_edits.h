// Edits that the node refused, until they go well or others take their place.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "control/objects.h"

namespace podwarp {

// Thread rule: one thread.
class RefusedEdits {
 public:
  // Why an edit is refused lies in another object or in the node itself. So all are tried again
  // when something changed: soon, but no more than once in kLeastGap, since there may be thousands;
  // and in any case after kMostGap.
  static constexpr absl::Duration kSoon = absl::Milliseconds(200);
  static constexpr absl::Duration kLeastGap = absl::Seconds(1);
  static constexpr absl::Duration kMostGap = absl::Seconds(30);

  // What is to be tried now: `edits`, and behind them those of the refused that are due. One that
  // has the object of a refused one takes its place.
  std::vector<Edit> WithDue(std::vector<Edit> edits, absl::Time now);
  // What became of them: a result for each.
  void Note(std::span<const Edit> edits, std::span<const EditResult> results, absl::Time now);

  size_t size() const { return refused_.size(); }
  // "service default/web is not followed: why", of the first `most` and how many more there are.
  std::vector<std::string> Sentences(size_t most) const;

 private:
  struct Refusal {
    Edit edit;
    std::string reason;
  };

  // In the order in which objects need each other: nodes come before routes.
  absl::btree_map<std::pair<ObjectKind, std::string>, Refusal> refused_;
  absl::Time last_try_ = absl::InfinitePast();
  absl::Time next_try_ = absl::InfiniteFuture();
};

}  // namespace podwarp
