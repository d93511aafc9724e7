#include "doctor/node_config.h"

#include <yaml-cpp/yaml.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace podwarp::ctl {
namespace {

constexpr char kApiSocket[] = "/run/podwarp/api.sock";

// A key's value, or null. yaml-cpp throws when one looks into what is no mapping.
YAML::Node At(const YAML::Node& mapping, const char* key) {
  if (!mapping.IsMap()) return YAML::Node(YAML::NodeType::Null);
  const YAML::Node value = mapping[key];
  return value.IsDefined() ? value : YAML::Node(YAML::NodeType::Null);
}

// The items of a list, or none. yaml-cpp would go through a mapping's keys, too.
std::vector<YAML::Node> Items(const YAML::Node& mapping, const char* key) {
  std::vector<YAML::Node> items;
  const YAML::Node list = At(mapping, key);
  if (!list.IsSequence()) return items;
  for (const YAML::Node& item : list) items.push_back(item);
  return items;
}

template <typename T>
T Value(const YAML::Node& mapping, const char* key, const T& otherwise) {
  const YAML::Node value = At(mapping, key);
  return value.IsScalar() ? value.as<T>(otherwise) : otherwise;
}

std::string TextOf(const YAML::Node& mapping, const char* key) {
  return Value<std::string>(mapping, key, "");
}

// The argument iface= of the drivers that share an interface of the kernel.
std::string InterfaceOf(const std::string& vdev) {
  if (vdev.rfind("net_af_packet", 0) != 0 && vdev.rfind("net_af_xdp", 0) != 0) return "";
  for (absl::string_view argument : absl::StrSplit(vdev, ',')) {
    if (absl::ConsumePrefix(&argument, "iface=")) return std::string(argument);
  }
  return "";
}

UplinkConfig ReadUplink(const YAML::Node& uplink) {
  UplinkConfig config;
  config.name = TextOf(uplink, "name");
  config.pci = TextOf(uplink, "pci");
  config.vdev = TextOf(uplink, "vdev");
  config.interface = InterfaceOf(config.vdev);
  config.mtu_bytes = Value(uplink, "mtu", config.mtu_bytes);
  config.vlan_id = Value(uplink, "vlan", config.vlan_id);
  return config;
}

void ReadPod(const YAML::Node& pod, NodeConfig* config) {
  const std::string name =
      absl::StrCat(Value<std::string>(pod, "namespace", "default"), "/", TextOf(pod, "name"));
  PodMtu mtu = {.pod = name};
  mtu.mtu_bytes = Value(pod, "mtu", mtu.mtu_bytes);
  config->pods.push_back(mtu);
  const YAML::Node vhost_user = At(At(pod, "port"), "vhost_user");
  if (!vhost_user.IsMap()) return;
  config->sockets.push_back({.owner = absl::StrCat("pod ", name),
                             .path = TextOf(vhost_user, "socket"),
                             .is_made_by_podwarp = TextOf(vhost_user, "mode") == "server",
                             .group = TextOf(vhost_user, "group")});
}

void ReadApi(const YAML::Node& api, NodeConfig* config) {
  if (!api.IsMap()) return;
  config->api_socket = Value<std::string>(api, "socket", kApiSocket);
  config->sockets.push_back({.owner = "the API",
                             .path = config->api_socket,
                             .is_made_by_podwarp = true,
                             .group = TextOf(api, "group")});
}

NodeConfig ReadNode(const YAML::Node& file) {
  NodeConfig config;
  for (const YAML::Node& uplink : Items(file, "uplinks")) {
    config.uplinks.push_back(ReadUplink(uplink));
  }
  for (const YAML::Node& pod : Items(file, "pods")) ReadPod(pod, &config);
  ReadApi(At(file, "api"), &config);
  for (const YAML::Node& core : Items(At(file, "workers"), "cores")) {
    config.worker_cores.push_back(core.as<unsigned>(0));
  }
  if (const YAML::Node host_port = At(file, "host_port"); host_port.IsMap()) {
    config.host_interface = Value<std::string>(host_port, "interface", "podwarp0");
  }
  config.hugepages_mb = Value(At(file, "memory"), "hugepages_mb", 0u);
  return config;
}

}  // namespace

absl::StatusOr<NodeConfig> LoadNodeConfig(const std::string& file) {
  try {
    const YAML::Node node = YAML::LoadFile(file);
    if (node.IsMap()) return ReadNode(node);
    return absl::FailedPreconditionError(absl::StrCat(file, " is no mapping of keys to values"));
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(absl::StrCat(file, " can't be read"));
  } catch (const YAML::Exception& error) {
    return absl::FailedPreconditionError(
        absl::StrCat(file, ":", error.mark.line + 1, ": ", error.msg));
  }
}

}  // namespace podwarp::ctl
