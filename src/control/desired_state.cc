#include "control/desired_state.h"

#include <algorithm>
#include <type_traits>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "control/config_checks.h"
#include "port/vhost_limits.h"

namespace podwarp {
namespace {

const std::string& KeyFor(const RemoteNodeConfig& remote) { return remote.name; }
std::string KeyFor(const PodConfig& pod) { return pod.full_name(); }
const Ipv4Prefix& KeyFor(const RouteConfig& route) { return route.prefix; }
std::string KeyFor(const ServiceConfig& service) { return service.full_name(); }

const std::string& ToText(const std::string& key) { return key; }
std::string ToText(const Ipv4Prefix& key) { return key.ToString(); }

// None: nothing has such a key.
template <typename K>
std::optional<K> ToKey(const std::string& text) {
  if constexpr (std::is_same_v<K, std::string>) {
    return text;
  } else {
    const absl::StatusOr<Ipv4Prefix> prefix = Ipv4Prefix::Parse(text);
    return prefix.ok() ? std::optional<K>(*prefix) : std::nullopt;
  }
}

template <typename T>
constexpr ObjectKind kKindOf = std::is_same_v<T, PodConfig>          ? ObjectKind::kPod
                               : std::is_same_v<T, RemoteNodeConfig> ? ObjectKind::kNode
                               : std::is_same_v<T, RouteConfig>      ? ObjectKind::kRoute
                                                                     : ObjectKind::kService;

template <typename T>
std::string NameFor(const T& object) {
  return NameOf(kKindOf<T>, ToText(KeyFor(object)));
}

// Calls `visit` with a T of that kind.
template <typename Visit>
decltype(auto) WithKind(ObjectKind kind, const Visit& visit) {
  switch (kind) {
    case ObjectKind::kPod:
      return visit(std::type_identity<PodConfig>());
    case ObjectKind::kNode:
      return visit(std::type_identity<RemoteNodeConfig>());
    case ObjectKind::kRoute:
      return visit(std::type_identity<RouteConfig>());
    default:
      return visit(std::type_identity<ServiceConfig>());
  }
}

unsigned PlacesOf(const PodConfig& pod) {
  const auto* port = std::get_if<VhostUserPortConfig>(&pod.port);
  return port == nullptr ? 0 : VhostPlaces(port->server);
}

absl::Status TakenError(const Claim& claim, const std::string& holder) {
  return absl::AlreadyExistsError(absl::StrCat(claim.key, ": ", claim.text, " is taken by ", holder,
                                               "; each needs one of its own"));
}

Config SettingsOf(Config config) {
  config.pods.clear();
  config.nodes.clear();
  config.routes.clear();
  config.services.clear();
  return config;
}

}  // namespace

DesiredState::DesiredState(const Config& config) : settings_(SettingsOf(config)) {
  for (Claim& claim : ClaimsOfSettings(config)) {
    holders_.try_emplace(std::move(claim.id), std::move(claim.key));
  }
  for (const Ipv4Prefix& range : config.node_pod_ranges) ranges_.emplace(range, "node_pod_ranges");
  for (const RemoteNodeConfig& node : config.nodes) Put(node, Origin::kFile);
  for (const RouteConfig& route : config.routes) Put(route, Origin::kFile);
  for (const PodConfig& pod : config.pods) Put(pod, Origin::kFile);
  for (const ServiceConfig& service : config.services) Put(service, Origin::kFile);
}

DesiredState::DesiredState(const Config& config, const DesiredState& other) : DesiredState(config) {
  const auto restore = [&](const auto& entries) {
    for (const auto& [key, entry] : entries) {
      if (entry.origin == Origin::kApi) Restore(entry.object);
    }
  };
  const auto restore_hidden = [&](const auto& hidden) {
    for (const auto& [key, object] : hidden) Restore(object.object);
  };
  // What works goes on working: what was hidden comes after it.
  restore(other.entries<RemoteNodeConfig>());
  restore(other.entries<RouteConfig>());
  restore(other.entries<PodConfig>());
  restore(other.entries<ServiceConfig>());
  restore_hidden(other.Of<RemoteNodeConfig>().hidden);
  restore_hidden(other.Of<RouteConfig>().hidden);
  restore_hidden(other.Of<PodConfig>().hidden);
  restore_hidden(other.Of<ServiceConfig>().hidden);
}

void DesiredState::Restore(const Object& object) {
  const absl::Status status = std::visit([&](const auto& o) { return CheckPut(o); }, object);
  std::visit(
      [&]<typename T>(const T& o) {
        if (status.ok()) {
          Put(o, Origin::kApi);
        } else {
          Of<T>().hidden.insert_or_assign(KeyFor(o), Hidden<T>{o, std::string(status.message())});
        }
      },
      object);
}

void DesiredState::Hide(const HiddenObject& hidden) {
  std::visit(
      [&]<typename T>(const T& o) {
        Of<T>().hidden.insert_or_assign(KeyFor(o), Hidden<T>{o, hidden.why});
      },
      hidden.object);
}

// --- Whether something can be there. ---

absl::Status DesiredState::Check(const Edit& edit) const {
  if (edit.object.has_value()) {
    return std::visit([&](const auto& object) { return CheckPut(object); }, *edit.object);
  }
  return WithKind(edit.kind, [&]<typename T>(std::type_identity<T>) {
    const std::optional<Key<T>> key = ToKey<Key<T>>(edit.key);
    return key.has_value() ? CheckDelete<T>(*key) : absl::OkStatus();
  });
}

template <typename T>
absl::Status DesiredState::CheckPut(const T& object) const {
  if (IsOfFile<T>(KeyFor(object))) {
    return absl::FailedPreconditionError(absl::StrCat(
        NameFor(object), " comes from the configuration file; it can be changed there only"));
  }
  ConfigFaults faults;
  CheckFits(settings_, object, "", &faults);
  if constexpr (std::is_same_v<T, RemoteNodeConfig>) CheckUplink(settings_, object, "", &faults);
  if (!faults.empty()) return faults.ToStatus();
  if (absl::Status status = CheckClaims(ClaimsOf(object), NameFor(object)); !status.ok()) {
    return status;
  }
  return CheckReferences(object);
}

template <typename T>
bool DesiredState::IsOfFile(const Key<T>& key) const {
  const auto there = entries<T>().find(key);
  return there != entries<T>().end() && there->second.origin == Origin::kFile;
}

template <typename T>
absl::Status DesiredState::CheckDelete(const Key<T>& key) const {
  if (Of<T>().hidden.contains(key)) return absl::OkStatus();
  const auto there = entries<T>().find(key);
  if (there == entries<T>().end()) return absl::OkStatus();
  if (there->second.origin == Origin::kFile) {
    return absl::FailedPreconditionError(absl::StrCat(NameFor(there->second.object),
                                                      " comes from the configuration file; it can "
                                                      "be taken out there only"));
  }
  if constexpr (std::is_same_v<T, RemoteNodeConfig>) {
    const auto routes = routes_to_.find(key);
    if (routes != routes_to_.end()) {
      return absl::FailedPreconditionError(absl::StrCat(routes->second, " route(s) lead to node ",
                                                        key, "; they have to be deleted first"));
    }
  }
  return absl::OkStatus();
}

std::optional<std::string> DesiredState::HolderOf(const Claim& claim) const {
  const auto holder = holders_.find(claim.id);
  if (holder != holders_.end()) return holder->second;
  if (claim.id.space != ClaimSpace::kRoute) return std::nullopt;
  const auto route = entries<RouteConfig>().find(claim.id.prefix);
  if (route == entries<RouteConfig>().end()) return std::nullopt;
  return NameFor(route->second.object);
}

absl::Status DesiredState::CheckClaims(const std::vector<Claim>& claims,
                                       const std::string& name) const {
  absl::flat_hash_map<ClaimId, const Claim*> own;
  for (const Claim& claim : claims) {
    const std::optional<std::string> holder = HolderOf(claim);
    const bool is_checked_by_ranges = claim.is_range && ranges_.contains(claim.id.prefix);
    if (holder.has_value() && *holder != name && !is_checked_by_ranges) {
      return TakenError(claim, *holder);
    }
    if (claims.size() == 1) break;  // a route
    const auto [first, is_first] = own.try_emplace(claim.id, &claim);
    if (!is_first && !claim.is_range) return TakenError(claim, first->second->key);
  }
  return absl::OkStatus();
}

absl::Status DesiredState::CheckReferences(const PodConfig& pod) const {
  const auto there = entries<PodConfig>().find(pod.full_name());
  const unsigned own = there == entries<PodConfig>().end() ? 0 : PlacesOf(there->second.object);
  const unsigned places = vhost_places_ - own + PlacesOf(pod);
  if (PlacesOf(pod) <= own || places <= kVhostPlaces) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("port.vhost_user: one vhost-user port too many: there can be ", kVhostPlaces,
                   " in client mode, or half as many in server mode"));
}

