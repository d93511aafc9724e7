// What the API serves: whoever has the node, its desired state and its store.
//
// Thread rule: called from several threads at once.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "control/objects.h"

namespace podwarp {

// An object with who wants it, and how it is doing.
struct Listed {
  Origin origin = Origin::kApi;
  nlohmann::ordered_json object;  // by ToJson()
  nlohmann::ordered_json status;
};

using ApiParameters = std::multimap<std::string, std::string>;  // of the query

// What goes on until its reader has had enough.
//
// Thread rule: the thread of the connection that reads it.
class ApiStream {
 public:
  virtual ~ApiStream() = default;
  virtual std::string_view content_type() const = 0;
  // What there is to be sent; waits for it no longer than `wait`, and is empty if nothing came.
  // Unset: that was all.
  virtual std::optional<std::string> Next(absl::Duration wait) = 0;
};

class ApiBackend {
 public:
  virtual ~ApiBackend() = default;

  // Applies the edits in order; each stands alone. All that succeeded is durable when it returns.
  // Gives a result for each.
  virtual std::vector<EditResult> Apply(std::span<const Edit> edits) = 0;
  virtual std::optional<Listed> Get(ObjectKind kind, const std::string& key) = 0;
  // Up to `limit` objects after `after` in the order of keys; from the first one on if it is empty.
  // There need be no object with that key (any more).
  virtual std::vector<Listed> List(ObjectKind kind, const std::string& after, size_t limit) = 0;
  // "ports", "workers", "drops", "stages", "latency", "arp", "route", "connections", "explain",
  // "config", "status": read-only. The node is
  // ready to forward unless "status" has an error or says "ready": false, and "why_not_ready".
  // What its readiness is to tell though it is ready stands in "not_current". Errors: NotFound,
  // InvalidArgument (a parameter that is unknown or can't be read).
  virtual absl::StatusOr<nlohmann::ordered_json> Report(std::string_view name,
                                                        const ApiParameters& parameters) = 0;
  // Has the configuration file read anew: {"changes": N, "failed": [sentences]}.
  virtual absl::StatusOr<nlohmann::ordered_json> Reload() = 0;
  // In Prometheus' text form.
  virtual absl::StatusOr<std::string> Metrics() {
    return absl::UnimplementedError("there are no metrics");
  }
  // "trace", "capture". Errors: InvalidArgument (a parameter that is unknown or can't be read),
  // NotFound (there is no such pod or port), ResourceExhausted (too many are open).
  virtual absl::StatusOr<std::unique_ptr<ApiStream>> OpenStream(
      std::string_view name, const ApiParameters& /*parameters*/) {
    return absl::NotFoundError(absl::StrCat("there is no stream ", std::string(name)));
  }
  virtual ObjectDefaults Defaults() = 0;
};

}  // namespace podwarp
