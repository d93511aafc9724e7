#include "commands/command.h"

#include "client/pages.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

// Lets through as many as a view shows.
class Bound {
 public:
  explicit Bound(uint64_t most) : most_(most) {}

  // Another one is to be shown; false if that is one too many.
  bool Take() {
    is_exceeded_ = taken_ == most_;
    if (!is_exceeded_) ++taken_;
    return !is_exceeded_;
  }
  void Tell(std::ostream* err) const {
    if (is_exceeded_) {
      *err << "podwarpctl: note: there are more than these " << Count(most_) << '\n';
    }
  }

 private:
  const uint64_t most_;
  uint64_t taken_ = 0;
  bool is_exceeded_ = false;
};

absl::Status ShowArray(const std::string& path, const ListView& view, Context* context) {
  std::ostream& out = *context->out;
  Bound bound(view.most);
  bool has_items = false;
  absl::Status status = ForEachPage(context->client, path, [&](const Json& items) {
    for (const Json& item : items) {
      if (!view.is_shown(item)) continue;
      if (!bound.Take()) return false;
      out << (has_items ? ",\n" : "[\n") << ToText(item);
      has_items = true;
    }
    return !out.flush().fail();
  });
  if (status.ok()) out << (has_items ? "\n]\n" : "[]\n");
  bound.Tell(context->err);
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
  Bound bound(view.most);
  absl::Status status = ForEachPage(context->client, path, [&](const Json& items) {
    bool goes_on = true;
    for (const Json& item : items) {
      if (!view.is_shown(item)) continue;
      goes_on = bound.Take();
      if (!goes_on) break;
      view.table.Add(view.row(item));
    }
    view.table.Write(context->out);
    return goes_on && !context->out->flush().fail();  // nobody reads on, as behind `| head`
  });
  bound.Tell(context->err);
  return status;
}

}  // namespace podwarp::ctl
