// Answers that are a page of a list.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "telemetry/command_answers.h"
#include "telemetry/command_parameters.h"
#include "telemetry/describe.h"

namespace podwarp {
namespace {

// A page of a list, from the START that `argument` names.
template <typename List, typename DescribeOne>
AnswerDict PageOf(const List& list, std::string_view argument, const DescribeOne& describe) {
  const absl::StatusOr<size_t> start = ParseStart(argument);
  if (!start.ok()) return ErrorOf(start.status());
  return AnswerPage(list.size(), *start, [&](size_t i) { return describe(list[i]); });
}

}  // namespace

AnswerDict AnswerPorts(const Node& node, std::string_view argument) {
  return PageOf(ListPorts(node), argument,
                [&](PortId port) { return Describe<AnswerDict>(ReportPort(node, port)); });
}

AnswerDict AnswerPods(const Node& node, std::string_view argument) {
  return PageOf(ListPods(node), argument, [&](const Node::PodRecord* pod) {
    return Describe<AnswerDict>(ReportPod(node, *pod));
  });
}

AnswerDict AnswerNodes(const Node& node, std::string_view argument) {
  return PageOf(ListRemoteNodes(node), argument, [&](const RemoteNodeConfig* remote) {
    return Describe<AnswerDict>(ReportRemoteNode(node, *remote));
  });
}

AnswerDict AnswerServices(const Node& node, std::string_view argument) {
  return PageOf(ListServices(node), argument, [](const ServicePlace& place) {
    return Describe<AnswerDict>(ReportService(place));
  });
}

AnswerDict AnswerWorkers(const Node& node, std::string_view argument) {
  std::vector<size_t> workers(node.workers().size());
  for (size_t i = 0; i < workers.size(); ++i) workers[i] = i;
  return PageOf(workers, argument,
                [&](size_t i) { return Describe<AnswerDict>(ReportWorker(node, i)); });
}

AnswerDict AnswerArp(const Node& node, std::string_view argument) {
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

AnswerDict AnswerDrops(const Node& node, std::string_view argument) {
  const bool is_reason =
      !argument.empty() && !std::all_of(argument.begin(), argument.end(), absl::ascii_isdigit);
  if (is_reason && argument != "all") {
    const absl::StatusOr<DropReason> reason = FindDropReason(argument);
    if (!reason.ok()) return ErrorOf(reason.status());
    return Describe<AnswerDict>(ReportDrop(node, *reason));
  }
  AnswerDict frames;
  std::vector<DropReport> happened;
  for (size_t i = 0; i < kDropReasons; ++i) {
    DropReport drop = ReportDrop(node, static_cast<DropReason>(i));
    frames.Add(Name(drop.reason), drop.frames);
    if (drop.frames > 0) happened.push_back(std::move(drop));
  }
  if (is_reason) return frames;
  return PageOf(happened, argument,
                [](const DropReport& drop) { return Describe<AnswerDict>(drop); });
}

}  // namespace podwarp