absl::Status DesiredState::CheckReferences(const RemoteNodeConfig& remote) const {
  if (settings_.uplinks.empty()) {
    return absl::FailedPreconditionError(
        "this node has no uplink by which other nodes are reached; its configuration needs one");
  }
  const std::string name = NameFor(remote);
  const auto overlaps = [](const Ipv4Prefix& range, const Ipv4Prefix& other,
                           const std::string& whose) {
    return absl::AlreadyExistsError(absl::StrCat("pod_ranges: ", range.ToString(), " overlaps ",
                                                 other.ToString(), " of ", whose,
                                                 "; they must be apart"));
  };
  std::vector<Ipv4Prefix> sorted = remote.pod_ranges;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    const Ipv4Prefix& range = sorted[i];
    // Ranges nest or are apart, and a wider one stands before those in it.
    if (i > 0 && sorted[i - 1].Contains(range)) return overlaps(range, sorted[i - 1], name);
    auto other = ranges_.upper_bound(range);
    if (other != ranges_.begin() && std::prev(other)->first.Contains(range)) --other;
    for (; other != ranges_.end() && other->first.Overlaps(range); ++other) {
      if (other->second != name) return overlaps(range, other->first, other->second);
    }
  }
  return absl::OkStatus();
}

absl::Status DesiredState::CheckReferences(const RouteConfig& route) const {
  if (entries<RemoteNodeConfig>().contains(route.node)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("node: no node is called '", route.node, "'"));
}

