// How fast objects reach the disk and come back from it. The file is on TMPDIR, /tmp without it.
#include <benchmark/benchmark.h>
#include <glog/logging.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "control/state_store.h"

namespace podwarp {
namespace {

class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "podwarp-store-bench-XXXXXX";
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::unique_ptr<StateStore> Open() const {
    auto store = StateStore::Open(path_ / "api.db");
    CHECK(store.ok()) << store.status();
    return *std::move(store);
  }

 private:
  std::filesystem::path path_;
};

std::vector<Edit> Routes(uint32_t first, uint32_t count) {
  std::vector<Edit> edits;
  for (uint32_t i = 0; i < count; ++i) {
    const RouteConfig route = {.prefix = Ipv4Prefix::Host(Ipv4Address(0x0a000000 + first + i)),
                               .node = "node-b"};
    edits.push_back({.kind = ObjectKind::kRoute, .key = KeyOf(route), .object = route});
  }
  return edits;
}

// New routes, in transactions of so many.
void BM_Write(benchmark::State& state) {
  const Folder folder;
  const std::unique_ptr<StateStore> store = folder.Open();
  const auto batch = static_cast<uint32_t>(state.range(0));
  uint32_t first = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<Edit> edits = Routes(first, batch);
    first += batch;
    state.ResumeTiming();
    CHECK(store->Write(edits).ok());
  }
  state.SetItemsProcessed(static_cast<int64_t>(first));
}
BENCHMARK(BM_Write)->Arg(1)->Arg(64)->Arg(4096)->UseRealTime();

void BM_OpenAndLoadAMillion(benchmark::State& state) {
  const Folder folder;
  {
    const std::unique_ptr<StateStore> store = folder.Open();
    for (uint32_t first = 0; first < 1'000'000; first += 4000) {
      CHECK(store->Write(Routes(first, 4000)).ok());
    }
  }
  for (auto _ : state) {
    size_t loaded = 0;
    CHECK(folder.Open()->Load([&](const Object&) { ++loaded; }).ok());
    CHECK_EQ(loaded, 1'000'000u);
  }
}
BENCHMARK(BM_OpenAndLoadAMillion)->Unit(benchmark::kMillisecond)->Iterations(2)->UseRealTime();

}  // namespace
}  // namespace podwarp

BENCHMARK_MAIN();
