#include "observe/explain_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "control/service_values.h"
#include "observe/header_bytes.h"
#include "observe/icmp_text.h"
#include "observe/names.h"
#include "observe/service_text.h"
#include "observe/step_text.h"
#include "observe/trace_text.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

using Json = nlohmann::ordered_json;
using Traces = std::vector<TraceRecord>;

const TraceStep& EndOf(const TraceRecord& record) { return record.steps[record.step_count - 1]; }

std::string WithHelp(DropReason reason) {
  return absl::StrCat(std::string(Name(reason)), " (", std::string(Help(reason)), ")");
}

// Whose end tells the frame's fate: its own or, if it was cut or copied, that of the first part
// that doesn't get through, or of any.
const TraceRecord& FateOf(const TraceRecord& frame, const Traces& frames) {
  const TraceRecord* fate = &frame;
  if (EndOf(frame).verdict != TraceVerdict::kConsumed) return *fate;
  for (const TraceRecord& part : frames) {
    if (part.cause != frame.number) continue;
    fate = &FateOf(part, frames);
    if (EndOf(*fate).verdict == TraceVerdict::kDropped) break;
  }
  return *fate;
}

std::string WhatIsMade(const TraceRecord& answer) {
  const HeaderBytes headers(answer.headers, answer.header_bytes);
  const auto ip = HeaderIn<Ipv4Header>(headers, sizeof(EthernetHeader));
  if (!ip.has_value()) return "a frame";
  if (ip->protocol == kIpProtocolTcp) return "a TCP reset";
  const auto icmp = HeaderIn<IcmpHeader>(headers, sizeof(EthernetHeader) + sizeof(Ipv4Header));
  return icmp.has_value() ? absl::StrCat("ICMP ", IcmpText(*icmp)) : "ICMP";
}

// What is made in answer to a frame that is dropped.
std::string AnswerText(const Traces& frames, const TraceRecord& dropped) {
  for (const TraceRecord& record : frames) {
    if (record.cause != dropped.number) continue;
    const std::string what = WhatIsMade(record);
    if (EndOf(record).verdict == TraceVerdict::kSent) {
      return absl::StrCat(", and the sender is told by ", what);
    }
    return absl::StrCat("; ", what,
                        " to the sender is dropped too: ", std::string(Name(EndOf(record).reason)));
  }
  return ", and nobody is told";
}

std::string SentText(const TraceRecord& record, const FlowKey& flow, const Node& node) {
  const TraceStep& end = EndOf(record);
  if (flow.source != flow.destination && end.flow.destination == flow.source &&
      end.flow.source == flow.destination) {
    return "is answered by podwarp itself";
  }
  const std::string port = NameOfPort(node, end.port);
  const std::string owner = OwnerText(node, end.flow.destination, end.kind);
  switch (end.kind) {
    case NextHopKind::kPod:
      return absl::StrCat("reaches ", PortText(node, end.port));
    case NextHopKind::kHost:
      return absl::StrCat(owner.empty() ? "leaves the cluster through the node's kernel, by "
                                        : "reaches the node's kernel, by ",
                          port);
    case NextHopKind::kNode:
      return absl::StrCat("leaves by ", port, " to ", owner.empty() ? "another node" : owner);
    default:
      return absl::StrCat("leaves by ", port,
                          owner.empty() ? " through the router" : absl::StrCat(" to ", owner));
  }
}

// What the frame was translated to, if it was.
std::string TranslatedText(const TraceRecord& frame, const Node& node) {
  for (size_t i = 1; i < frame.step_count; ++i) {
    const FlowKey& before = frame.steps[i - 1].flow;
    const FlowKey& after = frame.steps[i].flow;
    if (frame.steps[i].stage != Stage::kTranslateService || before == after) continue;
    return absl::StrCat(TranslationText(before, after, node), ": ");
  }
  return "";
}

// A pod whose question isn't answered sends nothing.
std::string ArpText(const Traces& arp, const std::string& from) {
  if (arp.empty() || EndOf(arp.front()).verdict == TraceVerdict::kSent) return "";
  const TraceStep& end = EndOf(arp.front());
  return absl::StrCat("pod ", from, " gets no answer to its ARP request (",
                      end.verdict == TraceVerdict::kDropped ? std::string(Name(end.reason)) : "",
                      ") and so sends nothing; if it did: ");
}

std::string Summary(const ExplainRequest& request, const Explanation& explanation,
                    const Node& node) {
  const Traces& frames = explanation.frames;
  const TraceRecord& fate = FateOf(frames.front(), frames);
  std::string summary =
      absl::StrCat(ArpText(explanation.arp, request.from), TranslatedText(frames.front(), node));
  const auto parts = std::count_if(frames.begin(), frames.end(), [&](const TraceRecord& record) {
    return record.cause == frames.front().number;
  });
  if (parts > 1) absl::StrAppend(&summary, "is cut into ", parts, " fragments, ");
  switch (EndOf(fate).verdict) {
    case TraceVerdict::kSent:
      return absl::StrCat(summary, SentText(fate, explanation.flow, node));
    case TraceVerdict::kDropped:
      return absl::StrCat(summary, "dropped: ", WithHelp(EndOf(fate).reason),
                          AnswerText(frames, fate));
    default:
      return absl::StrCat(summary, "ends in podwarp");
  }
}

Json ToJson(const Traces& traces, const Node& node) {
  Json json = Json::array();
  const absl::Time now = absl::Now();
  for (const TraceRecord& record : traces) json.push_back(TraceToJson(record, now, node));
  return json;
}

std::string DestinationText(const FlowKey& flow) {
  const std::string address = flow.destination.ToString();
  if (flow.protocol == kIpProtocolIcmp) return absl::StrCat(address, "/icmp");
  return absl::StrCat(address, ":", PortText(flow.destination_port.host(), flow.protocol));
}

}  // namespace

Json ExplanationToJson(const ExplainRequest& request, const Explanation& explanation,
                       const Node& node) {
  const TraceStep& end = EndOf(FateOf(explanation.frames.front(), explanation.frames));
  Json json = {{"from", request.from},
               {"to", DestinationText(explanation.flow)},
               {"verdict", Name(end.verdict)}};
  if (end.verdict == TraceVerdict::kDropped) {
    json["reason"] = Name(end.reason);
    json["help"] = Help(end.reason);
  }
  json["summary"] = Summary(request, explanation, node);
  json["arp"] = ToJson(explanation.arp, node);
  json["frames"] = ToJson(explanation.frames, node);
  return json;
}

}  // namespace podwarp
