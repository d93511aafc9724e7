#include "interrupt.h"

#include <csignal>
#include <cstring>

#include "error.h"

namespace podwarp::cni {
namespace {

volatile std::sig_atomic_t caught = 0;

void TakeNote(int number) { caught = number; }

}  // namespace

void CatchSignals() {
  struct sigaction action = {};
  action.sa_handler = TakeNote;
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaction(number, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a plugin that doesn't read its input
}

bool IsInterrupted() { return caught != 0; }

void ThrowIfInterrupted() {
  if (!IsInterrupted()) return;
  throw CniError(kInterrupted, "interrupted",
                 std::string("ended by the signal '") + strsignal(caught) + "'");
}

void ForgetInterruption() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) std::signal(number, SIG_IGN);
  caught = 0;
}

}  // namespace podwarp::cni
