#include "kernel/namespace.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace podwarp::test {
namespace {

// So that meson reports a program of skipped tests as skipped, not as passed.
class SkippedWithoutRoot : public testing::Environment {
 public:
  void TearDown() override {
    if (geteuid() != 0) std::exit(77);
  }
};
[[maybe_unused]] const auto* const kEnvironment =
    testing::AddGlobalTestEnvironment(new SkippedWithoutRoot);

}  // namespace

CommandResult RunCommand(const std::string& command) {
  CommandResult result;
  FILE* pipe = popen(absl::StrCat("exec 2>&1 timeout -k 1 60 ", command).c_str(), "re");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) result.output.append(buffer, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  return result;
}

testing::AssertionResult Succeeds(const std::string& command) {
  const CommandResult result = RunCommand(command);
  if (result.exit_code == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << command << "\nexit code " << result.exit_code << ", output:\n"
         << result.output;
}

TestNamespace::TestNamespace() {
  static int count = 0;
  name_ = absl::StrCat("podwarp-test-", getpid(), "-", ++count);
  EXPECT_TRUE(Succeeds("ip netns add " + name_));
  EXPECT_TRUE(Succeeds("ip -n " + name_ + " link set lo up"));
}

TestNamespace::~TestNamespace() { Delete(); }

void TestNamespace::Delete() {
  if (name_.empty()) return;
  EXPECT_TRUE(Succeeds("ip netns del " + name_));
  name_.clear();
}

}  // namespace podwarp::test
