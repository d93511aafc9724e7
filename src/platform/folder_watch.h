// Tells when files appear in folders, or what else may happen to them there.
//
// Thread rule: one thread.
// Source: inotify(7).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace podwarp {

class FolderWatch {
 public:
  FolderWatch();  // when they appear, or get other rights
  // `events` are inotify's.
  explicit FolderWatch(uint32_t events);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // Readable when something may have happened; -1 if the kernel has none to give, and nothing will
  // ever be told.
  int fd() const { return fd_; }

  // Watches the folder, if it isn't watched already. What happens in it from now on is told.
  // Nothing is if it can't be watched: there is no such folder, or there are too many.
  void Watch(const std::string& folder);
  void Unwatch(const std::string& folder);

  // The folders in which something has happened since the last call.
  std::set<std::string> TakeChanged();

 private:
  const uint32_t events_;
  const int fd_;
  std::map<std::string, int> watches_;
  std::map<int, std::string> folders_;  // the same, the other way round
};

}  // namespace podwarp
