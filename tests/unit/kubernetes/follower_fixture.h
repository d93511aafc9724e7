// A Follower, the server that it follows, and the node that it tells.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kube_json.h"
#include "kubernetes/follower.h"
#include "support/eventually.h"
#include "support/kube_server.h"
#include "support/literals.h"

namespace podwarp::test {

inline constexpr char kNodes[] = "/api/v1/nodes";
inline constexpr char kPods[] = "/api/v1/pods";
inline constexpr char kServices[] = "/api/v1/services";
inline constexpr char kSlices[] = "/apis/discovery.k8s.io/v1/endpointslices";
inline constexpr char kEvents[] = "/api/v1/events";

// Has what it is told. Any thread.
class ToldNode {
 public:
  using Objects = std::map<std::pair<ObjectKind, std::string>, Object>;

  std::vector<EditResult> Apply(std::span<const Edit> edits) {
    const std::lock_guard lock(mutex_);
    std::vector<EditResult> results;
    for (const Edit& edit : edits) results.push_back(Apply(edit));
    return results;
  }
  absl::Status Move(const std::string& pod, const std::vector<Ipv4Address>& addresses) {
    const std::lock_guard lock(mutex_);
    ++moves_;
    if (!refusal_.empty()) return absl::UnavailableError(refusal_);
    pods_[pod] = addresses;
    return absl::OkStatus();
  }

  // From now on what is called `key` isn't taken, nor is any move; "" for none.
  void Refuse(const std::string& key, const std::string& why) {
    const std::lock_guard lock(mutex_);
    refused_ = key;
    refusal_ = why;
  }
  Objects objects() const {
    const std::lock_guard lock(mutex_);
    return objects_;
  }
  bool Has(ObjectKind kind, const std::string& key) const { return objects().count({kind, key}); }
  // By name; empty if it was never told of it.
  std::vector<Ipv4Address> AddressesOf(const std::string& pod) const {
    const std::lock_guard lock(mutex_);
    const auto found = pods_.find(pod);
    return found == pods_.end() ? std::vector<Ipv4Address>() : found->second;
  }
  size_t edits() const {
    const std::lock_guard lock(mutex_);
    return edits_;
  }
  size_t moves() const {
    const std::lock_guard lock(mutex_);
    return moves_;
  }

 private:
  EditResult Apply(const Edit& edit) {
    ++edits_;
    EditResult result;
    if (edit.key == refused_ && !refusal_.empty()) {
      result.status = absl::FailedPreconditionError(refusal_);
      return result;
    }
    if (edit.object.has_value()) {
      EXPECT_EQ(KindOf(*edit.object), edit.kind);
      EXPECT_EQ(KeyOf(*edit.object), edit.key);
      objects_.insert_or_assign({edit.kind, edit.key}, *edit.object);
      result.outcome = EditResult::Outcome::kChanged;
    } else {
      EXPECT_EQ(objects_.erase({edit.kind, edit.key}), 1) << edit.key;
      result.outcome = EditResult::Outcome::kDeleted;
    }
    return result;
  }

  mutable std::mutex mutex_;
  Objects objects_;
  std::map<std::string, std::vector<Ipv4Address>> pods_;
  std::string refused_;
  std::string refusal_;
  size_t edits_ = 0;
  size_t moves_ = 0;
};

class FollowerTest : public testing::Test {
 protected:
  FollowerTest() {
    config_.node_name = "node-a";
    config_.virtual_mac = "02:00:00:00:00:0a"_mac;
    config_.pod_ranges = {"10.244.0.0/16"_prefix};
    config_.node_pod_ranges = {"10.244.1.0/24"_prefix};
    config_.service_ranges = {"10.96.0.0/16"_prefix};
    UplinkConfig wire;
    wire.name = "wire";
    wire.address = "192.168.50.1"_ip;
    wire.address_prefix_length = 24;
    config_.uplinks = {wire};
    // Retries come at once, nearly.
    settings_.reflector.sleep = [](absl::Duration, Cancellation* cancellation) {
      return cancellation->Sleep(absl::Milliseconds(5));
    };
  }
  ~FollowerTest() override { Stop(); }

  // Two nodes, and a service with one endpoint.
  void PutCluster() {
    Put(kNodes, KubeNodeJson("node-a", {"10.244.1.0/24"}, Json::object(), {"192.168.50.1"}));
    Put(kNodes, KubeNodeWithMac("node-b", "10.244.2.0/24", "02:00:00:00:00:0b"));
    Put(kServices, KubeServiceJson("web", "10.96.0.80"));
    PutEndpoint("10.244.2.10");
  }
  void PutEndpoint(const std::string& address) {
    Put(kSlices, KubeSliceJson("web-1", "web", Json::array({KubeEndpointJson(address, "node-b")})));
  }
  void Put(const std::string& resource, const Json& object) {
    server_.objects().Put(resource, object);
  }

  void Start() {
    client_ = *ApiClient::Open(server_.access());
    FollowerActions actions;
    actions.apply = [this](std::span<const Edit> edits) { return node_.Apply(edits); };
    actions.move_pod = [this](const std::string& pod, const std::vector<Ipv4Address>& addresses) {
      return node_.Move(pod, addresses);
    };
    follower_ = std::make_unique<Follower>(client_.get(), config_, settings_, std::move(actions));
  }
  void Stop() { follower_.reset(); }

  KubernetesStatus Status() const { return follower_->Status(); }
  bool IsCurrent() const { return Status().is_current; }
  // The notes, a line each.
  std::string Notes() const {
    std::string notes;
    for (const std::string& note : Status().notes) notes += note + "\n";
    return notes;
  }
  bool HasNote(const std::string& part) const { return Notes().find(part) != std::string::npos; }
  // Of the one backend that it was told of.
  std::optional<Ipv4Address> Backend() const {
    const ToldNode::Objects objects = node_.objects();
    const auto service = objects.find({ObjectKind::kService, "default/web"});
    if (service == objects.end()) return std::nullopt;
    const auto& ports = std::get<ServiceConfig>(service->second).ports;
    if (ports.size() != 1 || ports[0].backends.size() != 1) return std::nullopt;
    return ports[0].backends[0].address;
  }
  std::vector<std::string> Requests(const std::string& part) const {
    std::vector<std::string> found;
    for (const std::string& request : server_.requests()) {
      if (request.find(part) != std::string::npos) found.push_back(request);
    }
    return found;
  }

  KubeServer server_;
  ToldNode node_;
  Config config_;
  FollowerSettings settings_;
  std::unique_ptr<ApiClient> client_;
  std::unique_ptr<Follower> follower_;
};

}  // namespace podwarp::test
