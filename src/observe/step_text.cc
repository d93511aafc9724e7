#include "observe/step_text.h"

#include "absl/strings/str_cat.h"
#include "observe/header_bytes.h"
#include "observe/names.h"
#include "observe/service_text.h"
#include "telemetry/report.h"

namespace podwarp {
namespace {

// A step between the ones around it.
struct Step {
  const TraceRecord& record;
  size_t i;
  const Node& node;

  const TraceStep& now() const { return record.steps[i]; }
  const TraceStep& before() const { return record.steps[i == 0 ? 0 : i - 1]; }
  bool is_last() const { return i + 1u == record.step_count; }
  bool goes_to(Stage stage) const { return !is_last() && record.steps[i + 1].stage == stage; }
  HeaderBytes headers() const { return {record.headers, record.header_bytes}; }
  std::string destination() const { return now().flow.destination.ToString(); }
  // A pod's port needs no words beside its pod.
  std::string by_port() const {
    if (now().next_hop_port == kNoPort || now().kind == NextHopKind::kPod) return "";
    return absl::StrCat(", by ", NameOfPort(node, now().next_hop_port));
  }
};

std::optional<ArpHeader> ArpOf(const Step& step) {
  const std::optional<EthernetPayload> payload = FindPayload(step.headers());
  if (!payload.has_value()) return std::nullopt;
  return HeaderIn<ArpHeader>(step.headers(), payload->offset);
}

bool IsFragment(const Step& step) {
  const auto ip = HeaderIn<Ipv4Header>(step.headers(), sizeof(EthernetHeader));
  return ip.has_value() && ip->is_fragment();
}

// The first step of what podwarp made.
std::string MadeText(const Step& step) {
  const bool is_cut = step.now().stage == Stage::kTransmit || IsFragment(step);
  return absl::StrCat(is_cut ? "cut from " : "made in answer to ",
                      TraceId(step.record.worker, step.record.cause));
}

std::string ReceiveText(const Step& step) {
  return absl::StrCat("from ", PortText(step.node, step.record.port));
}

std::string ClassifyText(const Step& step) {
  switch (step.now().ether_type) {
    case kEtherTypeArp:
      return "ARP";
    case kEtherTypeRarp:
      return "RARP";
    default:
      return absl::StrCat("IPv4 to ", step.destination());
  }
}

std::string AnswerArpText(const Step& step) {
  const std::optional<ArpHeader> arp = ArpOf(step);
  if (!arp.has_value()) return "ARP";
  if (step.now().verdict == TraceVerdict::kPassed) {
    return absl::StrCat("answered: ", arp->target_ip.ToString(), " is at ",
                        step.now().source_mac.ToString());
  }
  if (arp->operation.host() == kRarpRequest) return "noted: the pod has come here";
  return absl::StrCat("noted: ", arp->sender_ip.ToString(), " is at ", arp->sender_mac.ToString());
}

std::string GuardSourceText(const Step& step) {
  const std::string pod = PodBehind(step.node, step.record.port);
  if (pod.empty()) return "nothing to guard: it comes from the wire";
  const Pod* behind = step.node.tables().pods.Get(step.record.port);
  return absl::StrCat("the source is ", behind->is_host ? "" : "pod ", pod, "'s own");
}

std::string RouteText(const Step& step) {
  const std::string to = step.destination();
  const std::string owner = OwnerText(step.node, step.now().flow.destination, step.now().kind);
  switch (step.now().kind) {
    case NextHopKind::kNone:
      return absl::StrCat(to, " is outside the cluster");
    case NextHopKind::kUnowned:
      return absl::StrCat("nobody has ", to, ", though it is in the cluster's ranges");
    case NextHopKind::kReserved:
      return absl::StrCat(to, " is reserved: nobody may have it");
    case NextHopKind::kLocal:
      return absl::StrCat(to, " is podwarp itself");
    case NextHopKind::kService:
      return absl::StrCat(to, " is a service's");
    case NextHopKind::kExternalService:
      return absl::StrCat(to, " is a service's external address");
    case NextHopKind::kOnLink:
      return absl::StrCat(to, " is on the segment", step.by_port(), ", and not asked for yet");
    case NextHopKind::kUnresolved:
      return absl::StrCat(owner.empty() ? to : owner, " hasn't answered ARP yet");
    case NextHopKind::kNeighbor:
      return absl::StrCat(to, " is on the segment", step.by_port());
    case NextHopKind::kPod:
      return absl::StrCat(to, " is ", owner.empty() ? "a pod" : owner, "'s");
    case NextHopKind::kHost:
      return absl::StrCat(to, " is the node's own", step.by_port());
    case NextHopKind::kNode:
      return absl::StrCat(to, " is ", owner.empty() ? "another node" : owner, "'s", step.by_port());
  }
  return "";
}

std::string TranslateServiceText(const Step& step) {
  const TraceStep& now = step.now();
  if (now.flow == step.before().flow) return "nothing to translate";
  std::string text = TranslationText(step.before().flow, now.flow, step.node);
  const std::string owner = OwnerText(step.node, now.flow.destination, now.kind);
  if (!owner.empty()) absl::StrAppend(&text, " (", owner, step.by_port(), ")");
  if (now.is_relayed) absl::StrAppend(&text, "; goes on as the node's own");
  return text;
}

std::string RewriteText(const Step& step) {
  if (step.goes_to(Stage::kHandleException)) return "can't simply go on";
  return absl::StrCat("TTL ", step.before().time_to_live, " -> ", step.now().time_to_live, ", to ",
                      step.now().destination_mac.ToString(), " from ",
                      step.now().source_mac.ToString());
}

std::string HandleExceptionText(const Step& step) {
  const TraceStep& now = step.now();
  if (now.verdict == TraceVerdict::kConsumed) return "cut into fragments";
  if (now.flow != step.before().flow) return "a ping to podwarp itself: turned into its answer";
  if (now.kind == step.before().kind) return "may go on";
  if (now.kind == NextHopKind::kHost) {
    return absl::StrCat("leaves the cluster through the node's kernel", step.by_port());
  }
  return absl::StrCat("leaves the cluster through the router", step.by_port());
}

std::string TransmitText(const Step& step) {
  if (step.now().verdict == TraceVerdict::kConsumed) return "cut or copied for the port";
  return absl::StrCat("into the buffer of ", PortText(step.node, step.now().port));
}

// What it comes to if it isn't dropped.
std::string UsualText(const Step& step) {
  switch (step.now().stage) {
    case Stage::kReceive:
      return ReceiveText(step);
    case Stage::kClassify:
      return ClassifyText(step);
    case Stage::kAnswerArp:
      return AnswerArpText(step);
    case Stage::kGuardSource:
      return GuardSourceText(step);
    case Stage::kRoute:
      return RouteText(step);
    case Stage::kTranslateService:
      return TranslateServiceText(step);
    case Stage::kRewrite:
      return RewriteText(step);
    case Stage::kHandleException:
      return HandleExceptionText(step);
    case Stage::kTransmit:
      return TransmitText(step);
    case Stage::kSend:
      return absl::StrCat("handed to ", PortText(step.node, step.now().port));
  }
  return "";
}

}  // namespace

std::string_view Name(TraceVerdict verdict) {
  switch (verdict) {
    case TraceVerdict::kPassed:
      return "passed";
    case TraceVerdict::kDropped:
      return "dropped";
    case TraceVerdict::kConsumed:
      return "consumed";
    case TraceVerdict::kSent:
      return "sent";
  }
  return "";
}

std::string TraceId(uint16_t worker, uint64_t number) {
  return absl::StrCat(worker + 1, "-", number);
}

std::string StepText(const TraceRecord& record, size_t i, const Node& node) {
  const Step step{record, i, node};
  if (step.now().verdict == TraceVerdict::kDropped) {
    return absl::StrCat("dropped: ", std::string(Name(step.now().reason)), " (",
                        std::string(Help(step.now().reason)), ")");
  }
  // What podwarp made begins in the midst of a stage.
  if (i == 0 && record.cause != 0) return MadeText(step);
  return UsualText(step);
}

}  // namespace podwarp
