// How long a line of a bulk change takes to become an object, and back.
#include <benchmark/benchmark.h>
#include <glog/logging.h>

#include <nlohmann/json.hpp>
#include <string>

#include "control/object_json.h"

namespace podwarp {
namespace {

constexpr char kRouteLine[] = R"({"prefix":"10.1.2.3/32","node":"node-b"})";
constexpr char kPodLine[] = R"({"name":"web-1","namespace":"default","addresses":["10.244.1.10"],)"
                            R"("port":{"tap":{"interface":"eth0","netns":"/run/netns/web-1"}}})";

void BM_Parse(benchmark::State& state, const char* line) {
  for (auto _ : state) benchmark::DoNotOptimize(ParseJson(line));
}
BENCHMARK_CAPTURE(BM_Parse, route, kRouteLine);
BENCHMARK_CAPTURE(BM_Parse, pod, kPodLine);

void BM_ParseAndRead(benchmark::State& state, ObjectKind kind, const char* line) {
  for (auto _ : state) {
    const absl::StatusOr<Document> body = ParseJson(line);
    CHECK(body.ok());
    const absl::StatusOr<Object> object = ObjectFromJson(kind, *body, {});
    CHECK(object.ok());
    benchmark::DoNotOptimize(object);
  }
}
BENCHMARK_CAPTURE(BM_ParseAndRead, route, ObjectKind::kRoute, kRouteLine);
BENCHMARK_CAPTURE(BM_ParseAndRead, pod, ObjectKind::kPod, kPodLine);

void BM_ToText(benchmark::State& state, ObjectKind kind, const char* line) {
  const Object object = *ObjectFromJson(kind, *ParseJson(line), {});
  for (auto _ : state) benchmark::DoNotOptimize(ToJson(object).dump());
}
BENCHMARK_CAPTURE(BM_ToText, route, ObjectKind::kRoute, kRouteLine);
BENCHMARK_CAPTURE(BM_ToText, pod, ObjectKind::kPod, kPodLine);

}  // namespace
}  // namespace podwarp

BENCHMARK_MAIN();
