// What may stand after a telemetry command's comma.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "control/node.h"
#include "telemetry/answer.h"

namespace podwarp {

// START; 0 if there is no argument.
absl::StatusOr<size_t> ParseStart(std::string_view argument);
// LCORE: the number of that worker; unset if there is no argument.
absl::StatusOr<std::optional<size_t>> ParseLcore(const Node& node, std::string_view argument);

AnswerDict ErrorOf(const absl::Status& status);

}  // namespace podwarp
