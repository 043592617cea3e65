/*
 * y = act(z),  z = x W^T + b.   dz = dy act'(z);  dx = dz W;  dW = dz^T x;  db = sum over rows of dz
 *
 * Bias and activation are applied to each tile of the product while it is in the cache. Backward takes act'
 * from y, except of those that need z: forward keeps it.
 */
#include "ops/cpu/cpu.h"

#include <string.h>

#include "ops/cpu/math.h"
#include "device/cpu/panels.h"
#include "device/cpu/threads.h"
#include "ops/linear.h"

enum { PANEL = 256, SERIAL_ELEMENTS = 65536 };

/* Values and derivatives as functions, of which the activations are used below. */
#define C(value) ((T)(value))
#define FUNCTIONS(suffix, type, name, formula, derivative)                                                   \
  __attribute__((unused)) static inline type name##_##suffix(type x) {                                       \
    typedef type T __attribute__((unused));                                                                  \
    return (formula);                                                                                        \
  }                                                                                                          \
  __attribute__((unused)) static inline type name##_dz_##suffix(type x, type y, type dy) {                   \
    typedef type T __attribute__((unused));                                                                  \
    (void)x, (void)y;                                                                                        \
    return (derivative);                                                                                     \
  }
#define GDI_UNARY(name, prints, formula, derivative) GDI_FLOAT_TYPES(FUNCTIONS, name, formula, derivative)
GDI_UNARY(none, , x, dy)
#include "ops/elementwise.def"

typedef struct forward {
  const void *b; /* NULL: no bias */
  void *y;
  int64_t O;
} forward;

/* z += b, y = act(z); z and y may be the same memory */
#define FINISH(suffix, type, name)                                                                           \
  static void name##_finish_##suffix(void *context, const gdi_product *tile, int64_t row, int64_t column) {  \
    const forward *f = context;                                                                              \
    const type *b = f->b ? (const type *)f->b + column : NULL;                                               \
    for (int64_t r = 0; r < tile->m; r++) {                                                                  \
      type *z = (type *)tile->c + r * tile->ldc, *y = (type *)f->y + (row + r) * f->O + column;              \
      if (b) {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < tile->n; i++) {                                                     \
          type value = z[i] + b[i];                                                                          \
          z[i] = value;                                                                                      \
          y[i] = name##_##suffix(value);                                                                     \
        }                                                                                                    \
      } else {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < tile->n; i++) y[i] = name##_##suffix(z[i]);                         \
      }                                                                                                      \
    }                                                                                                        \
  }

typedef struct backward {
  const void *dy, *y, *z;
  void *dz, *db; /* either may be NULL */
  bool add;      /* to db */
  int64_t B, O;
} backward;

/* Columns [lo, hi) of dz, and their sums over the rows: in f64, in the order of the rows. */
#define DZ(suffix, type, name)                                                                               \
  static void name##_columns_##suffix(const backward *w, int64_t lo, int64_t hi) {                           \
    double sum[PANEL] = {0};                                                                                 \
    for (int64_t r = 0; r < w->B; r++) {                                                                     \
      const type *dy = (const type *)w->dy + r * w->O, *y = (const type *)w->y + r * w->O;                   \
      const type *z = (const type *)w->z + r * w->O;                                                         \
      type *dz = w->dz ? (type *)w->dz + r * w->O : NULL;                                                    \
      type value[PANEL];                                                                                     \
      GDI_SIMD for (int64_t i = lo; i < hi; i++) value[i - lo] = name##_dz_##suffix(z[i], y[i], dy[i]);      \
      GDI_SIMD for (int64_t i = 0; i < hi - lo; i++) sum[i] += (double)value[i];                             \
      if (dz) memcpy(dz + lo, value, (size_t)(hi - lo) * sizeof *dz);                                        \
    }                                                                                                        \
    type *db = w->db;                                                                                        \
    for (int64_t i = lo; db && i < hi; i++) db[i] = (type)((w->add ? (double)db[i] : 0) + sum[i - lo]);      \
  }                                                                                                          \
  static void name##_dz_chunk_##suffix(void *context, int64_t lo, int64_t hi) {                              \
    for (int64_t i = lo; i < hi; i += PANEL)                                                                 \
      name##_columns_##suffix(context, i, i + PANEL < hi ? i + PANEL : hi);                                  \
  }

#define INSTANCES(NAME, name, keeps) GDI_FLOAT_TYPES(FINISH, name) GDI_FLOAT_TYPES(DZ, name)
GDI_ACTIVATIONS(INSTANCES)

