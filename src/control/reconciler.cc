#include "control/reconciler.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/changes.h"

namespace podwarp {
namespace {

// As many changes as the control thread makes before it sees to its other duties: tens of
// microseconds of routes, some 50 ms of pods' taps.
constexpr size_t kAtOnce = 64;
constexpr size_t kMostLogged = 20;

Change Reverse(const Change& change) { return {.before = change.after, .after = change.before}; }

EditResult::Outcome OutcomeOf(const DesiredState::Made& made, bool is_put) {
  using Outcome = EditResult::Outcome;
  if (!made.change.has_value())
    return made.hidden.has_value() ? Outcome::kDeleted
           : is_put                ? Outcome::kUnchanged
                                   : Outcome::kAbsent;
  if (!made.change->after.has_value()) return Outcome::kDeleted;
  return made.change->before.has_value() ? Outcome::kChanged : Outcome::kCreated;
}

}  // namespace

Reconciler::Reconciler(const Options& options, const Config& config,
                       std::unique_ptr<StateStore> store, Node* node, ControlLoop* loop)
    : options_(options), store_(std::move(store)), node_(*node), loop_(*loop), state_(config) {}

absl::Status Reconciler::Restore(absl::Time now) {
  if (store_ == nullptr) return absl::OkStatus();
  if (!store_->set_aside().empty()) store_notes_.push_back(store_->set_aside());
  const absl::StatusOr<std::vector<std::string>> unreadable =
      store_->Load([&](const Object& object) { state_.Restore(object); });
  if (!unreadable.ok()) return unreadable.status();
  for (const std::string& what : *unreadable) {
    store_notes_.push_back(absl::StrCat("kept in the state file, but not understood: ", what));
  }
  for (const std::string& note : store_notes_) LOG(WARNING) << note;
  size_t restored = 0;
  std::vector<std::pair<Object, std::string>> refused;  // by the node, and why
  const auto restore = [&](const auto& entries) {
    for (const auto& [key, entry] : entries) {
      if (entry.origin != Origin::kApi) continue;
      const absl::Status status = node_.Apply({.before = std::nullopt, .after = entry.object}, now);
      if (status.ok()) {
        ++restored;
      } else {
        refused.emplace_back(entry.object, std::string(status.message()));
      }
    }
  };
  restore(state_.entries<RemoteNodeConfig>());
  restore(state_.entries<RouteConfig>());
  restore(state_.entries<PodConfig>());
  for (const auto& [object, why] : refused) state_.Hide(object, why);
  LogHidden();
  if (restored > 0) LOG(INFO) << restored << " object(s) of the state file are there again";
  return absl::OkStatus();
}

void Reconciler::LogHidden() const {
  const std::vector<std::string> hidden = state_.ListHidden(kMostLogged);
  for (const std::string& line : hidden) {
    LOG(WARNING) << "what the API said has no place: " << line;
  }
  if (state_.hidden() > hidden.size()) {
    LOG(WARNING) << "... and " << state_.hidden() - hidden.size() << " more";
  }
}

std::vector<EditResult> Reconciler::Apply(std::span<const Edit> edits) {
  std::vector<EditResult> results(edits.size());
  std::vector<Step> steps;
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < edits.size(); i += kAtOnce) {
    MakeSome(edits, i, std::min(i + kAtOnce, edits.size()), &results, &steps);
  }
  const absl::Status written = Write(edits, steps);
  if (!written.ok()) TakeBack(steps);
  for (Step& step : steps) {
    EditResult& result = results[step.edit];
    result.status = written;
    if (!written.ok()) continue;
    result.outcome = OutcomeOf(step.made, edits[step.edit].object.has_value());
    result.before =
        std::move(step.made.change.has_value() ? step.made.change->before : step.made.hidden);
  }
  return results;
}

void Reconciler::MakeSome(std::span<const Edit> edits, size_t begin, size_t end,
                          std::vector<EditResult>* results, std::vector<Step>* steps) {
  std::vector<Step> some;
  for (size_t i = begin; i < end; ++i) {
    EditResult& result = (*results)[i];
    result.status = state_.Check(edits[i]);
    if (!result.status.ok()) continue;
    DesiredState::Made made = state_.Make(edits[i]);
    if (made.change.has_value() || made.hidden.has_value()) {
      some.push_back({.edit = i, .made = std::move(made)});
    } else {
      result.outcome = OutcomeOf(made, edits[i].object.has_value());
    }
  }
  std::vector<const Change*> changes;
  for (const Step& step : some) {
    changes.push_back(step.made.change.has_value() ? &*step.made.change : nullptr);
  }
  const std::vector<absl::Status> statuses = MakeOnNode(changes);
  for (size_t k = some.size(); k-- > 0;) {  // the last first: it may build on those before it
    if (statuses[k].ok()) continue;
    UndoInState(some[k].made);
    (*results)[some[k].edit].status = statuses[k];
  }
  for (size_t k = 0; k < some.size(); ++k) {
    if (statuses[k].ok()) steps->push_back(std::move(some[k]));
  }
}

