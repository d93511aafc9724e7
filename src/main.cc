// podwarp: forwards the frames of a Kubernetes node's pods. One process per node.
//
// flags -> configuration, and what Kubernetes adds to it -> EAL -> tables, workers -> node (ports,
// pods, peers) -> what the API said before -> Kubernetes, telemetry, API -> control loop -> stop.
#include <gflags/gflags.h>
#include <glog/logging.h>
#include <rte_cycles.h>

#include <cstdio>
#include <optional>

#include "api/node_backend.h"
#include "api/server.h"
#include "api/tcp_listener.h"
#include "control/config_complete.h"
#include "control/config_values.h"
#include "control/config_watch.h"
#include "control/connection_expiry.h"
#include "control/control_loop.h"
#include "control/drop_watch.h"
#include "control/launch.h"
#include "control/node.h"
#include "control/options.h"
#include "control/reconciler.h"
#include "control/reloader.h"
#include "control/state_store.h"
#include "kubernetes/connect.h"
#include "kubernetes/follower.h"
#include "observe/explain.h"
#include "observe/watch.h"
#include "platform/eal.h"
#include "port/vhost_backend.h"
#include "telemetry/commands.h"

namespace podwarp {
namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "podwarp: %s\n", std::string(status.message()).c_str());
  return 1;
}

absl::StatusOr<std::unique_ptr<StateStore>> OpenStore(const Config& config) {
  if (!config.api.has_value()) return nullptr;
  return StateStore::Open(config.api->state_file);
}

absl::StatusOr<std::unique_ptr<ApiServer>> ServeApi(const Config& config, ApiBackend* backend) {
  if (!config.api.has_value()) return nullptr;
  const ApiConfig& api = *config.api;
  LOG(INFO) << "the API is at " << api.socket;
  return ApiServer::Open({.socket = api.socket, .mode = api.socket_mode, .group = api.group},
                         backend);
}

// To whoever reaches the address: a few askers, each some times a second, are all there should be.
absl::StatusOr<std::unique_ptr<ApiServer>> ServeMetrics(const Config& config, ApiBackend* backend) {
  if (!config.metrics.has_value()) return nullptr;
  absl::StatusOr<std::unique_ptr<TcpListener>> listener =
      TcpListener::Open(config.metrics->address, config.metrics->port);
  if (!listener.ok()) return listener.status();
  LOG(INFO) << "metrics are at http://" << ListenText(*config.metrics) << "/metrics";
  ApiServerSettings settings;
  settings.connections = 16;
  settings.http.requests_per_second = 100;
  settings.http.public_only = true;
  return ApiServer::Serve(*std::move(listener), settings, backend);
}

// nullptr if nobody is to be followed.
std::unique_ptr<Follower> Follow(const ApiClient* kubernetes, const Config& config,
                                 Reconciler* reconciler) {
  if (kubernetes == nullptr) return nullptr;
  LOG(INFO) << "follows Kubernetes at " << kubernetes->access().server;
  FollowerActions actions;
  actions.apply = [reconciler](std::span<const Edit> edits) {
    return reconciler->ApplyKubernetes(edits);
  };
  actions.move_pod = [reconciler](const std::string& pod,
                                  const std::vector<Ipv4Address>& addresses) {
    return reconciler->MovePod(pod, addresses);
  };
  FollowerSettings settings;
  settings.watch_all_pods = config.kubernetes->watch_all_pods;
  return std::make_unique<Follower>(kubernetes, config, settings, actions);
}

KubernetesStatusSource StatusOf(const Follower* follower) {
  if (follower == nullptr) return nullptr;
  return [follower] { return follower->Status(); };
}

// What a running node is made of.
struct Running {
  const Config& config;
  const Options& options;
  const Launch& launch;
  Tables& tables;
  rte_mempool* pool;
  Node& node;
  ConnectionExpiry& expiry;
  Reconciler& reconciler;
  const Follower* follower;  // nullptr: Kubernetes isn't followed
  ControlLoop& loop;
};

// Until a signal ends it.
absl::Status Serve(const Running& running) {
  const Config& config = running.config;
  Node& node = running.node;
  Watch watch(&node, &running.tables);
  Explainer explainer(&node, &running.tables, running.pool);
  Reloader reloader(&running.reconciler);
  NodeBackend backend(running.options.config, &running.reconciler, &node, &running.loop, &watch,
                      &explainer, StatusOf(running.follower));
  const absl::StatusOr<std::unique_ptr<ApiServer>> api = ServeApi(config, &backend);
  if (!api.ok()) return api.status();
  const absl::StatusOr<std::unique_ptr<ApiServer>> metrics = ServeMetrics(config, &backend);
  if (!metrics.ok()) {
    running.loop.Stop();  // clients of the API may wait for it already
    return metrics.status();
  }
  // From here on the loop will run, which a reload waits for.
  std::optional<ConfigWatch> config_watch;
  if (running.options.watch_config) {
    config_watch.emplace(running.options.config, [&] { reloader.Ask(); });
  }
  LOG(INFO) << "node " << config.node_name << " forwards with " << running.launch.Summary()
            << "; virtual MAC " << config.virtual_mac.ToString() << "; " << config.uplinks.size()
            << " uplink(s), " << node.pods().size() << " pod(s), " << node.remote_nodes().size()
            << " other node(s), " << node.services().size() << " service(s)";
  DropWatch drops(&node);
  const auto tick = [&](absl::Time now) {
    node.Tick(now);
    drops.Tick(now);
    running.expiry.Tick(rte_rdtsc());
  };
  running.loop.Run(tick, [&] { reloader.Ask(); });
  return absl::OkStatus();
}

