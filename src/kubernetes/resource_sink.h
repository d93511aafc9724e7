// Where the objects of one kind go, as a Kubernetes API server has them.
#pragma once

#include <nlohmann/json.hpp>

namespace podwarp {

// Implemented by who keeps the objects; called by a Reflector, from its own thread. Objects are as
// the server sends them; items of a list lack `kind` and `apiVersion`.
class ResourceSink {
 public:
  virtual ~ResourceSink() = default;

  // A list begins, in one page or many: what no Put() gives before EndList() isn't there any more.
  // A list may break off: then another BeginList() comes, and what was there before still is.
  virtual void BeginList() = 0;
  virtual void EndList() = 0;
  // The object is there, as it is: of a list, or by a watch.
  virtual void Put(const nlohmann::json& object) = 0;
  // By a watch: its last state.
  virtual void Delete(const nlohmann::json& object) = 0;
};

}  // namespace podwarp
