// Network namespaces of a test's own, and commands in them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace podwarp::test {

struct CommandResult {
  int exit_code = -1;
  std::string output;  // both streams
};
// By the shell. Ends by itself or after 60 s.
CommandResult RunCommand(const std::string& command);

// Passes if the command's exit code is 0; shows its output if not.
testing::AssertionResult Succeeds(const std::string& command);

// A named namespace, deleted with the object; loopback is up.
class TestNamespace {
 public:
  TestNamespace();
  ~TestNamespace();
  TestNamespace(const TestNamespace&) = delete;
  TestNamespace& operator=(const TestNamespace&) = delete;

  const std::string& name() const { return name_; }
  std::string path() const { return "/run/netns/" + name_; }
  // `command` as it is to be run to happen inside.
  std::string In(const std::string& command) const {
    return "ip netns exec " + name_ + " " + command;
  }
  // Takes the name away, as the container runtime does when a pod ends.
  void Delete();

 private:
  std::string name_;
};

// A command that runs beside the test.
class BackgroundCommand {
 public:
  explicit BackgroundCommand(const std::string& command)
      : thread_([this, command] { result_ = RunCommand(command); }) {}
  ~BackgroundCommand() { Wait(); }
  const CommandResult& Wait() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }

 private:
  CommandResult result_;
  std::thread thread_;
};

}  // namespace podwarp::test