absl::Status DesiredState::CheckReferences(const ServiceConfig& /*service*/) const {
  return absl::OkStatus();
}

// --- That it is there. ---

DesiredState::Made DesiredState::Make(const Edit& edit) {
  return WithKind(edit.kind, [&]<typename T>(std::type_identity<T>) {
    const std::optional<Key<T>> key = ToKey<Key<T>>(edit.key);
    Made made;
    if (!key.has_value()) return made;
    if (const auto hidden = Of<T>().hidden.find(*key); hidden != Of<T>().hidden.end()) {
      HiddenObject& taken = made.hidden.emplace();
      taken.object = std::move(hidden->second.object);
      taken.why = std::move(hidden->second.why);
      Of<T>().hidden.erase(hidden);
    }
    // The file's object of this key stays where the API's, which it hid, goes.
    if (!edit.object.has_value() && IsOfFile<T>(*key)) return made;
    made.change =
        edit.object.has_value() ? Put(std::get<T>(*edit.object), Origin::kApi) : Remove<T>(*key);
    return made;
  });
}

void DesiredState::Undo(const Change& change, Origin origin) {
  if (change.before.has_value()) {
    std::visit([&](const auto& object) { Put(object, origin); }, *change.before);
  } else {
    std::visit([&]<typename T>(const T& object) { Remove<T>(KeyFor(object)); }, *change.after);
  }
}

template <typename T>
std::optional<Change> DesiredState::Put(const T& object, Origin origin) {
  const auto [entry, is_new] =
      Of<T>().entries.try_emplace(KeyFor(object), Entry<T>{object, origin});
  Change change{.before = std::nullopt, .after = object};
  if (!is_new) {
    entry->second.origin = origin;
    if (entry->second.object == object) return std::nullopt;
    Leave(entry->second.object);
    change.before = std::exchange(entry->second.object, object);
  }
  Enter(object);
  return change;
}

template <typename T>
std::optional<Change> DesiredState::Remove(const Key<T>& key) {
  const auto entry = Of<T>().entries.find(key);
  if (entry == Of<T>().entries.end()) return std::nullopt;
  Leave(entry->second.object);
  Change change{.before = std::move(entry->second.object), .after = std::nullopt};
  Of<T>().entries.erase(entry);
  return change;
}

void DesiredState::Enter(const PodConfig& pod) {
  Take(ClaimsOf(pod), NameFor(pod));
  vhost_places_ += PlacesOf(pod);
}

