#include "network_config.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace podwarp::cni {
namespace {

constexpr size_t kLongestSocketPath = 107;  // sockaddr_un::sun_path less the final zero
constexpr int kMostQueues = 16;

// Those of the runtime and of other plugins' conventions, which mean nothing here.
constexpr const char* kPassedOver[] = {"type",         "cniVersion", "cniVersions",
                                       "capabilities", "args",       "runtimeConfig",
                                       "disableCheck", "disableGC",  "loadOnlyInlinedPlugins"};

[[noreturn]] void Invalid(const std::string& key, const std::string& what) {
  throw CniError(kInvalidConfig, "invalid network configuration", key + ": " + what);
}

// The keys of one object, read one by one; what nobody asked for is left.
class Keys {
 public:
  explicit Keys(const Json& json) : rest_(json) {}

  Json Take(const std::string& key) {
    const auto found = rest_.find(key);
    if (found == rest_.end()) return nullptr;
    Json value = *found;
    rest_.erase(found);
    return value;
  }

  void Text(const std::string& key, std::string* value) {
    const Json found = Take(key);
    if (found.is_null()) return;
    if (!found.is_string() || found.get<std::string>().empty()) {
      Invalid(key, "expected a text, found " + found.dump());
    }
    *value = found.get<std::string>();
  }
  void Path(const std::string& key, std::string* value) {
    Text(key, value);
    if (value->front() != '/') Invalid(key, "'" + *value + "' is not an absolute path");
  }
  void Bool(const std::string& key, bool* value) {
    const Json found = Take(key);
    if (found.is_null()) return;
    if (!found.is_boolean()) Invalid(key, "expected true or false, found " + found.dump());
    *value = found.get<bool>();
  }
  void Integer(const std::string& key, int least, int most, std::optional<int>* value) {
    const Json found = Take(key);
    if (found.is_null()) return;
    if (!found.is_number_integer() || found < least || found > most) {
      Invalid(key, found.dump() + " is not a whole number from " + std::to_string(least) + " to " +
                       std::to_string(most));
    }
    *value = found.get<int>();
  }
  Json Object(const std::string& key) {
    Json found = Take(key);
    if (!found.is_null() && !found.is_object()) {
      Invalid(key, "expected an object, found " + found.dump());
    }
    return found;
  }

  void RefuseTheRest() const {
    for (const auto& [key, value] : rest_.items()) {
      if (key.starts_with("cni.dev/")) continue;
      throw CniError(kUnsupportedField, "unsupported field",
                     key + ": " + value.dump() + ": podwarp-cni doesn't know this key");
    }
  }

 private:
  Json rest_;
};

// SPEC.md, "Configuration format".
bool IsNetworkName(const std::string& text) {
  const auto is_allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  };
  return !text.empty() && std::isalnum(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), is_allowed);
}

std::string IpamType(const Json& ipam) {
  if (ipam.is_null()) {
    Invalid("ipam",
            "is missing; pods have their addresses from an IPAM plugin, say "
            "{\"type\": \"host-local\", ...}");
  }
  const Json type = ipam.value("type", Json());
  const std::string name = type.is_string() ? type.get<std::string>() : "";
  if (name.empty() || name.find('/') != std::string::npos) {
    Invalid("ipam.type", "expected a plugin's name, found " + type.dump());
  }
  return name;
}

void ReadVhostUser(Keys& keys, NetworkConfig* config) {
  std::string mode = "tap";
  keys.Text("mode", &mode);
  if (mode != "tap" && mode != "vhost-user") {
    Invalid("mode", "'" + mode + "' is not a mode (expected tap or vhost-user)");
  }
  config->is_vhost_user = mode == "vhost-user";
  keys.Path("socket_directory", &config->socket_directory);
  keys.Integer("queues", 1, kMostQueues, &config->queues);
  if (config->queues.has_value() && !config->is_vhost_user) {
    Invalid("queues", "is for mode vhost-user only");
  }
}

// Absent means that nothing is known of attachments, which is no reason to remove them all.
void ReadValidAttachments(Keys& keys, NetworkConfig* config) {
  constexpr char kKey[] = "cni.dev/valid-attachments";
  const Json list = keys.Take(kKey);
  if (list.is_null()) return;
  if (!list.is_array()) Invalid(kKey, "expected a list, found " + list.dump());
  config->valid_attachments.emplace();
  for (const Json& entry : list) {
    const bool is_object = entry.is_object();
    const Json id = is_object ? entry.value("containerID", Json()) : Json();
    const Json interface = is_object ? entry.value("ifname", Json()) : Json();
    if (!id.is_string() || !interface.is_string()) {
      Invalid(kKey, "expected {\"containerID\": ..., \"ifname\": ...}, found " + entry.dump());
    }
    config->valid_attachments->emplace(id.get<std::string>(), interface.get<std::string>());
  }
}

}  // namespace

NetworkConfig ParseNetworkConfig(const Json& json) {
  Keys keys(json);
  NetworkConfig config;
  for (const char* key : kPassedOver) keys.Take(key);
  keys.Text("name", &config.name);
  if (!IsNetworkName(config.name)) {
    Invalid(
        "name",
        config.name.empty()
            ? "is missing"
            : "'" + config.name +
                  "' is not a network's "
                  "name (expected letters, digits, '_', '.' and '-', the first a letter or digit)");
  }
  keys.Path("socket", &config.socket);
  if (config.socket.size() > kLongestSocketPath) {
    Invalid("socket", "has " + std::to_string(config.socket.size()) +
                          " bytes; a socket's path has "
                          "at most " +
                          std::to_string(kLongestSocketPath));
  }
  keys.Path("state", &config.state);
  keys.Path("lock", &config.lock);
  config.ipam = IpamType(keys.Object("ipam"));
  keys.Integer("mtu", 576, 9216, &config.mtu);
  keys.Bool("on_link", &config.on_link);
  ReadVhostUser(keys, &config);
  bool masquerade = false;
  keys.Bool("ipMasq", &masquerade);
  if (masquerade) {
    throw CniError(kUnsupportedField, "unsupported field",
                   "ipMasq: true: host_port.masquerade of podwarp's own configuration says that");
  }
  config.dns = keys.Object("dns");
  config.prev_result = keys.Object("prevResult");
  ReadValidAttachments(keys, &config);
  keys.RefuseTheRest();
  return config;
}

}  // namespace podwarp::cni