std::vector<absl::Status> Reconciler::MakeOnNode(std::span<const Change* const> changes) {
  std::vector<absl::Status> statuses(changes.size(), absl::UnavailableError("podwarp is stopping"));
  if (changes.empty()) return statuses;
  loop_.Call([&] {
    const absl::Time now = ControlLoop::Now();
    for (size_t i = 0; i < changes.size(); ++i) {
      statuses[i] = changes[i] == nullptr ? absl::OkStatus() : node_.Apply(*changes[i], now);
    }
  });
  return statuses;
}

absl::Status Reconciler::Write(std::span<const Edit> edits, const std::vector<Step>& steps) {
  if (steps.size() == edits.size()) return store_->Write(edits);
  std::vector<Edit> made;
  for (const Step& step : steps) made.push_back(edits[step.edit]);
  return store_->Write(made);
}

void Reconciler::TakeBack(const std::vector<Step>& steps) {
  for (size_t i = steps.size(); i-- > 0;) {
    const DesiredState::Made& made = steps[i].made;
    UndoInState(made);
    if (!made.change.has_value()) continue;
    const Change reverse = Reverse(*made.change);
    const Change* const only[] = {&reverse};
    const absl::Status status = MakeOnNode(only)[0];
    LOG_IF(ERROR, !status.ok()) << Describe(*made.change)
                                << " could not be taken back: " << status.message();
  }
}

void Reconciler::UndoInState(const DesiredState::Made& made) {
  if (made.change.has_value()) state_.Undo(*made.change, Origin::kApi);
  if (made.hidden.has_value()) state_.Restore(*made.hidden);
}

absl::StatusOr<Reconciler::Reloaded> Reconciler::Reload() {
  const absl::StatusOr<Config> read = LoadConfig(options_.config, options_.overrides);
  const std::lock_guard lock(mutex_);
  absl::Status status = read.status();
  if (status.ok()) status = CheckReloadable(state_.settings(), *read);
  if (!status.ok()) {
    LOG(ERROR) << "reload: everything stays as it was: " << status.message();
    return status;
  }
  DesiredState next(*read, state_);
  const std::vector<Change> changes = ChangesBetween(state_, next);
  const DesiredState before = std::exchange(state_, std::move(next));
  if (read->hairpin_mode != before.settings().hairpin_mode) {
    LOG(INFO) << "reload: hairpin mode " << ToString(read->hairpin_mode);
    loop_.Call([&] { node_.SetHairpinMode(read->hairpin_mode); });
  }
  Reloaded reloaded{.changes = changes.size(), .failed = {}};
  for (size_t i = 0; i < changes.size(); i += kAtOnce) {
    std::vector<const Change*> some;
    for (size_t k = i; k < std::min(i + kAtOnce, changes.size()); ++k) some.push_back(&changes[k]);
    const std::vector<absl::Status> statuses = MakeOnNode(some);
    for (size_t k = 0; k < some.size(); ++k) {
      VLOG(1) << "reload: " << Describe(*some[k]);
      if (statuses[k].ok()) continue;
      const std::optional<DesiredState::Listed> old =
          some[k]->before.has_value()
              ? before.Find(KindOf(*some[k]->before), KeyOf(*some[k]->before))
              : std::nullopt;
      state_.Undo(*some[k], old.has_value() ? old->origin : Origin::kFile);
      reloaded.failed.push_back(
          absl::StrCat(Describe(*some[k]), ": ", std::string(statuses[k].message())));
      LOG(ERROR) << "reload: " << reloaded.failed.back();
    }
  }
  LogHidden();
  LOG(INFO) << "reload: " << reloaded.changes << " object(s) changed"
            << (reloaded.failed.empty()
                    ? ""
                    : absl::StrCat(", ", reloaded.failed.size(), " of them in vain"));
  return reloaded;
}

}  // namespace podwarp
