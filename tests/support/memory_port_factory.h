// Opens MemoryPorts in the place of devices.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/port_factory.h"
#include "support/memory_port.h"

namespace podwarp::test {

class MemoryPortFactory : public PortFactory {
 public:
  explicit MemoryPortFactory(const Config* config) : config_(*config) {}

  absl::StatusOr<std::unique_ptr<Port>> OpenUplink(const UplinkConfig& uplink) override {
    return Open(UplinkSettings(config_, uplink, /*workers=*/1));
  }
  absl::StatusOr<std::unique_ptr<Port>> OpenHostPort(const HostPortConfig& host) override {
    return Open(HostPortSettings(config_, host, /*workers=*/1));
  }
  absl::StatusOr<std::unique_ptr<Port>> OpenPodPort(const PodConfig& pod) override {
    return Open(PodPortSettings(config_, pod, /*workers=*/1));
  }
  absl::Status ReconfigurePod(const PodConfig& pod) override {
    reconfigured.push_back(pod.full_name());
    return absl::OkStatus();
  }
  void RemovePod(const PodConfig& pod) override { removed.push_back(pod.full_name()); }

  // By the port's name; it is there as long as the node has it.
  MemoryPort& operator[](const std::string& name) { return *ports_.at(name); }
  // The port of this name can't be opened, until it recovers.
  void Fail(const std::string& name, absl::Status status) { errors_[name] = std::move(status); }
  void Recover(const std::string& name) { errors_.erase(name); }

  std::vector<std::string> reconfigured;
  std::vector<std::string> removed;

 private:
  absl::StatusOr<std::unique_ptr<Port>> Open(PortSettings settings) {
    const auto error = errors_.find(settings.name);
    if (error != errors_.end()) return error->second;
    const std::string name = settings.name;
    auto port =
        std::make_unique<MemoryPort>(std::move(settings), PortCapabilities{.vlan_insert = true});
    ports_[name] = port.get();
    return port;
  }

  const Config& config_;
  std::map<std::string, MemoryPort*> ports_;
  std::map<std::string, absl::Status> errors_;
};

}  // namespace podwarp::test
