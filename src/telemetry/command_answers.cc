#include "telemetry/command_answers.h"

#include <rte_version.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "telemetry/command_parameters.h"
#include "telemetry/connection_search.h"
#include "telemetry/describe.h"

namespace podwarp {
namespace {

// With names of any length this many fit an answer.
constexpr uint32_t kMostConnections = 20;

absl::StatusOr<ConnectionQuery> ParseFilter(std::string_view argument) {
  std::multimap<std::string, std::string> parameters;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(std::string(argument), ','))) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", part, "' is not a filter (expected, say, service=default/web,state=established)"));
    }
    parameters.emplace(part.substr(0, equals), part.substr(equals + 1));
  }
  absl::StatusOr<ConnectionQuery> query = ParseConnectionQuery(parameters);
  if (query.ok()) query->limit = std::min(query->limit, kMostConnections);
  return query;
}

}  // namespace

AnswerDict AnswerPort(const Node& node, std::string_view argument) {
  const PortId port = node.tables().ports.Find(argument);
  if (port != kNoPort) return Describe<AnswerDict>(ReportPort(node, port));
  return AnswerError(absl::StrCat("there is no port '", std::string(argument), "'"));
}

AnswerDict AnswerPod(const Node& node, std::string_view argument) {
  const auto pod = node.pods().find(std::string(argument));
  if (pod != node.pods().end()) return Describe<AnswerDict>(ReportPod(node, pod->second));
  return AnswerError(absl::StrCat("there is no pod '", std::string(argument),
                                  "' on this node (expected NAMESPACE/NAME)"));
}

AnswerDict AnswerRoute(const Node& node, std::string_view argument) {
  const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(argument);
  if (!address.ok()) return ErrorOf(address.status());
  return Describe<AnswerDict>(ReportRoute(node, *address));
}

AnswerDict AnswerStages(const Node& node, std::string_view argument) {
  const absl::StatusOr<std::optional<size_t>> worker = ParseLcore(node, argument);
  if (!worker.ok()) return ErrorOf(worker.status());
  AnswerDict stages;
  for (size_t i = 0; i < kStages; ++i) {
    const auto stage = static_cast<Stage>(i);
    stages.Add(Name(stage), Describe<AnswerDict>(ReportStage(node, stage, *worker)));
  }
  return stages;
}

AnswerDict AnswerLatency(const Node& node, std::string_view argument) {
  const absl::StatusOr<std::optional<size_t>> worker = ParseLcore(node, argument);
  if (!worker.ok()) return ErrorOf(worker.status());
  return Describe<AnswerDict>(ReportLatency(node, *worker));
}

AnswerDict AnswerVersion(const Node& node, std::string_view) {
  return AnswerDict()
      .Add("version", PODWARP_VERSION)
      .Add("dpdk", rte_version())
      .Add("node", node.config().node_name)
      .Add("virtual_mac", node.config().virtual_mac.ToString());
}

AnswerDict AnswerConnections(
    const std::function<bool(const std::function<void(const Node&)>&)>& ask,
    std::string_view argument) {
  const AnswerDict stopping = AnswerError("podwarp is stopping");
  if (argument.empty()) {
    ConnectionsReport totals;
    if (!ask([&](const Node& node) { totals = ReportConnections(node); })) return stopping;
    return Describe<AnswerDict>(totals);
  }
  const absl::StatusOr<ConnectionQuery> query = ParseFilter(argument);
  if (!query.ok()) return ErrorOf(query.status());
  ConnectionSearch search(*query);
  absl::StatusOr<bool> goes_on = true;
  while (goes_on.ok() && *goes_on) {
    if (!ask([&](const Node& node) { goes_on = search.Step(node); })) return stopping;
  }
  if (!goes_on.ok()) return ErrorOf(goes_on.status());
  const ConnectionPage page = std::move(search).Take();
  AnswerDict answer, entries;
  answer.Add("in_use", page.in_use).Add("capacity", uint64_t{page.capacity});
  if (page.next.has_value()) answer.Add("next", uint64_t{*page.next});
  for (size_t i = 0; i < page.connections.size(); ++i) {
    entries.Add(std::to_string(i), Describe<AnswerDict>(page.connections[i]));
  }
  return answer.Add("entries", std::move(entries));
}

AnswerDict AnswerKubernetes(const KubernetesStatus& status) {
  AnswerDict answer = Describe<AnswerDict>(status);
  AnswerDict resources;
  for (const KubernetesStatus::Resource& resource : status.resources) {
    resources.Add(resource.name, Describe<AnswerDict>(resource));
  }
  return answer.Add("resources", std::move(resources));
}

}  // namespace podwarp