int RunNode(const Config& config, const Options& options, const ApiClient* kubernetes) {
  ControlLoop loop;  // before any thread starts: it decides who gets signals
  absl::StatusOr<std::unique_ptr<StateStore>> store = OpenStore(config);
  if (!store.ok()) return Fail(store.status());
  const Launch launch(config);
  if (absl::Status status = StartEal(launch.eal_options()); !status.ok()) return Fail(status);
  absl::StatusOr<rte_mempool*> pool = launch.MakePool();
  if (!pool.ok()) return Fail(pool.status());

  Tables tables(launch.workers(), config.limits.adjacencies, config.connections.capacity);
  EventRing events(kEventRingSize);
  WorkerSet workers = launch.MakeWorkers(&tables, &events, *pool);
  VhostBackend vhost(&tables.rcu, [&tables] { tables.ports.NoteStateChange(); });
  DevicePortFactory ports(&config, launch.workers(), *pool, &vhost);
  Node node(&config, &tables, &ports, &workers, &events, *pool);
  const auto send = [&workers](PortId port, rte_mbuf* frame) { return workers.Send(port, frame); };
  ConnectionExpiry expiry(config.connections, rte_get_tsc_hz(), &tables, send, *pool);
  Reconciler reconciler(options, config, *std::move(store), &node, &loop);

  absl::Status status = node.Start(ControlLoop::Now());
  if (status.ok()) status = reconciler.Restore(ControlLoop::Now());
  // Not earlier: what came in while half the routes were there would go astray.
  launch.StartWorkers(workers);
  std::unique_ptr<Follower> follower;
  if (status.ok()) follower = Follow(kubernetes, config, &reconciler);
  if (status.ok()) status = StartTelemetry(&node, &loop, StatusOf(follower.get()));
  vhost.WaitUntilServed(absl::Seconds(5));
  if (status.ok()) {
    status = Serve({.config = config,
                    .options = options,
                    .launch = launch,
                    .tables = tables,
                    .pool = *pool,
                    .node = node,
                    .expiry = expiry,
                    .reconciler = reconciler,
                    .follower = follower.get(),
                    .loop = loop});
  }
  loop.Stop();  // nobody waits for one that never ran
  StopTelemetry();
  follower.reset();
  launch.StopWorkers(workers);
  node.Stop();
  LOG(INFO) << "node " << config.node_name << " has stopped";
  return status.ok() ? 0 : Fail(status);
}

// What the configuration leaves to Kubernetes is asked for there, however long that takes. nullptr:
// Kubernetes isn't followed.
absl::StatusOr<std::unique_ptr<ApiClient>> Complete(Options* options, Config* config) {
  if (!config->kubernetes.has_value()) return nullptr;
  absl::StatusOr<std::unique_ptr<ApiClient>> kubernetes = Connect(*config->kubernetes);
  if (!kubernetes.ok() || !NeedsNode(*config)) return kubernetes;
  options->overrides.pod_cidrs = WaitForPodRanges(**kubernetes, config->node_name);
  absl::StatusOr<Config> completed = LoadConfig(options->config, options->overrides);
  if (!completed.ok()) return completed.status();
  *config = *std::move(completed);
  return kubernetes;
}

int Main(int argc, char** argv) {
  absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) return Fail(options.status());
  absl::StatusOr<Config> config = LoadConfig(options->config, options->overrides);
  if (!config.ok()) return Fail(config.status());
  if (options->check_config) {
    std::fputs(ToYaml(*config).c_str(), stdout);
    return 0;
  }
  if (options->cleanup) {
    const absl::Status status = CleanUp(*config);
    return status.ok() ? 0 : Fail(status);
  }
  const absl::StatusOr<std::unique_ptr<ApiClient>> kubernetes = Complete(&*options, &*config);
  if (!kubernetes.ok()) return Fail(kubernetes.status());
  const int result = RunNode(*config, *options, kubernetes->get());
  StopEal();
  return result;
}

}  // namespace
}  // namespace podwarp

int main(int argc, char** argv) { return podwarp::Main(argc, argv); }
