// The network configuration, as configs/cni/ shows it, checked and with its defaults.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "error.h"

namespace podwarp::cni {

struct NetworkConfig {
  std::string name;
  std::string socket = "/run/podwarp/api.sock";     // of podwarp's API
  std::string state = "/var/lib/podwarp/state.db";  // where podwarp keeps what it was told
  std::string lock = "/run/podwarp-cni.lock";
  std::string ipam;                                           // the plugin's name
  std::optional<int> mtu;                                     // none: podwarp's default
  bool is_vhost_user = false;                                 // else a tap
  bool on_link = true;                                        // of a tap
  std::string socket_directory = "/var/run/podwarp/sockets";  // of vhost-user
  std::optional<int> queues;                                  // of vhost-user
  Json dns;                                                   // null = what the IPAM plugin says
  Json prev_result;                                           // null = none
  // (container ID, interface); none except for GC.
  std::optional<std::set<std::pair<std::string, std::string>>> valid_attachments;
};

// Throws CniError: 2 for a key that isn't known or a value that podwarp can't serve, 7 for one that
// isn't right.
NetworkConfig ParseNetworkConfig(const Json& json);

}  // namespace podwarp::cni
