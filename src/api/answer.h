// Answers of the API: a status of HTTP with a JSON body or metrics, and how errors are told.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "control/objects.h"

namespace podwarp {

struct ApiAnswer {
  int status = 200;
  nlohmann::ordered_json body;
  std::string allow;    // the methods that are served, with 405
  std::string metrics;  // Prometheus' text form; if it isn't empty, sent in place of the body
};

// The word that programs tell errors by: "not_found".
std::string_view CodeOf(const absl::Status& status);

// {"error":{"code":...,"object":...,"message":...}}; `object` may be empty.
ApiAnswer ErrorAnswer(int status, std::string_view code, std::string_view object,
                      std::string_view message);
// The same with the fitting status of HTTP and code.
ApiAnswer ErrorAnswer(const absl::Status& status, std::string_view object);

// What a body is sent as. Bytes that aren't UTF-8 (a path may have such) are replaced.
std::string ToText(const nlohmann::ordered_json& body);

}  // namespace podwarp
