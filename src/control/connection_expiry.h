// Has connections that nobody uses any more expire, and tells clients that wait for a backend that
// is gone.
//
// Thread rule: the control thread.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <functional>

#include "control/config.h"
#include "podwarp/dataplane/tables.h"

namespace podwarp {

class ConnectionExpiry {
 public:
  // Sends a whole frame by a port; takes the frame. False if it could not.
  using Send = std::function<bool(PortId, rte_mbuf*)>;

  // `tsc_hz`: TSC cycles in a second. `tables` and `pool` outlive it.
  ConnectionExpiry(const ConnectionsConfig& config, uint64_t tsc_hz, Tables* tables, Send send,
                   rte_mempool* pool);

  // To be called every few milliseconds with the TSC.
  void Tick(uint64_t tsc);

  const ConnectionTimeouts& timeouts() const { return timeouts_; }

 private:
  bool TellClient(const Connection& connection);

  Tables& tables_;
  const ConnectionTimeouts timeouts_;
  const Send send_;
  rte_mempool* const pool_;
};

// So many ticks of connection_table.h, at least one, as last no shorter than `duration`.
uint32_t ConnectionTicks(absl::Duration duration, uint64_t tsc_hz);

}  // namespace podwarp
