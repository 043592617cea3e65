#include "device/cuda/cudnn_plan.h"

#include <stdlib.h>

#include "device/conv.h"

gd_status gdi_cudnn_check(const gdi_cudnn_planner *c, unsigned status, const char *what) {
  char why[160] = "";
  if (status == GDI_CUDNN_SUCCESS) return GD_OK;
  c->lib->GetLastErrorString(why, sizeof why);
  return GD_FAIL(GD_ERR_GPU,
                 "GPU %d: cudnn%s: %s%s%s: GDTRAIN_TUNE=cudnn=0 computes convolutions without cuDNN",
                 c->d->index, what, c->lib->GetErrorString(status), why[0] ? ": " : "", why);
}

gd_status gdi_cudnn_set(const gdi_cudnn_planner *c, void *of, unsigned attribute, unsigned type, int64_t n,
                        const void *values) {
  return gdi_cudnn_check(c, c->lib->BackendSetAttribute(of, attribute, type, n, values),
                         "BackendSetAttribute");
}

/* A descriptor that goes with the plan. */
static gd_status make(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, unsigned kind, void **out) {
  if (p->n_made == (int)(sizeof p->made / sizeof *p->made))
    return GD_FAIL(GD_ERR_INTERNAL, "too many parts of a convolution");
  GD_TRY(gdi_cudnn_check(c, c->lib->BackendCreateDescriptor(kind, out), "BackendCreateDescriptor"));
  p->made[p->n_made++] = *out;
  return GD_OK;
}

/* What cuDNN does not have is no failure: *has. */
static gd_status finish(const gdi_cudnn_planner *c, void *of, bool *has) {
  const unsigned s = c->lib->BackendFinalize(of);
  *has = s < GDI_CUDNN_NOT_SUPPORTED || s >= GDI_CUDNN_INTERNAL_ERROR;
  return *has ? gdi_cudnn_check(c, s, "BackendFinalize") : GD_OK;
}

static unsigned data_type(int64_t type) {
  return type == GD_F64 ? GDI_CUDNN_F64 : type == GD_BF16 ? GDI_CUDNN_BF16 : GDI_CUDNN_F32;
}
static unsigned sums_type(const gdi_cudnn_form *f) {
  return f->type == GD_F64 ? GDI_CUDNN_F64 : GDI_CUDNN_F32;
}

/* ---- the graph */

#define SET(of, attribute, type, n, values) GD_TRY(gdi_cudnn_set(c, of, attribute, type, n, values))

/* dim is [N, C, H, W], as cuDNN counts dimensions, whatever the layout. */
static gd_status tensor(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, int64_t id, unsigned type,
                        const int64_t dim[4], void **out) {
  const int64_t stride[] = {dim[1] * dim[2] * dim[3], 1, dim[3] * dim[1], dim[1]};
  const bool is_virtual = id == GDI_CUDNN_ID_CONVOLVED || id == GDI_CUDNN_ID_SUM;
  bool has;
  GD_TRY(make(c, p, GDI_CUDNN_TENSOR, out));
  SET(*out, GDI_CUDNN_TENSOR_ID, GDI_CUDNN_IS_INT64, 1, &id);
  SET(*out, GDI_CUDNN_TENSOR_TYPE, GDI_CUDNN_IS_DATA_TYPE, 1, &type);
  SET(*out, GDI_CUDNN_TENSOR_DIMS, GDI_CUDNN_IS_INT64, 4, dim);
  SET(*out, GDI_CUDNN_TENSOR_STRIDES, GDI_CUDNN_IS_INT64, 4, stride);
  SET(*out, GDI_CUDNN_TENSOR_ALIGNMENT, GDI_CUDNN_IS_INT64, 1, &p->form.align);
  SET(*out, GDI_CUDNN_TENSOR_VIRTUAL, GDI_CUDNN_IS_BOOLEAN, 1, &is_virtual);
  GD_TRY(finish(c, *out, &has));
  p->offered = p->offered && has;
  return GD_OK;
}

