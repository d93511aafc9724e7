#include "observe/pcapng.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace podwarp {
namespace {

enum class BlockType : uint32_t {
  kSection = 0x0a0d0d0a,
  kInterface = 1,
  kStatistics = 5,
  kPacket = 6,
};

enum class Option : uint16_t {
  kEnd = 0,
  kComment = 1,
  kSectionHardware = 2,
  kSectionOs = 3,
  kSectionApplication = 4,
  kInterfaceName = 2,
  kInterfaceDescription = 3,
  kInterfaceTimeResolution = 9,
  kPacketFlags = 2,
  kStatisticsDropped = 5,  // isb_ifdrop
};

constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr uint16_t kLinkTypeEthernet = 1;
constexpr uint8_t kNanoseconds = 9;  // a power of ten
constexpr size_t kLongestOption = 65'535;

template <typename T>
void AppendInteger(T value, std::string* out) {
  static_assert(std::is_integral_v<T> || std::is_enum_v<T>);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out->append(bytes, sizeof(T));
}

void AppendPadded(std::string_view bytes, std::string* out) {
  out->append(bytes);
  out->append(-bytes.size() % 4, '\0');
}

// Its length stands at both ends.
class Block {
 public:
  Block(BlockType type, std::string* out) : out_(*out), begin_(out->size()) {
    AppendInteger(type, out);
    AppendInteger(uint32_t{0}, out);
  }
  ~Block() {
    if (has_options_) AppendOption(Option::kEnd, "");
    const auto length = static_cast<uint32_t>(out_.size() - begin_ + sizeof(uint32_t));
    AppendInteger(length, &out_);
    std::memcpy(out_.data() + begin_ + sizeof(BlockType), &length, sizeof(length));
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // An empty one is left out.
  void AddText(Option option, std::string_view text) {
    if (!text.empty()) Add(option, text.substr(0, kLongestOption));
  }
  template <typename T>
  void AddInteger(Option option, T value) {
    Add(option, {reinterpret_cast<const char*>(&value), sizeof(value)});
  }

 private:
  void Add(Option option, std::string_view value) {
    has_options_ = true;
    AppendOption(option, value);
  }
  void AppendOption(Option option, std::string_view value) {
    AppendInteger(option, &out_);
    AppendInteger(static_cast<uint16_t>(value.size()), &out_);
    AppendPadded(value, &out_);
  }

  std::string& out_;
  const size_t begin_;
  bool has_options_ = false;
};

// The upper half stands first, whatever the byte order.
void AppendTime(int64_t unix_ns, std::string* out) {
  AppendInteger(static_cast<uint32_t>(static_cast<uint64_t>(unix_ns) >> 32), out);
  AppendInteger(static_cast<uint32_t>(unix_ns), out);
}

}  // namespace

void AppendSection(const PcapngSection& section, std::string* out) {
  Block block(BlockType::kSection, out);
  AppendInteger(kByteOrderMagic, out);
  AppendInteger(uint16_t{1}, out);  // version 1.0
  AppendInteger(uint16_t{0}, out);
  AppendInteger(uint64_t(-1), out);  // how long it will be isn't known
  block.AddText(Option::kSectionHardware, section.hardware);
  block.AddText(Option::kSectionOs, section.os);
  block.AddText(Option::kSectionApplication, section.application);
  block.AddText(Option::kComment, section.comment);
}

void AppendInterface(const PcapngInterface& interface, std::string* out) {
  Block block(BlockType::kInterface, out);
  AppendInteger(kLinkTypeEthernet, out);
  AppendInteger(uint16_t{0}, out);  // reserved
  AppendInteger(interface.snap_bytes, out);
  block.AddText(Option::kInterfaceName, interface.name);
  block.AddText(Option::kInterfaceDescription, interface.description);
  block.AddInteger(Option::kInterfaceTimeResolution, kNanoseconds);
}

void AppendPacket(const PcapngPacket& packet, std::string* out) {
  Block block(BlockType::kPacket, out);
  AppendInteger(packet.interface, out);
  AppendTime(packet.unix_ns, out);
  AppendInteger(static_cast<uint32_t>(packet.bytes.size()), out);
  AppendInteger(packet.frame_bytes, out);
  AppendPadded({reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size()}, out);
  if (packet.direction != PcapngDirection::kUnknown) {
    block.AddInteger(Option::kPacketFlags, packet.direction);
  }
  block.AddText(Option::kComment, packet.comment);
}

void AppendStatistics(const PcapngStatistics& statistics, std::string* out) {
  Block block(BlockType::kStatistics, out);
  AppendInteger(statistics.interface, out);
  AppendTime(statistics.unix_ns, out);
  block.AddInteger(Option::kStatisticsDropped, statistics.dropped);
  block.AddText(Option::kComment, statistics.comment);
}

}  // namespace podwarp
