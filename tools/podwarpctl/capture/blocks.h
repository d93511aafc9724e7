// The blocks of a capture as it comes: cut anywhere on its way, it is to be whole wherever it ends.
//
// Source: draft-ietf-opsawg-pcapng, section 3.1.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace podwarp::ctl {

class CaptureBlocks {
 public:
  // The whole blocks that `part` completes; what is left waits for the next part. Errors:
  // FailedPrecondition (this is no pcapng in this machine's byte order).
  absl::StatusOr<std::string> Take(std::string_view part);

  uint64_t frames() const { return frames_; }
  // Frames that there was no room for, as podwarp has said so far.
  uint64_t lost() const;

 private:
  void Count(std::string_view block);

  std::string rest_;  // the beginning of a block
  uint64_t frames_ = 0;
  std::map<uint32_t, uint64_t> lost_;  // by interface
};

}  // namespace podwarp::ctl
