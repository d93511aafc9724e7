#include "support/kube_path.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace podwarp::test {

KubePath KubePlace(const std::string& path) {
  std::vector<std::string> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  const size_t base = !parts.empty() && parts[0] == "apis" ? 3 : 2;
  std::string space;
  if (parts.size() > base + 2 && parts[base] == "namespaces") {
    space = parts[base + 1];
    parts.erase(parts.begin() + base, parts.begin() + base + 2);
  }
  std::string name;
  if (parts.size() > base + 1) {
    name = parts[base + 1];
    parts.resize(base + 1);
  }
  const bool has_both = !space.empty() && !name.empty();
  return {.resource = absl::StrCat("/", absl::StrJoin(parts, "/")),
          .key = name.empty() ? "" : absl::StrCat(space, has_both ? "/" : "", name),
          .space = space};
}

}  // namespace podwarp::test
