#include "kubernetes/api_client.h"

#include <httplib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "kubernetes/api_error.h"
#include "kubernetes/https_client.h"

namespace podwarp {
namespace {

// A page of a list has 500 objects of at most 1.5 MiB, and in practice some 3 MiB.
constexpr size_t kLongestAnswer = 256 << 20;
constexpr size_t kLongestRefusal = 64 << 10;
constexpr absl::Duration kWriteTimeout = absl::Seconds(10);

std::string Escape(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("-._~", c) != nullptr) {
      escaped += c;
    } else {
      escaped +=
          {'%', kDigits[static_cast<uint8_t>(c) >> 4], kDigits[static_cast<uint8_t>(c) & 15]};
    }
  }
  return escaped;
}

std::string Target(const std::string& path, const ApiClient::Query& query) {
  std::string target = path;
  char before = '?';
  for (const auto& [key, value] : query) {
    absl::StrAppend(&target, std::string(1, before), Escape(key), "=", Escape(value));
    before = '&';
  }
  return target;
}

std::string HostHeader(const ServerAddress& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  return absl::StrCat(is_ipv6 ? "[" : "", address.host, is_ipv6 ? "]" : "", ":", address.port);
}

// What goes into a header mustn't end it.
bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// What isn't UTF-8 is no reason to throw.
std::string ToText(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A peer that vanished without a word, as when a load balancer fails over, is noticed in half a
// minute: a watch has no traffic of its own by which it would be.
void KeepAlive(int socket) {
  const auto set = [socket](int level, int option, int value) {
    setsockopt(socket, level, option, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

void SetTimeouts(const ApiTimeouts& timeouts, httplib::ClientImpl* http) {
  http->set_connection_timeout(absl::ToChronoMicroseconds(timeouts.connect));
  http->set_read_timeout(absl::ToChronoMicroseconds(timeouts.read));
  http->set_write_timeout(absl::ToChronoMicroseconds(kWriteTimeout));
}

std::string WhyUnanswered(httplib::Error error, const std::string& tls) {
  const std::string detail = tls.empty() ? "" : absl::StrCat(": ", tls);
  switch (error) {
    case httplib::Error::Connection:
      return "no connection: refused, unreachable, or a name that isn't known";
    case httplib::Error::ConnectionTimeout:
      return "no answer to connecting";
    case httplib::Error::SSLConnection:
      return absl::StrCat("no TLS with it", detail);
    case httplib::Error::Read:
      return absl::StrCat("the answer broke off, or didn't come", detail);
    default:
      return absl::StrCat(httplib::to_string(error), detail);
  }
}

}  // namespace

struct ApiClient::Request {
  std::string method;
  std::string path;
  Query query = {};
  std::string body = {};
  std::string content_type = {};
  absl::Duration silence;
  Cancellation* cancellation = nullptr;
  // Of a watch; the others' answers are kept whole.
  std::function<void()> on_open = nullptr;
  std::function<absl::Status(std::string_view)> on_bytes = nullptr;

  std::string name() const { return absl::StrCat(method, " ", path); }
};

struct ApiClient::Answer {
  int code = 0;
  std::string retry_after = {};
  std::string body = {};
  absl::Status broken_off = absl::OkStatus();  // by us
};

absl::StatusOr<std::unique_ptr<ApiClient>> ApiClient::Open(ClusterAccess access,
                                                           ApiTimeouts timeouts) {
  if (absl::Status status = Check(access); !status.ok()) return status;
  absl::StatusOr<ServerAddress> address = ParseServerAddress(access.server);
  if (!address.ok()) return address.status();
  // Credentials that can't be used at all are better known now.
  if (const auto client = HttpsClient::Open(access, *address); !client.ok()) return client.status();
  std::signal(SIGPIPE, SIG_IGN);
  return std::unique_ptr<ApiClient>(
      new ApiClient(std::move(access), *std::move(address), timeouts));
}

absl::StatusOr<nlohmann::json> ApiClient::Get(const std::string& path, const Query& query,
                                              Cancellation* cancellation) const {
  return Exchange({.method = "GET",
                   .path = path,
                   .query = query,
                   .silence = timeouts_.read,
                   .cancellation = cancellation});
}

absl::StatusOr<nlohmann::json> ApiClient::MergePatch(const std::string& path, const Json& patch,
                                                     Cancellation* cancellation) const {
  return Exchange({.method = "PATCH",
                   .path = path,
                   .body = ToText(patch),
                   .content_type = "application/merge-patch+json",
                   .silence = timeouts_.read,
                   .cancellation = cancellation});
}

absl::StatusOr<nlohmann::json> ApiClient::Post(const std::string& path, const Json& object,
                                               Cancellation* cancellation) const {
  return Exchange({.method = "POST",
                   .path = path,
                   .body = ToText(object),
                   .content_type = "application/json",
                   .silence = timeouts_.read,
                   .cancellation = cancellation});
}

absl::Status ApiClient::Watch(const std::string& path, const Query& query, absl::Duration silence,
                              const std::function<void()>& on_open,
                              const std::function<absl::Status(std::string_view)>& on_bytes,
                              Cancellation* cancellation) const {
  Answer answer;
  return Send({.method = "GET",
               .path = path,
               .query = query,
               .silence = silence,
               .cancellation = cancellation,
               .on_open = on_open,
               .on_bytes = on_bytes},
              &answer);
}

absl::StatusOr<nlohmann::json> ApiClient::Exchange(Request request) const {
  Answer answer;
  if (absl::Status status = Send(request, &answer); !status.ok()) return status;
  Json body = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) {
    return absl::UnavailableError(absl::StrCat(request.name(), ": the answer is no JSON object"));
  }
  return body;
}

absl::Status ApiClient::Send(const Request& request, Answer* answer) const {
  const std::string name = request.name();
  const auto with_name = [&name](const absl::Status& status) {
    absl::Status named(status.code(), absl::StrCat(name, ": ", status.message()));
    status.ForEachPayload([&named](absl::string_view type, const absl::Cord& payload) {
      named.SetPayload(type, payload);
    });
    return named;
  };
  Cancellation unused;
  Cancellation* cancellation = request.cancellation == nullptr ? &unused : request.cancellation;
  if (cancellation->is_cancelled()) return absl::CancelledError(name);

  const absl::StatusOr<std::unique_ptr<HttpsClient>> client = HttpsClient::Open(access_, address_);
  if (!client.ok()) return with_name(client.status());
  httplib::Request sent;
  sent.method = request.method;
  sent.path = Target(address_.path + request.path, request.query);
  sent.headers = {{"Host", HostHeader(address_)},
                  {"Accept", "application/json"},
                  {"Connection", "close"},
                  {"User-Agent", "podwarp/" PODWARP_VERSION}};
  if (!request.content_type.empty()) sent.headers.emplace("Content-Type", request.content_type);
  if (access_.token.is_given()) {
    const absl::StatusOr<std::string> token = access_.token.Read("token");
    if (!token.ok()) return with_name(token.status());
    if (!IsPrintable(*token)) {
      return with_name(absl::FailedPreconditionError("token: has blanks or worse within"));
    }
    sent.headers.emplace("Authorization", "Bearer " + *token);
  }
  sent.body = request.body;
  sent.response_handler = [&](const httplib::Response& response) {
    answer->code = response.status;
    answer->retry_after = response.get_header_value("Retry-After");
    if (answer->code == 200 && request.on_open != nullptr) request.on_open();
    return true;
  };
  sent.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    const bool is_good = answer->code >= 200 && answer->code < 300;
    if (is_good && request.on_bytes != nullptr) {
      answer->broken_off = request.on_bytes({data, size});
      return answer->broken_off.ok();
    }
    if (!is_good) {  // a refusal is one, however long it is
      answer->body.append(data, std::min(size, kLongestRefusal - answer->body.size()));
      return answer->body.size() < kLongestRefusal;
    }
    if (answer->body.size() + size > kLongestAnswer) {
      answer->broken_off = absl::UnavailableError(
          absl::StrCat("the answer has more than ", kLongestAnswer, " bytes"));
      return false;
    }
    answer->body.append(data, size);
    return true;
  };

  httplib::ClientImpl* http = (*client)->http();
  SetTimeouts({.connect = timeouts_.connect, .read = request.silence}, http);
  http->set_url_encode(false);
  http->set_decompress(false);
  std::vector<int> held;  // a name may have several addresses, which are tried in turn
  http->set_socket_options([&](int socket) {
    KeepAlive(socket);
    held.push_back(cancellation->Hold(socket));
  });
  const absl::Cleanup release = [&] {
    for (const int socket : held) cancellation->Release(socket);
  };
  ERR_clear_error();
  const httplib::Result result = http->send(sent);
  if (cancellation->is_cancelled()) return absl::CancelledError(name);
  if (!answer->broken_off.ok()) return with_name(answer->broken_off);
  if (answer->code != 0 && (answer->code < 200 || answer->code > 299)) {
    return ApiError(name, answer->code, answer->body, answer->retry_after);
  }
  if (!result) {
    return absl::UnavailableError(
        absl::StrCat(name, " at ", access_.server, ": ",
                     WhyUnanswered(result.error(), (*client)->WhyRefused())));
  }
  return absl::OkStatus();
}

}  // namespace podwarp
