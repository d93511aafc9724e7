#include "top/state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "top/keys.h"

namespace podwarp::ctl {
namespace {

// A column further, around the end; the list's own order is one of them.
void TurnColumn(bool forward, ListState* list) {
  const size_t choices = list->columns + 1;
  list->order.column = (list->order.column + (forward ? 1 : choices - 1)) % choices;
  list->order.is_reversed = false;
  list->first = 0;
}

// Drawing sees to it that the last screen stays full.
void Scroll(int key, ListState* list) {
  const auto back = [&](size_t rows) { list->first -= std::min(rows, list->first); };
  switch (key) {
    case 'j':
    case kKeyDown:
      ++list->first;
      break;
    case 'k':
    case kKeyUp:
      back(1);
      break;
    case kKeyPageDown:
      list->first += list->rows_shown;
      break;
    case kKeyPageUp:
      back(list->rows_shown);
      break;
    case 'g':
    case kKeyHome:
      list->first = 0;
      break;
    case 'G':
    case kKeyEnd:
      list->first = SIZE_MAX / 2;
      break;
    default:
      break;
  }
}

}  // namespace

bool Press(int key, ScreenState* state) {
  if (key == 'q' || key == 'Q') return false;
  // Any other key leads back, and one that stands there does what it says.
  state->shows_keys = !state->shows_keys && (key == '?' || key == 'h');
  if (const std::optional<View> view = ViewOfKey(key)) {
    state->view = *view;
    return true;
  }
  ListState& list = state->list();
  switch (key) {
    case ' ':
      state->is_frozen = !state->is_frozen;
      break;
    case '<':
    case ',':
    case kKeyLeft:
      TurnColumn(/*forward=*/false, &list);
      break;
    case '>':
    case '.':
    case 's':
    case kKeyRight:
      TurnColumn(/*forward=*/true, &list);
      break;
    case 'R':
      list.order.is_reversed = !list.order.is_reversed;
      list.first = 0;
      break;
    default:
      Scroll(key, &list);
  }
  return true;
}

std::string KeysLine(const ScreenState& state) {
  std::string line;
  for (const View view : kViews) {
    const std::string entry =
        absl::StrCat(std::string(1, LetterOf(view)), " ", std::string(NameOf(view)));
    absl::StrAppend(&line, view == state.view ? absl::StrCat("[", entry, "]") : entry, "  ");
  }
  absl::StrAppend(&line, "s sort  ? keys  q quit");
  return line;
}

std::vector<std::string> KeysHelp() {
  std::vector<std::string> lines;
  for (size_t i = 0; i < kViews.size(); ++i) {
    lines.push_back(absl::StrCat(std::string(1, LetterOf(kViews[i])), " or ", i + 1, "      ",
                                 std::string(NameOf(kViews[i]))));
  }
  lines.insert(lines.end(),
               {
                   "",
                   "> or s      sort by the next column",
                   "<           sort by the one before",
                   "R           reverse the order",
                   "j k arrows  a row down, up",
                   "PgDn PgUp   a screen down, up",
                   "g G         to the first row, to the last",
                   "space       freeze the screen, and go on",
                   "q           quit",
                   "",
                   "RX is what podwarp receives, TX what it sends. DROPS are podwarp's, MOSTLY",
                   "is the reason of most of them now; LOST are the device's own losses.",
                   "CYCLES are those of a frame, BURST is how many frames come at once.",
                   "P50 and P99 are of the time from receiving to sending, since the start.",
               });
  return lines;
}

}  // namespace podwarp::ctl
