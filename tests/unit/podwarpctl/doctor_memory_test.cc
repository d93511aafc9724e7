#include "made_up_machine.h"

namespace podwarp::ctl::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kTotal[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
constexpr char kFree[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
constexpr char kMounts[] = "proc /proc proc rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw 0 0\n";

class DoctorHugepages : public DoctorTest {
 protected:
  DoctorHugepages() {
    Write(kTotal, "1024\n");
    Write(kFree, "600\n");
    Write("/proc/mounts", kMounts);
  }
};

TEST_F(DoctorHugepages, AreThere) {
  EXPECT_THAT(
      Run(CheckHugepages),
      ElementsAre(IsOk("1,024 of 2 MiB, of which 600 are free, mounted at /dev/hugepages")));
}

TEST_F(DoctorHugepages, AreMissing) {
  Write(kTotal, "0\n");
  EXPECT_THAT(Run(CheckHugepages),
              ElementsAre(IsWarning("`echo 1024 > /proc/sys/vm/nr_hugepages`")));
}

TEST_F(DoctorHugepages, AreNotMounted) {
  Write("/proc/mounts", "proc /proc proc rw 0 0\n");
  EXPECT_THAT(Run(CheckHugepages), ElementsAre(IsWarning("mount -t hugetlbfs")));
}

TEST_F(DoctorHugepages, AreTakenBySomebodyElse) {
  Write(kFree, "0\n");
  EXPECT_THAT(Run(CheckHugepages),
              ElementsAre(IsWarning("of 1,024 hugepages of 2 MiB 0 are free")));
}

TEST_F(DoctorHugepages, AreTakenByPodwarp) {
  Write(kFree, "0\n");
  subject_.pid = 1;
  EXPECT_THAT(Run(CheckHugepages), ElementsAre(IsOk("of which 0 are free")));
}

TEST_F(DoctorHugepages, AreFewerThanTheConfigurationWants) {
  Configure("memory: {hugepages_mb: 1201}");
  EXPECT_THAT(Run(CheckHugepages), ElementsAre(IsWarning("wants 1,201 MB")));
  Configure("memory: {hugepages_mb: 1200}");
  EXPECT_THAT(Run(CheckHugepages), ElementsAre(IsOk("600 are free")));
}

TEST_F(DoctorHugepages, AreOnAnotherNodeThanTheNic) {
  Configure("uplinks: [{name: up, pci: '0000:3b:00.0'}]");
  Write("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "1\n");
  const std::string there = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/";
  Write(there + "nr_hugepages", "0\n");
  EXPECT_THAT(Run(CheckHugepagesOfNics),
              ElementsAre(IsWarning("NUMA node 1, where uplink up is plugged in, has no")));
  Write(there + "nr_hugepages", "512\n");
  EXPECT_THAT(Run(CheckHugepagesOfNics), IsEmpty());
}

class DoctorRights : public DoctorTest {};

TEST_F(DoctorRights, AllOfThem) {
  Write("/proc/self/status", "Name:\tpodwarpctl\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n");
  EXPECT_THAT(Run(CheckRights), ElementsAre(IsOk("this user has the rights")));
}

TEST_F(DoctorRights, ThoseThatAreMissingAreNamed) {
  // Without NET_RAW and SYS_ADMIN.
  Write("/proc/self/status", "CapEff:\t0000000000005000\n");
  EXPECT_THAT(Run(CheckRights), ElementsAre(IsProblem("lacks CAP_NET_RAW, CAP_SYS_ADMIN:")));
}

TEST_F(DoctorRights, OfPodwarpIfItIsRunning) {
  Write("/proc/self/status", "CapEff:\t0000000000000000\n");
  Write("/proc/77/status", "CapEff:\t000001ffffffffff\n");
  subject_.pid = 77;
  EXPECT_THAT(Run(CheckRights), ElementsAre(IsOk("podwarp's process 77 has the rights")));
}

TEST_F(DoctorRights, ThatCantBeRead) {
  EXPECT_THAT(Run(CheckRights), ElementsAre(IsWarning("can't be read")));
}

}  // namespace
}  // namespace podwarp::ctl::test
