// Survives that somebody takes away memory which he had shared.
//
// A guest shares its memory as a file. If it cuts that file short, our next access to what is gone
// is answered with SIGBUS, which would end the process and the traffic of all other pods. Inside a
// SharedMemoryScope such an access finds zeros instead, and the scope's owner is told.
//
// Source: mmap(2), "Use of a mapped region can result in these signals".
#pragma once

#include <atomic>

namespace podwarp {

// From now on, for the whole process. Faults outside of scopes end it as ever.
void SurviveSharedMemoryFaults();

namespace shared_memory_internal {
extern thread_local constinit std::atomic<bool>* was_lost;
}  // namespace shared_memory_internal

// The same as a scope, for the calling thread from now on until the next call. nullptr ends it.
inline void GuardSharedMemory(std::atomic<bool>* was_lost) {
  shared_memory_internal::was_lost = was_lost;
}

// While it lives, the calling thread may access memory that somebody may take away. `was_lost` is
// set to true if that happened. Scopes don't nest. Costs two stores.
class SharedMemoryScope {
 public:
  explicit SharedMemoryScope(std::atomic<bool>* was_lost) {
    shared_memory_internal::was_lost = was_lost;
  }
  ~SharedMemoryScope() { shared_memory_internal::was_lost = nullptr; }
  SharedMemoryScope(const SharedMemoryScope&) = delete;
  SharedMemoryScope& operator=(const SharedMemoryScope&) = delete;
};

}  // namespace podwarp
