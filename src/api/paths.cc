#include "api/paths.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace podwarp {
namespace {

constexpr auto kPod = ObjectKind::kPod;
constexpr auto kNode = ObjectKind::kNode;
constexpr auto kRoute = ObjectKind::kRoute;
constexpr auto kService = ObjectKind::kService;

constexpr ApiPath kPaths[] = {
    {"/v1/pods", "GET", ApiResource::kList, kPod},
    {"/v1/pods/{namespace}/{name}", "GET, PUT, DELETE", ApiResource::kObject, kPod},
    {"/v1/nodes", "GET", ApiResource::kList, kNode},
    {"/v1/nodes/{name}", "GET, PUT, DELETE", ApiResource::kObject, kNode},
    {"/v1/routes", "GET", ApiResource::kList, kRoute},
    {"/v1/routes/{prefix}", "GET, PUT, DELETE", ApiResource::kObject, kRoute},
    {"/v1/services", "GET", ApiResource::kList, kService},
    {"/v1/services/{namespace}/{name}", "GET, PUT, DELETE", ApiResource::kObject, kService},
    {"/v1/bulk", "POST", ApiResource::kBulk, {}},
    {"/v1/reload", "POST", ApiResource::kReload, {}},
    {"/v1/ports", "GET", ApiResource::kReport, {}},
    {"/v1/workers", "GET", ApiResource::kReport, {}},
    {"/v1/drops", "GET", ApiResource::kReport, {}},
    {"/v1/stages", "GET", ApiResource::kReport, {}},
    {"/v1/latency", "GET", ApiResource::kReport, {}},
    {"/v1/connections", "GET", ApiResource::kReport, {}},
    {"/v1/route", "GET", ApiResource::kReport, {}},
    {"/v1/arp", "GET", ApiResource::kReport, {}},
    {"/v1/config", "GET", ApiResource::kReport, {}},
    {"/v1/explain", "GET", ApiResource::kReport, {}},
    {"/v1/status", "GET", ApiResource::kReport, {}},
    {"/v1/trace", "GET", ApiResource::kStream, {}},
    {"/v1/capture", "GET", ApiResource::kStream, {}},
    {"/healthz", "GET", ApiResource::kHealth, {}},
    {"/readyz", "GET", ApiResource::kReadiness, {}},
    {"/metrics", "GET", ApiResource::kMetrics, {}},
};

}  // namespace

bool ApiPath::Allows(std::string_view method) const {
  if (method == "HEAD" && resource != ApiResource::kStream) method = "GET";
  const std::vector<std::string> all = absl::StrSplit(std::string(methods), absl::ByString(", "));
  return std::find(all.begin(), all.end(), method) != all.end();
}

std::span<const ApiPath> ApiPaths() { return kPaths; }

absl::StatusOr<ApiTarget> FindTarget(std::string_view path) {
  for (const ApiPath& known : kPaths) {
    const size_t open = known.pattern.find('{');
    if (path == known.pattern) return ApiTarget{.path = &known, .key = ""};
    if (open == std::string_view::npos || path.size() <= open ||
        path.substr(0, open) != known.pattern.substr(0, open)) {
      continue;
    }
    absl::StatusOr<std::string> key = ParseKey(known.kind, std::string(path.substr(open)));
    if (!key.ok()) return key.status();
    return ApiTarget{.path = &known, .key = *std::move(key)};
  }
  return absl::NotFoundError(absl::StrCat("there is no path ", std::string(path)));
}

}  // namespace podwarp
