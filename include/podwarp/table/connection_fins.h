// What Connection::fins is made of, for those who write it: workers and the control thread.
#pragma once

#include <cstdint>

namespace podwarp {

// Bits. The last one is needed only before either side closes.
inline constexpr uint8_t kClientHasClosed = 1, kBackendHasClosed = 2, kBackendHasAnswered = 4;
// Added each time that the client is told that its backend is gone.
inline constexpr uint8_t kClientToldOnce = 8;

}  // namespace podwarp
