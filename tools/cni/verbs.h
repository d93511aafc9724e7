// What the plugin does: CNI SPEC.md 1.1.0, "CNI operations". Each throws CniError.
#pragma once

#include "error.h"
#include "network_config.h"
#include "request.h"

namespace podwarp::cni {

struct Call {
  Request request;
  NetworkConfig config;
  Environment environment;
};

// The pod is up, or nothing is left of it. Returns the result.
Json Add(const Call& call);
// May be repeated; what is gone already is fine.
void Del(const Call& call);
void Check(const Call& call);
void Status(const Call& call);
void CollectGarbage(const Call& call);
Json Version(const Request& request);

}  // namespace podwarp::cni
