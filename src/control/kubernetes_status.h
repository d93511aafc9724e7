// How it stands with the API server of Kubernetes that the node follows: what reports tell. Times
// are spans up to the moment at which the status was taken.
//
// Plain data, for any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace podwarp {

struct KubernetesStatus {
  // One kind of its objects.
  struct Resource {
    std::string name;        // "nodes", "pods", "services", "endpointslices"
    bool synced = false;     // it has been listed whole at least once
    bool connected = false;  // a watch is open, or the last request succeeded
    std::string last_error;  // a sentence; empty while connected
    absl::Duration since_contact = absl::InfiniteDuration();  // infinite: there was none yet
    uint64_t objects = 0;
  };

  std::string server;  // https://10.96.0.1:443
  // All is known as the server has it now. If not, for how long: since the start or since the last
  // time that it was.
  bool is_current = false;
  absl::Duration not_current_for;
  std::vector<Resource> resources;
  std::vector<std::string> notes;  // what else is wrong: sentences, not too many
};

// How reports ask for it. Any thread but the control thread, and at any time; null: Kubernetes
// isn't followed.
using KubernetesStatusSource = std::function<KubernetesStatus()>;

// Each resource has been listed once: the node has all that Kubernetes says, be it old.
bool IsSynced(const KubernetesStatus& status);

// "follows https://10.96.0.1:443", or why it doesn't, and what that means: without a full stop.
std::string Summarize(const KubernetesStatus& status);

}  // namespace podwarp
