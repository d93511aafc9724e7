// rte_bpf_convert() is experimental in DPDK 22.11 to 25.11, and has not changed in them.
#define ALLOW_EXPERIMENTAL_API
#include "observe/bpf_filter.h"

#include <pcap/pcap.h>
#include <rte_bpf.h>
#include <rte_malloc.h>

#include <memory>

#include "absl/strings/str_cat.h"

namespace podwarp {
namespace {

constexpr int kLongestFrame = 65'535;
// Of a frame whose first segment doesn't have them, these are copied for each program.
constexpr uint32_t kInterpretedBytes = 2'048;
// Names in it are looked up, one after the other.
constexpr size_t kLongestExpression = 1'024;
// DPDK's check of a program follows the ways through it, and each jump may double their number: a
// bound, so that no expression can keep it busy. Four IPv6 addresses take 33.
constexpr u_int kMostJumps = 33;

struct Compiled {
  bpf_program program = {};
  ~Compiled() { pcap_freecode(&program); }
};

absl::StatusOr<std::unique_ptr<Compiled>> Compile(const std::string& expression) {
  if (expression.size() > kLongestExpression) {
    return absl::InvalidArgumentError(
        absl::StrCat("it is longer than ", kLongestExpression, " characters"));
  }
  const std::unique_ptr<pcap_t, void (*)(pcap_t*)> pcap(pcap_open_dead(DLT_EN10MB, kLongestFrame),
                                                        pcap_close);
  if (pcap == nullptr) return absl::ResourceExhaustedError("no memory for a filter");
  auto compiled = std::make_unique<Compiled>();
  if (pcap_compile(pcap.get(), &compiled->program, expression.c_str(), /*optimize=*/1,
                   PCAP_NETMASK_UNKNOWN) != 0) {
    return absl::InvalidArgumentError(pcap_geterr(pcap.get()));
  }
  return compiled;
}

struct Machine {
  rte_bpf* bpf = nullptr;
  rte_bpf_jit jit = {};
  ~Machine() { rte_bpf_destroy(bpf); }
};

bool RunMachine(const void* program, rte_mbuf* frame) {
  return static_cast<const Machine*>(program)->jit.func(frame) != 0;
}

// What usual expressions consist of: loads from the frame, masks and comparisons. DPDK is trusted
// with nothing else: what it makes of a mistake of its own, a worker would run. A byte at a place
// that is computed (tcp[tcpflags]) isn't among them: 22.11 reads a wrong one.
bool IsUsual(const bpf_insn& instruction) {
  switch (instruction.code) {
    case BPF_LD | BPF_ABS | BPF_B:
    case BPF_LD | BPF_ABS | BPF_H:
    case BPF_LD | BPF_ABS | BPF_W:
    case BPF_LD | BPF_IND | BPF_H:
    case BPF_LD | BPF_IND | BPF_W:
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_MSH | BPF_B:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_RET | BPF_K:
      return true;
    case BPF_JMP | BPF_JSET | BPF_K: {
      // The x86 code of 22.11 has one byte for a mask that fits, where the instruction takes four.
      const auto mask = static_cast<int32_t>(instruction.k);
      return mask != static_cast<int8_t>(mask);
    }
    default:
      return false;
  }
}

bool IsForDpdk(const bpf_program& program) {
  u_int jumps = 0;
  for (u_int i = 0; i < program.bf_len; ++i) {
    const bpf_insn& instruction = program.bf_insns[i];
    if (!IsUsual(instruction)) return false;
    jumps += BPF_CLASS(instruction.code) == BPF_JMP;
  }
  return jumps <= kMostJumps;
}

// nullptr if DPDK can't, or isn't to.
std::shared_ptr<const Machine> ToMachine(const bpf_program& program) {
  if (!IsForDpdk(program)) return nullptr;
  const std::unique_ptr<rte_bpf_prm, void (*)(void*)> converted(rte_bpf_convert(&program),
                                                                rte_free);
  if (converted == nullptr) return nullptr;
  auto machine = std::make_shared<Machine>();
  machine->bpf = rte_bpf_load(converted.get());
  if (machine->bpf == nullptr || rte_bpf_get_jit(machine->bpf, &machine->jit) != 0 ||
      machine->jit.func == nullptr) {
    return nullptr;
  }
  return machine;
}

bool RunInterpreter(const void* program, rte_mbuf* frame) {
  thread_local u_char linear[kInterpretedBytes];
  const uint32_t length = std::min<uint32_t>(rte_pktmbuf_pkt_len(frame), kInterpretedBytes);
  const auto* const bytes = static_cast<const u_char*>(rte_pktmbuf_read(frame, 0, length, linear));
  return bpf_filter(static_cast<const Compiled*>(program)->program.bf_insns, bytes,
                    rte_pktmbuf_pkt_len(frame), length) != 0;
}

}  // namespace

absl::StatusOr<FrameProgram> CompileFilter(const std::string& expression) {
  absl::StatusOr<std::unique_ptr<Compiled>> compiled = Compile(expression);
  if (!compiled.ok()) return compiled.status();
  if (std::shared_ptr<const Machine> machine = ToMachine((*compiled)->program)) {
    return FrameProgram{.run = RunMachine, .program = std::move(machine)};
  }
  return FrameProgram{.run = RunInterpreter,
                      .program = std::shared_ptr<const Compiled>(*std::move(compiled))};
}

absl::StatusOr<FrameProgram> CompileInterpretedFilter(const std::string& expression) {
  absl::StatusOr<std::unique_ptr<Compiled>> compiled = Compile(expression);
  if (!compiled.ok()) return compiled.status();
  return FrameProgram{.run = RunInterpreter,
                      .program = std::shared_ptr<const Compiled>(*std::move(compiled))};
}

}  // namespace podwarp
