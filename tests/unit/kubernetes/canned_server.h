// Answers whatever it is asked with the same bytes, in pieces, and then closes the connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

namespace podwarp::test {

// Over plain HTTP: what is seen is exactly these bytes.
class CannedServer {
 public:
  static constexpr char kTlsHandshake = 0x16;

  explicit CannedServer(std::string bytes, size_t piece = 1 << 20)
      : bytes_(std::move(bytes)), piece_(piece), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 16) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~CannedServer() {
    is_stopping_ = true;
    thread_.join();
    close(listener_);
  }

  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_); }

 private:
  void Serve() {
    while (!is_stopping_) {
      pollfd wait = {.fd = listener_, .events = POLLIN, .revents = 0};
      if (poll(&wait, 1, 10) <= 0) continue;
      const int peer = accept(listener_, nullptr, nullptr);
      if (peer < 0) continue;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = read(peer, buffer, sizeof(buffer));
        if (n <= 0) break;
        request.append(buffer, static_cast<size_t>(n));
        if (request[0] == kTlsHandshake) break;
      }
      for (size_t at = 0; at < bytes_.size(); at += piece_) {
        const std::string piece = bytes_.substr(at, piece_);
        if (send(peer, piece.data(), piece.size(), MSG_NOSIGNAL) < 0) break;
      }
      close(peer);
    }
  }

  const std::string bytes_;
  const size_t piece_;
  const int listener_;
  int port_ = 0;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace podwarp::test
