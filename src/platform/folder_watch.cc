#include "platform/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cstddef>

namespace podwarp {
namespace {

// Rights count as well: a socket that may be used from now on.
constexpr uint32_t kAppears = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR;

}  // namespace

FolderWatch::FolderWatch() : FolderWatch(kAppears) {}

FolderWatch::FolderWatch(uint32_t events)
    : events_(events), fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

FolderWatch::~FolderWatch() {
  if (fd_ >= 0) close(fd_);
}

void FolderWatch::Watch(const std::string& folder) {
  if (fd_ < 0 || watches_.contains(folder)) return;
  const int watch = inotify_add_watch(fd_, folder.c_str(), events_);
  if (watch < 0) return;
  // Two paths may lead to one folder, which has one watch: the path asked for last is told.
  watches_[folder] = watch;
  folders_[watch] = folder;
}

void FolderWatch::Unwatch(const std::string& folder) {
  const auto watch = watches_.find(folder);
  if (watch == watches_.end()) return;
  inotify_rm_watch(fd_, watch->second);
  folders_.erase(watch->second);
  watches_.erase(watch);
}

std::set<std::string> FolderWatch::TakeChanged() {
  std::set<std::string> changed;
  alignas(inotify_event) char buffer[16 << 10];
  ssize_t bytes;
  while (fd_ >= 0 && (bytes = read(fd_, buffer, sizeof(buffer))) > 0) {
    for (ssize_t at = 0; at < bytes;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) {  // some are lost: it may be any
        for (const auto& [folder, watch] : watches_) changed.insert(folder);
      }
      const auto folder = folders_.find(event->wd);
      if (folder == folders_.end()) continue;
      changed.insert(folder->second);
      if ((event->mask & IN_IGNORED) != 0) {  // the folder is gone, and the watch with it
        watches_.erase(folder->second);
        folders_.erase(folder);
      }
    }
  }
  return changed;
}

}  // namespace podwarp
