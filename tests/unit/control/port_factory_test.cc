#include "control/port_factory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/host_interface.h"
#include "support/literals.h"

namespace podwarp::test {
namespace {

TEST(HostSettings, TheKernelReachesPodsAndServicesThroughTheHostPort) {
  Config config;
  config.node_name = "node-a";
  config.pod_ranges = {"10.244.0.0/16"_prefix};
  config.service_ranges = {"10.96.0.0/16"_prefix, "10.97.0.0/24"_prefix};
  HostPortConfig host;
  host.interface = "podwarp0";
  host.address = "10.244.1.254"_ip;
  const auto route = [&](Ipv4Prefix prefix) {
    KernelRoute by_host;
    by_host.prefix = prefix;
    by_host.interface = "podwarp0";
    by_host.source = host.address;
    return by_host;
  };
  EXPECT_THAT(
      HostRoutes(HostSettings(config, host), /*other_default=*/false),
      testing::UnorderedElementsAre(route("10.244.0.0/16"_prefix), route("10.96.0.0/16"_prefix),
                                    route("10.97.0.0/24"_prefix)));
}

}  // namespace
}  // namespace podwarp::test
