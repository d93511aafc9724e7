#include "telemetry/describe.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "control/control_loop.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

template <typename T>
std::vector<std::string> Texts(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(value.ToString());
  return texts;
}

std::vector<std::string> Texts(const std::vector<BackendConfig>& backends) {
  std::vector<std::string> texts;
  for (const BackendConfig& backend : backends) {
    texts.push_back(absl::StrCat(backend.address.ToString(), ":", backend.port));
  }
  return texts;
}

template <typename Answer>
void AddUnlessCluster(Answer& answer, std::string_view key, TrafficPolicy policy) {
  if (policy != TrafficPolicy::kCluster) answer.Add(key, ToString(policy));
}

template <typename Answer, typename T>
void AddKnown(Answer& answer, std::string_view key, const std::optional<T>& value) {
  if (value.has_value()) answer.Add(key, value->ToString());
}

uint64_t Seconds(absl::Duration span) {
  return static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Seconds(span), 0));
}

template <typename Answer>
void AddState(Answer& answer, bool up, std::string_view why_down) {
  answer.Add("up", up);
  if (!up) answer.Add("why_down", why_down);
}

template <typename Answer>
void AddTraffic(Answer& answer, const TrafficReport& traffic) {
  answer.Add("received_frames", traffic.received_frames)
      .Add("received_bytes", traffic.received_bytes)
      .Add("transmitted_frames", traffic.transmitted_frames)
      .Add("transmitted_bytes", traffic.transmitted_bytes)
      .Add("dropped_frames", traffic.dropped_frames);
  Answer drops;
  for (const auto& [reason, frames] : traffic.drops) drops.Add(Name(reason), frames);
  answer.Add("drops", std::move(drops));
}

template <typename Answer>
Answer DescribeEnd(const ConnectionReport::End& end, std::string_view kind) {
  Answer answer;
  answer.Add("address", end.address.ToString());
  if (end.port != 0) answer.Add("port", uint64_t{end.port});
  if (!end.name.empty()) answer.Add(kind, end.name);
  return answer;
}

}  // namespace

template <typename Answer>
Answer Describe(const PortReport& port) {
  const PortSettings& settings = port.settings;
  Answer answer;
  answer.Add("name", settings.name).Add("role", ToString(settings.role)).Add("driver", port.driver);
  AddState(answer, port.state.up, port.state.why_down);
  if (!port.state.peer.empty()) answer.Add("peer", port.state.peer);
  answer.Add("mac", settings.router_mac.ToString())
      .Add("mtu_bytes", uint64_t{settings.mtu_bytes})
      .Add("vlan_id", uint64_t{settings.vlan_id})
      .Add("speed_mbps", uint64_t{port.state.speed_mbps})
      .Add("receive_queues", uint64_t{settings.receive_queues});
  AddTraffic(answer, port.traffic);
  return answer.Add("device_receive_missed", port.device.receive_missed)
      .Add("device_receive_errors", port.device.receive_errors)
      .Add("device_receive_no_buffer", port.device.receive_no_buffer)
      .Add("device_transmit_errors", port.device.transmit_errors);
}

template <typename Answer>
Answer Describe(const PodReport& pod) {
  Answer answer;
  answer.Add("name", pod.config.full_name())
      .Add("mac", pod.config.mac.ToString())
      .Add("addresses", Texts(pod.config.addresses));
  if (!pod.config.allowed_prefixes.empty()) {
    answer.Add("allowed_prefixes", Texts(pod.config.allowed_prefixes));
  }
  if (!pod.driver.empty()) answer.Add("driver", pod.driver);
  AddState(answer, pod.up, pod.why_down);
  answer.Add("conflicts", pod.conflicts);
  if (pod.last_seen != absl::InfinitePast()) {
    const absl::Duration since = ControlLoop::Now() - pod.last_seen;
    answer.Add("seconds_since_seen", static_cast<uint64_t>(absl::ToInt64Seconds(since)));
  }
  AddTraffic(answer, pod.traffic);
  return answer;
}

template <typename Answer>
Answer Describe(const RemoteNodeReport& node) {
  Answer answer;
  answer.Add("name", node.config.name);
  AddKnown(answer, "mac", node.mac);
  if (!node.mac.has_value()) answer.Add("why_no_mac", node.why_no_mac);
  answer.Add("neighbor_state", node.neighbor_state);
  AddKnown(answer, "underlay_address", node.config.underlay_address);
  return answer.Add("uplink", node.config.uplink).Add("pod_ranges", Texts(node.config.pod_ranges));
}

