// What the API's server costs by itself: a backend that does nothing, clients of the same process.
#include <benchmark/benchmark.h>
#include <glog/logging.h>
#include <httplib.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/server.h"
#include "control/object_json.h"

namespace podwarp {
namespace {

class NoBackend : public ApiBackend {
 public:
  std::vector<EditResult> Apply(std::span<const Edit> edits) override {
    return std::vector<EditResult>(edits.size());
  }
  std::optional<Listed> Get(ObjectKind /*kind*/, const std::string& /*key*/) override {
    return std::nullopt;
  }
  std::vector<Listed> List(ObjectKind /*kind*/, const std::string& /*after*/,
                           size_t limit) override {
    const Listed route = {.object = ToJson(RouteConfig{.node = "node-b"})};
    return std::vector<Listed>(limit, route);
  }
  absl::StatusOr<nlohmann::ordered_json> Report(std::string_view /*name*/,
                                                const ApiParameters& /*parameters*/) override {
    return nlohmann::ordered_json::object();
  }
  absl::StatusOr<nlohmann::ordered_json> Reload() override {
    return nlohmann::ordered_json::object();
  }
  ObjectDefaults Defaults() override { return {}; }
};

class Fixture {
 public:
  Fixture() : socket_(absl::StrCat("/tmp/podwarp-api-bench-", getpid(), ".sock")) {
    ApiServerSettings settings = {.socket = socket_};
    settings.http.requests_per_second = 1e9;
    auto server = ApiServer::Open(settings, &backend_);
    CHECK(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  httplib::Client Connect() const {
    httplib::Client client(socket_);
    client.set_address_family(AF_UNIX);
    client.set_keep_alive(true);
    return client;
  }

 private:
  const std::string socket_;
  NoBackend backend_;
  std::unique_ptr<ApiServer> server_;
};

void BM_Put(benchmark::State& state) {
  const Fixture fixture;
  httplib::Client client = fixture.Connect();
  for (auto _ : state) {
    const auto answer =
        client.Put("/v1/routes/10.1.2.3/32", R"({"node":"node-b"})", "application/json");
    CHECK(answer && answer->status == 200);
  }
}
BENCHMARK(BM_Put)->UseRealTime();

// A connection for each, as one call of a command-line program has it.
void BM_ConnectAndPut(benchmark::State& state) {
  const Fixture fixture;
  for (auto _ : state) {
    const auto answer =
        fixture.Connect().Put("/v1/routes/10.1.2.3/32", R"({"node":"node-b"})", "application/json");
    CHECK(answer && answer->status == 200);
  }
}
BENCHMARK(BM_ConnectAndPut)->UseRealTime();

void BM_Bulk(benchmark::State& state) {
  const Fixture fixture;
  httplib::Client client = fixture.Connect();
  constexpr uint32_t kLines = 100'000;
  std::string body;
  for (uint32_t i = 0; i < kLines; ++i) {
    absl::StrAppend(&body, R"({"op":"put","kind":"route","object":{"prefix":")",
                    Ipv4Address(0x0a000000 + i).ToString(), R"(/32","node":"node-b"}})", "\n");
  }
  for (auto _ : state) {
    const auto answer = client.Post("/v1/bulk", body, "application/x-ndjson");
    CHECK(answer && answer->status == 200);
  }
  state.SetItemsProcessed(state.iterations() * int64_t{kLines});
}
BENCHMARK(BM_Bulk)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_ListAThousand(benchmark::State& state) {
  const Fixture fixture;
  httplib::Client client = fixture.Connect();
  for (auto _ : state) {
    const auto answer = client.Get("/v1/routes?limit=1000");
    CHECK(answer && answer->status == 200);
  }
}
BENCHMARK(BM_ListAThousand)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace podwarp

BENCHMARK_MAIN();
