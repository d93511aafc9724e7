// What the node is to have: the objects of the configuration file and those of the API together.
//
// The file has the last word. An object of the API that it leaves no room for, because it has the
// same one, or one that claims the same address, or no node any more that a route leads to, is
// hidden: kept, but not there for the node. Which ones are is found out anew at each start and each
// reload.
//
// Thread rule: a value like any other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
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
  // The same, with the API's objects of another state, hidden or not.
  DesiredState(const Config& config, const DesiredState& other);

  // Whether the API may make the edit. Errors, each with all that is wrong, a line each:
  // FailedPrecondition (the object is the file's; routes lead to the node that is to go; a route's
  // node isn't there), InvalidArgument (it doesn't fit the node's settings), AlreadyExists
  // (something else has what it claims), ResourceExhausted (a vhost-user port too many).
  absl::Status Check(const Edit& edit) const;

  // The API's, without the node's knowledge.
  struct HiddenObject {
    Object object;
    std::string why;
  };
  // What an edit came to.
  struct Made {
    std::optional<Change> change;        // for the node; none if nothing changes for it
    std::optional<HiddenObject> hidden;  // what was hidden, and isn't any more
  };
  // REQUIRES: Check(edit) is OK.
  Made Make(const Edit& edit);
  // As it was before `change` and after what came later was undone. An object that is there again
  // is of `origin`.
  void Undo(const Change& change, Origin origin);
  // An object of the API. If it can't be there, it is hidden.
  void Restore(const Object& object);
  // An object of the API that the node refuses.
  void Hide(const HiddenObject& hidden);

  struct Listed {
    Object object;
    Origin origin;
    std::string why_hidden;  // a sentence; empty = it is there for the node
  };
  std::optional<Listed> Find(ObjectKind kind, const std::string& key) const;
  // Up to `limit` after `after`, in the order of keys: routes by their addresses.
  std::vector<Listed> List(ObjectKind kind, const std::string& after, size_t limit) const;
  // "pod default/web-1: why", up to `limit` of them.
  std::vector<std::string> ListHidden(size_t limit) const;
  size_t hidden() const;

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
  };
  template <typename T>
  struct Kind {
    Entries<T> entries;
    absl::btree_map<Key<T>, Hidden<T>> hidden;
  };

  template <typename T>
  Kind<T>& Of() {
    return std::get<Kind<T>>(kinds_);
  }
  template <typename T>
  const Kind<T>& Of() const {
    return std::get<Kind<T>>(kinds_);
  }

  template <typename T>
  absl::Status CheckPut(const T& object) const;
  template <typename T>
  bool IsOfFile(const Key<T>& key) const;
  template <typename T>
  absl::Status CheckDelete(const Key<T>& key) const;
  absl::Status CheckClaims(const std::vector<Claim>& claims, const std::string& name) const;
  absl::Status CheckReferences(const PodConfig& pod) const;
  absl::Status CheckReferences(const RemoteNodeConfig& remote) const;
  absl::Status CheckReferences(const RouteConfig& route) const;
  absl::Status CheckReferences(const ServiceConfig& service) const;
  // Who has exactly this; null if nobody.
  std::optional<std::string> HolderOf(const Claim& claim) const;

  template <typename T>
  std::optional<Change> Put(const T& object, Origin origin);
  template <typename T>
  std::optional<Change> Remove(const Key<T>& key);
  // What others may not have, or have to know, while the object is there.
  void Enter(const PodConfig& pod);
  void Enter(const RemoteNodeConfig& remote);
  void Enter(const RouteConfig& route);
  void Enter(const ServiceConfig& service);
  void Leave(const PodConfig& pod);
  void Leave(const RemoteNodeConfig& remote);
  void Leave(const RouteConfig& route);
  void Leave(const ServiceConfig& service);
  void Take(const std::vector<Claim>& claims, const std::string& name);
  void Release(const std::vector<Claim>& claims, const std::string& name);

  Config settings_;
  std::tuple<Kind<PodConfig>, Kind<RemoteNodeConfig>, Kind<RouteConfig>, Kind<ServiceConfig>>
      kinds_;
  // Of settings, pods, nodes and services: by whom. A route claims its key, and that is enough.
  absl::flat_hash_map<ClaimId, std::string> holders_;
  absl::btree_map<Ipv4Prefix, std::string> ranges_;     // of nodes and this one, and whose they are
  absl::flat_hash_map<std::string, size_t> routes_to_;  // each node
  unsigned vhost_places_ = 0;
};

}  // namespace podwarp
