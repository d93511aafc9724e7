// What an observed frame carries while it is on its way through a round, in a dynamic field of the
// mbuf ("Mbuf Library, Dynamic fields and flags" in the DPDK Programmer's Guide). A frame without
// the flag isn't observed, and its Mark is never read.
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <cstdint>

#include "absl/status/status.h"

namespace podwarp {

struct Mark {
  static constexpr uint16_t kNoSlot = 0xffff;

  uint64_t received;  // TSC, if its latency is measured; else 0
  uint16_t slot;      // of Observation, if the frame is followed; else kNoSlot
};
static_assert(sizeof(Mark) == 16);

namespace mark_internal {
inline int field_offset = -1;
inline uint64_t flag = 0;
}  // namespace mark_internal

// Registers field and flag. Once per process, after the EAL's start, before any port is opened.
// Errors: Internal if the mbuf has no room left.
absl::Status RegisterMarkField();

inline bool HasMark(const rte_mbuf* frame) { return (frame->ol_flags & mark_internal::flag) != 0; }
inline Mark* MarkOf(rte_mbuf* frame) {
  return RTE_MBUF_DYNFIELD(frame, mark_internal::field_offset, Mark*);
}
inline void SetMark(rte_mbuf* frame, const Mark& mark) {
  *MarkOf(frame) = mark;
  frame->ol_flags |= mark_internal::flag;
}
// For who writes ol_flags anew.
inline uint64_t MarkFlagOf(const rte_mbuf* frame) { return frame->ol_flags & mark_internal::flag; }
inline void ClearMark(rte_mbuf* frame) { frame->ol_flags &= ~mark_internal::flag; }

}  // namespace podwarp
