/* Comparisons, where, argmax. */
#include "device/cpu/cpu.h"

#define COMPARE(name, type, holds)                                                                           \
  static void name##_##type(int64_t n, char *const p[], const int step[], const void *arg) {                 \
    uint8_t *Y = (uint8_t *)p[0];                                                                            \
    const type *A = (const type *)p[1], *B = (const type *)p[2];                                             \
    const int by_a = step[1], by_b = step[2];                                                                \
    (void)arg;                                                                                               \
    for (int64_t i = 0; i < n; i++) {                                                                        \
      const type a = A[i * by_a], b = B[i * by_b];                                                           \
      Y[i] = (holds);                                                                                        \
    }                                                                                                        \
  }
#define GDI_COMPARE(name, holds)                                                                             \
  COMPARE(name, float, holds)                                                                                \
  COMPARE(name, double, holds)                                                                               \
  COMPARE(name, int32_t, holds)                                                                              \
  COMPARE(name, int64_t, holds)                                                                              \
  COMPARE(name, uint8_t, holds)
#include "device/formulas.def"

static const gdi_loop compare[GDI_OPS][GD_U8 + 1] = {
#define GDI_COMPARE(name, holds)                                                                             \
  [GDI_OP_##name] = {[GD_F32] = name##_float,                                                                \
                     [GD_F64] = name##_double,                                                               \
                     [GD_I32] = name##_int32_t,                                                              \
                     [GD_I64] = name##_int64_t,                                                              \
                     [GD_U8] = name##_uint8_t},
#include "device/formulas.def"
};

gd_status gdi_cpu_compare_forward(gd_device *d, gd_node *n) {
  gdi_loop loop = compare[n->op][n->in[0]->dtype];
  if (!loop)
    return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel for %s", gdi_op_name(n->op),
                   gd_dtype_name(n->in[0]->dtype));
  gdi_walk(d, loop, NULL, 3,
           (gdi_operand[]){gdi_operand_of(n->out), gdi_operand_of(n->in[0]), gdi_operand_of(n->in[1])});
  return GD_OK;
}

#define WHERE(suffix, type, unused)                                                                          \
  static void where_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {                \
    type *Y = (type *)p[0];                                                                                  \
    const uint8_t *C = (const uint8_t *)p[1];                                                                \
    const type *A = (const type *)p[2], *B = (const type *)p[3];                                             \
    const int by_c = step[1], by_a = step[2], by_b = step[3];                                                \
    (void)arg;                                                                                               \
    for (int64_t i = 0; i < n; i++) Y[i] = C[i * by_c] ? A[i * by_a] : B[i * by_b];                          \
  }                                                                                                          \
  /* the gradient of the operand that is taken when the condition is `taken` */                              \
  static inline void where_back_##suffix(int64_t n, char *const p[], int by_c, bool add, bool taken) {       \
    type *G = (type *)p[0];                                                                                  \
    const uint8_t *C = (const uint8_t *)p[1];                                                                \
    const type *DY = (const type *)p[2];                                                                     \
    for (int64_t i = 0; i < n; i++) {                                                                        \
      type g = (C[i * by_c] != 0) == taken ? DY[i] : 0;                                                      \
      G[i] = add ? G[i] + g : g;                                                                             \
    }                                                                                                        \
  }                                                                                                          \
  static void where_da_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {             \
    where_back_##suffix(n, p, step[1], *(const bool *)arg, true);                                            \
  }                                                                                                          \
  static void where_db_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {             \
    where_back_##suffix(n, p, step[1], *(const bool *)arg, false);                                           \
  }
GDI_FLOAT_TYPES(WHERE, )

gd_status gdi_cpu_where_forward(gd_device *d, gd_node *n) {
  gdi_walk(d, gdi_is_f64(n->out->dtype) ? where_f64 : where_f32, NULL, 4,
           (gdi_operand[]){gdi_operand_of(n->out), gdi_operand_of(n->in[0]), gdi_operand_of(n->in[1]),
                           gdi_operand_of(n->in[2])});
  return GD_OK;
}

gd_status gdi_cpu_where_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  static const gdi_loop back[3][2] = {{0}, {where_da_f32, where_da_f64}, {where_db_f32, where_db_f64}};
  for (int i = 1; i < 3; i++) {
    if (!din[i]) continue;
    gdi_operand operand[] = {gdi_operand_of(dout), gdi_operand_of(n->in[0]), gdi_operand_of(dout)};
    GD_TRY(gdi_broadcast_gradient(d, back[i][gdi_is_f64(dout->dtype)], 3, operand, din[i], add[i]));
  }
  return GD_OK;
}

/* The first largest of R values, `pitch` apart; the first NaN counts as larger than all. */
#define ARGMAX(suffix, type, unused)                                                                         \
  static int64_t argmax_##suffix(const void *x, int64_t start, int64_t R, int64_t pitch) {                   \
    const type *X = (const type *)x + start;                                                                 \
    int64_t best = 0;                                                                                        \
    for (int64_t r = 1; r < R; r++) {                                                                        \
      const type v = X[r * pitch], top = X[best * pitch];                                                    \
      if (v > top || (v != v && top == top)) best = r;                                                       \
    }                                                                                                        \
    return best;                                                                                             \
  }
GDI_FLOAT_TYPES(ARGMAX, )

gd_status gdi_cpu_argmax_forward(gd_device *d, gd_node *n) {
  (void)d;
  const gd_tensor *x = n->in[0];
  int64_t R = x->shape[n->attr.dim], C = 1, *y = n->out->data, results = gd_numel(n->out);
  for (int i = n->attr.dim + 1; i < x->ndim; i++) C *= x->shape[i];
  for (int64_t i = 0; i < results; i++)
    y[i] = (gdi_is_f64(x->dtype) ? argmax_f64 : argmax_f32)(x->data, i / C * R * C + i % C, R, C);
  return GD_OK;
}
