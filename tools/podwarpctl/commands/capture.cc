// capture
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "capture/blocks.h"
#include "capture/output.h"
#include "client/follow.h"
#include "commands/command.h"
#include "commands/names.h"
#include "text/numbers.h"

namespace podwarp::ctl {
namespace {

struct CaptureOptions {
  std::optional<std::string> pod;
  std::optional<std::string> port;
  std::optional<unsigned> worker;
  bool drops = false;
  std::optional<std::string> filter;
  std::string file = "-";
  std::optional<uint32_t> count;
  std::optional<double> seconds;
  std::optional<unsigned> snap_bytes;
};

std::string PathOf(const CaptureOptions& options) {
  std::string path = "/v1/capture";
  const auto add = [&](const char* name, const std::string& value) {
    absl::StrAppend(&path, path.find('?') == std::string::npos ? "?" : "&", name, "=",
                    InPath(value));
  };
  if (options.pod.has_value()) add("pod", FullName(*options.pod));
  if (options.port.has_value()) add("port", *options.port);
  if (options.worker.has_value()) add("worker", absl::StrCat(*options.worker));
  if (options.drops) add("drops", "true");
  if (options.filter.has_value()) add("filter", *options.filter);
  if (options.count.has_value()) add("count", absl::StrCat(*options.count));
  if (options.seconds.has_value()) add("seconds", absl::StrCat(*options.seconds));
  if (options.snap_bytes.has_value()) add("snap_bytes", absl::StrCat(*options.snap_bytes));
  return path;
}

absl::Status Capture(const CaptureOptions& options, Context* context) {
  CaptureOutput output(options.file);
  if (absl::Status status = output.Check(); !status.ok()) return status;
  CaptureBlocks blocks;
  absl::Status written;
  const int watched = options.file == "-" ? STDOUT_FILENO : -1;
  const absl::Status followed =
      Follow(context->client, PathOf(options), watched, [&](std::string_view part) {
        const absl::StatusOr<std::string> whole = blocks.Take(part);
        written = whole.ok() ? output.Write(*whole) : whole.status();
        return written.ok();
      });
  if (!written.ok() && !absl::IsCancelled(written)) return written;
  if (!followed.ok()) return followed;
  *context->err << "podwarpctl: " << Count(blocks.frames(), "frame") << ", " << Count(blocks.lost())
                << " lost"
                << (blocks.lost() > 0 ? ": they came faster than they could be read" : "") << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddCaptureCommand(CLI::App* app, Action* chosen) {
  CLI::App* const capture =
      app->add_subcommand("capture", "Copies of frames as pcapng, for tcpdump and Wireshark");
  const auto options = std::make_shared<CaptureOptions>();
  capture->add_option("--pod", options->pod, "what comes from or goes to its port")
      ->type_name("[NAMESPACE/]NAME");
  capture->add_option("--port", options->port, "what comes in or leaves by it")->type_name("NAME");
  capture->add_option("--worker", options->worker, "what this one has")->type_name("LCORE");
  capture->add_flag("--drops", options->drops, "only what is dropped");
  capture->add_option("-f,--filter", options->filter, "as tcpdump's; pcap-filter(7)")
      ->type_name("EXPRESSION");
  capture->add_option("-w,--write", options->file, "- is stdout")
      ->type_name("FILE")
      ->capture_default_str();
  capture->add_option("-c,--count", options->count, "ends after so many")->type_name("FRAMES");
  capture->add_option("--seconds", options->seconds, "ends after this time")->type_name("SECONDS");
  capture->add_option("-s,--snap", options->snap_bytes, "of each frame")->type_name("BYTES");
  capture->footer(
      "Until -c, --seconds or Ctrl-C end it. Interfaces are podwarp's ports, in is what podwarp\n"
      "receives. A dropped frame is there as it came in, and once more with a comment that says\n"
      "why and where; with --drops, only that.\n\n"
      "Examples:\n"
      "  podwarpctl capture --pod default/web-1 | tcpdump -n -r -\n"
      "  podwarpctl capture --drops -c 10 | tshark -r - -T fields -e frame.interface_name \\\n"
      "    -e frame.comment\n"
      "  podwarpctl capture -f 'tcp port 80' --seconds 10 -w web.pcapng");
  capture->callback([=] {
    *chosen = [=](Context* context) -> absl::Status { return Capture(*options, context); };
  });
}

}  // namespace podwarp::ctl
