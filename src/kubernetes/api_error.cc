#include "kubernetes/api_error.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

using Json = nlohmann::json;

constexpr char kRetryAfter[] = "podwarp.io/retry-after-seconds";
// What comes from a server that isn't well, or a proxy before it, doesn't silence us for a day.
constexpr int64_t kMostRetryAfterSeconds = 300;
constexpr size_t kLongestSentence = 1000;

absl::StatusCode CodeOf(int http_code) {
  switch (http_code) {
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      return absl::StatusCode::kAborted;
    case 410:
      return absl::StatusCode::kOutOfRange;
    case 429:
      return absl::StatusCode::kUnavailable;
  }
  if (http_code >= 500 && http_code < 600) return absl::StatusCode::kUnavailable;
  if (http_code >= 400 && http_code < 500) return absl::StatusCode::kInvalidArgument;
  return absl::StatusCode::kUnknown;
}

// What a Status says, as far as it is one.
struct Said {
  std::string message;
  int64_t code = 0;
  int64_t retry_after_seconds = 0;
};

int64_t Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

Said Read(const Json& status) {
  Said said;
  if (!status.is_object()) return said;
  if (const auto message = status.find("message");
      message != status.end() && message->is_string()) {
    said.message = message->get<std::string>().substr(0, kLongestSentence);
  }
  said.code = Number(status, "code");
  if (const auto details = status.find("details");
      details != status.end() && details->is_object()) {
    said.retry_after_seconds = Number(*details, "retryAfterSeconds");
  }
  return said;
}

absl::Status Make(std::string_view request, int http_code, const Said& said) {
  const std::string sentence = said.message.empty() ? "" : absl::StrCat(": ", said.message);
  absl::Status error(
      CodeOf(http_code),
      absl::StrCat(absl::string_view(request.data(), request.size()), ": ", http_code, sentence));
  if (said.retry_after_seconds > 0) {
    const int64_t seconds = std::min(said.retry_after_seconds, kMostRetryAfterSeconds);
    error.SetPayload(kRetryAfter, absl::Cord(absl::StrCat(seconds)));
  }
  return error;
}

}  // namespace

absl::Status ApiError(std::string_view request, int http_code, std::string_view body,
                      std::string_view retry_after) {
  Said said = Read(Json::parse(body, nullptr, /*allow_exceptions=*/false));
  // The other form of this header, a date, no API server sends.
  int64_t seconds = 0;
  if (absl::SimpleAtoi(absl::string_view(retry_after.data(), retry_after.size()), &seconds)) {
    said.retry_after_seconds = std::max(said.retry_after_seconds, seconds);
  }
  return Make(request, http_code, said);
}

absl::Status ApiError(std::string_view request, const Json& status) {
  const Said said = Read(status);
  const int64_t code = said.code >= 400 && said.code < 600 ? said.code : 0;
  return Make(request, static_cast<int>(code), said);
}

std::optional<absl::Duration> RetryAfter(const absl::Status& error) {
  const absl::optional<absl::Cord> payload = error.GetPayload(kRetryAfter);
  int64_t seconds = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &seconds)) {
    return std::nullopt;
  }
  return absl::Seconds(seconds);
}

}  // namespace podwarp
