/* Convolutions by oneDNN, f32 or of bf16 operands, on one thread. */
#include "device/cpu/onednn_conv.h"

#include <string.h>

static gd_status dnnl_failure(dnnl_status_t st, const gdi_conv *c) {
  if (st == dnnl_out_of_memory) return GD_FAIL(GD_ERR_OOM, "oneDNN has no memory for a convolution");
  return GD_FAIL(GD_ERR_INTERNAL,
                 "oneDNN status %d in a convolution of [%lld,%lld,%lld,%lld] by %lld x %lld to %lld channels",
                 (int)st, (long long)c->n, (long long)c->in[0], (long long)c->in[1], (long long)c->c,
                 (long long)c->kernel[0], (long long)c->kernel[1], (long long)c->o);
}

typedef struct request {
  const gdi_conv *c;
  gdi_conv_pass pass;
} request;

static const int args[][4] = {/* x, w, y, bias */
                              [GDI_CONV_FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                                                    DNNL_ARG_BIAS},
                              [GDI_CONV_DATA] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
                              [GDI_CONV_WEIGHTS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};

static dnnl_status_t prepare(gdi_primitive *r, dnnl_engine_t engine, const void *what) {
  const request *q = what;
  gdi_conv_descriptors d;
  dnnl_primitive_desc_t description;
  dnnl_status_t st = gdi_conv_description(&description, &d, q->c, q->pass, engine);
  const char *name = "";
  if (st == dnnl_success) st = gdi_primitive_make(r, description, engine);
  if (st == dnnl_success) st = dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
  const gdi_descriptor md[] = {GDI_DESC(d.x), GDI_DESC(d.w), GDI_DESC(d.y), GDI_DESC(d.b)};
  const bool bias = q->pass == GDI_CONV_FORWARD && q->c->bias;
  for (int i = 0; i < 3 + bias && st == dnnl_success; i++)
    st = gdi_primitive_operand(r, args[q->pass][i], md[i], engine);
  r->packed_bytes = st == dnnl_success ? dnnl_memory_desc_get_size(md[1]) : 0;
  r->reference = strncmp(name, "ref", 3) == 0;
  if (description) dnnl_primitive_desc_destroy(description);
  gdi_conv_descriptors_free(&d);
  return st;
}

/* From PyTorch's layout to the pass's, or back. */
static dnnl_status_t prepare_reorder(gdi_primitive *r, dnnl_engine_t engine, const void *what) {
  const request *q = what;
  gdi_conv_descriptors d;
  dnnl_primitive_desc_t description = NULL, reorder = NULL;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_status_t st = gdi_conv_description(&description, &d, q->c, q->pass, engine);
  const bool back = q->pass == GDI_CONV_WEIGHTS;
  const gdi_descriptor from = back ? GDI_DESC(d.w) : GDI_DESC(d.plain),
                       to = back ? GDI_DESC(d.plain) : GDI_DESC(d.w);
  if (st == dnnl_success) st = dnnl_primitive_attr_create(&attributes);
  if (st == dnnl_success) st = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (st == dnnl_success)
    st = dnnl_reorder_primitive_desc_create(&reorder, from, engine, to, engine, attributes);
  if (st == dnnl_success) st = gdi_primitive_make(r, reorder, engine);
  if (st == dnnl_success) st = gdi_primitive_operand(r, DNNL_ARG_FROM, from, engine);
  if (st == dnnl_success) st = gdi_primitive_operand(r, DNNL_ARG_TO, to, engine);
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (reorder) dnnl_primitive_desc_destroy(reorder);
  if (description) dnnl_primitive_desc_destroy(description);
  gdi_conv_descriptors_free(&d);
  return st;
}

static gdi_primitive_key key_of(int kind, const gdi_conv *c, gdi_conv_pass pass) {
  gdi_primitive_key k = {
      {kind, pass | c->type << 2, c->n, c->groups, c->c, c->o, pass == GDI_CONV_FORWARD && c->bias}};
  const int64_t *const pairs[] = {c->in, c->out, c->kernel, c->stride, c->dilation, c->begin, c->end};
  for (int i = 0; i < 7; i++) memcpy(k.word + 7 + 2 * i, pairs[i], 2 * sizeof(int64_t));
  return k;
}

static dnnl_status_t find(gdi_primitive **out, gdi_workshop **w, const gdi_conv *c, gdi_conv_pass pass) {
  const gdi_primitive_key key = key_of(GDI_KEY_CONV, c, pass);
  const dnnl_status_t st = gdi_workshop_get(w);
  return st == dnnl_success ? gdi_primitive_find(out, *w, &key, prepare, &(request){c, pass}) : st;
}

bool gdi_onednn_has_amx(void) {
  return dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core_amx;
}

bool gdi_onednn_conv_has(const gdi_conv *c, gdi_conv_pass pass) {
  gdi_workshop *w;
  gdi_primitive *r;
  return find(&r, &w, c, pass) == dnnl_success && !r->reference;
}

gd_status gdi_onednn_conv_packed(const gdi_conv *c, gdi_conv_pass pass, int64_t *elements) {
  gdi_workshop *w;
  gdi_primitive *r;
  const dnnl_status_t st = find(&r, &w, c, pass);
  if (st != dnnl_success) return dnnl_failure(st, c);
  *elements =
      (int64_t)(r->packed_bytes / (pass == GDI_CONV_WEIGHTS ? sizeof(float) : gd_dtype_bytes(c->type)));
  return GD_OK;
}

static gd_status reorder(const gdi_conv *c, gdi_conv_pass pass, const void *from, void *to) {
  const gdi_primitive_key key = key_of(GDI_KEY_PACK, c, pass);
  gdi_workshop *w;
  gdi_primitive *r;
  dnnl_status_t st = gdi_workshop_get(&w);
  if (st == dnnl_success) st = gdi_primitive_find(&r, w, &key, prepare_reorder, &(request){c, pass});
  if (st == dnnl_success) st = gdi_primitive_run(r, w, (const void *const[]){from, to});
  return st == dnnl_success ? GD_OK : dnnl_failure(st, c);
}

gd_status gdi_onednn_conv_pack(const gdi_conv *c, gdi_conv_pass pass, const void *w, void *packed) {
  return reorder(c, pass, w, packed);
}

gd_status gdi_onednn_conv_unpack(const gdi_conv *c, const void *packed, void *w) {
  return reorder(c, GDI_CONV_WEIGHTS, packed, w);
}

gd_status gdi_onednn_conv_run(const gdi_conv *c, gdi_conv_pass pass, const void *x, const void *packed,
                              const void *bias, const void *y) {
  gdi_workshop *w;
  gdi_primitive *r;
  dnnl_status_t st = find(&r, &w, c, pass);
  if (st == dnnl_success) st = gdi_primitive_run(r, w, (const void *const[]){x, packed, y, bias});
  return st == dnnl_success ? GD_OK : dnnl_failure(st, c);
}
