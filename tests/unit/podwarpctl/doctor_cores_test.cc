#include "made_up_machine.h"

namespace podwarp::ctl::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kOnline[] = "/sys/devices/system/cpu/online";
constexpr char kIsolated[] = "/sys/devices/system/cpu/isolated";
constexpr char kNohzFull[] = "/sys/devices/system/cpu/nohz_full";

class DoctorCores : public DoctorTest {
 protected:
  DoctorCores() {
    Write(kOnline, "0-3\n");
    Write(kIsolated, "\n");
    Write(kNohzFull, "(null)\n");
    Configure("workers: {cores: [2, 3]}");
  }
};

TEST_F(DoctorCores, AreThere) {
  EXPECT_THAT(Run(CheckCoresExist), ElementsAre(IsOk("workers have core 2,3")));
  EXPECT_THAT(Run(CheckCoresLeft), IsEmpty());
}

TEST_F(DoctorCores, AreMissing) {
  Configure("workers: {cores: [3, 4, 9]}");
  EXPECT_THAT(Run(CheckCoresExist), ElementsAre(IsProblem("core 4,9 of `workers: {cores}`")));
}

TEST_F(DoctorCores, NoneIsConfigured) {
  Configure("node_name: a");
  EXPECT_THAT(Run(CheckCoresExist), ElementsAre(IsOk("the worker takes core 3")));
  EXPECT_THAT(Run(CheckCoresIsolated), ElementsAre(IsWarning("worker core 3 too")));
}

TEST_F(DoctorCores, AreShared) {
  EXPECT_THAT(Run(CheckCoresIsolated),
              ElementsAre(IsWarning("start it with `isolcpus=2,3 nohz_full=2,3`")));
  Write(kIsolated, "3\n");
  EXPECT_THAT(Run(CheckCoresIsolated), ElementsAre(IsWarning("other programs on worker core 2")));
}

TEST_F(DoctorCores, AreInterrupted) {
  Write(kIsolated, "2-3\n");
  EXPECT_THAT(Run(CheckCoresIsolated), ElementsAre(IsWarning("start it with `nohz_full=2,3`")));
  Write(kNohzFull, "1-3\n");
  EXPECT_THAT(Run(CheckCoresIsolated), ElementsAre(IsOk("core 2,3 is kept free")));
}

TEST_F(DoctorCores, AreAllThatThereAre) {
  Configure("workers: {cores: [0, 1, 2, 3]}");
  EXPECT_THAT(Run(CheckCoresLeft), ElementsAre(IsWarning("all cores of the machine")));
}

TEST_F(DoctorCores, AreHalvesOfOne) {
  Write("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2\n");
  Write("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "1,3\n");
  EXPECT_THAT(Run(CheckCoreSiblings), IsEmpty());
  Write("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2-3\n");
  Write("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "2-3\n");
  EXPECT_THAT(Run(CheckCoreSiblings), ElementsAre(IsWarning("worker cores 2,3 are two halves")));
}

TEST_F(DoctorCores, AreFarFromTheNic) {
  Configure("{workers: {cores: [1, 2]}, uplinks: [{name: up, pci: '0000:3b:00.0'}]}");
  Write("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "1\n");
  Write("/sys/devices/system/node/node0/cpulist", "0-1\n");
  Write("/sys/devices/system/node/node1/cpulist", "2-3\n");
  EXPECT_THAT(Run(CheckCoresNearNics),
              ElementsAre(IsWarning("node 1, worker core 1 is on another, which is slower: cores "
                                    "of that node are 2-3")));
  Configure("{workers: {cores: [2, 3]}, uplinks: [{name: up, pci: '0000:3b:00.0'}]}");
  EXPECT_THAT(Run(CheckCoresNearNics), ElementsAre(IsOk("are on NUMA node 1")));
}

TEST_F(DoctorCores, NearTheInterfaceThatAnUplinkShares) {
  Configure("{workers: {cores: [1]}, uplinks: [{name: up, vdev: 'net_af_xdp0,iface=eth1'}]}");
  EXPECT_THAT(Run(CheckCoresNearNics), IsEmpty()) << "a device that is nowhere";
  Write("/sys/class/net/eth1/device/numa_node", "1\n");
  Write("/sys/devices/system/node/node0/cpulist", "0-1\n");
  EXPECT_THAT(Run(CheckCoresNearNics), ElementsAre(IsWarning("worker core 1 is on another")));
}

TEST(CoreList, IsAsTheKernelWritesIt) {
  EXPECT_THAT(ParseCoreList("0-2,8"), ElementsAre(0, 1, 2, 8));
  EXPECT_THAT(ParseCoreList("5"), ElementsAre(5));
  EXPECT_THAT(ParseCoreList(""), IsEmpty());
  EXPECT_THAT(ParseCoreList("(null)"), IsEmpty());
}

}  // namespace
}  // namespace podwarp::ctl::test
