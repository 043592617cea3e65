/* Products by oneDNN. All its calls are here, so that versions 2 and 3 differ in one file. */
#include "device/cpu/onednn.h"

#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <dnnl.h>

/* oneDNN 3 made descriptors opaque and folded the operation into the primitive's description. */
#if DNNL_VERSION_MAJOR >= 3
#define DESC(d) (d)
#else
#define DESC(d) (&(d))
#endif

#define TRY_DNNL(expr)                                                                                       \
  do {                                                                                                       \
    dnnl_status_t dnnl_ = (expr);                                                                            \
    if (dnnl_ != dnnl_success) return dnnl_failure(dnnl_, p);                                                \
  } while (0)

enum { SLOTS = 1024, MOST_PREPARED = SLOTS / 2 };

/* A oneDNN primitive for one shape, with the memory objects that say where its operands are. */
typedef struct prepared {
  gdi_product key; /* without addresses */
  dnnl_primitive_t primitive;
  dnnl_memory_t a, b, c, scratch;
  size_t scratch_bytes;
} prepared;

/* What a thread keeps for its products; freed when the thread ends. */
typedef struct workshop {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  void *scratch; /* shared by all primitives */
  size_t scratch_bytes;
  int n_prepared;
  prepared *slot[SLOTS]; /* open addressing */
} workshop;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key_of_workshop;

static void forget(prepared *r) {
  if (!r) return;
  if (r->primitive) dnnl_primitive_destroy(r->primitive);
  dnnl_memory_t memory[] = {r->a, r->b, r->c, r->scratch};
  for (int i = 0; i < 4; i++)
    if (memory[i]) dnnl_memory_destroy(memory[i]);
  free(r);
}

static void forget_all(workshop *w) {
  for (int i = 0; i < SLOTS; i++) forget(w->slot[i]), w->slot[i] = NULL;
  w->n_prepared = 0;
}

static void workshop_free(void *memory) {
  workshop *w = memory;
  forget_all(w);
  if (w->stream) dnnl_stream_destroy(w->stream);
  if (w->engine) dnnl_engine_destroy(w->engine);
  free(w->scratch);
  free(w);
}

static void make_key(void) {
  pthread_key_create(&key_of_workshop, workshop_free);
}

static gd_status dnnl_failure(dnnl_status_t st, const gdi_product *p) {
  if (st == dnnl_out_of_memory) return GD_FAIL(GD_ERR_OOM, "oneDNN has no memory for a matrix product");
  if (st == dnnl_unimplemented && p->type == GD_BF16)
    return GD_FAIL(GD_ERR_NO_KERNEL, "oneDNN has no bf16 matrix product for this CPU: use precision fp32");
  return GD_FAIL(GD_ERR_INTERNAL, "oneDNN status %d in a matrix product [%lld,%lld] by [%lld,%lld]", (int)st,
                 (long long)p->m, (long long)p->k, (long long)p->k, (long long)p->n);
}

static gd_status workshop_get(workshop **out, const gdi_product *p) {
  pthread_once(&once, make_key);
  workshop *w = pthread_getspecific(key_of_workshop);
  *out = w;
  if (w) return GD_OK;
  w = calloc(1, sizeof *w);
  if (!w || pthread_setspecific(key_of_workshop, w)) {
    free(w);
    return GD_FAIL(GD_ERR_OOM, "no memory for matrix products");
  }
  omp_set_num_threads(1); /* oneDNN takes its number of threads, and with it its bits, from here */
  TRY_DNNL(dnnl_engine_create(&w->engine, dnnl_cpu, 0));
  TRY_DNNL(dnnl_stream_create(&w->stream, w->engine, dnnl_stream_default_flags));
  *out = w;
  return GD_OK;
}

