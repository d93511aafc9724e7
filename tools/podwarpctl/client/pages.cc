#include "client/pages.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace podwarp::ctl {
namespace {

// How to ask for what comes after: lists by the last key, reports by the number of the first entry.
std::string Parameter(const Json& next) {
  if (next.is_string()) return absl::StrCat("after=", InPath(next.get<std::string>()));
  return absl::StrCat("start=", next.get<uint64_t>());
}

}  // namespace

absl::Status ForEachPage(ApiClient* client, const std::string& path,
                         const std::function<bool(const Json& items)>& use) {
  const char* const separator = path.find('?') == std::string::npos ? "?" : "&";
  std::string asked = path;
  Json next;
  while (true) {
    const absl::StatusOr<Json> page = client->Get(asked);
    if (!page.ok()) return page.status();
    const auto items = page->find("items");
    if (!page->is_object() || items == page->end() || !items->is_array()) {
      return absl::FailedPreconditionError(
          absl::StrCat("podwarp's answer to ", asked, " is no list: is it an older one?"));
    }
    if (!use(*items)) return absl::OkStatus();
    const Json last = std::exchange(next, page->value("next", Json()));
    if (!next.is_string() && !next.is_number_unsigned()) return absl::OkStatus();
    if (next == last) {
      return absl::FailedPreconditionError(absl::StrCat("podwarp's list ", path, " doesn't go on"));
    }
    asked = absl::StrCat(path, separator, Parameter(next));
  }
}

absl::StatusOr<Json> GetItems(ApiClient* client, const std::string& path) {
  Json all = Json::array();
  absl::Status status = ForEachPage(client, path, [&](const Json& items) {
    all.insert(all.end(), items.begin(), items.end());
    return true;
  });
  if (!status.ok()) return status;
  return all;
}

}  // namespace podwarp::ctl
