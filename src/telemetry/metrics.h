// What the node says to Prometheus: the numbers of telemetry/report.h as families of metrics.
//
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and /docs/practices/naming/.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "control/kubernetes_status.h"
#include "podwarp/telemetry/latency_histogram.h"
#include "telemetry/metric_lists.h"
#include "telemetry/report.h"

namespace podwarp {

// A series for each of so many, the first in the order of reports, so that no number of objects
// grows an answer without bound: it has some 60,000 lines then. Of the others there are no series:
// podwarp_metrics_left_out counts them. What workers, reasons and stages say is of all.
struct MetricLimits {
  size_t ports = 2'000;
  size_t pods = 2'000;
  size_t pod_drops = 10'000;      // pairs of a pod and a drop reason
  size_t service_ports = 10'000;  // ports of services
};

// Collects all there is to say, some at a time, so that the control thread sees to its other duties
// in between. What comes, goes or changes meanwhile is told of or not; nothing is told of twice.
class NodeMetrics {
 public:
  // The node outlives it.
  explicit NodeMetrics(const Node& node, const MetricLimits& limits = {});

  // Collects for about a millisecond. False: that was all. Thread rule: the control thread.
  bool Step();

  // --- Any thread. ---
  void Add(const KubernetesStatus& kubernetes);
  // Version and start, by the wall clock.
  void AddProcess(absl::Time start);
  // Families that have samples.
  MetricFamilies Take() &&;

 private:
  struct Shown {
    size_t limit;
    size_t shown = 0;
    size_t left_out = 0;
    bool Take() { return shown < limit ? (++shown, true) : (++left_out, false); }
  };

  // One object. False: there is none left.
  bool AddNext();
  void Reserve();
  void AddWhole();  // all that isn't of single objects
  void AddWorkers();
  void AddDrops();
  void AddTables();
  void AddPort(PortId id, const std::string& name);
  void AddPod(const Node::PodRecord& pod);
  void AddService(const ServiceConfig& service);

  const Node& node_;
  // How far it has come: names, since what is there changes between steps.
  bool has_begun_ = false;
  // The next one last. A number may become another port's meanwhile.
  std::vector<std::pair<PortId, std::string>> ports_left_;
  std::string last_pod_;
  std::string last_service_;
  Shown ports_, pods_, pod_drops_, service_ports_;

  MetricGroup<PortReport> port_metrics_{PortMetrics()};
  MetricGroup<PodReport> pod_metrics_{PodMetrics()};
  MetricGroup<WorkerReport> worker_metrics_{WorkerMetrics()};
  MetricGroup<StageReport> stage_metrics_{StageMetrics()};
  MetricGroup<ConnectionsReport> connection_metrics_{ConnectionMetrics()};
  MetricGroup<KubernetesStatus> kubernetes_metrics_{KubernetesMetrics()};
  MetricGroup<KubernetesStatus::Resource> resource_metrics_{KubernetesResourceMetrics()};
  prometheus::MetricFamily build_, start_, device_losses_, pod_drop_frames_, drop_frames_,
      drop_reasons_, worker_seconds_, latency_, backends_, table_entries_, table_capacity_;
};

// Buckets from 1 us on, each twice the one before, to some 1 s. A sample is counted where the end
// of its own bucket lies, an eighth too high at most.
prometheus::ClientMetric::Histogram ToHistogram(const LatencyHistogram& latency, double hz);

// In the text form 0.0.4 of Prometheus.
std::string ToText(const MetricFamilies& families);

}  // namespace podwarp
