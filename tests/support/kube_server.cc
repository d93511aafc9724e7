#include "support/kube_server.h"

#include <httplib.h>

#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"

// Neither libcrypto nor cpp-httplib is instrumented: the thread sanitizer sees that one
// connection's thread makes what all use, a decoded certificate or the set of HTTP's methods, and
// that another one reads it, but not what holds that one back until then.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libcrypto.so\n"
         "race:libcpp-httplib.so\n";
}

namespace podwarp::test {
namespace {

// Each open watch has a thread of its own.
constexpr size_t kThreads = 64;
}  // namespace

KubeServer::KubeServer() : KubeServer(Settings()) {}

KubeServer::KubeServer(Settings settings)
    : settings_(std::move(settings)),
      certificate_(authority_.IssueServer(settings_.hosts)),
      port_(settings_.port) {
  Open();
}

KubeServer::~KubeServer() { Close(); }

void KubeServer::Open() {
  server_ = std::make_unique<httplib::SSLServer>([this](SSL_CTX& context) {
    return SetCertificate(certificate_, authority_.certificate(), &context);
  });
  server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server_->set_keep_alive_max_count(1);
  server_->set_tcp_nodelay(true);
  const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
    Serve(request, &response);
  };
  server_->Get("/.*", serve);
  server_->Patch("/.*", serve);
  server_->Post("/.*", serve);
  const bool is_bound = port_ == 0 ? (port_ = server_->bind_to_any_port(settings_.address)) > 0
                                   : server_->bind_to_port(settings_.address, port_);
  if (!is_bound) {
    std::cerr << "can't listen on " << settings_.address << " port " << port_ << "\n";
    std::exit(1);
  }
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = false;
  }
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  while (!server_->is_running()) std::this_thread::yield();
}

void KubeServer::Close() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  resumed_.notify_all();
  objects_.Wake();
  server_->stop();
  thread_.join();
  server_.reset();
}

std::string KubeServer::url() const {
  return absl::StrCat("https://", settings_.hosts[0], ":", port_);
}

ClusterAccess KubeServer::access() const {
  const std::lock_guard lock(mutex_);
  ClusterAccess access;
  access.server = url();
  access.ca.text = authority_.certificate();
  access.token.text = token_;
  return access;
}

void KubeServer::SetToken(std::string token) {
  const std::lock_guard lock(mutex_);
  token_ = std::move(token);
}

void KubeServer::Refuse(KubeRefusal refusal) {
  const std::lock_guard lock(mutex_);
  refusals_.push_back(std::move(refusal));
}

void KubeServer::ForgiveAll() {
  const std::lock_guard lock(mutex_);
  refusals_.clear();
}

void KubeServer::EndWatches() { ToWatches("", /*is_end=*/true); }

void KubeServer::CutWatches(bool within_line) {
  ToWatches(within_line ? R"({"type":"MODIFIED","object":{"kind":"Po)" : "", /*is_end=*/false);
}

void KubeServer::SendToWatches(std::string lines) { ToWatches(std::move(lines), /*is_end=*/true); }

void KubeServer::ToWatches(std::string lines, bool is_end) {
  {
    const std::lock_guard lock(mutex_);
    for (Stream& stream : streams_) {
      stream.lines = lines;
      (is_end ? stream.is_ended : stream.is_cut) = true;
    }
  }
  objects_.Wake();
}

void KubeServer::Hang() {
  const std::lock_guard lock(mutex_);
  is_hanging_ = true;
}

void KubeServer::Resume() {
  const std::lock_guard lock(mutex_);
  is_hanging_ = false;
  resumed_.notify_all();
}

void KubeServer::SetDelay(absl::Duration delay) {
  const std::lock_guard lock(mutex_);
  delay_ = delay;
}

std::vector<std::string> KubeServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void KubeServer::ForgetRequests() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
}

size_t KubeServer::open_watches() const {
  const std::lock_guard lock(mutex_);
  return streams_.size();
}

void KubeServer::WaitWhileHanging() {
  absl::Duration delay;
  {
    std::unique_lock lock(mutex_);
    resumed_.wait(lock, [this] { return !is_hanging_ || is_closing_; });
    delay = delay_;
  }
  std::this_thread::sleep_for(absl::ToChronoMicroseconds(delay));
}

}  // namespace podwarp::test
