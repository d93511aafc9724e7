// What needs no root; the rest is in tests/system/kernel.
#include "port/tap_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/eal.h"
#include "support/literals.h"

namespace podwarp::test {
namespace {

using testing::HasSubstr;

TapOptions Options(std::string interface, std::string netns = "") {
  return {.interface = std::move(interface),
          .netns = std::move(netns),
          .mac = "02:00:00:00:00:01"_mac,
          .pool = TestPool()};
}

TEST(TapPort, RefusesWhatIsNoName) {
  for (const char* name : {"", "sixteen-bytes-xx", "a/b", "tap%d", "a b", "a:1", ".", ".."}) {
    const auto port = TapPort::Open({.name = "x"}, Options(name));
    EXPECT_TRUE(absl::IsInvalidArgument(port.status())) << name << ": " << port.status();
  }
}

TEST(TapPort, RefusesAPoolOfSmallBuffers) {
  rte_mempool* pool =
      rte_pktmbuf_pool_create("tiny", 63, 0, 0, RTE_PKTMBUF_HEADROOM + 1024, SOCKET_ID_ANY);
  ASSERT_NE(pool, nullptr);
  TapOptions options = Options("tap0");
  options.pool = pool;
  const auto port = TapPort::Open({.name = "x"}, options);
  EXPECT_TRUE(absl::IsInvalidArgument(port.status())) << port.status();
  EXPECT_THAT(std::string(port.status().message()), HasSubstr("2 KiB"));
  rte_mempool_free(pool);
}

TEST(TapPort, NamesANamespaceThatIsMissingOrNone) {
  const auto missing = TapPort::Open({.name = "x"}, Options("tap0", "/run/netns/is-not-there"));
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/run/netns/is-not-there"));
  const auto none = TapPort::Open({.name = "x"}, Options("tap0", "/dev/null"));
  EXPECT_TRUE(absl::IsInvalidArgument(none.status())) << none.status();
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("not a network namespace"));
}

}  // namespace
}  // namespace podwarp::test
