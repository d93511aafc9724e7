#include "control/config_watch.h"

#include <glog/logging.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <tuple>

#include "platform/folder_watch.h"

namespace podwarp {
namespace {

// Not IN_CREATE: a new file is written after that.
constexpr uint32_t kReplaced = IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR;
// Where inotify has no watch to give, the file is looked at so often. Else it tells at once.
constexpr int kLookMs = 10'000;
constexpr size_t kMostLinks = 40;  // as the kernel has it, path_resolution(7)

std::optional<std::string> TextOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return std::nullopt;
  return text.str();
}

// What tells a file from what it was, or from another.
std::tuple<dev_t, ino_t, off_t, int64_t, int64_t> LooksOf(const std::string& path) {
  struct stat looks = {};
  stat(path.c_str(), &looks);
  return {looks.st_dev, looks.st_ino, looks.st_size, looks.st_mtim.tv_sec, looks.st_mtim.tv_nsec};
}

// The folders of the path and of each link on it.
std::set<std::string> FoldersOnTheWayTo(const std::string& path) {
  std::set<std::string> folders;
  std::error_code error;
  std::filesystem::path rest = std::filesystem::absolute(path, error);
  for (size_t links = 0; links < kMostLinks; ++links) {
    // The first link on the way: what it leads to is the way from there.
    std::filesystem::path at, target;
    for (auto part = rest.begin(); part != rest.end(); ++part) {
      at /= *part;
      if (!std::filesystem::is_symlink(at, error)) continue;
      target = at.parent_path() / std::filesystem::read_symlink(at, error);
      while (++part != rest.end()) target /= *part;
      break;
    }
    folders.insert((target.empty() ? rest : at).parent_path());
    if (target.empty()) break;
    rest = target.lexically_normal();
  }
  return folders;
}

}  // namespace

ConfigWatch::ConfigWatch(std::string path, std::function<void()> changed)
    : path_(std::move(path)),
      changed_(std::move(changed)),
      stop_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      thread_([this] { Run(); }) {
  PCHECK(stop_fd_ >= 0);
}

ConfigWatch::~ConfigWatch() {
  eventfd_write(stop_fd_, 1);
  thread_.join();
  close(stop_fd_);
}

void ConfigWatch::Run() {
  FolderWatch folders(kReplaced);
  std::set<std::string> watched;
  std::optional<std::string> text;
  auto looks = LooksOf(path_);
  while (true) {
    // Before the file is read: what comes after is told.
    const std::set<std::string> on_the_way = FoldersOnTheWayTo(path_);
    for (const std::string& folder : watched) {
      if (!on_the_way.contains(folder)) folders.Unwatch(folder);
    }
    for (const std::string& folder : on_the_way) folders.Watch(folder);
    watched = on_the_way;
    std::optional<std::string> now = TextOf(path_);
    if (now.has_value() && now != text) {
      text = std::move(now);
      changed_();
    }
    pollfd wake[] = {{.fd = stop_fd_, .events = POLLIN, .revents = 0},
                     {.fd = folders.fd(), .events = POLLIN, .revents = 0}};
    while (poll(wake, std::size(wake), kLookMs) <= 0 && looks == LooksOf(path_)) continue;
    if (wake[0].revents != 0) return;
    looks = LooksOf(path_);
    folders.TakeChanged();
  }
}

}  // namespace podwarp
