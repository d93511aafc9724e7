// What the node is to have: the objects of the configuration file, of the API and of Kubernetes
// together.
//
// The one before has the last word, as Origin says. An object that those before its source leave no
// room for, because they have the same one, or one that claims the same address, is hidden: kept,
// but not there for the node. So is one that another of its own source leaves no room for, a route
// without its node, and, of Kubernetes, one that doesn't fit the node. What is hidden comes back
// when what hid it goes; what doesn't fit, or the node refused, is tried again at each start and
// each reload.
//
// Thread rule: a value like any other.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "control/changes.h"
#include "control/claims.h"
#include "control/config.h"
#include "control/objects.h"

namespace podwarp {

class DesiredState {
 public:
  // Of routes there may be a million: their key is short.
  template <typename T>
  using Key = std::conditional_t<std::is_same_v<T, RouteConfig>, Ipv4Prefix, std::string>;
  template <typename T>
  struct Entry {
    T object;
    Origin origin;
  };
  template <typename T>
  using Entries = absl::btree_map<Key<T>, Entry<T>>;

  // The objects of a configuration that was checked, or nearly so: what its checks found wrong is
  // undefined here.
  explicit DesiredState(const Config& config);
  // The same, with the objects that another state has of the API and of Kubernetes, hidden or not.
  DesiredState(const Config& config, const DesiredState& other);

  // Whether the API may make the edit. Errors, each with all that is wrong, a line each:
  // FailedPrecondition (the object is the file's, or it is to go and is Kubernetes'; routes lead to
  // the node that is to go; a route's node isn't there), InvalidArgument (it doesn't fit the node's
  // settings), AlreadyExists (something else has what it claims), ResourceExhausted (a vhost-user
  // port too many).
  absl::Status Check(const Edit& edit) const;

  // Without the node's knowledge.
  struct HiddenObject {
    Object object;
    Origin origin = Origin::kApi;
    std::string why;
    std::string waits_for;  // the name of what has to come, change or go; empty = nothing in sight
  };
  // What an edit came to.
  struct Made {
    // For the node, in this order: what others lose by it, then the edit's own.
    std::vector<Change> changes;
    EditResult::Outcome outcome = EditResult::Outcome::kUnchanged;
    std::optional<Object> before;  // what was changed or deleted, of the edit's source
    bool is_other = false;         // the state isn't the one before

    // How it came to that, for Undo() alone.
    struct EntryMove {
      std::optional<Object> before, after;
      Origin origin_before = Origin::kFile;
    };
    struct HiddenMove {
      HiddenObject object;
      bool is_hidden;  // since
    };
    std::vector<std::variant<EntryMove, HiddenMove>> moves;
  };
  // By the API. REQUIRES: Check(edit) is OK.
  Made Make(const Edit& edit);
  // By Kubernetes, which says what is so: what can't be there is hidden.
  Made MakeKubernetes(const Edit& edit);
  // A hidden object that there is room for now comes back; none if there is no such object. To be
  // called after edits until there is none.
  struct Returned {
    Made made;
    HiddenObject object;  // as it was hidden
  };
  std::optional<Returned> BringBack();
  // As it was before, after what was made later was undone.
  void Undo(const Made& made);
  // As it was before `change`. An object that is there again is of `origin`.
  void Undo(const Change& change, Origin origin);
  // An object of the API or of Kubernetes. If it can't be there, it is hidden.
  void Restore(const Object& object, Origin origin);
  // One that the node refuses.
  void Hide(const HiddenObject& hidden);

  struct Listed {
    Object object;
    Origin origin;
    std::string why_hidden;  // a sentence; empty = it is there for the node
  };
  std::optional<Listed> Find(ObjectKind kind, const std::string& key) const;
  // Up to `limit` after `after`, in the order of keys: routes by their addresses.
  std::vector<Listed> List(ObjectKind kind, const std::string& after, size_t limit) const;
  // "pod default/web-1: why", up to `limit` of those of a source.
  std::vector<std::string> ListHidden(Origin origin, size_t limit) const;
  size_t hidden(Origin origin) const { return hidden_[static_cast<size_t>(origin)]; }

  // What is there for the node.
  template <typename T>
  const Entries<T>& entries() const {
    return std::get<Kind<T>>(kinds_).entries;
  }
  const Config& settings() const { return settings_; }  // without pods, nodes, routes, services

