// From what the configuration says about a port to the open port, with what the kernel's side of it
// needs.
//
// Thread rule: the control thread.
#pragma once

#include <rte_mempool.h>

#include <memory>

#include "absl/status/statusor.h"
#include "control/config.h"
#include "platform/host_interface.h"
#include "podwarp/port/port.h"
#include "port/vhost_backend.h"

namespace podwarp {

struct HostInterfaceSettings;

class PortFactory {
 public:
  virtual ~PortFactory() = default;
  // Errors: one plain sentence that names the port, and the command that helps.
  virtual absl::StatusOr<std::unique_ptr<Port>> OpenUplink(const UplinkConfig& uplink) = 0;
  virtual absl::StatusOr<std::unique_ptr<Port>> OpenHostPort(const HostPortConfig& host) = 0;
  virtual absl::StatusOr<std::unique_ptr<Port>> OpenPodPort(const PodConfig& pod) = 0;
  // The pod's open port stays, but its addresses are others.
  virtual absl::Status ReconfigurePod(const PodConfig& pod) = 0;
  // The pod, whose port is closed, won't come back: nothing of it stays in the kernel.
  virtual void RemovePod(const PodConfig& pod) = 0;
};

// Opens real devices.
class DevicePortFactory final : public PortFactory {
 public:
  // All pointers outlive the factory and its ports.
  DevicePortFactory(const Config* config, uint16_t workers, rte_mempool* pool, VhostBackend* vhost)
      : config_(*config), workers_(workers), pool_(pool), vhost_(vhost) {}

  absl::StatusOr<std::unique_ptr<Port>> OpenUplink(const UplinkConfig& uplink) override;
  absl::StatusOr<std::unique_ptr<Port>> OpenHostPort(const HostPortConfig& host) override;
  absl::StatusOr<std::unique_ptr<Port>> OpenPodPort(const PodConfig& pod) override;
  absl::Status ReconfigurePod(const PodConfig& pod) override;
  void RemovePod(const PodConfig& pod) override;

 private:
  absl::StatusOr<std::unique_ptr<Port>> OpenPodTap(const PodConfig& pod, const TapPortConfig& tap);

  const Config& config_;
  const uint16_t workers_;
  rte_mempool* const pool_;
  VhostBackend* const vhost_;
};

// What a port of each kind is to be, as far as the configuration decides it.
PortSettings UplinkSettings(const Config& config, const UplinkConfig& uplink, uint16_t workers);
PortSettings HostPortSettings(const Config& config, const HostPortConfig& host, uint16_t workers);
PortSettings PodPortSettings(const Config& config, const PodConfig& pod, uint16_t workers);

// What the kernel's side of the host port is to be.
HostInterfaceSettings HostSettings(const Config& config, const HostPortConfig& host);

// The kernel's own MAC behind the host port: derived, so that it survives a restart.
MacAddress HostMac(const Config& config);

}  // namespace podwarp
