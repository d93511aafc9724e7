// The objects of one kind that an API server has, as its lists and watches tell them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace podwarp {

// One thread, or under its owner's mutex.
template <typename T>
class KnownObjects {
 public:
  // What has changed, after it has: absent is null. Both are there until the call returns.
  using Changed = std::function<void(const std::string& key, const T* before, const T* after)>;

  explicit KnownObjects(Changed changed) : changed_(std::move(changed)) {}

  void BeginList() { ++list_; }
  // What the list didn't have goes.
  void EndList() {
    has_synced_ = true;
    for (auto entry = objects_.begin(); entry != objects_.end();) {
      const auto at = entry++;
      if (at->second.list != list_) Erase(at);
    }
  }
  void Put(const std::string& key, T object) {
    const auto [entry, is_new] = objects_.try_emplace(key);
    entry->second.list = list_;
    if (!is_new && entry->second.object == object) return;
    std::swap(entry->second.object, object);
    changed_(key, is_new ? nullptr : &object, &entry->second.object);
  }
  void Delete(const std::string& key) {
    const auto entry = objects_.find(key);
    if (entry != objects_.end()) Erase(entry);
  }

  const T* Find(const std::string& key) const {
    const auto entry = objects_.find(key);
    return entry == objects_.end() ? nullptr : &entry->second.object;
  }
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const auto& [key, entry] : objects_) visit(key, entry.object);
  }
  size_t size() const { return objects_.size(); }
  // A list was completed once.
  bool has_synced() const { return has_synced_; }

 private:
  struct Entry {
    T object;
    uint32_t list = 0;  // that it was in, or that the watch which told it goes on from
  };
  using Objects = absl::flat_hash_map<std::string, Entry>;

  void Erase(typename Objects::iterator entry) {
    const std::string key = entry->first;
    const T before = std::move(entry->second.object);
    objects_.erase(entry);
    changed_(key, &before, nullptr);
  }

  const Changed changed_;
  Objects objects_;
  uint32_t list_ = 0;
  bool has_synced_ = false;
};

}  // namespace podwarp
