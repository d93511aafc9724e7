// What an API server refuses, as a status.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace podwarp {

// 401 is kUnauthenticated, 403 kPermissionDenied, 404 kNotFound, 409 kAborted, 410 kOutOfRange
// (what was asked for has expired), 429 and 5xx kUnavailable, other 4xx kInvalidArgument, and the
// rest kUnknown. The message is `request`, the code and the server's own sentence, if `body` has a
// Status with one. `retry_after` is the header of that name, or "".
absl::Status ApiError(std::string_view request, int http_code, std::string_view body,
                      std::string_view retry_after);

// The same of the Status in an ERROR event of a watch.
absl::Status ApiError(std::string_view request, const nlohmann::json& status);

// How long the server asks to be left alone.
std::optional<absl::Duration> RetryAfter(const absl::Status& error);

}  // namespace podwarp