static gd_status window(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, void **out) {
  const gdi_cudnn_form *f = &p->form;
  const unsigned sums = sums_type(f), mode = GDI_CUDNN_CROSS_CORRELATION;
  const int64_t dims = 2;
  bool has;
  GD_TRY(make(c, p, GDI_CUDNN_CONVOLUTION, out));
  SET(*out, GDI_CUDNN_CONVOLUTION_TYPE, GDI_CUDNN_IS_DATA_TYPE, 1, &sums);
  SET(*out, GDI_CUDNN_CONVOLUTION_MODE, GDI_CUDNN_IS_CONVOLUTION_MODE, 1, &mode);
  SET(*out, GDI_CUDNN_CONVOLUTION_DIMS, GDI_CUDNN_IS_INT64, 1, &dims);
  SET(*out, GDI_CUDNN_CONVOLUTION_PRE, GDI_CUDNN_IS_INT64, 2, f->begin);
  SET(*out, GDI_CUDNN_CONVOLUTION_POST, GDI_CUDNN_IS_INT64, 2, f->end);
  SET(*out, GDI_CUDNN_CONVOLUTION_STRIDES, GDI_CUDNN_IS_INT64, 2, f->stride);
  SET(*out, GDI_CUDNN_CONVOLUTION_DILATIONS, GDI_CUDNN_IS_INT64, 2, f->dilation);
  GD_TRY(finish(c, *out, &has));
  p->offered = p->offered && has;
  return GD_OK;
}

/* What the three passes call the same things. */
typedef struct names {
  unsigned kind, convolution, x, w, y, alpha, beta;
} names;
#define NAMES(kind, PASS)                                                                                    \
  {                                                                                                          \
    kind, GDI_CUDNN_##PASS##_CONVOLUTION, GDI_CUDNN_##PASS##_X, GDI_CUDNN_##PASS##_W, GDI_CUDNN_##PASS##_Y,  \
        GDI_CUDNN_##PASS##_ALPHA, GDI_CUDNN_##PASS##_BETA                                                    \
  }
static const names of_pass[] = {[GDI_CONV_FORWARD] = NAMES(GDI_CUDNN_FORWARD, FORWARD),
                                [GDI_CONV_DATA] = NAMES(GDI_CUDNN_BACKWARD_DATA, DATA),
                                [GDI_CONV_WEIGHTS] = NAMES(GDI_CUDNN_BACKWARD_WEIGHTS, WEIGHTS)};

static gd_status convolution(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, void *x, void *w, void *y,
                             void **out) {
  const gdi_cudnn_form *f = &p->form;
  const names *n = &of_pass[f->pass];
  const double alpha64 = 1, beta64 = (double)f->add;
  const float alpha32 = 1, beta32 = (float)f->add;
  const bool f64 = f->type == GD_F64;
  const unsigned scale = f64 ? GDI_CUDNN_IS_DOUBLE : GDI_CUDNN_IS_FLOAT;
  void *how;
  bool has;
  GD_TRY(window(c, p, &how));
  if (!p->offered) return GD_OK;
  GD_TRY(make(c, p, n->kind, out));
  SET(*out, n->convolution, GDI_CUDNN_IS_DESCRIPTOR, 1, &how);
  SET(*out, n->x, GDI_CUDNN_IS_DESCRIPTOR, 1, &x);
  SET(*out, n->w, GDI_CUDNN_IS_DESCRIPTOR, 1, &w);
  SET(*out, n->y, GDI_CUDNN_IS_DESCRIPTOR, 1, &y);
  SET(*out, n->alpha, scale, 1, f64 ? (const void *)&alpha64 : &alpha32);
  SET(*out, n->beta, scale, 1, f64 ? (const void *)&beta64 : &beta32);
  GD_TRY(finish(c, *out, &has));
  p->offered = has;
  return GD_OK;
}

/* to = from + b, or relu(from) where b is NULL. */
static gd_status pointwise(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, void *from, void *b, void *to,
                           void **out) {
  const unsigned mode = b ? GDI_CUDNN_ADD : GDI_CUDNN_RELU, sums = sums_type(&p->form);
  void *what;
  bool has;
  GD_TRY(make(c, p, GDI_CUDNN_POINTWISE, &what));
  SET(what, GDI_CUDNN_POINTWISE_MODE, GDI_CUDNN_IS_POINTWISE_MODE, 1, &mode);
  SET(what, GDI_CUDNN_POINTWISE_MATH, GDI_CUDNN_IS_DATA_TYPE, 1, &sums);
  GD_TRY(finish(c, what, &has));
  if (!(p->offered = has)) return GD_OK;
  GD_TRY(make(c, p, GDI_CUDNN_OPERATION_POINTWISE, out));
  SET(*out, GDI_CUDNN_OPERATION_POINTWISE_OF, GDI_CUDNN_IS_DESCRIPTOR, 1, &what);
  SET(*out, GDI_CUDNN_OPERATION_POINTWISE_X, GDI_CUDNN_IS_DESCRIPTOR, 1, &from);
  if (b) SET(*out, GDI_CUDNN_OPERATION_POINTWISE_B, GDI_CUDNN_IS_DESCRIPTOR, 1, &b);
  SET(*out, GDI_CUDNN_OPERATION_POINTWISE_Y, GDI_CUDNN_IS_DESCRIPTOR, 1, &to);
  GD_TRY(finish(c, *out, &has));
  p->offered = has;
  return GD_OK;
}

