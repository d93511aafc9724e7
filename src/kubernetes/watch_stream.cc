#include "kubernetes/watch_stream.h"

#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

using Json = nlohmann::json;

std::optional<WatchEvent::Type> TypeOf(const Json& event) {
  const auto type = event.find("type");
  if (type == event.end()) return std::nullopt;
  if (*type == "ADDED") return WatchEvent::Type::kAdded;
  if (*type == "MODIFIED") return WatchEvent::Type::kModified;
  if (*type == "DELETED") return WatchEvent::Type::kDeleted;
  if (*type == "BOOKMARK") return WatchEvent::Type::kBookmark;
  if (*type == "ERROR") return WatchEvent::Type::kError;
  return std::nullopt;
}

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

absl::Status NotAnEvent(std::string_view line) {
  const std::string_view start = line.substr(0, 60);
  return absl::DataLossError(
      absl::StrCat("a line of the watch is no event: \"",
                   absl::CHexEscape(absl::string_view(start.data(), start.size())), "\""));
}

}  // namespace

absl::Status WatchStream::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > longest_line_) {
      return absl::DataLossError(
          absl::StrCat("a line of the watch has more than ", longest_line_, " bytes"));
    }
    if (end == std::string_view::npos) {
      line_.append(piece);
      return absl::OkStatus();
    }
    bytes.remove_prefix(end + 1);
    // Most lines come in one piece and aren't copied.
    std::string line;
    if (!line_.empty()) {
      line_.append(piece);
      line.swap(line_);
    }
    if (absl::Status status = TakeLine(line.empty() ? piece : line); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status WatchStream::TakeLine(std::string_view line) {
  if (IsBlank(line)) return absl::OkStatus();
  Json event = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!event.is_object()) return NotAnEvent(line);
  const std::optional<WatchEvent::Type> type = TypeOf(event);
  const auto object = event.find("object");
  if (!type.has_value() || object == event.end() || !object->is_object()) return NotAnEvent(line);
  return on_event_({.type = *type, .object = std::move(*object)});
}

}  // namespace podwarp
