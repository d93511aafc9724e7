// Machines for doctor's checks to look at: trees of files as /sys and /proc have them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "doctor/checks.h"
#include "folder.h"

namespace podwarp::ctl::test {

// With answers of programs and of the kernel, by what was asked.
class MadeUpMachine : public Machine {
 public:
  explicit MadeUpMachine(const std::string& root) : Machine(root) {}

  bool CanMakeFilesIn(const std::string& folder) const override {
    return !protected_folders.contains(folder);
  }
  std::optional<std::string> Output(const std::vector<std::string>& command) const override {
    const auto found = outputs.find(absl::StrJoin(command, " "));
    if (found == outputs.end()) return std::nullopt;
    return found->second;
  }
  std::optional<bool> HasOffload(const std::string& interface, LinkOffload offload) const override {
    const auto found = offloads.find(interface);
    if (found == offloads.end()) return std::nullopt;
    return found->second.contains(offload);
  }

  std::set<std::string> protected_folders;
  std::map<std::string, std::string> outputs;
  std::map<std::string, std::set<LinkOffload>> offloads;  // those that are on
};

// A check's findings on a machine of files that the test writes.
class DoctorTest : public testing::Test {
 protected:
  using Check = void (*)(const Subject&, Findings*);

  void Write(const std::string& path, const std::string& text) { folder_.Write(path, text); }
  void Link(const std::string& path, const std::string& target) { folder_.Link(path, target); }
  void Configure(const std::string& yaml) {
    const absl::StatusOr<NodeConfig> config = LoadNodeConfig(folder_.Write("/node.yaml", yaml));
    ASSERT_TRUE(config.ok()) << config.status();
    subject_.config = *config;
  }
  std::vector<Finding> Run(Check check) const {
    Findings findings;
    check(subject_, &findings);
    return findings.all();
  }

  Folder folder_;
  MadeUpMachine machine_{folder_.path().string()};
  Subject subject_ = {.machine = &machine_,
                      .config = std::nullopt,
                      .pid = std::nullopt,
                      .asked_socket = "/run/podwarp/api.sock"};
};

inline auto Is(Level level, const std::string& part) {
  return testing::AllOf(testing::Field(&Finding::level, level),
                        testing::Field(&Finding::sentence, testing::HasSubstr(part)));
}
inline auto IsOk(const std::string& part) { return Is(Level::kOk, part); }
inline auto IsWarning(const std::string& part) { return Is(Level::kWarning, part); }
inline auto IsProblem(const std::string& part) { return Is(Level::kProblem, part); }

}  // namespace podwarp::ctl::test

namespace podwarp::ctl {
inline void PrintTo(const Finding& finding, std::ostream* out) {
  *out << ToString(finding.level) << ": " << finding.sentence;
}
}  // namespace podwarp::ctl
