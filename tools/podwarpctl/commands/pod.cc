// pod add, pod del
#include <CLI/CLI.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "commands/change.h"
#include "commands/names.h"
#include "text/fields.h"

namespace podwarp::ctl {
namespace {

struct PodOptions {
  std::string name;
  std::vector<std::string> addresses;
  std::optional<std::string> mac;
  std::optional<unsigned> mtu;
  // Exactly one of these three.
  std::optional<std::string> tap;
  std::optional<std::string> vhost_user;
  std::optional<std::string> vdev;
  std::optional<std::string> netns;  // of tap
  std::optional<std::string> mode;   // of vhost_user
  std::optional<unsigned> queues;
};

Json PortOf(const PodOptions& pod) {
  if (pod.tap.has_value()) {
    Json tap = {{"interface", *pod.tap}};
    if (pod.netns.has_value()) tap["netns"] = *pod.netns;
    return {{"tap", tap}};
  }
  if (pod.vdev.has_value()) return {{"vdev", *pod.vdev}};
  Json vhost_user = {{"socket", *pod.vhost_user}};
  if (pod.mode.has_value()) vhost_user["mode"] = *pod.mode;
  if (pod.queues.has_value()) vhost_user["queues"] = *pod.queues;
  return {{"vhost_user", vhost_user}};
}

Json ToJson(const PodOptions& pod) {
  Json json = {{"addresses", pod.addresses}};
  if (pod.mac.has_value()) json["mac"] = *pod.mac;
  if (pod.mtu.has_value()) json["mtu"] = *pod.mtu;
  json["port"] = PortOf(pod);
  return json;
}

absl::Status Check(const PodOptions& pod) {
  const int ports = pod.tap.has_value() + pod.vhost_user.has_value() + pod.vdev.has_value();
  if (ports == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      ports == 0 ? "the pod needs a port: one of --tap, --vhost-user and --vdev"
                 : "a pod has one port: --tap, --vhost-user or --vdev");
}

// That a pod is there needn't mean that it can be reached.
void TellIfDown(const PodOptions& pod, Context* context) {
  const absl::StatusOr<Json> item = context->client->Get(PodPath(pod.name));
  if (!item.ok()) return;
  const Json& status = Field(*item, "status");
  const std::string state = StateOf(status);
  if (state.empty() || Flag(status, "up")) return;
  *context->err << "podwarpctl: note: pod " << FullName(pod.name) << " is " << Printable(state)
                << '\n';
}

absl::Status AddPod(const PodOptions& pod, Context* context) {
  if (absl::Status status = Check(pod); !status.ok()) return status;
  absl::Status status =
      PutObject(absl::StrCat("pod ", FullName(pod.name)), PodPath(pod.name), ToJson(pod), context);
  if (status.ok() && !context->json) TellIfDown(pod, context);
  return status;
}

void AddOptions(CLI::App* add, PodOptions* pod) {
  add->add_option("name", pod->name, "the pod; without a namespace it is in default")
      ->required()
      ->type_name("[NAMESPACE/]NAME");
  add->add_option("--ip", pod->addresses, "its addresses")
      ->required()
      ->delimiter(',')
      ->type_name("IP[,IP]")
      ->allow_extra_args(false);
  add->add_option("--mac", pod->mac, "default: made from namespace and name")->type_name("MAC");
  add->add_option("--mtu", pod->mtu, "default: 1500")->type_name("BYTES");
  CLI::Option* const tap =
      add->add_option("--tap", pod->tap, "an interface of the kernel, which podwarp makes")
          ->type_name("INTERFACE");
  add->add_option("--netns", pod->netns, "of --tap: the network namespace that it is made in")
      ->type_name("PATH")
      ->needs(tap);
  CLI::Option* const vhost_user =
      add->add_option("--vhost-user", pod->vhost_user, "a virtual machine, or a DPDK program")
          ->type_name("SOCKET");
  add->add_option("--mode", pod->mode, "of --vhost-user: podwarp's part; default: client")
      ->type_name("client|server")
      ->needs(vhost_user);
  add->add_option("--queues", pod->queues, "of --vhost-user: queue pairs; default: 1")
      ->type_name("N")
      ->needs(vhost_user);
  add->add_option("--vdev", pod->vdev, "any device of DPDK's")->type_name("DEVICE");
  add->footer(
      "Sets the whole pod: what isn't named gets its default, also if the pod is there already.\n"
      "Exactly one of --tap, --vhost-user and --vdev says what it is reached by.\n\n"
      "Examples:\n"
      "  podwarpctl pod add web-1 --ip 10.244.1.10 --tap eth0 --netns /run/netns/web-1\n"
      "  podwarpctl pod add machines/vm-1 --ip 10.244.1.11,10.244.1.12 --mac 02:00:00:00:00:01 \\\n"
      "      --vhost-user /run/podwarp/vm-1/vhost.sock --mode server --queues 2\n"
      "  podwarpctl pod add fw --ip 10.244.1.13 --vdev net_memif0,role=server");
}

}  // namespace

void AddPodCommands(CLI::App* app, Action* chosen) {
  CLI::App* const pod = app->add_subcommand("pod", "Adds, changes or deletes a pod");
  pod->require_subcommand(1);

  CLI::App* const add = pod->add_subcommand("add", "The pod is to be there, as said");
  const auto options = std::make_shared<PodOptions>();
  AddOptions(add, options.get());
  add->callback([=] { *chosen = [=](Context* context) { return AddPod(*options, context); }; });

  CLI::App* const del = pod->add_subcommand("del", "The pod is to go");
  const auto name = std::make_shared<std::string>();
  del->add_option("name", *name, "the pod")->required()->type_name("[NAMESPACE/]NAME");
  del->footer(
      "Examples:\n"
      "  podwarpctl pod del web-1\n"
      "  podwarpctl pod del machines/vm-1");
  del->callback([=] {
    *chosen = [=](Context* context) {
      return DeleteObject(absl::StrCat("pod ", FullName(*name)), PodPath(*name), context);
    };
  });
}

}  // namespace podwarp::ctl
