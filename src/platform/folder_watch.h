// Tells when files appear in folders.
//
// Thread rule: one thread.
// Source: inotify(7).
#pragma once

#include <map>
#include <set>
#include <string>

namespace podwarp {

class FolderWatch {
 public:
  FolderWatch();
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // Readable when something may have appeared; -1 if the kernel has none to give, and nothing will
  // ever be told.
  int fd() const { return fd_; }

  // Watches the folder, if it isn't watched already. What appears in it from now on is told.
  // Nothing is if it can't be watched: there is no such folder, or there are too many.
  void Watch(const std::string& folder);
  void Unwatch(const std::string& folder);

  // The folders in which something has appeared since the last call.
  std::set<std::string> TakeChanged();

 private:
  const int fd_;
  std::map<std::string, int> watches_;
  std::map<int, std::string> folders_;  // the same, the other way round
};

}  // namespace podwarp
