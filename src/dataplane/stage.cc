#include "podwarp/dataplane/stage.h"

#include <array>

namespace podwarp {
namespace {

struct Words {
  std::string_view name;
  std::string_view help;
};

constexpr std::array<Words, kStages> kWords = {{
#define X(enumerator, name, help) {name, help},
    PODWARP_STAGES(X)
#undef X
}};

}  // namespace

std::string_view Name(Stage stage) { return kWords[static_cast<size_t>(stage)].name; }
std::string_view Help(Stage stage) { return kWords[static_cast<size_t>(stage)].help; }

}  // namespace podwarp
