#include "control/port_factory.h"

#include <glog/logging.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "platform/pod_interface.h"
#include "port/ethdev_port.h"
#include "port/tap_port.h"
#include "port/vhost_port.h"

namespace podwarp {
namespace {

// The host port leads to every uplink, so that its MTU is the smallest of theirs.
uint16_t HostMtu(const Config& config) {
  uint16_t mtu = 1500;
  for (const UplinkConfig& uplink : config.uplinks) mtu = std::min(mtu, uplink.mtu_bytes);
  return mtu;
}

template <typename P>
absl::StatusOr<std::unique_ptr<Port>> AsPort(absl::StatusOr<std::unique_ptr<P>> port) {
  if (!port.ok()) return port.status();
  return *std::move(port);
}

}  // namespace

HostInterfaceSettings HostSettings(const Config& config, const HostPortConfig& host) {
  HostInterfaceSettings settings{.interface = host.interface,
                                 .mac = HostMac(config),
                                 .mtu_bytes = HostMtu(config),
                                 .address = host.address,
                                 .pod_ranges = config.pod_ranges,
                                 .service_ranges = config.service_ranges,
                                 .masquerade = host.masquerade};
  // The kernel shares the first uplink that has an address.
  for (const UplinkConfig& uplink : config.uplinks) {
    if (!uplink.address.has_value()) continue;
    settings.underlay_address = uplink.address;
    settings.underlay_prefix_length = uplink.address_prefix_length;
    settings.underlay_router = uplink.router;
    break;
  }
  return settings;
}

MacAddress HostMac(const Config& config) {
  return MacAddress::DeriveFrom(absl::StrCat(config.node_name, "/host"));
}

PortSettings UplinkSettings(const Config& config, const UplinkConfig& uplink, uint16_t workers) {
  return {.name = uplink.name,
          .role = PortRole::kUplink,
          .router_mac = config.virtual_mac,
          .vlan_id = uplink.vlan_id,
          .mtu_bytes = uplink.mtu_bytes,
          .receive_queues = uplink.queues,
          .workers = workers,
          .underlay_address = uplink.address.value_or(Ipv4Address()),
          .announce_pods = uplink.announce_pods,
          .announce_services = uplink.announce_services};
}

PortSettings HostPortSettings(const Config& config, const HostPortConfig& host, uint16_t workers) {
  return {.name = host.interface,
          .role = PortRole::kHost,
          .router_mac = config.gateway.mac,
          .mtu_bytes = HostMtu(config),
          .workers = workers};
}

PortSettings PodPortSettings(const Config& config, const PodConfig& pod, uint16_t workers) {
  return {.name = pod.full_name(),
          .role = PortRole::kPod,
          .router_mac = config.gateway.mac,
          .mtu_bytes = pod.mtu_bytes,
          .workers = workers};
}

absl::StatusOr<std::unique_ptr<Port>> DevicePortFactory::OpenUplink(const UplinkConfig& uplink) {
  return AsPort(EthdevPort::Open(
      UplinkSettings(config_, uplink, workers_),
      {.device = {.pci_address = uplink.pci_address, .vdev = uplink.vdev}, .pool = pool_}));
}

absl::StatusOr<std::unique_ptr<Port>> DevicePortFactory::OpenHostPort(const HostPortConfig& host) {
  auto port = TapPort::Open(
      HostPortSettings(config_, host, workers_),
      {.interface = host.interface, .persistent = true, .mac = HostMac(config_), .pool = pool_});
  if (!port.ok()) return port.status();
  if (absl::Status status = ConfigureHostInterface(HostSettings(config_, host)); !status.ok()) {
    return status;
  }
  return *std::move(port);
}

absl::StatusOr<std::unique_ptr<Port>> DevicePortFactory::OpenPodPort(const PodConfig& pod) {
  if (const auto* tap = std::get_if<TapPortConfig>(&pod.port)) return OpenPodTap(pod, *tap);
  if (const auto* vdev = std::get_if<VdevPortConfig>(&pod.port)) {
    return AsPort(
        EthdevPort::Open(PodPortSettings(config_, pod, workers_),
                         {.device = {.pci_address = "", .vdev = vdev->vdev}, .pool = pool_}));
  }
  const auto& vhost_user = std::get<VhostUserPortConfig>(pod.port);
  PortSettings settings = PodPortSettings(config_, pod, workers_);
  settings.receive_queues = vhost_user.queues;
  return AsPort(VhostPort::Open(std::move(settings),
                                {.socket = {.path = vhost_user.socket,
                                            .is_server = vhost_user.server,
                                            .mode = vhost_user.socket_mode,
                                            .group = vhost_user.group},
                                 .pool = pool_},
                                vhost_));
}

absl::StatusOr<std::unique_ptr<Port>> DevicePortFactory::OpenPodTap(const PodConfig& pod,
                                                                    const TapPortConfig& tap) {
  auto port = TapPort::Open(PodPortSettings(config_, pod, workers_), {.interface = tap.interface,
                                                                      .netns = tap.netns,
                                                                      .persistent = true,
                                                                      .mac = pod.mac,
                                                                      .pool = pool_});
  if (!port.ok()) return port.status();
  if (absl::Status status = ReconfigurePod(pod); !status.ok()) return status;
  return *std::move(port);
}

absl::Status DevicePortFactory::ReconfigurePod(const PodConfig& pod) {
  const auto* tap = std::get_if<TapPortConfig>(&pod.port);
  if (tap == nullptr) return absl::OkStatus();  // its owner knows its addresses
  return ConfigurePodInterface({.interface = tap->interface,
                                .netns = tap->netns,
                                .mac = pod.mac,
                                .mtu_bytes = pod.mtu_bytes,
                                .addresses = pod.addresses,
                                .pod_ranges = config_.pod_ranges,
                                .gateway = config_.gateway.address,
                                .on_link = tap->on_link});
}

void DevicePortFactory::RemovePod(const PodConfig& pod) {
  const auto* tap = std::get_if<TapPortConfig>(&pod.port);
  if (tap == nullptr) return;
  const absl::Status status = RemovePodInterface(tap->interface, tap->netns);
  LOG_IF(WARNING, !status.ok()) << "pod " << pod.full_name()
                                << " leaves its interface behind: " << status.message();
}

}  // namespace podwarp
