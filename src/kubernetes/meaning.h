// What the objects of a Kubernetes cluster mean for this node, as the objects it is told by the
// configuration file and the API.
//
// Pure functions on plain data, for any thread. What can't be expressed is left out, and a sentence
// says so that begins with the object's name: "service default/web: ...".
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/config.h"
#include "kubernetes/objects.h"

namespace podwarp {

struct NodeMeaning {
  std::optional<RemoteNodeConfig> node;  // none: it can't be reached, or not yet
  std::vector<std::string> sentences;
};
// Another node of the cluster. Its virtual MAC and underlay address are what its own podwarp wrote;
// before that, or without podwarp, its InternalIP is asked for if it lies in the segment of one of
// our uplinks.
NodeMeaning MeaningOf(const Config& settings, const KubeNode& node);

struct ServiceMeaning {
  std::optional<ServiceConfig> service;
  std::vector<std::string> sentences;
};
// A service with all its slices. `zone` is our node's, empty if it has none. None for those without
// a cluster address of IPv4, which is no fault. External addresses that this node can't have as a
// service's are left out; that no other service has them is the caller's to see to.
//
// Who gets new connections is chosen as kube-proxy does: the ready ones, of them those hinted for
// our zone; and if a policy would leave nobody, those that terminate but still serve (KEP-1669).
// Others that are ready or still serve keep the connections they have.
ServiceMeaning MeaningOf(const Config& settings, const std::string& key, const KubeService& service,
                         std::span<const KubeSlice* const> slices, const std::string& zone);

}  // namespace podwarp
