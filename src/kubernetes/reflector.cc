#include "kubernetes/reflector.h"

#include <algorithm>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "kubernetes/api_error.h"

namespace podwarp {
namespace {

using Json = nlohmann::json;

double AnyChance() {
  thread_local std::mt19937 generator(std::random_device{}());
  return std::uniform_real_distribution(0.0, 1.0)(generator);
}

bool CancellableSleep(absl::Duration duration, Cancellation* cancellation) {
  return cancellation->Sleep(duration);
}

ReflectorSettings Completed(ReflectorSettings settings) {
  if (settings.sleep == nullptr) settings.sleep = CancellableSleep;
  if (settings.chance == nullptr) settings.chance = AnyChance;
  return settings;
}

// Of the metadata of an object or a list; empty if there is none.
std::string MetadataText(const Json& object, const char* key) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return "";
  const auto text = metadata->find(key);
  return text != metadata->end() && text->is_string() ? text->get<std::string>() : "";
}

}  // namespace

Reflector::Reflector(const ApiClient* client, ReflectorSettings settings, ResourceSink* sink)
    : client_(client), settings_(Completed(std::move(settings))), sink_(sink) {
  thread_ = std::thread([this] { Run(); });
}

Reflector::~Reflector() { Stop(); }

void Reflector::Stop() {
  cancellation_.Cancel();
  if (thread_.joinable()) thread_.join();
}

ReflectorStatus Reflector::Status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

template <typename Change>
void Reflector::ChangeStatus(const Change& change) {
  const std::lock_guard lock(mutex_);
  change(&status_);
}

void Reflector::NoteContact() {
  const absl::Time now = settings_.now();
  ChangeStatus([now](ReflectorStatus* status) {
    status->last_contact = now;
    status->connected = true;
    status->last_error.clear();
  });
}

void Reflector::Run() {
  while (!cancellation_.is_cancelled()) {
    const absl::Status status = Follow();
    if (status.ok()) continue;
    if (!WaitAfter(status)) return;
  }
}

bool Reflector::WaitAfter(const absl::Status& error) {
  if (cancellation_.is_cancelled()) return false;
  ChangeStatus([&error](ReflectorStatus* status) {
    status->connected = false;
    status->last_error = std::string(error.message());
  });
  // A token may have been replaced since it was read: the next request reads it anew.
  const bool is_unauthenticated = absl::IsUnauthenticated(error);
  if (is_unauthenticated && !was_unauthenticated_) {
    was_unauthenticated_ = true;
    return true;
  }
  was_unauthenticated_ = is_unauthenticated;
  absl::Duration wait = backoff_.Next(settings_.chance());
  if (const std::optional<absl::Duration> asked = RetryAfter(error); asked.has_value()) {
    // By all nodes, in one moment: so not all in the same.
    wait = std::max(wait, *asked * (1 + settings_.chance() / 4));
  }
  return settings_.sleep(wait, &cancellation_);
}

absl::Status Reflector::Follow() {
  if (revision_.empty()) {
    if (absl::Status status = List(); !status.ok()) return status;
  }
  return Watch();
}

absl::Status Reflector::List() {
  ApiClient::Query query = {{"limit", absl::StrCat(settings_.page)}};
  if (!settings_.field_selector.empty()) {
    query.emplace_back("fieldSelector", settings_.field_selector);
  }
  query.emplace_back("continue", "");
  sink_->BeginList();
  uint64_t objects = 0;
  std::string next;
  do {
    query.back().second = next;
    const ApiClient::Query page(query.begin(), query.end() - (next.empty() ? 1 : 0));
    // What an expired `continue` is refused with (410) has a token that goes on with a later state;
    // what was deleted meanwhile would be missed: rather all anew.
    const absl::StatusOr<Json> list = client_->Get(settings_.path, page, &cancellation_);
    if (!list.ok()) return list.status();
    NoteContact();
    was_unauthenticated_ = false;
    const auto items = list->find("items");
    const std::string revision = MetadataText(*list, "resourceVersion");
    if (items == list->end() || !(items->is_array() || items->is_null()) || revision.empty()) {
      return absl::UnavailableError(
          absl::StrCat("GET ", settings_.path, ": the answer is no list"));
    }
    for (const Json& item : *items) {
      if (cancellation_.is_cancelled()) return absl::CancelledError("");
      if (item.is_object()) {
        sink_->Put(item);
        ++objects;
      }
    }
    next = MetadataText(*list, "continue");
    if (next.empty()) revision_ = revision;
  } while (!next.empty());
  sink_->EndList();
  ChangeStatus([&](ReflectorStatus* status) {
    status->synced = true;
    status->resource_version = revision_;
    status->objects = objects;
    ++status->lists;
  });
  return absl::OkStatus();
}

