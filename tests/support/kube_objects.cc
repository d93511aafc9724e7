#include "support/kube_objects.h"

#include <algorithm>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace podwarp::test {
namespace {

using Json = nlohmann::json;

// Of each resource. A watch from before that is too old.
constexpr size_t kMostChanges = 100'000;

const std::map<std::string, std::pair<std::string, std::string>>& Kinds() {
  static const auto* kinds = new std::map<std::string, std::pair<std::string, std::string>>{
      {"/api/v1/events", {"Event", "v1"}},
      {"/api/v1/nodes", {"Node", "v1"}},
      {"/api/v1/pods", {"Pod", "v1"}},
      {"/api/v1/services", {"Service", "v1"}},
      {"/apis/discovery.k8s.io/v1/endpointslices", {"EndpointSlice", "discovery.k8s.io/v1"}},
  };
  return *kinds;
}

std::string TextAt(const Json& object, const char* pointer) {
  const Json::json_pointer path(pointer);
  return object.contains(path) && object.at(path).is_string() ? object.at(path).get<std::string>()
                                                              : "";
}

uint64_t RevisionOf(const Json& object) {
  return std::stoull(TextAt(object, "/metadata/resourceVersion"));
}

}  // namespace

std::string KubeKey(const Json& object) {
  const std::string space = TextAt(object, "/metadata/namespace");
  return absl::StrCat(space, space.empty() ? "" : "/", TextAt(object, "/metadata/name"));
}

std::string KubeObjects::KindOf(const std::string& resource) {
  const auto kind = Kinds().find(resource);
  return kind == Kinds().end() ? "" : kind->second.first;
}

std::string KubeObjects::VersionOf(const std::string& resource) {
  const auto kind = Kinds().find(resource);
  return kind == Kinds().end() ? "" : kind->second.second;
}

uint64_t KubeObjects::NextRevision(uint64_t given) {
  if (given == 0) return ++revision_;
  revision_ = std::max(revision_, given);
  return given;
}

void KubeObjects::Note(Resource* resource, Change change) {
  resource->changes.push_back(std::move(change));
  if (resource->changes.size() > kMostChanges) {
    resource->compacted = resource->changes.front().revision;
    resource->changes.pop_front();
  }
  changed_.notify_all();
}

Json KubeObjects::Put(const std::string& resource, Json object, uint64_t revision) {
  const std::lock_guard lock(mutex_);
  Resource& its = resources_[resource];
  revision = NextRevision(revision);
  object["metadata"]["resourceVersion"] = absl::StrCat(revision);
  object.erase("kind");
  object.erase("apiVersion");
  Object after = {.text = object.dump(),
                  .name = TextAt(object, "/metadata/name"),
                  .node_name = TextAt(object, "/spec/nodeName")};
  const auto [place, is_added] = its.objects.try_emplace(KubeKey(object));
  Object before = std::move(place->second);
  place->second = after;
  Note(&its, {.revision = revision,
              .is_added = is_added,
              .is_deleted = false,
              .before = std::move(before),
              .after = std::move(after)});
  object["kind"] = KindOf(resource);
  object["apiVersion"] = VersionOf(resource);
  return object;
}

bool KubeObjects::Delete(const std::string& resource, const std::string& key, uint64_t revision) {
  const std::lock_guard lock(mutex_);
  Resource& its = resources_[resource];
  const auto found = its.objects.find(key);
  if (found == its.objects.end()) return false;
  revision = NextRevision(revision);
  // The last state has the deletion's revision.
  Json object = Json::parse(found->second.text);
  object["metadata"]["resourceVersion"] = absl::StrCat(revision);
  Object last = found->second;
  last.text = object.dump();
  its.objects.erase(found);
  Note(
      &its,
      {.revision = revision, .is_added = false, .is_deleted = true, .before = last, .after = last});
  return true;
}

std::optional<Json> KubeObjects::Find(const std::string& resource, const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto its = resources_.find(resource);
  if (its == resources_.end()) return std::nullopt;
  const auto found = its->second.objects.find(key);
  if (found == its->second.objects.end()) return std::nullopt;
  Json object = Json::parse(found->second.text);
  object["kind"] = KindOf(resource);
  object["apiVersion"] = VersionOf(resource);
  return object;
}

