#include "kubernetes/kubeconfig.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

class Reader {
 public:
  Reader(const std::string& path, YAML::Node root)
      : path_(path), folder_(std::filesystem::path(path).parent_path()), root_(std::move(root)) {}

  absl::StatusOr<ClusterAccess> Read();

 private:
  // What one of the lists has by that name: {name: ..., inner: {...}}.
  YAML::Node Named(const char* list, const char* inner, const std::string& name);
  void ReadCluster(const YAML::Node& cluster, const std::string& where, ClusterAccess* access);
  void ReadUser(const YAML::Node& user, const std::string& where, ClusterAccess* access);
  std::string Text(const YAML::Node& parent, const std::string& where, const char* key);
  bool Flag(const YAML::Node& parent, const std::string& where, const char* key);
  // `key`-data, which is base64, before `key`, which is a file.
  Credential Pem(const YAML::Node& parent, const std::string& where, const std::string& key);
  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  void Refuse(const YAML::Node& parent, const std::string& where,
              std::initializer_list<const char*> keys, const char* why);
  // The first counts.
  void Fault(const std::string& where, const std::string& why) {
    if (fault_.ok())
      fault_ = absl::InvalidArgumentError(absl::StrCat(path_, ": ", where, ": ", why));
  }

  const std::string path_;
  const std::filesystem::path folder_;
  const YAML::Node root_;
  absl::Status fault_;
};

absl::StatusOr<ClusterAccess> Reader::Read() {
  const std::string context_name = Text(root_, "", "current-context");
  if (fault_.ok() && context_name.empty()) Fault("current-context", "is missing");
  if (!fault_.ok()) return fault_;
  const std::string where = absl::StrCat("contexts[", context_name, "].context");
  const YAML::Node context = Named("contexts", "context", context_name);
  const std::string cluster = Text(context, where, "cluster");
  const std::string user = Text(context, where, "user");
  ClusterAccess access;
  if (const std::string name = Text(context, where, "namespace"); !name.empty()) {
    access.namespace_name = name;
  }
  if (cluster.empty()) Fault(where + ".cluster", "is missing");
  if (!fault_.ok()) return fault_;
  ReadCluster(Named("clusters", "cluster", cluster),
              absl::StrCat("clusters[", cluster, "].cluster"), &access);
  if (!user.empty()) {
    ReadUser(Named("users", "user", user), absl::StrCat("users[", user, "].user"), &access);
  }
  if (!fault_.ok()) return fault_;
  if (const absl::Status status = Check(access); !status.ok()) {
    Fault(where, std::string(status.message()));
  }
  if (!fault_.ok()) return fault_;
  return access;
}

YAML::Node Reader::Named(const char* list, const char* inner, const std::string& name) {
  const YAML::Node items = root_[list];
  if (items.IsDefined() && !items.IsNull() && !items.IsSequence()) Fault(list, "is no list");
  if (items.IsDefined() && items.IsSequence()) {
    for (const YAML::Node& item : items) {
      if (!item.IsMap() || !item["name"].IsDefined() || !item["name"].IsScalar()) continue;
      if (item["name"].Scalar() != name) continue;
      const YAML::Node found = item[inner];
      if (found.IsDefined() && found.IsMap()) return found;
      if (found.IsDefined() && !found.IsNull()) {
        Fault(absl::StrCat(list, "[", name, "].", inner), "is no mapping");
      }
      return YAML::Node(YAML::NodeType::Map);
    }
  }
  Fault(list, absl::StrCat("has no \"", name, "\""));
  return YAML::Node(YAML::NodeType::Map);
}

void Reader::ReadCluster(const YAML::Node& cluster, const std::string& where,
                         ClusterAccess* access) {
  access->server = Text(cluster, where, "server");
  if (access->server.empty()) {
    Fault(where + ".server", "is missing");
  } else if (const auto address = ParseServerAddress(access->server); !address.ok()) {
    Fault(where, std::string(address.status().message()));
  }
  access->insecure = Flag(cluster, where, "insecure-skip-tls-verify");
  access->ca = Pem(cluster, where, "certificate-authority");
  Refuse(cluster, where, {"proxy-url", "tls-server-name"}, "podwarp can't do this");
}

void Reader::ReadUser(const YAML::Node& user, const std::string& where, ClusterAccess* access) {
  Refuse(
      user, where, {"exec", "auth-provider"},
      "podwarp runs no program for credentials; give a token, a tokenFile or a client certificate");
  Refuse(user, where, {"username", "password", "as", "as-uid", "as-groups", "as-user-extra"},
         "podwarp can't do this; give a token, a tokenFile or a client certificate");
  access->token.text = Text(user, where, "token");
  // The file wins, as at kubectl.
  if (const std::string file = Text(user, where, "tokenFile"); !file.empty()) {
    access->token = {.text = "", .file = File(file)};
  }
  access->certificate = Pem(user, where, "client-certificate");
  access->key = Pem(user, where, "client-key");
}

std::string Reader::Text(const YAML::Node& parent, const std::string& where, const char* key) {
  const YAML::Node value = parent[key];
  if (!value.IsDefined() || value.IsNull()) return "";
  if (value.IsScalar()) return value.Scalar();
  Fault(where.empty() ? key : absl::StrCat(where, ".", key), "is no text");
  return "";
}

bool Reader::Flag(const YAML::Node& parent, const std::string& where, const char* key) {
  const std::string text = Text(parent, where, key);
  if (text == "true") return true;
  if (!text.empty() && text != "false") Fault(absl::StrCat(where, ".", key), "is true or false");
  return false;
}

Credential Reader::Pem(const YAML::Node& parent, const std::string& where, const std::string& key) {
  const std::string data_key = key + "-data";
  if (const std::string data = Text(parent, where, data_key.c_str()); !data.empty()) {
    std::string text;
    if (!absl::Base64Unescape(data, &text) || text.empty()) {
      Fault(absl::StrCat(where, ".", data_key), "is not base64");
    }
    return {.text = text, .file = ""};
  }
  const std::string file = Text(parent, where, key.c_str());
  return {.text = "", .file = file.empty() ? "" : File(file)};
}

void Reader::Refuse(const YAML::Node& parent, const std::string& where,
                    std::initializer_list<const char*> keys, const char* why) {
  for (const char* key : keys) {
    const YAML::Node value = parent[key];
    if (!value.IsDefined() || value.IsNull() || (value.IsScalar() && value.Scalar().empty())) {
      continue;
    }
    Fault(absl::StrCat(where, ".", key), why);
  }
}

}  // namespace

absl::StatusOr<ClusterAccess> LoadKubeconfig(const std::string& path) {
  const absl::StatusOr<std::string> text = Credential{.text = "", .file = path}.Read("kubeconfig");
  if (!text.ok()) return text.status();
  try {
    const YAML::Node root = YAML::Load(*text);
    if (!root.IsMap()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": is no kubeconfig: not a mapping"));
    }
    return Reader(path, root).Read();
  } catch (const YAML::Exception& fault) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": line ", fault.mark.line + 1, ": ", fault.msg));
  }
}

}  // namespace podwarp
