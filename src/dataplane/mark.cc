#include "podwarp/dataplane/mark.h"

#include <rte_errno.h>

#include "absl/strings/str_cat.h"

namespace podwarp {

absl::Status RegisterMarkField() {
  static constexpr rte_mbuf_dynfield kField = {
      .name = "podwarp_mark", .size = sizeof(Mark), .align = alignof(uint64_t), .flags = 0};
  static constexpr rte_mbuf_dynflag kFlag = {.name = "podwarp_mark", .flags = 0};
  const int offset = rte_mbuf_dynfield_register(&kField);
  const int bit = rte_mbuf_dynflag_register(&kFlag);
  if (offset < 0 || bit < 0) {
    return absl::InternalError(
        absl::StrCat("no room in the mbuf for podwarp's mark: ", rte_strerror(rte_errno)));
  }
  mark_internal::field_offset = offset;
  mark_internal::flag = uint64_t{1} << bit;
  return absl::OkStatus();
}

}  // namespace podwarp
