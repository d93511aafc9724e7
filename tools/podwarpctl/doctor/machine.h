// What the machine says of itself: files of /sys and /proc, which may lie below another root, and
// answers of the kernel and of programs, which there are only for the true one.
//
// Thread rule: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace podwarp::ctl {

// What the kernel does to frames in place of a device, by ethtool's names.
enum class LinkOffload : uint8_t { kTx, kTso, kGso, kGro };
inline constexpr LinkOffload kLinkOffloads[] = {LinkOffload::kTx, LinkOffload::kTso,
                                                LinkOffload::kGso, LinkOffload::kGro};
const char* ToString(LinkOffload offload);

class Machine {
 public:
  explicit Machine(std::string root = "/");
  virtual ~Machine() = default;

  // Paths are absolute, as they are without another root. A file's text has no space at its ends.
  std::optional<std::string> Read(const std::string& path) const;
  std::optional<int64_t> ReadNumber(const std::string& path) const;
  bool Exists(const std::string& path) const;
  // What is in a folder, in order; nothing if there is no such folder.
  std::vector<std::string> List(const std::string& path) const;
  // The last part of a symbolic link's target: the name of a device's driver. Empty if it is none.
  std::string LinkTarget(const std::string& path) const;
  // Where a path lies on this machine.
  std::string Below(const std::string& path) const;

  // Whether this process may make files in the folder.
  virtual bool CanMakeFilesIn(const std::string& folder) const;
  // What a program prints; nothing if it isn't there, or fails.
  virtual std::optional<std::string> Output(const std::vector<std::string>& command) const;
  // Nothing if the kernel doesn't say.
  virtual std::optional<bool> HasOffload(const std::string& interface, LinkOffload offload) const;

 private:
  bool IsTrue() const { return root_.empty(); }

  const std::string root_;  // without a slash at its end
};

// The numbers of "0-2,8", as the kernel lists cores; nothing of what isn't that.
std::vector<unsigned> ParseCoreList(const std::string& list);

}  // namespace podwarp::ctl
