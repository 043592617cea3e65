/* From a generated table to a loader: generate, write the file, open it, hold it in memory. */
#ifndef TABLE_H
#define TABLE_H

#include <unistd.h>

#include "seed.h"

typedef struct held {
  gd_dataset *set;
  void *memory;
} held;

/* The data set that generator `name` makes, by way of a data file like any other. */
static inline held table_open(const char *name, int64_t n, uint64_t seed) {
  gd_table table;
  char path[128];
  snprintf(path, sizeof path, "%s-%ld.h5", name, (long)getpid());
  must(gd_generate(&table, &(gd_generate_options){.name = name, .n = n, .noise = -1, .seed = seed}));
  must(gd_table_write(&table, path));
  gd_table_free(&table);

  held h;
  must(gd_dataset_open(&h.set, path, NULL));
  const size_t bytes = gd_dataset_load_bytes(h.set);
  h.memory = aligned_alloc(GD_ALIGN, (bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN);
  if (!h.memory) must(GD_FAIL(GD_ERR_OOM, "no memory to hold %s", name));
  must(gd_dataset_load(h.set, h.memory, true));
  unlink(path);
  return h;
}

static inline void table_close(held *h) {
  gd_dataset_close(h->set);
  free(h->memory);
}

#endif
