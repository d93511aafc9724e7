#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/claims.h"
#include "control/config_checks.h"

namespace podwarp {
namespace {

// Who has what: the first one that claims it keeps it.
class Holders {
 public:
  explicit Holders(ConfigFaults* faults) : faults_(faults) {}

  // `owner` is the key of who claims; empty for the node itself.
  void Add(const std::string& owner, const std::vector<Claim>& claims) {
    for (const Claim& claim : claims) {
      const std::string key = Within(owner, claim.key);
      if (!faults_->Usable(key)) continue;
      const auto [holder, is_first] = holders_.try_emplace(claim.id, key);
      if (is_first || claim.is_range) continue;
      faults_->Add(key, absl::StrCat(claim.text, " is taken by ", faults_->Named(holder->second),
                                     "; each needs one of its own"));
    }
  }

 private:
  ConfigFaults* const faults_;
  std::map<ClaimId, std::string> holders_;
};

void CheckCores(const Config& config, ConfigFaults* faults) {
  std::map<uint16_t, std::string> holders;
  for (size_t i = 0; i < config.workers.cores.size(); ++i) {
    const std::string key = KeyOf("workers.cores", i);
    if (!faults->Usable(key)) continue;
    const auto [holder, is_first] = holders.try_emplace(config.workers.cores[i], key);
    if (is_first) continue;
    faults->Add(key, absl::StrCat("core ", holder->first, " is taken by ",
                                  faults->Named(holder->second), "; each needs one of its own"));
  }
}

// A pod's name counts with its namespace, and its port only as a whole.
std::vector<Claim> UsableClaimsOf(const PodConfig& pod, const std::string& key,
                                  const ConfigFaults& faults) {
  std::vector<Claim> claims = ClaimsOf(pod);
  std::erase_if(claims, [&](const Claim& claim) {
    return (claim.id.space == ClaimSpace::kPort && !faults.Usable(key + ".namespace")) ||
           (claim.id.space == ClaimSpace::kInterface && !faults.Usable(key + ".port"));
  });
  return claims;
}

// The key `name` of the mapping that `key` is of.
std::string Beside(const std::string& key, std::string_view name) {
  return Within(key.substr(0, key.rfind('.')), name);
}

// A service's name counts with its namespace, too, and a node port with its protocol.
std::vector<Claim> UsableClaimsOf(const ServiceConfig& service, const std::string& key,
                                  const ConfigFaults& faults) {
  std::vector<Claim> claims = ClaimsOf(service);
  std::erase_if(claims, [&](const Claim& claim) {
    return (claim.id.space == ClaimSpace::kService && !faults.Usable(key + ".namespace")) ||
           (claim.id.space == ClaimSpace::kNodePort &&
            !faults.Usable(Beside(Within(key, claim.key), "protocol")));
  });
  return claims;
}

}  // namespace

void CheckUnique(const Config& config, ConfigFaults* faults) {
  Holders holders(faults);
  holders.Add("", ClaimsOfSettings(config));
  for (size_t i = 0; i < config.pods.size(); ++i) {
    const std::string key = KeyOf("pods", i);
    holders.Add(key, UsableClaimsOf(config.pods[i], key, *faults));
  }
  for (size_t i = 0; i < config.nodes.size(); ++i) {
    holders.Add(KeyOf("nodes", i), ClaimsOf(config.nodes[i]));
  }
  for (size_t i = 0; i < config.routes.size(); ++i) {
    holders.Add(KeyOf("routes", i), ClaimsOf(config.routes[i]));
  }
  for (size_t i = 0; i < config.services.size(); ++i) {
    const std::string key = KeyOf("services", i);
    holders.Add(key, UsableClaimsOf(config.services[i], key, *faults));
  }
  CheckCores(config, faults);
}

}  // namespace podwarp
