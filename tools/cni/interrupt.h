// SIGTERM, SIGINT and SIGHUP end a call, but not before it has taken back what it did.
#pragma once

namespace podwarp::cni {

// From then on these signals only leave a note. Calls that wait return with EINTR.
void CatchSignals();

bool IsInterrupted();
// Throws CniError 105 if there is a note.
void ThrowIfInterrupted();
// While something is taken back, later signals mean nothing new.
void ForgetInterruption();

}  // namespace podwarp::cni
