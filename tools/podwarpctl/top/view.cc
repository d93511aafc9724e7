#include "top/view.h"

namespace podwarp::ctl {
namespace {

struct Entry {
  std::string_view name;
  char letter;
  Needs needs;
};

const Entry& EntryOf(View view) {
  static constexpr Entry kEntries[] = {
      {.name = "overview", .letter = 'o', .needs = {.ports = true}},
      {.name = "ports", .letter = 'p', .needs = {.ports = true}},
      {.name = "pods", .letter = 'd', .needs = {.pods = true}},
      {.name = "workers", .letter = 'w', .needs = {.latency = true}},
      {.name = "drops", .letter = 'r', .needs = {}},
  };
  static_assert(std::size(kEntries) == kViews.size());
  return kEntries[static_cast<size_t>(view)];
}

}  // namespace

std::string_view NameOf(View view) { return EntryOf(view).name; }

std::vector<std::string> ViewNames() {
  std::vector<std::string> names;
  for (const View view : kViews) names.emplace_back(NameOf(view));
  return names;
}

std::optional<View> FindView(std::string_view name) {
  for (const View view : kViews) {
    if (NameOf(view) == name) return view;
  }
  return std::nullopt;
}

char LetterOf(View view) { return EntryOf(view).letter; }

std::optional<View> ViewOfKey(int key) {
  for (size_t i = 0; i < kViews.size(); ++i) {
    if (key == LetterOf(kViews[i]) || key == '1' + static_cast<int>(i)) return kViews[i];
  }
  return std::nullopt;
}

Needs NeedsOf(View view) { return EntryOf(view).needs; }

}  // namespace podwarp::ctl
