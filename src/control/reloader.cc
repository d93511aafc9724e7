#include "control/reloader.h"

#include <glog/logging.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/changes.h"

namespace podwarp {
namespace {

template <typename T>
void TakeBackFrom(std::vector<T>* objects, const Change& change) {
  const std::string key = KeyOf(change.after.has_value() ? *change.after : *change.before);
  std::erase_if(*objects, [&](const T& object) { return KeyOf(object) == key; });
  if (change.before.has_value()) objects->push_back(std::get<T>(*change.before));
}

// The configuration without a change that could not be made: the next reload tries it again.
void TakeBack(const Change& change, Config* config) {
  switch (KindOf(change.after.has_value() ? *change.after : *change.before)) {
    case ObjectKind::kPod:
      return TakeBackFrom(&config->pods, change);
    case ObjectKind::kNode:
      return TakeBackFrom(&config->nodes, change);
    case ObjectKind::kRoute:
      return TakeBackFrom(&config->routes, change);
  }
}

}  // namespace

absl::StatusOr<Config> Reloader::Read() const {
  absl::StatusOr<Config> read = LoadConfig(options_.config, options_.overrides);
  if (!read.ok()) return read;
  if (absl::Status status = CheckReloadable(running_, *read); !status.ok()) return status;
  return read;
}

void Reloader::Reload(absl::Time now) {
  absl::StatusOr<Config> read = Read();
  if (!read.ok()) {
    LOG(ERROR) << "reload: everything stays as it was: " << read.status().message();
    return;
  }
  const std::vector<Change> changes = ChangesBetween(running_, *read);
  if (read->hairpin_mode != running_.hairpin_mode) {
    LOG(INFO) << "reload: hairpin mode " << ToString(read->hairpin_mode);
    node_.SetHairpinMode(read->hairpin_mode);
  }
  running_ = *std::move(read);
  size_t failed = 0;
  for (const Change& change : changes) {
    VLOG(1) << "reload: " << Describe(change);
    const absl::Status status = node_.Apply(change, now);
    if (status.ok()) continue;
    LOG(ERROR) << "reload: " << Describe(change) << ": " << status.message();
    TakeBack(change, &running_);
    ++failed;
  }
  LOG(INFO) << "reload: " << changes.size() << " object(s) changed"
            << (failed == 0 ? "" : absl::StrCat(", ", failed, " of them in vain"));
}

}  // namespace podwarp
