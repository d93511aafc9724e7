// SIGHUP: reads the configuration file anew and has the node follow it, while frames are forwarded.
// The command line's words count as they did at the start.
//
// Thread rule: the control thread.
#pragma once

#include "absl/time/time.h"
#include "control/config.h"
#include "control/node.h"
#include "control/options.h"

namespace podwarp {

class Reloader {
 public:
  // `config` is what the node was started with. `node` outlives it.
  Reloader(const Options& options, const Config& config, Node* node)
      : options_(options), running_(config), node_(*node) {}

  // A file that can't be read, isn't right, or differs in what only a restart can change, leaves
  // everything as it was. The log says which, or what has changed.
  void Reload(absl::Time now);

 private:
  absl::StatusOr<Config> Read() const;

  const Options options_;
  Config running_;
  Node& node_;
};

}  // namespace podwarp
