#include "made_up_machine.h"

namespace podwarp::ctl::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class DoctorLinks : public DoctorTest {
 protected:
  DoctorLinks() {
    Configure("uplinks: [{name: up, vdev: 'net_af_packet0,iface=eth1,qdisc_bypass=1'}]");
    Write("/sys/class/net/eth1/mtu", "1500\n");
    Write("/sys/class/net/eth1/operstate", "up\n");
  }
};

TEST_F(DoctorLinks, AreThere) {
  EXPECT_THAT(Run(CheckLinks), ElementsAre(IsOk("uplink up's interface eth1 is there")));
  EXPECT_THAT(Run(CheckLinkMtu), IsEmpty());
  EXPECT_THAT(Run(CheckLinkVlan), IsEmpty());
}

TEST_F(DoctorLinks, AreMissing) {
  Configure("uplinks: [{name: up, vdev: 'net_af_xdp0,iface=eth9'}]");
  EXPECT_THAT(Run(CheckLinks), ElementsAre(IsProblem("interface eth9 is not there")));
  EXPECT_THAT(Run(CheckLinkMtu), IsEmpty());
  EXPECT_THAT(Run(CheckLinkOffloads), IsEmpty());
}

TEST_F(DoctorLinks, AreDown) {
  Write("/sys/class/net/eth1/operstate", "down\n");
  EXPECT_THAT(Run(CheckLinks), ElementsAre(IsProblem("`ip link set dev eth1 up`")));
}

TEST_F(DoctorLinks, AreTooNarrow) {
  Configure("uplinks: [{name: up, vdev: 'net_af_packet0,iface=eth1', mtu: 9000}]");
  EXPECT_THAT(Run(CheckLinkMtu), ElementsAre(IsProblem("`ip link set dev eth1 mtu 9000`")));
  Write("/sys/class/net/eth1/mtu", "9000\n");
  EXPECT_THAT(Run(CheckLinkMtu), IsEmpty());
}

TEST_F(DoctorLinks, PodsAreNoWiderThanUplinks) {
  Configure(
      "uplinks: [{name: up, vdev: net_null0}, {name: jumbo, vdev: net_null1, mtu: 9000}]\n"
      "pods: [{name: a, mtu: 1500}, {name: b, namespace: n}]\n");
  EXPECT_THAT(Run(CheckPodMtu), ElementsAre(IsOk("no pod has a larger MTU")));
  Configure(
      "uplinks: [{name: up, vdev: net_null0}, {name: jumbo, vdev: net_null1, mtu: 9000}]\n"
      "pods: [{name: a, mtu: 1501}, {name: b, mtu: 9000, namespace: n}, {name: c}]\n");
  EXPECT_THAT(Run(CheckPodMtu),
              ElementsAre(IsWarning("pod default/a, n/b: packets of more than 1500 bytes, the MTU "
                                    "of uplink up,")));
}

TEST_F(DoctorLinks, ManyWidePodsAreCounted) {
  Configure(
      "uplinks: [{name: up, vdev: net_null0}]\n"
      "pods: [{name: a, mtu: 9000}, {name: b, mtu: 9000}, {name: c, mtu: 9000},"
      "       {name: d, mtu: 9000}, {name: e, mtu: 9000}]\n");
  EXPECT_THAT(Run(CheckPodMtu),
              ElementsAre(IsWarning("pod default/a, default/b, default/c and 2 more: ")));
}

TEST_F(DoctorLinks, AreNotTaggedTwice) {
  Write("/proc/net/vlan/eth1", "eth1  VID: 100\n");
  EXPECT_THAT(Run(CheckLinkVlan), ElementsAre(IsOk("tags frames by itself")));
  Configure("uplinks: [{name: up, vdev: 'net_af_packet0,iface=eth1', vlan: 100}]");
  EXPECT_THAT(Run(CheckLinkVlan), ElementsAre(IsProblem("`vlan: 100` tags them again")));
}

