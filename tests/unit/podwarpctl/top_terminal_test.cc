// `top` on a terminal, which it leaves as it was however it ends.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <csignal>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "program.h"
#include "text/table.h"

namespace podwarp::ctl::test {
namespace {

using testing::HasSubstr;

constexpr char kScreenEnd[] = "\033[?1049l";

// The program on a terminal of its own, which the test is the user of.
class OnTerminal {
 public:
  explicit OnTerminal(const std::string& socket, const char* interval = "0.05") {
    const winsize size = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(openpty(&user_, &program_, nullptr, nullptr, &size), 0);
    EXPECT_EQ(tcgetattr(program_, &before_), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const rlimit no_core = {};
      setrlimit(RLIMIT_CORE, &no_core);
      login_tty(program_);
      execl(PODWARPCTL, PODWARPCTL, "--socket", socket.c_str(), "top", "--interval", interval,
            nullptr);
      _exit(127);
    }
  }
  ~OnTerminal() {
    close(user_);
    close(program_);
  }

  // Reads until `text` was shown; false if it doesn't come.
  bool Shows(const std::string& text) {
    while (shown_.find(text) == std::string::npos) {
      pollfd wait = {.fd = user_, .events = POLLIN, .revents = 0};
      char part[4096];
      if (poll(&wait, 1, 60'000) <= 0) {
        ADD_FAILURE() << "it shows no more than " << testing::PrintToString(shown_);
        return false;
      }
      const ssize_t got = read(user_, part, sizeof(part));
      if (got <= 0) return false;
      shown_.append(part, static_cast<size_t>(got));
    }
    return true;
  }
  // The same of what comes from now on.
  bool ShowsAnew(const std::string& text) {
    shown_.clear();
    return Shows(text);
  }
  // The lines of the screen that was drawn last and whole, without commands to the terminal.
  std::vector<std::string> Screen() {
    constexpr std::string_view kHome = "\033[H";
    // It begins after this, and ends where the next one begins.
    if (!ShowsAnew(std::string(kHome))) return {};
    shown_.erase(0, shown_.find(kHome) + kHome.size());
    if (!Shows(std::string(kHome))) return {};
    std::istringstream drawn(shown_.substr(0, shown_.find(kHome)));
    std::vector<std::string> lines;
    for (std::string line; std::getline(drawn, line);) {
      for (const std::string_view command : {"\033[K", "\033[J"}) {
        const size_t found = line.find(command);
        if (found != std::string::npos) line.erase(found, command.size());
      }
      line.erase(line.find_last_not_of('\r') + 1);  // the terminal adds one
      lines.push_back(line);
    }
    return lines;
  }
  void Resize(unsigned short columns, unsigned short rows) {
    const winsize size = {.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(ioctl(user_, TIOCSWINSZ, &size), 0);
  }
  void Press(char key) { EXPECT_EQ(write(user_, &key, 1), 1); }
  void Type(std::string_view keys) {
    EXPECT_EQ(write(user_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  void Send(int signal) { EXPECT_EQ(kill(pid_, signal), 0); }
  // Its status, as of waitpid().
  int Wait() {
    EXPECT_TRUE(Shows(kScreenEnd));
    int status = -1;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    return status;
  }
  bool IsAsBefore() const {
    termios now;
    EXPECT_EQ(tcgetattr(program_, &now), 0);
    return now.c_lflag == before_.c_lflag && now.c_cc[VSUSP] == before_.c_cc[VSUSP];
  }
  const std::string& shown() const { return shown_; }

 private:
  int user_ = -1;
  int program_ = -1;
  termios before_;
  pid_t pid_ = -1;
  std::string shown_;
};

class TopOnTerminal : public ProgramTest {
 protected:
  TopOnTerminal() {
    api_.On("GET /v1/status", {{"node", "node-a"}, {"ready", true}});
    for (const std::string report : {"ports", "workers", "drops"}) {
      api_.On("GET /v1/" + report, Page({}));
    }
  }
};

TEST_F(TopOnTerminal, EndsByAKey) {
  OnTerminal top(socket());
  ASSERT_TRUE(top.Shows("a second: received 0"));
  EXPECT_FALSE(top.IsAsBefore());
  top.Press('x');
  top.Press('q');
  const int status = top.Wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(top.IsAsBefore());
  EXPECT_THAT(top.shown(), HasSubstr("podwarp node-a"));
}

TEST_F(TopOnTerminal, EndsBySignals) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGSEGV}) {
    OnTerminal top(socket());
    ASSERT_TRUE(top.Shows("podwarp node-a"));
    top.Send(signal);
    const int status = top.Wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
    EXPECT_TRUE(top.IsAsBefore());
  }
}

TEST_F(TopOnTerminal, EndsByControlC) {
  OnTerminal top(socket());
  ASSERT_TRUE(top.Shows("podwarp node-a"));
  top.Press('\003');
  EXPECT_TRUE(WIFSIGNALED(top.Wait()));
  EXPECT_TRUE(top.IsAsBefore());
}

TEST_F(TopOnTerminal, GoesOnWhenPodwarpIsAway) {
  OnTerminal top(socket());
  ASSERT_TRUE(top.Shows("podwarp node-a"));
  api_.OnText("GET /v1/status", 503,
              R"({"error":{"code":"unavailable","message":"podwarp is stopping"}})");
  ASSERT_TRUE(top.Shows("podwarp is stopping"));
  api_.On("GET /v1/status", {{"node", "node-back"}, {"ready", true}});
  ASSERT_TRUE(top.Shows("podwarp node-back"));
  top.Press('Q');
  EXPECT_EQ(top.Wait(), 0);
}

// Pods that receive nothing, all on one page.
Json Pods(size_t count) {
  std::vector<Json> items;
  for (size_t i = 0; i < count; ++i) {
    items.push_back({{"key", absl::StrCat("default/", std::string(80, 'w'), "-", i)},
                     {"status", {{"up", true}, {"received_frames", 0}}}});
  }
  return Page(items);
}

TEST_F(TopOnTerminal, KeysSwitchTheView) {
  api_.On("GET /v1/pods?limit=1000", Pods(40));
  OnTerminal top(socket());
  ASSERT_TRUE(top.Shows("[o overview]"));
  for (const auto& [key, shows] : {std::pair{'w', "[w workers]"},
                                   {'d', "40 pods, most frames first"},
                                   {'r', "no drop reasons"},
                                   {'2', "no ports"},
                                   {'?', "reverse the order"},
                                   {'1', "[o overview]"}}) {
    top.Press(key);
    ASSERT_TRUE(top.ShowsAnew(shows)) << key;
  }
  top.Press('q');
  EXPECT_EQ(top.Wait(), 0);
}

TEST_F(TopOnTerminal, AsksForPodsOnlyWhereTheyAreShown) {
  api_.On("GET /v1/pods?limit=1000", Pods(1));
  const auto asked = [this](const std::string& path) {
    return std::ranges::count(api_.requests(), path, &FakeApi::Request::path);
  };
  OnTerminal top(socket());
  for (const char key : {'w', 'r', 'o', 'p'}) {
    top.Press(key);
    ASSERT_TRUE(top.ShowsAnew(absl::StrCat("[", std::string(1, key), " ")));
  }
  EXPECT_EQ(asked("/v1/pods?limit=1000"), 0);
  top.Press('d');
  ASSERT_TRUE(top.ShowsAnew("1 pod, "));
  EXPECT_GT(asked("/v1/pods?limit=1000"), 0);
  const auto ports = asked("/v1/ports");
  top.Screen();
  top.Screen();
  EXPECT_EQ(asked("/v1/ports"), ports);
  top.Press('q');
  EXPECT_EQ(top.Wait(), 0);
}

TEST_F(TopOnTerminal, FitsEachWindow) {
  api_.On("GET /v1/pods?limit=1000", Pods(100));
  OnTerminal top(socket());
  top.Press('d');
  ASSERT_TRUE(top.Shows("... and 82 more"));
  std::vector<std::string> lines = top.Screen();
  EXPECT_EQ(lines.size(), 24u);
  EXPECT_THAT(lines, testing::Each(testing::ResultOf(WidthOf, testing::Le(80u))));
  EXPECT_EQ(WidthOf(lines[3]), 80u) << "it uses the whole width";
  top.Resize(132, 50);
  ASSERT_TRUE(top.ShowsAnew("... and 56 more"));
  lines = top.Screen();
  EXPECT_EQ(lines.size(), 50u);
  EXPECT_THAT(lines[4], HasSubstr(std::string(40, 'w'))) << "names have more room";
  top.Resize(40, 10);
  ASSERT_TRUE(top.ShowsAnew("... and 96 more"));
  lines = top.Screen();
  EXPECT_EQ(lines.size(), 10u);
  EXPECT_THAT(lines, testing::Each(testing::ResultOf(WidthOf, testing::Le(40u))));
  top.Press('q');
  EXPECT_EQ(top.Wait(), 0);
}

TEST_F(TopOnTerminal, ArrowsScroll) {
  api_.On("GET /v1/pods?limit=1000", Pods(100));
  OnTerminal top(socket());
  top.Press('d');
  ASSERT_TRUE(top.Shows("... and 82 more"));
  top.Type("\033[B\033OB");
  ASSERT_TRUE(top.ShowsAnew("... and 2 above, 80 below"));
  top.Type("\033[6~");
  ASSERT_TRUE(top.ShowsAnew("... and 20 above, 62 below"));
  top.Press('q');
  EXPECT_EQ(top.Wait(), 0);
}

TEST_F(TopOnTerminal, SpaceFreezesTheNumbers) {
  OnTerminal top(socket());
  ASSERT_TRUE(top.Shows("podwarp node-a"));
  top.Press(' ');
  ASSERT_TRUE(top.ShowsAnew("frozen"));
  api_.On("GET /v1/status", {{"node", "node-later"}, {"ready", true}});
  const size_t asked = api_.requests().size();
  EXPECT_THAT(top.Screen(), testing::Contains(HasSubstr("podwarp node-a")));
  EXPECT_THAT(top.Screen(), testing::Contains(HasSubstr("podwarp node-a")));
  EXPECT_EQ(api_.requests().size(), asked) << "nobody is asked for what isn't shown";
  top.Press(' ');
  ASSERT_TRUE(top.ShowsAnew("podwarp node-later"));
  top.Press('q');
  EXPECT_EQ(top.Wait(), 0);
}

// Keys don't make it ask more often than each interval.
TEST_F(TopOnTerminal, KeysAreSeenAtOnce) {
  OnTerminal top(socket(), "3600");
  ASSERT_TRUE(top.Shows("[o overview]"));
  const size_t asked = api_.requests().size();
  top.Type("rwr");
  ASSERT_TRUE(top.Shows("[r drops]"));
  ASSERT_TRUE(top.Shows("[w workers]"));
  EXPECT_EQ(api_.requests().size(), asked);
  top.Resize(70, 20);
  ASSERT_TRUE(top.ShowsAnew("[r drops]"));
  top.Press('q');
  EXPECT_EQ(top.Wait(), 0);
}

}  // namespace
}  // namespace podwarp::ctl::test
