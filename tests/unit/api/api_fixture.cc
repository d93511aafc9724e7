#include "api_fixture.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/object_json.h"

namespace podwarp::test {

std::vector<EditResult> FakeBackend::Apply(std::span<const Edit> edits) {
  using Outcome = EditResult::Outcome;
  std::unique_lock lock(mutex_);
  ++waiting_;
  unblocked_.wait(lock, [&] { return !blocked_; });
  --waiting_;
  largest_batch_ = std::max(largest_batch_, edits.size());
  std::vector<EditResult> results;
  for (const Edit& edit : edits) {
    EditResult& result = results.emplace_back();
    if (const auto error = errors_.find(edit.key); error != errors_.end()) {
      result.status = error->second;
      continue;
    }
    auto& objects = objects_[static_cast<size_t>(edit.kind)];
    const auto found = objects.find(edit.key);
    if (!edit.object.has_value()) {
      result.outcome = found == objects.end() ? Outcome::kAbsent : Outcome::kDeleted;
      if (found != objects.end()) objects.erase(found);
    } else if (found == objects.end()) {
      result.outcome = Outcome::kCreated;
      objects.emplace(edit.key, *edit.object);
    } else {
      result.outcome = found->second == *edit.object ? Outcome::kUnchanged : Outcome::kChanged;
      result.before = std::exchange(found->second, *edit.object);
    }
  }
  return results;
}

std::optional<Listed> FakeBackend::Get(ObjectKind kind, const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto& objects = objects_[static_cast<size_t>(kind)];
  const auto found = objects.find(key);
  if (found == objects.end()) return std::nullopt;
  return Listed{.origin = Origin::kApi, .object = ToJson(found->second), .status = {{"up", true}}};
}

std::vector<Listed> FakeBackend::List(ObjectKind kind, const std::string& after, size_t limit) {
  const std::lock_guard lock(mutex_);
  const auto& objects = objects_[static_cast<size_t>(kind)];
  std::vector<Listed> listed;
  for (auto at = objects.upper_bound(after); at != objects.end() && listed.size() < limit; ++at) {
    listed.push_back({.origin = Origin::kFile, .object = ToJson(at->second), .status = {}});
  }
  return listed;
}

absl::StatusOr<Json> FakeBackend::Reload() {
  const std::lock_guard lock(mutex_);
  const auto error = errors_.find("reload");
  if (error != errors_.end()) return error->second;
  return Json{{"changes", 3}, {"failed", Json::array()}};
}

absl::StatusOr<std::string> FakeBackend::Metrics() {
  const std::lock_guard lock(mutex_);
  const auto error = errors_.find("metrics");
  if (error != errors_.end()) return error->second;
  return "podwarp_test 1\n";
}

absl::StatusOr<Json> FakeBackend::Report(std::string_view name, const ApiParameters& parameters) {
  const std::lock_guard lock(mutex_);
  const auto error = errors_.find(std::string(name));
  if (error != errors_.end()) return error->second;
  if (name == "status") {
    Json status = {{"ready", !errors_.contains("ready")}, {"path", "/\xff"}};
    for (const char* note : {"why_not_ready", "not_current"}) {
      const auto said = errors_.find(note);
      if (said != errors_.end()) status[note] = std::string(said->second.message());
    }
    return status;
  }
  return Json{{"report", name}, {"parameters", parameters.size()}};
}

size_t FakeBackend::size(ObjectKind kind) const {
  const std::lock_guard lock(mutex_);
  return objects_[static_cast<size_t>(kind)].size();
}

size_t FakeBackend::largest_batch() const {
  const std::lock_guard lock(mutex_);
  return largest_batch_;
}

void FakeBackend::SetError(const std::string& key, const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  errors_[key] = status;
}

void FakeBackend::Block(bool blocked) {
  const std::lock_guard lock(mutex_);
  blocked_ = blocked;
  unblocked_.notify_all();
}

int FakeBackend::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

class FakeBackend::Stream : public ApiStream {
 public:
  Stream(FakeBackend* backend, std::string_view name)
      : backend_(*backend), content_type_(absl::StrCat("application/", std::string(name))) {
    ++backend_.streams_;
  }
  ~Stream() override {
    const std::lock_guard lock(backend_.mutex_);
    --backend_.streams_;
  }

