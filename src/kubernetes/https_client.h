// A connection of cpp-httplib's to an API server, with the cluster's credentials.
#pragma once

#include <httplib.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kubernetes/cluster_access.h"

namespace podwarp {

class HttpsClient {
 public:
  // Reads certificates, but connects to nobody yet.
  static absl::StatusOr<std::unique_ptr<HttpsClient>> Open(const ClusterAccess& access,
                                                           const ServerAddress& address);

  httplib::ClientImpl* http() { return http_.get(); }
  // Why the server's certificate wasn't believed, or what else TLS had against it; or "".
  std::string WhyRefused() const;

 private:
  HttpsClient() = default;

  std::unique_ptr<httplib::ClientImpl> http_;
  std::string verify_error_;  // written while it connects
};

}  // namespace podwarp