void DesiredState::Leave(const PodConfig& pod) {
  Release(ClaimsOf(pod), NameFor(pod));
  vhost_places_ -= PlacesOf(pod);
}

void DesiredState::Enter(const RemoteNodeConfig& remote) {
  Take(ClaimsOf(remote), NameFor(remote));
  for (const Ipv4Prefix& range : remote.pod_ranges) ranges_.emplace(range, NameFor(remote));
}

void DesiredState::Leave(const RemoteNodeConfig& remote) {
  Release(ClaimsOf(remote), NameFor(remote));
  for (const Ipv4Prefix& range : remote.pod_ranges) ranges_.erase(range);
}

void DesiredState::Enter(const RouteConfig& route) { ++routes_to_[route.node]; }

void DesiredState::Leave(const RouteConfig& route) {
  const auto routes = routes_to_.find(route.node);
  if (--routes->second == 0) routes_to_.erase(routes);
}

void DesiredState::Enter(const ServiceConfig& service) {
  Take(ClaimsOf(service), NameFor(service));
}

void DesiredState::Leave(const ServiceConfig& service) {
  Release(ClaimsOf(service), NameFor(service));
}

void DesiredState::Take(const std::vector<Claim>& claims, const std::string& name) {
  for (const Claim& claim : claims) {
    holders_.try_emplace(claim.id, name);
  }
}

void DesiredState::Release(const std::vector<Claim>& claims, const std::string& name) {
  for (const Claim& claim : claims) {
    const auto holder = holders_.find(claim.id);
    if (holder != holders_.end() && holder->second == name) holders_.erase(holder);
  }
}

// --- What is there. ---

std::optional<DesiredState::Listed> DesiredState::Find(ObjectKind kind,
                                                       const std::string& text) const {
  return WithKind(kind, [&]<typename T>(std::type_identity<T>) -> std::optional<Listed> {
    const std::optional<Key<T>> key = ToKey<Key<T>>(text);
    if (!key.has_value()) return std::nullopt;
    const Kind<T>& objects = Of<T>();
    if (const auto entry = objects.entries.find(*key); entry != objects.entries.end()) {
      return Listed{entry->second.object, entry->second.origin, ""};
    }
    if (const auto hidden = objects.hidden.find(*key); hidden != objects.hidden.end()) {
      return Listed{hidden->second.object, Origin::kApi, hidden->second.why};
    }
    return std::nullopt;
  });
}

std::vector<DesiredState::Listed> DesiredState::List(ObjectKind kind, const std::string& after,
                                                     size_t limit) const {
  return WithKind(kind, [&]<typename T>(std::type_identity<T>) {
    const Kind<T>& objects = Of<T>();
    auto entry = objects.entries.begin();
    auto hidden = objects.hidden.begin();
    if (const std::optional<Key<T>> key = ToKey<Key<T>>(after); key.has_value() && !after.empty()) {
      entry = objects.entries.upper_bound(*key);
      hidden = objects.hidden.upper_bound(*key);
    }
    std::vector<Listed> listed;
    while (listed.size() < limit) {
      const bool is_hidden = hidden != objects.hidden.end() &&
                             (entry == objects.entries.end() || hidden->first < entry->first);
      if (is_hidden) {
        listed.push_back({hidden->second.object, Origin::kApi, hidden->second.why});
        ++hidden;
      } else if (entry != objects.entries.end()) {
        // The one of the same key stands in for what it hides.
        if (hidden != objects.hidden.end() && hidden->first == entry->first) ++hidden;
        listed.push_back({entry->second.object, entry->second.origin, ""});
        ++entry;
      } else {
        break;
      }
    }
    return listed;
  });
}

std::vector<std::string> DesiredState::ListHidden(size_t limit) const {
  std::vector<std::string> listed;
  const auto add = [&](const auto& objects) {
    for (const auto& [key, hidden] : objects.hidden) {
      if (listed.size() == limit) return;
      listed.push_back(absl::StrCat(NameFor(hidden.object), ": ", hidden.why));
    }
  };
  std::apply([&](const auto&... kinds) { (add(kinds), ...); }, kinds_);
  return listed;
}

size_t DesiredState::hidden() const {
  return std::apply([](const auto&... kinds) { return (kinds.hidden.size() + ...); }, kinds_);
}

}  // namespace podwarp
