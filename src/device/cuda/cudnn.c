#include "device/cuda/cudnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cuda/cudnn_plan.h"

struct gdi_cudnn {
  gdi_cudnn_planner planner;
  gdi_cudnn_plan *plans; /* a list: a model has some dozens */
  char description[32];
};

gd_status gdi_cudnn_new(gdi_cudnn **out, gd_device *d) {
  const gdi_cudnn_library *lib = gdi_cuda_of(d)->tuning.cudnn ? gdi_cudnn_load() : NULL;
  *out = NULL;
  if (!lib) return GD_OK;
  gdi_cudnn *c = *out = calloc(1, sizeof *c);
  if (!c) return GD_FAIL(GD_ERR_OOM, "no memory for convolutions");
  c->planner = (gdi_cudnn_planner){.lib = lib, .d = d};
  snprintf(c->description, sizeof c->description, ", cuDNN %zu.%zu.%zu", lib->version / 10000,
           lib->version / 100 % 100, lib->version % 100);
  return GD_OK;
}

void gdi_cudnn_free(gdi_cudnn *c) {
  if (!c) return;
  for (gdi_cudnn_plan *p = c->plans, *next; p; p = next) {
    next = p->next;
    gdi_cudnn_plan_free(&c->planner, p);
  }
  if (c->planner.handle) (void)c->planner.lib->Destroy(c->planner.handle);
  free(c);
}

const char *gdi_cudnn_describe(const gdi_cudnn *c) {
  return c ? c->description : "";
}

/* A better alignment than that of the widest load must not choose another plan. */
enum { ALIGN = 16, WORKSPACE_ALIGN = 256 };

static gdi_cudnn_form form_of(const gd_device *d, const gdi_conv_call *v) {
  const gdi_conv *c = &v->conv;
  const gd_dtype type = gdi_cuda_conv_operand(d, c);
  const uintptr_t addresses = (uintptr_t)v->x | (uintptr_t)v->w | (uintptr_t)v->y | (uintptr_t)v->bias;
  gdi_cudnn_form f = {.pass = v->pass,
                      .type = type,
                      .n = c->n,
                      .groups = c->groups,
                      .c = c->c,
                      .o = c->o,
                      .add = v->add && gdi_cuda_conv_in_place(d, v),
                      .bias = v->bias != NULL,
                      .relu = v->relu,
                      .align = addresses % ALIGN == 0 ? ALIGN : (int64_t)gd_dtype_bytes(type)};
  for (int i = 0; i < 2; i++) {
    f.in[i] = c->in[i], f.out[i] = c->out[i], f.kernel[i] = c->kernel[i], f.stride[i] = c->stride[i];
    f.dilation[i] = c->dilation[i], f.begin[i] = c->begin[i], f.end[i] = c->end[i];
  }
  return f;
}

/* Initialised with the first convolution, not with the device: it takes time and memory. */
static gd_status start(gdi_cudnn *c) {
  gdi_cudnn_planner *p = &c->planner;
  if (p->handle) return GD_OK;
  const unsigned s = p->lib->Create(&p->handle);
  if (s != GDI_CUDNN_SUCCESS) p->handle = NULL;
  return gdi_cudnn_check(p, s, "Create");
}

static gd_status plan_for(gd_device *d, const gdi_conv_call *v, gdi_cudnn_plan **out) {
  gdi_cudnn *c = gdi_cuda_of(d)->cudnn;
  const gdi_cudnn_form f = form_of(d, v);
  for (*out = c->plans; *out; *out = (*out)->next)
    if (memcmp(&(*out)->form, &f, sizeof f) == 0) return GD_OK;
  GD_TRY(start(c));
  GD_TRY(gdi_cudnn_plan_new(&c->planner, &f, out));
  (*out)->next = c->plans;
  c->plans = *out;
  return GD_OK;
}

gd_status gdi_cudnn_offers(gd_device *d, const gdi_conv_call *v, bool *yes) {
  gdi_cudnn_plan *p;
  *yes = false;
  if (!gdi_cuda_of(d)->cudnn) return GD_OK;
  GD_TRY(plan_for(d, v, &p));
  *yes = p->offered;
  return GD_OK;
}

static gd_status execute(const gdi_cudnn_planner *c, const gdi_cudnn_plan *p, void *pack,
                         void *const memory[], void *workspace) {
  static const int64_t ids[] = {GDI_CUDNN_ID_X, GDI_CUDNN_ID_W, GDI_CUDNN_ID_Y, GDI_CUDNN_ID_BIAS};
  const int64_t n = p->form.bias ? 4 : 3;
  GD_TRY(gdi_cudnn_set(c, pack, GDI_CUDNN_PACK_IDS, GDI_CUDNN_IS_INT64, n, ids));
  GD_TRY(gdi_cudnn_set(c, pack, GDI_CUDNN_PACK_POINTERS, GDI_CUDNN_IS_POINTER, n, memory));
  GD_TRY(gdi_cudnn_set(c, pack, GDI_CUDNN_PACK_WORKSPACE, GDI_CUDNN_IS_POINTER, 1, &workspace));
  GD_TRY(gdi_cudnn_check(c, c->lib->BackendFinalize(pack), "BackendFinalize"));
  GD_TRY(gdi_cudnn_check(c, c->lib->SetStream(c->handle, gdi_cuda_stream(c->d)), "SetStream"));
  return gdi_cudnn_check(c, c->lib->BackendExecute(c->handle, p->how, pack), "BackendExecute");
}

gd_status gdi_cudnn_run(gd_device *d, const gdi_conv_call *v, void *x, void *w, void *y) {
  const gdi_cudnn_planner *c = &gdi_cuda_of(d)->cudnn->planner;
  gdi_cudnn_plan *p;
  void *pack, *workspace;
  GD_TRY(plan_for(d, v, &p));
  if (!p->offered) return GD_FAIL(GD_ERR_INTERNAL, "a convolution that cuDNN does not offer");
  GD_TRY(gdi_cuda_scratch(d, p->workspace + WORKSPACE_ALIGN, 1, &workspace));
  workspace = (char *)workspace + (WORKSPACE_ALIGN - (uintptr_t)workspace % WORKSPACE_ALIGN);
  GD_TRY(
      gdi_cudnn_check(c, c->lib->BackendCreateDescriptor(GDI_CUDNN_VARIANT_PACK, &pack), "CreateDescriptor"));
  const gd_status st = execute(c, p, pack, (void *const[]){x, w, y, (void *)(uintptr_t)v->bias}, workspace);
  (void)c->lib->BackendDestroyDescriptor(pack);
  return st;
}