template <typename Answer>
Answer Describe(const ServiceReport& service) {
  Answer answer;
  answer.Add("name", service.name)
      .Add("address", service.address.ToString())
      .Add("port", uint64_t{service.port})
      .Add("protocol", ProtocolWord(service.protocol))
      .Add("ready", Texts(service.ready))
      .Add("terminating", Texts(service.terminating));
  if (service.session_affinity > absl::ZeroDuration()) {
    answer.Add("session_affinity", AffinityText(service.session_affinity));
  }
  if (!service.external_addresses.empty()) {
    answer.Add("external_addresses", Texts(service.external_addresses));
  }
  if (!service.source_ranges.empty()) answer.Add("source_ranges", Texts(service.source_ranges));
  if (service.node_port != 0) answer.Add("node_port", uint64_t{service.node_port});
  // Only where it isn't what most have, as with the rest.
  AddUnlessCluster(answer, "internal_traffic", service.internal_traffic);
  AddUnlessCluster(answer, "external_traffic", service.external_traffic);
  return answer;
}

template <typename Answer>
Answer Describe(const ConnectionsReport& connections) {
  const ConnectionTable::Statistics& statistics = connections.statistics;
  return Answer()
      .Add("capacity", uint64_t{connections.capacity})
      .Add("in_use", statistics.in_use)
      .Add("added", statistics.added)
      .Add("expired", statistics.expired)
      .Add("removed", statistics.removed)
      .Add("displaced", statistics.displaced)
      .Add("most_bytes", uint64_t{connections.most_bytes});
}

template <typename Answer>
Answer Describe(const ConnectionReport& connection) {
  return Answer()
      .Add("protocol", ProtocolWord(connection.protocol))
      .Add("client", DescribeEnd<Answer>(connection.client, "pod"))
      .Add("service", DescribeEnd<Answer>(connection.service, "name"))
      .Add("backend", DescribeEnd<Answer>(connection.backend, "pod"))
      .Add("state", connection.state)
      .Add("idle_seconds", connection.idle_seconds);
}

template <typename Answer>
Answer Describe(const AddressReport& address) {
  Answer answer;
  answer.Add("address", address.prefix.length() == 32 ? address.prefix.network().ToString()
                                                      : address.prefix.ToString());
  if (!address.owner.empty()) answer.Add("owner", address.owner);
  answer.Add("kind", ToString(address.kind)).Add("answered", address.answered_with.has_value());
  AddKnown(answer, "answered_with", address.answered_with);
  AddKnown(answer, "next_hop_mac", address.next_hop_mac);
  if (!address.next_hop_port.empty()) answer.Add("next_hop_port", address.next_hop_port);
  return answer;
}

template <typename Answer>
Answer Describe(const RouteReport& route) {
  Answer answer;
  answer.Add("address", route.address.ToString())
      .Add("verdict", route.verdict)
      .Add("summary", route.summary);
  if (route.reason.has_value()) answer.Add("reason", Name(*route.reason));
  if (!route.owner.empty()) answer.Add("owner", route.owner);
  answer.Add("kind", ToString(route.kind));
  if (!route.next_hop.empty()) answer.Add("next_hop", route.next_hop);
  AddKnown(answer, "next_hop_mac", route.next_hop_mac);
  if (!route.port.empty()) {
    answer.Add("port", route.port).Add("mtu_bytes", uint64_t{route.mtu_bytes});
    AddState(answer, route.up, route.why_down);
  }
  answer.Add("answered", route.answered_with.has_value());
  AddKnown(answer, "answered_with", route.answered_with);
  std::vector<Answer> services;
  for (const RouteReport::ServicePort& service : route.services) {
    services.push_back(Answer()
                           .Add("name", service.name)
                           .Add("port", uint64_t{service.port})
                           .Add("protocol", ProtocolWord(service.protocol))
                           .Add("ready", uint64_t{service.ready})
                           .Add("terminating", uint64_t{service.terminating}));
  }
  if (!services.empty()) answer.Add("services", services);
  return answer;
}

template <typename Answer>
Answer Describe(const WorkerReport& worker) {
  return Answer()
      .Add("lcore", uint64_t{worker.lcore})
      .Add("queues", uint64_t{worker.queues})
      .Add("received_frames", worker.traffic.received_frames)
      .Add("transmitted_frames", worker.traffic.transmitted_frames)
      .Add("dropped_frames", worker.traffic.dropped_frames)
      .Add("bursts", worker.bursts)
      .Add("rounds", worker.rounds)
      .Add("cycles_busy", worker.cycles_busy)
      .Add("cycles_total", worker.cycles_total)
      .Add("busy_percent", worker.busy_percent)
      .Add("cycles_per_frame", static_cast<uint64_t>(std::llround(worker.cycles_per_frame)))
      .Add("sleeps", worker.sleeps)
      .Add("originated", worker.originated)
      .Add("consumed", worker.consumed)
      .Add("arp_answers", worker.arp_answers)
      .Add("icmp_errors", worker.icmp_errors)
      .Add("tcp_resets", worker.tcp_resets)
      .Add("translated", worker.translated)
      .Add("events_lost", worker.events_lost);
}

