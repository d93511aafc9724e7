// The screens of `top`, and what each needs to know of the node.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace podwarp::ctl {

enum class View : uint8_t { kOverview, kPorts, kPods, kWorkers, kDrops };
inline constexpr std::array kViews = {View::kOverview, View::kPorts, View::kPods, View::kWorkers,
                                      View::kDrops};

std::string_view NameOf(View view);  // "overview"
std::vector<std::string> ViewNames();
std::optional<View> FindView(std::string_view name);
// That a key switches to: a letter, or a digit from 1 on.
char LetterOf(View view);
std::optional<View> ViewOfKey(int key);

// What is asked for beside status, workers and drops, which are short: lists of a thousand pods
// cost the node something, and are read only where they are shown.
struct Needs {
  bool ports = false;
  bool pods = false;
  bool latency = false;
};
Needs NeedsOf(View view);

}  // namespace podwarp::ctl
