// Where a vhost-user pod finds its socket, and what it needs to attach.
//
// The convention is that of Intel's Userspace CNI (github.com/intel/userspace-cni-network-plugin,
// pkg/types and pkg/configdata) in its mode without Kubernetes credentials: under a shared folder,
// here `socket_directory`, each container has a folder named by its ID, to be mounted into it, with
// the socket and, for each interface,
//
//   configData-<the ID's first 12 characters>-<interface>.json
//   {"containerId", "ifName", "name", "config": {"engine", "iftype": "vhostuser", "netType",
//    "vhost": {"mode": what the application is, "socketfile": a name in this folder}},
//    "ipResult": a result of CNI 1.0.0}
//
// The application takes its MAC from ipResult. The socket is called as the interface, so that its
// path stays within the 107 bytes that a socket's path may have.
#pragma once

#include <string>

#include "network_config.h"
#include "request.h"

namespace podwarp::cni {

class VhostFolder {
 public:
  VhostFolder(const NetworkConfig& config, std::string container_id, std::string interface)
      : network_(config.name),
        folder_(config.socket_directory + "/" + container_id),
        container_id_(std::move(container_id)),
        interface_(std::move(interface)) {}

  std::string socket() const { return folder_ + "/" + interface_; }

  // Throws CniError 5; 7 if the socket's path would be too long.
  void Make() const;
  // `result` is what ADD says, in 1.0.0.
  void Describe(const Json& result) const;
  // What is gone already is fine. Throws CniError 5.
  void Remove() const;

 private:
  std::string description() const;

  const std::string network_;
  const std::string folder_;
  const std::string container_id_;
  const std::string interface_;
};

}  // namespace podwarp::cni
