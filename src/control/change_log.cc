#include "control/change_log.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace podwarp {
namespace {

std::string AddressesOf(const PodConfig& pod) {
  return absl::StrJoin(pod.addresses, ", ", [](std::string* text, Ipv4Address address) {
    absl::StrAppend(text, address.ToString());
  });
}

const PodConfig* PodOf(const std::optional<Object>& object) {
  return object.has_value() ? std::get_if<PodConfig>(&*object) : nullptr;
}

}  // namespace

std::string DescribeForLog(const Change& change) {
  const PodConfig* before = PodOf(change.before);
  const PodConfig* after = PodOf(change.after);
  if (after == nullptr) return Describe(change);
  if (before != nullptr && before->addresses != after->addresses) {
    return absl::StrCat("pod ", after->full_name(), " moves from ", AddressesOf(*before), " to ",
                        AddressesOf(*after));
  }
  return absl::StrCat(Describe(change), ": ", AddressesOf(*after));
}

void ChangeLog::Tell(const Change& change, std::string_view who, absl::Time now) {
  const Object& object = change.after.has_value() ? *change.after : *change.before;
  if (KindOf(object) != ObjectKind::kPod) {
    VLOG(1) << who << ": " << DescribeForLog(change);
    return;
  }
  const std::optional<uint64_t> left_out = limit_.Take("pods", now);
  if (!left_out.has_value() && !VLOG_IS_ON(1)) return;
  LOG(INFO) << who << ": " << DescribeForLog(change)
            << (VLOG_IS_ON(1) ? "" : LeftOut(left_out.value_or(0)));
}

}  // namespace podwarp
