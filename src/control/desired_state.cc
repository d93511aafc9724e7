// DesiredState: that something is there, or hidden.
#include "control/desired_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "control/desired_kinds.h"

namespace podwarp {
namespace {

template <typename T>
absl::Status NowTakenBy(const T& object) {
  return absl::AlreadyExistsError(absl::StrCat(NameFor(object), " of the API has its place"));
}

}  // namespace

DesiredState::DesiredState(const Config& config) : settings_(SettingsOf(config)) {
  for (Claim& claim : ClaimsOfSettings(config)) {
    holders_.try_emplace(std::move(claim.id), Holder{std::nullopt, std::move(claim.key)});
  }
  for (const Ipv4Prefix& range : config.node_pod_ranges) {
    ranges_.emplace(range, Holder{std::nullopt, "node_pod_ranges"});
  }
  for (const RemoteNodeConfig& node : config.nodes) Put(node, Origin::kFile);
  for (const RouteConfig& route : config.routes) Put(route, Origin::kFile);
  for (const PodConfig& pod : config.pods) Put(pod, Origin::kFile);
  for (const ServiceConfig& service : config.services) Put(service, Origin::kFile);
}

DesiredState::DesiredState(const Config& config, const DesiredState& other) : DesiredState(config) {
  // What works goes on working: what was hidden comes after it.
  const auto restore = [&]<typename T>(const Kind<T>& objects) {
    for (const Origin origin : {Origin::kApi, Origin::kKubernetes}) {
      for (const auto& [key, entry] : objects.entries) {
        if (entry.origin == origin) Restore(entry.object, origin);
      }
    }
    for (const Origin origin : {Origin::kApi, Origin::kKubernetes}) {
      for (const auto& [key, hidden] : objects.hidden) {
        if (key.second == origin) Restore(hidden.object, origin);
      }
    }
  };
  restore(other.Of<RemoteNodeConfig>());
  restore(other.Of<RouteConfig>());
  restore(other.Of<PodConfig>());
  restore(other.Of<ServiceConfig>());
  while (BringBack().has_value()) continue;
}

void DesiredState::Restore(const Object& object, Origin origin) {
  std::visit(
      [&]<typename T>(const T& o) {
        const Verdict verdict = CheckPut(o, origin);
        if (verdict.status.ok()) {
          MakePut(o, origin);
        } else {
          Hide({o, origin, std::string(verdict.status.message()), verdict.waits_for});
        }
      },
      object);
}

// --- What an edit comes to. ---

DesiredState::Made DesiredState::Make(const Edit& edit) {
  return WithKind(edit.kind, [&]<typename T>(std::type_identity<T>) {
    if (edit.object.has_value()) return MakePut(std::get<T>(*edit.object), Origin::kApi);
    const std::optional<Key<T>> key = ToKey<Key<T>>(edit.key);
    return key.has_value() ? MakeDelete<T>(*key, Origin::kApi)
                           : Made{.outcome = EditResult::Outcome::kAbsent};
  });
}

DesiredState::Made DesiredState::MakeKubernetes(const Edit& edit) {
  return WithKind(edit.kind, [&]<typename T>(std::type_identity<T>) {
    const std::optional<Key<T>> key = ToKey<Key<T>>(edit.key);
    if (!key.has_value()) return Made{.outcome = EditResult::Outcome::kAbsent};
    if (!edit.object.has_value()) return MakeDelete<T>(*key, Origin::kKubernetes);
    const T& object = std::get<T>(*edit.object);
    const Verdict verdict = CheckPut(object, Origin::kKubernetes);
    if (verdict.status.ok()) return MakePut(object, Origin::kKubernetes);
    Made made = MakeDelete<T>(*key, Origin::kKubernetes);
    const bool is_same = made.before == Object(object) && made.changes.empty();
    made.outcome = !made.before.has_value() ? EditResult::Outcome::kCreated
                   : is_same                ? EditResult::Outcome::kUnchanged
                                            : EditResult::Outcome::kChanged;
    HideNoted(object, Origin::kKubernetes, verdict, &made);
    return made;
  });
}

template <typename T>
DesiredState::Made DesiredState::MakePut(const T& object, Origin origin) {
  using Outcome = EditResult::Outcome;
  Made made;
  const Key<T> key = KeyFor(object);
  TakeHidden<T>(key, origin, &made);
  // Nothing comes after Kubernetes.
  if (origin == Origin::kApi && of_kubernetes_ > 0) {
    const Verdict why = {NowTakenBy(object), NameFor(object)};
    for (const Holder& holder : ThoseInTheWay(object)) Displace(holder, why, &made);
  }
  made.outcome = Outcome::kCreated;
  const auto there = entries<T>().find(key);
  if (there != entries<T>().end()) {
    if (there->second.origin == origin) {
      const bool is_same = there->second.object == object;
      made.outcome = is_same ? Outcome::kUnchanged : Outcome::kChanged;
      if (!is_same) made.before = there->second.object;
    } else {
      const T displaced = there->second.object;
      HideNoted(displaced, there->second.origin, {NowTakenBy(object), NameFor(object)}, &made);
    }
  }
  PutNoted(object, origin, &made);
  return made;
}

template <typename T>
DesiredState::Made DesiredState::MakeDelete(const Key<T>& key, Origin origin) {
  Made made{.outcome = EditResult::Outcome::kAbsent};
  made.before = TakeHidden<T>(key, origin, &made);
  if (made.before.has_value()) made.outcome = EditResult::Outcome::kDeleted;
  const auto there = Of<T>().entries.find(key);
  if (there == Of<T>().entries.end() || there->second.origin != origin) return made;
  made.outcome = EditResult::Outcome::kDeleted;
  made.before = there->second.object;
  // Kubernetes' of the same key takes over, if it may, and no packet sees that one went.
  const auto hidden = Of<T>().hidden.find({key, Origin::kKubernetes});
  if (origin == Origin::kApi && hidden != Of<T>().hidden.end()) {
    there->second.origin = Origin::kKubernetes;  // as if it were its own that changes
    const bool may = CheckPut(hidden->second.object, Origin::kKubernetes).status.ok();
    there->second.origin = origin;
    if (may) {
      const T successor = hidden->second.object;
      TakeHidden<T>(key, Origin::kKubernetes, &made);
      PutNoted(successor, Origin::kKubernetes, &made);
      return made;
    }
  }
  if constexpr (std::is_same_v<T, RemoteNodeConfig>) DisplaceRoutesTo(key, &made);
  RemoveNoted<T>(key, &made);
  return made;
}

std::optional<DesiredState::Returned> DesiredState::BringBack() {
  while (!due_.empty()) {
    const HiddenId id = due_.extract(due_.begin()).value();
    std::optional<Returned> returned;
    WithKind(id.kind, [&]<typename T>(std::type_identity<T>) {
      const auto found = Of<T>().hidden.find({*ToKey<Key<T>>(id.key), id.origin});
      if (found == Of<T>().hidden.end()) return;
      const Hidden<T> hidden = found->second;
      const Verdict verdict = CheckPut(hidden.object, id.origin);
      if (verdict.status.ok()) {
        returned = Returned{MakePut(hidden.object, id.origin),
                            {hidden.object, id.origin, hidden.why, hidden.waits_for}};
      } else {
        Hide({hidden.object, id.origin, std::string(verdict.status.message()), verdict.waits_for});
      }
    });
    if (returned.has_value()) return returned;
  }
  return std::nullopt;
}

void DesiredState::Displace(const Holder& holder, const Verdict& why, Made* made) {
  WithKind(*holder.kind, [&]<typename T>(std::type_identity<T>) {
    const Key<T> key = *ToKey<Key<T>>(holder.key);
    const auto there = entries<T>().find(key);
    if (there == entries<T>().end()) return;  // a route that went with its node
    const T object = there->second.object;
    const Origin origin = there->second.origin;
    if constexpr (std::is_same_v<T, RemoteNodeConfig>) DisplaceRoutesTo(key, made);
    RemoveNoted<T>(key, made);
    HideNoted(object, origin, why, made);
  });
}

void DesiredState::DisplaceRoutesTo(const std::string& node, Made* made) {
  if (!routes_to_.contains(node)) return;
  std::vector<Entry<RouteConfig>> routes;
  for (const auto& [prefix, entry] : entries<RouteConfig>()) {
    if (entry.object.node == node) routes.push_back(entry);
  }
  const Verdict why = {
      absl::FailedPreconditionError(absl::StrCat("node: no node is called '", node, "'")),
      NameOf(ObjectKind::kNode, node)};
  for (const Entry<RouteConfig>& route : routes) {
    RemoveNoted<RouteConfig>(route.object.prefix, made);
    HideNoted(route.object, route.origin, why, made);
  }
}

// --- Single steps, and the way back. ---

template <typename T>
void DesiredState::PutNoted(const T& object, Origin origin, Made* made) {
  Made::EntryMove move{.before = std::nullopt, .after = object};
  const auto there = entries<T>().find(KeyFor(object));
  bool is_same = false;
  if (there != entries<T>().end()) {
    is_same = there->second.object == object;
    if (is_same && there->second.origin == origin) return;
    move.before = there->second.object;
    move.origin_before = there->second.origin;
  }
  Put(object, origin);
  if (!is_same) made->changes.push_back({.before = move.before, .after = move.after});
  made->moves.emplace_back(std::move(move));
  made->is_other = true;
}

template <typename T>
void DesiredState::RemoveNoted(const Key<T>& key, Made* made) {
  const Entry<T>& entry = entries<T>().at(key);
  Made::EntryMove move{
      .before = entry.object, .after = std::nullopt, .origin_before = entry.origin};
  Remove<T>(key);
  made->changes.push_back({.before = move.before, .after = std::nullopt});
  made->moves.emplace_back(std::move(move));
  made->is_other = true;
}

template <typename T>
void DesiredState::HideNoted(const T& object, Origin origin, const Verdict& verdict, Made* made) {
  HiddenObject hidden = {object, origin, std::string(verdict.status.message()), verdict.waits_for};
  Hide(hidden);
  made->moves.emplace_back(Made::HiddenMove{std::move(hidden), /*is_hidden=*/true});
  made->is_other = true;
}

template <typename T>
std::optional<Object> DesiredState::TakeHidden(const Key<T>& key, Origin origin, Made* made) {
  const auto found = Of<T>().hidden.find({key, origin});
  if (found == Of<T>().hidden.end()) return std::nullopt;
  const Hidden<T>& it = found->second;
  HiddenObject hidden = {it.object, origin, it.why, it.waits_for};
  Unhide(hidden);
  Object object = hidden.object;
  made->moves.emplace_back(Made::HiddenMove{std::move(hidden), /*is_hidden=*/false});
  made->is_other = true;
  return object;
}

void DesiredState::Undo(const Made& made) {
  for (size_t i = made.moves.size(); i-- > 0;) {
    if (const auto* hidden = std::get_if<Made::HiddenMove>(&made.moves[i])) {
      hidden->is_hidden ? Unhide(hidden->object) : Hide(hidden->object);
    } else {
      const auto& move = std::get<Made::EntryMove>(made.moves[i]);
      Undo({.before = move.before, .after = move.after}, move.origin_before);
    }
  }
}

void DesiredState::Undo(const Change& change, Origin origin) {
  if (change.before.has_value()) {
    std::visit([&](const auto& object) { Put(object, origin); }, *change.before);
  } else {
    std::visit([&]<typename T>(const T& object) { Remove<T>(KeyFor(object)); }, *change.after);
  }
}

void DesiredState::Hide(const HiddenObject& hidden) {
  std::visit(
      [&]<typename T>(const T& object) {
        Unhide(hidden);
        const Key<T> key = KeyFor(object);
        Of<T>().hidden[{key, hidden.origin}] = {object, hidden.why, hidden.waits_for};
        ++hidden_[static_cast<size_t>(hidden.origin)];
        if (hidden.waits_for.empty()) return;
        waiting_[hidden.waits_for].insert({hidden.origin, kKindOf<T>, ToText(key)});
      },
      hidden.object);
}

void DesiredState::Unhide(const HiddenObject& hidden) {
  std::visit(
      [&]<typename T>(const T& object) {
        const Key<T> key = KeyFor(object);
        const auto found = Of<T>().hidden.find({key, hidden.origin});
        if (found == Of<T>().hidden.end()) return;
        const auto waiting = waiting_.find(found->second.waits_for);
        if (waiting != waiting_.end()) {
          waiting->second.erase({hidden.origin, kKindOf<T>, ToText(key)});
          if (waiting->second.empty()) waiting_.erase(waiting);
        }
        Of<T>().hidden.erase(found);
        --hidden_[static_cast<size_t>(hidden.origin)];
      },
      hidden.object);
}

void DesiredState::Touch(ObjectKind kind, const std::string& key) {
  const auto waiting = waiting_.find(NameOf(kind, key));
  if (waiting != waiting_.end()) due_.insert(waiting->second.begin(), waiting->second.end());
}

// --- What is there, and what follows from it. ---

template <typename T>
void DesiredState::Put(const T& object, Origin origin) {
  const auto [entry, is_new] =
      Of<T>().entries.try_emplace(KeyFor(object), Entry<T>{object, origin});
  if (!is_new) {
    of_kubernetes_ -= entry->second.origin == Origin::kKubernetes;
    Leave(entry->second.object, entry->second.origin);
    entry->second = {object, origin};
  }
  of_kubernetes_ += origin == Origin::kKubernetes;
  Enter(object, origin);
  if (!waiting_.empty()) Touch(kKindOf<T>, ToText(KeyFor(object)));
}

template <typename T>
void DesiredState::Remove(const Key<T>& key) {
  const auto entry = Of<T>().entries.find(key);
  if (entry == Of<T>().entries.end()) return;
  of_kubernetes_ -= entry->second.origin == Origin::kKubernetes;
  Leave(entry->second.object, entry->second.origin);
  if (!waiting_.empty()) Touch(kKindOf<T>, ToText(key));
  Of<T>().entries.erase(entry);
}

void DesiredState::Enter(const PodConfig& pod, Origin origin) {
  Take(ClaimsOf(pod), {ObjectKind::kPod, pod.full_name(), origin});
  vhost_places_ += PlacesOf(pod);
}

void DesiredState::Leave(const PodConfig& pod, Origin origin) {
  Release(ClaimsOf(pod), {ObjectKind::kPod, pod.full_name(), origin});
  vhost_places_ -= PlacesOf(pod);
}

void DesiredState::Enter(const RemoteNodeConfig& remote, Origin origin) {
  const Holder holder = {ObjectKind::kNode, remote.name, origin};
  Take(ClaimsOf(remote), holder);
  for (const Ipv4Prefix& range : remote.pod_ranges) ranges_.emplace(range, holder);
}

void DesiredState::Leave(const RemoteNodeConfig& remote, Origin origin) {
  Release(ClaimsOf(remote), {ObjectKind::kNode, remote.name, origin});
  for (const Ipv4Prefix& range : remote.pod_ranges) ranges_.erase(range);
}

void DesiredState::Enter(const RouteConfig& route, Origin origin) {
  RouteCount& count = routes_to_[route.node];
  ++count.all;
  count.kubernetes += origin == Origin::kKubernetes;
}

void DesiredState::Leave(const RouteConfig& route, Origin origin) {
  const auto count = routes_to_.find(route.node);
  count->second.kubernetes -= origin == Origin::kKubernetes;
  if (--count->second.all == 0) routes_to_.erase(count);
}

void DesiredState::Enter(const ServiceConfig& service, Origin origin) {
  Take(ClaimsOf(service), {ObjectKind::kService, service.full_name(), origin});
}

void DesiredState::Leave(const ServiceConfig& service, Origin origin) {
  Release(ClaimsOf(service), {ObjectKind::kService, service.full_name(), origin});
}

void DesiredState::Take(const std::vector<Claim>& claims, const Holder& holder) {
  for (const Claim& claim : claims) {
    holders_.try_emplace(claim.id, holder);
  }
}

void DesiredState::Release(const std::vector<Claim>& claims, const Holder& holder) {
  for (const Claim& claim : claims) {
    const auto found = holders_.find(claim.id);
    if (found != holders_.end() && found->second.kind.has_value() &&
        found->second.Is(*holder.kind, holder.key)) {
      holders_.erase(found);
    }
  }
}

}  // namespace podwarp
