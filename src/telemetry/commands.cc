#include "telemetry/commands.h"

#include <rte_version.h>

#include <charconv>
#include <cstring>
#include <shared_mutex>

#include "absl/strings/str_cat.h"
#include "telemetry/answer.h"
#include "telemetry/describe.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

// --- Commands: the control thread. `argument` is what stands after the comma. ---

// START; 0 if there is no argument.
absl::StatusOr<size_t> ParseStart(std::string_view argument) {
  size_t start = 0;
  if (argument.empty()) return start;
  const char* const end = argument.data() + argument.size();
  const auto [rest, error] = std::from_chars(argument.data(), end, start);
  if (error == std::errc() && rest == end) return start;
  return absl::InvalidArgumentError(absl::StrCat(
      "START is a number, that of the first entry, not '", std::string(argument), "'"));
}

AnswerDict ErrorOf(const absl::Status& status) {
  return AnswerError(std::string(status.message()));
}

// A page of a list, from the START that `argument` names.
template <typename List, typename DescribeOne>
AnswerDict PageOf(const List& list, std::string_view argument, const DescribeOne& describe) {
  const absl::StatusOr<size_t> start = ParseStart(argument);
  if (!start.ok()) return ErrorOf(start.status());
  return AnswerPage(list.size(), *start, [&](size_t i) { return describe(list[i]); });
}

AnswerDict Ports(const Node& node, std::string_view argument) {
  return PageOf(ListPorts(node), argument,
                [&](PortId port) { return Describe<AnswerDict>(ReportPort(node, port)); });
}

AnswerDict Pods(const Node& node, std::string_view argument) {
  return PageOf(ListPods(node), argument, [&](const Node::PodRecord* pod) {
    return Describe<AnswerDict>(ReportPod(node, *pod));
  });
}

AnswerDict Nodes(const Node& node, std::string_view argument) {
  return PageOf(ListRemoteNodes(node), argument, [&](const RemoteNodeConfig* remote) {
    return Describe<AnswerDict>(ReportRemoteNode(node, *remote));
  });
}

AnswerDict ServicePorts(const Node& node, std::string_view argument) {
  return PageOf(ListServices(node), argument, [](const ServicePlace& place) {
    return Describe<AnswerDict>(ReportService(place));
  });
}

AnswerDict Connections(const Node& node, std::string_view) {
  return Describe<AnswerDict>(ReportConnections(node));
}

AnswerDict Arp(const Node& node, std::string_view argument) {
  if (argument.find('.') != std::string_view::npos) {
    const absl::StatusOr<Ipv4Address> address = Ipv4Address::Parse(argument);
    if (!address.ok()) return ErrorOf(address.status());
    return Describe<AnswerDict>(ReportAddress(node, *address));
  }
  const absl::StatusOr<size_t> start = ParseStart(argument);
  if (!start.ok()) return ErrorOf(start.status());
  const OwnedPrefixes prefixes = ListPrefixes(node, *start, kMaxPageEntries);
  return AnswerPage(prefixes.total, *start, [&](size_t i) {
    return Describe<AnswerDict>(ReportPrefix(node, prefixes.listed[i - *start]));
  });
}

AnswerDict Workers(const Node& node, std::string_view argument) {
  std::vector<size_t> workers(node.workers().size());
  for (size_t i = 0; i < workers.size(); ++i) workers[i] = i;
  return PageOf(workers, argument,
                [&](size_t i) { return Describe<AnswerDict>(ReportWorker(node, i)); });
}

AnswerDict Drops(const Node& node, std::string_view argument) {
  if (!argument.empty()) {
    const absl::StatusOr<DropReason> reason = FindDropReason(argument);
    if (!reason.ok()) return ErrorOf(reason.status());
    return Describe<AnswerDict>(ReportDrop(node, *reason));
  }
  AnswerDict drops;
  for (size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<DropReason>(i);
    drops.Add(Name(reason), ReportDrop(node, reason).frames);
  }
  return drops;
}

AnswerDict Version(const Node& node, std::string_view) {
  return AnswerDict()
      .Add("version", PODWARP_VERSION)
      .Add("dpdk", rte_version())
      .Add("node", node.config().node_name)
      .Add("virtual_mac", node.config().virtual_mac.ToString());
}

