// What is to be explained, as the API's parameters say it.
//
// Thread rule: the control thread, who knows the names.
#pragma once

#include "absl/status/statusor.h"
#include "api/backend.h"
#include "observe/explain.h"

namespace podwarp {

// from, to, source, source_port, ttl, bytes, dont_fragment. `to` is an address or the name of a
// pod or service (namespace/name), and then :PORT or :PORT/PROTOCOL: TCP unless it says otherwise,
// and a ping without a port; of a service its first port. Errors: InvalidArgument or NotFound
// (there is no such pod or service) that names the parameter.
absl::StatusOr<ExplainRequest> ParseExplainRequest(const ApiParameters& parameters,
                                                   const Node& node);

}  // namespace podwarp
