// Objects as an API server has them: by resource, each with a revision, and what changed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace podwarp::test {

// A condition on one field, spec.nodeName or metadata.name; of "" all meet it.
struct KubeSelector {
  std::string field;
  std::string value;
};

// Any thread. A resource is its path for all namespaces: "/api/v1/pods".
class KubeObjects {
 public:
  using Json = nlohmann::json;

  struct Page {
    uint64_t revision = 0;
    std::vector<std::string> items;  // as JSON
    std::string last;                // the key of the last of them
    size_t remaining = 0;
  };
  // Events as lines of a watch.
  struct Events {
    bool is_too_old = false;  // what happened since isn't known any more
    std::string lines;
    size_t count = 0;
    uint64_t revision = 0;  // up to which these are all
  };

  // "Pod", "v1"; empty if there is no such resource.
  static std::string KindOf(const std::string& resource);
  static std::string VersionOf(const std::string& resource);

  // Adds or replaces it, with a new revision, or the one of `revision`. Returns it as it is now.
  Json Put(const std::string& resource, Json object, uint64_t revision = 0);
  // False if there is none. `key` is NAME, or NAMESPACE/NAME.
  bool Delete(const std::string& resource, const std::string& key, uint64_t revision = 0);
  std::optional<Json> Find(const std::string& resource, const std::string& key) const;
  // What a server answered to a list, with its revision, and what it sent to a watch after.
  void Load(const std::string& resource, const Json& list);
  void Replay(const std::string& resource, const Json& event);
  // Forgets what happened up to now: watches from before are too old.
  void Compact();
  uint64_t revision() const;

  // In the order of keys, after `after`. Later pages are of the state at their time: the watch that
  // follows from the first page's revision tells the difference.
  Page List(const std::string& resource, const KubeSelector& selector, const std::string& after,
            size_t limit) const;
  // What happened after `revision`; waits for it up to `patience`.
  Events Since(const std::string& resource, const KubeSelector& selector, uint64_t revision,
               absl::Duration patience) const;
  // Ends the waits of now.
  void Wake();

 private:
  struct Object {
    std::string text;  // without kind and apiVersion, as in lists
    std::string name;
    std::string node_name;
  };
  // What an object was before, and what it is after; a deleted one has its last state in both.
  struct Change {
    uint64_t revision;
    bool is_added;
    bool is_deleted;
    Object before;
    Object after;
  };
  struct Resource {
    std::map<std::string, Object> objects;
    std::deque<Change> changes;
    uint64_t compacted = 0;
  };

  static bool Meets(const Object& object, const KubeSelector& selector);
  static std::string Line(const std::string& resource, const Change& change,
                          const KubeSelector& selector);
  uint64_t NextRevision(uint64_t given);
  void Note(Resource* resource, Change change);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<std::string, Resource> resources_;
  uint64_t revision_ = 1;
  uint64_t wakes_ = 0;
};

// Of the metadata: NAME or NAMESPACE/NAME.
std::string KubeKey(const nlohmann::json& object);

}  // namespace podwarp::test
