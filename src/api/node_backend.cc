#include "api/node_backend.h"

#include <rte_version.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "control/config_values.h"
#include "control/object_json.h"
#include "observe/capture_stream.h"
#include "observe/explain_query.h"
#include "observe/explain_text.h"
#include "observe/trace_stream.h"
#include "telemetry/connection_search.h"
#include "telemetry/describe.h"
#include "telemetry/metrics.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

using Json = nlohmann::ordered_json;

// As many as the control thread describes before it sees to its other duties.
constexpr size_t kAtOnce = 256;
constexpr uint32_t kUsualPage = 1'000;
constexpr uint32_t kLongestPage = 10'000;
constexpr size_t kMostNotes = 20;

template <typename Report>
Json DescribeAsJson(const Report& report) {
  return Describe<JsonAnswer>(report).Take();
}

// Without what the object says itself.
Json Without(Json status, std::initializer_list<const char*> fields) {
  for (const char* field : fields) status.erase(field);
  return status;
}

// The control thread.
Json StatusOf(const Node& node, ObjectKind kind, const std::string& key) {
  if (kind == ObjectKind::kPod) {
    const auto pod = node.pods().find(key);
    if (pod == node.pods().end()) return Json::object();
    return Without(DescribeAsJson(ReportPod(node, pod->second)),
                   {"name", "mac", "addresses", "allowed_prefixes"});
  }
  if (kind == ObjectKind::kNode) {
    const auto remote = node.remote_nodes().find(key);
    if (remote == node.remote_nodes().end()) return Json::object();
    return Without(DescribeAsJson(ReportRemoteNode(node, remote->second)),
                   {"name", "underlay_address", "uplink", "pod_ranges"});
  }
  return Json::object();
}

Json Items(Json items) {
  Json report = Json::object();
  report["items"] = std::move(items);
  return report;
}

Json ReportPorts(const Node& node) {
  Json items = Json::array();
  for (const PortId port : ListPorts(node)) items.push_back(DescribeAsJson(ReportPort(node, port)));
  return Items(std::move(items));
}

Json ReportWorkers(const Node& node) {
  Json items = Json::array();
  for (size_t i = 0; i < node.workers().size(); ++i) {
    items.push_back(DescribeAsJson(ReportWorker(node, i)));
  }
  return Items(std::move(items));
}

Json ReportDrops(const Node& node) {
  Json items = Json::array();
  for (size_t i = 0; i < kDropReasons; ++i) {
    items.push_back(DescribeAsJson(ReportDrop(node, static_cast<DropReason>(i))));
  }
  return Items(std::move(items));
}

Json DescribeStages(const Node& node, std::optional<size_t> worker) {
  Json items = Json::array();
  for (size_t i = 0; i < kStages; ++i) {
    items.push_back(DescribeAsJson(ReportStage(node, static_cast<Stage>(i), worker)));
  }
  return Items(std::move(items));
}

// Of each worker, and of all.
Json ReportLatencies(const Node& node) {
  Json items = Json::array();
  for (size_t i = 0; i < node.workers().size(); ++i) {
    Json item = {{"lcore", ReportWorker(node, i).lcore}};
    item.update(DescribeAsJson(ReportLatency(node, i)));
    items.push_back(std::move(item));
  }
  Json report = Items(std::move(items));
  report["all"] = DescribeAsJson(ReportLatency(node));
  return report;
}

Json CountPorts(const Node& node) {
  const std::vector<PortId> ports = ListPorts(node);
  const auto up = std::count_if(ports.begin(), ports.end(),
                                [&](PortId port) { return ReportPort(node, port).state.up; });
  return {{"total", ports.size()}, {"up", up}};
}

Json CountPods(const Node& node) {
  const auto up = std::count_if(node.pods().begin(), node.pods().end(),
                                [&](const auto& pod) { return ReportPod(node, pod.second).up; });
  return {{"total", node.pods().size()}, {"up", up}};
}

Json CountNodes(const Node& node) {
  const auto resolved =
      std::count_if(node.remote_nodes().begin(), node.remote_nodes().end(),
                    [&](const auto& remote) { return node.MacOf(remote.second).has_value(); });
  return {{"total", node.remote_nodes().size()}, {"resolved", resolved}};
}

