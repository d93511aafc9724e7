#include "top/sample.h"

#include <chrono>
#include <utility>

#include "client/pages.h"
#include "text/fields.h"

namespace podwarp::ctl {
namespace {

absl::Status GetPods(ApiClient* client, Json* pods) {
  *pods = Json::array();
  return ForEachPage(client, "/v1/pods?limit=1000", [&](const Json& items) {
    for (const Json& item : items) {
      Json pod = Field(item, "status");
      if (!pod.is_object()) pod = Json::object();
      pod["name"] = Text(item, "key");
      pods->push_back(std::move(pod));
    }
    return true;
  });
}

// An older podwarp has none, and says so; that is no fault.
absl::Status GetLatency(ApiClient* client, Json* latency) {
  absl::StatusOr<Json> items = GetItems(client, "/v1/latency");
  if (items.ok()) *latency = *std::move(items);
  return absl::IsFailedPrecondition(items.status()) ? absl::OkStatus() : items.status();
}

}  // namespace

absl::StatusOr<Sample> TakeSample(const Needs& needs, ApiClient* client) {
  Sample sample;
  absl::StatusOr<Json> status = client->Get("/v1/status");
  if (!status.ok()) return status.status();
  sample.status = *std::move(status);
  absl::Status pods = needs.pods ? GetPods(client, &sample.pods) : absl::OkStatus();
  if (!pods.ok()) return pods;
  absl::Status latency = needs.latency ? GetLatency(client, &sample.latency) : absl::OkStatus();
  if (!latency.ok()) return latency;
  for (const auto& [path, items] :
       {std::pair{"/v1/workers", &sample.workers}, std::pair{"/v1/ports", &sample.ports},
        std::pair{"/v1/drops", &sample.drops}}) {
    if (items == &sample.ports && !needs.ports) continue;
    absl::StatusOr<Json> got = GetItems(client, path);
    if (!got.ok()) return got.status();
    *items = *std::move(got);
  }
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  sample.at_seconds = std::chrono::duration<double>(now).count();
  return sample;
}

bool Covers(const Sample& sample, const Needs& needs) {
  return (!needs.ports || sample.ports.is_array()) && (!needs.pods || sample.pods.is_array());
}

}  // namespace podwarp::ctl
