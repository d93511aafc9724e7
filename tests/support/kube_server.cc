#include "support/kube_server.h"

#include <httplib.h>
#include <openssl/pem.h>

#include <cstdlib>
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace podwarp::test {
namespace {

using Json = nlohmann::json;

// Each open watch has a thread of its own.
constexpr size_t kThreads = 64;
// How soon a watch sees that its client is gone.
constexpr absl::Duration kPatience = absl::Milliseconds(100);
constexpr char kTooOld[] =
    R"({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
    R"("message":"too old resource version","reason":"Expired","code":410}})"
    "\n";

KubeSelector SelectorOf(const httplib::Request& request) {
  const std::vector<std::string> parts =
      absl::StrSplit(request.get_param_value("fieldSelector"), absl::MaxSplits('=', 1));
  return parts.size() == 2 ? KubeSelector{parts[0], parts[1]} : KubeSelector{};
}

void Answer(int code, const std::string& body, httplib::Response* response) {
  response->status = code;
  response->set_content(body, "application/json");
}

void NotFound(httplib::Response* response) {
  Answer(404, KubeStatus(404, "NotFound", "the server could not find the requested resource"),
         response);
}

bool SetCertificate(const KubeAuthority::Issued& issued, const std::string& ca, SSL_CTX* context) {
  BIO* pem = BIO_new_mem_buf(issued.certificate.data(), -1);
  X509* certificate = PEM_read_bio_X509(pem, nullptr, nullptr, nullptr);
  BIO_free(pem);
  pem = BIO_new_mem_buf(issued.key.data(), -1);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(pem, nullptr, nullptr, nullptr);
  BIO_free(pem);
  pem = BIO_new_mem_buf(ca.data(), -1);
  X509* authority = PEM_read_bio_X509(pem, nullptr, nullptr, nullptr);
  BIO_free(pem);
  const bool is_set = SSL_CTX_use_certificate(context, certificate) == 1 &&
                      SSL_CTX_use_PrivateKey(context, key) == 1 &&
                      X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  X509_free(authority);
  // A client may show one.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return is_set;
}

bool HasCertificate(const httplib::Request& request) {
  X509* certificate = SSL_get1_peer_certificate(request.ssl);
  X509_free(certificate);
  return certificate != nullptr;
}

}  // namespace

KubePath KubePlace(const std::string& path) {
  std::vector<std::string> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  const size_t base = !parts.empty() && parts[0] == "apis" ? 3 : 2;
  std::string space;
  if (parts.size() > base + 2 && parts[base] == "namespaces") {
    space = parts[base + 1];
    parts.erase(parts.begin() + base, parts.begin() + base + 2);
  }
  std::string name;
  if (parts.size() > base + 1) {
    name = parts[base + 1];
    parts.resize(base + 1);
  }
  const bool has_both = !space.empty() && !name.empty();
  return {.resource = absl::StrCat("/", absl::StrJoin(parts, "/")),
          .key = name.empty() ? "" : absl::StrCat(space, has_both ? "/" : "", name),
          .space = space};
}

std::string KubeStatus(int code, const std::string& reason, const std::string& message) {
  return Json{{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
              {"status", "Failure"}, {"message", message}, {"reason", reason},
              {"code", code}}
      .dump();
}

// A watch that is open.
struct KubeServer::Stream {
  std::string resource;
  KubeSelector selector;
  uint64_t revision;
  bool has_bookmarks;
  absl::Time end;
  absl::Time next_bookmark;
  // What it is told to send instead of events.
  std::string lines = {};
  bool is_cut = false;
  bool is_ended = false;
};

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

bool KubeServer::Admit(const httplib::Request& request, httplib::Response* response) {
  const std::string name = absl::StrCat(request.method, " ", request.target);
  const bool has_certificate = HasCertificate(request);
  const std::lock_guard lock(mutex_);
  requests_.push_back(name);
  if (is_closing_) return false;
  for (auto refusal = refusals_.begin(); refusal != refusals_.end(); ++refusal) {
    if (!absl::StrContains(name, refusal->part)) continue;
    if (!refusal->retry_after.empty()) response->set_header("Retry-After", refusal->retry_after);
    Answer(refusal->code, refusal->body, response);
    if (refusal->count > 0 && --refusal->count == 0) refusals_.erase(refusal);
    return false;
  }
  const bool is_known = token_.empty() || has_certificate ||
                        request.get_header_value("Authorization") == "Bearer " + token_;
  if (!is_known) Answer(401, KubeStatus(401, "Unauthorized", "Unauthorized"), response);
  return is_known;
}

void KubeServer::Serve(const httplib::Request& request, httplib::Response* response) {
  WaitWhileHanging();
  if (!Admit(request, response)) return;
  if (request.method == "PATCH") return Patch(request, response);
  if (request.method == "POST") return Post(request, response);
  Get(request, response);
}

void KubeServer::Get(const httplib::Request& request, httplib::Response* response) {
  const KubePath place = KubePlace(request.path);
  if (KubeObjects::KindOf(place.resource).empty()) return NotFound(response);
  if (!place.key.empty()) {
    const std::optional<Json> object = objects_.Find(place.resource, place.key);
    if (object.has_value()) return Answer(200, object->dump(), response);
    return Answer(404, KubeStatus(404, "NotFound", absl::StrCat("\"", place.key, "\" not found")),
                  response);
  }
  if (request.get_param_value("watch") == "true") return Watch(place.resource, request, response);
  List(place.resource, request, response);
}

void KubeServer::List(const std::string& resource, const httplib::Request& request,
                      httplib::Response* response) {
  // Where the page before ended, and the revision of the first.
  Json position = {{"start", ""}, {"rv", 0}};
  if (request.has_param("continue")) {
    std::string text;
    absl::Base64Unescape(request.get_param_value("continue"), &text);
    position = Json::parse(text);
  }
  const size_t limit = std::strtoul(request.get_param_value("limit").c_str(), nullptr, 10);
  const KubeObjects::Page page =
      objects_.List(resource, SelectorOf(request), position["start"], limit);
  const uint64_t revision = position["rv"] == 0 ? page.revision : position["rv"].get<uint64_t>();
  Json metadata = {{"resourceVersion", absl::StrCat(revision)}};
  if (page.remaining > 0) {
    metadata["continue"] = absl::Base64Escape(Json{{"start", page.last}, {"rv", revision}}.dump());
    metadata["remainingItemCount"] = page.remaining;
  }
  Answer(200,
         absl::StrCat(R"({"kind":")", KubeObjects::KindOf(resource), R"(List","apiVersion":")",
                      KubeObjects::VersionOf(resource), R"(","metadata":)", metadata.dump(),
                      R"(,"items":[)", absl::StrJoin(page.items, ","), "]}\n"),
         response);
}