AnswerDict Kubernetes(const KubernetesStatus& status) {
  AnswerDict answer = Describe<AnswerDict>(status);
  AnswerDict resources;
  for (const KubernetesStatus::Resource& resource : status.resources) {
    resources.Add(resource.name, Describe<AnswerDict>(resource));
  }
  return answer.Add("resources", std::move(resources));
}

// --- The way from DPDK's threads to them. ---

// Each client has a thread in DPDK, which holds the mutex shared while it waits for its answer.
std::shared_mutex mutex;
const Node* answered_node = nullptr;
ControlLoop* answered_loop = nullptr;
KubernetesStatusSource answered_kubernetes;

template <AnswerDict (*command)(const Node&, std::string_view)>
int Answer(const char*, const char* params, rte_tel_data* data) {
  AnswerDict answer;
  const std::string_view argument = params == nullptr ? std::string_view() : params;
  {
    const std::shared_lock lock(mutex);
    const bool is_answered = answered_loop != nullptr && answered_loop->Call([&] {
      answer = command(*answered_node, argument);
    });
    if (!is_answered) answer = AnswerError("podwarp is stopping");
  }
  WriteAnswer(answer, data);
  return 0;
}

// Not by the control thread: who knows may wait for it.
int AnswerKubernetes(const char*, const char*, rte_tel_data* data) {
  AnswerDict answer;
  {
    const std::shared_lock lock(mutex);
    answer = answered_loop == nullptr         ? AnswerError("podwarp is stopping")
             : answered_kubernetes == nullptr ? AnswerError("Kubernetes isn't followed")
                                              : Kubernetes(answered_kubernetes());
  }
  WriteAnswer(answer, data);
  return 0;
}

struct Command {
  const char* path;
  telemetry_cb answer;
  const char* help;  // at most 127 bytes
};

constexpr Command kCommands[] = {
    {"/podwarp/arp", Answer<Arp>,
     "Who has which addresses, and what ARP answers. Parameters: START (first entry), or one "
     "address"},
    {"/podwarp/connections", Answer<Connections>,
     "Connections to services: how many there are, and what became of others. No parameters"},
    {"/podwarp/drops", Answer<Drops>,
     "Frames dropped, by reason. Parameters: a reason, for its meaning and the last port"},
    {"/podwarp/kubernetes", AnswerKubernetes,
     "Kubernetes: whether its API server is followed, and each kind of its objects. No parameters"},
    {"/podwarp/nodes", Answer<Nodes>,
     "Remote nodes: MAC, addresses, uplink. Parameters: START (first entry)"},
    {"/podwarp/pods", Answer<Pods>,
     "Pods of this node: addresses, state, conflicts, frames. Parameters: START (first entry)"},
    {"/podwarp/ports", Answer<Ports>,
     "Ports: driver, state, frames and bytes, device errors. Parameters: START (first entry)"},
    {"/podwarp/services", Answer<ServicePorts>,
     "Services: each port with its addresses, and its ready and terminating backends. "
     "Parameters: START (first entry)"},
    {"/podwarp/version", Answer<Version>,
     "Versions of podwarp and DPDK, and which node this is. Takes no parameters"},
    {"/podwarp/workers", Answer<Workers>,
     "Workers: queues, frames, busy share, cycles a frame. Parameters: START (first entry)"},
};

// DPDK can't take a command back, and would list one twice.
absl::Status RegisterOnce() {
  static const absl::Status kRegistered = [] {
    for (const Command& command : kCommands) {
      if (const int error = rte_telemetry_register_cmd(command.path, command.answer, command.help);
          error != 0) {
        return absl::InternalError(
            absl::StrCat("telemetry command ", command.path, ": ", std::strerror(-error)));
      }
    }
    return absl::OkStatus();
  }();
  return kRegistered;
}

}  // namespace

absl::Status StartTelemetry(const Node* node, ControlLoop* loop,
                            KubernetesStatusSource kubernetes) {
  {
    const std::unique_lock lock(mutex);
    answered_node = node;
    answered_loop = loop;
    answered_kubernetes = std::move(kubernetes);
  }
  return RegisterOnce();
}

void StopTelemetry() {
  const std::unique_lock lock(mutex);
  answered_node = nullptr;
  answered_loop = nullptr;
  answered_kubernetes = nullptr;
}

}  // namespace podwarp
