#include "kubernetes/follower_log.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace podwarp {
namespace {

// "nodes 3, services 40"
std::string Counts(const KubernetesStatus& status) {
  return absl::StrJoin(status.resources, ", ", [](std::string* text, const auto& resource) {
    absl::StrAppend(text, resource.name, " ", resource.objects);
  });
}

// The first resource's that has one.
std::string ErrorIn(const KubernetesStatus& status) {
  for (const KubernetesStatus::Resource& resource : status.resources) {
    if (!resource.last_error.empty()) return resource.last_error;
  }
  return "it has not been listed whole yet";
}

}  // namespace

void FollowerLog::Tell(const KubernetesStatus& status, absl::Time now) {
  TellNotes(status, now);
  if (status.is_current) {
    if (told_ == State::kCurrent) return;
    LOG(INFO) << "Kubernetes is current"
              << (told_ == State::kLost
                      ? absl::StrCat(" again after ", absl::FormatDuration(absl::Trunc(
                                                          now - lost_at_, absl::Seconds(1))))
                      : "")
              << ": " << Counts(status);
    told_ = State::kCurrent;
    return;
  }
  if (told_ == State::kLost || status.not_current_for < kLostAfter) return;
  const auto left_out = limit_.Take("Kubernetes is lost", now);
  if (!left_out.has_value()) return;  // it is tried again
  LOG(WARNING) << "Kubernetes at " << status.server << " is lost: " << ErrorIn(status)
               << "; what it said last goes on";
  told_ = State::kLost;
  lost_at_ = now - status.not_current_for;
}

void FollowerLog::TellNotes(const KubernetesStatus& status, absl::Time now) {
  absl::btree_set<std::string> notes;
  for (const std::string& note : status.notes) {
    const bool is_told = notes_.contains(note);
    const bool is_new = !is_told && limit_.Take(note, now).has_value() &&
                        notes_limit_.Take("notes", now).has_value();
    if (is_new) LOG(WARNING) << "Kubernetes: " << note;
    if (is_told || is_new) notes.insert(note);
  }
  notes_ = std::move(notes);
}

}  // namespace podwarp
