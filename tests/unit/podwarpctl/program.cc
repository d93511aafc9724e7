#include "program.h"

#include <fcntl.h>
#include <httplib.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace podwarp::ctl::test {
namespace {

struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    close(ends[0]);
    CloseWriter();
  }
  void CloseWriter() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  int ends[2];
};

using Answer = std::pair<int, std::string>;  // status and body

// Reads both to their ends.
void ReadBoth(int out, int err, Ended* ended) {
  pollfd files[] = {{.fd = out, .events = POLLIN, .revents = 0},
                    {.fd = err, .events = POLLIN, .revents = 0}};
  std::string* const texts[] = {&ended->out, &ended->err};
  while (files[0].fd >= 0 || files[1].fd >= 0) {
    if (poll(files, 2, -1) <= 0) return;
    for (size_t i = 0; i < 2; ++i) {
      if (files[i].fd < 0 || files[i].revents == 0) continue;
      char part[65536];
      const ssize_t got = read(files[i].fd, part, sizeof(part));
      if (got > 0) texts[i]->append(part, static_cast<size_t>(got));
      if (got <= 0) files[i].fd = -1;  // poll() passes over it
    }
  }
}

}  // namespace

Ended RunProgram(std::vector<std::string> arguments, const std::string& input) {
  const Folder folder;
  const std::string input_file = folder.Write("/input", input);
  Pipe out, err;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, input_file.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, err.ends[1], STDERR_FILENO);
  arguments.insert(arguments.begin(), PODWARPCTL);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid;
  EXPECT_EQ(posix_spawn(&pid, argv[0], &files, nullptr, argv.data(), environ), 0) << argv[0];
  posix_spawn_file_actions_destroy(&files);
  out.CloseWriter();
  err.CloseWriter();
  Ended ended;
  ReadBoth(out.ends[0], err.ends[0], &ended);
  int status;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
  return ended;
}

class FakeApi::Server {
 public:
  explicit Server(const std::string& socket) {
    const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
      Give(request, &response);
    };
    const auto reading = [this](const httplib::Request& request, httplib::Response& response,
                                const httplib::ContentReader& reader) {
      httplib::Request whole = request;
      reader([&](const char* data, size_t size) {
        whole.body.append(data, size);
        return true;
      });
      Give(whole, &response);
    };
    server_.Get(".*", answer);
    server_.Delete(".*", answer);
    server_.Put(".*", reading);
    server_.Post(".*", reading);
    server_.set_address_family(AF_UNIX);
    EXPECT_TRUE(server_.bind_to_port(socket, 80));
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Server() {
    server_.stop();
    thread_.join();
  }

  void On(const std::string& request, std::vector<Answer> answers) {
    const std::lock_guard lock(mutex_);
    answers_[request] = std::move(answers);
  }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Give(const httplib::Request& request, httplib::Response* response) {
    const std::lock_guard lock(mutex_);
    requests_.push_back({.method = request.method,
                         .path = request.target,
                         .body = request.body,
                         .host = request.get_header_value("Host"),
                         .type = request.get_header_value("Content-Type")});
    std::vector<Answer>& answers = answers_[absl::StrCat(request.method, " ", request.target)];
    if (answers.empty()) {
      answers.emplace_back(404, R"({"error":{"code":"not_found","message":"nothing"}})");
    }
    response->status = answers.front().first;
    response->set_content(answers.front().second, "application/json");
    if (answers.size() > 1) answers.erase(answers.begin());
  }

  httplib::Server server_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Answer>> answers_;
  std::vector<Request> requests_;
};

FakeApi::FakeApi(const std::string& socket) : server_(std::make_unique<Server>(socket)) {}

FakeApi::~FakeApi() = default;

void FakeApi::OnText(const std::string& request, int status, const std::string& body) {
  server_->On(request, {Answer(status, body)});
}

void FakeApi::OnInTurn(const std::string& request, const std::vector<std::string>& bodies) {
  std::vector<Answer> answers;
  for (const std::string& body : bodies) answers.emplace_back(200, body);
  server_->On(request, std::move(answers));
}

std::vector<FakeApi::Request> FakeApi::requests() const { return server_->requests(); }

}  // namespace podwarp::ctl::test
