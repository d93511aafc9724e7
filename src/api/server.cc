#include "api/server.h"

#include <glog/logging.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "control/control_loop.h"

namespace podwarp {

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Open(const ApiServerSettings& settings,
                                                           ApiBackend* backend) {
  absl::StatusOr<std::unique_ptr<UnixListener>> listener =
      UnixListener::Open(settings.socket, settings.mode, settings.group);
  if (!listener.ok()) return listener.status();
  return Serve(*std::move(listener), settings, backend);
}

std::unique_ptr<ApiServer> ApiServer::Serve(std::unique_ptr<Listener> listener,
                                            const ApiServerSettings& settings,
                                            ApiBackend* backend) {
  return std::unique_ptr<ApiServer>(new ApiServer(settings, backend, std::move(listener)));
}

ApiServer::ApiServer(const ApiServerSettings& settings, ApiBackend* backend,
                     std::unique_ptr<Listener> listener)
    : settings_(settings),
      front_(backend, settings.http),
      listener_(std::move(listener)),
      stop_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  PCHECK(stop_fd_ >= 0);
  accepting_ = std::thread([this] { AcceptLoop(); });
}

ApiServer::~ApiServer() {
  eventfd_write(stop_fd_, 1);
  accepting_.join();
  for (Client& client : clients_) client.connection.Interrupt();
  for (Client& client : clients_) client.thread.join();
  close(stop_fd_);
}

void ApiServer::AcceptLoop() {
  while (true) {
    pollfd wait[] = {{.fd = listener_->fd(), .events = POLLIN, .revents = 0},
                     {.fd = stop_fd_, .events = POLLIN, .revents = 0}};
    poll(wait, std::size(wait), -1);
    if (wait[1].revents != 0) return;
    if (wait[0].revents == 0) continue;
    const int fd = accept4(listener_->fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      Accept(fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      // It will stay readable: no reason to spin until a descriptor is free.
      const int error = errno;
      if (const auto left_out = log_limit_.Take("accept", ControlLoop::Now())) {
        LOG(WARNING) << "API: can't accept a connection: " << strerror(error) << LeftOut(*left_out);
      }
      Reap();
      MakeRoom();
      usleep(10'000);
    }
  }
}

void ApiServer::Accept(int fd) {
  Reap();
  if (clients_.size() >= settings_.connections && !MakeRoom()) {
    if (const auto left_out = log_limit_.Take("refuse", ControlLoop::Now())) {
      LOG(WARNING) << "API: a connection is refused: " << clients_.size()
                   << " are open, and none of them waits" << LeftOut(*left_out);
    }
    const std::string refusal = HttpFront::Refusal();
    send(fd, refusal.data(), refusal.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
    return;
  }
  Client& client = clients_.emplace_back(fd, settings_.connection);
  try {
    client.thread = std::thread([this, &client] {
      try {
        front_.Serve(&client.connection);
      } catch (const std::exception& e) {
        if (const auto left_out = log_limit_.Take("failure", ControlLoop::Now())) {
          LOG(ERROR) << "API: a connection failed: " << e.what() << LeftOut(*left_out);
        }
      }
      client.connection.Interrupt();  // the peer sees the end now; the descriptor waits for Reap()
      client.is_done.store(true);
    });
  } catch (const std::system_error& e) {
    if (const auto left_out = log_limit_.Take("thread", ControlLoop::Now())) {
      LOG(ERROR) << "API: no thread for a connection: " << e.what() << LeftOut(*left_out);
    }
    clients_.pop_back();
  }
}

void ApiServer::Reap() {
  clients_.remove_if([](Client& client) {
    if (!client.is_done.load()) return false;
    client.thread.join();
    return true;
  });
}

bool ApiServer::MakeRoom() {
  auto longest = clients_.end();
  int64_t since = 0;
  for (auto client = clients_.begin(); client != clients_.end(); ++client) {
    const int64_t its = client->connection.waiting_since();
    if (its == 0 || (longest != clients_.end() && its >= since)) continue;
    longest = client;
    since = its;
  }
  if (longest == clients_.end()) return false;
  longest->connection.Interrupt();
  longest->thread.join();
  clients_.erase(longest);
  return true;
}

}  // namespace podwarp
