#include "made_up_machine.h"

namespace podwarp::ctl::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kNic[] = "/sys/bus/pci/devices/0000:3b:00.0";

class DoctorNics : public DoctorTest {
 protected:
  void ConfigureNic() { Configure("uplinks: [{name: up, pci: '0000:3b:00.0'}]"); }
  void BindTo(const std::string& driver) {
    Link(std::string(kNic) + "/driver", "../../../bus/pci/drivers/" + driver);
  }
};

TEST_F(DoctorNics, BoundToVfio) {
  ConfigureNic();
  BindTo("vfio-pci");
  EXPECT_THAT(Run(CheckNicBinding),
              ElementsAre(IsOk("uplink up, 0000:3b:00.0, is bound to vfio-pci")));
}

TEST_F(DoctorNics, BoundToTheKernelsDriver) {
  ConfigureNic();
  BindTo("ixgbe");
  Write(std::string(kNic) + "/net/eth7/mtu", "1500\n");
  EXPECT_THAT(Run(CheckNicBinding),
              ElementsAre(testing::AllOf(
                  IsProblem("bound to ixgbe, which DPDK can't use: `dpdk-devbind.py -b vfio-pci "
                            "0000:3b:00.0`"),
                  IsProblem("(eth7 is then lost to the kernel"))));
}

TEST_F(DoctorNics, BoundToNothing) {
  ConfigureNic();
  Write(std::string(kNic) + "/vendor", "0x8086\n");
  EXPECT_THAT(Run(CheckNicBinding), ElementsAre(IsProblem("is bound to no driver")));
}

TEST_F(DoctorNics, NotThere) {
  ConfigureNic();
  EXPECT_THAT(Run(CheckNicBinding), ElementsAre(IsProblem("is not on this machine: `lspci -D`")));
}

TEST_F(DoctorNics, OtherUplinksHaveNone) {
  Configure("uplinks: [{name: up, vdev: 'net_af_packet0,iface=eth1'}]");
  EXPECT_THAT(Run(CheckNicBinding), IsEmpty());
  EXPECT_THAT(Run(CheckVirtualFunctions), IsEmpty());
  EXPECT_THAT(Run(CheckIommu), IsEmpty());
  EXPECT_THAT(Run(CheckVfio), IsEmpty());
}

TEST_F(DoctorNics, IommuAndVfioMatter) {
  ConfigureNic();
  BindTo("vfio-pci");
  EXPECT_THAT(Run(CheckIommu), ElementsAre(IsProblem("intel_iommu=on iommu=pt")));
  EXPECT_THAT(Run(CheckVfio), ElementsAre(IsProblem("`modprobe vfio-pci`")));
  Write("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
  EXPECT_THAT(Run(CheckIommu), ElementsAre(IsWarning("may write to any memory")));
  Write("/sys/kernel/iommu_groups/0/type", "DMA\n");
  Write("/sys/bus/pci/drivers/vfio-pci/new_id", "");
  EXPECT_THAT(Run(CheckIommu), ElementsAre(IsOk("the IOMMU is on")));
  EXPECT_THAT(Run(CheckVfio), ElementsAre(IsOk("vfio-pci is loaded")));
}

TEST_F(DoctorNics, WithoutAConfigurationTheyMayNotMatter) {
  EXPECT_THAT(Run(CheckIommu), ElementsAre(IsWarning("the IOMMU is off")));
  EXPECT_THAT(Run(CheckVfio), ElementsAre(IsWarning("vfio-pci is not loaded")));
}

TEST_F(DoctorNics, SomeDriversNeedNoVfio) {
  ConfigureNic();
  BindTo("mlx5_core");
  EXPECT_THAT(Run(CheckNicBinding), ElementsAre(IsOk("mlx5_core")));
  EXPECT_THAT(Run(CheckIommu), IsEmpty());
  EXPECT_THAT(Run(CheckVfio), IsEmpty());
}

class DoctorVirtualFunctions : public DoctorNics {
 protected:
  DoctorVirtualFunctions() {
    ConfigureNic();
    Link(std::string(kNic) + "/physfn", "../0000:3b:1f.0");
    const std::string physical = "/sys/bus/pci/devices/0000:3b:1f.0";
    Write(physical + "/net/eth7/mtu", "1500\n");
    Write("/sys/bus/pci/devices/0000:3b:00.1/vendor", "0x8086\n");
    Link(physical + "/virtfn0", "../0000:3b:00.1");
    Link(physical + "/virtfn1", "../0000:3b:00.0");
  }
  void Say(const std::string& settings) {
    machine_.outputs["ip -j link show dev eth7"] =
        R"([{"ifname":"eth7","vfinfo_list":[{"vf":0,"spoofchk":false,"trust":true},)" + settings +
        "]}]";
  }
};

TEST_F(DoctorVirtualFunctions, Trusted) {
  Say(R"({"vf":1,"spoofchk":false,"trust":true})");
  EXPECT_THAT(Run(CheckVirtualFunctions),
              ElementsAre(IsOk("uplink up is virtual function 1 of eth7, trusted")));
}

TEST_F(DoctorVirtualFunctions, NotTrusted) {
  Say(R"({"vf":1,"spoofchk":false,"trust":false})");
  EXPECT_THAT(Run(CheckVirtualFunctions), ElementsAre(IsProblem(", which isn't trusted: frames")));
}

TEST_F(DoctorVirtualFunctions, WithACheckOfSources) {
  Say(R"({"vf":1,"spoofchk":true,"trust":true})");
  EXPECT_THAT(Run(CheckVirtualFunctions),
              ElementsAre(IsProblem(", which has a check of source MACs: frames")));
}

TEST_F(DoctorVirtualFunctions, InWordsOfOlderPrograms) {
  Say(R"({"vf":1,"spoofchk":"on","trust":"off"})");
  EXPECT_THAT(Run(CheckVirtualFunctions),
              ElementsAre(IsProblem("`ip link set dev eth7 vf 1 trust on spoofchk off`")));
}

TEST_F(DoctorVirtualFunctions, ThatNobodyKnowsOf) {
  EXPECT_THAT(Run(CheckVirtualFunctions), ElementsAre(IsWarning("doesn't say whether")));
}

}  // namespace
}  // namespace podwarp::ctl::test
