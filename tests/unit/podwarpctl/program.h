// podwarpctl as its users run it, beside an API that says what a test wants.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/api_client.h"
#include "folder.h"

namespace podwarp::ctl::test {

struct Ended {
  int status = -1;  // -1 if a signal ended it
  std::string out;
  std::string err;
};
// Runs the program to its end; `input` is what it can read.
Ended RunProgram(std::vector<std::string> arguments, const std::string& input = "");

// An HTTP server on a Unix socket.
class FakeApi {
 public:
  struct Request {
    std::string method;
    std::string path;  // with its query, as it was sent
    std::string body;
    std::string host;
    std::string type;

    friend bool operator==(const Request&, const Request&) = default;
  };

  explicit FakeApi(const std::string& socket);
  ~FakeApi();
  FakeApi(const FakeApi&) = delete;
  FakeApi& operator=(const FakeApi&) = delete;

  // What is answered to a method and path, "GET /v1/pods?after=x".
  void On(const std::string& request, const Json& body) { OnText(request, 200, body.dump()); }
  void OnText(const std::string& request, int status, const std::string& body);
  // One after the other; the last stays.
  void OnInTurn(const std::string& request, const std::vector<std::string>& bodies);
  std::vector<Request> requests() const;

 private:
  class Server;

  const std::unique_ptr<Server> server_;
};

// A page of a list.
inline Json Page(const std::vector<Json>& items, const Json& next = nullptr) {
  Json page = Json::object();
  page["items"] = items;
  page["next"] = next;
  return page;
}

class ProgramTest : public testing::Test {
 protected:
  Ended Run(std::vector<std::string> arguments, const std::string& input = "") const {
    arguments.insert(arguments.begin(), {"--socket", socket()});
    return RunProgram(std::move(arguments), input);
  }
  // Ends well, and says nothing on stderr.
  std::string OutputOf(const std::vector<std::string>& arguments) const {
    const Ended ended = Run(arguments);
    EXPECT_EQ(ended.status, 0);
    EXPECT_EQ(ended.err, "");
    return ended.out;
  }
  Json JsonOf(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    return Json::parse(OutputOf(arguments), nullptr, /*allow_exceptions=*/false);
  }
  std::string socket() const { return folder_.path().string() + "/api.sock"; }

  Folder folder_;
  FakeApi api_{socket()};
};

}  // namespace podwarp::ctl::test
