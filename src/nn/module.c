/* The tree of modules: ownership, names and walks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "device/device.h"
#include "gd/init.h"
#include "nn/params.h"

gd_status gd_module_new(gd_module **out, const gd_module_class *cls, size_t bytes, gd_device *d,
                        gd_dtype dtype) {
  *out = NULL;
  if (dtype != GD_F32 && dtype != GD_F64)
    return GD_FAIL(GD_ERR_DTYPE, "%s: parameters are f32 or f64, not %s", cls->name, gd_dtype_name(dtype));
  gd_arena *arena;
  GD_TRY(gd_arena_new(&arena, "module"));
  gd_module *m = gd_arena_zalloc(arena, bytes < sizeof *m ? sizeof *m : bytes);
  if (!m) {
    gd_arena_free(arena);
    return GD_ERR_OOM;
  }
  m->cls = cls;
  m->device = d;
  m->dtype = dtype;
  m->training = true;
  m->scope = (gd_scope){.name = "", .kind = cls->name};
  m->arena = arena;
  *out = m;
  return GD_OK;
}

void gd_module_free(gd_module *m) {
  if (!m) return;
  for (int i = 0; i < m->n_children; i++) gd_module_free(m->child[i].module);
  gd_arena_free(m->arena); /* m itself lives there */
}

/* Room for one more item: capacities are powers of two, so n says when an array is full. */
static gd_status grow(gd_arena *a, void *array, int n, size_t bytes) {
  void **items = array;
  if (n & (n - 1)) return GD_OK;
  void *larger = gd_arena_alloc(a, (n ? 2 * (size_t)n : 1) * bytes);
  if (!larger) return GD_ERR_OOM;
  if (n) memcpy(larger, *items, (size_t)n * bytes);
  *items = larger;
  return GD_OK;
}

static gd_status check_name(const gd_module *m, const char *name, size_t room) {
  bool taken = false;
  for (int i = 0; i < m->n_params; i++) taken |= strcmp(m->param[i].name, name) == 0;
  for (int i = 0; i < m->n_buffers; i++) taken |= strcmp(m->buffer[i].name, name) == 0;
  for (int i = 0; i < m->n_children; i++) taken |= strcmp(m->child[i].name, name) == 0;
  if (taken) return GD_FAIL(GD_ERR_USAGE, "%s has a member '%s' already", m->cls->name, name);
  if (!*name || strchr(name, '.') || strlen(name) >= room)
    return GD_FAIL(GD_ERR_USAGE, "%s: '%s' cannot be a name: 1 to %zu characters, no dot", m->cls->name, name,
                   room - 1);
  return GD_OK;
}

/* A zeroed tensor, appended to a list of own parameters or buffers. */
static gd_status add_tensor(gd_module *m, gd_named **list, int *n, const char *name, gd_dtype type, int ndim,
                            const int64_t shape[], gd_tensor **out) {
  *out = NULL;
  GD_TRY(check_name(m, name, sizeof((*list)->name)));
  GD_TRY(grow(m->arena, list, *n, sizeof **list));
  gd_tensor *t;
  gd_status st = gd_tensor_new(&t, m->arena, m->device, type, ndim, shape);
  if (st == GD_ERR_OOM) {
    double bytes = (double)gd_dtype_bytes(type);
    for (int i = 0; i < ndim; i++) bytes *= (double)shape[i];
    return GD_FAIL(GD_ERR_OOM, "no memory for the %s of this %s: it takes %.1f MB", name, m->cls->name,
                   bytes / 1e6);
  }
  GD_TRY(st);
  GD_TRY(gd_tensor_fill(t, 0));
  char *own_name = gd_arena_alloc(m->arena, strlen(name) + 1);
  if (!own_name) return GD_ERR_OOM;
  t->name = strcpy(own_name, name);
  gd_named *item = &(*list)[(*n)++];
  *item = (gd_named){.tensor = *out = t};
  snprintf(item->name, sizeof item->name, "%s", name);
  return GD_OK;
}