TEST_F(DoctorLinks, HaveNoOffloads) {
  machine_.offloads["eth1"] = {};
  EXPECT_THAT(Run(CheckLinkOffloads), ElementsAre(IsOk("as they are on the wire")));
  machine_.offloads["eth1"] = {LinkOffload::kTx, LinkOffload::kGro};
  EXPECT_THAT(Run(CheckLinkOffloads),
              ElementsAre(IsWarning("`ethtool -K eth1 tx off gro off`, and the same on its peer")));
}

TEST_F(DoctorLinks, ThatDontSayWhatTheyOffload) {
  EXPECT_THAT(Run(CheckLinkOffloads), ElementsAre(IsWarning("`ethtool -k eth1` should have")));
}

TEST_F(DoctorLinks, AfXdpHasNoOffloadsToTurnOff) {
  Configure("uplinks: [{name: up, vdev: 'net_af_xdp0,iface=eth1'}]");
  EXPECT_THAT(Run(CheckLinkOffloads), IsEmpty());
}

class DoctorForwarding : public DoctorTest {
 protected:
  DoctorForwarding() {
    Configure("host_port: {address: 10.244.1.254}");
    machine_.outputs["nft -j list chains"] = R"({"nftables":[{"metainfo":{}}]})";
  }
  void SayChain(const std::string& chain) {
    machine_.outputs["nft -j list chains"] =
        R"({"nftables":[{"metainfo":{}},{"chain":)" + chain + "}]}";
  }
};

TEST_F(DoctorForwarding, MattersWithAHostPortOnly) {
  Configure("node_name: a");
  EXPECT_THAT(Run(CheckIpForward), IsEmpty());
  EXPECT_THAT(Run(CheckForwardPolicy), IsEmpty());
}

TEST_F(DoctorForwarding, OfTheKernel) {
  const char kSwitch[] = "/proc/sys/net/ipv4/ip_forward";
  Write(kSwitch, "1\n");
  EXPECT_THAT(Run(CheckIpForward), ElementsAre(IsOk("the kernel forwards")));
  Write(kSwitch, "0\n");
  EXPECT_THAT(Run(CheckIpForward), ElementsAre(IsOk("podwarp will switch that on")));
  subject_.pid = 1;
  EXPECT_THAT(Run(CheckIpForward), ElementsAre(IsProblem("`sysctl -w net.ipv4.ip_forward=1`")));
}

TEST_F(DoctorForwarding, FirewallAccepts) {
  SayChain(R"({"family":"ip","table":"filter","name":"FORWARD","hook":"forward",)"
           R"("policy":"accept"})");
  EXPECT_THAT(Run(CheckForwardPolicy), ElementsAre(IsOk("accept by default")));
}

TEST_F(DoctorForwarding, FirewallDrops) {
  SayChain(R"({"family":"ip","table":"filter","name":"FORWARD","hook":"forward",)"
           R"("policy":"drop"})");
  EXPECT_THAT(Run(CheckForwardPolicy),
              ElementsAre(IsWarning("chain ip filter FORWARD drops what no rule accepts")));
}

TEST_F(DoctorForwarding, OtherChainsMayDrop) {
  SayChain(R"({"family":"ip","table":"filter","name":"INPUT","hook":"input","policy":"drop"})");
  EXPECT_THAT(Run(CheckForwardPolicy), ElementsAre(IsOk("")));
  SayChain(R"({"family":"ip6","table":"filter","name":"FORWARD","hook":"forward",)"
           R"("policy":"drop"})");
  EXPECT_THAT(Run(CheckForwardPolicy), ElementsAre(IsOk("")));
}

TEST_F(DoctorForwarding, LegacyFirewallDrops) {
  machine_.outputs["iptables -S FORWARD"] = "-P FORWARD DROP\n-A FORWARD -j DOCKER\n";
  EXPECT_THAT(Run(CheckForwardPolicy),
              ElementsAre(IsWarning("`iptables -I FORWARD -i podwarp0 -j ACCEPT;")));
}

TEST_F(DoctorForwarding, FirewallThatCantBeAsked) {
  machine_.outputs.clear();
  EXPECT_THAT(Run(CheckForwardPolicy), ElementsAre(IsWarning("can't be asked")));
}

}  // namespace
}  // namespace podwarp::ctl::test
