#include "control/kubernetes_status.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace podwarp {
namespace {

// Those for which `is_well` is false: "nodes (connection refused), services".
template <typename IsWell>
std::string Unwell(const KubernetesStatus& status, const IsWell& is_well) {
  std::vector<std::string> named;
  for (const KubernetesStatus::Resource& resource : status.resources) {
    if (is_well(resource)) continue;
    named.push_back(resource.last_error.empty()
                        ? resource.name
                        : absl::StrCat(resource.name, " (", resource.last_error, ")"));
  }
  return absl::StrJoin(named, ", ");
}

}  // namespace

bool IsSynced(const KubernetesStatus& status) {
  return std::all_of(status.resources.begin(), status.resources.end(),
                     [](const KubernetesStatus::Resource& resource) { return resource.synced; });
}

std::string Summarize(const KubernetesStatus& status) {
  if (!IsSynced(status)) {
    return absl::StrCat(
        "waits for the first lists of ", status.server, ": ",
        Unwell(status, [](const KubernetesStatus::Resource& resource) { return resource.synced; }));
  }
  if (status.is_current) return absl::StrCat("follows ", status.server);
  const std::string unwell =
      Unwell(status, [](const KubernetesStatus::Resource& resource) { return resource.connected; });
  return absl::StrCat(status.server, " has not been followed for ",
                      absl::FormatDuration(absl::Trunc(status.not_current_for, absl::Seconds(1))),
                      unwell.empty() ? "" : ": ", unwell,
                      "; forwarding goes on with what it said last");
}

}  // namespace podwarp
