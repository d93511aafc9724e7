#include "top/screen.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "text/numbers.h"
#include "top/lists.h"

namespace podwarp::ctl {
namespace {

using Lines = std::vector<std::string>;

// REQUIRES: what the view needs was read.
Listing ListingOf(View view, const Rates& rates) {
  switch (view) {
    case View::kPorts:
      return ListPorts(rates);
    case View::kPods:
      return ListPods(rates);
    case View::kWorkers:
      return ListWorkers(rates);
    default:
      return ListDrops(rates);
  }
}

bool IsRead(const Rates& rates, View view) {
  const Needs needs = NeedsOf(view);
  return (!needs.ports || rates.ports.has_value()) && (!needs.pods || rates.pods.has_value());
}

std::string TitleOf(const Listing& listing, const ListState& list) {
  if (listing.rows.empty()) return absl::StrCat("no ", listing.noun, "s");
  return absl::StrCat(Count(listing.rows.size(), listing.noun.c_str()), ", ",
                      InWords(list.order, listing));
}

// What isn't seen of the rows.
std::string RestOf(size_t above, size_t below) {
  if (above == 0) return absl::StrCat("... and ", Count(below), " more");
  return absl::StrCat("... and ", Count(above), " above, ", Count(below), " below");
}

Lines ListLines(Listing listing, const ScreenSize& size, ListState* list) {
  list->columns = listing.columns.size();
  Sort(list->order, &listing);
  // Beside the rows: the title and the headings, and a line that counts the rest if there is any.
  const size_t total = listing.rows.size();
  const size_t room = size.height - std::min<size_t>(size.height, 2);
  const bool fits = total <= room;
  const size_t shown = fits ? total : room - std::min<size_t>(room, 1);
  list->rows_shown = std::max<size_t>(shown, 1);
  list->first = std::min(list->first, total - shown);
  Lines lines = {TitleOf(listing, *list)};
  if (total == 0) return lines;
  const Lines rows = LinesOf(listing, list->first, shown, size.width);
  lines.insert(lines.end(), rows.begin(), rows.end());
  if (!fits) lines.push_back(RestOf(list->first, total - list->first - shown));
  return lines;
}

Lines BodyOf(const Rates& rates, const ScreenSize& size, ScreenState* state) {
  if (state->shows_keys) return KeysHelp();
  if (!IsRead(rates, state->view)) {
    return {absl::StrCat(std::string(NameOf(state->view)), ": not read before the screen froze")};
  }
  if (state->view == View::kOverview) return OverviewOf(rates, size);
  return ListLines(ListingOf(state->view, rates), size, &state->list());
}

}  // namespace

std::vector<std::string> ScreenOf(const Rates& rates, const ScreenSize& size, ScreenState* state) {
  Lines lines = HeadOf(rates);
  if (state->is_frozen) lines.push_back("frozen; space goes on");
  // The last line is that of the keys.
  const size_t used = lines.size() + 1;
  const ScreenSize room = {.width = size.width,
                           .height = size.height - std::min(used, size.height)};
  const Lines body = BodyOf(rates, room, state);
  lines.insert(lines.end(), body.begin(), body.end());
  if (size.height > used) {
    lines.resize(size.height - 1);
    lines.push_back(KeysLine(*state));
  }
  lines.resize(std::min(lines.size(), size.height));
  for (std::string& line : lines) line = Clip(line, size.width);
  return lines;
}

std::vector<std::string> TextOf(const Rates& rates, View view) {
  Lines lines = HeadOf(rates);
  const ScreenSize terminal;
  if (view == View::kOverview) {
    const Lines overview =
        OverviewOf(rates, {.width = terminal.width, .height = terminal.height - lines.size()});
    lines.insert(lines.end(), overview.begin(), overview.end());
    for (std::string& line : lines) line = Clip(line, terminal.width);
    return lines;
  }
  ListState whole;
  const Lines list =
      ListLines(ListingOf(view, rates), {.width = SIZE_MAX, .height = SIZE_MAX}, &whole);
  lines.insert(lines.end(), list.begin(), list.end());
  return lines;
}

}  // namespace podwarp::ctl
