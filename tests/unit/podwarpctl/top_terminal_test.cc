// `top` on a terminal, which it leaves as it was however it ends.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <csignal>

#include "program.h"

namespace podwarp::ctl::test {
namespace {

using testing::HasSubstr;

constexpr char kScreenEnd[] = "\033[?1049l";

// The program on a terminal of its own, which the test is the user of.
class OnTerminal {
 public:
  explicit OnTerminal(const std::string& socket) {
    const winsize size = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(openpty(&user_, &program_, nullptr, nullptr, &size), 0);
    EXPECT_EQ(tcgetattr(program_, &before_), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const rlimit no_core = {};
      setrlimit(RLIMIT_CORE, &no_core);
      login_tty(program_);
      execl(PODWARPCTL, PODWARPCTL, "--socket", socket.c_str(), "top", "--interval", "0.05",
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
  void Press(char key) { EXPECT_EQ(write(user_, &key, 1), 1); }
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

}  // namespace
}  // namespace podwarp::ctl::test
