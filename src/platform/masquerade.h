// The one nftables table that podwarp owns: what pods send out of the cluster leaves with the
// node's own address.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "podwarp/net/ip_prefix.h"

namespace podwarp {

// The commands for nft(8): table `ip podwarp`, replaced in one transaction. A packet from
// `pod_ranges` to none of `pod_ranges` and `service_ranges` is masqueraded.
std::string MasqueradeRules(const std::vector<Ipv4Prefix>& pod_ranges,
                            const std::vector<Ipv4Prefix>& service_ranges);

// In the calling thread's network namespace. Errors: Internal with what nftables says.
absl::Status SetMasquerade(const std::vector<Ipv4Prefix>& pod_ranges,
                           const std::vector<Ipv4Prefix>& service_ranges);
// OK if there is none.
absl::Status RemoveMasquerade();

}  // namespace podwarp
