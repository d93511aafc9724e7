#include "telemetry/command_parameters.h"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

std::optional<size_t> ParseNumber(std::string_view text) {
  size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && rest == end) return number;
  return std::nullopt;
}

}  // namespace

absl::StatusOr<size_t> ParseStart(std::string_view argument) {
  if (argument.empty()) return size_t{0};
  if (const std::optional<size_t> start = ParseNumber(argument)) return *start;
  return absl::InvalidArgumentError(absl::StrCat(
      "START is a number, that of the first entry, not '", std::string(argument), "'"));
}

absl::StatusOr<std::optional<size_t>> ParseLcore(const Node& node, std::string_view argument) {
  if (argument.empty()) return std::optional<size_t>();
  const std::optional<size_t> lcore = ParseNumber(argument);
  const size_t workers = node.workers().size();
  // Lcore 0 is the control thread.
  if (lcore.has_value() && *lcore >= 1 && *lcore <= workers) return std::optional(*lcore - 1);
  return absl::InvalidArgumentError(absl::StrCat(
      "'", std::string(argument), "' is not a worker's lcore (a number from 1 to ", workers, ")"));
}

AnswerDict ErrorOf(const absl::Status& status) {
  return AnswerError(std::string(status.message()));
}

}  // namespace podwarp