static const struct {
  gdi_tile_done finish[2];
  gdi_chunk dz[2];
} table[] = {
#define ENTRY(NAME, name, keeps)                                                                             \
  [GD_ACT_##NAME] = {{name##_finish_f32, name##_finish_f64}, {name##_dz_chunk_f32, name##_dz_chunk_f64}},
    GDI_ACTIVATIONS(ENTRY)};

/* W is [O,I]; x is B rows of I, whatever its leading dimensions. */
static int64_t rows(const gd_tensor *x) {
  int64_t B = 1;
  for (int i = 0; i < x->ndim - 1; i++) B *= x->shape[i];
  return B;
}

static gd_status multiply(gd_device *d, gdi_products *p, const gd_tensor *x, const gd_tensor *W) {
  GD_TRY(gdi_product_operand(d, x, &p->product.a));
  GD_TRY(gdi_product_operand(d, W, &p->product.b));
  return gdi_multiply(d, p);
}

gd_status gdi_cpu_linear_forward(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0], *W = n->in[1], *b = n->in[2];
  const int64_t O = W->shape[0], I = W->shape[1];
  void *z = n->out->data;
  if (gdi_activation_keeps_z(gdi_linear_of(n)->act) && n->recorded) {
    GD_TRY(gd_node_temporary(&n->saved[0], n, x->dtype, n->out->ndim, n->out->shape));
    z = n->saved[0]->data;
  }
  forward f = {b ? b->data : NULL, n->out->data, O};
  gdi_products p = {.product = {.m = rows(x),
                                .n = O,
                                .k = I,
                                .transpose_b = true,
                                .c = z,
                                .lda = I,
                                .ldb = I,
                                .ldc = O,
                                .type = gdi_product_type(d, x->dtype)},
                    .done = b || gdi_linear_of(n)->act != GD_ACT_NONE
                                ? table[gdi_linear_of(n)->act].finish[gdi_is_f64(x->dtype)]
                                : NULL,
                    .context = &f};
  size_t mark = gd_arena_mark(d->scratch);
  gd_status st = multiply(d, &p, x, W);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* dz, rounded for products where they are, and db on the way. */
static gd_status backward_z(gd_device *d, const gd_node *n, const gd_tensor *dout, gd_tensor *db, bool add,
                            gd_tensor *dz) {
  const int64_t B = rows(n->in[0]), O = n->in[1]->shape[0];
  const gd_tensor *z = n->saved[0] ? n->saved[0] : n->out;
  *dz = *dout;
  if (gdi_linear_of(n)->act != GD_ACT_NONE) dz->data = gd_arena_alloc(d->scratch, gd_tensor_bytes(dout));
  if (!dz->data) return GD_ERR_OOM;
  if (gdi_linear_of(n)->act == GD_ACT_NONE && !db) return GD_OK;
  backward w = {dout->data,           n->out->data, z->data, dz->data == dout->data ? NULL : dz->data,
                db ? db->data : NULL, add,          B,       O};
  int64_t grain = SERIAL_ELEMENTS / (B + 1);
  gdi_parallel(d, O, grain > PANEL ? grain : PANEL, table[gdi_linear_of(n)->act].dz[gdi_is_f64(dout->dtype)],
               &w);
  return GD_OK;
}

static void completed(gd_device *d, gd_node *n, const gd_tensor *gradient, int input) {
  if (gradient && d->listener.completed) d->listener.completed(d->listener.completed_user, n, input);
}

/* The weight's gradient first: it can travel while the input's is computed. */
static gd_status backward_products(gd_device *d, gd_node *n, const gd_tensor *dz, gd_tensor *dx,
                                   gd_tensor *dW, const bool add[]) {
  const gd_tensor *x = n->in[0], *W = n->in[1];
  const int64_t B = rows(x), O = W->shape[0], I = W->shape[1];
  const void *rounded;
  GD_TRY(gdi_product_operand(d, dz, &rounded));
  gdi_products p = {
      .product = {.a = rounded, .lda = O, .ldb = I, .ldc = I, .type = gdi_product_type(d, dz->dtype)}};
  gdi_product *q = &p.product;
  if (dW) {
    q->m = O, q->n = I, q->k = B, q->transpose_a = true, q->c = dW->data, q->add = add[1];
    GD_TRY(gdi_product_operand(d, x, &q->b));
    GD_TRY(gdi_multiply(d, &p));
    completed(d, n, dW, 1);
  }
  if (dx) {
    q->m = B, q->n = I, q->k = O, q->transpose_a = false, q->c = dx->data, q->add = add[0];
    GD_TRY(gdi_product_operand(d, W, &q->b));
    GD_TRY(gdi_multiply(d, &p));
  }
  return GD_OK;
}

gd_status gdi_cpu_linear_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  gd_tensor *db = n->in[2] ? din[2] : NULL, dz;
  bool then[] = {add[0], add[1], db && add[2]};
  for (int i = 1; i < 3; i++) /* dx comes last: where it is dW or db too, it adds to that */
    if (din[0] && din[i] == din[0]) then[i] = add[0], then[0] = true;
  size_t mark = gd_arena_mark(d->scratch);
  gd_status st = backward_z(d, n, dout, db, then[2], &dz);
  if (st == GD_OK) completed(d, n, db, 2);
  if (st == GD_OK && (din[0] || din[1])) st = backward_products(d, n, &dz, din[0], din[1], then);
  gd_arena_release(d->scratch, mark);
  return st;
}
