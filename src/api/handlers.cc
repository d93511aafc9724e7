#include "api/handlers.h"

#include "absl/strings/str_cat.h"
#include "control/config_values.h"
#include "control/object_json.h"

namespace podwarp {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint32_t kUsualPage = 1'000;
constexpr uint32_t kLongestPage = 10'000;

std::string KeyOfJson(ObjectKind kind, const Json& object) {
  switch (kind) {
    case ObjectKind::kPod:
    case ObjectKind::kService:
      return absl::StrCat(object.value("namespace", ""), "/", object.value("name", ""));
    case ObjectKind::kNode:
      return object.value("name", "");
    case ObjectKind::kRoute:
      return object.value("prefix", "");
  }
  return "";
}

Json ToItem(ObjectKind kind, Listed listed) {
  Json item = {{"key", KeyOfJson(kind, listed.object)}, {"origin", ToString(listed.origin)}};
  item["object"] = std::move(listed.object);
  item["status"] = std::move(listed.status);
  return item;
}

ApiAnswer GetObject(const ApiTarget& target, ApiBackend* backend) {
  std::optional<Listed> listed = backend->Get(target.path->kind, target.key);
  const std::string name = NameOf(target.path->kind, target.key);
  if (!listed.has_value()) {
    return ErrorAnswer(absl::NotFoundError(absl::StrCat("there is no ", name)), name);
  }
  return {.status = 200, .body = ToItem(target.path->kind, *std::move(listed)), .allow = ""};
}

ApiAnswer GetList(ObjectKind kind, const ApiParameters& parameters, ApiBackend* backend) {
  uint32_t limit = kUsualPage;
  std::string after;
  for (const auto& [name, value] : parameters) {
    if (name == "after") {
      const absl::StatusOr<std::string> key = ParseKey(kind, value);
      if (!key.ok()) {
        return ErrorAnswer(400, "invalid_argument", "",
                           absl::StrCat("after: ", std::string(key.status().message())));
      }
      after = *key;
    } else if (name == "limit") {
      const absl::StatusOr<uint32_t> parsed = ParseIntegerIn(value, 1, kLongestPage);
      if (!parsed.ok()) {
        return ErrorAnswer(400, "invalid_argument", "",
                           absl::StrCat("limit: ", std::string(parsed.status().message())));
      }
      limit = *parsed;
    } else {
      return ErrorAnswer(400, "invalid_argument", "",
                         absl::StrCat(name, ": unknown parameter (known: after, limit)"));
    }
  }
  std::vector<Listed> page = backend->List(kind, after, size_t{limit} + 1);
  const bool more = page.size() > limit;
  if (more) page.resize(limit);
  Json items = Json::array();
  for (Listed& listed : page) items.push_back(ToItem(kind, std::move(listed)));
  Json next = more ? items.back()["key"] : Json(nullptr);
  Json body = Json::object();
  body["items"] = std::move(items);
  body["next"] = std::move(next);
  return {.status = 200, .body = std::move(body), .allow = ""};
}

ApiAnswer GetReport(std::string_view name, const ApiParameters& parameters, ApiBackend* backend) {
  absl::StatusOr<Json> report = backend->Report(name, parameters);
  if (!report.ok()) return ErrorAnswer(report.status(), "");
  return {.status = 200, .body = *std::move(report), .allow = ""};
}

// Whether somebody is there to answer, and whether the node forwards.
ApiAnswer GetHealth(bool asks_if_ready, ApiBackend* backend) {
  const absl::StatusOr<Json> status = backend->Report("status", {});
  if (!status.ok()) return ErrorAnswer(absl::UnavailableError(status.status().message()), "");
  if (asks_if_ready && status->is_object() && !status->value("ready", true)) {
    const std::string why = status->value("why_not_ready", "");
    return ErrorAnswer(
        absl::UnavailableError(absl::StrCat("the node is not ready", why.empty() ? "" : ": ", why)),
        "");
  }
  Json body = Json::object();
  body[asks_if_ready ? "ready" : "healthy"] = true;
  if (asks_if_ready && status->is_object() && status->contains("not_current")) {
    body["not_current"] = (*status)["not_current"];
  }
  return {.status = 200, .body = std::move(body), .allow = ""};
}

ApiAnswer GetMetrics(ApiBackend* backend) {
  absl::StatusOr<std::string> metrics = backend->Metrics();
  if (!metrics.ok()) return ErrorAnswer(metrics.status(), "");
  return {.status = 200, .body = nullptr, .allow = "", .metrics = *std::move(metrics)};
}

// What the path says and the body leaves out.
void FillNames(const ApiTarget& target, Json* body) {
  const auto fill = [&](const char* name, const std::string& value) {
    if (!body->contains(name)) (*body)[name] = value;
  };
  switch (target.path->kind) {
    case ObjectKind::kPod:
    case ObjectKind::kService: {
      const size_t slash = target.key.find('/');
      fill("namespace", target.key.substr(0, slash));
      fill("name", target.key.substr(slash + 1));
      return;
    }
    case ObjectKind::kNode:
      fill("name", target.key);
      return;
    case ObjectKind::kRoute:
      fill("prefix", target.key);
  }
}

// The names of the fields that differ; all of them if there was nothing before.
Json ChangedFields(const std::optional<Object>& before, const Json& after) {
  const Json old = before.has_value() ? ToJson(*before) : Json::object();
  Json fields = Json::array();
  for (const auto& [name, value] : after.items()) {
    if (!old.contains(name) || old[name] != value) fields.push_back(name);
  }
  for (const auto& [name, value] : old.items()) {
    if (!after.contains(name)) fields.push_back(name);
  }
  return fields;
}

EditResult ApplyOne(Edit edit, ApiBackend* backend) {
  std::vector<EditResult> results = backend->Apply({&edit, 1});
  if (results.size() != 1) return {.status = absl::InternalError("the change has no result")};
  return std::move(results[0]);
}

}  // namespace

