// ICMP errors about translated flows (RFC 5508 4.2 and 5, as far as it concerns a translator of
// destinations): whoever gets one must find in it the packet that it has sent itself.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/flow_headers.h"
#include "podwarp/table/connection_table.h"

namespace podwarp {

enum class IcmpVerdict : uint8_t {
  kTranslated,
  kNotOurs,    // no error, or about no flow that is translated
  kTruncated,  // an error that quotes too little, or whose quote isn't in the first segment
};

struct IcmpTranslation {
  IcmpVerdict verdict;
  const Connection* connection = nullptr;  // by which it was translated
};

// Addresses of the error and of the packet that it quotes, and their checksums.
// REQUIRES: headers.kind is kIcmp.
IcmpTranslation TranslateIcmpError(rte_mbuf* frame, FlowHeaders headers,
                                   ConnectionTable& connections);

}  // namespace podwarp
