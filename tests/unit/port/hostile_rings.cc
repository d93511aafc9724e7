// What a hostile guest does to its rings and its memory.
#include <algorithm>

#include "unit/port/hostile_guest.h"

namespace podwarp::test {

uint64_t HostileGuest::AnyAddress() {
  const auto& region = chance_.Of(peer_->memory().regions());
  VirtioPeer::Vring& vring = AnyVring();
  const uint64_t places[] = {region.address,
                             region.address + region.bytes,
                             region.address + chance_.Below(region.bytes),
                             vring.layout.table.address,
                             vring.layout.driver.address,
                             vring.layout.device.address,
                             vring.arena.Cut(0, 64, {}).front().address,
                             vring.arena.Cut(0, 64, {}).front().address,
                             uint64_t{0},
                             chance_.Any()};
  const uint64_t place = chance_.Of(places);
  switch (chance_.Below(4)) {
    case 0:
      return place - chance_.Below(70);
    case 1:
      return place + 16 * chance_.Below(64);
    default:
      return place;
  }
}

uint32_t HostileGuest::AnyLength() {
  static constexpr uint32_t kLengths[] = {
      0,        1,        9,        10,          11,          12,         13,     14,
      26,       60,       64,       1514,        2048,        4096,       65'535, 65'536,
      1u << 20, 1u << 24, 1u << 31, 0x7fff'ffff, 0xffff'fff0, 0xffff'ffff};
  if (chance_.OneIn(2)) return chance_.Of(kLengths);
  return chance_.OneIn(2) ? 16 * chance_.Below(40) : chance_.Below(4096);
}

VirtqDesc HostileGuest::AnyDescriptor() {
  return {.addr = AnyAddress(),
          .len = AnyLength(),
          .flags = chance_.OneIn(8) ? chance_.Word() : static_cast<uint16_t>(chance_.Below(8)),
          .next = chance_.OneIn(8) ? chance_.Word() : static_cast<uint16_t>(chance_.Below(16))};
}

PvirtqDesc HostileGuest::AnyPackedDescriptor() {
  // Available, in this round or in the next.
  const uint16_t round = chance_.OneIn(2) ? kDescAvail : kDescUsed;
  const auto flags = static_cast<uint16_t>(round | chance_.Below(8));
  return {.addr = AnyAddress(),
          .len = AnyLength(),
          .id = chance_.OneIn(4) ? chance_.Word() : static_cast<uint16_t>(chance_.Below(256)),
          .flags = chance_.OneIn(8) ? chance_.Word() : flags};
}

// Where indirect tables are looked for: at the first buffers, and at the regions' ends.
void HostileGuest::ScribbleMemory() {
  const bool packed = (peer_->features() & kRingPacked) != 0;
  const auto scribble = [&](uint8_t* at) {
    if (packed) {
      *reinterpret_cast<PvirtqDesc*>(at) = AnyPackedDescriptor();
    } else {
      *reinterpret_cast<VirtqDesc*>(at) = AnyDescriptor();
    }
  };
  GuestMemory& memory = peer_->memory();
  for (uint32_t i = 0; i < 48; ++i) {
    scribble(memory.At(AnyVring().arena.Cut(0, 64, {}).front().address) + 16 * i);
  }
  for (const auto& region : memory.regions()) {
    for (uint32_t i = 1; i <= 4; ++i) {
      scribble(memory.At(region.address + region.bytes - 16 * i));
    }
  }
}

void HostileGuest::ScribbleRing(VirtioPeer::Vring& vring) {
  const VringLayout& ring = vring.layout;
  for (uint16_t i = 0; i < ring.size; ++i) {
    if (chance_.OneIn(4)) continue;
    if ((peer_->features() & kRingPacked) != 0) {
      ring.packed()[i] = AnyPackedDescriptor();
    } else {
      ring.desc()[i] = AnyDescriptor();
    }
  }
}

// Split: shows the device as many entries as there are, or any number. A packed ring's descriptors
// show themselves.
void HostileGuest::PublishAll(const VringLayout& ring) {
  if ((peer_->features() & kRingPacked) != 0) return;
  VirtqAvail& avail = *ring.avail();
  for (uint16_t i = 0; i < ring.size; ++i) {
    avail.ring[i] =
        chance_.OneIn(20) ? chance_.Word() : static_cast<uint16_t>(chance_.Below(ring.size));
  }
  const uint32_t more = chance_.OneIn(8) ? chance_.Word() : chance_.Below(ring.size + 1u);
  __atomic_store_n(&avail.idx, static_cast<uint16_t>(avail.idx + more), __ATOMIC_RELEASE);
}

void HostileGuest::Descriptors() {
  for (uint32_t rounds = 1 + chance_.Below(12); rounds > 0; --rounds) {
    ScribbleMemory();
    VirtioPeer::Vring& vring = AnyVring();
    ScribbleRing(vring);
    PublishAll(vring.layout);
    // Again, while they are being looked at.
    if (chance_.OneIn(2)) ScribbleRing(vring);
    Linger();
  }
}

void HostileGuest::Loops() {
  for (uint32_t rounds = 1 + chance_.Below(4); rounds > 0; --rounds) {
    VirtioPeer::Vring& vring = AnyVring();
    const VringLayout& ring = vring.layout;
    const uint64_t table = vring.arena.Cut(0, 64, {}).front().address;
    const uint32_t length = 1 + chance_.Below(64);
    const uint16_t write = chance_.OneIn(2) ? kDescWrite : 0;
    const bool indirect = chance_.OneIn(2);
    const uint32_t period = 1 + chance_.Below(ring.size);
    const auto chained = static_cast<uint16_t>(kDescNext | write);
    // What stands in the indirect table: loops, or itself again.
    const uint16_t inside = chance_.OneIn(4) ? kDescIndirect : chained;
    const uint32_t entries = 1 + chance_.Below(64);
    if ((peer_->features() & kRingPacked) != 0) {
      auto* inner = reinterpret_cast<PvirtqDesc*>(peer_->memory().At(table));
      for (uint32_t i = 0; i < entries; ++i) {
        inner[i] = {.addr = table, .len = length, .id = 0, .flags = inside};
      }
      // Every descriptor goes on into the next, all round the ring.
      const uint16_t round = chance_.OneIn(2) ? kDescAvail : kDescUsed;
      for (uint16_t i = 0; i < ring.size; ++i) {
        ring.packed()[i] = {
            .addr = table,
            .len = indirect ? entries * 16 : length,
            .id = i,
            .flags = static_cast<uint16_t>(round | kDescNext | (indirect ? kDescIndirect : write))};
      }
    } else {
      auto* inner = reinterpret_cast<VirtqDesc*>(peer_->memory().At(table));
      for (uint32_t i = 0; i < entries; ++i) {
        inner[i] = {.addr = table,
                    .len = length,
                    .flags = inside,
                    .next = static_cast<uint16_t>((i + 1) % (1 + chance_.Below(entries)))};
      }
      for (uint16_t i = 0; i < ring.size; ++i) {
        ring.desc()[i] = {
            .addr = table,
            .len = indirect ? entries * 16 : length,
            .flags = indirect ? static_cast<uint16_t>(kDescIndirect | kDescNext) : chained,
            .next = static_cast<uint16_t>((i + 1) % period)};
      }
      PublishAll(ring);
    }
    Linger();
  }
}

void HostileGuest::Indexes() {
  Traffic();
  const bool packed = (peer_->features() & kRingPacked) != 0;
  for (uint32_t rounds = 1 + chance_.Below(20); rounds > 0; --rounds) {
    const VringLayout& ring = AnyVring().layout;
    const uint16_t value = chance_.OneIn(2) ? chance_.Word() : ring.avail()->idx;
    if (packed) {
      PvirtqEvent* event = chance_.OneIn(2) ? ring.driver_event() : ring.device_event();
      event->off_wrap = value;
      event->flags = chance_.OneIn(8) ? chance_.Word() : static_cast<uint16_t>(chance_.Below(4));
      PvirtqDesc& desc = ring.packed()[chance_.Below(ring.size)];
      desc.flags = static_cast<uint16_t>(desc.flags ^ (kDescAvail | kDescUsed));
    } else {
      uint16_t* const indexes[] = {&ring.avail()->idx,   &ring.used()->idx,   ring.used_event(),
                                   &ring.avail()->flags, &ring.used()->flags, ring.avail_event()};
      __atomic_store_n(chance_.Of(indexes), value, __ATOMIC_RELEASE);
      if (chance_.OneIn(2)) PublishAll(ring);
    }
    Linger();
  }
}

void HostileGuest::Headers() {
  for (uint32_t bursts = 1 + chance_.Below(8); bursts > 0; --bursts) {
    std::vector<GuestFrame> frames;
    for (uint32_t count = 1 + chance_.Below(32); count > 0; --count) {
      GuestFrame frame = chance_.Of(frames_);
      frame.header.flags = static_cast<uint8_t>(chance_.Below(8));
      frame.header.gso_type =
          chance_.OneIn(4) ? chance_.Byte() : static_cast<uint8_t>(chance_.Below(6));
      for (uint16_t* field :
           {&frame.header.hdr_len, &frame.header.gso_size, &frame.header.csum_start,
            &frame.header.csum_offset, &frame.header.num_buffers}) {
        *field = chance_.OneIn(4) ? chance_.Word() : static_cast<uint16_t>(chance_.Below(80));
      }
      if (chance_.OneIn(2)) frame.bytes.resize(chance_.Below(4000));
      for (uint32_t changes = chance_.Below(4); changes > 0 && !frame.bytes.empty(); --changes) {
        frame.bytes[chance_.Below(std::min<size_t>(frame.bytes.size(), 60))] = chance_.Byte();
      }
      frames.push_back(std::move(frame));
    }
    BufferLayout layout;
    if (chance_.OneIn(2)) layout.pieces = {chance_.Below(60), chance_.Below(60)};
    layout.indirect = (peer_->features() & kRingIndirect) != 0 && chance_.OneIn(2);
    peer_->Send(0, frames, layout);
    Linger();
    peer_->Receive(0);
  }
}

void HostileGuest::Truncation() {
  Traffic();
  peer_->Send(0, frames_);
  if (chance_.OneIn(2)) {
    ScribbleRing(AnyVring());
    PublishAll(AnyVring().layout);
  }
  // From here on the memory must not be touched.
  const uint64_t bytes = peer_->memory().bytes();
  const uint64_t left[] = {0, 4096, bytes / 2, bytes - 1, chance_.Below(bytes)};
  peer_->memory().Truncate(chance_.Of(left)).IgnoreError();
  Linger();
  if (chance_.OneIn(2)) PostMemory(SoundTable(), peer_->memory().regions().size());
  if (chance_.OneIn(4)) peer_->memory().Truncate(bytes).IgnoreError();
  Linger();
}

}  // namespace podwarp::test
