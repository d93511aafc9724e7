#include "platform/shared_memory_fault.h"

#include <glog/logging.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstdint>

namespace podwarp {
namespace shared_memory_internal {
thread_local constinit std::atomic<bool>* was_lost = nullptr;
}  // namespace shared_memory_internal

namespace {

// Puts zeros where the page was. A huge page can only be replaced as a whole.
bool ReplacePage(void* address) {
  constexpr uintptr_t kPageBytes[] = {uintptr_t{4} << 10, uintptr_t{2} << 20, uintptr_t{1} << 30};
  for (const uintptr_t bytes : kPageBytes) {
    void* const page = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(address) & ~(bytes - 1));
    if (mmap(page, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        page) {
      return true;
    }
  }
  return false;
}

// Runs on the thread that touched the page; mmap is a plain system call.
void OnFault(int signal_number, siginfo_t* info, void* /*context*/) {
  std::atomic<bool>* const was_lost = shared_memory_internal::was_lost;
  if (was_lost != nullptr && info->si_code == BUS_ADRERR && ReplacePage(info->si_addr)) {
    was_lost->store(true, std::memory_order_relaxed);
    return;
  }
  // Not ours: the access is made again, and ends the process.
  struct sigaction as_ever = {};
  as_ever.sa_handler = SIG_DFL;
  sigaction(signal_number, &as_ever, nullptr);
}

}  // namespace

void SurviveSharedMemoryFaults() {
  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  action.sa_flags = SA_SIGINFO;
  PCHECK(sigaction(SIGBUS, &action, nullptr) == 0);
}

}  // namespace podwarp
