// DesiredState: whether something can be there.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/config_checks.h"
#include "control/desired_kinds.h"
#include "control/desired_state.h"

namespace podwarp {
namespace {

absl::Status TakenError(const Claim& claim, const std::string& holder) {
  return absl::AlreadyExistsError(absl::StrCat(claim.key, ": ", claim.text, " is taken by ", holder,
                                               "; each needs one of its own"));
}

absl::Status OverlapError(const Ipv4Prefix& range, const Ipv4Prefix& other,
                          const std::string& whose) {
  return absl::AlreadyExistsError(absl::StrCat("pod_ranges: ", range.ToString(), " overlaps ",
                                               other.ToString(), " of ", whose,
                                               "; they must be apart"));
}

// Of one that `origin` has, too, and `first` before it.
absl::Status PrecedenceError(const std::string& name, Origin first, Origin origin) {
  if (origin == Origin::kApi) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " comes from the configuration file; it can be changed there only"));
  }
  return absl::FailedPreconditionError(first == Origin::kFile ? "the configuration file has it, too"
                                                              : "the API has it, too");
}

}  // namespace

absl::Status DesiredState::Check(const Edit& edit) const {
  if (edit.object.has_value()) {
    return std::visit([&](const auto& object) { return CheckPut(object, Origin::kApi).status; },
                      *edit.object);
  }
  return WithKind(edit.kind, [&]<typename T>(std::type_identity<T>) {
    const std::optional<Key<T>> key = ToKey<Key<T>>(edit.key);
    return key.has_value() ? CheckDelete<T>(*key) : absl::OkStatus();
  });
}

template <typename T>
DesiredState::Verdict DesiredState::CheckPut(const T& object, Origin origin) const {
  const auto there = entries<T>().find(KeyFor(object));
  if (there != entries<T>().end() && there->second.origin < origin) {
    const std::string name = NameFor(object);
    return {PrecedenceError(name, there->second.origin, origin), name};
  }
  ConfigFaults faults;
  if (origin == Origin::kKubernetes) CheckAlone(object, "", &faults);  // others' were looked at
  CheckFits(settings_, object, "", &faults);
  if constexpr (std::is_same_v<T, RemoteNodeConfig>) CheckUplink(settings_, object, "", &faults);
  if (!faults.empty()) return {faults.ToStatus(), ""};
  Verdict verdict = CheckClaims(
      ClaimsOf(object), {.kind = kKindOf<T>, .key = ToText(KeyFor(object)), .origin = origin});
  return verdict.status.ok() ? CheckReferences(object, origin) : verdict;
}

template DesiredState::Verdict DesiredState::CheckPut(const PodConfig&, Origin) const;
template DesiredState::Verdict DesiredState::CheckPut(const RemoteNodeConfig&, Origin) const;
template DesiredState::Verdict DesiredState::CheckPut(const RouteConfig&, Origin) const;
template DesiredState::Verdict DesiredState::CheckPut(const ServiceConfig&, Origin) const;

template <typename T>
absl::Status DesiredState::CheckDelete(const Key<T>& key) const {
  if (Of<T>().hidden.contains({key, Origin::kApi})) return absl::OkStatus();
  const auto there = entries<T>().find(key);
  const bool is_hidden = Of<T>().hidden.contains({key, Origin::kKubernetes});
  if (there == entries<T>().end() && !is_hidden) return absl::OkStatus();
  const Origin origin = there == entries<T>().end() ? Origin::kKubernetes : there->second.origin;
  if (origin != Origin::kApi) {
    return absl::FailedPreconditionError(
        absl::StrCat(NameOf(kKindOf<T>, ToText(key)), " comes from ",
                     origin == Origin::kFile ? "the configuration file" : "Kubernetes",
                     "; it can be taken out there only"));
  }
  if constexpr (std::is_same_v<T, RemoteNodeConfig>) {
    const auto routes = routes_to_.find(key);
    if (routes == routes_to_.end() || is_hidden) return absl::OkStatus();
    if (const size_t count = routes->second.all - routes->second.kubernetes; count > 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(count, " route(s) lead to node ", key, "; they have to be deleted first"));
    }
  }
  return absl::OkStatus();
}

std::optional<DesiredState::Holder> DesiredState::HolderOf(const Claim& claim) const {
  const auto holder = holders_.find(claim.id);
  if (holder != holders_.end()) return holder->second;
  if (claim.id.space != ClaimSpace::kRoute) return std::nullopt;
  const auto route = entries<RouteConfig>().find(claim.id.prefix);
  if (route == entries<RouteConfig>().end()) return std::nullopt;
  return Holder{ObjectKind::kRoute, route->first.ToString(), route->second.origin};
}

