#include "control/config.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config_checks.h"
#include "control/config_complete.h"
#include "control/config_faults.h"
#include "control/config_sections.h"
#include "control/config_values.h"
#include "control/objects.h"
#include "control/service_values.h"
#include "control/yaml_document.h"

namespace podwarp {
namespace {

constexpr size_t kMostAliased = 100'000;  // values that are said once and stand elsewhere too

// The machine's name as Kubernetes would write it.
std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  if (gethostname(name, sizeof(name) - 1) != 0) return "";
  return absl::AsciiStrToLower(name);
}

// An address of the gateway's side that pods can answer to; none if there is none.
Ipv4Address HairpinAddressOf(const Config& config) {
  if (!IsLinkLocal(config.gateway.address)) return config.gateway.address;
  if (!config.host_port.has_value() || IsLinkLocal(config.host_port->address)) return {};
  return config.host_port->address;
}

void FillFromNode(const ConfigOverrides& overrides, Config* config, ConfigFaults* faults) {
  if (!faults->Usable("node_pod_ranges") || !faults->Usable("host_port.address")) return;
  if (NeedsNode(*config) && !overrides.pod_cidrs.has_value()) return;
  const absl::Status status =
      CompleteFromNode(overrides.pod_cidrs.value_or(std::vector<Ipv4Prefix>()), config);
  if (!status.ok()) faults->AddUnusable("node_pod_ranges", std::string(status.message()));
}

// What the file left to us. What would derive from an unusable value stays empty.
void FillDefaults(Config* config, ConfigFaults* faults) {
  if (config->node_name.empty() && faults->Usable("node_name")) {
    const absl::StatusOr<std::string> name = ParseDnsSubdomain(HostName());
    if (name.ok()) {
      config->node_name = *name;
    } else {
      faults->AddUnusable("node_name", absl::StrCat("is missing, and the machine's own name ",
                                                    std::string(name.status().message())));
    }
  }
  const bool named = !config->node_name.empty();
  if (config->virtual_mac.is_zero() && named && faults->Usable("virtual_mac")) {
    config->virtual_mac = MacAddress::DeriveFrom(config->node_name);
  }
  if (config->gateway.mac.is_zero() && faults->Usable("gateway.mac")) {
    config->gateway.mac = config->virtual_mac;
  }
  if (config->file_prefix.empty() && named && faults->Usable("memory.file_prefix")) {
    config->file_prefix = "podwarp-" + config->node_name;
    const absl::StatusOr<std::string> usable = ParseFilePrefix(config->file_prefix);
    if (!usable.ok()) {
      faults->AddUnusable("memory.file_prefix",
                          absl::StrCat("must be given, since its default ",
                                       std::string(usable.status().message())));
    }
  }
  if (config->hairpin_address.is_zero() && faults->Usable("hairpin_address")) {
    config->hairpin_address = HairpinAddressOf(*config);
  }
  const ObjectDefaults defaults = DefaultsOf(*config);
  for (size_t i = 0; i < config->pods.size(); ++i) {
    if (faults->Usable(KeyOf("pods", i, "name")) && faults->Usable(KeyOf("pods", i, "namespace"))) {
      FillDefaults(defaults, &config->pods[i]);
    }
  }
  for (size_t i = 0; i < config->nodes.size(); ++i) {
    if (faults->Usable(KeyOf("nodes", i, "uplink"))) FillDefaults(defaults, &config->nodes[i]);
  }
  for (ServiceConfig& service : config->services) FillDefaults(defaults, &service);
}

// Puts a value of the command line in the place of the file's: `section` "" is the top.
void Override(const std::string& section, const std::string& name, const char* flag,
              const YAML::Node& value, YAML::Node root, ConfigFaults* faults) {
  YAML::Node mapping = section.empty() ? root : root[section];
  if (mapping.IsDefined() && !mapping.IsMap()) return;  // a fault of its own
  mapping[name] = value;
  faults->SetFlag(section.empty() ? name : section + "." + name, flag);
}

void ApplyOverrides(const ConfigOverrides& overrides, YAML::Node root, ConfigFaults* faults) {
  const auto text = [&](const char* section, const char* name, const char* flag,
                        const std::optional<std::string>& value) {
    if (value.has_value()) Override(section, name, flag, YAML::Node(*value), root, faults);
  };
  text("", "node_name", "--node_name", overrides.node_name);
  text("", "virtual_mac", "--virtual_mac", overrides.virtual_mac);
  text("", "hairpin_mode", "--hairpin_mode", overrides.hairpin_mode);
  text("memory", "file_prefix", "--file_prefix", overrides.file_prefix);
  text("idle", "mode", "--idle_mode", overrides.idle_mode);
  text("kubernetes", "kubeconfig", "--kubeconfig", overrides.kubeconfig);
  if (overrides.worker_cores.has_value()) {
    const std::vector<std::string> cores = absl::StrSplit(*overrides.worker_cores, ',');
    Override("workers", "cores", "--worker_cores", YAML::Node(cores), root, faults);
  }
}

// The one document of the text.
absl::StatusOr<YAML::Node> LoadYaml(const std::string& text, const std::string& name) {
  const auto fault = [&](int line, const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(name, ":", std::max(line, 1), ": ", what));
  };
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) return YAML::Node(YAML::NodeType::Map);
    if (documents.size() > 1) {
      return fault(documents[1].Mark().line + 1, "a second document begins; keep one");
    }
    if (documents[0].IsNull()) return YAML::Node(YAML::NodeType::Map);
    if (!documents[0].IsMap()) {
      return fault(documents[0].Mark().line + 1, "expected a mapping (key: value) at the top");
    }
    return documents[0];
  } catch (const YAML::Exception& e) {
    return fault(e.mark.line + 1, e.msg);
  }
}

}  // namespace

