#include "device/cpu/primitive.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gd/arena.h"

enum { SLOTS = 4096, MOST_PREPARED = SLOTS / 2 };

struct gdi_workshop {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  void *scratch; /* shared by all primitives */
  size_t scratch_bytes;
  int n_prepared;
  gdi_primitive *slot[SLOTS]; /* open addressing */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_workshop;

static void forget(gdi_primitive *r) {
  if (!r) return;
  if (r->primitive) dnnl_primitive_destroy(r->primitive);
  for (int i = 0; i < r->n; i++) dnnl_memory_destroy(r->operand[i]);
  if (r->scratch) dnnl_memory_destroy(r->scratch);
  free(r);
}

static void forget_all(gdi_workshop *w) {
  for (int i = 0; i < SLOTS; i++) forget(w->slot[i]), w->slot[i] = NULL;
  w->n_prepared = 0;
}

static void workshop_free(void *memory) {
  gdi_workshop *w = memory;
  forget_all(w);
  if (w->stream) dnnl_stream_destroy(w->stream);
  if (w->engine) dnnl_engine_destroy(w->engine);
  free(w->scratch);
  free(w);
}

static void make_key(void) {
  pthread_key_create(&key_of_workshop, workshop_free);
}

dnnl_status_t gdi_workshop_get(gdi_workshop **out) {
  pthread_once(&once, make_key);
  gdi_workshop *w = pthread_getspecific(key_of_workshop);
  *out = w;
  if (w) return dnnl_success;
  w = calloc(1, sizeof *w);
  if (!w || pthread_setspecific(key_of_workshop, w)) {
    free(w);
    return dnnl_out_of_memory;
  }
  omp_set_num_threads(1); /* oneDNN takes its number of threads, and with it its bits, from here */
  dnnl_status_t st = dnnl_engine_create(&w->engine, dnnl_cpu, 0);
  if (st == dnnl_success) st = dnnl_stream_create(&w->stream, w->engine, dnnl_stream_default_flags);
  *out = w;
  return st;
}

void gdi_descriptor_free(dnnl_memory_desc_t d) {
#if DNNL_VERSION_MAJOR >= 3
  dnnl_memory_desc_destroy(d);
#else
  (void)d;
#endif
}

static dnnl_status_t reserve_scratch(gdi_workshop *w, size_t bytes) {
  if (bytes <= w->scratch_bytes) return dnnl_success;
  bytes = (bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN;
  void *larger = aligned_alloc(GD_ALIGN, bytes);
  if (!larger) return dnnl_out_of_memory;
  free(w->scratch);
  w->scratch = larger, w->scratch_bytes = bytes;
  return dnnl_success;
}

dnnl_status_t gdi_primitive_make(gdi_primitive *r, dnnl_primitive_desc_t description, dnnl_engine_t engine) {
  gdi_descriptor scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  r->scratch_bytes = dnnl_memory_desc_get_size(scratch);
  const dnnl_status_t st = dnnl_memory_create(&r->scratch, scratch, engine, DNNL_MEMORY_NONE);
  return st == dnnl_success ? dnnl_primitive_create(&r->primitive, description) : st;
}

dnnl_status_t gdi_primitive_operand(gdi_primitive *r, int arg, gdi_descriptor d, dnnl_engine_t engine) {
  const dnnl_status_t st = dnnl_memory_create(&r->operand[r->n], d, engine, DNNL_MEMORY_NONE);
  if (st == dnnl_success) r->arg[r->n++] = arg;
  return st;
}

static unsigned slot_of(const gdi_primitive_key *k) {
  uint64_t h = 0;
  for (int i = 0; i < GDI_KEY_WORDS; i++) {
    h = (h ^ (uint64_t)k->word[i]) * 0x9E3779B97F4A7C15u;
    h ^= h >> 32;
  }
  return (unsigned)(h % SLOTS);
}

dnnl_status_t gdi_primitive_find(gdi_primitive **out, gdi_workshop *w, const gdi_primitive_key *key,
                                 gdi_prepare prepare, const void *what) {
  unsigned i = slot_of(key);
  for (; w->slot[i]; i = (i + 1) % SLOTS)
    if (memcmp(&w->slot[i]->key, key, sizeof *key) == 0) {
      *out = w->slot[i];
      return dnnl_success;
    }
  if (w->n_prepared == MOST_PREPARED) forget_all(w), i = slot_of(key);
  gdi_primitive *r = calloc(1, sizeof *r);
  if (!r) return dnnl_out_of_memory;
  r->key = *key;
  dnnl_status_t st = prepare(r, w->engine, what);
  if (st == dnnl_success) st = reserve_scratch(w, r->scratch_bytes);
  if (st != dnnl_success) {
    forget(r);
    return st;
  }
  w->slot[i] = r, w->n_prepared++;
  *out = r;
  return dnnl_success;
}

dnnl_status_t gdi_primitive_run(gdi_primitive *r, gdi_workshop *w, const void *const data[]) {
  dnnl_exec_arg_t args[GDI_MAX_OPERANDS + 1];
  for (int i = 0; i < r->n; i++) {
    const dnnl_status_t st = dnnl_memory_set_data_handle(r->operand[i], (void *)(uintptr_t)data[i]);
    if (st != dnnl_success) return st;
    args[i] = (dnnl_exec_arg_t){r->arg[i], r->operand[i]};
  }
  dnnl_memory_set_data_handle(r->scratch, w->scratch);
  args[r->n] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, r->scratch};
  return dnnl_primitive_execute(r->primitive, w->stream, r->n + 1, args);
}
