// Following a stream of the API until whoever asked for it has had enough.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/api_client.h"

namespace podwarp::ctl {

// ApiClient::GetStream(), which SIGINT and SIGTERM end well, and so does `output`'s reader when it
// goes, as `| head`: at once, and not with the next part only. `output` is a descriptor.
absl::Status Follow(ApiClient* client, const std::string& path, int output,
                    const std::function<bool(std::string_view part)>& take);

}  // namespace podwarp::ctl
