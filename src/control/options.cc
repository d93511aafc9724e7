#include "control/options.h"

#include <gflags/gflags.h>
#include <glog/logging.h>

#include <optional>

#include "absl/strings/str_cat.h"

DEFINE_string(config, "", "the node's configuration file (YAML); see configs/example.yaml");
DEFINE_bool(check_config, false, "check the configuration, print what it amounts to, and end");
DEFINE_bool(cleanup, false,
            "remove what podwarp left in the kernel (host port, pod taps, routes, nftables table), "
            "and end");
DEFINE_bool(watch_config, false,
            "read the configuration anew, as at SIGHUP, whenever its text changes: a mounted "
            "ConfigMap's does without a signal");
// These replace what the file says.
DEFINE_string(node_name, "", "the node's name");
DEFINE_string(virtual_mac, "", "the node's virtual MAC, 00-11-22-33-44-55 or 00:11:22:33:44:55");
DEFINE_string(hairpin_mode, "", "promiscuous-arp, hairpin-veth or none");
DEFINE_string(file_prefix, "", "DPDK's file prefix, unique on the machine");
DEFINE_string(worker_cores, "", "the cores that forward, one worker each: 1,2");
DEFINE_string(idle_mode, "", "busy or adaptive");
DEFINE_string(kubeconfig, "",
              "the kubeconfig by which the API server of Kubernetes is reached and followed");

namespace podwarp {
namespace {

std::optional<std::string> IfGiven(const char* flag, const std::string& value) {
  if (gflags::GetCommandLineFlagInfoOrDie(flag).is_default) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  FLAGS_logtostderr = true;
  gflags::SetUsageMessage(
      "forwards the frames of a Kubernetes node's pods\n\n"
      "  podwarp --config=/etc/podwarp/node.yaml\n\n"
      "The log goes to stderr. --v=N, or GLOG_v=N in the environment, says how much is in it:\n"
      "  0  what an operator acts on: start and stop, ports up and down, pods that come, go and\n"
      "     move, nodes that fall silent, conflicts, drops that tell of a fault, reloads\n"
      "  1  also nodes, routes and services that change, neighbours, how each port is opened, "
      "what\n"
      "     DPDK is started with, librte_vhost's own messages\n"
      "  2  also each request to the API and each round of Kubernetes' changes");
  gflags::SetVersionString(PODWARP_VERSION);
  gflags::ParseCommandLineFlags(&argc, &argv, /*remove_flags=*/true);
  google::InitGoogleLogging(argv[0]);
  if (argc > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", argv[1], "' is no flag; `podwarp --help` lists them"));
  }
  if (FLAGS_config.empty()) {
    return absl::InvalidArgumentError("no configuration file; name one by --config=FILE");
  }
  return Options{.config = FLAGS_config,
                 .check_config = FLAGS_check_config,
                 .cleanup = FLAGS_cleanup,
                 .watch_config = FLAGS_watch_config,
                 .overrides = {.node_name = IfGiven("node_name", FLAGS_node_name),
                               .virtual_mac = IfGiven("virtual_mac", FLAGS_virtual_mac),
                               .hairpin_mode = IfGiven("hairpin_mode", FLAGS_hairpin_mode),
                               .file_prefix = IfGiven("file_prefix", FLAGS_file_prefix),
                               .worker_cores = IfGiven("worker_cores", FLAGS_worker_cores),
                               .idle_mode = IfGiven("idle_mode", FLAGS_idle_mode),
                               .kubeconfig = IfGiven("kubeconfig", FLAGS_kubeconfig),
                               .pod_cidrs = std::nullopt}};
}

}  // namespace podwarp
