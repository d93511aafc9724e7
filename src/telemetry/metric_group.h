// Families of metrics that are made of one kind of report: a list says what each is called, and
// which number of the report it is.
#pragma once

#include <prometheus/metric_family.h>

#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace podwarp {

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;
using MetricFamilies = std::vector<prometheus::MetricFamily>;

inline prometheus::MetricFamily MakeFamily(std::string_view name, std::string_view help,
                                           prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

// REQUIRES: the family is of counters or gauges.
inline void AddSample(MetricLabels labels, double value, prometheus::MetricFamily* family) {
  prometheus::ClientMetric& sample = family->metric.emplace_back();
  sample.label = std::move(labels);
  if (family->type == prometheus::MetricType::Counter) {
    sample.counter.value = value;
  } else {
    sample.gauge.value = value;
  }
}

template <typename Report>
struct Metric {
  std::string_view name;  // as Prometheus' naming rules want it: podwarp_WHAT_UNIT[_total]
  std::string_view help;
  prometheus::MetricType type;
  double (*value)(const Report&);
};

template <typename Report>
class MetricGroup {
 public:
  explicit MetricGroup(std::span<const Metric<Report>> metrics) : metrics_(metrics) {
    for (const auto& metric : metrics_) {
      families_.push_back(MakeFamily(metric.name, metric.help, metric.type));
    }
  }

  void Reserve(size_t samples) {
    for (prometheus::MetricFamily& family : families_) family.metric.reserve(samples);
  }

  // A sample of each. REQUIRES: no two have the same labels.
  void Add(const Report& report, const MetricLabels& labels) {
    for (size_t i = 0; i < metrics_.size(); ++i) {
      AddSample(labels, metrics_[i].value(report), &families_[i]);
    }
  }

  void MoveTo(MetricFamilies* all) && {
    std::move(families_.begin(), families_.end(), std::back_inserter(*all));
  }

 private:
  std::span<const Metric<Report>> metrics_;
  MetricFamilies families_;
};

}  // namespace podwarp
