// What the checks need to know of podwarp's configuration file. podwarp itself finds its faults
// (--check_config); here a key that is missing or makes no sense has its default.
//
// Source: configs/example.yaml.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace podwarp::ctl {

struct UplinkConfig {
  std::string name;
  std::string pci;  // one of these two
  std::string vdev;
  std::string interface;  // the kernel's, that a vdev shares; empty if it shares none
  unsigned mtu_bytes = 1500;
  unsigned vlan_id = 0;  // 0 = untagged

  bool is_af_packet() const { return vdev.rfind("net_af_packet", 0) == 0; }
};

struct PodMtu {
  std::string pod;  // default/web-1
  unsigned mtu_bytes = 1500;
};

struct SocketConfig {
  std::string owner;  // "pod default/vm-1", "the API"
  std::string path;
  bool is_made_by_podwarp = false;
  std::string group;  // of the file, if podwarp makes it; empty = podwarp's own
};

struct NodeConfig {
  std::vector<UplinkConfig> uplinks;
  std::vector<PodMtu> pods;
  std::vector<SocketConfig> sockets;
  std::string api_socket;              // empty = no API
  std::vector<unsigned> worker_cores;  // empty = the last one that there is
  std::string host_interface;          // empty = no host port
  unsigned hugepages_mb = 0;           // 0 = as needed
};

// Errors: NotFound (no such file), FailedPrecondition (it isn't YAML, or no mapping).
absl::StatusOr<NodeConfig> LoadNodeConfig(const std::string& file);

}  // namespace podwarp::ctl
