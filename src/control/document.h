// What a configuration file or a body of the API says, before it is known what is meant: a tree of
// mappings, lists and single values. YAML and JSON both become one, and are read by the same rules.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace podwarp {

// Keys keep their order. What YAML says has strings for single values, and null where it has none.
using Document = nlohmann::ordered_json;

// Errors: InvalidArgument, a sentence: text that isn't JSON, with the place; a key that is given
// again, where JSON itself would let the last one win; mappings of more than 256 keys and trees of
// more than 16 levels, which nothing here needs.
absl::StatusOr<Document> ParseJson(std::string_view text);

}  // namespace podwarp
