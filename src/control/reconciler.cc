#include "control/reconciler.h"

#include <glog/logging.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/changes.h"

namespace podwarp {
namespace {

// Changes that are checked, and then made, together: a wake-up of the control thread is little
// beside so many.
constexpr size_t kAtOnce = 64;
// For so long the control thread makes changes before it sees to its other duties. A route takes a
// microsecond, a tap one millisecond to come and twenty to go.
constexpr absl::Duration kTurn = absl::Milliseconds(5);
constexpr size_t kMostLogged = 20;

Change Reverse(const Change& change) { return {.before = change.after, .after = change.before}; }

EditResult::Outcome OutcomeOf(const DesiredState::Made& made, const Edit& edit) {
  using Outcome = EditResult::Outcome;
  const bool is_put = edit.object.has_value();
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
  absl::StatusOr<std::vector<StateStore::Unreadable>> unreadable =
      store_->Load([&](const Object& object) { state_.Restore(object); });
  if (!unreadable.ok()) return unreadable.status();
  for (StateStore::Unreadable& row : *unreadable) unreadable_[std::move(row.name)] = row.why;
  for (const std::string& note : StoreNotes()) LOG(WARNING) << note;
  size_t restored = 0;
  std::vector<DesiredState::HiddenObject> refused;
  const auto restore = [&](const auto& entries) {
    for (const auto& [key, entry] : entries) {
      if (entry.origin != Origin::kApi) continue;
      const absl::Status status = node_.Apply({.before = std::nullopt, .after = entry.object}, now);
      if (status.ok()) {
        ++restored;
      } else {
        refused.push_back({entry.object, std::string(status.message())});
      }
    }
  };
  restore(state_.entries<RemoteNodeConfig>());
  restore(state_.entries<RouteConfig>());
  restore(state_.entries<PodConfig>());
  restore(state_.entries<ServiceConfig>());
  for (const DesiredState::HiddenObject& hidden : refused) {
    state_.Undo({.before = std::nullopt, .after = hidden.object}, Origin::kApi);
    state_.Hide(hidden);
  }
  LogHidden();
  if (restored > 0) LOG(INFO) << restored << " object(s) of the state file are there again";
  return absl::OkStatus();
}

std::vector<std::string> Reconciler::StoreNotes() const {
  std::vector<std::string> notes;
  if (store_ != nullptr && !store_->set_aside().empty()) notes.push_back(store_->set_aside());
  for (const auto& [name, why] : unreadable_) {
    notes.push_back(absl::StrCat("kept in the state file, but not understood: ", name, ": ", why));
  }
  return notes;
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
  for (size_t i = 0; i < edits.size();) {
    i = MakeSome(edits, i, std::min(i + kAtOnce, edits.size()), &results, &steps);
  }
  const absl::Status written = Write(edits, steps);
  if (!written.ok()) TakeBack(steps);
  for (Step& step : steps) {
    EditResult& result = results[step.edit];
    result.status = written;
    if (!written.ok()) continue;
    result.outcome = OutcomeOf(step.made, edits[step.edit]);
    if (step.made.change.has_value()) {
      result.before = std::move(step.made.change->before);
    } else if (step.made.hidden.has_value()) {
      result.before = std::move(step.made.hidden->object);
    }
    unreadable_.erase(NameOf(edits[step.edit].kind, edits[step.edit].key));
  }
  return results;
}

size_t Reconciler::MakeSome(std::span<const Edit> edits, size_t begin, size_t end,
                            std::vector<EditResult>* results, std::vector<Step>* steps) {
  std::vector<Step> some;
  for (size_t i = begin; i < end; ++i) {
    EditResult& result = (*results)[i];
    result.status = state_.Check(edits[i]);
    if (!result.status.ok()) continue;
    DesiredState::Made made = state_.Make(edits[i]);
    if (made.change.has_value() || made.hidden.has_value() || IsUnreadable(edits[i])) {
      some.push_back({.edit = i, .made = std::move(made)});
    } else {
      result.outcome = OutcomeOf(made, edits[i]);
    }
  }
  std::vector<const Change*> changes;
  for (const Step& step : some) {
    changes.push_back(step.made.change.has_value() ? &*step.made.change : nullptr);
  }
  const Progress progress = MakeOnNode(changes);
  // What came after the refused one was checked as if it were there: it is looked at again.
  for (size_t k = some.size(); k-- > progress.made;) UndoInState(some[k].made);
  if (progress.made < some.size()) {
    end = some[progress.made].edit + 1;
    (*results)[end - 1].status = progress.refusal;
    some.resize(progress.made);
  }
  std::move(some.begin(), some.end(), std::back_inserter(*steps));
  return end;
}

bool Reconciler::IsUnreadable(const Edit& edit) const {
  return !unreadable_.empty() && unreadable_.contains(NameOf(edit.kind, edit.key));
}

Reconciler::Progress Reconciler::MakeOnNode(std::span<const Change* const> changes) {
  Progress progress;
  const auto take_a_turn = [&] {
    const absl::Time start = ControlLoop::Now();
    absl::Time now = start;
    while (progress.made < changes.size() && now - start < kTurn) {
      const Change* const change = changes[progress.made];
      if (change != nullptr) progress.refusal = node_.Apply(*change, now);
      if (!progress.refusal.ok()) return;
      ++progress.made;
      now = ControlLoop::Now();
    }
  };
  while (progress.made < changes.size() && progress.refusal.ok()) {
    if (!loop_.Call(take_a_turn)) progress.refusal = absl::UnavailableError("podwarp is stopping");
  }
  return progress;
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
    const absl::Status status = MakeOnNode(only).refusal;
    LOG_IF(ERROR, !status.ok()) << Describe(*made.change)
                                << " could not be taken back: " << status.message();
  }
}

void Reconciler::UndoInState(const DesiredState::Made& made) {
  if (made.change.has_value()) state_.Undo(*made.change, Origin::kApi);
  if (made.hidden.has_value()) state_.Hide(*made.hidden);
}

absl::StatusOr<Reconciler::Reloaded> Reconciler::Reload() {
  const std::lock_guard reload_lock(reload_mutex_);
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
  for (size_t i = 0; i < changes.size();) {
    std::vector<const Change*> some;
    for (size_t k = i; k < std::min(i + kAtOnce, changes.size()); ++k) some.push_back(&changes[k]);
    const Progress progress = MakeOnNode(some);
    i += progress.made;
    if (progress.refusal.ok()) continue;
    TakeRefusalOfReload(changes[i], progress.refusal, before, &reloaded);
    ++i;
  }
  LogHidden();
  LOG(INFO) << "reload: " << reloaded.changes << " object(s) changed"
            << (reloaded.failed.empty()
                    ? ""
                    : absl::StrCat(", ", reloaded.failed.size(), " of them in vain"));
  return reloaded;
}

// What was there before is there still; an object of the API that was to come is hidden.
void Reconciler::TakeRefusalOfReload(const Change& change, const absl::Status& refusal,
                                     const DesiredState& before, Reloaded* reloaded) {
  const std::string why(refusal.message());
  const auto origin_in = [](const DesiredState& state, const std::optional<Object>& object) {
    if (!object.has_value()) return Origin::kFile;
    return state.Find(KindOf(*object), KeyOf(*object)).value().origin;
  };
  const Origin coming = origin_in(state_, change.after);
  state_.Undo(change, origin_in(before, change.before));
  if (coming == Origin::kApi) state_.Hide({*change.after, why});
  reloaded->failed.push_back(absl::StrCat(Describe(change), ": ", why));
  LOG(ERROR) << "reload: " << reloaded->failed.back();
}

}  // namespace podwarp
