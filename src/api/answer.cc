#include "api/answer.h"

namespace podwarp {
namespace {

struct ErrorKind {
  absl::StatusCode code;
  int http_status;
  std::string_view word;
};

constexpr ErrorKind kKinds[] = {
    {absl::StatusCode::kInvalidArgument, 400, "invalid_argument"},
    {absl::StatusCode::kOutOfRange, 400, "invalid_argument"},
    {absl::StatusCode::kPermissionDenied, 403, "permission_denied"},
    {absl::StatusCode::kNotFound, 404, "not_found"},
    {absl::StatusCode::kAlreadyExists, 409, "already_exists"},
    {absl::StatusCode::kFailedPrecondition, 409, "failed_precondition"},
    {absl::StatusCode::kAborted, 409, "failed_precondition"},
    {absl::StatusCode::kUnimplemented, 501, "unimplemented"},
    {absl::StatusCode::kUnavailable, 503, "unavailable"},
    {absl::StatusCode::kDeadlineExceeded, 503, "unavailable"},
    {absl::StatusCode::kCancelled, 503, "unavailable"},
    {absl::StatusCode::kResourceExhausted, 507, "resource_exhausted"},
};

const ErrorKind& KindOf(const absl::Status& status) {
  static constexpr ErrorKind kOther = {absl::StatusCode::kInternal, 500, "internal"};
  for (const ErrorKind& kind : kKinds) {
    if (kind.code == status.code()) return kind;
  }
  return kOther;
}

}  // namespace

std::string_view CodeOf(const absl::Status& status) { return KindOf(status).word; }

ApiAnswer ErrorAnswer(int status, std::string_view code, std::string_view object,
                      std::string_view message) {
  nlohmann::ordered_json error = {{"code", code}};
  if (!object.empty()) error["object"] = object;
  error["message"] = message;
  nlohmann::ordered_json body = nlohmann::ordered_json::object();
  body["error"] = std::move(error);
  return {.status = status, .body = std::move(body), .allow = ""};
}

ApiAnswer ErrorAnswer(const absl::Status& status, std::string_view object) {
  const std::string message(status.message());
  return ErrorAnswer(KindOf(status).http_status, CodeOf(status), object, message);
}

std::string ToText(const nlohmann::ordered_json& body) {
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace podwarp
