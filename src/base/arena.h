/* Arenas over memory of another kind (a GPU's): the bump pointers stay here, the bytes are there. */
#ifndef GDI_BASE_ARENA_H
#define GDI_BASE_ARENA_H

#include "gd/arena.h"

typedef struct gdi_memory {
  void *(*take)(void *user, size_t bytes); /* NULL when there is none; aligned to GD_ALIGN */
  void (*give)(void *user, void *memory);
  void *user;
  bool on_host; /* may be poisoned and zeroed by memset */
} gdi_memory;

/* Memory of the process. */
extern const gdi_memory gdi_host_memory;

gd_status gdi_arena_new_over(gd_arena **out, const char *name, const gdi_memory *memory) GD_CHECKED;

#endif
