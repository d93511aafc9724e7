// The way out of the cluster: from the host port through the kernel.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/api_client.h"
#include "doctor/checks.h"
#include "text/fields.h"

namespace podwarp::ctl {
namespace {

bool HasHostPort(const Subject& subject) {
  return subject.config.has_value() && !subject.config->host_interface.empty();
}

enum class Policy : uint8_t { kUnknown, kAccept, kDrop };

// "ip filter FORWARD" of nftables' chains that drop what no rule of theirs accepts.
Policy PolicyOfNftables(const Machine& machine, std::string* chain_name) {
  const std::optional<std::string> text = machine.Output({"nft", "-j", "list", "chains"});
  if (!text.has_value()) return Policy::kUnknown;
  const Json chains = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  for (const Json& entry : Field(chains, "nftables")) {
    const Json& chain = Field(entry, "chain");
    const std::string family = Text(chain, "family");
    if (Text(chain, "hook") != "forward" || Text(chain, "policy") != "drop") continue;
    if (family != "ip" && family != "inet") continue;
    *chain_name = absl::StrCat(family, " ", Text(chain, "table"), " ", Text(chain, "name"));
    return Policy::kDrop;
  }
  return Policy::kAccept;
}

// iptables' own tables aren't in nftables if it is the legacy one.
Policy PolicyOfIptables(const Machine& machine, std::string* chain_name) {
  const std::optional<std::string> rules = machine.Output({"iptables", "-S", "FORWARD"});
  if (!rules.has_value()) return Policy::kUnknown;
  if (!absl::StartsWith(*rules, "-P FORWARD DROP")) return Policy::kAccept;
  *chain_name = "FORWARD";
  return Policy::kDrop;
}

}  // namespace

void CheckIpForward(const Subject& subject, Findings* findings) {
  if (!HasHostPort(subject)) return;
  if (subject.machine->Read("/proc/sys/net/ipv4/ip_forward").value_or("") == "1") {
    findings->Ok("the kernel forwards between interfaces");
  } else if (subject.pid.has_value()) {
    findings->Problem(
        "the kernel doesn't forward between interfaces, so that pods don't get out of the cluster: "
        "podwarp has switched it on and something has switched it off; `sysctl -w "
        "net.ipv4.ip_forward=1`, and look in /etc/sysctl.d");
  } else {
    findings->Ok("the kernel doesn't forward between interfaces: podwarp will switch that on");
  }
}

void CheckForwardPolicy(const Subject& subject, Findings* findings) {
  if (!HasHostPort(subject)) return;
  std::string chain;
  const Policy nftables = PolicyOfNftables(*subject.machine, &chain);
  const Policy iptables =
      nftables == Policy::kDrop ? Policy::kUnknown : PolicyOfIptables(*subject.machine, &chain);
  const std::string& port = subject.config->host_interface;
  if (nftables == Policy::kDrop || iptables == Policy::kDrop) {
    findings->Warn(absl::StrCat(
        "the firewall's chain ", chain,
        " drops what no rule accepts, among it what pods send out of the cluster: `iptables -I "
        "FORWARD -i ",
        port, " -j ACCEPT; iptables -I FORWARD -o ", port, " -j ACCEPT`"));
  } else if (nftables == Policy::kUnknown && iptables == Policy::kUnknown) {
    findings->Warn(
        "the firewall can't be asked: as root, `nft list chains` and `iptables -S FORWARD` should "
        "have no forward chain with policy drop");
  } else {
    findings->Ok("the firewall's forward chains accept by default");
  }
}

}  // namespace podwarp::ctl
