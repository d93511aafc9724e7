// Lists of the API, whole: page by page, so that a million objects take no more memory than a page.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "client/api_client.h"

namespace podwarp::ctl {

// Calls `use` with the items of each page, an array, until there are no more or it gives false.
// `path` is a list's, as /v1/pods, or a report's with "items" and without pages, as /v1/ports.
// Errors: those of ApiClient::Get().
absl::Status ForEachPage(ApiClient* client, const std::string& path,
                         const std::function<bool(const Json& items)>& use);

// The items of a list that has no pages.
absl::StatusOr<Json> GetItems(ApiClient* client, const std::string& path);

}  // namespace podwarp::ctl
