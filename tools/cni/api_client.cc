#include "api_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <thread>

#include "interrupt.h"

namespace podwarp::cni {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Response = http::response<http::string_body>;

constexpr auto kPatience = std::chrono::seconds(10);  // for one request, with all its tries
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr size_t kLongestAnswer = size_t{64} << 20;  // a page of 10,000 pods has some 5 MiB

// One request on a connection of its own.
class Exchange {
 public:
  explicit Exchange(Clock::time_point deadline) : deadline_(deadline) {}

  error_code Run(const std::string& socket, const http::request<http::string_body>& request,
                 Response* response) {
    error_code error;
    const asio::local::stream_protocol::endpoint endpoint(socket);
    error = Wait([&](auto done) { socket_.async_connect(endpoint, done); });
    if (error) return error;
    error = Wait([&](auto done) { http::async_write(socket_, request, done); });
    if (error) return error;
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kLongestAnswer);
    error = Wait([&](auto done) { http::async_read(socket_, buffer, parser, done); });
    if (!error) *response = parser.release();
    return error;
  }

 private:
  // Starts an operation and returns when it has ended: by itself, by the deadline or by a signal.
  template <typename Start>
  error_code Wait(Start start) {
    error_code result;
    bool is_done = false;
    start([&](error_code error, auto... /*size*/) {
      result = error;
      is_done = true;
    });
    context_.restart();
    while (!is_done && !IsInterrupted() && Clock::now() < deadline_) context_.run_one_for(kPause);
    if (is_done) return result;
    error_code ignored;
    socket_.close(ignored);
    context_.run();  // what was started refers to this frame
    return asio::error::timed_out;
  }

  const Clock::time_point deadline_;
  asio::io_context context_{1};
  asio::local::stream_protocol::socket socket_{context_};
};

// Whether podwarp was there, but had no time: its backlog was full, or it hung up unheard.
bool IsBusy(const error_code& error) {
  return error == asio::error::no_buffer_space || error == asio::error::try_again ||
         error == asio::error::not_connected || error == asio::error::broken_pipe ||
         error == asio::error::connection_reset || error == http::error::end_of_stream;
}

bool IsBusy(http::status status) {
  return status == http::status::too_many_requests || status == http::status::service_unavailable;
}

CniError NoAnswer(const std::string& socket, const std::string& why) {
  return {kTryAgainLater, "podwarp does not answer", socket + ": " + why};
}

// What an error of the API says, in its own words.
std::string MessageOf(const Json& body) {
  if (body.is_object() && body.contains("error") && body["error"].is_object()) {
    const Json message = body["error"].value("message", Json());
    if (message.is_string()) return message.get<std::string>();
  }
  return body.dump();
}

}  // namespace

ApiClient::Answer ApiClient::AskOnceServed(const std::string& method, const std::string& path,
                                           const std::string& body) {
  http::request<http::string_body> request(http::string_to_verb(method), path, 11);
  request.set(http::field::host, "podwarp");
  request.set(http::field::connection, "close");
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = body;
  request.prepare_payload();
  const Clock::time_point deadline = Clock::now() + kPatience;
  for (;; std::this_thread::sleep_for(kPause)) {
    Response response;
    const error_code error = Exchange(deadline).Run(socket_, request, &response);
    ThrowIfInterrupted();
    const bool is_late = Clock::now() >= deadline;
    if (error && (is_late || !IsBusy(error))) throw NoAnswer(socket_, error.message());
    if (error || (IsBusy(response.result()) && !is_late && path != "/readyz")) continue;
    Json json = Json::parse(response.body(), nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) json = response.body();
    return {.status = static_cast<int>(response.result_int()), .body = std::move(json)};
  }
}

std::optional<Json> ApiClient::Ask(const std::string& method, const std::string& path,
                                   const std::string& body, bool may_be_missing) {
  Answer answer = AskOnceServed(method, path, body);
  if (answer.status / 100 == 2) return std::optional<Json>(std::move(answer.body));
  if (answer.status == 404 && may_be_missing) return std::nullopt;
  const std::string message = MessageOf(answer.body);
  if (answer.status == 429 || answer.status == 503) throw NoAnswer(socket_, message);
  throw CniError(kRefused, "podwarp refuses",
                 method + " " + path + ": " + std::to_string(answer.status) + ": " + message);
}

std::vector<Json> ApiClient::List(const std::string& path) {
  std::vector<Json> items;
  for (std::string page = path;;) {
    const Json answer = Get(page);
    for (const Json& item : answer.value("items", Json::array())) items.push_back(item);
    const Json next = answer.value("next", Json());
    if (!next.is_string()) return items;
    page = path + "?after=" + next.get<std::string>();
  }
}

bool ApiClient::IsReady(std::string* why_not) {
  const Answer answer = AskOnceServed("GET", "/readyz", "");
  *why_not = MessageOf(answer.body);
  return answer.status == 200;
}

}  // namespace podwarp::cni
