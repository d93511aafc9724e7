// Requests to a Kubernetes API server.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kubernetes/cancellation.h"
#include "kubernetes/cluster_access.h"

namespace podwarp {

struct ApiTimeouts {
  absl::Duration connect = absl::Seconds(5);  // each: TCP, and TLS
  // Without a byte. A server gives up after a minute itself.
  absl::Duration read = absl::Seconds(60);
};

// Any thread, any number at a time. Every request has a connection of its own, and reads the files
// of the credentials anew: they are rare, watches apart, which last, and so nothing that was
// rotated, cut off or ended in the middle is left over for the next.
//
// Errors are as ApiError() says; kUnavailable too if there was no whole answer; kCancelled;
// kFailedPrecondition and kInvalidArgument with a sentence if a credential can't be used. Names are
// looked up by the C library, which can't be cancelled.
class ApiClient {
 public:
  using Query = std::vector<std::pair<std::string, std::string>>;
  using Json = nlohmann::json;

  // Ignores SIGPIPE in this process: OpenSSL writes to sockets without MSG_NOSIGNAL.
  static absl::StatusOr<std::unique_ptr<ApiClient>> Open(ClusterAccess access,
                                                         ApiTimeouts timeouts = {});

  // What is at `path`, "/api/v1/nodes" say.
  absl::StatusOr<Json> Get(const std::string& path, const Query& query = {},
                           Cancellation* cancellation = nullptr) const;
  // RFC 7386. The object as it is after that.
  absl::StatusOr<Json> MergePatch(const std::string& path, const Json& patch,
                                  Cancellation* cancellation = nullptr) const;
  absl::StatusOr<Json> Post(const std::string& path, const Json& object,
                            Cancellation* cancellation = nullptr) const;

  // Gives the bytes of the answer as they come, until it ends: OK if the server ended it, else why
  // it broke off, or what on_bytes() returned. on_open() is told that the server accepted. Without
  // a byte for longer than `silence` it is broken off.
  absl::Status Watch(const std::string& path, const Query& query, absl::Duration silence,
                     const std::function<void()>& on_open,
                     const std::function<absl::Status(std::string_view)>& on_bytes,
                     Cancellation* cancellation) const;

  const ClusterAccess& access() const { return access_; }

 private:
  struct Request;
  struct Answer;

  ApiClient(ClusterAccess access, ServerAddress address, ApiTimeouts timeouts)
      : access_(std::move(access)), address_(std::move(address)), timeouts_(timeouts) {}

  absl::StatusOr<Json> Exchange(Request request) const;
  absl::Status Send(const Request& request, Answer* answer) const;

  const ClusterAccess access_;
  const ServerAddress address_;
  const ApiTimeouts timeouts_;
};

}  // namespace podwarp
