#include "client/follow.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iterator>
#include <thread>

namespace podwarp::ctl {
namespace {

// Calls `end` when somebody has had enough: by a thread of its own, and then again and again, since
// what is to end may not have begun yet.
class Interruption {
 public:
  Interruption(int output, std::function<void()> end) : output_(output), end_(std::move(end)) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
    signals_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    thread_ = std::thread([this] { Wait(); });
  }
  ~Interruption() {
    eventfd_write(done_, 1);
    thread_.join();
    signalfd_siginfo taken;
    while (read(signals_, &taken, sizeof(taken)) > 0) {
    }
    close(signals_);
    close(done_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  void Wait() {
    constexpr int kAgainMs = 100;
    pollfd wait[] = {{.fd = done_, .events = POLLIN, .revents = 0},
                     {.fd = signals_, .events = POLLIN, .revents = 0},
                     {.fd = output_, .events = 0, .revents = 0}};
    while (poll(wait, std::size(wait), -1) < 0 && errno == EINTR) {
    }
    for (int ms = 0; poll(wait, 1, ms) == 0; ms = kAgainMs) end_();
  }

  const int output_;
  const std::function<void()> end_;
  const int done_ = eventfd(0, EFD_CLOEXEC);
  int signals_;
  sigset_t before_;
  std::thread thread_;
};

}  // namespace

absl::Status Follow(ApiClient* client, const std::string& path, int output,
                    const std::function<bool(std::string_view part)>& take) {
  const Interruption interruption(output, [client] { client->Stop(); });
  return client->GetStream(path, take);
}

}  // namespace podwarp::ctl