DesiredState::Verdict DesiredState::CheckClaims(const std::vector<Claim>& claims,
                                                const Holder& whose) const {
  absl::flat_hash_map<ClaimId, const Claim*> own;
  for (const Claim& claim : claims) {
    const std::optional<Holder> holder = HolderOf(claim);
    const bool is_checked_by_ranges = claim.is_range && ranges_.contains(claim.id.prefix);
    if (holder.has_value() && !holder->Is(*whose.kind, whose.key) &&
        holder->origin <= whose.origin && !is_checked_by_ranges) {
      return {TakenError(claim, holder->name()), holder->name()};
    }
    if (claims.size() == 1) break;  // a route
    const auto [first, is_first] = own.try_emplace(claim.id, &claim);
    if (!is_first && !claim.is_range) return {TakenError(claim, first->second->key), ""};
  }
  return {};
}

DesiredState::Verdict DesiredState::CheckReferences(const PodConfig& pod, Origin) const {
  const auto there = entries<PodConfig>().find(pod.full_name());
  const unsigned own = there == entries<PodConfig>().end() ? 0 : PlacesOf(there->second.object);
  const unsigned places = vhost_places_ - own + PlacesOf(pod);
  if (PlacesOf(pod) <= own || places <= kVhostPlaces) return {};
  return {absl::ResourceExhaustedError(
              absl::StrCat("port.vhost_user: one vhost-user port too many: there can be ",
                           kVhostPlaces, " in client mode, or half as many in server mode")),
          ""};
}

void DesiredState::VisitOverlaps(
    const Ipv4Prefix& range, const std::string& node,
    absl::FunctionRef<bool(const Ipv4Prefix&, const Holder&)> visit) const {
  auto other = ranges_.upper_bound(range);
  if (other != ranges_.begin() && std::prev(other)->first.Contains(range)) --other;
  for (; other != ranges_.end() && other->first.Overlaps(range); ++other) {
    if (other->second.Is(ObjectKind::kNode, node)) continue;
    if (!visit(other->first, other->second)) return;
  }
}

DesiredState::Verdict DesiredState::CheckReferences(const RemoteNodeConfig& remote,
                                                    Origin origin) const {
  if (settings_.uplinks.empty()) {
    return {absl::FailedPreconditionError(
                "this node has no uplink by which other nodes are reached; its configuration needs "
                "one"),
            ""};
  }
  std::vector<Ipv4Prefix> sorted = remote.pod_ranges;
  std::sort(sorted.begin(), sorted.end());
  Verdict verdict;
  for (size_t i = 0; i < sorted.size() && verdict.status.ok(); ++i) {
    const Ipv4Prefix& range = sorted[i];
    // Ranges nest or are apart, and a wider one stands before those in it.
    if (i > 0 && sorted[i - 1].Contains(range)) {
      return {OverlapError(range, sorted[i - 1], NameFor(remote)), ""};
    }
    VisitOverlaps(range, remote.name, [&](const Ipv4Prefix& other, const Holder& holder) {
      if (holder.origin > origin) return true;
      verdict = {OverlapError(range, other, holder.name()), holder.name()};
      return false;
    });
  }
  return verdict;
}

DesiredState::Verdict DesiredState::CheckReferences(const RouteConfig& route, Origin) const {
  if (entries<RemoteNodeConfig>().contains(route.node)) return {};
  return {absl::FailedPreconditionError(absl::StrCat("node: no node is called '", route.node, "'")),
          NameOf(ObjectKind::kNode, route.node)};
}

DesiredState::Verdict DesiredState::CheckReferences(const ServiceConfig& /*service*/,
                                                    Origin) const {
  return {};
}

template <typename T>
std::vector<DesiredState::Holder> DesiredState::ThoseInTheWay(const T& object) const {
  std::vector<Holder> holders;
  const std::string own = ToText(KeyFor(object));
  const auto add = [&](const Holder& holder) {
    if (holder.origin != Origin::kKubernetes || holder.Is(kKindOf<T>, own)) return;
    const bool is_known = std::any_of(holders.begin(), holders.end(), [&](const Holder& known) {
      return known.Is(*holder.kind, holder.key);
    });
    if (!is_known) holders.push_back(holder);
  };
  for (const Claim& claim : ClaimsOf(object)) {
    if (const std::optional<Holder> holder = HolderOf(claim)) add(*holder);
  }
  if constexpr (std::is_same_v<T, RemoteNodeConfig>) {
    for (const Ipv4Prefix& range : object.pod_ranges) {
      VisitOverlaps(range, object.name, [&](const Ipv4Prefix&, const Holder& holder) {
        add(holder);
        return true;
      });
    }
  }
  return holders;
}

template std::vector<DesiredState::Holder> DesiredState::ThoseInTheWay(const PodConfig&) const;
template std::vector<DesiredState::Holder> DesiredState::ThoseInTheWay(
    const RemoteNodeConfig&) const;
template std::vector<DesiredState::Holder> DesiredState::ThoseInTheWay(const RouteConfig&) const;
template std::vector<DesiredState::Holder> DesiredState::ThoseInTheWay(const ServiceConfig&) const;

}  // namespace podwarp