  std::string_view content_type() const override { return content_type_; }
  std::optional<std::string> Next(absl::Duration wait) override {
    std::unique_lock lock(backend_.mutex_);
    backend_.told_.wait_for(lock, absl::ToChronoMilliseconds(wait),
                            [&] { return told() || !backend_.streams_kept_; });
    if (told()) return backend_.parts_[next_++];
    if (backend_.streams_kept_) return "";
    return std::nullopt;
  }

 private:
  bool told() const { return next_ < backend_.parts_.size(); }

  FakeBackend& backend_;
  const std::string content_type_;
  size_t next_ = 0;
};

absl::StatusOr<std::unique_ptr<ApiStream>> FakeBackend::OpenStream(
    std::string_view name, const ApiParameters& /*parameters*/) {
  const std::lock_guard lock(mutex_);
  const auto error = errors_.find(std::string(name));
  if (error != errors_.end()) return error->second;
  return std::make_unique<Stream>(this, name);
}

void FakeBackend::KeepStreams(bool kept) {
  const std::lock_guard lock(mutex_);
  streams_kept_ = kept;
  told_.notify_all();
}

void FakeBackend::Tell(const std::string& part) {
  const std::lock_guard lock(mutex_);
  parts_.push_back(part);
  told_.notify_all();
}

int FakeBackend::streams() const {
  const std::lock_guard lock(mutex_);
  return streams_;
}

RawClient::RawClient(const std::string& socket)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
  connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  const timeval limit = {.tv_sec = 60, .tv_usec = 0};  // a test that would hang fails
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

RawClient::~RawClient() { close(fd_); }

bool RawClient::Send(const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<size_t>(count);
  }
  return true;
}

void RawClient::EndSending() { shutdown(fd_, SHUT_WR); }

bool RawClient::Fill() {
  char bytes[65536];
  const ssize_t got = recv(fd_, bytes, sizeof(bytes), 0);
  if (got > 0) buffer_.append(bytes, static_cast<size_t>(got));
  return got > 0;
}

std::string RawClient::Receive() {
  size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return "";
  }
  size_t length = 0;
  const size_t field = buffer_.find("Content-Length: ");
  if (field < end) length = std::strtoul(buffer_.c_str() + field + 16, nullptr, 10);
  const size_t whole = end + 4 + length;
  while (buffer_.size() < whole) {
    if (!Fill()) break;
  }
  const std::string answer = buffer_.substr(0, whole);
  buffer_.erase(0, whole);
  return answer;
}

std::string RawClient::ReceiveAll() {
  while (Fill()) {
  }
  return buffer_;
}

bool RawClient::IsClosedWithin(int ms) {
  pollfd wait = {.fd = fd_, .events = POLLIN, .revents = 0};
  char byte;
  return poll(&wait, 1, ms) > 0 && recv(fd_, &byte, 1, MSG_DONTWAIT) <= 0;
}

int StatusOf(const std::string& answer) {
  return absl::StartsWith(answer, "HTTP/1.1 ") ? std::atoi(answer.c_str() + 9) : 0;
}

std::string BodyOf(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

ApiTest::ApiTest() {
  char name[] = "/tmp/podwarp-api-XXXXXX";
  folder_ = mkdtemp(name);
  socket_ = folder_ / "api.sock";
}

ApiTest::~ApiTest() {
  backend_.Block(false);
  server_.reset();
  std::filesystem::remove_all(folder_);
}

void ApiTest::Start(const ApiServerSettings& limits) {
  ApiServerSettings settings = limits;
  settings.socket = socket_;
  absl::StatusOr<std::unique_ptr<ApiServer>> server = ApiServer::Open(settings, &backend_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
}

std::string ApiTest::Ask(const std::string& method, const std::string& path,
                         const std::string& body, const std::string& headers) {
  RawClient client(socket_);
  const std::string length =
      body.empty() ? "" : absl::StrCat("Content-Length: ", body.size(), "\r\n");
  client.Send(absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: x\r\n", headers, length,
                           "Connection: close\r\n\r\n", body));
  return client.ReceiveAll();
}

Json ApiTest::Expect(int status, const std::string& method, const std::string& path,
                     const std::string& body, const std::string& headers) {
  const std::string answer = Ask(method, path, body, headers);
  EXPECT_EQ(StatusOf(answer), status) << method << " " << path << "\n" << answer;
  const Json json = Json::parse(BodyOf(answer), nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << answer;
  return json;
}

}  // namespace podwarp::test
