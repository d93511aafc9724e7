// A client of podwarp's API, which is HTTP/1.1 with JSON on a Unix socket.
//
// Errors of all calls: Unavailable (nobody answers at the socket, or the answer broke off), and
// FailedPrecondition with the sentence of the API's error.
//
// Thread rule: one thread at a time. Source: configs/openapi.yaml.
#pragma once

#include <atomic>
#include <functional>
#include <istream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace podwarp::ctl {

using Json = nlohmann::ordered_json;  // shown in the order in which the API says it

class ApiClient {
 public:
  explicit ApiClient(const std::string& socket);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  // Paths are those of configs/openapi.yaml, and names in them are encoded by InPath().
  absl::StatusOr<Json> Get(const std::string& path);
  absl::StatusOr<Json> Put(const std::string& path, const Json& body);
  absl::StatusOr<Json> Delete(const std::string& path);
  absl::StatusOr<Json> Post(const std::string& path);
  // Sends all that can be read from `lines`, a part at a time; `name` stands for it in errors.
  absl::StatusOr<Json> PostLines(const std::string& path, std::istream* lines,
                                 const std::string& name);

  // A GET of what goes on: `take` has each part as it comes, wherever it is cut. All is well if
  // `take` returns false, Stop() is called, or that was all.
  absl::Status GetStream(const std::string& path,
                         const std::function<bool(std::string_view part)>& take);
  // Ends the GetStream() that is under way. Any thread.
  void Stop();

  const std::string& socket() const { return socket_; }

 private:
  class Http;  // with cpp-httplib, whose header takes a second to compile

  const std::string socket_;
  std::atomic<bool> is_stopped_{false};
  const std::unique_ptr<Http> http_;
};

// A name as a part of a path: all but letters, digits and "-._~" as %XX.
std::string InPath(std::string_view name);

}  // namespace podwarp::ctl
