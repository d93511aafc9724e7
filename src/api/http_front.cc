#include "api/http_front.h"

#include <glog/logging.h>
#include <httplib.h>

#include <algorithm>
#include <exception>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/bulk.h"
#include "api/handlers.h"
#include "api/paths.h"
#include "control/control_loop.h"
#include "control/log_limit.h"

namespace podwarp {
namespace {

constexpr size_t kLongestPath = 1024;
// How long a stream may be silent before it is looked at whether anybody still listens.
constexpr absl::Duration kStreamWait = absl::Milliseconds(100);
constexpr int kMostRequests = 10'000;  // of one connection

constexpr char kJson[] = "application/json";
constexpr char kMetricsText[] = "text/plain; version=0.0.4; charset=utf-8";

// The connection that this thread serves: cpp-httplib's handlers don't see it.
thread_local HttpConnection* current = nullptr;

// A connection as cpp-httplib knows one.
class ConnectionStream : public httplib::Stream {
 public:
  explicit ConnectionStream(HttpConnection* connection) : connection_(connection) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* data, size_t size) override { return connection_->Read(data, size); }
  ssize_t write(const char* data, size_t size) override { return connection_->Write(data, size); }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return 0; }  // only compared with FD_SETSIZE

 private:
  HttpConnection* const connection_;
};

void Say(ApiAnswer answer, httplib::Response* response) {
  response->status = answer.status;
  const bool is_text = !answer.metrics.empty();
  response->body = is_text ? std::move(answer.metrics) : ToText(answer.body);
  response->set_header("Content-Type", is_text ? kMetricsText : kJson);
  if (!answer.allow.empty()) response->set_header("Allow", answer.allow);
  if (answer.status == 429 || answer.status == 503) response->set_header("Retry-After", "1");
}

bool HasBody(const httplib::Request& request) {
  return request.has_header("Transfer-Encoding") ||
         (request.has_header("Content-Length") &&
          request.get_header_value("Content-Length") != "0");
}

// What can't be told apart from the next request, or promises to be too long. `most` is the bound
// of the body's bytes.
std::optional<ApiAnswer> FaultOfFraming(const httplib::Request& request, bool takes_body,
                                        uint64_t most) {
  const size_t lengths = request.get_header_value_count("Content-Length");
  const size_t codings = request.get_header_value_count("Transfer-Encoding");
  if (lengths + codings > 1) {
    return ErrorAnswer(400, "invalid_argument", "", "the body's length is said more than once");
  }
  if (codings == 1 &&
      !absl::EqualsIgnoreCase(request.get_header_value("Transfer-Encoding"), "chunked")) {
    return ErrorAnswer(400, "invalid_argument", "", "Transfer-Encoding: expected chunked");
  }
  if (lengths == 0) {
    // cpp-httplib would take all that ever comes for the body.
    if (codings == 1 || !takes_body) return std::nullopt;
    return ErrorAnswer(411, "invalid_argument", "", "Content-Length: is missing");
  }
  const std::string text = request.get_header_value("Content-Length");
  const bool decimal = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  if (!decimal) {
    return ErrorAnswer(400, "invalid_argument", "", "Content-Length: expected a number");
  }
  uint64_t length;
  if (!absl::SimpleAtoi(text, &length) || length > most) {
    return ErrorAnswer(413, "too_large", "",
                       absl::StrCat("the body has more than ", most, " bytes"));
  }
  return std::nullopt;
}

// A body without a type, or with the one that curl says unasked, is taken for what it should be.
std::optional<ApiAnswer> FaultOfType(const httplib::Request& request, bool is_bulk) {
  if (!request.has_header("Content-Type")) return std::nullopt;
  const std::string said = request.get_header_value("Content-Type");
  const std::string type(absl::StripAsciiWhitespace(said.substr(0, said.find(';'))));
  if (absl::EqualsIgnoreCase(type, "application/x-www-form-urlencoded")) return std::nullopt;
  if (absl::EqualsIgnoreCase(type, is_bulk ? "application/x-ndjson" : kJson)) return std::nullopt;
  if (is_bulk && absl::EqualsIgnoreCase(type, "application/jsonl")) return std::nullopt;
  return ErrorAnswer(415, "unsupported_media_type", "",
                     absl::StrCat("Content-Type: '", type, "' is not served (expected ",
                                  is_bulk ? "application/x-ndjson" : kJson, ")"));
}

// For the log, in one line whatever a client makes of it.
std::string NameOf(const httplib::Request& request) {
  return absl::CHexEscape(absl::StrCat(request.method, " ", request.path).substr(0, kLongestPath));
}

// What cpp-httplib refuses by itself.
std::string_view MeaningOf(int status) {
  switch (status) {
    case 400:
      return "this is no request of HTTP/1.1";
    case 414:
      return "the path is too long";
    case 416:
      return "the Range header can't be read";
    default:
      return "the request can't be served";
  }
}

}  // namespace

