// Keeps what a Reflector gives it, for a test to look at.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "kubernetes/resource_sink.h"
#include "support/kube_objects.h"

namespace podwarp::test {

// The calls may come from one thread while the test looks from another.
class RecordingSink : public ResourceSink {
 public:
  using Json = nlohmann::json;
  using Objects = std::map<std::string, Json>;

  void BeginList() override {
    const std::lock_guard lock(mutex_);
    listed_.clear();
    is_listing_ = true;
    ++begun_;
  }
  void EndList() override {
    const std::lock_guard lock(mutex_);
    std::erase_if(objects_, [this](const auto& object) { return !listed_.contains(object.first); });
    is_listing_ = false;
    ++ended_;
  }
  void Put(const Json& object) override {
    const std::lock_guard lock(mutex_);
    Json kept = object;
    kept.erase("kind");
    kept.erase("apiVersion");
    if (is_listing_) listed_.insert(KubeKey(object));
    objects_[KubeKey(object)] = std::move(kept);
    ++puts_;
  }
  void Delete(const Json& object) override {
    const std::lock_guard lock(mutex_);
    objects_.erase(KubeKey(object));
    ++deletes_;
  }

  // As in lists: without kind and apiVersion.
  Objects objects() const {
    const std::lock_guard lock(mutex_);
    return objects_;
  }
  bool Has(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    return objects_.contains(key);
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return objects_.size();
  }
  int begun() const { return Count(&RecordingSink::begun_); }
  int ended() const { return Count(&RecordingSink::ended_); }
  int puts() const { return Count(&RecordingSink::puts_); }
  int deletes() const { return Count(&RecordingSink::deletes_); }

 private:
  int Count(int RecordingSink::*count) const {
    const std::lock_guard lock(mutex_);
    return this->*count;
  }

  mutable std::mutex mutex_;
  Objects objects_;
  std::set<std::string> listed_;
  bool is_listing_ = false;
  int begun_ = 0;
  int ended_ = 0;
  int puts_ = 0;
  int deletes_ = 0;
};

// What a list has, in the same shape.
inline RecordingSink::Objects ObjectsOf(const nlohmann::json& list) {
  RecordingSink::Objects objects;
  for (const nlohmann::json& item : list.at("items")) objects[KubeKey(item)] = item;
  return objects;
}

}  // namespace podwarp::test