// What all workers have counted since the start.
void AddTraffic(const Node& node, Json* status) {
  TrafficReport sum;
  uint64_t busy = 0, total = 0;
  for (size_t i = 0; i < node.workers().size(); ++i) {
    const WorkerReport worker = ReportWorker(node, i);
    sum.received_frames += worker.traffic.received_frames;
    sum.transmitted_frames += worker.traffic.transmitted_frames;
    sum.dropped_frames += worker.traffic.dropped_frames;
    busy += worker.cycles_busy;
    total += worker.cycles_total;
  }
  (*status)["received_frames"] = sum.received_frames;
  (*status)["transmitted_frames"] = sum.transmitted_frames;
  (*status)["dropped_frames"] = sum.dropped_frames;
  (*status)["busy_percent"] =
      total == 0 ? 0
                 : std::round(1e4 * static_cast<double>(busy) / static_cast<double>(total)) / 100;
}

// A node that doesn't know yet what Kubernetes says isn't ready. One that knew it once is: what it
// has goes on forwarding.
void AddKubernetes(const KubernetesStatus& kubernetes, Json* status) {
  Json& described = (*status)["kubernetes"] = DescribeAsJson(kubernetes);
  described["resources"] = Json::array();
  for (const KubernetesStatus::Resource& resource : kubernetes.resources) {
    described["resources"].push_back(DescribeAsJson(resource));
  }
  if (!IsSynced(kubernetes)) {
    (*status)["ready"] = false;
    (*status)["why_not_ready"] = Summarize(kubernetes);
  } else if (!kubernetes.is_current) {
    (*status)["not_current"] = Summarize(kubernetes);
  }
}

absl::StatusOr<Json> ReportExplanation(const ApiParameters& parameters, const Node& node,
                                       Explainer& explainer) {
  const absl::StatusOr<ExplainRequest> request = ParseExplainRequest(parameters, node);
  if (!request.ok()) return request.status();
  const absl::StatusOr<Explanation> explanation = explainer.Explain(*request);
  if (!explanation.ok()) return explanation.status();
  return ExplanationToJson(*request, *explanation, node);
}

absl::Status Wrong(const std::string& parameter, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(parameter, ": ", std::string(what)));
}

absl::Status CheckNone(const ApiParameters& parameters) {
  if (parameters.empty()) return absl::OkStatus();
  return Wrong(parameters.begin()->first, "unknown parameter (there are none)");
}

}  // namespace

NodeBackend::NodeBackend(std::string config_file, Reconciler* reconciler, const Node* node,
                         ControlLoop* loop, Watch* watch, Explainer* explainer,
                         KubernetesStatusSource kubernetes)
    : config_file_(std::move(config_file)),
      reconciler_(*reconciler),
      node_(*node),
      loop_(*loop),
      watch_(*watch),
      explainer_(*explainer),
      kubernetes_(std::move(kubernetes)) {}

ObjectDefaults NodeBackend::Defaults() {
  return reconciler_.WithState(
      [](const DesiredState& state) { return DefaultsOf(state.settings()); });
}

std::optional<Listed> NodeBackend::Get(ObjectKind kind, const std::string& key) {
  std::optional<DesiredState::Listed> found =
      reconciler_.WithState([&](const DesiredState& state) { return state.Find(kind, key); });
  if (!found.has_value()) return std::nullopt;
  std::vector<DesiredState::Listed> one;
  one.push_back(*std::move(found));
  return std::move(WithStatus(kind, std::move(one))[0]);
}

std::vector<Listed> NodeBackend::List(ObjectKind kind, const std::string& after, size_t limit) {
  return WithStatus(kind, reconciler_.WithState([&](const DesiredState& state) {
    return state.List(kind, after, limit);
  }));
}

std::vector<Listed> NodeBackend::WithStatus(ObjectKind kind,
                                            std::vector<DesiredState::Listed> listed) {
  std::vector<Listed> items(listed.size());
  for (size_t i = 0; i < listed.size(); ++i) {
    items[i] = {
        .origin = listed[i].origin, .object = ToJson(listed[i].object), .status = Json::object()};
    if (!listed[i].why_hidden.empty()) items[i].status["shadowed"] = listed[i].why_hidden;
  }
  if (kind == ObjectKind::kRoute || kind == ObjectKind::kService) return items;
  for (size_t begin = 0; begin < items.size(); begin += kAtOnce) {
    loop_.Call([&] {
      for (size_t i = begin; i < std::min(begin + kAtOnce, items.size()); ++i) {
        if (!listed[i].why_hidden.empty()) continue;
        items[i].status = StatusOf(node_, kind, KeyOf(listed[i].object));
      }
    });
  }
  return items;
}

