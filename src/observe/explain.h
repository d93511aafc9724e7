// What would become of a frame: a made-up one goes through the true stages, over the true tables,
// and is thrown away where a port would get it. Nothing is counted, told or changed.
//
// Thread rule: the control thread.
#pragma once

#include <rte_mempool.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/node.h"
#include "podwarp/dataplane/trace.h"
#include "podwarp/net/flow_key.h"

namespace podwarp {

struct ExplainRequest {
  std::string from;  // "namespace/name" of a pod, "host" (the node's kernel), or an uplink's name
  FlowKey flow{};    // source 0.0.0.0: the pod's first address, or the host port's; protocol ICMP
                     // (an echo request), TCP (a SYN) or UDP; source port 0: one that is free
  uint8_t time_to_live = 64;
  uint32_t frame_bytes = 0;   // of the IP packet; 0: as short as can be
  bool dont_fragment = true;  // as Linux sends it
};

struct Explanation {
  FlowKey flow{};  // as the frame has it
  // What the pod's ARP request for its next hop comes to, which is the destination or, if that
  // isn't on its link, its gateway. Empty if the sender is no pod, or the pod itself has the
  // destination.
  std::vector<TraceRecord> arp;
  // The frame itself, then what podwarp makes in answer to it or cuts it into.
  std::vector<TraceRecord> frames;
};

class Explainer {
 public:
  // All outlive it.
  Explainer(const Node* node, Tables* tables, rte_mempool* pool)
      : node_(*node), tables_(*tables), pool_(pool) {}

  // Errors: NotFound (there is no such pod or port, or it isn't open), InvalidArgument (the flow
  // makes no sense), ResourceExhausted (no buffer). Their messages begin with "from", "to",
  // "source" or "bytes".
  absl::StatusOr<Explanation> Explain(const ExplainRequest& request);

 private:
  // Who sends, and by which port it comes in.
  struct Sender {
    PortId port = kNoPort;
    MacAddress mac;
    Ipv4Address address;             // 0.0.0.0: that has to be said
    const PodConfig* pod = nullptr;  // nullptr: none
  };
  absl::StatusOr<Sender> FindSender(const std::string& from) const;
  absl::StatusOr<Sender> FindPod(const std::string& name) const;
  PortId FindPort(const std::string& name, PortRole role) const;
  MacAddress MacOnWire(PortId uplink, Ipv4Address address) const;
  Be16 FreePort(FlowKey flow) const;

  const Node& node_;
  Tables& tables_;
  rte_mempool* const pool_;
};

}  // namespace podwarp
