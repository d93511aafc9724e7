// The API's server: accepts connections on a Unix socket or a TCP port, and gives each a
// thread.
//
// Connections are bounded. When all places are taken, the one whose peer has kept us waiting for
// the longest goes, so that any number of silent clients can't keep others out; if none waits, the
// newcomer is refused in words.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "api/backend.h"
#include "api/connection.h"
#include "api/http_front.h"
#include "api/unix_listener.h"
#include "control/log_limit.h"

namespace podwarp {

struct ApiServerSettings {
  std::string socket;  // absolute, at most 107 bytes
  mode_t mode = 0660;  // the file's rights
  std::string group;   // its group's name; empty = podwarp's own
  size_t connections = 64;
  ConnectionLimits connection;
  HttpLimits http;
};

class ApiServer {
 public:
  // Serves from now on. The backend outlives the server; threads inherit signals and affinity from
  // the caller's. Errors: those of UnixListener::Open().
  static absl::StatusOr<std::unique_ptr<ApiServer>> Open(const ApiServerSettings& settings,
                                                         ApiBackend* backend);
  // The same for a listener that is there; what the settings say of a socket doesn't count.
  static std::unique_ptr<ApiServer> Serve(std::unique_ptr<Listener> listener,
                                          const ApiServerSettings& settings, ApiBackend* backend);
  // Ends all connections; waits for changes that are under way.
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

 private:
  // Its thread sets is_done last of all.
  struct Client {
    Client(int fd, const ConnectionLimits& limits) : connection(fd, limits) {}
    HttpConnection connection;
    std::atomic<bool> is_done{false};
    std::thread thread;
  };

  ApiServer(const ApiServerSettings& settings, ApiBackend* backend,
            std::unique_ptr<Listener> listener);
  void AcceptLoop();
  void Accept(int fd);
  // Joins the threads that are done.
  void Reap();
  // Has the one that waits longest end, and waits for that. False if none waits.
  bool MakeRoom();

  const ApiServerSettings settings_;
  HttpFront front_;
  const std::unique_ptr<Listener> listener_;
  const int stop_fd_;
  std::list<Client> clients_;  // the accepting thread's
  LogLimit log_limit_;
  std::thread accepting_;
};

}  // namespace podwarp
