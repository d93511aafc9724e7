// What the API was told, over restarts, kills and files gone wrong.
#include "control/state_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

RouteConfig Route(uint32_t number, const std::string& node) {
  return {.prefix = Ipv4Prefix::Host(Ipv4Address(0x0a000000 + number)), .node = node};
}

Edit Put(const Object& object) {
  return {.kind = KindOf(object), .key = KeyOf(object), .object = object};
}

Edit Delete(const Object& object) { return {.kind = KindOf(object), .key = KeyOf(object)}; }

struct Loaded {
  std::vector<Object> objects;
  std::vector<std::string> unreadable;
};

absl::StatusOr<Loaded> Load(StateStore* store) {
  Loaded loaded;
  const absl::StatusOr<std::vector<StateStore::Unreadable>> unreadable =
      store->Load([&](const Object& object) { loaded.objects.push_back(object); });
  if (!unreadable.ok()) return unreadable.status();
  for (const StateStore::Unreadable& row : *unreadable) {
    loaded.unreadable.push_back(row.name + ": " + row.why);
  }
  return loaded;
}

class StateStoreTest : public testing::Test {
 protected:
  StateStoreTest() {
    char name[] = "/tmp/podwarp-store-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ / "state" / "api.db";
  }
  ~StateStoreTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<StateStore> Open() {
    absl::StatusOr<std::unique_ptr<StateStore>> store = StateStore::Open(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  std::vector<Object> Objects() {
    absl::StatusOr<Loaded> loaded = Load(Open().get());
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_THAT(loaded->unreadable, IsEmpty());
    return loaded->objects;
  }

  // As another program would.
  void RunOnFile(const std::string& sql) {
    const absl::StatusOr<SqliteHandle> database = OpenSqlite(path_);
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE(RunSql(database->get(), sql.c_str()).ok()) << sqlite3_errmsg(database->get());
  }

  // The file is set aside, whole, and a new one works.
  void ExpectSetAside(const std::string& why) {
    const auto size = std::filesystem::file_size(path_);
    {
      const std::unique_ptr<StateStore> store = Open();
      ASSERT_NE(store, nullptr);
      EXPECT_THAT(store->set_aside(),
                  AllOf(HasSubstr(path_.string()), HasSubstr(why), HasSubstr(".set-aside-1")));
      EXPECT_EQ(std::filesystem::file_size(path_.string() + ".set-aside-1"), size);
      const Edit edit = Put(Route(1, "b"));
      EXPECT_TRUE(store->Write({&edit, 1}).ok());
    }
    EXPECT_THAT(Open()->set_aside(), IsEmpty());
    EXPECT_THAT(Objects(), ElementsAre(Object(Route(1, "b"))));
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(StateStoreTest, KeepsWhatWasWritten) {
  const Object pod = PodConfig{.name = "web-1",
                               .mac = MacAddress::DeriveFrom("x"),
                               .addresses = {Ipv4Address(10, 244, 1, 10)},
                               .port = TapPortConfig{.netns = "/run/netns/w"}};
  const Object node = RemoteNodeConfig{.name = "b",
                                       .virtual_mac = MacAddress::DeriveFrom("b"),
                                       .pod_ranges = {Ipv4Prefix(Ipv4Address(10, 9, 0, 0), 16)}};
  ServiceConfig service;
  service.name = "web";
  service.address = Ipv4Address(10, 96, 0, 1);
  service.session_affinity = absl::Hours(3);
  service.ports = {
      {.name = "http",
       .protocol = 6,
       .port = 80,
       .backends = {{.address = Ipv4Address(10, 244, 1, 10), .port = 8080, .phase = {}}}}};
  service.external_addresses = {Ipv4Address(203, 0, 113, 10)};
  service.source_ranges = {Ipv4Prefix(Ipv4Address(192, 0, 2, 0), 24)};
  service.external_traffic = TrafficPolicy::kLocal;
  service.ports[0].node_port = 30080;
  service.ports[0].backends[0].node = "b";
  {
    const std::unique_ptr<StateStore> store = Open();
    const std::vector<Edit> edits = {Put(pod),           Put(node),          Put(Route(1, "b")),
                                     Put(Route(2, "b")), Put(Route(3, "b")), Put(service)};
    ASSERT_TRUE(store->Write(edits).ok());
    const std::vector<Edit> more = {Put(Route(2, "c")), Delete(Route(1, "b")), Delete(Route(9, "")),
                                    Put(Route(4, "b")), Delete(Route(4, "b"))};
    ASSERT_TRUE(store->Write(more).ok());
    ASSERT_TRUE(store->Write({}).ok());
  }
  EXPECT_THAT(Objects(), ElementsAre(node, pod, Object(Route(2, "c")), Object(Route(3, "b")),
                                     Object(service)));
}

TEST_F(StateStoreTest, FileIsForItsOwnerAlone) {
  const mode_t before = umask(0);
  const std::unique_ptr<StateStore> store = Open();
  const Edit edit = Put(Route(1, "b"));
  EXPECT_TRUE(store->Write({&edit, 1}).ok());
  umask(before);
  for (const auto& entry : std::filesystem::directory_iterator(path_.parent_path())) {
    struct stat file;
    ASSERT_EQ(stat(entry.path().c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0600u) << entry.path();
  }
}

TEST_F(StateStoreTest, SecondProcessIsRefusedAndSetsNothingAside) {
  const std::unique_ptr<StateStore> store = Open();
  const absl::StatusOr<std::unique_ptr<StateStore>> second = StateStore::Open(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process"));
  EXPECT_FALSE(std::filesystem::exists(path_.string() + ".set-aside-1"));
}

TEST_F(StateStoreTest, WhatCannotBeReadStaysAndIsNamed) {
  Open();
  RunOnFile(
      "INSERT INTO objects VALUES ('route', '10.0.0.9/32', '{\"prefix\":\"10.0.0.9/32\"}'),"
      " ('route', '10.0.0.8/32', '{'), ('widget', 'x', '{}'),"
      " ('route', '10.0.0.7/32', '{\"prefix\":\"10.0.0.6/32\",\"node\":\"b\"}')");
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<Loaded> loaded = Load(Open().get());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_THAT(loaded->objects, IsEmpty());
    EXPECT_THAT(loaded->unreadable,
                ElementsAre("route 10.0.0.7/32: it calls itself 10.0.0.6/32",
                            HasSubstr("route 10.0.0.8/32: is not JSON at line 1, column 2"),
                            "route 10.0.0.9/32: node: is missing",
                            "widget x: there is no such kind of object"));
  }
  const Edit edit = Put(Route(9, "b"));
  ASSERT_TRUE(Open()->Write({&edit, 1}).ok());
  EXPECT_THAT(Load(Open().get())->unreadable, SizeIs(3));
}

TEST_F(StateStoreTest, NothingOfAFailedWriteIsThere) {
  const std::vector<Edit> edits = {
      Put(Route(1, "b")), Put(PodConfig{.name = "a", .port = TapPortConfig{.netns = "/run/\xff"}})};
  const std::unique_ptr<StateStore> store = Open();
  const absl::Status status = store->Write(edits);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("pod default/a has text that isn't UTF-8"));
  EXPECT_THAT(Load(store.get())->objects, IsEmpty());
  EXPECT_TRUE(store->Write({edits.data(), 1}).ok());
  EXPECT_THAT(Load(store.get())->objects, SizeIs(1));
}

TEST_F(StateStoreTest, NonsenseIsSetAside) {
  std::filesystem::create_directories(path_.parent_path());
  std::ofstream(path_) << std::string(10'000, 'x');
  ExpectSetAside("file is not a database");
}

TEST_F(StateStoreTest, DamagedFileIsSetAside) {
  {
    std::vector<Edit> edits;
    for (uint32_t i = 0; i < 10'000; ++i) edits.push_back(Put(Route(i, "b")));
    ASSERT_TRUE(Open()->Write(edits).ok());
  }
  const auto size = std::filesystem::file_size(path_);
  ASSERT_GT(size, 200'000u);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size / 2));
  file << std::string(8192, '\xa5');
  file.close();
  ExpectSetAside("damaged");
}

TEST_F(StateStoreTest, CutOffFileIsSetAside) {
  {
    std::vector<Edit> edits;
    for (uint32_t i = 0; i < 10'000; ++i) edits.push_back(Put(Route(i, "b")));
    ASSERT_TRUE(Open()->Write(edits).ok());
  }
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  ExpectSetAside("not usable");
}

TEST_F(StateStoreTest, ForeignDatabaseIsSetAside) {
  std::filesystem::create_directories(path_.parent_path());
  std::ofstream(path_).close();
  RunOnFile("CREATE TABLE objects (kind, key, body)");
  ExpectSetAside("another program's");
}

TEST_F(StateStoreTest, NewerVersionIsSetAside) {
  Open();
  RunOnFile("PRAGMA user_version = 2");
  ExpectSetAside("a newer podwarp wrote it, version 2");
}

TEST_F(StateStoreTest, MissingTableIsSetAside) {
  Open();
  RunOnFile("DROP TABLE objects");
  ExpectSetAside("no such table");
}

TEST_F(StateStoreTest, SetAsideFilesAreNeverOverwritten) {
  for (int i = 1; i <= 3; ++i) {
    Open();
    std::ofstream(path_) << "nonsense " << i << std::string(1000, 'x');
    EXPECT_THAT(Open()->set_aside(), HasSubstr(absl::StrCat(".set-aside-", i)));
  }
  std::ifstream first(path_.string() + ".set-aside-1");
  std::string word, number;
  first >> word >> number;
  EXPECT_EQ(number[0], '1');
}

TEST_F(StateStoreTest, FolderThatCannotBeWrittenIsAnError) {
  if (getuid() != 0) GTEST_SKIP() << "only root can become somebody who may not";
  std::filesystem::create_directories(path_.parent_path());
  chmod(folder_.c_str(), 0755);
  ASSERT_EQ(seteuid(65534), 0);
  const absl::StatusOr<std::unique_ptr<StateStore>> store = StateStore::Open(path_);
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()),
              AllOf(HasSubstr("state file"), HasSubstr(path_.string())));
}

TEST_F(StateStoreTest, FileInAFolderThatCannotBeWrittenIsAnError) {
  if (getuid() != 0) GTEST_SKIP() << "only root can become somebody who may not";
  Open();
  chmod(folder_.c_str(), 0755);
  chmod(path_.parent_path().c_str(), 0755);
  ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
  ASSERT_EQ(seteuid(65534), 0);
  const absl::StatusOr<std::unique_ptr<StateStore>> store = StateStore::Open(path_);
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(store.status())) << store.status();
  EXPECT_THAT(std::string(store.status().message()),
              HasSubstr("can't write to the folder of the state file " + path_.string()));
}

TEST_F(StateStoreTest, PathThatIsNoFileIsAnError) {
  std::filesystem::create_directories(path_);
  EXPECT_FALSE(StateStore::Open(path_).ok());
  std::ofstream(folder_ / "file").close();
  EXPECT_FALSE(StateStore::Open(folder_ / "file" / "api.db").ok());
}

// Writes pairs of rows with the same number to both until it is killed; says each number when it is
// on the disk.
[[noreturn]] void WriteForever(const std::string& path, int says) {
  absl::StatusOr<std::unique_ptr<StateStore>> store = StateStore::Open(path);
  for (uint32_t number = 1; store.ok(); ++number) {
    std::vector<Edit> edits;
    for (uint32_t i = 0; i < 50; ++i) edits.push_back(Put(Route(i, absl::StrCat("n", number))));
    if (!(*store)->Write(edits).ok()) break;
    if (write(says, &number, sizeof(number)) != sizeof(number)) break;
  }
  _exit(1);
}

TEST_F(StateStoreTest, WhatWasAcknowledgedOutlivesAKill) {
  std::mt19937 random(1);
  for (int round = 0; round < 25; ++round) {
    int says[2];
    ASSERT_EQ(pipe(says), 0);
    const pid_t writer = fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) {
      close(says[0]);
      WriteForever(path_, says[1]);
    }
    close(says[1]);
    uint32_t acknowledged = 0;
    ASSERT_EQ(read(says[0], &acknowledged, sizeof(acknowledged)), ssize_t{sizeof(acknowledged)});
    usleep(static_cast<useconds_t>(random() % 20'000));
    ASSERT_EQ(kill(writer, SIGKILL), 0);
    ASSERT_EQ(waitpid(writer, nullptr, 0), writer);
    while (read(says[0], &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged)) {
    }
    close(says[0]);

    const std::vector<Object> objects = Objects();
    ASSERT_THAT(objects, SizeIs(50));
    const std::string node = std::get<RouteConfig>(objects[0]).node;
    for (const Object& object : objects) ASSERT_EQ(std::get<RouteConfig>(object).node, node);
    // The one after it may have reached the disk, too.
    ASSERT_THAT(
        node, testing::AnyOf(absl::StrCat("n", acknowledged), absl::StrCat("n", acknowledged + 1)));
  }
}

TEST_F(StateStoreTest, FullDiskLosesNothingAndIsSaid) {
  if (getuid() != 0) GTEST_SKIP() << "only root can mount a small disk";
  const pid_t child = fork();  // its mounts are its own
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto require = [](bool condition, int number) {
      if (!condition) _exit(number);
    };
    require(unshare(CLONE_NEWNS) == 0, 77);
    require(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, 77);
    require(mount("none", folder_.c_str(), "tmpfs", 0, "size=2m") == 0, 77);
    absl::StatusOr<std::unique_ptr<StateStore>> store = StateStore::Open(path_);
    require(store.ok(), 1);
    absl::Status status;
    uint32_t written = 0;
    while (status.ok() && written < 1'000'000) {
      std::vector<Edit> edits;
      for (uint32_t i = 0; i < 1000; ++i) edits.push_back(Put(Route(written + i, "b")));
      status = (*store)->Write(edits);
      if (status.ok()) written += 1000;
    }
    require(absl::IsResourceExhausted(status), 2);
    require(Load(store->get())->objects.size() == written, 3);
    const Edit removed = Delete(Route(0, "b"));
    require((*store)->Write({&removed, 1}).ok() || written == 0, 4);
    store->reset();
    store = StateStore::Open(path_);
    require(store.ok() && (*store)->set_aside().empty(), 5);
    require(Load(store->get())->objects.size() == written - 1, 6);
    _exit(0);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  ASSERT_TRUE(WIFEXITED(result));
  if (WEXITSTATUS(result) == 77) GTEST_SKIP() << "no mount namespace here";
  EXPECT_EQ(WEXITSTATUS(result), 0);
}

}  // namespace
}  // namespace podwarp
