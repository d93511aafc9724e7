// Tells when the text of the configuration file is another.
//
// A file is replaced in three ways: by a rename onto its name, by a rename of what a symbolic link
// on its way leads by (kubelet changes a mounted ConfigMap by renaming the folder link `..data`),
// or in place. So the folder of each link on the way to the file is watched; what is told there is
// only looked at if the file is another one than before, and counts only if its text is.
//
// Source: inotify(7); kubernetes/pkg/volume/util/atomic_writer.go.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace podwarp {

class ConfigWatch {
 public:
  // Calls `changed` from a thread of its own, and once at the beginning: for what has changed since
  // the file was read for the start. A file that is being written, or isn't there for a moment, is
  // waited for.
  ConfigWatch(std::string path, std::function<void()> changed);
  ~ConfigWatch();
  ConfigWatch(const ConfigWatch&) = delete;
  ConfigWatch& operator=(const ConfigWatch&) = delete;

 private:
  void Run();

  const std::string path_;
  const std::function<void()> changed_;
  const int stop_fd_;
  std::thread thread_;
};

}  // namespace podwarp
