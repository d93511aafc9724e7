// DesiredState: what is there.
#include "absl/strings/str_cat.h"
#include "control/desired_kinds.h"
#include "control/desired_state.h"

namespace podwarp {

std::optional<DesiredState::Listed> DesiredState::Find(ObjectKind kind,
                                                       const std::string& text) const {
  return WithKind(kind, [&]<typename T>(std::type_identity<T>) -> std::optional<Listed> {
    const std::optional<Key<T>> key = ToKey<Key<T>>(text);
    if (!key.has_value()) return std::nullopt;
    const Kind<T>& objects = Of<T>();
    if (const auto entry = objects.entries.find(*key); entry != objects.entries.end()) {
      return Listed{entry->second.object, entry->second.origin, ""};
    }
    const auto hidden = objects.hidden.lower_bound({*key, Origin::kFile});
    if (hidden == objects.hidden.end() || hidden->first.first != *key) return std::nullopt;
    return Listed{hidden->second.object, hidden->first.second, hidden->second.why};
  });
}

std::vector<DesiredState::Listed> DesiredState::List(ObjectKind kind, const std::string& after,
                                                     size_t limit) const {
  return WithKind(kind, [&]<typename T>(std::type_identity<T>) {
    const Kind<T>& objects = Of<T>();
    auto entry = objects.entries.begin();
    auto hidden = objects.hidden.begin();
    // All that are hidden of a key, once one of it is listed: that one stands in for them.
    const auto pass = [&](const Key<T>& key) {
      while (hidden != objects.hidden.end() && hidden->first.first == key) ++hidden;
    };
    if (const std::optional<Key<T>> key = ToKey<Key<T>>(after); key.has_value() && !after.empty()) {
      entry = objects.entries.upper_bound(*key);
      hidden = objects.hidden.lower_bound({*key, Origin::kFile});
      pass(*key);
    }
    std::vector<Listed> listed;
    while (listed.size() < limit) {
      const bool is_hidden = hidden != objects.hidden.end() &&
                             (entry == objects.entries.end() || hidden->first.first < entry->first);
      if (is_hidden) {
        const auto& [key, origin] = hidden->first;
        listed.push_back({hidden->second.object, origin, hidden->second.why});
        pass(key);
      } else if (entry != objects.entries.end()) {
        pass(entry->first);
        listed.push_back({entry->second.object, entry->second.origin, ""});
        ++entry;
      } else {
        break;
      }
    }
    return listed;
  });
}

std::vector<std::string> DesiredState::ListHidden(Origin origin, size_t limit) const {
  std::vector<std::string> listed;
  const auto add = [&](const auto& objects) {
    for (const auto& [key, hidden] : objects.hidden) {
      if (listed.size() == limit) return;
      if (key.second != origin) continue;
      listed.push_back(absl::StrCat(NameFor(hidden.object), ": ", hidden.why));
    }
  };
  std::apply([&](const auto&... kinds) { (add(kinds), ...); }, kinds_);
  return listed;
}

}  // namespace podwarp
