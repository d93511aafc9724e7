// Keeps the node as it is to be: every change of the desired state goes through here, from the API
// or by a reload of the configuration file.
//
// A change is checked, made by the node, written to the disk, and then answered, in this order: who
// has an answer has a change that forwards frames and survives a SIGKILL. One that the node or the
// disk refuses leaves nothing behind.
//
// Thread rule: any thread but the control thread, which makes the changes; they take turns.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/control_loop.h"
#include "control/desired_state.h"
#include "control/node.h"
#include "control/options.h"
#include "control/state_store.h"

namespace podwarp {

class Reconciler {
 public:
  // `config` is what the node was started with. Without a store there is no API, and nothing to be
  // kept. `node` and `loop` outlive it.
  Reconciler(const Options& options, const Config& config, std::unique_ptr<StateStore> store,
             Node* node, ControlLoop* loop);

  // Has the node have what the store has. To be called once, before the loop runs, by its thread.
  // What can't be is hidden, and the log says why. Errors: the store can't be read.
  absl::Status Restore(absl::Time now);

  // Makes the API's edits in their order; each stands alone. What succeeded is on the disk when it
  // returns. Gives a result for each. Errors in them: those of DesiredState::Check(), Node::Apply()
  // and StateStore::Write(); Unavailable (podwarp is stopping).
  std::vector<EditResult> Apply(std::span<const Edit> edits);

  struct Reloaded {
    size_t changes = 0;
    std::vector<std::string> failed;  // "pod default/web-1 comes: why"; the next reload tries again
  };
  // Reads the configuration file anew; only the differences are applied. The log says what changed.
  // Errors: the file can't be read, isn't right, or differs in what only a restart can change.
  // Everything stays as it was then.
  absl::StatusOr<Reloaded> Reload();

  // `read(const DesiredState&)`, while nothing changes.
  template <typename Read>
  auto WithState(const Read& read) const {
    const std::lock_guard lock(mutex_);
    return read(state_);
  }

  // What was found wrong with the store at the start: sentences. Empty if nothing was.
  const std::vector<std::string>& store_notes() const { return store_notes_; }

 private:
  // What one edit came to.
  struct Step {
    size_t edit;
    DesiredState::Made made;
  };
  void MakeSome(std::span<const Edit> edits, size_t begin, size_t end,
                std::vector<EditResult>* results, std::vector<Step>* steps);
  absl::Status Write(std::span<const Edit> edits, const std::vector<Step>& steps);
  // Takes steps back that the node has made.
  void TakeBack(const std::vector<Step>& steps);
  void UndoInState(const DesiredState::Made& made);
  void LogHidden() const;
  // Has the node make the changes, and gives a status for each.
  std::vector<absl::Status> MakeOnNode(std::span<const Change* const> changes);

  const Options options_;
  const std::unique_ptr<StateStore> store_;
  Node& node_;
  ControlLoop& loop_;
  std::vector<std::string> store_notes_;

  mutable std::mutex mutex_;
  DesiredState state_;  // under mutex_, as are writes to the store
};

}  // namespace podwarp