static dnnl_status_t describe(dnnl_memory_desc_t *out, int64_t rows, int64_t columns, int64_t ld,
                              bool transpose, dnnl_data_type_t type) {
  const dnnl_dims_t shape = {rows, columns}, strides = {transpose ? 1 : ld, transpose ? ld : 1};
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_create_with_strides(out, 2, shape, type, strides);
#else
  return dnnl_memory_desc_init_by_strides(out, 2, shape, type, strides);
#endif
}

static void descriptor_free(dnnl_memory_desc_t d) {
#if DNNL_VERSION_MAJOR >= 3
  dnnl_memory_desc_destroy(d);
#else
  (void)d;
#endif
}

static dnnl_status_t matmul_description(dnnl_primitive_desc_t *out, const gdi_product *p,
                                        dnnl_engine_t engine, const dnnl_memory_desc_t md[3]) {
  dnnl_primitive_attr_t attributes;
  dnnl_post_ops_t after;
  dnnl_status_t st = dnnl_primitive_attr_create(&attributes);
  if (st != dnnl_success) return st;
  st = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (p->add && st == dnnl_success && (st = dnnl_post_ops_create(&after)) == dnnl_success) {
#if DNNL_VERSION_MAJOR >= 3
    st = dnnl_post_ops_append_sum(after, 1, 0, dnnl_data_type_undef);
#else
    st = dnnl_post_ops_append_sum(after, 1);
#endif
    if (st == dnnl_success) st = dnnl_primitive_attr_set_post_ops(attributes, after);
    dnnl_post_ops_destroy(after);
  }
#if DNNL_VERSION_MAJOR >= 3
  if (st == dnnl_success)
    st = dnnl_matmul_primitive_desc_create(out, engine, md[0], md[1], NULL, md[2], attributes);
#else
  dnnl_matmul_desc_t operation;
  if (st == dnnl_success) st = dnnl_matmul_desc_init(&operation, &md[0], &md[1], NULL, &md[2]);
  if (st == dnnl_success) st = dnnl_primitive_desc_create(out, &operation, attributes, engine, NULL);
#endif
  dnnl_primitive_attr_destroy(attributes);
  return st;
}

static dnnl_status_t prepare(prepared *r, workshop *w, const gdi_product *p) {
  const dnnl_data_type_t type = p->type == GD_BF16 ? dnnl_bf16 : dnnl_f32;
  dnnl_memory_desc_t md[3] = {0};
  dnnl_primitive_desc_t description = NULL;
  dnnl_status_t st = describe(&md[0], p->m, p->k, p->lda, p->transpose_a, type);
  if (st == dnnl_success) st = describe(&md[1], p->k, p->n, p->ldb, p->transpose_b, type);
  if (st == dnnl_success) st = describe(&md[2], p->m, p->n, p->ldc, false, dnnl_f32);
  if (st == dnnl_success) st = matmul_description(&description, p, w->engine, md);
  if (st == dnnl_success) st = dnnl_primitive_create(&r->primitive, description);
  dnnl_memory_t *memory[] = {&r->a, &r->b, &r->c};
  for (int i = 0; i < 3; i++) {
    if (st == dnnl_success) st = dnnl_memory_create(memory[i], DESC(md[i]), w->engine, DNNL_MEMORY_NONE);
    descriptor_free(md[i]);
  }
  if (st == dnnl_success) {
    const void *scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    r->scratch_bytes = dnnl_memory_desc_get_size(scratch);
    st = dnnl_memory_create(&r->scratch, scratch, w->engine, DNNL_MEMORY_NONE);
  }
  if (description) dnnl_primitive_desc_destroy(description);
  return st;
}

