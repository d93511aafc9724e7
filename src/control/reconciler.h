// Keeps the node as it is to be: every change of the desired state goes through here, from the API,
// from Kubernetes, or by a reload of the configuration file.
//
// A change is checked, made by the node, written to the disk, and then answered, in this order: who
// has an answer has a change that forwards frames and survives a SIGKILL. One that the node refuses
// leaves nothing behind. One that the disk refuses is taken back: a container whose pod was to go
// has its address again, on a new interface. What Kubernetes says isn't written: it says it again.
//
// Thread rule: any thread but the control thread, which makes the changes; they take turns.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/change_log.h"
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

  // Makes Kubernetes' edits of nodes, routes and services in their order; defaults are filled in.
  // What can't be there for now, for what DesiredState says, is hidden, with an OK: it needs no
  // second attempt. Errors in the results, with nothing changed: InvalidArgument (a pod), those of
  // Node::Apply(), Unavailable (podwarp is stopping).
  std::vector<EditResult> ApplyKubernetes(std::span<const Edit> edits);
  // Kubernetes says that this pod has these addresses. One of the API gets them, as if by the API;
  // one of the file has what the file says; OK if there is none. Errors: those of Apply(),
  // InvalidArgument (no address).
  absl::Status MovePod(const std::string& pod, const std::vector<Ipv4Address>& addresses);

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

  // What is wrong with the store: sentences. Empty if nothing is. To be called by a `read`.
  std::vector<std::string> StoreNotes() const;

 private:
  // What one edit came to.
  struct Step {
    size_t edit;
    DesiredState::Made made;
  };
  // REQUIRES: mutex_ is held, here and in what follows.
  // `who` wants them: for the log.
  std::vector<EditResult> ApplyHeld(std::span<const Edit> edits, std::string_view who);
  // Makes edits of the API or of Kubernetes. Gives those that changed something.
  std::vector<Step> Make(std::span<const Edit> edits, Origin origin,
                         std::vector<EditResult>* results);
  // Those from `begin` on, up to `end` or the first that the node refuses. Returns where to go on.
  size_t MakeSome(std::span<const Edit> edits, Origin origin, size_t begin, size_t end,
                  std::vector<EditResult>* results, std::vector<Step>* steps);
  absl::Status MakeKubernetes(const Edit& edit, DesiredState::Made* made);
  // Has the node make all of it or, with an error, nothing.
  absl::Status MakeWhole(const DesiredState::Made& made);
  // Has the node have what there is room for again.
  void BringBack();
  absl::Status Write(std::span<const Edit> edits, const std::vector<Step>& steps);
  // Takes steps back that the node has made.
  void TakeBack(const std::vector<Step>& steps);
  void TakeBackOnNode(std::span<const Change> changes);
  void LogHidden(Origin origin) const;
  void Tell(const std::vector<Step>& steps, std::string_view who);
  // Has the node make the changes, up to the first that it refuses; a null is none.
  struct Progress {
    size_t made = 0;
    absl::Status refusal;  // of the next one; OK if all were made
  };
  Progress MakeOnNode(std::span<const Change* const> changes);
  void TakeRefusalOfReload(const Change& change, const absl::Status& refusal,
                           const DesiredState& before, Reloaded* reloaded);
  // What the store has of this edit's object, and nobody understands, ends with it.
  bool IsUnreadable(const Edit& edit) const;

  const Options options_;
  const std::unique_ptr<StateStore> store_;
  Node& node_;
  ControlLoop& loop_;

  std::mutex reload_mutex_;  // before mutex_: the file read last is the one followed
  mutable std::mutex mutex_;
  DesiredState state_;  // under mutex_, as are writes to the store, and
  // what is in the store, but can't be read: "pod default/web-1", and why.
  std::map<std::string, std::string> unreadable_;
  ChangeLog change_log_;
  // Of what has no place, or could not be written: an object can be given as often as one likes.
  LogLimit log_limit_{{.burst = 3}};
};

}  // namespace podwarp