template <typename Answer>
Answer Describe(const DropReport& drop) {
  return Answer()
      .Add("name", Name(drop.reason))
      .Add("help", Help(drop.reason))
      .Add("frames", drop.frames)
      .Add("last_ports", drop.last_ports)
      .Add("last_pods", drop.last_pods);
}

template <typename Answer>
Answer Describe(const StageReport& stage) {
  return Answer()
      .Add("name", Name(stage.stage))
      .Add("help", Help(stage.stage))
      .Add("bursts", stage.bursts)
      .Add("frames", stage.frames)
      .Add("cycles", stage.cycles)
      .Add("cycles_per_frame", stage.cycles_per_frame)
      .Add("frames_per_burst", stage.frames_per_burst);
}

template <typename Answer>
Answer Describe(const LatencyReport& latency) {
  return Answer()
      .Add("samples", latency.samples)
      .Add("p50_us", absl::ToDoubleMicroseconds(latency.p50))
      .Add("p90_us", absl::ToDoubleMicroseconds(latency.p90))
      .Add("p99_us", absl::ToDoubleMicroseconds(latency.p99))
      .Add("p999_us", absl::ToDoubleMicroseconds(latency.p999))
      .Add("max_us", absl::ToDoubleMicroseconds(latency.max))
      .Add("mean_us", absl::ToDoubleMicroseconds(latency.mean));
}

template <typename Answer>
Answer Describe(const KubernetesStatus& kubernetes) {
  Answer answer;
  answer.Add("server", kubernetes.server)
      .Add("summary", Summarize(kubernetes))
      .Add("is_synced", IsSynced(kubernetes))
      .Add("is_current", kubernetes.is_current);
  if (!kubernetes.is_current) {
    answer.Add("not_current_seconds", Seconds(kubernetes.not_current_for));
  }
  return answer.Add("notes", kubernetes.notes);
}

template <typename Answer>
Answer Describe(const KubernetesStatus::Resource& resource) {
  Answer answer;
  answer.Add("name", resource.name)
      .Add("synced", resource.synced)
      .Add("connected", resource.connected)
      .Add("objects", resource.objects);
  if (resource.since_contact != absl::InfiniteDuration()) {
    answer.Add("seconds_since_contact", Seconds(resource.since_contact));
  }
  if (!resource.last_error.empty()) answer.Add("last_error", resource.last_error);
  return answer;
}

template AnswerDict Describe<AnswerDict>(const PortReport&);
template AnswerDict Describe<AnswerDict>(const PodReport&);
template AnswerDict Describe<AnswerDict>(const RemoteNodeReport&);
template AnswerDict Describe<AnswerDict>(const ServiceReport&);
template AnswerDict Describe<AnswerDict>(const ConnectionsReport&);
template AnswerDict Describe<AnswerDict>(const ConnectionReport&);
template AnswerDict Describe<AnswerDict>(const AddressReport&);
template AnswerDict Describe<AnswerDict>(const RouteReport&);
template AnswerDict Describe<AnswerDict>(const WorkerReport&);
template AnswerDict Describe<AnswerDict>(const DropReport&);
template AnswerDict Describe<AnswerDict>(const StageReport&);
template AnswerDict Describe<AnswerDict>(const LatencyReport&);
template AnswerDict Describe<AnswerDict>(const KubernetesStatus&);
template AnswerDict Describe<AnswerDict>(const KubernetesStatus::Resource&);
template JsonAnswer Describe<JsonAnswer>(const PortReport&);
template JsonAnswer Describe<JsonAnswer>(const PodReport&);
template JsonAnswer Describe<JsonAnswer>(const RemoteNodeReport&);
template JsonAnswer Describe<JsonAnswer>(const ServiceReport&);
template JsonAnswer Describe<JsonAnswer>(const ConnectionsReport&);
template JsonAnswer Describe<JsonAnswer>(const ConnectionReport&);
template JsonAnswer Describe<JsonAnswer>(const AddressReport&);
template JsonAnswer Describe<JsonAnswer>(const RouteReport&);
template JsonAnswer Describe<JsonAnswer>(const WorkerReport&);
template JsonAnswer Describe<JsonAnswer>(const DropReport&);
template JsonAnswer Describe<JsonAnswer>(const StageReport&);
template JsonAnswer Describe<JsonAnswer>(const LatencyReport&);
template JsonAnswer Describe<JsonAnswer>(const KubernetesStatus&);
template JsonAnswer Describe<JsonAnswer>(const KubernetesStatus::Resource&);

}  // namespace podwarp
