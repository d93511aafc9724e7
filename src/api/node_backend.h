// The API of a running node: its desired state, and reports of what it is doing.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "absl/time/time.h"
#include "api/backend.h"
#include "control/control_loop.h"
#include "control/kubernetes_status.h"
#include "control/node.h"
#include "control/reconciler.h"
#include "observe/explain.h"
#include "observe/watch.h"

namespace podwarp {

class NodeBackend final : public ApiBackend {
 public:
  // `config_file` is what reports call it. All pointers outlive the backend, as does what
  // `kubernetes` asks.
  NodeBackend(std::string config_file, Reconciler* reconciler, const Node* node, ControlLoop* loop,
              Watch* watch, Explainer* explainer, KubernetesStatusSource kubernetes = nullptr);

  std::vector<EditResult> Apply(std::span<const Edit> edits) override {
    return reconciler_.Apply(edits);
  }
  std::optional<Listed> Get(ObjectKind kind, const std::string& key) override;
  std::vector<Listed> List(ObjectKind kind, const std::string& after, size_t limit) override;
  absl::StatusOr<nlohmann::ordered_json> Report(std::string_view name,
                                                const ApiParameters& parameters) override;
  absl::StatusOr<nlohmann::ordered_json> Reload() override;
  absl::StatusOr<std::unique_ptr<ApiStream>> OpenStream(std::string_view name,
                                                        const ApiParameters& parameters) override;
  absl::StatusOr<std::string> Metrics() override;
  ObjectDefaults Defaults() override;

 private:
  using Json = nlohmann::ordered_json;

  // How these are doing, in their order.
  std::vector<Listed> WithStatus(ObjectKind kind, std::vector<DesiredState::Listed> listed);
  // What the control thread says. Errors: Unavailable if it doesn't run (any more).
  absl::StatusOr<Json> Ask(const std::function<Json()>& question);
  absl::StatusOr<Json> ReportArp(const ApiParameters& parameters);
  absl::StatusOr<Json> ReportRoute(const ApiParameters& parameters);
  absl::StatusOr<Json> ReportStages(const ApiParameters& parameters);
  absl::StatusOr<Json> ReportConnections(const ApiParameters& parameters);
  absl::StatusOr<Json> Explain(const ApiParameters& parameters);
  absl::StatusOr<Json> ReportStatus();
  Json ReportNode();  // the control thread

  const std::string config_file_;
  Reconciler& reconciler_;
  const Node& node_;
  ControlLoop& loop_;
  Watch& watch_;
  Explainer& explainer_;
  const KubernetesStatusSource kubernetes_;
  std::mutex metrics_mutex_;  // of many who ask, one's metrics are made at a time
  const absl::Time start_ = ControlLoop::Now();
  const absl::Time start_by_wall_ = absl::Now();
};

}  // namespace podwarp