absl::StatusOr<Config> ParseConfig(const std::string& text, const std::string& name,
                                   const ConfigOverrides& overrides) {
  const absl::StatusOr<YAML::Node> root = LoadYaml(text, name);
  if (!root.ok()) return root.status();
  ConfigFaults faults(name);
  ApplyOverrides(overrides, *root, &faults);
  Config config;
  {
    // A value takes a byte of the text at least; what aliases add to that has a bound.
    const Document document = FromYaml(*root, text.size() + kMostAliased, &faults);
    MappingReader file(&document, "", &faults);
    ReadConfig(&file, &config);
  }
  FillFromNode(overrides, &config, &faults);
  FillDefaults(&config, &faults);
  CheckUnique(config, &faults);
  CheckRanges(config, &faults);
  CheckReferences(config, &faults);
  if (!faults.empty()) return faults.ToStatus();
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path, const ConfigOverrides& overrides) {
  std::ifstream file(path);
  file.peek();  // a folder opens, but can't be read
  if (!file.is_open() || file.bad()) {
    return absl::NotFoundError(absl::StrCat("configuration ", path, ": ", std::strerror(errno)));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseConfig(text.str(), path, overrides);
}

absl::StatusOr<HairpinMode> ParseHairpinMode(std::string_view word) {
  if (word == "promiscuous-arp" || word == "promiscuous-bridge")
    return HairpinMode::kPromiscuousArp;
  if (word == "hairpin-veth") return HairpinMode::kHairpinVeth;
  if (word == "none") return HairpinMode::kNone;
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(word),
                   "' is not a hairpin mode (expected promiscuous-arp, or promiscuous-bridge for "
                   "the same, hairpin-veth or none)"));
}

std::string_view ToString(HairpinMode mode) {
  switch (mode) {
    case HairpinMode::kPromiscuousArp:
      return "promiscuous-arp";
    case HairpinMode::kHairpinVeth:
      return "hairpin-veth";
    case HairpinMode::kNone:
      return "none";
  }
  return "";
}

std::string_view ToString(IdleMode mode) { return mode == IdleMode::kBusy ? "busy" : "adaptive"; }

}  // namespace podwarp