static dnnl_status_t reserve_scratch(workshop *w, size_t bytes) {
  if (bytes <= w->scratch_bytes) return dnnl_success;
  bytes = (bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN;
  void *larger = aligned_alloc(GD_ALIGN, bytes);
  if (!larger) return dnnl_out_of_memory;
  free(w->scratch);
  w->scratch = larger, w->scratch_bytes = bytes;
  return dnnl_success;
}

static bool same_shape(const gdi_product *p, const gdi_product *q) {
  return p->m == q->m && p->n == q->n && p->k == q->k && p->lda == q->lda && p->ldb == q->ldb &&
         p->ldc == q->ldc && p->type == q->type && p->transpose_a == q->transpose_a &&
         p->transpose_b == q->transpose_b && p->add == q->add;
}

static unsigned slot_of(const gdi_product *p) {
  const int64_t word[] = {p->m,
                          p->n,
                          p->k,
                          p->lda,
                          p->ldb,
                          p->ldc,
                          p->type << 3 | p->transpose_a << 2 | p->transpose_b << 1 | p->add};
  uint64_t h = 0;
  for (size_t i = 0; i < sizeof word / sizeof *word; i++) {
    h = (h ^ (uint64_t)word[i]) * 0x9E3779B97F4A7C15u;
    h ^= h >> 32;
  }
  return (unsigned)(h % SLOTS);
}

static gd_status find_prepared(prepared **out, workshop *w, const gdi_product *p) {
  unsigned i = slot_of(p);
  for (; w->slot[i]; i = (i + 1) % SLOTS)
    if (same_shape(&w->slot[i]->key, p)) {
      *out = w->slot[i];
      return GD_OK;
    }
  if (w->n_prepared == MOST_PREPARED) forget_all(w), i = slot_of(p);
  prepared *r = calloc(1, sizeof *r);
  if (!r) return GD_FAIL(GD_ERR_OOM, "no memory to prepare a matrix product");
  r->key = *p;
  dnnl_status_t st = prepare(r, w, p);
  if (st == dnnl_success) st = reserve_scratch(w, r->scratch_bytes);
  if (st != dnnl_success) {
    forget(r);
    return dnnl_failure(st, p);
  }
  w->slot[i] = r, w->n_prepared++;
  *out = r;
  return GD_OK;
}

gd_status gdi_onednn_matmul(const gdi_product *p) {
  workshop *w;
  prepared *r = NULL;
  GD_TRY(workshop_get(&w, p));
  GD_TRY(find_prepared(&r, w, p));
  TRY_DNNL(dnnl_memory_set_data_handle(r->a, (void *)(uintptr_t)p->a));
  TRY_DNNL(dnnl_memory_set_data_handle(r->b, (void *)(uintptr_t)p->b));
  TRY_DNNL(dnnl_memory_set_data_handle(r->c, p->c));
  TRY_DNNL(dnnl_memory_set_data_handle(r->scratch, w->scratch));
  const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, r->a},
                                  {DNNL_ARG_WEIGHTS, r->b},
                                  {DNNL_ARG_DST, r->c},
                                  {DNNL_ARG_SCRATCHPAD, r->scratch}};
  TRY_DNNL(dnnl_primitive_execute(r->primitive, w->stream, 4, args));
  return GD_OK;
}

gd_status gdi_onednn_sgemm(const gdi_product *p) {
  workshop *w;
  GD_TRY(workshop_get(&w, p));
  TRY_DNNL(dnnl_sgemm(p->transpose_a ? 'T' : 'N', p->transpose_b ? 'T' : 'N', p->m, p->n, p->k, 1, p->a,
                      p->lda, p->b, p->ldb, (float)p->add, p->c, p->ldc));
  return GD_OK;
}

void gdi_onednn_describe(char *buf, size_t bytes) {
  const char *isa = "avx2 or less";
  switch (dnnl_get_effective_cpu_isa()) {
  case dnnl_cpu_isa_avx512_core: isa = "avx512_core"; break;
  case dnnl_cpu_isa_avx512_core_vnni: isa = "avx512_core_vnni"; break;
  case dnnl_cpu_isa_avx512_core_bf16: isa = "avx512_core_bf16"; break;
  case dnnl_cpu_isa_avx512_core_amx: isa = "avx512_core_amx"; break;
  default: break;
  }
  const dnnl_version_t *v = dnnl_version();
  snprintf(buf, bytes, "oneDNN %d.%d.%d (%s)", v->major, v->minor, v->patch, isa);
}
