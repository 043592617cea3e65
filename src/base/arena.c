/*
 * An arena is a list of chunks, each at least twice as large as the one before, and one position that counts
 * through them all. Chunks are never given back before the arena goes, so after a reset the same requests
 * find the same bytes.
 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MAX_CHUNKS = 48, FIRST_CHUNK_BYTES = 64 << 10, HUGE_PAGE = 2 << 20 };

struct gd_arena {
  const char *name;
  gdi_memory memory;
  struct {
    char *base;
    size_t bytes, start; /* start: position of its first byte */
  } chunk[MAX_CHUNKS];
  int n_chunks, current;
  size_t position;
  gd_arena *beside;     /* gdi_arena_beside(); NULL: never asked for */
  struct returns *last; /* the newest request there */
};

/* A request beside the arena, kept in it: where each was before, to return to. */
typedef struct returns {
  struct returns *previous;
  size_t here, there;
} returns;

/* Large ones in huge pages where the system offers them: a step walks through more memory than the TLB maps in small ones. */
static void *host_take(void *user, size_t bytes) {
  (void)user;
  const size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : GD_ALIGN;
  void *memory = aligned_alloc(align, (bytes + align - 1) / align * align);
  if (memory && align == HUGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

static void host_give(void *user, void *memory) {
  (void)user;
  free(memory);
}

const gdi_memory gdi_host_memory = {host_take, host_give, NULL, true};

gd_status gdi_arena_new_over(gd_arena **out, const char *name, const gdi_memory *memory) {
  gd_arena *a = calloc(1, sizeof *a);
  *out = a;
  if (!a) return GD_FAIL(GD_ERR_OOM, "no memory for the %s arena", name);
  a->name = name;
  a->memory = *memory;
  return GD_OK;
}

gd_status gd_arena_new(gd_arena **out, const char *name) {
  return gdi_arena_new_over(out, name, &gdi_host_memory);
}

static bool add_chunk(gd_arena *a, size_t at_least) {
  if (a->n_chunks == MAX_CHUNKS) return false;
  size_t last = a->n_chunks ? a->chunk[a->n_chunks - 1].bytes : FIRST_CHUNK_BYTES / 2;
  size_t bytes = last > SIZE_MAX / 4 ? at_least : 2 * last;
  if (bytes < at_least) bytes = at_least;
  char *base = a->memory.take(a->memory.user, bytes);
  if (!base && bytes > at_least) base = a->memory.take(a->memory.user, bytes = at_least);
  if (!base) return false;
  size_t start = a->n_chunks ? a->chunk[a->n_chunks - 1].start + a->chunk[a->n_chunks - 1].bytes : 0;
  a->chunk[a->n_chunks].base = base;
  a->chunk[a->n_chunks].bytes = bytes;
  a->chunk[a->n_chunks].start = start;
  a->n_chunks++;
  return true;
}

void *gd_arena_alloc(gd_arena *a, size_t bytes) {
  if (bytes > SIZE_MAX / 4) goto full;
  bytes = (bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN;
  if (bytes == 0) bytes = GD_ALIGN;
  for (;; a->current++) {
    if (a->current == a->n_chunks && !add_chunk(a, bytes)) goto full;
    size_t start = a->chunk[a->current].start;
    if (a->position < start) a->position = start; /* the tail of the chunk before was too short */
    size_t used = a->position - start;
    if (bytes <= a->chunk[a->current].bytes - used) {
      a->position += bytes;
      return a->chunk[a->current].base + used;
    }
  }
full:
  (void)GD_FAIL(GD_ERR_OOM, "the %s arena cannot hold another %zu bytes (it has %zu)", a->name, bytes,
                gd_arena_reserved_bytes(a));
  return NULL;
}

void *gd_arena_zalloc(gd_arena *a, size_t bytes) {
  void *p = gd_arena_alloc(a, bytes);
  if (p) memset(p, 0, bytes);
  return p;
}

void *gdi_arena_beside(gd_arena *a, const gdi_memory *memory, size_t bytes) {
  if (memory->on_host) return gd_arena_alloc(a, bytes);
  if (!a->beside && gdi_arena_new_over(&a->beside, a->name, memory) != GD_OK) return NULL;
  const size_t here = a->position;
  returns *r = gd_arena_alloc(a, sizeof *r);
  if (!r) return NULL;
  *r = (returns){a->last, here, a->beside->position};
  a->last = r;
  return gd_arena_alloc(a->beside, bytes);
}

size_t gd_arena_mark(const gd_arena *a) {
  return a->position;
}

/* Undo the requests beside `a` that were made after `mark`. */
static void release_beside(gd_arena *a, size_t mark) {
  size_t there = a->beside->position;
  for (; a->last && a->last->here >= mark; a->last = a->last->previous) there = a->last->there;
  gd_arena_release(a->beside, there);
}

void gd_arena_release(gd_arena *a, size_t mark) {
  if (a->beside) release_beside(a, mark);
#ifndef NDEBUG
  for (int i = 0; a->memory.on_host && i < a->n_chunks; i++) {
    size_t from = mark > a->chunk[i].start ? mark - a->chunk[i].start : 0;
    if (from < a->chunk[i].bytes && a->chunk[i].start < a->position)
      memset(a->chunk[i].base + from, 0xA5, a->chunk[i].bytes - from);
  }
#endif
  a->position = mark;
  while (a->current > 0 && (a->current >= a->n_chunks || a->chunk[a->current].start > mark)) a->current--;
}

void gd_arena_reset(gd_arena *a) {
  gd_arena_release(a, 0);
}

void gd_arena_free(gd_arena *a) {
  if (!a) return;
  gd_arena_free(a->beside);
  for (int i = 0; i < a->n_chunks; i++) a->memory.give(a->memory.user, a->chunk[i].base);
  free(a);
}

size_t gd_arena_reserved_bytes(const gd_arena *a) {
  return a->n_chunks ? a->chunk[a->n_chunks - 1].start + a->chunk[a->n_chunks - 1].bytes : 0;
}
