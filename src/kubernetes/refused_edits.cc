#include "kubernetes/refused_edits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace podwarp {

std::vector<Edit> RefusedEdits::WithDue(std::vector<Edit> edits, absl::Time now) {
  for (const Edit& edit : edits) refused_.erase({edit.kind, edit.key});
  if (now < next_try_) return edits;
  for (const auto& [name, refusal] : refused_) edits.push_back(refusal.edit);
  last_try_ = now;
  next_try_ = refused_.empty() ? absl::InfiniteFuture() : now + kMostGap;
  return edits;
}

void RefusedEdits::Note(std::span<const Edit> edits, std::span<const EditResult> results,
                        absl::Time now) {
  bool has_changed = false;
  for (size_t i = 0; i < edits.size(); ++i) {
    const std::pair<ObjectKind, std::string> name(edits[i].kind, edits[i].key);
    if (results[i].status.ok()) {
      has_changed = has_changed || results[i].outcome != EditResult::Outcome::kUnchanged;
      refused_.erase(name);
      continue;
    }
    const auto [refusal, is_new] = refused_.try_emplace(name);
    // What was given with it may be what it waits for.
    has_changed = has_changed || is_new;
    refusal->second = {edits[i], std::string(results[i].status.message())};
  }
  if (refused_.empty()) {
    next_try_ = absl::InfiniteFuture();
  } else if (has_changed) {
    next_try_ = std::min(next_try_, std::max(now + kSoon, last_try_ + kLeastGap));
  }
}

std::vector<std::string> RefusedEdits::Sentences(size_t most) const {
  std::vector<std::string> sentences;
  for (const auto& [name, refusal] : refused_) {
    if (sentences.size() == most) {
      sentences.push_back(
          absl::StrCat("and ", refused_.size() - most, " more that the node does not take"));
      break;
    }
    sentences.push_back(absl::StrCat(NameOf(name.first, name.second),
                                     refusal.edit.object.has_value()
                                         ? " is not as Kubernetes has it: "
                                         : " is still there, though Kubernetes has it no more: ",
                                     refusal.reason));
  }
  return sentences;
}

}  // namespace podwarp
