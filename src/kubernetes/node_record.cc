#include "kubernetes/node_record.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kubernetes/api_error.h"

namespace podwarp {
NodeRecord::NodeRecord(const ApiClient* client, std::string name, OwnAnnotations annotations)
    : client_(client), name_(std::move(name)), annotations_(annotations) {}

void NodeRecord::Keep(const KubeNode& node, const std::vector<std::string>& nodes, absl::Time now,
                      Cancellation* cancellation) {
  KeepAnnotations(node, now, cancellation);
  Warn(nodes, now, cancellation);
}

void NodeRecord::KeepAnnotations(const KubeNode& node, absl::Time now, Cancellation* cancellation) {
  const std::optional<nlohmann::json> patch = PatchOf(node, annotations_);
  if (!patch.has_value()) {
    const std::lock_guard lock(mutex_);
    writing_.error.clear();
    if (now >= writing_.not_before + kCalm) writing_.backoff.Reset();
    return;
  }
  if (now < writing_.not_before) return;
  Note(&writing_,
       client_->MergePatch(absl::StrCat("/api/v1/nodes/", name_), *patch, cancellation).status(),
       now);
}

void NodeRecord::Warn(const std::vector<std::string>& nodes, absl::Time now,
                      Cancellation* cancellation) {
  if (nodes.size() < 2) {
    const std::lock_guard lock(mutex_);
    warning_.error.clear();
    return;
  }
  const std::string sentence = DuplicateMacSentence(annotations_.virtual_mac, nodes, name_);
  if (sentence == warned_of_ && now < warned_at_ + kRepeat) return;
  if (now < warning_.not_before) return;
  absl::Status status =
      client_
          ->Post("/api/v1/namespaces/default/events",
                 WarningOf(name_, "DuplicateVirtualMac", sentence, now), cancellation)
          .status();
  // The server has it, from before a restart of ours.
  if (absl::IsAborted(status)) status = absl::OkStatus();
  Note(&warning_, status, now);
  if (!status.ok()) return;
  warned_of_ = sentence;
  warned_at_ = now;
}

void NodeRecord::Note(Errand* errand, const absl::Status& status, absl::Time now) {
  const double chance = std::uniform_real_distribution(0.0, 1.0)(random_);
  const std::lock_guard lock(mutex_);
  errand->not_before = now + std::max(errand->backoff.Next(chance),
                                      RetryAfter(status).value_or(absl::ZeroDuration()));
  errand->error = std::string(status.message());
}

std::vector<std::string> NodeRecord::Sentences() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> sentences;
  if (!writing_.error.empty()) {
    sentences.push_back(absl::StrCat("node ", name_,
                                     ": its annotations could not be written, so that other nodes "
                                     "don't know its virtual MAC: ",
                                     writing_.error));
  }
  if (!warning_.error.empty()) {
    sentences.push_back(absl::StrCat(
        "node ", name_, ": the event about its virtual MAC could not be posted: ", warning_.error));
  }
  return sentences;
}

}  // namespace podwarp