void KubeObjects::Load(const std::string& resource, const Json& list) {
  for (const Json& item : list.at("items")) Put(resource, item, RevisionOf(item));
  const std::lock_guard lock(mutex_);
  NextRevision(RevisionOf(list));
  resources_[resource].changes.clear();
  resources_[resource].compacted = revision_;
}

void KubeObjects::Replay(const std::string& resource, const Json& event) {
  const Json& object = event.at("object");
  const uint64_t revision = RevisionOf(object);
  if (event.at("type") == "DELETED") {
    Delete(resource, KubeKey(object), revision);
  } else if (event.at("type") != "BOOKMARK") {
    Put(resource, object, revision);
  } else {
    const std::lock_guard lock(mutex_);
    NextRevision(revision);
  }
}

void KubeObjects::Compact() {
  const std::lock_guard lock(mutex_);
  ++revision_;
  for (const auto& [path, kind] : Kinds()) {
    resources_[path].changes.clear();
    resources_[path].compacted = revision_;
  }
}

uint64_t KubeObjects::revision() const {
  const std::lock_guard lock(mutex_);
  return revision_;
}

bool KubeObjects::Meets(const Object& object, const KubeSelector& selector) {
  if (selector.field.empty()) return true;
  if (selector.field == "metadata.name") return object.name == selector.value;
  if (selector.field == "spec.nodeName") return object.node_name == selector.value;
  return false;
}

KubeObjects::Page KubeObjects::List(const std::string& resource, const KubeSelector& selector,
                                    const std::string& after, size_t limit) const {
  const std::lock_guard lock(mutex_);
  Page page = {.revision = revision_};
  const auto its = resources_.find(resource);
  if (its == resources_.end()) return page;
  const auto& objects = its->second.objects;
  for (auto at = after.empty() ? objects.begin() : objects.upper_bound(after); at != objects.end();
       ++at) {
    if (!Meets(at->second, selector)) continue;
    if (limit > 0 && page.items.size() == limit) {
      ++page.remaining;
      continue;
    }
    page.items.push_back(at->second.text);
    page.last = at->first;
  }
  return page;
}

// What leaves or enters what is selected is seen as if it came or went.
std::string KubeObjects::Line(const std::string& resource, const Change& change,
                              const KubeSelector& selector) {
  const bool was = !change.is_added && Meets(change.before, selector);
  const bool is = !change.is_deleted && Meets(change.after, selector);
  if (!was && !is) return "";
  const char* type = was && is ? "MODIFIED" : is ? "ADDED" : "DELETED";
  return absl::StrCat(R"({"type":")", type, R"(","object":{"kind":")", KindOf(resource),
                      R"(","apiVersion":")", VersionOf(resource), R"(",)",
                      change.after.text.substr(1), "}\n");
}

KubeObjects::Events KubeObjects::Since(const std::string& resource, const KubeSelector& selector,
                                       uint64_t revision, absl::Duration patience) const {
  std::unique_lock lock(mutex_);
  Events events = {.revision = revision};
  const Resource none;
  const auto its = [&]() -> const Resource& {
    const auto now = resources_.find(resource);
    return now == resources_.end() ? none : now->second;
  };
  const uint64_t wakes = wakes_;
  changed_.wait_for(lock, absl::ToChronoNanoseconds(patience), [&] {
    return wakes_ != wakes || its().compacted > revision ||
           (!its().changes.empty() && its().changes.back().revision > revision);
  });
  if (its().compacted > revision) {
    events.is_too_old = true;
    return events;
  }
  const auto& changes = its().changes;
  const auto first = std::upper_bound(
      changes.begin(), changes.end(), revision,
      [](uint64_t wanted, const Change& change) { return wanted < change.revision; });
  for (auto change = first; change != changes.end() && events.lines.size() < 1 << 20; ++change) {
    const std::string line = Line(resource, *change, selector);
    events.lines += line;
    events.count += line.empty() ? 0 : 1;
    events.revision = change->revision;
  }
  return events;
}

void KubeObjects::Wake() {
  const std::lock_guard lock(mutex_);
  ++wakes_;
  changed_.notify_all();
}

}  // namespace podwarp::test
