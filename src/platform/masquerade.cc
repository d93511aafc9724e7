#include "platform/masquerade.h"

#include <nftables/libnftables.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace podwarp {
namespace {

// Declaring the table first makes the deletion succeed whether or not it was there, and nftables
// applies all of it at once or nothing.
constexpr char kDeleteTable[] = "table ip podwarp\ndelete table ip podwarp\n";

std::string Set(const std::string& name, const std::vector<Ipv4Prefix>& ranges) {
  const std::string elements = absl::StrJoin(
      ranges, ", ",
      [](std::string* out, const Ipv4Prefix& range) { absl::StrAppend(out, range.ToString()); });
  // auto-merge: one range of the configuration may lie within another.
  return absl::StrCat("  set ", name,
                      " { type ipv4_addr; flags interval; auto-merge; elements = { ", elements,
                      " } }\n");
}

absl::Status Run(const std::string& commands, const std::string& what) {
  const std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> nft(nft_ctx_new(NFT_CTX_DEFAULT),
                                                         nft_ctx_free);
  if (nft == nullptr) return absl::InternalError(absl::StrCat("can't ", what, ": no nftables"));
  nft_ctx_buffer_error(nft.get());
  if (nft_run_cmd_from_buffer(nft.get(), commands.c_str()) == 0) return absl::OkStatus();
  absl::string_view said = nft_ctx_get_error_buffer(nft.get());
  return absl::InternalError(
      absl::StrCat("can't ", what, ": nftables: ", absl::StripSuffix(said, "\n")));
}

}  // namespace

// Ports of their own would do for most, but answers to those below 32768 could be taken for calls
// to services' node ports, or for answers to callers that podwarp calls for (connect_service.cc).
std::string MasqueradeRules(const std::vector<Ipv4Prefix>& pod_ranges,
                            const std::vector<Ipv4Prefix>& service_ranges) {
  std::vector<Ipv4Prefix> cluster = pod_ranges;
  cluster.insert(cluster.end(), service_ranges.begin(), service_ranges.end());
  return absl::StrCat(kDeleteTable, "table ip podwarp {\n", Set("pods", pod_ranges),
                      Set("cluster", cluster),
                      "  chain postrouting {\n"
                      "    type nat hook postrouting priority srcnat; policy accept;\n"
                      "    ip saddr @pods ip daddr != @cluster meta l4proto { tcp, udp, sctp } "
                      "masquerade to :32768-65535\n"
                      "    ip saddr @pods ip daddr != @cluster masquerade\n"
                      "  }\n"
                      "}\n");
}

absl::Status SetMasquerade(const std::vector<Ipv4Prefix>& pod_ranges,
                           const std::vector<Ipv4Prefix>& service_ranges) {
  if (pod_ranges.empty()) return RemoveMasquerade();
  return Run(MasqueradeRules(pod_ranges, service_ranges), "set nftables table podwarp");
}

absl::Status RemoveMasquerade() { return Run(kDeleteTable, "remove nftables table podwarp"); }

}  // namespace podwarp