/* A parameter that is another module's tensor. */
static gd_status add_tied(gd_module *m, int ndim, const int64_t shape[], gd_tensor **out) {
  const gd_named *tied = m->tied;
  const gd_tensor wanted = {.dtype = m->dtype, .ndim = ndim};
  char is[64], asked[64];
  gd_tensor like = wanted;
  memcpy(like.shape, shape, (size_t)ndim * sizeof *shape);
  if (tied->tensor->ndim != ndim || memcmp(tied->tensor->shape, shape, (size_t)ndim * sizeof *shape) != 0)
    return GD_FAIL(GD_ERR_SHAPE, "share: the other %s is %s, but this layer's would be %s", tied->name,
                   gd_tensor_describe(tied->tensor, is, sizeof is),
                   gd_tensor_describe(&like, asked, sizeof asked));
  GD_TRY(check_name(m, tied->name, sizeof m->param->name));
  GD_TRY(grow(m->arena, &m->param, m->n_params, sizeof *m->param));
  m->param[m->n_params] = *tied;
  *out = m->param[m->n_params++].tensor;
  m->tied = NULL;
  return GD_OK;
}

gd_status gd_module_add_param(gd_module *m, const char *name, int ndim, const int64_t shape[],
                              gd_tensor **out) {
  if (m->tied && strcmp(m->tied->name, name) == 0) return add_tied(m, ndim, shape, out);
  GD_TRY(add_tensor(m, &m->param, &m->n_params, name, m->dtype, ndim, shape, out));
  return gd_require_grad(*out, true);
}

gd_status gd_module_share_param(gd_module *m, const char *name, gd_tensor *of) {
  GD_TRY(check_name(m, name, sizeof m->param->name));
  if (of->device != m->device || of->dtype != m->dtype)
    return GD_FAIL(GD_ERR_DTYPE, "%s: %s cannot be shared: it is on another device or of another type",
                   m->cls->name, name);
  GD_TRY(grow(m->arena, &m->param, m->n_params, sizeof *m->param));
  gd_named *item = &m->param[m->n_params++];
  *item = (gd_named){.tensor = of};
  snprintf(item->name, sizeof item->name, "%s", name);
  return GD_OK;
}

gd_status gd_module_add_buffer(gd_module *m, const char *name, gd_dtype type, int ndim, const int64_t shape[],
                               gd_tensor **out) {
  return add_tensor(m, &m->buffer, &m->n_buffers, name, type, ndim, shape, out);
}

gd_status gd_module_add_statistic(gd_module *m, const char *name, double momentum, int ndim,
                                  const int64_t shape[], gd_tensor **out) {
  *out = NULL;
  if (!(momentum > 0 && momentum <= 1))
    return GD_FAIL(GD_ERR_USAGE, "%s: the momentum of %s is %g, but must lie in (0, 1]", m->cls->name, name,
                   momentum);
  GD_TRY(add_tensor(m, &m->buffer, &m->n_buffers, name, m->dtype, ndim, shape, out));
  m->buffer[m->n_buffers - 1].momentum = momentum;
  return gd_require_grad(*out, true); /* so that backward asks for its contribution */
}

gd_status gd_module_add_child(gd_module *m, const char *name, gd_module *child) {
  GD_TRY(check_name(m, name, sizeof m->child->name));
  if (child->device != m->device || child->dtype != m->dtype)
    return GD_FAIL(GD_ERR_DTYPE, "%s '%s' is on another device or of another type than the %s around it",
                   child->cls->name, name, m->cls->name);
  GD_TRY(grow(m->arena, &m->child, m->n_children, sizeof *m->child));
  struct gd_child *c = &m->child[m->n_children++];
  snprintf(c->name, sizeof c->name, "%s", name);
  c->module = child;
  char *own_name =
      gd_arena_alloc(child->arena, strlen(name) + 1); /* stays where the list of children grows */
  if (!own_name) return GD_ERR_OOM;
  child->scope.name = strcpy(own_name, name);
  return GD_OK;
}

gd_status gd_forward_n(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) {
  gd_status st = GD_OK;
  if (!m->cls->forward_n && *n != 1)
    return GD_FAIL(GD_ERR_USAGE, "%s takes one input, not %d", m->cls->name, *n);
  gd_tape_enter(t, &m->scope);
  if (m->cls->forward_n)
    st = m->cls->forward_n(m, t, n, x);
  else
    x[0] = x[0] ? m->cls->forward(m, t, x[0]) : NULL;
  gd_tape_leave(t);
  return st == GD_OK ? gd_tape_status(t) : st;
}

