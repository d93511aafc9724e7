#include <gmock/gmock.h>

#include "support/eal.h"

// DPDK isn't instrumented: the thread sanitizer sees what functions of the C library do that
// librte_vhost and the EAL's heap call, but not the locks by which these keep threads apart. Nor
// does it see that librte_vhost closes a descriptor, whose number may then be one of the test's.
// Nor is cpp-httplib: its connections' threads share what the first of them makes.
//
// A guest may write into what podwarp copies, and have its rings and its buffers overlap.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:librte_vhost.so\n"
         "called_from_lib:librte_eal.so\n"
         "race:libcpp-httplib.so\n"
         "race:podwarp::test::FileDescriptor::~FileDescriptor\n"
         "race:podwarp::CopyBytes\n"
         "race:podwarp::VhostMemory::Read\n"
         "race:podwarp::VhostPieces\n";
}

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  podwarp::test::EnsureEal();
  return RUN_ALL_TESTS();
}
