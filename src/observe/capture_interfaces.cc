#include "observe/capture_interfaces.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "observe/pcapng.h"

namespace podwarp {

CaptureInterfaces::Interface CaptureInterfaces::Look(PortId id) const {
  Interface found;
  if (id == kNoPort) {
    found.description = "made by podwarp";
    return found;
  }
  const Port* const port = node_.tables().ports.Get(id);
  if (port == nullptr) {
    found.port = absl::StrCat("port ", id, " (gone)");
    return found;
  }
  found.port = port->settings().name;
  if (const Pod* const pod = node_.tables().pods.Get(id)) found.pod = pod->name;
  const bool is_pod = port->settings().role == PortRole::kPod;
  found.description = absl::StrCat(
      is_pod ? absl::StrCat("pod ", found.pod) : std::string(ToString(port->settings().role)), ", ",
      port->Driver());
  return found;
}

void CaptureInterfaces::Describe(PortId port, std::string* out) {
  Interface now = Look(port);
  const auto known = known_.find(port);
  if (known != known_.end()) {
    // A port that is gone is still the one whose last frames these are.
    const bool is_gone = port != kNoPort && node_.tables().ports.Get(port) == nullptr;
    const Interface& before = known->second;
    if (is_gone || (before.port == now.port && before.description == now.description)) return;
  }
  now.number = next_number_++;
  AppendInterface({.name = now.port.empty() ? "podwarp" : now.port,
                   .description = now.description,
                   .snap_bytes = snap_bytes_},
                  out);
  known_[port] = std::move(now);
}

}  // namespace podwarp
