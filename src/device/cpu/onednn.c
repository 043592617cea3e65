/* Matrix products by oneDNN. */
#include "device/cpu/onednn.h"

#include <stdio.h>

#include "device/cpu/primitive.h"

#define TRY_DNNL(expr)                                                                                       \
  do {                                                                                                       \
    dnnl_status_t dnnl_ = (expr);                                                                            \
    if (dnnl_ != dnnl_success) return dnnl_failure(dnnl_, p);                                                \
  } while (0)

static gd_status dnnl_failure(dnnl_status_t st, const gdi_product *p) {
  if (st == dnnl_out_of_memory) return GD_FAIL(GD_ERR_OOM, "oneDNN has no memory for a matrix product");
  if (st == dnnl_unimplemented && p->type == GD_BF16)
    return GD_FAIL(GD_ERR_NO_KERNEL, "oneDNN has no bf16 matrix product for this CPU: use precision fp32");
  return GD_FAIL(GD_ERR_INTERNAL, "oneDNN status %d in a matrix product [%lld,%lld] by [%lld,%lld]", (int)st,
                 (long long)p->m, (long long)p->k, (long long)p->k, (long long)p->n);
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

static dnnl_status_t prepare(gdi_primitive *r, dnnl_engine_t engine, const void *what) {
  const gdi_product *p = what;
  const dnnl_data_type_t type = p->type == GD_BF16 ? dnnl_bf16 : dnnl_f32;
  static const int args[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
  dnnl_memory_desc_t md[3] = {0};
  dnnl_primitive_desc_t description = NULL;
  dnnl_status_t st = describe(&md[0], p->m, p->k, p->lda, p->transpose_a, type);
  if (st == dnnl_success) st = describe(&md[1], p->k, p->n, p->ldb, p->transpose_b, type);
  if (st == dnnl_success) st = describe(&md[2], p->m, p->n, p->ldc, false, dnnl_f32);
  if (st == dnnl_success) st = matmul_description(&description, p, engine, md);
  if (st == dnnl_success) st = gdi_primitive_make(r, description, engine);
  for (int i = 0; i < 3; i++) {
    if (st == dnnl_success) st = gdi_primitive_operand(r, args[i], GDI_DESC(md[i]), engine);
    gdi_descriptor_free(md[i]);
  }
  if (description) dnnl_primitive_desc_destroy(description);
  return st;
}

gd_status gdi_onednn_matmul(const gdi_product *p) {
  const gdi_primitive_key key = {{GDI_KEY_PRODUCT, p->m, p->n, p->k, p->lda, p->ldb, p->ldc,
                                  p->type << 3 | p->transpose_a << 2 | p->transpose_b << 1 | p->add}};
  gdi_workshop *w;
  gdi_primitive *r = NULL;
  TRY_DNNL(gdi_workshop_get(&w));
  TRY_DNNL(gdi_primitive_find(&r, w, &key, prepare, p));
  TRY_DNNL(gdi_primitive_run(r, w, (const void *const[]){p->a, p->b, p->c}));
  return GD_OK;
}

gd_status gdi_onednn_sgemm(const gdi_product *p) {
  gdi_workshop *w;
  TRY_DNNL(gdi_workshop_get(&w)); /* this thread is the only one from then on */
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
