#include "top/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"

namespace podwarp::ctl {
namespace {

// The other screen, without a cursor; and back.
constexpr char kBegin[] = "\033[?1049h\033[?25l";
// A VT100 has no other screen: what comes next stands below.
constexpr char kEnd[] = "\r\n\033[?25h\033[?1049l";
constexpr char kHome[] = "\033[H";
constexpr char kClearLineEnd[] = "\033[K";
constexpr char kClearScreenEnd[] = "\033[J";

// All that ends a program unless it is handled.
constexpr int kEndings[] = {SIGABRT, SIGALRM, SIGBUS,  SIGFPE,  SIGHUP,  SIGILL,
                            SIGINT,  SIGQUIT, SIGSEGV, SIGTERM, SIGUSR1, SIGUSR2};

termios before;

// Only what a signal handler may call.
void Restore() {
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, kEnd, sizeof(kEnd) - 1);
  tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

// The signal's own effect comes after that: the handler is reset, and the signal raised anew.
void RestoreAndEnd(int signal) {
  Restore();
  raise(signal);
}

void HandleEndings(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESETHAND | SA_NODEFER;
  for (const int signal : kEndings) sigaction(signal, &action, nullptr);
}

// A new size only has to wake up who waits for a key. It is held back until somebody does, or one
// that comes just before would be missed.
void Wake(int) {}

sigset_t OnlyWake() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  return set;
}

void Write(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (written < 0 && errno != EINTR) return;  // reading says that the terminal is gone
    done += static_cast<size_t>(std::max<ssize_t>(written, 0));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Terminal>> Terminal::Open() {
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0) {
    return absl::InvalidArgumentError("this needs a terminal; --once prints one screen without");
  }
  HandleEndings(RestoreAndEnd);
  struct sigaction wake = {};
  wake.sa_handler = Wake;
  sigaction(SIGWINCH, &wake, nullptr);
  const sigset_t held = OnlyWake();
  sigprocmask(SIG_BLOCK, &held, nullptr);
  termios keys = before;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  keys.c_cc[VSUSP] = _POSIX_VDISABLE;  // stopped, it would leave the terminal as it is now
  tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  Write(kBegin);
  return std::unique_ptr<Terminal>(new Terminal());
}

Terminal::~Terminal() {
  Restore();
  HandleEndings(SIG_DFL);
  const sigset_t held = OnlyWake();
  sigprocmask(SIG_UNBLOCK, &held, nullptr);
}

ScreenSize Terminal::size() const {
  winsize window = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) {
    return {};
  }
  return {.width = window.ws_col, .height = window.ws_row};
}

void Terminal::Draw(const std::vector<std::string>& lines) {
  std::string text = kHome;
  for (size_t i = 0; i < lines.size(); ++i) {
    // Cleared before it is written: behind a line that is as wide as the screen, the cursor is
    // still on its last character.
    absl::StrAppend(&text, i == 0 ? "" : "\r\n",
                    i + 1 < lines.size() ? kClearLineEnd : kClearScreenEnd, lines[i]);
  }
  Write(text);
}

std::optional<int> Terminal::WaitForKey(double seconds) {
  if (const std::optional<int> key = keys_.Next()) return key;
  pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const auto whole_seconds = static_cast<time_t>(seconds);
  const timespec patience = {
      .tv_sec = whole_seconds,
      .tv_nsec = static_cast<int64_t>((seconds - static_cast<double>(whole_seconds)) * 1e9)};
  sigset_t mask;
  sigprocmask(SIG_SETMASK, nullptr, &mask);
  sigdelset(&mask, SIGWINCH);
  if (ppoll(&input, 1, &patience, &mask) <= 0) return std::nullopt;
  char sent[64];
  const ssize_t got = read(STDIN_FILENO, sent, sizeof(sent));
  if (got <= 0) return got < 0 && errno == EINTR ? std::nullopt : std::optional<int>('q');
  keys_.Add(std::string_view(sent, static_cast<size_t>(got)));
  return keys_.Next();
}

}  // namespace podwarp::ctl
