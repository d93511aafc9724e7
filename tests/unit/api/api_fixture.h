// A server of the API with a backend in memory, and clients as bytes on its socket.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "api/backend.h"
#include "api/server.h"

namespace podwarp::test {

using Json = nlohmann::ordered_json;

// Objects in maps; the rest as a test wants it.
class FakeBackend : public ApiBackend {
 public:
  std::vector<EditResult> Apply(std::span<const Edit> edits) override;
  std::optional<Listed> Get(ObjectKind kind, const std::string& key) override;
  std::vector<Listed> List(ObjectKind kind, const std::string& after, size_t limit) override;
  absl::StatusOr<Json> Report(std::string_view name, const ApiParameters& parameters) override;
  absl::StatusOr<Json> Reload() override;
  absl::StatusOr<std::string> Metrics() override;
  absl::StatusOr<std::unique_ptr<ApiStream>> OpenStream(std::string_view name,
                                                        const ApiParameters& parameters) override;
  ObjectDefaults Defaults() override { return {.uplink = "up"}; }

  size_t size(ObjectKind kind) const;
  size_t largest_batch() const;
  // What changes of this key, and reports of this name, come to from now on.
  void SetError(const std::string& key, const absl::Status& status);
  // Changes wait until it is false again.
  void Block(bool blocked);
  // How many changes wait.
  int waiting() const;
  // Streams, which end at once otherwise, go on until it is false again.
  void KeepStreams(bool kept);
  // All streams give this, too.
  void Tell(const std::string& part);
  // How many streams are open.
  int streams() const;

 private:
  class Stream;

  mutable std::mutex mutex_;
  std::condition_variable unblocked_;
  std::map<std::string, Object> objects_[std::size(kObjectKinds)];
  std::map<std::string, absl::Status> errors_;
  size_t largest_batch_ = 0;
  bool blocked_ = false;
  int waiting_ = 0;
  std::condition_variable told_;
  std::vector<std::string> parts_;
  bool streams_kept_ = false;
  int streams_ = 0;
};

// A connection by which a test says any bytes.
class RawClient {
 public:
  explicit RawClient(const std::string& socket);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool is_connected() const { return connected_; }
  // False if the peer doesn't take it (any more).
  bool Send(const std::string& bytes);
  void EndSending();
  // One answer, as far as its length says. Empty if the peer says nothing (more).
  std::string Receive();
  // All that comes until the peer closes.
  std::string ReceiveAll();
  // Takes some more of what comes, for the calls above; false if the peer has closed.
  bool Fill();
  // True if the peer closes within the time without a word.
  bool IsClosedWithin(int ms);

 private:
  const int fd_;
  bool connected_ = false;
  std::string buffer_;
};

int StatusOf(const std::string& answer);  // 0 if it isn't one
std::string BodyOf(const std::string& answer);

class ApiTest : public testing::Test {
 protected:
  ApiTest();
  ~ApiTest() override;

  void Start(const ApiServerSettings& limits = {});
  void Stop() { server_.reset(); }

  // An exchange on a connection of its own: the answer as it came.
  std::string Ask(const std::string& method, const std::string& path, const std::string& body = "",
                  const std::string& headers = "");
  // The body of an answer that must have this status.
  Json Expect(int status, const std::string& method, const std::string& path,
              const std::string& body = "", const std::string& headers = "");

  std::filesystem::path folder_;
  std::string socket_;
  FakeBackend backend_;
  std::unique_ptr<ApiServer> server_;
};

}  // namespace podwarp::test
