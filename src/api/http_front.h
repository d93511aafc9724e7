// HTTP/1.1 over connections: which requests are let through, and what is answered to them. Parsing
// and writing is cpp-httplib's work; its own sockets, threads and timeouts are not used, since they
// would let silent clients have all threads.
//
// Thread rule: Serve() runs on any number of threads at once, each with its connection.
#pragma once

#include <atomic>
#include <memory>

#include "api/answer.h"
#include "api/backend.h"
#include "api/connection.h"
#include "api/rate_limit.h"

namespace podwarp {

struct HttpLimits {
  // Of the body with one object; a service's 5,000 backends take 300 KiB.
  size_t object_bytes = 1 << 20;
  uint64_t bulk_bytes = 256ull << 20;  // of the body with many
  int bulks = 4;                       // at the same time
  int streams = 8;                     // likewise
  double requests_per_second = 10'000;
  bool public_only = false;  // /metrics, /healthz and /readyz
};

class HttpFront {
 public:
  // The backend outlives it.
  HttpFront(ApiBackend* backend, const HttpLimits& limits);
  ~HttpFront();

  // Answers the connection's requests, one after the other, until it ends or fails.
  void Serve(HttpConnection* connection);

  // What is said in place of an answer to a connection that can't be served.
  static std::string Refusal();

 private:
  class Server;  // with cpp-httplib, whose header takes a second to compile

  const std::unique_ptr<Server> server_;
};

}  // namespace podwarp
