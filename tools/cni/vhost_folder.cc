#include "vhost_folder.h"

#include <filesystem>
#include <fstream>

#include "descriptor.h"

namespace podwarp::cni {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestSocketPath = 107;  // sockaddr_un::sun_path less the final zero
constexpr size_t kIdCharacters = 12;        // of a container's ID, in the convention's file names

void ThrowIfFailed(const std::error_code& error, const std::string& path) {
  if (error) throw CniError(kIoFailure, "I/O failure", path + ": " + error.message());
}

}  // namespace

std::string VhostFolder::description() const {
  return folder_ + "/configData-" + container_id_.substr(0, kIdCharacters) + "-" + interface_ +
         ".json";
}

void VhostFolder::Make() const {
  if (socket().size() > kLongestSocketPath) {
    throw CniError(kInvalidConfig, "invalid network configuration",
                   "socket_directory: " + socket() + " has " + std::to_string(socket().size()) +
                       " bytes; a socket's path has at most " + std::to_string(kLongestSocketPath));
  }
  std::error_code error;
  fs::create_directories(folder_, error);
  ThrowIfFailed(error, folder_);
}

void VhostFolder::Describe(const Json& result) const {
  const Json data = {{"containerId", container_id_},
                     {"ifName", interface_},
                     {"name", network_},
                     {"config",
                      {{"engine", "podwarp"},
                       {"iftype", "vhostuser"},
                       {"netType", "interface"},
                       // podwarp is the server.
                       {"vhost", {{"mode", "client"}, {"socketfile", interface_}}}}},
                     {"ipResult", result}};
  // Under another name first: nobody is to read half of it.
  const std::string path = description();
  const std::string draft = path + ".new";
  std::ofstream file(draft);
  file << data.dump(2) << "\n";
  file.close();
  if (!file) throw IoError(draft);
  std::error_code error;
  fs::rename(draft, path, error);
  ThrowIfFailed(error, path);
}

void VhostFolder::Remove() const {
  const std::string path = description();
  for (const std::string& file : {path + ".new", path, socket()}) {
    std::error_code error;
    fs::remove(file, error);
    ThrowIfFailed(error, file);
  }
  // Another interface of the container's, or the container, may have something there.
  std::error_code ignored;
  fs::remove(folder_, ignored);
}

}  // namespace podwarp::cni