absl::Status Reflector::Watch() {
  const absl::Duration length =
      absl::Ceil(settings_.watch * (1 + settings_.chance()), absl::Seconds(1));
  ApiClient::Query query = {{"watch", "true"},
                            {"allowWatchBookmarks", "true"},
                            {"resourceVersion", revision_},
                            {"timeoutSeconds", absl::StrCat(absl::ToInt64Seconds(length))}};
  if (!settings_.field_selector.empty()) {
    query.emplace_back("fieldSelector", settings_.field_selector);
  }
  absl::Time opened = absl::InfiniteFuture();
  bool was_silent = true;
  WatchStream stream([this, &was_silent](const WatchEvent& event) {
    was_silent = false;
    return Take(event);
  });
  const auto on_open = [this, &opened] {
    opened = settings_.now();
    was_unauthenticated_ = false;
    NoteContact();
    ChangeStatus([](ReflectorStatus* status) { ++status->watches; });
  };
  const auto on_bytes = [this, &stream](std::string_view bytes) {
    NoteContact();
    return stream.Feed(bytes);
  };
  absl::Status ended = client_->Watch(settings_.path, query, length + settings_.slack, on_open,
                                      on_bytes, &cancellation_);
  const absl::Duration lasted = settings_.now() - opened;
  if (lasted >= settings_.lasting) backoff_.Reset();
  if (ended.ok() && stream.is_within_line()) {
    ended = absl::UnavailableError(
        absl::StrCat("GET ", settings_.path, ": the watch ended in the middle of an event"));
  }
  const bool is_lost = ended.ok() && was_silent && lasted >= settings_.suspicious_silence;
  // Of a line that can't be read it isn't known what it changed.
  if (absl::IsOutOfRange(ended) || absl::IsDataLoss(ended) || is_lost) revision_ = "";
  // Servers end watches as they were asked to. One that ends each at once isn't run against.
  if (ended.ok() && lasted < absl::Seconds(1)) {
    return absl::UnavailableError(
        absl::StrCat("GET ", settings_.path, ": the server ended the watch at once"));
  }
  return ended;
}

absl::Status Reflector::Take(const WatchEvent& event) {
  if (event.type == WatchEvent::Type::kError) {
    return ApiError("the watch", event.object);
  }
  const std::string revision = MetadataText(event.object, "resourceVersion");
  if (revision.empty()) return absl::DataLossError("an event of the watch has no resourceVersion");
  // As after a change to a server that lags behind the one before.
  if (IsOld(revision)) return absl::OkStatus();
  revision_ = revision;
  if (event.type == WatchEvent::Type::kDeleted) {
    sink_->Delete(event.object);
  } else if (event.type != WatchEvent::Type::kBookmark) {
    sink_->Put(event.object);
  }
  ChangeStatus([&](ReflectorStatus* status) {
    status->resource_version = revision_;
    if (event.type == WatchEvent::Type::kBookmark) return;
    ++status->events;
    if (event.type == WatchEvent::Type::kAdded) ++status->objects;
    if (event.type == WatchEvent::Type::kDeleted && status->objects > 0) --status->objects;
  });
  return absl::OkStatus();
}

bool Reflector::IsOld(const std::string& revision) const {
  uint64_t its = 0;
  uint64_t ours = 0;
  // Formally opaque; in fact etcd's counter, as every server's since 1.0.
  return absl::SimpleAtoi(revision, &its) && absl::SimpleAtoi(revision_, &ours) && its <= ours;
}

}  // namespace podwarp
