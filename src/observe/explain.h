// What would become of a frame: a made-up one goes through the true stages, over the true tables,
// and is thrown away where a port would get it. Nothing is counted, told or changed.
//
// Thread rule: the control thread.
#pragma once

#include <rte_mempool.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/node.h"
#include "podwarp/dataplane/trace.h"
#include "podwarp/net/flow_key.h"

namespace podwarp {

struct ExplainRequest {
  std::string from;  // "namespace/name" of a pod, "host" (the node's kernel), or an uplink's name
  FlowKey flow;      // source 0.0.0.0: the pod's first address, or the host port's; protocol ICMP
                     // (an echo request), TCP (a SYN) or UDP; source port 0: one that is free
  uint8_t time_to_live = 64;
  uint32_t frame_bytes = 0;  // of the IP packet; 0: as short as can be
};

struct Explanation {
  // What the sender's ARP request for the destination comes to; empty if it needs none (a pod that
  // isn't on-link asks for its gateway only), or isn't a pod.
  std::vector<TraceRecord> arp;
  // The frame itself, then what podwarp makes in answer to it or cuts it into.
  std::vector<TraceRecord> frames;
};

class Explainer {
 public:
  // All outlive it.
  Explainer(const Node* node, Tables* tables, rte_mempool* pool);
  ~Explainer();
  Explainer(const Explainer&) = delete;
  Explainer& operator=(const Explainer&) = delete;

  // Errors: NotFound (there is no such pod or port, or it isn't open), InvalidArgument (the flow
  // makes no sense), ResourceExhausted (no buffer).
  absl::StatusOr<Explanation> Explain(const ExplainRequest& request);

 private:
  struct Rehearsal;
  const Node& node_;
  Tables& tables_;
  rte_mempool* const pool_;
  std::unique_ptr<Rehearsal> rehearsal_;
};

}  // namespace podwarp
