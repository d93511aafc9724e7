#include "top/overview.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "text/fields.h"
#include "text/numbers.h"
#include "text/table.h"
#include "top/listing.h"

namespace podwarp::ctl {
namespace {

using Lines = std::vector<std::string>;

constexpr auto kRight = Align::kRight;
// A pod's name may have 317 characters, and the rates stand behind it.
constexpr size_t kLongestName = 20;

std::string UpOf(const Json& status, std::string_view what, std::string_view good) {
  const Json& counts = Field(status, what);
  return absl::StrCat(std::string(what), " ", Number(counts, good), "/", Number(counts, "total"));
}

Lines Workers(const std::vector<WorkerRate>& workers) {
  Table table({{"WORKER", kRight},
               {"QUEUES", kRight},
               {"BUSY", kRight},
               {"RX/S", kRight},
               {"TX/S", kRight},
               {"DROPS/S", kRight},
               {"CYCLES/FRAME", kRight}});
  for (const WorkerRate& worker : workers) {
    table.Add({absl::StrCat(worker.lcore), absl::StrCat(worker.queues),
               absl::StrFormat("%.1f %%", worker.busy_percent),
               Short(worker.traffic.received_frames), Short(worker.traffic.transmitted_frames),
               Short(worker.traffic.dropped_frames),
               worker.cycles_per_frame > 0 ? Short(worker.cycles_per_frame) : ""});
  }
  return table.TakeLines();
}

Lines Ports(const std::vector<PortRate>& ports) {
  Table table({{"PORT"},
               {"RX/S", kRight},
               {"RX BIT/S", kRight},
               {"TX/S", kRight},
               {"TX BIT/S", kRight},
               {"DROPS/S", kRight},
               {"LOST/S", kRight},
               {"STATE"}});
  for (const PortRate& port : ports) {
    const TrafficRate& traffic = port.traffic;
    table.Add({Shorten(port.name, kLongestName, Cut::kMiddle), Short(traffic.received_frames),
               Short(traffic.received_bits), Short(traffic.transmitted_frames),
               Short(traffic.transmitted_bits), Short(traffic.dropped_frames),
               Short(port.lost_frames), port.state});
  }
  return table.TakeLines();
}

Lines Drops(const std::vector<DropRate>& drops) {
  Table table({{"DROPPED AS"}, {"FRAMES/S", kRight}, {"TOTAL", kRight}, {"LAST PORTS"}});
  for (const DropRate& drop : drops) {
    table.Add({drop.reason, Short(drop.frames), Count(drop.total), drop.last_ports});
  }
  return table.TakeLines();
}

// The first so many of them; the last one says how many there are more.
void AppendFirst(const Lines& section, size_t count, Lines* lines) {
  if (count == 0) return;
  const bool fits = section.size() <= count;
  const auto whole = static_cast<std::ptrdiff_t>(fits ? section.size() : count - 1);
  lines->insert(lines->end(), section.begin(), section.begin() + whole);
  if (!fits) lines->push_back(absl::StrCat("... ", section.size() - (count - 1), " more"));
}

}  // namespace

std::vector<size_t> Share(const std::vector<size_t>& needs, size_t lines) {
  std::vector<size_t> shares(needs.size(), 0);
  // A line in turn, until there are no more, or nobody needs one.
  for (bool given = true; given && lines > 0;) {
    given = false;
    for (size_t i = 0; i < needs.size() && lines > 0; ++i) {
      if (shares[i] == needs[i]) continue;
      ++shares[i];
      --lines;
      given = true;
    }
  }
  return shares;
}

std::vector<std::string> HeadOf(const Rates& rates) {
  const Json& status = rates.status;
  const std::string node = Printable(absl::StrCat(
      "podwarp ", Text(status, "node"), Flag(status, "ready") ? "" : " (not ready)", "   up ",
      Span(Number(status, "uptime_seconds")), "   ", UpOf(status, "ports", "up"), "   ",
      UpOf(status, "pods", "up"), "   ", UpOf(status, "nodes", "resolved")));
  if (rates.seconds <= 0) return {node, "a second: not known yet"};
  const TrafficRate& all = rates.traffic;
  // Only ports count bits.
  const auto bits = [&](double number) {
    return rates.ports.has_value() ? absl::StrCat(" (", Short(number, "bit"), ")") : "";
  };
  return {node, absl::StrCat("a second: received ", Short(all.received_frames),
                             bits(all.received_bits), "   sent ", Short(all.transmitted_frames),
                             bits(all.transmitted_bits), "   dropped ", Short(all.dropped_frames))};
}

std::vector<std::string> OverviewOf(const Rates& rates, const ScreenSize& size) {
  const std::vector<Lines> sections = {Workers(rates.workers), Ports(*rates.ports),
                                       Drops(rates.drops)};
  std::vector<size_t> needs;
  for (const Lines& section : sections) needs.push_back(section.size());
  const size_t used = sections.size();  // an empty line before each
  const std::vector<size_t> shares = Share(needs, size.height - std::min(used, size.height));
  Lines lines;
  for (size_t i = 0; i < sections.size(); ++i) {
    lines.push_back("");
    AppendFirst(sections[i], shares[i], &lines);
  }
  if (lines.size() > size.height) lines.resize(size.height);
  for (std::string& line : lines) line = Clip(line, size.width);
  return lines;
}

}  // namespace podwarp::ctl