absl::StatusOr<Json> NodeBackend::Ask(const std::function<Json()>& question) {
  Json answer;
  if (loop_.Call([&] { answer = question(); })) return answer;
  return absl::UnavailableError("podwarp is stopping");
}

absl::StatusOr<Json> NodeBackend::Report(std::string_view name, const ApiParameters& parameters) {
  if (name == "arp") return ReportArp(parameters);
  if (name == "connections") return ReportConnections(parameters);
  if (name == "route") return ReportRoute(parameters);
  if (name == "stages") return ReportStages(parameters);
  if (name == "explain") return Explain(parameters);
  if (absl::Status status = CheckNone(parameters); !status.ok()) return status;
  if (name == "ports") return Ask([&] { return ReportPorts(node_); });
  if (name == "workers") return Ask([&] { return ReportWorkers(node_); });
  if (name == "drops") return Ask([&] { return ReportDrops(node_); });
  if (name == "latency") return Ask([&] { return ReportLatencies(node_); });
  if (name == "status") return ReportStatus();
  if (name == "config") {
    return reconciler_.WithState([](const DesiredState& state) {
      return Without(ToJson(state.settings()), {"pods", "nodes", "routes", "services"});
    });
  }
  return absl::NotFoundError(absl::StrCat("there is no report ", std::string(name)));
}

absl::StatusOr<Json> NodeBackend::ReportStatus() {
  // Not by the control thread: the state may be held by who waits for it, and so may what is known
  // of Kubernetes.
  const Json state = reconciler_.WithState([&](const DesiredState& desired) {
    Json notes = reconciler_.StoreNotes();
    const auto add_hidden = [&](Origin origin, const char* said) {
      for (const std::string& hidden : desired.ListHidden(origin, kMostNotes)) {
        notes.push_back(absl::StrCat("what ", said, " said has no place: ", hidden));
      }
    };
    add_hidden(Origin::kApi, "the API");
    add_hidden(Origin::kKubernetes, "Kubernetes");
    return Json{{"hairpin_mode", ToString(desired.settings().hairpin_mode)},
                {"routes", desired.entries<RouteConfig>().size()},
                {"services", desired.entries<ServiceConfig>().size()},
                {"notes", std::move(notes)}};
  });
  absl::StatusOr<Json> status = Ask([&] { return ReportNode(); });
  if (!status.ok()) return status;
  status->update(state);
  if (kubernetes_ != nullptr) AddKubernetes(kubernetes_(), &*status);
  return status;
}

Json NodeBackend::ReportNode() {
  const Config& config = node_.config();
  Json status = {{"ready", true},
                 {"node", config.node_name},
                 {"version", PODWARP_VERSION},
                 {"dpdk", rte_version()},
                 {"pid", getpid()},
                 {"uptime_seconds", absl::ToInt64Seconds(ControlLoop::Now() - start_)},
                 {"virtual_mac", config.virtual_mac.ToString()},
                 {"gateway", config.gateway.address.ToString()},
                 {"hairpin_mode", ""},
                 {"config_file", config_file_},
                 {"state_file", config.api.has_value() ? config.api->state_file : ""},
                 {"file_prefix", config.file_prefix},
                 {"workers", node_.workers().size()},
                 {"ports", CountPorts(node_)},
                 {"pods", CountPods(node_)},
                 {"nodes", CountNodes(node_)}};
  AddTraffic(node_, &status);
  return status;
}

absl::StatusOr<Json> NodeBackend::ReportArp(const ApiParameters& parameters) {
  uint32_t start = 0, limit = kUsualPage;
  std::optional<Ipv4Address> address;
  for (const auto& [name, value] : parameters) {
    absl::Status status;
    if (name == "address") {
      const absl::StatusOr<Ipv4Address> parsed = Ipv4Address::Parse(value);
      status = parsed.status();
      if (parsed.ok()) address = *parsed;
    } else if (name == "start" || name == "limit") {
      const bool is_limit = name == "limit";
      const absl::StatusOr<uint32_t> parsed =
          ParseIntegerIn(value, is_limit ? 1 : 0, is_limit ? kLongestPage : UINT32_MAX);
      status = parsed.status();
      if (parsed.ok()) (is_limit ? limit : start) = *parsed;
    } else {
      return Wrong(name, "unknown parameter (known: address, start, limit)");
    }
    if (!status.ok()) return Wrong(name, std::string(status.message()));
  }
  if (address.has_value()) {
    return Ask([&] { return DescribeAsJson(ReportAddress(node_, *address)); });
  }
  return Ask([&] {
    const OwnedPrefixes prefixes = ListPrefixes(node_, start, limit);
    Json items = Json::array();
    for (const OwnedPrefix& owned : prefixes.listed) {
      items.push_back(DescribeAsJson(ReportPrefix(node_, owned)));
    }
    const size_t next = size_t{start} + items.size();
    Json report = Items(std::move(items));
    report["total"] = prefixes.total;
    report["next"] = next < prefixes.total ? Json(next) : Json(nullptr);
    return report;
  });
}