/* x * w = y, or = sum, + bias, (relu) = y */
static gd_status operations(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, void *op[3], int64_t *n) {
  const gdi_cudnn_form *f = &p->form;
  const unsigned type = data_type(f->type), sums = sums_type(f);
  const int64_t dim_x[] = {f->n, f->c, f->in[0], f->in[1]}, dim_y[] = {f->n, f->o, f->out[0], f->out[1]};
  const int64_t dim_w[] = {f->o, f->c / f->groups, f->kernel[0], f->kernel[1]}, dim_b[] = {1, f->o, 1, 1};
  void *x, *w, *y, *b, *convolved, *sum;
  *n = 1;
  GD_TRY(tensor(c, p, GDI_CUDNN_ID_X, type, dim_x, &x));
  GD_TRY(tensor(c, p, GDI_CUDNN_ID_W, type, dim_w, &w));
  GD_TRY(tensor(c, p, GDI_CUDNN_ID_Y, type, dim_y, &y));
  convolved = sum = y;
  if (f->bias) GD_TRY(tensor(c, p, GDI_CUDNN_ID_CONVOLVED, sums, dim_y, &convolved));
  if (p->offered) GD_TRY(convolution(c, p, x, w, convolved, &op[0]));
  if (!f->bias || !p->offered) return GD_OK;
  GD_TRY(tensor(c, p, GDI_CUDNN_ID_BIAS, type, dim_b, &b));
  if (f->relu) GD_TRY(tensor(c, p, GDI_CUDNN_ID_SUM, sums, dim_y, &sum));
  if (p->offered) GD_TRY(pointwise(c, p, convolved, b, sum, &op[(*n)++]));
  return f->relu && p->offered ? pointwise(c, p, sum, NULL, y, &op[(*n)++]) : GD_OK;
}

static gd_status graph(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, void **out) {
  void *op[3];
  int64_t n;
  bool has;
  GD_TRY(operations(c, p, op, &n));
  if (!p->offered) return GD_OK;
  GD_TRY(make(c, p, GDI_CUDNN_GRAPH, out));
  SET(*out, GDI_CUDNN_GRAPH_HANDLE, GDI_CUDNN_IS_HANDLE, 1, &c->handle);
  SET(*out, GDI_CUDNN_GRAPH_OPERATIONS, GDI_CUDNN_IS_DESCRIPTOR, n, op);
  GD_TRY(finish(c, *out, &has));
  p->offered = has;
  return GD_OK;
}

/* ---- the engine */

enum { CONFIGURATIONS = 128 };
static const int64_t MOST_WORKSPACE = (int64_t)1 << 28; /* bytes */

/* Are an engine's results the same every time, and as precise as f32 sums of products of operands? */
static gd_status may_be_used(const gdi_cudnn_planner *c, const gdi_cudnn_plan *p, void *engine, bool *may) {
  unsigned note[GDI_CUDNN_NOTES];
  int64_t n = 0;
  const bool exact = p->form.type == GD_F32 && c->d->matmul != GD_MATMUL_TF32;
  GD_TRY(gdi_cudnn_check(c,
                         c->lib->BackendGetAttribute(engine, GDI_CUDNN_ENGINE_NOTES, GDI_CUDNN_IS_NOTE,
                                                     GDI_CUDNN_NOTES, &n, note),
                         "BackendGetAttribute"));
  *may = true;
  for (int64_t i = 0; i < n; i++)
    *may = *may && note[i] != GDI_CUDNN_NONDETERMINISTIC && note[i] != GDI_CUDNN_REDUCED_PRECISION &&
           (!exact || (note[i] != GDI_CUDNN_TENSOR_CORE && note[i] != GDI_CUDNN_DOWN_CONVERT));
  return GD_OK;
}