 private:
  template <typename T>
  struct Hidden {
    T object;
    std::string why;
    std::string waits_for;
  };
  template <typename T>
  struct Kind {
    Entries<T> entries;
    absl::btree_map<std::pair<Key<T>, Origin>, Hidden<T>> hidden;
  };
  struct HiddenId {
    Origin origin;
    ObjectKind kind;
    std::string key;
    friend auto operator<=>(const HiddenId&, const HiddenId&) = default;
  };
  // Of the settings, which have no kind, or of an object.
  struct Holder {
    std::optional<ObjectKind> kind;
    std::string key;
    Origin origin = Origin::kFile;
    std::string name() const { return kind.has_value() ? NameOf(*kind, key) : key; }
    bool Is(ObjectKind its_kind, const std::string& its_key) const {
      return kind == its_kind && key == its_key;
    }
  };
  // Whether something can be there, and else what is in the way: HiddenObject::waits_for.
  struct Verdict {
    absl::Status status;
    std::string waits_for;
  };
  struct RouteCount {
    size_t all = 0;
    size_t kubernetes = 0;
  };

  template <typename T>
  Kind<T>& Of() {
    return std::get<Kind<T>>(kinds_);
  }
  template <typename T>
  const Kind<T>& Of() const {
    return std::get<Kind<T>>(kinds_);
  }

  // desired_checks.cc. What comes after `origin` is in nobody's way.
  template <typename T>
  Verdict CheckPut(const T& object, Origin origin) const;
  template <typename T>
  absl::Status CheckDelete(const Key<T>& key) const;
  Verdict CheckClaims(const std::vector<Claim>& claims, const Holder& whose) const;
  Verdict CheckReferences(const PodConfig& pod, Origin origin) const;
  Verdict CheckReferences(const RemoteNodeConfig& remote, Origin origin) const;
  Verdict CheckReferences(const RouteConfig& route, Origin origin) const;
  Verdict CheckReferences(const ServiceConfig& service, Origin origin) const;
  // Calls visit(range, holder) for those of others that overlap `range`, until it returns false.
  void VisitOverlaps(const Ipv4Prefix& range, const std::string& node,
                     absl::FunctionRef<bool(const Ipv4Prefix&, const Holder&)> visit) const;
  // Who has exactly this; none if nobody.
  std::optional<Holder> HolderOf(const Claim& claim) const;
  // Kubernetes' objects whose place the API's `object` takes, but that of its own key.
  template <typename T>
  std::vector<Holder> ThoseInTheWay(const T& object) const;

  // Each notes what it does.
  template <typename T>
  void PutNoted(const T& object, Origin origin, Made* made);
  template <typename T>
  void RemoveNoted(const Key<T>& key, Made* made);
  template <typename T>
  void HideNoted(const T& object, Origin origin, const Verdict& verdict, Made* made);
  // What is hidden of this key and source, and isn't any more.
  template <typename T>
  std::optional<Object> TakeHidden(const Key<T>& key, Origin origin, Made* made);
  template <typename T>
  Made MakePut(const T& object, Origin origin);
  template <typename T>
  Made MakeDelete(const Key<T>& key, Origin origin);
  // It loses its place, and is hidden.
  void Displace(const Holder& holder, const Verdict& why, Made* made);
  void DisplaceRoutesTo(const std::string& node, Made* made);

  template <typename T>
  void Put(const T& object, Origin origin);
  template <typename T>
  void Remove(const Key<T>& key);
  void Unhide(const HiddenObject& hidden);
  // Something came, changed or went: those that wait for it are looked at again.
  void Touch(ObjectKind kind, const std::string& key);
  // What others may not have, or have to know, while the object is there.
  void Enter(const PodConfig& pod, Origin origin);
  void Enter(const RemoteNodeConfig& remote, Origin origin);
  void Enter(const RouteConfig& route, Origin origin);
  void Enter(const ServiceConfig& service, Origin origin);
  void Leave(const PodConfig& pod, Origin origin);
  void Leave(const RemoteNodeConfig& remote, Origin origin);
  void Leave(const RouteConfig& route, Origin origin);
  void Leave(const ServiceConfig& service, Origin origin);
  void Take(const std::vector<Claim>& claims, const Holder& holder);
  void Release(const std::vector<Claim>& claims, const Holder& holder);

  Config settings_;
  std::tuple<Kind<PodConfig>, Kind<RemoteNodeConfig>, Kind<RouteConfig>, Kind<ServiceConfig>>
      kinds_;
  // Of settings, pods, nodes and services: by whom. A route claims its key, and that is enough.
  absl::flat_hash_map<ClaimId, Holder> holders_;
  absl::btree_map<Ipv4Prefix, Holder> ranges_;              // of nodes and this one, and whose
  absl::flat_hash_map<std::string, RouteCount> routes_to_;  // each node
  unsigned vhost_places_ = 0;
  size_t of_kubernetes_ = 0;           // entries
  std::array<size_t, 3> hidden_ = {};  // of each origin
  // By the name of what they wait for, and those of them that are to be looked at again.
  absl::flat_hash_map<std::string, std::set<HiddenId>> waiting_;
  std::set<HiddenId> due_;
};

}  // namespace podwarp
