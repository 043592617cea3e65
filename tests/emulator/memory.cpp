/*
 * Memory. A piece of device memory lies between gaps that nobody may touch, ends at the end of a page, and
 * may be touched only while device work runs: the host that does so by accident faults. Addresses are not
 * used again.
 */
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "asan.h"
#include "emulator.h"

using namespace emulated;

constexpr size_t page = 4096, gap = 1 << 20, alignment = 256;
constexpr size_t large = 4 << 20; /* huge pages from here on: protecting them is a thousand times cheaper */

struct Piece {
  size_t bytes;
  char *pages; /* device memory: the pages it lies in */
  size_t page_bytes;
  int device;
  bool owned; /* pinned memory: from cudaHostAlloc */
  bool open;  /* device memory */
};
using Pieces = std::map<const char *, Piece>; /* by address */
static Pieces device_memory, pinned_memory;
static bool all_open, any_open;

static size_t round_up(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

static void protect(const Piece &p, int how) {
  if (mprotect(p.pages, p.page_bytes, how) == 0) return;
  perror("emulated GPU: mprotect");
  abort();
}

static void set_open(Piece &p, bool open) {
  if (p.open != open) protect(p, open ? PROT_READ | PROT_WRITE : PROT_NONE);
  p.open = open;
}

static void set_open(bool open) {
  if (open ? all_open : !any_open) return;
  all_open = any_open = open;
  for (auto &[start, p] : device_memory) set_open(p, open);
}

/* NULL: no address space */
static char *piece_new(size_t bytes, int device) {
  const size_t rounded = round_up(bytes, alignment), page_bytes = round_up(rounded, page);
  void *all =
      mmap(nullptr, page_bytes + 2 * gap, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) return nullptr;
  const Piece p = {bytes, (char *)all + gap, page_bytes, device, true, all_open};
  char *start = p.pages + page_bytes - rounded;
  protect(p, PROT_READ | PROT_WRITE);
  if (page_bytes >= large) madvise(p.pages, page_bytes, MADV_HUGEPAGE);
  memset(p.pages, 0xff, page_bytes); /* NaN as f32, f64 and bf16: what is not written shows */
  ASAN_POISON_MEMORY_REGION(p.pages, (size_t)(start - p.pages));
  ASAN_POISON_MEMORY_REGION(start + bytes, rounded - bytes);
  if (!p.open) protect(p, PROT_NONE);
  device_memory[start] = p;
  return start;
}

static void piece_free(const Piece &p) {
  ASAN_UNPOISON_MEMORY_REGION(p.pages, p.page_bytes);
  protect(p, PROT_NONE);
  madvise(p.pages, p.page_bytes, MADV_DONTNEED);
}

static Pieces::iterator piece_before(Pieces &pieces, const char *p) {
  auto next = pieces.upper_bound(p);
  return next == pieces.begin() ? pieces.end() : --next;
}

static Place place_in(Pieces &pieces, const char *p, size_t bytes, Place inside) {
  const auto found = piece_before(pieces, p);
  if (found == pieces.end()) return Place::pageable;
  const auto &[first, piece] = *found;
  if (p >= first + piece.bytes) return Place::pageable;
  return p + bytes <= first + piece.bytes ? inside : Place::wrong;
}

namespace emulated {

Place place_of(const void *p, size_t bytes) {
  const Place place = place_in(device_memory, (const char *)p, bytes, Place::device);
  return place == Place::pageable ? place_in(pinned_memory, (const char *)p, bytes, Place::pinned) : place;
}

void memory_open() {
  set_open(true);
}

void memory_open_at(const void *p) {
  const auto found = piece_before(device_memory, (const char *)p);
  if (found == device_memory.end() || (const char *)p >= found->first + found->second.bytes) return;
  set_open(found->second, true);
  any_open = true;
}

void memory_close() {
  set_open(!machine().settings.guard);
}

void memory_reset() {
  for (auto &[start, p] : device_memory) piece_free(p);
  for (auto &[start, p] : pinned_memory)
    if (p.owned) free((void *)start);
  device_memory.clear();
  pinned_memory.clear();
}

} // namespace emulated

cudaError_t cudaMalloc(void **memory, size_t bytes) {
  return call([=] {
    TRY(refuse_while_capturing());
    Machine &m = machine();
    Device &d = m.devices[(size_t)thread().device];
    *memory = nullptr;
    if (bytes == 0) return cudaSuccess;
    if (bytes > m.settings.memory_bytes - d.used_bytes) return cudaErrorMemoryAllocation;
    *memory = piece_new(bytes, thread().device);
    if (!*memory) return cudaErrorMemoryAllocation;
    d.used_bytes += bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaFree(void *memory) {
  return call([=] {
    if (!memory) return cudaSuccess;
    TRY(refuse_while_capturing());
    auto found = device_memory.find((char *)memory);
    if (found == device_memory.end()) return cudaErrorInvalidValue;
    TRY(wait_for_all());
    machine().devices[(size_t)found->second.device].used_bytes -= found->second.bytes;
    piece_free(found->second);
    device_memory.erase(found);
    return cudaSuccess;
  });
}

cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned) {
  return call([=] {
    TRY(refuse_while_capturing());
    *memory = nullptr;
    if (bytes == 0) return cudaSuccess;
    if (posix_memalign(memory, page, bytes)) return cudaErrorMemoryAllocation;
    pinned_memory[(char *)*memory] = {bytes, nullptr, 0, 0, true, true};
    return cudaSuccess;
  });
}

cudaError_t cudaMallocHost(void **memory, size_t bytes) {
  return cudaHostAlloc(memory, bytes, cudaHostAllocDefault);
}

static cudaError_t unpin(void *memory, bool owned, cudaError_t unknown) {
  TRY(refuse_while_capturing());
  auto found = pinned_memory.find((char *)memory);
  if (found == pinned_memory.end() || found->second.owned != owned) return unknown;
  TRY(wait_for_all());
  pinned_memory.erase(found);
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void *memory) {
  return call([=] {
    if (!memory) return cudaSuccess;
    TRY(unpin(memory, true, cudaErrorInvalidValue));
    free(memory);
    return cudaSuccess;
  });
}

/* Pages are pinned, not bytes: two pieces of memory that share one cannot both be. */
static bool share_a_page(const void *a, size_t a_bytes, const void *b, size_t b_bytes) {
  const uintptr_t first = (uintptr_t)a / page, last = ((uintptr_t)a + a_bytes - 1) / page;
  return first <= ((uintptr_t)b + b_bytes - 1) / page && (uintptr_t)b / page <= last;
}

cudaError_t cudaHostRegister(void *memory, size_t bytes, unsigned) {
  return call([=] {
    TRY(refuse_while_capturing());
    if (!memory || bytes == 0) return cudaErrorInvalidValue;
    for (const auto &[start, piece] : pinned_memory)
      if (share_a_page(start, piece.bytes, memory, bytes)) return cudaErrorHostMemoryAlreadyRegistered;
    if (place_of(memory, 1) != Place::pageable) return cudaErrorHostMemoryAlreadyRegistered;
    pinned_memory[(char *)memory] = {bytes, nullptr, 0, 0, false, true};
    return cudaSuccess;
  });
}

cudaError_t cudaHostUnregister(void *memory) {
  return call([=] { return unpin(memory, false, cudaErrorHostMemoryNotRegistered); });
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
  return call([=] {
    *total = machine().settings.memory_bytes;
    *available = *total - machine().devices[(size_t)thread().device].used_bytes;
    return cudaSuccess;
  });
}
