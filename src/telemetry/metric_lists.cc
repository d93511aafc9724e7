#include "telemetry/metric_lists.h"

#include <rte_cycles.h>

namespace podwarp {
namespace {

constexpr auto kCounter = prometheus::MetricType::Counter;
constexpr auto kGauge = prometheus::MetricType::Gauge;

double Number(uint64_t value) { return static_cast<double>(value); }

// `expression` of the report, as a function.
#define VALUE(Report, expression) [](const Report& report) -> double { return expression; }

constexpr Metric<PortReport> kPort[] = {
    {"podwarp_port_up", "1 if frames can go by the port, 0 if not", kGauge,
     VALUE(PortReport, report.state.up)},
    {"podwarp_port_received_frames_total", "frames that came in by the port", kCounter,
     VALUE(PortReport, Number(report.traffic.received_frames))},
    {"podwarp_port_received_bytes_total", "bytes of these, without frame check sequences", kCounter,
     VALUE(PortReport, Number(report.traffic.received_bytes))},
    {"podwarp_port_transmitted_frames_total", "frames that the port took", kCounter,
     VALUE(PortReport, Number(report.traffic.transmitted_frames))},
    {"podwarp_port_transmitted_bytes_total", "bytes of these, without frame check sequences",
     kCounter, VALUE(PortReport, Number(report.traffic.transmitted_bytes))},
    {"podwarp_port_dropped_frames_total",
     "frames dropped that came in by the port, or were to leave by it", kCounter,
     VALUE(PortReport, Number(report.traffic.dropped_frames))},
};

constexpr Metric<PodReport> kPod[] = {
    {"podwarp_pod_up", "1 if the pod's port is up, 0 if not", kGauge, VALUE(PodReport, report.up)},
    {"podwarp_pod_conflicts_total", "times that the pod claimed somebody else's address by ARP",
     kCounter, VALUE(PodReport, Number(report.conflicts))},
    {"podwarp_pod_received_frames_total", "frames that came from the pod", kCounter,
     VALUE(PodReport, Number(report.traffic.received_frames))},
    {"podwarp_pod_received_bytes_total", "bytes of these, without frame check sequences", kCounter,
     VALUE(PodReport, Number(report.traffic.received_bytes))},
    {"podwarp_pod_transmitted_frames_total", "frames that the pod was given", kCounter,
     VALUE(PodReport, Number(report.traffic.transmitted_frames))},
    {"podwarp_pod_transmitted_bytes_total", "bytes of these, without frame check sequences",
     kCounter, VALUE(PodReport, Number(report.traffic.transmitted_bytes))},
};

constexpr Metric<WorkerReport> kWorker[] = {
    {"podwarp_worker_queues", "receive queues that the worker serves", kGauge,
     VALUE(WorkerReport, Number(report.queues))},
    {"podwarp_worker_received_frames_total", "frames that the worker received", kCounter,
     VALUE(WorkerReport, Number(report.traffic.received_frames))},
    {"podwarp_worker_transmitted_frames_total", "frames that ports took from the worker", kCounter,
     VALUE(WorkerReport, Number(report.traffic.transmitted_frames))},
    {"podwarp_worker_dropped_frames_total", "frames that the worker dropped", kCounter,
     VALUE(WorkerReport, Number(report.traffic.dropped_frames))},
    {"podwarp_worker_originated_frames_total", "frames that podwarp made itself", kCounter,
     VALUE(WorkerReport, Number(report.originated))},
    {"podwarp_worker_consumed_frames_total",
     "frames that ended in podwarp, or were cut into others", kCounter,
     VALUE(WorkerReport, Number(report.consumed))},
    {"podwarp_worker_translated_frames_total", "frames to and from services", kCounter,
     VALUE(WorkerReport, Number(report.translated))},
    {"podwarp_worker_arp_answers_total", "ARP requests that were answered", kCounter,
     VALUE(WorkerReport, Number(report.arp_answers))},
    {"podwarp_worker_icmp_errors_total", "ICMP errors that were sent", kCounter,
     VALUE(WorkerReport, Number(report.icmp_errors))},
    {"podwarp_worker_tcp_resets_total", "TCP resets that were sent", kCounter,
     VALUE(WorkerReport, Number(report.tcp_resets))},
    {"podwarp_worker_events_lost_total", "events that the control thread was too slow for",
     kCounter, VALUE(WorkerReport, Number(report.events_lost))},
    {"podwarp_worker_bursts_total", "bursts that had frames", kCounter,
     VALUE(WorkerReport, Number(report.bursts))},
    {"podwarp_worker_rounds_total", "rounds over all queues", kCounter,
     VALUE(WorkerReport, Number(report.rounds))},
    {"podwarp_worker_sleeps_total", "times that the worker went to sleep", kCounter,
     VALUE(WorkerReport, Number(report.sleeps))},
};

constexpr Metric<StageReport> kStage[] = {
    {"podwarp_stage_timed_seconds_total",
     "time spent in the stage by the bursts that are timed, one in 64", kCounter,
     VALUE(StageReport, ToSeconds(report.cycles))},
    {"podwarp_stage_timed_frames_total", "frames in the stage of bursts that are timed", kCounter,
     VALUE(StageReport, Number(report.frames))},
    {"podwarp_stage_timed_bursts_total", "timed bursts that had frames for the stage", kCounter,
     VALUE(StageReport, Number(report.bursts))},
};
static_assert(kTimedEvery == 64);

constexpr Metric<ConnectionsReport> kConnections[] = {
    {"podwarp_connections_in_use", "connections to services that have a place now", kGauge,
     VALUE(ConnectionsReport, Number(report.statistics.in_use))},
    {"podwarp_connections_capacity", "places for connections to services", kGauge,
     VALUE(ConnectionsReport, Number(report.capacity))},
    {"podwarp_connections_added_total", "connections that began", kCounter,
     VALUE(ConnectionsReport, Number(report.statistics.added))},
    {"podwarp_connections_expired_total",
     "connections that timed out, were closed, or whose backend was gone", kCounter,
     VALUE(ConnectionsReport, Number(report.statistics.expired))},
    {"podwarp_connections_removed_total", "connections that workers ended", kCounter,
     VALUE(ConnectionsReport, Number(report.statistics.removed))},
    {"podwarp_connections_displaced_total", "connections that gave way, since the table was full",
     kCounter, VALUE(ConnectionsReport, Number(report.statistics.displaced))},
};

constexpr Metric<KubernetesStatus> kKubernetes[] = {
    {"podwarp_kubernetes_synced", "1 once each kind of object has been listed whole", kGauge,
     VALUE(KubernetesStatus, IsSynced(report))},
    {"podwarp_kubernetes_current", "1 if all is known as the API server has it now", kGauge,
     VALUE(KubernetesStatus, report.is_current)},
    {"podwarp_kubernetes_not_current_seconds", "for how long it hasn't been; 0 if it is", kGauge,
     VALUE(KubernetesStatus,
           report.is_current ? 0 : absl::ToDoubleSeconds(report.not_current_for))},
};

constexpr Metric<KubernetesStatus::Resource> kKubernetesResource[] = {
    {"podwarp_kubernetes_connected", "1 if a watch is open, or the last request succeeded", kGauge,
     VALUE(KubernetesStatus::Resource, report.connected)},
    {"podwarp_kubernetes_since_contact_seconds",
     "since the API server last said something; +Inf if it never has", kGauge,
     VALUE(KubernetesStatus::Resource, absl::ToDoubleSeconds(report.since_contact))},
    {"podwarp_kubernetes_objects", "objects that are known of the API server", kGauge,
     VALUE(KubernetesStatus::Resource, Number(report.objects))},
};
#undef VALUE

}  // namespace

std::span<const Metric<PortReport>> PortMetrics() { return kPort; }
std::span<const Metric<PodReport>> PodMetrics() { return kPod; }
std::span<const Metric<WorkerReport>> WorkerMetrics() { return kWorker; }
std::span<const Metric<StageReport>> StageMetrics() { return kStage; }
std::span<const Metric<ConnectionsReport>> ConnectionMetrics() { return kConnections; }
std::span<const Metric<KubernetesStatus>> KubernetesMetrics() { return kKubernetes; }
std::span<const Metric<KubernetesStatus::Resource>> KubernetesResourceMetrics() {
  return kKubernetesResource;
}

double ToSeconds(uint64_t cycles) {
  return static_cast<double>(cycles) / static_cast<double>(rte_get_tsc_hz());
}

}  // namespace podwarp