ApiAnswer HandleGet(const ApiTarget& target, const ApiParameters& parameters, ApiBackend* backend) {
  switch (target.path->resource) {
    case ApiResource::kList:
      return GetList(target.path->kind, parameters, backend);
    case ApiResource::kObject:
      return GetObject(target, backend);
    case ApiResource::kReport:
      return GetReport(target.path->name(), parameters, backend);
    case ApiResource::kHealth:
      return GetHealth(false, backend);
    case ApiResource::kReadiness:
      return GetHealth(true, backend);
    case ApiResource::kMetrics:
      return GetMetrics(backend);
    case ApiResource::kBulk:
    case ApiResource::kReload:
    case ApiResource::kStream:
      break;
  }
  return ErrorAnswer(absl::InternalError("this path has nothing to get"), "");
}

ApiAnswer HandlePut(const ApiTarget& target, const std::string& body, ApiBackend* backend) {
  const ObjectKind kind = target.path->kind;
  const std::string name = NameOf(kind, target.key);
  absl::StatusOr<Json> parsed = ParseJson(body);
  if (!parsed.ok()) return ErrorAnswer(parsed.status(), name);
  if (parsed->is_object()) FillNames(target, &*parsed);
  absl::StatusOr<Object> object = ObjectFromJson(kind, *parsed, backend->Defaults());
  if (!object.ok()) return ErrorAnswer(object.status(), name);
  if (const std::string key = KeyOf(*object); key != target.key) {
    return ErrorAnswer(absl::InvalidArgumentError(absl::StrCat("the body says ", NameOf(kind, key),
                                                               ", the path says ", name)),
                       name);
  }
  const Json after = ToJson(*object);
  const EditResult result =
      ApplyOne({.kind = kind, .key = target.key, .object = *std::move(object)}, backend);
  if (!result.status.ok()) return ErrorAnswer(result.status, name);
  const bool created = result.outcome == EditResult::Outcome::kCreated;
  const bool is_same = result.outcome == EditResult::Outcome::kUnchanged;
  return {.status = created ? 201 : 200,
          .body = {{"created", created},
                   {"changed", is_same ? Json::array() : ChangedFields(result.before, after)}},
          .allow = ""};
}

ApiAnswer HandlePost(const ApiTarget& /*target*/, ApiBackend* backend) {
  absl::StatusOr<Json> reloaded = backend->Reload();
  if (!reloaded.ok()) return ErrorAnswer(reloaded.status(), "");
  return {.status = 200, .body = *std::move(reloaded), .allow = ""};
}

ApiAnswer HandleDelete(const ApiTarget& target, ApiBackend* backend) {
  const std::string name = NameOf(target.path->kind, target.key);
  const EditResult result =
      ApplyOne({.kind = target.path->kind, .key = target.key, .object = std::nullopt}, backend);
  if (!result.status.ok()) return ErrorAnswer(result.status, name);
  if (result.outcome == EditResult::Outcome::kAbsent) {
    return ErrorAnswer(absl::NotFoundError(absl::StrCat("there is no ", name)), name);
  }
  Json body = Json::object();
  body["deleted"] = true;
  return {.status = 200, .body = std::move(body), .allow = ""};
}

}  // namespace podwarp
