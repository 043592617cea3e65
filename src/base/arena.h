/* Arenas over memory of another kind (a GPU's): the bump pointers stay here, the bytes are there. */
#ifndef GDI_BASE_ARENA_H
#define GDI_BASE_ARENA_H

#include "gd/arena.h"

typedef struct gdi_memory {
  void *(*take)(void *user, size_t bytes); /* multiples of GD_ALIGN, aligned to it; NULL when there is none */
  void (*give)(void *user, void *memory);
  void *user;
  bool on_host; /* may be poisoned and zeroed by memset */
} gdi_memory;

/* Memory of the process. */
extern const gdi_memory gdi_host_memory;

gd_status gdi_arena_new_over(gd_arena **out, const char *name, const gdi_memory *memory) GD_CHECKED;

/*
 * Memory of the kind `memory` with the life of what is in `a`: from `a` itself on the host, else from an
 * arena beside it, made at the first request, which is reset, released and freed with `a`. All requests must
 * name the same memory. Errors: as gd_arena_alloc()
 */
void *gdi_arena_beside(gd_arena *a, const gdi_memory *memory, size_t bytes);

#endif
