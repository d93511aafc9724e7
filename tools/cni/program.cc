#include "program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "descriptor.h"
#include "interrupt.h"

namespace podwarp::cni {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kGrace = std::chrono::seconds(5);  // from SIGTERM to SIGKILL
constexpr int kSliceMs = 50;  // between looks at the clock and at the note of a signal

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe MakePipe() {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw IoError("pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

class Program {
 public:
  Program(const std::string& path, const Environment& environment) {
    Pipe in = MakePipe();
    Pipe out = MakePipe();
    std::vector<std::string> variables;
    for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
    std::vector<char*> pointers;
    for (std::string& variable : variables) pointers.push_back(variable.data());
    pointers.push_back(nullptr);
    std::string name = path;
    std::array<char*, 2> arguments = {name.data(), nullptr};

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
    // What we ignore, the program need not.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) sigaddset(&defaults, number);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const int error =
        posix_spawn(&pid_, path.c_str(), &actions, &attributes, arguments.data(), pointers.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      throw CniError(kIoFailure, "I/O failure", path + ": " + std::strerror(error));
    }
    input_ = std::move(in.write);
    output_ = std::move(out.read);
    fcntl(input_.get(), F_SETFL, O_NONBLOCK);
  }
  ~Program() {
    if (pid_ > 0) Wait(Clock::now());
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Writes `input` and reads until the program closes its output, or until `is_over` says so.
  template <typename Predicate>
  std::string Converse(const std::string& input, Predicate is_over) {
    std::string output;
    size_t written = 0;
    while (!is_over()) {
      if (written == input.size()) input_.Close();
      std::array<pollfd, 2> both = {pollfd{output_.get(), POLLIN, 0},
                                    pollfd{input_.get(), POLLOUT, 0}};
      if (poll(both.data(), both.size(), kSliceMs) <= 0) continue;
      if (both[1].revents != 0) {
        const ssize_t n = write(input_.get(), input.data() + written, input.size() - written);
        if (n > 0) written += static_cast<size_t>(n);
        if (n < 0 && errno == EPIPE) written = input.size();  // it doesn't want it
      }
      if (both[0].revents == 0) continue;
      std::array<char, 4096> bytes;
      const ssize_t n = read(output_.get(), bytes.data(), bytes.size());
      if (n > 0) output.append(bytes.data(), static_cast<size_t>(n));
      if (n == 0) break;
    }
    return output;
  }

  // Waits for its end, from `deadline` on by force.
  int Wait(Clock::time_point deadline) {
    int how = 0;
    int sent = 0;
    while (waitpid(pid_, &how, WNOHANG) == 0) {
      if (sent == 0 && Clock::now() >= deadline) kill(pid_, sent = SIGTERM);
      if (sent == SIGTERM && Clock::now() >= deadline + kGrace) kill(pid_, sent = SIGKILL);
      poll(nullptr, 0, 2);
    }
    pid_ = 0;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
  }

 private:
  pid_t pid_ = 0;
  Descriptor input_;
  Descriptor output_;
};

}  // namespace

ProgramEnd RunProgram(const std::string& path, const Environment& environment,
                      const std::string& input, std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  Program program(path, environment);
  ProgramEnd end;
  end.output = program.Converse(input, [&] { return IsInterrupted() || Clock::now() >= deadline; });
  end.status = program.Wait(IsInterrupted() ? Clock::now() : deadline);
  ThrowIfInterrupted();
  if (Clock::now() >= deadline) {
    throw CniError(kTryAgainLater, "an IPAM plugin takes too long",
                   path + " was ended after " + std::to_string(patience.count() / 1000) + " s");
  }
  return end;
}

}  // namespace podwarp::cni
