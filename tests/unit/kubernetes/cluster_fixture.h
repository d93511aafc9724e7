// A cluster as an API server tells it, seen from node-a.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "kubernetes/cluster_state.h"
#include "support/literals.h"
#include "unit/kubernetes/kube_json.h"

namespace podwarp::test {

class ClusterFixture {
 public:
  explicit ClusterFixture(bool watch_all_pods = false) : state(Settings(), watch_all_pods) {}

  static Config Settings() {
    Config settings;
    settings.node_name = "node-a";
    settings.virtual_mac = "02:00:00:00:00:0a"_mac;
    settings.pod_ranges = {"10.244.0.0/16"_prefix};
    settings.node_pod_ranges = {"10.244.1.0/24"_prefix};
    settings.service_ranges = {"10.96.0.0/16"_prefix};
    UplinkConfig uplink;
    uplink.name = "up0";
    uplink.address = "192.0.2.11"_ip;
    uplink.address_prefix_length = 24;
    settings.uplinks = {uplink};
    return settings;
  }

  static void List(ResourceSink* sink, const std::vector<Json>& objects) {
    sink->BeginList();
    for (const Json& object : objects) sink->Put(object);
    sink->EndList();
  }
  void SyncWithNothing() {
    for (ResourceSink* sink : {state.nodes(), state.pods(), state.services(), state.slices()}) {
      List(sink, {});
    }
  }

  // Takes the edits: "+node node-b", "-service default/web", and keeps what the node has by them.
  Texts Take() {
    Texts texts;
    for (Edit& edit : state.TakeEdits()) {
      const std::string name = NameOf(edit.kind, edit.key);
      texts.push_back((edit.object.has_value() ? "+" : "-") + name);
      if (!edit.object.has_value()) {
        EXPECT_EQ(told.erase(name), 1) << name << " was never there";
        continue;
      }
      EXPECT_EQ(KindOf(*edit.object), edit.kind);
      EXPECT_EQ(KeyOf(*edit.object), edit.key);
      const auto before = told.find(name);
      EXPECT_FALSE(before != told.end() && before->second == *edit.object) << name << ": no news";
      told.insert_or_assign(name, *std::move(edit.object));
    }
    return texts;
  }

  template <typename T>
  const T& Told(const std::string& name) const {
    return std::get<T>(told.at(name));
  }

  ClusterState state;
  std::map<std::string, Object> told;
};

}  // namespace podwarp::test