gd_tensor *gd_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  if (!x) return NULL;
  int n = 1;
  gd_tensor *io[GD_MAX_FIELDS] = {x};
  gd_status st = gd_forward_n(m, t, &n, io);
  if (st != GD_OK) return gd_tape_fail(t, st);
  if (n == 1) return io[0];
  return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "%s has %d outputs where one is wanted", m->cls->name, n));
}

bool gd_module_adds(const gd_module *m) {
  return m->cls->forward_added && (!m->cls->adds || m->cls->adds(m));
}

gd_tensor *gd_forward_added(gd_module *m, gd_tape *t, gd_tensor *x, gd_tensor *residual, gd_activation act) {
  if (!x || !residual) return NULL;
  if (gd_module_adds(m) && (act == GD_ACT_NONE || act == GD_ACT_RELU)) {
    gd_tape_enter(t, &m->scope);
    gd_tensor *y = m->cls->forward_added(m, t, x, residual, act);
    gd_tape_leave(t);
    return y;
  }
  gd_tensor *y = gd_add(t, gd_forward(m, t, x), residual);
  return act == GD_ACT_RELU ? gd_relu(t, y) : y;
}

const gd_module_class *gd_module_last(const gd_module *m) {
  while (m->cls->in_order && m->n_children) m = m->child[m->n_children - 1].module;
  return m->cls;
}

void gd_module_train(gd_module *m, bool training) {
  m->training = training;
  for (int i = 0; i < m->n_children; i++) gd_module_train(m->child[i].module, training);
}

static bool is_zero(const gd_tensor *t) {
  enum { CHUNK = 4096 };
  unsigned char chunk[CHUNK];
  const size_t bytes = gd_tensor_bytes(t);
  for (size_t at = 0; at < bytes; at += CHUNK) {
    const size_t n = bytes - at < CHUNK ? bytes - at : CHUNK;
    if (t->device->download(t->device, chunk, (const char *)t->data + at, n) != GD_OK) return false;
    for (size_t i = 0; i < n; i++)
      if (chunk[i]) return false;
  }
  return true;
}

/* A class without reset(): as PyTorch's linear layers, unless who made the module gave it values. */
static void reset_by_shape(gd_module *m, uint64_t seed, uint64_t ordinal) {
  bool drawn = true;
  for (int i = 0; i < m->n_params && !m->drawn; i++) drawn &= is_zero(m->param[i].tensor);
  m->drawn |= drawn;
  double bound = 0;
  for (int i = 0; i < m->n_params && m->drawn; i++, ordinal++) {
    gd_tensor *t = m->param[i].tensor;
    if (t->ndim > 1) bound = 1 / sqrt((double)(gd_numel(t) / t->shape[0]));
    if (bound > 0) gd_init_uniform(t, gd_rng_stream(seed, GD_RNG_INIT, ordinal), -bound, bound);
  }
}

/*
 * From the last module to the first, each after its children: a tensor that several share has the values of the one
 * that was there first. `end` is behind the ordinals of m's tree.
 */
static void reset(gd_module *m, uint64_t seed, uint64_t end) {
  for (int i = m->n_children - 1; i >= 0; i--) {
    gd_module *child = m->child[i].module;
    reset(child, seed, end);
    end -= (uint64_t)gd_module_params(child, NULL, 0);
  }
  uint64_t ordinal =
      end - (uint64_t)m->n_params; /* the numbering of gd_module_params(), whatever a class draws */
  if (m->cls->reset)
    m->cls->reset(m, seed, &ordinal);
  else
    reset_by_shape(m, seed, ordinal);
}

static void number(gd_module *m, int64_t *next) {
  if (m->cls->draws) m->number = (*next)++;
  for (int i = 0; i < m->n_children; i++) number(m->child[i].module, next);
}

void gd_module_reset(gd_module *m, uint64_t seed) {
  int64_t first = 0;
  number(m, &first);
  reset(m, seed, (uint64_t)gd_module_params(m, NULL, 0));
}

void gd_module_zero_grad(gd_module *m) {
  for (int i = 0; i < m->n_params; i++) gd_zero_grad(m->param[i].tensor);
  for (int i = 0; i < m->n_buffers; i++) gd_zero_grad(m->buffer[i].tensor);
  for (int i = 0; i < m->n_children; i++) gd_module_zero_grad(m->child[i].module);
}
