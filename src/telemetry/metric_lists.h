// What of each report is a metric, and what it is called there. The words are those of telemetry
// and the API; units are Prometheus' base units.
#pragma once

#include <span>

#include "control/kubernetes_status.h"
#include "telemetry/metric_group.h"
#include "telemetry/report.h"

namespace podwarp {

std::span<const Metric<PortReport>> PortMetrics();
std::span<const Metric<PodReport>> PodMetrics();
std::span<const Metric<WorkerReport>> WorkerMetrics();
std::span<const Metric<StageReport>> StageMetrics();
std::span<const Metric<ConnectionsReport>> ConnectionMetrics();
std::span<const Metric<KubernetesStatus>> KubernetesMetrics();
std::span<const Metric<KubernetesStatus::Resource>> KubernetesResourceMetrics();

// TSC cycles.
double ToSeconds(uint64_t cycles);

}  // namespace podwarp
