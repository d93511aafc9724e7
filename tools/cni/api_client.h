// podwarp's API, over its Unix socket: configs/openapi.yaml describes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "error.h"

namespace podwarp::cni {

// One connection a request. A busy podwarp (429, 503, a full backlog) is asked again for 10 s.
//
// Throws CniError: 11 if podwarp doesn't answer, 101 with its sentence if it says no, 105 when
// interrupted. A call that throws 11 or 105 may or may not have been served.
class ApiClient {
 public:
  explicit ApiClient(std::string socket) : socket_(std::move(socket)) {}

  Json Get(const std::string& path) { return Ask("GET", path, "").value_or(Json()); }
  // None if there is no such object.
  std::optional<Json> Find(const std::string& path) { return Ask("GET", path, "", true); }
  void Put(const std::string& path, const Json& body) { Ask("PUT", path, body.dump()); }
  // OK if there is no such object.
  void Delete(const std::string& path) { Ask("DELETE", path, "", true); }

  // All items of a list, page by page.
  std::vector<Json> List(const std::string& path);
  // Whether podwarp says that it forwards; the reason if not.
  bool IsReady(std::string* why_not);

 private:
  struct Answer {
    int status = 0;
    Json body;
  };
  Answer AskOnceServed(const std::string& method, const std::string& path, const std::string& body);
  std::optional<Json> Ask(const std::string& method, const std::string& path,
                          const std::string& body, bool may_be_missing = false);

  const std::string socket_;
};

}  // namespace podwarp::cni
