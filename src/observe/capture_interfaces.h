// Ports as a capture's interfaces: described when they first show up, and again when a number has
// become another port's.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "control/node.h"

namespace podwarp {

class CaptureInterfaces {
 public:
  struct Interface {
    uint32_t number = 0;      // in the file
    std::string port;         // its name; empty: none, podwarp made the frame
    std::string pod;          // who is behind it; may be empty
    std::string description;  // of the port
  };

  CaptureInterfaces(const Node* node, uint32_t snap_bytes)
      : node_(*node), snap_bytes_(snap_bytes) {}

  // To be called for each port of the frames that follow in `out`. The control thread.
  void Describe(PortId port, std::string* out);
  // REQUIRES: it is described. Any thread, while nobody describes.
  const Interface& Of(PortId port) const { return known_.at(port); }
  bool empty() const { return known_.empty(); }

 private:
  Interface Look(PortId port) const;

  const Node& node_;
  const uint32_t snap_bytes_;
  std::map<PortId, Interface> known_;
  uint32_t next_number_ = 0;
};

}  // namespace podwarp
