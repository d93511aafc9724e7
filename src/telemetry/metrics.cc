#include "telemetry/metrics.h"

#include <prometheus/text_serializer.h>
#include <rte_cycles.h>
#include <rte_version.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "control/service_values.h"

namespace podwarp {
namespace {

constexpr auto kCounter = prometheus::MetricType::Counter;
constexpr auto kGauge = prometheus::MetricType::Gauge;

constexpr double kFirstBucketSeconds = 1e-6;
constexpr size_t kHistogramBuckets = 21;  // the last one ends at 2^20 us

MetricLabels LabelsOf(const PodConfig& pod) {
  return {{"namespace", pod.pod_namespace}, {"pod", pod.name}};
}

MetricLabels With(MetricLabels labels, std::string_view name, std::string_view value) {
  labels.push_back({std::string(name), std::string(value)});
  return labels;
}

double CountOf(const ServicePortConfig& port, BackendPhase phase) {
  return static_cast<double>(
      std::count_if(port.backends.begin(), port.backends.end(),
                    [&](const BackendConfig& backend) { return backend.phase == phase; }));
}

}  // namespace

NodeMetrics::NodeMetrics(const Node& node, const MetricLimits& limits)
    : node_(node),
      ports_{limits.ports},
      pods_{limits.pods},
      pod_drops_{limits.pod_drops},
      service_ports_{limits.service_ports},
      build_(MakeFamily("podwarp_build_info", "podwarp's version, and DPDK's", kGauge)),
      start_(
          MakeFamily("process_start_time_seconds", "when podwarp was started, Unix time", kGauge)),
      device_losses_(MakeFamily("podwarp_port_device_lost_frames_total",
                                "frames that the port's device lost on its own", kCounter)),
      pod_drop_frames_(MakeFamily("podwarp_pod_dropped_frames_total",
                                  "frames dropped that came from the pod or were to reach it, by "
                                  "reasons that have happened",
                                  kCounter)),
      drop_frames_(
          MakeFamily("podwarp_dropped_frames_total", "frames dropped, by reason", kCounter)),
      drop_reasons_(MakeFamily("podwarp_drop_reason_info", "what each drop reason means", kGauge)),
      worker_seconds_(MakeFamily(
          "podwarp_worker_seconds_total",
          "the worker's time: with frames (busy), looking for some (idle), and asleep (sleeping)",
          kCounter)),
      latency_(
          MakeFamily("podwarp_latency_seconds",
                     "from a frame's receive to its transmit, of one frame in each timed burst",
                     prometheus::MetricType::Histogram)),
      backends_(MakeFamily("podwarp_service_backends",
                           "backends of the service's port: ready, and terminating", kGauge)),
      table_entries_(MakeFamily("podwarp_table_entries", "entries of each table", kGauge)),
      table_capacity_(
          MakeFamily("podwarp_table_capacity", "room of the tables that have an end", kGauge)) {}

bool NodeMetrics::Step() {
  const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000;
  while (AddNext()) {
    if (rte_rdtsc() >= end) return true;
  }
  return false;
}

bool NodeMetrics::AddNext() {
  if (!has_begun_) {
    has_begun_ = true;
    for (const PortId port : ListPorts(node_))
      ports_left_.emplace_back(port, NameOfPort(node_, port));
    Reserve();
    AddWhole();
    std::reverse(ports_left_.begin(), ports_left_.end());
    return true;
  }
  if (!ports_left_.empty()) {
    AddPort(ports_left_.back().first, ports_left_.back().second);
    ports_left_.pop_back();
    return true;
  }
  if (const auto pod = node_.pods().upper_bound(last_pod_); pod != node_.pods().end()) {
    AddPod(pod->second);
    last_pod_ = pod->first;
    return true;
  }
  const auto service = node_.services().upper_bound(last_service_);
  if (service == node_.services().end()) return false;
  AddService(service->second);
  last_service_ = service->first;
  return true;
}

// To move thousands of samples when there is no room for the next would take longer than a step.
// Room that stays empty costs nothing but addresses.
void NodeMetrics::Reserve() {
  const size_t ports = std::min(ports_left_.size(), ports_.limit);
  port_metrics_.Reserve(ports);
  device_losses_.metric.reserve(4 * ports);
  pod_metrics_.Reserve(std::min(node_.pods().size(), pods_.limit));
  if (!node_.pods().empty()) pod_drop_frames_.metric.reserve(pod_drops_.limit);
  if (!node_.services().empty()) backends_.metric.reserve(2 * service_ports_.limit);
}

void NodeMetrics::AddWhole() {
  AddWorkers();
  AddDrops();
  AddTables();
  connection_metrics_.Add(ReportConnections(node_), {});
}

void NodeMetrics::AddWorkers() {
  const double hz = static_cast<double>(rte_get_tsc_hz());
  for (size_t i = 0; i < node_.workers().size(); ++i) {
    const WorkerReport worker = ReportWorker(node_, i);
    const MetricLabels labels = {{"worker", absl::StrCat(worker.lcore)}};
    worker_metrics_.Add(worker, labels);
    AddSample(With(labels, "state", "busy"), ToSeconds(worker.cycles_busy), &worker_seconds_);
    AddSample(With(labels, "state", "idle"),
              ToSeconds(worker.cycles_total - worker.cycles_busy - worker.cycles_sleeping),
              &worker_seconds_);
    AddSample(With(labels, "state", "sleeping"), ToSeconds(worker.cycles_sleeping),
              &worker_seconds_);
    prometheus::ClientMetric& latency = latency_.metric.emplace_back();
    latency.label = labels;
    latency.histogram = ToHistogram(node_.workers()[i].counters().latency, hz);
  }
  for (size_t i = 0; i < kStages; ++i) {
    const StageReport stage = ReportStage(node_, static_cast<Stage>(i));
    stage_metrics_.Add(stage, {{"stage", std::string(Name(stage.stage))}});
  }
}

void NodeMetrics::AddDrops() {
  for (size_t i = 0; i < kDropReasons; ++i) {
    const DropReport drop = ReportDrop(node_, static_cast<DropReason>(i));
    const MetricLabels labels = {{"reason", std::string(Name(drop.reason))}};
    AddSample(labels, static_cast<double>(drop.frames), &drop_frames_);
    AddSample(With(labels, "help", Help(drop.reason)), 1, &drop_reasons_);
  }
}

void NodeMetrics::AddTables() {
  const Tables& tables = node_.tables();
  const auto add = [](const char* table, size_t number, prometheus::MetricFamily* family) {
    AddSample({{"table", table}}, static_cast<double>(number), family);
  };
  add("adjacencies", tables.adjacencies.size(), &table_entries_);
  add("nodes", node_.remote_nodes().size(), &table_entries_);
  add("pods", node_.pods().size(), &table_entries_);
  add("ports", tables.ports.Ids().size(), &table_entries_);
  add("routes", tables.routes.size(), &table_entries_);
  add("services", node_.services().size(), &table_entries_);
  add("adjacencies", tables.adjacencies.capacity(), &table_capacity_);
  add("ports", kMaxPorts, &table_capacity_);
}

void NodeMetrics::AddPort(PortId id, const std::string& name) {
  const Port* here = node_.tables().ports.Get(id);
  if (here == nullptr || here->settings().name != name) return;  // it went meanwhile
  if (!ports_.Take()) return;
  const PortReport port = ReportPort(node_, id);
  const MetricLabels labels = {{"port", port.settings.name},
                               {"role", std::string(ToString(port.settings.role))}};
  port_metrics_.Add(port, labels);
  const auto add_losses = [&](const char* cause, uint64_t frames) {
    AddSample(With(labels, "cause", cause), static_cast<double>(frames), &device_losses_);
  };
  add_losses("receive_missed", port.device.receive_missed);
  add_losses("receive_errors", port.device.receive_errors);
  add_losses("receive_no_buffer", port.device.receive_no_buffer);
  add_losses("transmit_errors", port.device.transmit_errors);
}

void NodeMetrics::AddPod(const Node::PodRecord& record) {
  if (!pods_.Take()) return;
  const PodReport pod = ReportPod(node_, record);
  const MetricLabels labels = LabelsOf(pod.config);
  pod_metrics_.Add(pod, labels);
  for (const TrafficReport::Drops& drops : pod.traffic.drops) {
    if (!pod_drops_.Take()) continue;
    AddSample(With(labels, "reason", Name(drops.reason)), static_cast<double>(drops.frames),
              &pod_drop_frames_);
  }
}

// Not by ReportService(), which copies all that is known of thousands of backends.
void NodeMetrics::AddService(const ServiceConfig& service) {
  for (const ServicePortConfig& port : service.ports) {
    if (!service_ports_.Take()) continue;
    const MetricLabels labels = {{"namespace", service.service_namespace},
                                 {"service", service.name},
                                 {"port", absl::StrCat(port.port)},
                                 {"protocol", std::string(ProtocolWord(port.protocol))}};
    AddSample(With(labels, "state", "ready"), CountOf(port, BackendPhase::kReady), &backends_);
    AddSample(With(labels, "state", "terminating"), CountOf(port, BackendPhase::kTerminating),
              &backends_);
  }
}

void NodeMetrics::Add(const KubernetesStatus& kubernetes) {
  kubernetes_metrics_.Add(kubernetes, {});
  for (const KubernetesStatus::Resource& resource : kubernetes.resources) {
    resource_metrics_.Add(resource, {{"resource", resource.name}});
  }
}

void NodeMetrics::AddProcess(absl::Time start) {
  AddSample({{"version", PODWARP_VERSION}, {"dpdk", rte_version()}}, 1, &build_);
  AddSample({}, absl::ToDoubleSeconds(start - absl::UnixEpoch()), &start_);
}

MetricFamilies NodeMetrics::Take() && {
  prometheus::MetricFamily left_out =
      MakeFamily("podwarp_metrics_left_out", "of these, beyond what there are series for", kGauge);
  const auto add_left_out = [&](const char* kind, const Shown& shown) {
    AddSample({{"kind", kind}}, static_cast<double>(shown.left_out), &left_out);
  };
  add_left_out("ports", ports_);
  add_left_out("pods", pods_);
  add_left_out("pod_drops", pod_drops_);
  add_left_out("service_ports", service_ports_);

  MetricFamilies all;
  all.push_back(std::move(build_));
  all.push_back(std::move(start_));
  std::move(port_metrics_).MoveTo(&all);
  all.push_back(std::move(device_losses_));
  std::move(pod_metrics_).MoveTo(&all);
  all.push_back(std::move(pod_drop_frames_));
  all.push_back(std::move(drop_frames_));
  all.push_back(std::move(drop_reasons_));
  std::move(worker_metrics_).MoveTo(&all);
  all.push_back(std::move(worker_seconds_));
  std::move(stage_metrics_).MoveTo(&all);
  all.push_back(std::move(latency_));
  all.push_back(std::move(backends_));
  std::move(connection_metrics_).MoveTo(&all);
  all.push_back(std::move(table_entries_));
  all.push_back(std::move(table_capacity_));
  std::move(kubernetes_metrics_).MoveTo(&all);
  std::move(resource_metrics_).MoveTo(&all);
  all.push_back(std::move(left_out));
  std::erase_if(all, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
  return all;
}

prometheus::ClientMetric::Histogram ToHistogram(const LatencyHistogram& latency, double hz) {
  std::array<uint64_t, kHistogramBuckets + 1> counts{};  // the last is of what is longer
  for (size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
    const uint64_t count = latency.count(i);
    if (count == 0) continue;
    size_t place = kHistogramBuckets;
    if (i + 1 < LatencyHistogram::kBuckets) {
      const double most = static_cast<double>(LatencyHistogram::LowerBound(i + 1) - 1) / hz;
      place = 0;
      for (double end = kFirstBucketSeconds; place < kHistogramBuckets && most > end; end *= 2) {
        ++place;
      }
    }
    counts[place] += count;
  }
  prometheus::ClientMetric::Histogram histogram;
  double end = kFirstBucketSeconds;
  for (size_t i = 0; i < kHistogramBuckets; ++i, end *= 2) {
    histogram.sample_count += counts[i];
    histogram.bucket.push_back({.cumulative_count = histogram.sample_count, .upper_bound = end});
  }
  histogram.sample_count += counts[kHistogramBuckets];
  histogram.sample_sum = static_cast<double>(latency.sum()) / hz;
  return histogram;
}

std::string ToText(const MetricFamilies& families) {
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return std::move(text).str();
}

}  // namespace podwarp