/* p->how, if this configuration gives one that may be used. */
static gd_status try_one(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, void *configuration) {
  void *engine, *how;
  int64_t n;
  bool may, has;
  const int mark = p->n_made;
  GD_TRY(make(c, p, GDI_CUDNN_ENGINE, &engine));
  GD_TRY(gdi_cudnn_check(c,
                         c->lib->BackendGetAttribute(configuration, GDI_CUDNN_CONFIGURATION_ENGINE,
                                                     GDI_CUDNN_IS_DESCRIPTOR, 1, &n, &engine),
                         "BackendGetAttribute"));
  GD_TRY(may_be_used(c, p, engine, &may));
  if (may) {
    GD_TRY(make(c, p, GDI_CUDNN_PLAN, &how));
    SET(how, GDI_CUDNN_PLAN_HANDLE, GDI_CUDNN_IS_HANDLE, 1, &c->handle);
    SET(how, GDI_CUDNN_PLAN_CONFIGURATION, GDI_CUDNN_IS_DESCRIPTOR, 1, &configuration);
    GD_TRY(finish(c, how, &has));
    if (has)
      GD_TRY(gdi_cudnn_check(c,
                             c->lib->BackendGetAttribute(how, GDI_CUDNN_PLAN_WORKSPACE, GDI_CUDNN_IS_INT64, 1,
                                                         &n, &p->workspace),
                             "BackendGetAttribute"));
    if (has && p->workspace <= MOST_WORKSPACE) p->how = how;
  }
  while (!p->how && p->n_made > mark) (void)c->lib->BackendDestroyDescriptor(p->made[--p->n_made]);
  return GD_OK;
}

static gd_status try_each(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, void *heuristics) {
  void *configuration[CONFIGURATIONS];
  int64_t wanted = 0, found = 0;
  gd_status st = GD_OK;
  GD_TRY(gdi_cudnn_check(c,
                         c->lib->BackendGetAttribute(heuristics, GDI_CUDNN_HEURISTICS_RESULTS,
                                                     GDI_CUDNN_IS_DESCRIPTOR, 0, &found, NULL),
                         "BackendGetAttribute"));
  if (found > CONFIGURATIONS) found = CONFIGURATIONS;
  for (; wanted < found && st == GD_OK; wanted++)
    st = gdi_cudnn_check(c, c->lib->BackendCreateDescriptor(GDI_CUDNN_CONFIGURATION, &configuration[wanted]),
                         "BackendCreateDescriptor");
  if (st != GD_OK) wanted--;
  if (st == GD_OK && wanted > 0)
    st = gdi_cudnn_check(c,
                         c->lib->BackendGetAttribute(heuristics, GDI_CUDNN_HEURISTICS_RESULTS,
                                                     GDI_CUDNN_IS_DESCRIPTOR, wanted, &found, configuration),
                         "BackendGetAttribute");
  for (int64_t i = 0; i < wanted; i++) {
    if (st == GD_OK && i < found && !p->how) {
      st = try_one(c, p, configuration[i]);
      if (p->how) { /* it refers to this one */
        p->made[p->n_made++] = configuration[i];
        continue;
      }
    }
    (void)c->lib->BackendDestroyDescriptor(configuration[i]);
  }
  return st;
}

static gd_status choose(const gdi_cudnn_planner *c, gdi_cudnn_plan *p, void *of) {
  static const unsigned modes[] = {GDI_CUDNN_HEURISTIC, GDI_CUDNN_FALLBACK};
  for (int i = 0; i < 2 && !p->how; i++) {
    void *heuristics;
    bool has;
    GD_TRY(make(c, p, GDI_CUDNN_HEURISTICS, &heuristics));
    SET(heuristics, GDI_CUDNN_HEURISTICS_GRAPH, GDI_CUDNN_IS_DESCRIPTOR, 1, &of);
    SET(heuristics, GDI_CUDNN_HEURISTICS_MODE, GDI_CUDNN_IS_HEURISTIC, 1, &modes[i]);
    GD_TRY(finish(c, heuristics, &has));
    if (has) GD_TRY(try_each(c, p, heuristics));
  }
  p->offered = p->how != NULL;
  return GD_OK;
}

gd_status gdi_cudnn_plan_new(const gdi_cudnn_planner *c, const gdi_cudnn_form *f, gdi_cudnn_plan **out) {
  void *of = NULL;
  gdi_cudnn_plan *p = *out = calloc(1, sizeof *p);
  if (!p) return GD_FAIL(GD_ERR_OOM, "no memory for the plan of a convolution");
  p->form = *f, p->offered = true;
  gd_status st = graph(c, p, &of);
  if (st == GD_OK && p->offered) st = choose(c, p, of);
  if (st == GD_OK) return GD_OK;
  gdi_cudnn_plan_free(c, p);
  *out = NULL;
  return st;
}

void gdi_cudnn_plan_free(const gdi_cudnn_planner *c, gdi_cudnn_plan *p) {
  while (p->n_made > 0) (void)c->lib->BackendDestroyDescriptor(p->made[--p->n_made]);
  free(p);
}
