// A folder of a test's own.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace podwarp::ctl::test {

// Made and removed with it.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/podwarpctl-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Makes the folders above, too. Gives the path.
  std::string Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_.string() + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }
  void Link(const std::string& name, const std::string& target) const {
    const std::filesystem::path link = path_.string() + "/" + name;
    std::filesystem::create_directories(link.parent_path());
    std::filesystem::create_symlink(target, link);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace podwarp::ctl::test
