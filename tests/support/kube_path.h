// Where an API server has its objects.
//
// Source: Kubernetes API concepts, "Resource URIs".
#pragma once

#include <string>

namespace podwarp::test {

// A path of a resource, or of one object: /api/v1/nodes/NAME, or
// /api/v1/namespaces/NAMESPACE/pods/NAME.
struct KubePath {
  std::string resource;  // without the namespace
  std::string key;       // of the object, or ""
  std::string space;     // the namespace, or ""
};
KubePath KubePlace(const std::string& path);

}  // namespace podwarp::test
