// What the server makes of a request: the other half of kube_server.cc.
#include <httplib.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "support/kube_path.h"
#include "support/kube_server.h"

namespace podwarp::test {
namespace {

using Json = nlohmann::json;

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

}  // namespace

std::string KubeStatus(int code, const std::string& reason, const std::string& message) {
  return Json{{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
              {"status", "Failure"}, {"message", message}, {"reason", reason},
              {"code", code}}
      .dump();
}

bool KubeServer::Admit(const httplib::Request& request, httplib::Response* response) {
  const std::string name = absl::StrCat(request.method, " ", request.target);
  const bool has_certificate = HasCertificate(request.ssl);
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
