#include "commands/command.h"

#include "client/pages.h"

namespace podwarp::ctl {
namespace {

absl::Status ShowArray(const std::string& path, const ListView& view, Context* context) {
  std::ostream& out = *context->out;
  bool has_items = false;
  absl::Status status = ForEachPage(context->client, path, [&](const Json& items) {
    for (const Json& item : items) {
      if (!view.is_shown(item)) continue;
      out << (has_items ? ",\n" : "[\n") << ToText(item);
      has_items = true;
    }
    return !out.flush().fail();
  });
  if (status.ok()) out << (has_items ? "\n]\n" : "[]\n");
  return status;
}

}  // namespace

std::string ToText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void PrintJson(const Json& json, Context* context) {
  *context->out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

absl::Status ShowList(const std::string& path, ListView view, Context* context) {
  if (context->json) return ShowArray(path, view, context);
  return ForEachPage(context->client, path, [&](const Json& items) {
    for (const Json& item : items) {
      if (view.is_shown(item)) view.table.Add(view.row(item));
    }
    view.table.Write(context->out);
    return !context->out->flush().fail();  // nobody reads on, as behind `| head`
  });
}

}  // namespace podwarp::ctl
