#include "api/tcp_listener.h"

#include <glog/logging.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

constexpr int kBacklog = 64;

absl::Status WhyNot(int error, const std::string& where) {
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(absl::StrCat("another process listens on ", where));
  }
  if (error == EADDRNOTAVAIL) {
    return absl::NotFoundError(
        absl::StrCat("can't listen on ", where, ": this machine doesn't have the address"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("can't listen on ", where));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TcpListener>> TcpListener::Open(Ipv4Address address, uint16_t port) {
  const std::string where = absl::StrCat(address.ToString(), ":", port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return WhyNot(errno, where);
  auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  const int on = 1;
  // Connections of the podwarp before this one may still linger.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // Those that are accepted inherit it: an answer's end isn't to wait for an acknowledgement.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(address.value());
  if (bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0 ||
      listen(fd, kBacklog) != 0) {
    return WhyNot(errno, where);
  }
  std::move(close_fd).Cancel();
  return std::unique_ptr<TcpListener>(new TcpListener(fd));
}

TcpListener::~TcpListener() { close(fd_); }

uint16_t TcpListener::port() const {
  sockaddr_in name = {};
  socklen_t size = sizeof(name);
  PCHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size) == 0);
  return ntohs(name.sin_port);
}

}  // namespace podwarp
