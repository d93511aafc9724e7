// What is logged during its life, by any thread: "W pod default/web-1 has no port: why".
#pragma once

#include <glog/logging.h>

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace podwarp::test {

class LogCapture : public google::LogSink {
 public:
  LogCapture() { google::AddLogSink(this); }
  ~LogCapture() override { google::RemoveLogSink(this); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  using google::LogSink::send;
  void send(google::LogSeverity severity, const char* /*path*/, const char* /*file*/, int /*line*/,
            const google::LogMessageTime& /*time*/, const char* message, size_t length) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::string(1, google::GetLogSeverityName(severity)[0]) + " " +
                     std::string(message, length));
  }

  // Those with `text` in them since the last Take().
  std::vector<std::string> Take(std::string_view text = "") {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> taken;
    for (std::string& line : lines_) {
      if (line.find(text) != std::string::npos) taken.push_back(std::move(line));
    }
    lines_.clear();
    return taken;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace podwarp::test
