// What became of a flow's addresses and ports, with the name of the service that they were
// translated for.
//
// Thread rule: the control thread.
#pragma once

#include <string>

#include "control/node.h"
#include "podwarp/net/flow_key.h"

namespace podwarp {

// "service default/web:http -> backend 10.244.1.11:8080", "answer of backend 10.244.1.11:8080, from
// service default/web:http now". REQUIRES: before != after.
std::string TranslationText(const FlowKey& before, const FlowKey& after, const Node& node);

}  // namespace podwarp
