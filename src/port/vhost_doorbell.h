// Has librte_vhost take notice of server sockets that were just registered.
//
// Its thread waits for what it knew of when it began to wait, up to a second; only a connection
// that podwarp makes as a client ends that. So one is made, to nobody, and ended again.
//
// Thread rule: one thread, which may wait.
// Source: lib/vhost of DPDK 22.11: vhost_user_start_server() and vhost_user_add_connection() of
// socket.c, fdset_event_dispatch() of fd_man.c.
#pragma once

namespace podwarp {

// Does nothing if it can't: the second is waited for then.
void RingVhostDoorbell();

}  // namespace podwarp
