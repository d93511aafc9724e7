#include "client/api_client.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace podwarp::ctl {
namespace {

constexpr size_t kLongestSocketPath = sizeof(sockaddr_un::sun_path) - 1;
// The node's control thread may have much to do, say a file with a million routes.
constexpr time_t kPatienceSeconds = 300;
constexpr time_t kEndlessSeconds = 1'000'000'000;  // a stream may be silent

// Why connecting fails, which cpp-httplib doesn't say; empty if it works now.
std::string WhyNotConnected(const std::string& socket) {
  if (socket.size() > kLongestSocketPath) {
    return absl::StrCat("the path has more than ", kLongestSocketPath, " bytes");
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::strerror(errno);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, kLongestSocketPath);
  const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  const int error = errno;
  close(fd);
  if (connected) return "";
  switch (error) {
    case ENOENT:
      return "no such file; is it running? (--socket names another)";
    case ECONNREFUSED:
      return "nobody listens there; is it running? (--socket names another)";
    case EACCES:
      return "you have no right to use this socket; be root, or a member of its group";
    default:
      return std::strerror(error);
  }
}

// The API's sentence, or what can be said if there is none.
absl::Status Refusal(int status, const std::string& body) {
  const Json answer = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (answer.is_object() && answer.contains("error") && answer["error"].is_object()) {
    const auto message = answer["error"].find("message");
    if (message != answer["error"].end() && message->is_string() && *message != "") {
      return absl::FailedPreconditionError(message->get<std::string>());
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("podwarp answers with HTTP status ", status, " and says no more"));
}

}  // namespace

class ApiClient::Http {
 public:
  // Of the port there is no use.
  explicit Http(const std::string& socket) : client(socket, 80) {
    client.set_address_family(AF_UNIX);
    client.set_default_headers({{"Host", "podwarp"}});
    client.set_keep_alive(true);
    client.set_url_encode(false);
    client.set_read_timeout(kPatienceSeconds);
    client.set_write_timeout(kPatienceSeconds);
  }

  absl::StatusOr<Json> Read(const httplib::Result& result, const std::string& socket) const {
    if (!result) return Unanswered(result.error(), socket);
    if (result->status < 200 || result->status > 299) return Refusal(result->status, result->body);
    Json answer = Json::parse(result->body, nullptr, /*allow_exceptions=*/false);
    if (answer.is_discarded()) {
      return absl::FailedPreconditionError(
          absl::StrCat("what answers at ", socket, " is not podwarp: it says no JSON"));
    }
    return answer;
  }

  static absl::Status Unanswered(httplib::Error error, const std::string& socket) {
    const std::string why = WhyNotConnected(socket);
    if (!why.empty()) {
      return absl::UnavailableError(absl::StrCat("podwarp does not answer at ", socket, ": ", why));
    }
    return absl::UnavailableError(absl::StrCat("podwarp at ", socket, " broke off its answer (",
                                               absl::AsciiStrToLower(httplib::to_string(error)),
                                               ")"));
  }

  httplib::Client client;
};

ApiClient::ApiClient(const std::string& socket)
    : socket_(socket), http_(std::make_unique<Http>(socket)) {}

ApiClient::~ApiClient() = default;

absl::StatusOr<Json> ApiClient::Get(const std::string& path) {
  return http_->Read(http_->client.Get(path), socket_);
}

absl::StatusOr<Json> ApiClient::Put(const std::string& path, const Json& body) {
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return http_->Read(http_->client.Put(path, text, "application/json"), socket_);
}

absl::StatusOr<Json> ApiClient::Delete(const std::string& path) {
  return http_->Read(http_->client.Delete(path), socket_);
}

absl::StatusOr<Json> ApiClient::Post(const std::string& path) {
  return http_->Read(http_->client.Post(path), socket_);
}

absl::StatusOr<Json> ApiClient::PostLines(const std::string& path, std::istream* lines,
                                          const std::string& name) {
  std::string part(64 << 10, '\0');
  const auto provide = [&](size_t, httplib::DataSink& sink) {
    lines->read(part.data(), static_cast<std::streamsize>(part.size()));
    if (lines->bad()) return false;
    if (lines->gcount() > 0) sink.write(part.data(), static_cast<size_t>(lines->gcount()));
    if (lines->eof()) sink.done();
    return true;
  };
  const httplib::Result result = http_->client.Post(path, provide, "application/x-ndjson");
  if (lines->bad()) return absl::FailedPreconditionError(absl::StrCat(name, ": can't be read"));
  if (!result && result.error() == httplib::Error::Write && WhyNotConnected(socket_).empty()) {
    // It answers before the body's end if it doesn't want the rest; cpp-httplib doesn't read that.
    return absl::FailedPreconditionError(
        absl::StrCat("podwarp ended the connection before it had all of ", name,
                     ": there is too much of it, or too many such changes are under way"));
  }
  return http_->Read(result, socket_);
}

absl::Status ApiClient::GetStream(const std::string& path,
                                  const std::function<bool(std::string_view part)>& take) {
  if (is_stopped_) return absl::OkStatus();
  int status = 0;
  bool is_enough = false;
  std::string refusal;
  http_->client.set_read_timeout(kEndlessSeconds);
  const httplib::Result result = http_->client.Get(
      path,
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, size_t size) {
        if (status != 200) {
          refusal.append(data, size);
          return true;
        }
        is_enough = !take({data, size});
        return !is_enough;
      });
  http_->client.set_read_timeout(kPatienceSeconds);
  if (is_enough || is_stopped_) return absl::OkStatus();
  if (result && status != 200) return Refusal(status, refusal);
  return result ? absl::OkStatus() : Http::Unanswered(result.error(), socket_);
}

void ApiClient::Stop() {
  is_stopped_ = true;
  http_->client.stop();
}

std::string InPath(std::string_view name) {
  std::string encoded;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || std::strchr("-._~", c) != nullptr) {
      encoded += c;
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", byte);
    }
  }
  return encoded;
}

}  // namespace podwarp::ctl
