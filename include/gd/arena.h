/** @file arena.h  Bump allocators: memory that is freed all at once. */
#ifndef GD_ARENA_H
#define GD_ARENA_H

#include "gd/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GD_ALIGN 64 /* bytes: a cache line, and the widest vector register */

typedef struct gd_arena gd_arena;

/** A new, empty arena; `name` is for error messages and must outlive it. Owner: caller; gd_arena_free() */
GD_API gd_status gd_arena_new(gd_arena **out, const char *name) GD_CHECKED;

/**
 * `bytes` of memory aligned to GD_ALIGN, not zeroed; NULL with an error record when there is none.
 * After gd_arena_reset() an equal series of requests gets equal addresses and allocates nothing.
 */
GD_API void *gd_arena_alloc(gd_arena *a, size_t bytes);
/** The same, zeroed. */
GD_API void *gd_arena_zalloc(gd_arena *a, size_t bytes);

/** Free all allocations at once, in O(1); the memory is kept for reuse. Debug builds poison it. */
GD_API void gd_arena_reset(gd_arena *a);
/** The present position, and back to it: everything allocated in between is free again. */
GD_API size_t gd_arena_mark(const gd_arena *a);
GD_API void gd_arena_release(gd_arena *a, size_t mark);

GD_API void gd_arena_free(gd_arena *a); /**< NULL is fine */
/** Bytes taken from the system. */
GD_API size_t gd_arena_reserved_bytes(const gd_arena *a);

#ifdef __cplusplus
}
#endif
#endif
