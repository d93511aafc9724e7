// A TCP port that connections are accepted from.
//
// Source: ip(7), tcp(7).
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "api/listener.h"
#include "podwarp/net/ip_address.h"

namespace podwarp {

class TcpListener final : public Listener {
 public:
  // 0.0.0.0 is all addresses of the machine; port 0 is one that is free. Errors, each a sentence
  // with address and port: AlreadyExists (somebody listens there), NotFound (the machine doesn't
  // have the address), PermissionDenied and others.
  static absl::StatusOr<std::unique_ptr<TcpListener>> Open(Ipv4Address address, uint16_t port);
  ~TcpListener() override;

  int fd() const override { return fd_; }
  uint16_t port() const;

 private:
  explicit TcpListener(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace podwarp
