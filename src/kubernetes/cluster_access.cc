#include "kubernetes/cluster_access.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace podwarp {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const auto fault = [&path] {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", std::strerror(errno)));
  };
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return fault();
  const absl::Cleanup close = [file] { std::fclose(file); };
  std::string text;
  char piece[4096];
  size_t size = 0;
  while ((size = std::fread(piece, 1, sizeof(piece), file)) > 0) text.append(piece, size);
  if (std::ferror(file) != 0) return fault();  // a folder opens, but can't be read
  return std::string(absl::StripAsciiWhitespace(text));
}

absl::Status BadUrl(std::string_view url, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("server \"", ToAbsl(url), "\": ", ToAbsl(why),
                                                 "; it is https://HOST[:PORT][/PATH]"));
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

absl::StatusOr<std::string> Credential::Read(std::string_view name) const {
  if (file.empty()) return text;
  absl::StatusOr<std::string> read = ReadFile(file);
  if (!read.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(ToAbsl(name), ": ", read.status().message()));
  }
  if (read->empty()) {
    return absl::FailedPreconditionError(absl::StrCat(ToAbsl(name), ": ", file, " is empty"));
  }
  return read;
}

absl::StatusOr<ServerAddress> ParseServerAddress(std::string_view url) {
  ServerAddress address;
  absl::string_view rest = ToAbsl(url);
  if (absl::ConsumePrefix(&rest, "http://")) {
    address.is_tls = false;
    address.port = 80;
  } else if (!absl::ConsumePrefix(&rest, "https://")) {
    return BadUrl(url, "not a URL of https or http");
  }
  const size_t slash = rest.find('/');
  if (slash != absl::string_view::npos) {
    address.path = std::string(absl::StripSuffix(rest.substr(slash), "/"));
    rest = rest.substr(0, slash);
  }
  if (address.path.find_first_of("?#") != std::string::npos) return BadUrl(url, "has a query");
  absl::string_view port;
  if (absl::ConsumePrefix(&rest, "[")) {
    const size_t end = rest.find(']');
    if (end == absl::string_view::npos) return BadUrl(url, "has a [ without a ]");
    address.host = std::string(rest.substr(0, end));
    port = rest.substr(end + 1);
  } else {
    const size_t colon = rest.find(':');
    address.host = std::string(rest.substr(0, colon));
    if (colon != absl::string_view::npos) port = rest.substr(colon);
  }
  if (address.host.empty()) return BadUrl(url, "has no host");
  if (address.host.find_first_of("@ \t\r\n?#") != std::string::npos) {
    return BadUrl(url, "has a host that is none");
  }
  if (!port.empty() &&
      (!absl::ConsumePrefix(&port, ":") || !absl::SimpleAtoi(port, &address.port) ||
       address.port < 1 || address.port > 65535)) {
    return BadUrl(url, "has a port that is none");
  }
  return address;
}

absl::Status Check(const ClusterAccess& access) {
  const absl::StatusOr<ServerAddress> address = ParseServerAddress(access.server);
  if (!address.ok()) return address.status();
  if (access.certificate.is_given() != access.key.is_given()) {
    return absl::InvalidArgumentError(
        "a client certificate and its key go together: one is missing");
  }
  if (access.insecure && access.ca.is_given()) {
    return absl::InvalidArgumentError(
        "insecure-skip-tls-verify with a certificate authority: give one of them");
  }
  if (!address->is_tls && (access.token.is_given() || access.certificate.is_given())) {
    return absl::InvalidArgumentError(
        absl::StrCat("server \"", access.server, "\": a token or certificate needs https"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ClusterAccess> InClusterAccess(const std::string& folder) {
  const std::string host = Environment("KUBERNETES_SERVICE_HOST");
  const std::string port = Environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return absl::FailedPreconditionError(
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT aren't set: this isn't a pod; give a "
        "kubeconfig");
  }
  const bool is_ipv6 = host.find(':') != std::string::npos;
  ClusterAccess access;
  access.server = absl::StrCat("https://", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", ":", port);
  access.ca.file = folder + "/ca.crt";
  access.token.file = folder + "/token";
  for (const auto& [name, credential] : {std::pair("service account's CA", &access.ca),
                                         std::pair("service account's token", &access.token)}) {
    if (const auto read = credential->Read(name); !read.ok()) return read.status();
  }
  if (const auto name = ReadFile(folder + "/namespace"); name.ok() && !name->empty()) {
    access.namespace_name = *name;
  }
  if (absl::Status status = Check(access); !status.ok()) return status;
  return access;
}

}  // namespace podwarp
