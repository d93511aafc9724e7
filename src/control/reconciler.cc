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

// Who it is of, as the log says.
std::string_view Sayer(Origin origin) {
  return origin == Origin::kKubernetes ? "Kubernetes" : "the API";
}

}  // namespace

Reconciler::Reconciler(const Options& options, const Config& config,
                       std::unique_ptr<StateStore> store, Node* node, ControlLoop* loop)
    : options_(options), store_(std::move(store)), node_(*node), loop_(*loop), state_(config) {}

absl::Status Reconciler::Restore(absl::Time now) {
  if (store_ == nullptr) return absl::OkStatus();
  absl::StatusOr<std::vector<StateStore::Unreadable>> unreadable =
      store_->Load([&](const Object& object) { state_.Restore(object, Origin::kApi); });
  if (!unreadable.ok()) return unreadable.status();
  for (StateStore::Unreadable& row : *unreadable) unreadable_[std::move(row.name)] = row.why;
  for (const std::string& note : StoreNotes()) LOG(WARNING) << note;
  while (state_.BringBack().has_value()) continue;  // of no matter yet to the node
  size_t restored = 0;
  std::vector<DesiredState::HiddenObject> refused;
  const auto restore = [&](const auto& entries) {
    for (const auto& [key, entry] : entries) {
      if (entry.origin != Origin::kApi) continue;
      const absl::Status status = node_.Apply({.before = std::nullopt, .after = entry.object}, now);
      if (status.ok()) {
        ++restored;
      } else {
        refused.push_back({entry.object, Origin::kApi, std::string(status.message()), ""});
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
  LogHidden(Origin::kApi);
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

void Reconciler::LogHidden(Origin origin) const {
  const std::vector<std::string> hidden = state_.ListHidden(origin, kMostLogged);
  for (const std::string& line : hidden) {
    LOG(WARNING) << "what " << Sayer(origin) << " said has no place: " << line;
  }
  if (const size_t all = state_.hidden(origin); all > hidden.size()) {
    LOG(WARNING) << "... and " << all - hidden.size() << " more";
  }
}

std::vector<EditResult> Reconciler::Apply(std::span<const Edit> edits) {
  const std::lock_guard lock(mutex_);
  return ApplyHeld(edits, Sayer(Origin::kApi));
}

std::vector<EditResult> Reconciler::ApplyHeld(std::span<const Edit> edits, std::string_view who) {
  std::vector<EditResult> results(edits.size());
  const std::vector<Step> steps = Make(edits, Origin::kApi, &results);
  const absl::Status written = Write(edits, steps);
  if (written.ok()) {
    Tell(steps, who);
  } else {
    TakeBack(steps);
    if (const auto left_out = log_limit_.Take("state file", ControlLoop::Now())) {
      LOG(ERROR) << "what " << who
                 << " wanted could not be kept, and is taken back: " << written.message()
                 << LeftOut(*left_out);
    }
  }
  for (const Step& step : steps) {
    if (written.ok()) {
      unreadable_.erase(NameOf(edits[step.edit].kind, edits[step.edit].key));
    } else {
      results[step.edit].status = written;
      results[step.edit].before.reset();
    }
  }
  BringBack();
  return results;
}

std::vector<EditResult> Reconciler::ApplyKubernetes(std::span<const Edit> edits) {
  std::vector<EditResult> results(edits.size());
  const std::lock_guard lock(mutex_);
  const std::vector<Step> steps = Make(edits, Origin::kKubernetes, &results);
  Tell(steps, Sayer(Origin::kKubernetes));
  VLOG(2) << "Kubernetes: " << edits.size() << " edit(s), of which " << steps.size()
          << " changed something";
  BringBack();
  size_t logged = 0;
  for (size_t i = 0; i < steps.size() && logged < kMostLogged; ++i) {
    const Edit& edit = edits[steps[i].edit];
    const std::optional<DesiredState::Listed> there = state_.Find(edit.kind, edit.key);
    if (!there.has_value() || there->why_hidden.empty()) continue;
    const std::string name = NameOf(edit.kind, edit.key);
    const auto left_out = log_limit_.Take(name, ControlLoop::Now());
    if (!left_out.has_value()) continue;
    LOG(WARNING) << "what Kubernetes said has no place: " << name << ": " << there->why_hidden
                 << LeftOut(*left_out);
    ++logged;
  }
  return results;
}

absl::Status Reconciler::MovePod(const std::string& pod,
                                 const std::vector<Ipv4Address>& addresses) {
  if (addresses.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("pod ", pod, ": there is no address to have"));
  }
  const std::lock_guard lock(mutex_);
  const std::optional<DesiredState::Listed> there = state_.Find(ObjectKind::kPod, pod);
  if (!there.has_value() || there->origin != Origin::kApi) return absl::OkStatus();
  PodConfig moved = std::get<PodConfig>(there->object);
  if (std::is_permutation(moved.addresses.begin(), moved.addresses.end(), addresses.begin(),
                          addresses.end())) {
    return absl::OkStatus();
  }
  moved.addresses = addresses;
  const Edit edit{.kind = ObjectKind::kPod, .key = pod, .object = std::move(moved)};
  return ApplyHeld({&edit, 1}, Sayer(Origin::kKubernetes))[0].status;
}

std::vector<Reconciler::Step> Reconciler::Make(std::span<const Edit> edits, Origin origin,
                                               std::vector<EditResult>* results) {
  std::vector<Step> steps;
  for (size_t i = 0; i < edits.size();) {
    i = MakeSome(edits, origin, i, std::min(i + kAtOnce, edits.size()), results, &steps);
  }
  return steps;
}

size_t Reconciler::MakeSome(std::span<const Edit> edits, Origin origin, size_t begin, size_t end,
                            std::vector<EditResult>* results, std::vector<Step>* steps) {
  std::vector<Step> some;
  std::vector<const Change*> changes;
  std::vector<size_t> step_of;  // each change
  for (size_t i = begin; i < end; ++i) {
    EditResult& result = (*results)[i];
    DesiredState::Made made;
    if (origin == Origin::kApi) {
      result.status = state_.Check(edits[i]);
      if (!result.status.ok()) continue;
      made = state_.Make(edits[i]);
    } else {
      result.status = MakeKubernetes(edits[i], &made);
      if (!result.status.ok()) continue;
    }
    result.outcome = made.outcome;
    if (made.is_other || IsUnreadable(edits[i])) some.push_back({i, std::move(made)});
  }
  for (size_t k = 0; k < some.size(); ++k) {
    for (const Change& change : some[k].made.changes) {
      changes.push_back(&change);
      step_of.push_back(k);
    }
  }
  const Progress progress = MakeOnNode(changes);
  if (!progress.refusal.ok()) {
    const size_t refused = step_of[progress.made];
    // What came after the refused one was checked as if it were there: it is looked at again.
    for (size_t k = some.size(); k-- > refused;) state_.Undo(some[k].made);
    const size_t first =
        static_cast<size_t>(std::find(step_of.begin(), step_of.end(), refused) - step_of.begin());
    TakeBackOnNode(std::span(some[refused].made.changes).first(progress.made - first));
    end = some[refused].edit + 1;
    (*results)[end - 1].status = progress.refusal;
    some.resize(refused);
  }
  for (Step& step : some) {
    (*results)[step.edit].before = step.made.before;
    steps->push_back(std::move(step));
  }
  return end;
}

absl::Status Reconciler::MakeKubernetes(const Edit& edit, DesiredState::Made* made) {
  if (edit.kind == ObjectKind::kPod) {
    return absl::InvalidArgumentError(
        absl::StrCat("pod ", edit.key, ": pods come from the file or through the API"));
  }
  Edit whole = edit;
  if (whole.object.has_value()) {
    const ObjectDefaults defaults = DefaultsOf(state_.settings());
    std::visit([&](auto& object) { FillDefaults(defaults, &object); }, *whole.object);
  }
  *made = state_.MakeKubernetes(whole);
  return absl::OkStatus();
}

absl::Status Reconciler::MakeWhole(const DesiredState::Made& made) {
  std::vector<const Change*> changes;
  for (const Change& change : made.changes) changes.push_back(&change);
  const Progress progress = MakeOnNode(changes);
  if (!progress.refusal.ok()) {
    TakeBackOnNode(std::span(made.changes).first(progress.made));
  }
  return progress.refusal;
}

void Reconciler::BringBack() {
  while (std::optional<DesiredState::Returned> returned = state_.BringBack()) {
    const absl::Status status = MakeWhole(returned->made);
    if (status.ok()) {
      for (const Change& change : returned->made.changes) {
        change_log_.Tell(change, Sayer(returned->object.origin), ControlLoop::Now());
      }
      continue;
    }
    state_.Undo(returned->made);
    DesiredState::HiddenObject& hidden = returned->object;
    hidden.why = std::string(status.message());
    hidden.waits_for.clear();
    state_.Hide(hidden);
    const std::string name = NameOf(KindOf(hidden.object), KeyOf(hidden.object));
    if (const auto left_out = log_limit_.Take(name, ControlLoop::Now())) {
      LOG(ERROR) << Sayer(hidden.origin) << ": " << name << " can't come back: " << hidden.why
                 << LeftOut(*left_out);
    }
  }
}

void Reconciler::Tell(const std::vector<Step>& steps, std::string_view who) {
  for (const Step& step : steps) {
    for (const Change& change : step.made.changes) {
      change_log_.Tell(change, who, ControlLoop::Now());
    }
  }
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
    state_.Undo(steps[i].made);
    TakeBackOnNode(steps[i].made.changes);
  }
}

void Reconciler::TakeBackOnNode(std::span<const Change> changes) {
  for (size_t i = changes.size(); i-- > 0;) {
    const Change reverse = Reverse(changes[i]);
    const Change* const only[] = {&reverse};
    const absl::Status status = MakeOnNode(only).refusal;
    LOG_IF(ERROR, !status.ok()) << Describe(changes[i])
                                << " could not be taken back: " << status.message();
  }
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
    for (size_t k = 0; k < progress.made; ++k) {
      change_log_.Tell(*some[k], "reload", ControlLoop::Now());
    }
    i += progress.made;
    if (progress.refusal.ok()) continue;
    TakeRefusalOfReload(changes[i], progress.refusal, before, &reloaded);
    ++i;
  }
  BringBack();  // what a refusal has made room for
  LogHidden(Origin::kApi);
  LogHidden(Origin::kKubernetes);
  LOG(INFO) << "reload: " << reloaded.changes << " object(s) changed"
            << (reloaded.failed.empty()
                    ? ""
                    : absl::StrCat(", ", reloaded.failed.size(), " of them in vain"));
  return reloaded;
}

// What was there before is there still; an object that was to come is hidden, unless it is the
// file's.
void Reconciler::TakeRefusalOfReload(const Change& change, const absl::Status& refusal,
                                     const DesiredState& before, Reloaded* reloaded) {
  const std::string why(refusal.message());
  const auto origin_in = [](const DesiredState& state, const std::optional<Object>& object) {
    if (!object.has_value()) return Origin::kFile;
    return state.Find(KindOf(*object), KeyOf(*object)).value().origin;
  };
  const Origin coming = origin_in(state_, change.after);
  state_.Undo(change, origin_in(before, change.before));
  if (coming != Origin::kFile) state_.Hide({*change.after, coming, why, ""});
  reloaded->failed.push_back(absl::StrCat(Describe(change), ": ", why));
  LOG(ERROR) << "reload: " << reloaded->failed.back();
}

}  // namespace podwarp
