#include <gmock/gmock.h>

#include "support/eal.h"

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  podwarp::test::EnsureEal();
  return RUN_ALL_TESTS();
}
