#include "observe/names.h"

#include "absl/strings/str_cat.h"
#include "telemetry/report.h"

namespace podwarp {

std::string PodBehind(const Node& node, PortId port) {
  const Pod* pod = port < kMaxPorts ? node.tables().pods.Get(port) : nullptr;
  return pod == nullptr ? "" : pod->name;
}

std::string PortText(const Node& node, PortId port) {
  const std::string name = NameOfPort(node, port);
  const std::string pod = PodBehind(node, port);
  if (pod == name) return absl::StrCat("pod ", pod);
  if (port >= kMaxPorts || node.tables().ports.Get(port) == nullptr) return name;
  return absl::StrCat("port ", name, pod.empty() ? "" : absl::StrCat(" (", pod, ")"));
}

std::string OwnerText(const Node& node, Ipv4Address address, NextHopKind kind) {
  const AdjacencyIndex index = node.tables().routes.Lookup(address);
  if (node.tables().adjacencies[index].kind != kind) return "";
  return std::string(node.owners().OwnerOf(address));
}

}  // namespace podwarp
