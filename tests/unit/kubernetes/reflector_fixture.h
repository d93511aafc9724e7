// A Reflector of pods, the server that it follows, and its waits.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kubernetes/reflector.h"
#include "recorded.h"
#include "recording_sink.h"
#include "support/eventually.h"
#include "support/kube_server.h"

namespace podwarp::test {

class ReflectorTest : public testing::Test {
 protected:
  using Json = nlohmann::json;
  static constexpr char kPods[] = "/api/v1/pods";

  ~ReflectorTest() override { Stop(); }

  static Json Pod(const std::string& name, const std::string& node = "node-a",
                  const std::string& address = "10.244.1.1") {
    return {{"metadata", {{"name", name}, {"namespace", "default"}}},
            {"spec", {{"nodeName", node}}},
            {"status", {{"podIP", address}}}};
  }
  static std::string Line(const char* type, Json object) {
    return Json{{"type", type}, {"object", std::move(object)}}.dump() + "\n";
  }
  // With a revision of its own, for what a server shouldn't send.
  static Json PodAt(const std::string& name, int revision) {
    Json pod = Pod(name);
    pod["metadata"]["resourceVersion"] = std::to_string(revision);
    return pod;
  }

  // No test waits: what would be waited for is written down. `chance` is always 0, which leaves
  // waits as they are.
  void Start(ReflectorSettings settings = {}) { Start(server_.access(), std::move(settings)); }
  void Start(const ClusterAccess& access, ReflectorSettings settings = {}) {
    client_ = *ApiClient::Open(access);
    if (settings.path.empty()) settings.path = kPods;
    settings.chance = [] { return 0.0; };
    settings.sleep = [this](absl::Duration wait, Cancellation* cancellation) {
      {
        const std::lock_guard lock(mutex_);
        waits_.push_back(wait);
      }
      return cancellation->Sleep(absl::Milliseconds(2));
    };
    settings.now = [this] {
      const std::lock_guard lock(mutex_);
      return now_ += passes_;
    };
    reflector_ = std::make_unique<Reflector>(client_.get(), std::move(settings), &sink_);
  }
  void Stop() { reflector_.reset(); }
  void Advance(absl::Duration duration) {
    const std::lock_guard lock(mutex_);
    now_ += duration;
  }
  // As if everything took so long.
  void LetPass(absl::Duration duration) {
    const std::lock_guard lock(mutex_);
    passes_ = duration;
  }
  std::vector<absl::Duration> waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
  }
  ReflectorStatus Status() const { return reflector_->Status(); }
  bool IsWatching() const { return Status().connected && server_.open_watches() == 1; }
  // It has all that the server has, and watches.
  bool IsCurrent() {
    if (!IsWatching()) return false;
    RecordingSink::Objects objects;
    for (const std::string& item : server_.objects().List(kPods, {}, "", 0).items) {
      const Json object = Json::parse(item);
      objects[KubeKey(object)] = object;
    }
    return sink_.objects() == objects;
  }

  KubeServer server_;
  RecordingSink sink_;
  std::unique_ptr<ApiClient> client_;

 private:
  mutable std::mutex mutex_;
  std::vector<absl::Duration> waits_;
  absl::Time now_ = absl::UnixEpoch();
  absl::Duration passes_;
  std::unique_ptr<Reflector> reflector_;
};

}  // namespace podwarp::test
