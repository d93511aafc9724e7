// What the API answers to requests that are whole in memory.
//
// Thread rule: any thread.
#pragma once

#include <string>

#include "api/answer.h"
#include "api/backend.h"
#include "api/paths.h"

namespace podwarp {

// GET: an object, a page of a list, a report, or how the node is doing.
ApiAnswer HandleGet(const ApiTarget& target, const ApiParameters& parameters, ApiBackend* backend);

// An object is to be there, as the body says. Names may be left out of it; they stand in the path.
ApiAnswer HandlePut(const ApiTarget& target, const std::string& body, ApiBackend* backend);

// POST of what isn't a bulk change: a reload.
ApiAnswer HandlePost(const ApiTarget& target, ApiBackend* backend);

ApiAnswer HandleDelete(const ApiTarget& target, ApiBackend* backend);

}  // namespace podwarp