absl::StatusOr<Json> NodeBackend::ReportRoute(const ApiParameters& parameters) {
  std::optional<Ipv4Address> to;
  for (const auto& [name, value] : parameters) {
    if (name != "to") return Wrong(name, "unknown parameter (known: to)");
    const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(value);
    if (!address.ok()) return Wrong(name, std::string(address.status().message()));
    to = *address;
  }
  if (!to.has_value()) return Wrong("to", "an address is missing");
  return Ask([&] { return DescribeAsJson(podwarp::ReportRoute(node_, *to)); });
}

absl::StatusOr<Json> NodeBackend::ReportStages(const ApiParameters& parameters) {
  std::optional<size_t> worker;
  for (const auto& [name, value] : parameters) {
    if (name != "lcore") return Wrong(name, "unknown parameter (known: lcore)");
    const auto workers = static_cast<uint32_t>(node_.workers().size());
    const absl::StatusOr<uint32_t> lcore = ParseIntegerIn(value, 1, workers);
    if (!lcore.ok()) return Wrong(name, std::string(lcore.status().message()));
    worker = *lcore - 1;  // lcore 0 is the control thread
  }
  return Ask([&] { return DescribeStages(node_, worker); });
}

absl::StatusOr<Json> NodeBackend::ReportConnections(const ApiParameters& parameters) {
  const absl::StatusOr<ConnectionQuery> query = ParseConnectionQuery(parameters);
  if (!query.ok()) return query.status();
  ConnectionSearch search(*query);
  absl::StatusOr<bool> goes_on = true;
  while (goes_on.ok() && *goes_on) {
    if (!loop_.Call([&] { goes_on = search.Step(node_); })) {
      return absl::UnavailableError("podwarp is stopping");
    }
  }
  if (!goes_on.ok()) return goes_on.status();
  const ConnectionPage page = std::move(search).Take();
  Json items = Json::array();
  for (const ConnectionReport& connection : page.connections) {
    items.push_back(DescribeAsJson(connection));
  }
  Json report = Items(std::move(items));
  report["next"] = page.next.has_value() ? Json(*page.next) : Json(nullptr);
  report["in_use"] = page.in_use;
  report["capacity"] = page.capacity;
  return report;
}

absl::StatusOr<Json> NodeBackend::Explain(const ApiParameters& parameters) {
  absl::StatusOr<Json> json = absl::UnavailableError("podwarp is stopping");
  loop_.Call([&] { json = ReportExplanation(parameters, node_, explainer_); });
  return json;
}

absl::StatusOr<std::string> NodeBackend::Metrics() {
  const std::lock_guard lock(metrics_mutex_);
  NodeMetrics metrics(node_);
  bool goes_on = true;
  while (goes_on) {
    if (!loop_.Call([&] { goes_on = metrics.Step(); })) {
      return absl::UnavailableError("podwarp is stopping");
    }
  }
  if (kubernetes_ != nullptr) metrics.Add(kubernetes_());
  metrics.AddProcess(start_by_wall_);
  return ToText(std::move(metrics).Take());
}

absl::StatusOr<Json> NodeBackend::Reload() {
  const absl::StatusOr<Reconciler::Reloaded> reloaded = reconciler_.Reload();
  if (!reloaded.ok()) return reloaded.status();
  return Json{{"changes", reloaded->changes}, {"failed", reloaded->failed}};
}

absl::StatusOr<std::unique_ptr<ApiStream>> NodeBackend::OpenStream(
    std::string_view name, const ApiParameters& parameters) {
  if (name == "capture") return CaptureStream::Open(parameters, &node_, &watch_, &loop_);
  if (name == "trace") return TraceStream::Open(parameters, &node_, &watch_, &loop_);
  return absl::UnimplementedError(absl::StrCat("there is no stream ", std::string(name), " yet"));
}

}  // namespace podwarp
