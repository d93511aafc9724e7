#include "commands/change.h"

#include "absl/strings/str_cat.h"
#include "text/fields.h"

namespace podwarp::ctl {
namespace {

std::string Outcome(const Json& answer) {
  if (Flag(answer, "created")) return "created";
  const Json& changed = Field(answer, "changed");
  return changed.empty() ? "is as it was" : absl::StrCat("changed: ", Text(changed));
}

}  // namespace

absl::Status PutObject(const std::string& name, const std::string& path, const Json& object,
                       Context* context) {
  const absl::StatusOr<Json> answer = context->client->Put(path, object);
  if (!answer.ok()) return answer.status();
  if (context->json) {
    PrintJson(*answer, context);
  } else {
    *context->out << name << ' ' << Outcome(*answer) << '\n';
  }
  return absl::OkStatus();
}

absl::Status DeleteObject(const std::string& name, const std::string& path, Context* context) {
  const absl::StatusOr<Json> answer = context->client->Delete(path);
  if (!answer.ok()) return answer.status();
  if (context->json) {
    PrintJson(*answer, context);
  } else {
    *context->out << name << " deleted\n";
  }
  return absl::OkStatus();
}

}  // namespace podwarp::ctl