void KubeServer::Watch(const std::string& resource, const httplib::Request& request,
                       httplib::Response* response) {
  const absl::Time now = absl::Now();
  const int seconds = std::atoi(request.get_param_value("timeoutSeconds").c_str());
  Stream stream = {
      .resource = resource,
      .selector = SelectorOf(request),
      .revision = std::strtoul(request.get_param_value("resourceVersion").c_str(), nullptr, 10),
      .has_bookmarks = request.get_param_value("allowWatchBookmarks") == "true",
      .end = now + (seconds > 0 ? absl::Seconds(seconds) : absl::Minutes(30)),
      .next_bookmark = now + settings_.bookmark_interval};
  std::list<Stream>::iterator its;
  {
    const std::lock_guard lock(mutex_);
    its = streams_.insert(streams_.end(), std::move(stream));
  }
  response->set_chunked_content_provider(
      "application/json",
      [this, its](size_t, httplib::DataSink& sink) { return WatchOn(&*its, &sink); },
      [this, its](bool) {
        const std::lock_guard lock(mutex_);
        streams_.erase(its);
      });
}

bool KubeServer::WatchOn(Stream* stream, httplib::DataSink* sink) {
  const KubeObjects::Events events =
      objects_.Since(stream->resource, stream->selector, stream->revision, kPatience);
  WaitWhileHanging();
  Stream told;
  {
    const std::lock_guard lock(mutex_);
    if (is_closing_) return false;
    told = *stream;
  }
  if (told.is_cut || told.is_ended) {
    if (!told.lines.empty() && !sink->write(told.lines.data(), told.lines.size())) return false;
    if (told.is_ended) sink->done();
    return told.is_ended;
  }
  if (events.is_too_old) {
    sink->write(kTooOld, sizeof(kTooOld) - 1);
    sink->done();
    return true;
  }
  stream->revision = events.revision;
  if (!events.lines.empty() && !sink->write(events.lines.data(), events.lines.size())) return false;
  const absl::Time now = absl::Now();
  if (stream->has_bookmarks && now >= stream->next_bookmark) {
    stream->next_bookmark = now + settings_.bookmark_interval;
    const std::string bookmark = absl::StrCat(
        R"({"type":"BOOKMARK","object":{"kind":")", KubeObjects::KindOf(stream->resource),
        R"(","apiVersion":")", KubeObjects::VersionOf(stream->resource),
        R"(","metadata":{"resourceVersion":")", stream->revision,
        R"(","creationTimestamp":null},"spec":{"containers":null},"status":{}}})", "\n");
    if (!sink->write(bookmark.data(), bookmark.size())) return false;
  }
  if (now >= stream->end) sink->done();
  return sink->is_writable();
}

void KubeServer::Patch(const httplib::Request& request, httplib::Response* response) {
  const KubePath place = KubePlace(request.path);
  std::optional<Json> object = objects_.Find(place.resource, place.key);
  if (!object.has_value()) return NotFound(response);
  const Json patch = Json::parse(request.body, nullptr, false);
  if (request.get_header_value("Content-Type") != "application/merge-patch+json" ||
      !patch.is_object()) {
    return Answer(415, KubeStatus(415, "UnsupportedMediaType", "send a merge patch"), response);
  }
  object->merge_patch(patch);
  Answer(200, objects_.Put(place.resource, *object).dump(), response);
}

void KubeServer::Post(const httplib::Request& request, httplib::Response* response) {
  const KubePath place = KubePlace(request.path);
  Json object = Json::parse(request.body, nullptr, false);
  if (KubeObjects::KindOf(place.resource).empty()) return NotFound(response);
  if (!object.is_object() || !object.contains("metadata")) {
    return Answer(400, KubeStatus(400, "BadRequest", "no object"), response);
  }
  Json& metadata = object["metadata"];
  if (!place.space.empty()) metadata["namespace"] = place.space;
  if (!metadata.contains("name")) {
    metadata["name"] = absl::StrCat(metadata.value("generateName", ""), "x", objects_.revision());
  }
  if (objects_.Find(place.resource, KubeKey(object)).has_value()) {
    return Answer(409, KubeStatus(409, "AlreadyExists", "it already exists"), response);
  }
  Answer(201, objects_.Put(place.resource, object).dump(), response);
}

}  // namespace podwarp::test
