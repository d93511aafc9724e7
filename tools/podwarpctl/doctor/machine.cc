#include "doctor/machine.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace podwarp::ctl {
namespace {

uint32_t CommandOf(LinkOffload offload) {
  switch (offload) {
    case LinkOffload::kTx:
      return ETHTOOL_GTXCSUM;
    case LinkOffload::kTso:
      return ETHTOOL_GTSO;
    case LinkOffload::kGso:
      return ETHTOOL_GGSO;
    case LinkOffload::kGro:
      return ETHTOOL_GGRO;
  }
  return 0;
}

// What the program prints, if it ends well. Its complaints are nobody's.
std::optional<std::string> RunProgram(std::vector<std::string> command) {
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid;
  const bool started = posix_spawnp(&pid, argv[0], &files, nullptr, argv.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&files);
  close(output[1]);
  std::string text;
  char part[4096];
  for (ssize_t got; (got = read(output[0], part, sizeof(part))) > 0;) {
    text.append(part, static_cast<size_t>(got));
  }
  close(output[0]);
  int status = -1;
  if (!started || waitpid(pid, &status, 0) != pid || status != 0) return std::nullopt;
  return text;
}

}  // namespace

const char* ToString(LinkOffload offload) {
  static constexpr const char* kNames[] = {"tx", "tso", "gso", "gro"};
  return kNames[static_cast<size_t>(offload)];
}

Machine::Machine(std::string root) : root_(std::string(absl::StripSuffix(std::move(root), "/"))) {}

std::string Machine::Below(const std::string& path) const { return root_ + path; }

std::optional<std::string> Machine::Read(const std::string& path) const {
  std::ifstream file(Below(path));
  std::ostringstream text;
  if (!file.is_open() || !(text << file.rdbuf())) return std::nullopt;
  return std::string(absl::StripAsciiWhitespace(text.str()));
}

std::optional<int64_t> Machine::ReadNumber(const std::string& path) const {
  const std::optional<std::string> text = Read(path);
  int64_t number;
  if (!text.has_value() || !absl::SimpleAtoi(*text, &number)) return std::nullopt;
  return number;
}

bool Machine::Exists(const std::string& path) const {
  std::error_code error;
  return std::filesystem::exists(Below(path), error);
}

std::vector<std::string> Machine::List(const std::string& path) const {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(Below(path), error)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Machine::LinkTarget(const std::string& path) const {
  std::error_code error;
  return std::filesystem::read_symlink(Below(path), error).filename().string();
}

bool Machine::CanMakeFilesIn(const std::string& folder) const {
  return faccessat(AT_FDCWD, Below(folder).c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

std::optional<std::string> Machine::Output(const std::vector<std::string>& command) const {
  return IsTrue() ? RunProgram(command) : std::nullopt;
}

std::optional<bool> Machine::HasOffload(const std::string& interface, LinkOffload offload) const {
  if (!IsTrue() || interface.size() >= IFNAMSIZ) return std::nullopt;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  ethtool_value value = {.cmd = CommandOf(offload), .data = 0};
  ifreq request = {};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  const bool answered = ioctl(fd, SIOCETHTOOL, &request) == 0;
  close(fd);
  if (!answered) return std::nullopt;
  return value.data != 0;
}

std::vector<unsigned> ParseCoreList(const std::string& list) {
  std::vector<unsigned> cores;
  for (const auto part : absl::StrSplit(list, ',', absl::SkipWhitespace())) {
    const std::pair<std::string, std::string> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    unsigned first, last;
    if (!absl::SimpleAtoi(ends.first, &first)) continue;
    if (ends.second.empty() || !absl::SimpleAtoi(ends.second, &last)) last = first;
    for (unsigned core = first; core <= last; ++core) cores.push_back(core);
  }
  return cores;
}

}  // namespace podwarp::ctl
