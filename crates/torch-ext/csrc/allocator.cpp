// A CPU allocator that keeps large blocks instead of returning them to the system.
//
// A training step frees and asks again for the same hundreds of megabytes. glibc serves such sizes with mmap and
// munmap, so every step pays the kernel for zeroing and mapping each page anew. Here a freed block of a megabyte or
// more waits in a list for the next tensor of about its size, and stands on 2 MiB pages, which spares most TLB misses.
#include "shim.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>

using namespace torch_ext;

namespace {

constexpr size_t kPage = size_t{2} << 20;   // A huge page; every kept block is a multiple of it and starts on one.
constexpr size_t kLarge = size_t{1} << 20;  // From here on a block is kept; smaller ones are the C library's affair.
constexpr size_t kSpare = size_t{128} << 20;  // May always lie idle: a layer's few blocks differ in size, and little is live between two of them.
constexpr size_t kAlignment = 64;           // What libtorch's own allocator promises.

class PageKeeper final : public c10::Allocator {
 public:
  at::DataPtr allocate(size_t bytes) override {
    void* block = bytes == 0 ? nullptr : bytes < kLarge ? small(bytes) : large(bytes);
    return {block, block, &PageKeeper::release, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &PageKeeper::release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  static PageKeeper& instance() {
    static PageKeeper* keeper = new PageKeeper;  // Never destroyed: tensors in statics may outlive main.
    return *keeper;
  }

 private:
  static void* small(size_t bytes) {
    void* block = nullptr;
    TORCH_CHECK(posix_memalign(&block, kAlignment, bytes) == 0, "out of memory: could not allocate ", bytes, " bytes");
    return block;
  }

  void* large(size_t bytes) {
    const size_t size = (bytes + kPage - 1) / kPage * kPage;
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = free_.lower_bound(size);
    if (found == free_.end() || found->first > size + std::max(size / 8, kPage)) found = fetch(size, bytes);
    void* block = found->second;
    used_.emplace(block, found->first);
    live_ += found->first;
    idle_ -= found->first;
    peak_ = std::max(peak_, live_);
    free_.erase(found);
    return block;
  }

  // A new block from the system. What lies idle never exceeds half of what was ever in use at once, or kSpare.
  std::multimap<size_t, void*>::iterator fetch(size_t size, size_t bytes) {
    const size_t in_use = std::max(peak_, live_ + size);
    const size_t spare = std::max(in_use / 2, kSpare);
    while (!free_.empty() && live_ + idle_ + size > in_use + spare) give_back(std::prev(free_.end()));
    void* block = map(size);
    while (block == nullptr && !free_.empty()) {
      give_back(std::prev(free_.end()));
      block = map(size);
    }
    TORCH_CHECK(block != nullptr, "out of memory: could not allocate ", bytes, " bytes");
    idle_ += size;
    return free_.emplace(size, block);
  }

  static void* map(size_t size) {
    void* start = mmap(nullptr, size + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    const auto address = reinterpret_cast<uintptr_t>(start);
    const auto aligned = (address + kPage - 1) / kPage * kPage;
    if (aligned > address) munmap(start, aligned - address);
    if (aligned < address + kPage) munmap(reinterpret_cast<void*>(aligned + size), address + kPage - aligned);
    madvise(reinterpret_cast<void*>(aligned), size, MADV_HUGEPAGE);
    return reinterpret_cast<void*>(aligned);
  }

  void give_back(std::multimap<size_t, void*>::iterator block) {
    munmap(block->second, block->first);
    idle_ -= block->first;
    free_.erase(block);
  }

  static void release(void* block) {
    if (block == nullptr || instance().keep(block)) return;
    free(block);
  }

  bool keep(void* block) {
    if (reinterpret_cast<uintptr_t>(block) % kPage != 0) return false;
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = used_.find(block);
    if (found == used_.end()) return false;
    live_ -= found->second;
    idle_ += found->second;
    free_.emplace(found->second, block);
    used_.erase(found);
    return true;
  }

  std::mutex mutex_;
  std::multimap<size_t, void*> free_;
  std::unordered_map<void*, size_t> used_;
  size_t live_ = 0, idle_ = 0, peak_ = 0;  // Bytes in large blocks.
};

}  // namespace

extern "C" {

char* torch_ext_keep_freed_pages() {
  return guarded([] {
    c10::SetCPUAllocator(&PageKeeper::instance(), /*priority=*/1);
    // oneDNN's scratch pads come from malloc: keep those in the heap, and the heap from shrinking.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 16 << 20);
  });
}

}  // extern "C"
