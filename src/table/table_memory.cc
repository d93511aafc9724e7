#include "podwarp/table/table_memory.h"

#include <glog/logging.h>
#include <sys/mman.h>

#include <memory>

namespace podwarp {

constexpr size_t kHugePage = size_t{2} << 20;

// One huge page more, to start at a huge page's border: kernels before 6.7 do not see to that.
TableMemory::TableMemory(size_t bytes) : reserved_bytes_(bytes + kHugePage) {
  reserved_ = mmap(nullptr, reserved_bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  PCHECK(reserved_ != MAP_FAILED) << "no address space for a table of " << bytes << " bytes";
  start_ = reserved_;
  size_t space = reserved_bytes_;
  CHECK(std::align(kHugePage, bytes, start_, space) != nullptr);
  madvise(start_, bytes, MADV_HUGEPAGE);  // a wish: it works without
}

TableMemory::~TableMemory() { munmap(reserved_, reserved_bytes_); }

}  // namespace podwarp
