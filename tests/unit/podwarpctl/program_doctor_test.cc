// doctor, as its users run it.
#include "program.h"

namespace podwarp::ctl::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// With a tree in which nothing is a problem.
class ProgramDoctor : public ProgramTest {
 protected:
  ProgramDoctor() {
    folder_.Write("/root/proc/self/status", "CapEff:\t000001ffffffffff\n");
    folder_.Write("/root/sys/devices/system/cpu/online", "0-3\n");
    folder_.Write("/root/etc/podwarp/node.yaml", "workers: {cores: [2]}\n");
  }
  std::string root() const { return folder_.path().string() + "/root"; }
};

TEST_F(ProgramDoctor, SaysWhatIsWell) {
  const Ended ended = RunProgram({"--socket", "/no/such", "doctor", "--root", root()});
  EXPECT_EQ(ended.status, 0) << ended.out;
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, StartsWith("warning  podwarp     podwarp does not answer at /no/such"));
  EXPECT_THAT(ended.out, HasSubstr("\nok       config      what " + root() + "/etc/podwarp/"));
  EXPECT_THAT(ended.out, HasSubstr("\nok       cores       workers have core 2\n"));
  EXPECT_THAT(ended.out, HasSubstr("\n0 problems, "));
}

TEST_F(ProgramDoctor, EndsWithOneIfThereIsAProblem) {
  const std::string config = folder_.Write("/other.yaml", "workers: {cores: [9]}\n");
  const std::vector<std::string> command = {"doctor", "--root", root(), "--config", config};
  const Ended table = Run(command);
  EXPECT_EQ(table.status, 1);
  EXPECT_EQ(table.err, "");
  EXPECT_THAT(table.out, HasSubstr("\nproblem  cores       core 9 of `workers: {cores}` is not"));
  EXPECT_THAT(table.out, HasSubstr("\n1 problem, "));
}

TEST_F(ProgramDoctor, AsJson) {
  const Json findings = JsonOf({"doctor", "--root", root()});
  ASSERT_TRUE(findings.is_array());
  EXPECT_THAT(findings,
              testing::Contains(
                  Json{{"check", "cores"}, {"level", "ok"}, {"message", "workers have core 2"}}));
}

TEST_F(ProgramDoctor, AsksPodwarpForItsFileAndItsProcess) {
  const std::string config = folder_.Write("/running.yaml", "workers: {cores: [3]}\n");
  folder_.Write("/root/proc/4711/status", "CapEff:\t0000000000000000\n");
  api_.On("GET /v1/status",
          {{"version", "9.8.7"}, {"ready", true}, {"pid", 4711}, {"config_file", config}});
  const Ended ended = Run({"doctor", "--root", root()});
  EXPECT_THAT(ended.out,
              StartsWith("ok       podwarp     podwarp 9.8.7 is running, process 4711\n"));
  EXPECT_THAT(ended.out, HasSubstr("what " + config + " says is looked at"));
  EXPECT_THAT(ended.out, HasSubstr("podwarp's process 4711 lacks CAP_NET_ADMIN"));
  EXPECT_EQ(ended.status, 1);
}

TEST_F(ProgramDoctor, AConfigurationThatIsNamedMustBeThere) {
  const Ended named = Run({"doctor", "--root", root(), "--config", "/no/such.yaml"});
  EXPECT_EQ(named.status, 1);
  EXPECT_THAT(named.out, HasSubstr("problem  config      /no/such.yaml can't be read"));
  const Folder empty;
  const Ended usual = Run({"doctor", "--root", empty.path().string()});
  EXPECT_THAT(usual.out, HasSubstr("warning  config "));
}

}  // namespace
}  // namespace podwarp::ctl::test
