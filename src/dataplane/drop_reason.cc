#include "podwarp/dataplane/drop_reason.h"

#include <array>

namespace podwarp {
namespace {

struct Words {
  std::string_view name;
  std::string_view help;
};

constexpr std::array<Words, kDropReasons> kWords = {{
#define X(enumerator, name, help) {name, help},
    PODWARP_DROP_REASONS(X)
#undef X
}};

}  // namespace

std::string_view Name(DropReason reason) { return kWords[static_cast<size_t>(reason)].name; }
std::string_view Help(DropReason reason) { return kWords[static_cast<size_t>(reason)].help; }

}  // namespace podwarp
