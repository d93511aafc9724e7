// How an API server is reached, and what it is shown.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace podwarp {

// A token, or PEM: its text, or the file that has it. A file is read at every use: kubelet replaces
// what it mounts before it expires.
struct Credential {
  std::string text;
  std::string file;

  bool is_given() const { return !text.empty() || !file.empty(); }
  // Without blanks around it. `name` is for the message: "token", say.
  absl::StatusOr<std::string> Read(std::string_view name) const;
};

struct ServerAddress {
  bool is_tls = true;
  std::string host;  // of IPv6 without brackets
  int port = 443;
  std::string path;  // before every request's, as behind some proxies: "" or "/prefix"
};

// Of https://HOST[:PORT][/PATH], or http.
absl::StatusOr<ServerAddress> ParseServerAddress(std::string_view url);

struct ClusterAccess {
  std::string server;  // its URL
  Credential ca;       // not given: the system's
  Credential token;
  Credential certificate;  // of the client, with those between it and the CA
  Credential key;
  std::string namespace_name = "default";
  bool insecure = false;  // the server may be anybody
};

// Whether it makes sense: a URL, certificates with keys, and no secrets over plain HTTP.
absl::Status Check(const ClusterAccess& access);

// What Kubernetes gives every pod: the server in KUBERNETES_SERVICE_HOST and _PORT, and the service
// account's files in `folder`.
absl::StatusOr<ClusterAccess> InClusterAccess(
    const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

}  // namespace podwarp