class HttpFront::Server : public httplib::Server {
 public:
  Server(ApiBackend* backend, const HttpLimits& limits)
      : backend_(backend), limits_(limits), rate_(limits.requests_per_second) {
    set_payload_max_length(limits.bulk_bytes);
    // Without a socket of its own, cpp-httplib would take itself for stopped, and end each stream
    // before its first part.
    svr_sock_ = 0;
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return Route(request, &response) ? HandlerResponse::Handled : HandlerResponse::Unhandled;
    });
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& reader) {
      Say(request.method == "POST" ? ChangeMany(reader) : PutObject(request, reader), &response);
    };
    Put(".*", HandlerWithContentReader(with_body));  // what Route() lets through
    Post(".*", HandlerWithContentReader(with_body));
    set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
      if (response.status < 400) return;
      // What is left of its body would be taken for a request.
      current->set_failed();
      response.headers.erase("Keep-Alive");
      response.headers.erase("Connection");
      response.set_header("Connection", "close");
    });
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;
      Say(ErrorAnswer(response.status, response.status == 414 ? "too_large" : "invalid_argument",
                      "", MeaningOf(response.status)),
          &response);
    });
    set_logger([](const httplib::Request& request, const httplib::Response& response) {
      VLOG(2) << "API: " << NameOf(request) << ": " << response.status;
    });
    set_exception_handler([this](const httplib::Request& request, httplib::Response& response,
                                 std::exception_ptr exception) {
      std::string why = "unknown";
      try {
        std::rethrow_exception(exception);
      } catch (const std::exception& e) {
        why = e.what();
      } catch (...) {
      }
      if (const auto left_out = log_limit_.Take("failure", ControlLoop::Now())) {
        LOG(ERROR) << "API: " << NameOf(request) << " failed: " << why << LeftOut(*left_out);
      }
      Say(ErrorAnswer(absl::InternalError("the request failed; the log says why"), ""), &response);
    });
  }

  void Serve(HttpConnection* connection) {
    current = connection;
    ConnectionStream stream(connection);
    for (int left = kMostRequests; left > 0 && connection->WaitForRequest(); --left) {
      bool closed = false;
      const bool answered =
          process_request(stream, left == 1, closed, [&](httplib::Request& request) {
            connection->HeadersEnd();
            request.ranges.clear();  // of JSON there are none
          });
      if (!answered || closed || connection->has_failed()) break;
    }
    current = nullptr;
  }

 private:
  // Answers what has no body. False if there is one to be read, and all is well so far.
  bool Route(const httplib::Request& request, httplib::Response* response) {
    const auto say = [&](ApiAnswer answer) {
      Say(std::move(answer), response);
      return true;
    };
    if (!rate_.Take()) {
      return say(ErrorAnswer(429, "too_many_requests", "", "there are too many requests a second"));
    }
    if (request.path.size() > kLongestPath) {
      return say(ErrorAnswer(414, "too_large", "", MeaningOf(414)));
    }
    const absl::StatusOr<ApiTarget> target = FindTarget(request.path);
    if (!target.ok()) return say(ErrorAnswer(target.status(), ""));
    if (limits_.public_only && !target->path->is_public()) {
      return say(ErrorAnswer(403, "permission_denied", "",
                             "only /metrics, /healthz and /readyz are served at this address"));
    }
    if (!target->path->Allows(request.method)) {
      const std::string methods(target->path->methods);
      ApiAnswer answer =
          ErrorAnswer(405, "method_not_allowed", "",
                      absl::StrCat(std::string(target->path->pattern), " serves ", methods));
      answer.allow = methods;
      return say(std::move(answer));
    }
    const bool is_bulk = target->path->resource == ApiResource::kBulk;
    const bool takes_body = is_bulk || request.method == "PUT";
    const std::optional<ApiAnswer> framing =
        FaultOfFraming(request, takes_body, is_bulk ? limits_.bulk_bytes : limits_.object_bytes);
    if (framing.has_value()) return say(*framing);
    if (takes_body) {
      const std::optional<ApiAnswer> type = FaultOfType(request, is_bulk);
      return type.has_value() && say(*type);
    }
    if (HasBody(request)) {
      return say(
          ErrorAnswer(400, "invalid_argument", "", absl::StrCat(request.method, " takes no body")));
    }
    if (target->path->resource == ApiResource::kStream) {
      Stream(*target, request.params, response);
      return true;
    }
    const HttpConnection::Busy busy(current);
    if (request.method == "DELETE") return say(HandleDelete(*target, backend_));
    if (request.method == "POST") return say(HandlePost(*target, backend_));
    return say(HandleGet(*target, request.params, backend_));
  }

  ApiAnswer PutObject(const httplib::Request& request, const httplib::ContentReader& reader) {
    std::string body;
    bool fits = true;
    const bool whole = reader([&](const char* data, size_t size) {
      fits = body.size() + size <= limits_.object_bytes;
      if (fits) body.append(data, size);
      return fits;
    });
    if (!fits) {
      return ErrorAnswer(413, "too_large", "",
                         absl::StrCat("the body has more than ", limits_.object_bytes, " bytes"));
    }
    if (!whole) {
      return ErrorAnswer(400, "invalid_argument", "", "the body ended early, or came too slowly");
    }
    const HttpConnection::Busy busy(current);
    return HandlePut(*FindTarget(request.path), body, backend_);
  }

  ApiAnswer ChangeMany(const httplib::ContentReader& reader) {
    const Turn turn(&bulks_);
    if (turn.number() > limits_.bulks) {
      return ErrorAnswer(429, "too_many_requests", "",
                         absl::StrCat(limits_.bulks, " bulk changes are under way already"));
    }
    BulkChange change(backend_);
    uint64_t bytes = 0;
    bool fits = true;
    const bool whole = reader([&](const char* data, size_t size) {
      bytes += size;
      fits = bytes <= limits_.bulk_bytes;
      const HttpConnection::Busy busy(current);
      if (fits) change.Feed({data, size});
      return fits;
    });
    const HttpConnection::Busy busy(current);
    if (!fits) {
      return ErrorAnswer(413, "too_large", "",
                         absl::StrCat("the body has more than ", limits_.bulk_bytes, " bytes; ",
                                      change.Abandon()));
    }
    if (!whole) {
      return ErrorAnswer(
          400, "invalid_argument", "",
          absl::StrCat("the body ended early, or came too slowly; ", change.Abandon()));
    }
    return change.Finish();
  }

  // Answers with whatever comes, until it ends or its reader goes. While nothing comes, nobody is
  // kept waiting.
  void Stream(const ApiTarget& target, const ApiParameters& parameters,
              httplib::Response* response) {
    const auto sending = std::make_shared<Sending>(&streams_);
    if (sending->turn.number() > limits_.streams) {
      Say(ErrorAnswer(
              429, "too_many_requests", "",
              absl::StrCat(limits_.streams, " streams (traces, captures) are open already")),
          response);
      return;
    }
    absl::StatusOr<std::unique_ptr<ApiStream>> stream =
        backend_->OpenStream(target.path->name(), parameters);
    if (!stream.ok()) {
      Say(ErrorAnswer(stream.status(), ""), response);
      return;
    }
    sending->stream = *std::move(stream);
    response->status = 200;
    response->set_chunked_content_provider(std::string(sending->stream->content_type()),
                                           [sending](size_t, httplib::DataSink& sink) {
                                             return SendPart(sending->stream.get(), &sink);
                                           });
  }

  // False if there is nobody to have it.
  static bool SendPart(ApiStream* stream, httplib::DataSink* sink) {
    const std::optional<std::string> part = stream->Next(kStreamWait);
    current->PartBegins();
    bool is_sent = !current->IsOver();
    if (is_sent && !part.has_value()) sink->done();
    if (is_sent && part.has_value() && !part->empty()) {
      is_sent = sink->write(part->data(), part->size());
    }
    if (!is_sent) current->set_failed();
    return is_sent;
  }

  // One of those at the same time.
  class Turn {
   public:
    explicit Turn(std::atomic<int>* count) : count_(count), number_(++*count) {}
    ~Turn() { --*count_; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    int number() const { return number_; }

   private:
    std::atomic<int>* const count_;
    const int number_;
  };

  // A stream's place, as long as its answer is there.
  struct Sending {
    explicit Sending(std::atomic<int>* count) : turn(count), busy(current) {}
    const Turn turn;
    const HttpConnection::Busy busy;
    std::unique_ptr<ApiStream> stream;
  };

  ApiBackend* const backend_;
  const HttpLimits limits_;
  RateLimit rate_;
  LogLimit log_limit_;
  std::atomic<int> bulks_{0};
  std::atomic<int> streams_{0};
};

HttpFront::HttpFront(ApiBackend* backend, const HttpLimits& limits)
    : server_(std::make_unique<Server>(backend, limits)) {}

HttpFront::~HttpFront() = default;

void HttpFront::Serve(HttpConnection* connection) { server_->Serve(connection); }

std::string HttpFront::Refusal() {
  const std::string body =
      ToText(ErrorAnswer(absl::UnavailableError("there are too many connections"), "").body);
  return absl::StrCat("HTTP/1.1 503 Service Unavailable\r\nContent-Type: ", kJson,
                      "\r\nContent-Length: ", body.size(),
                      "\r\nRetry-After: 1\r\nConnection: close\r\n\r\n", body);
}

}  // namespace podwarp
