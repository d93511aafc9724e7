// Objects that are set and deleted.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "commands/command.h"

namespace podwarp::ctl {

// "pod default/web-1 created", "... changed: mtu", or "... is as it was".
absl::Status PutObject(const std::string& name, const std::string& path, const Json& object,
                       Context* context);
// "pod default/web-1 deleted"
absl::Status DeleteObject(const std::string& name, const std::string& path, Context* context);

}  // namespace podwarp::ctl
