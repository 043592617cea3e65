/* y = f(x), element by element: loops made from device/formulas.def. */
#include "device/cpu/math.h"
#include "device/cpu/cpu.h"
#include "device/cpu/walk.h"

#define C(value) ((T)(value))

typedef struct argument {
  double k0, k1;
  bool add;
} argument;

#define NUMBERS(type)                                                                                        \
  typedef type T;                                                                                            \
  const argument *given = arg;                                                                               \
  const T k0 = (T)given->k0, k1 = (T)given->k1;                                                              \
  (void)k0, (void)k1, (void)step

#define LOOPS(suffix, type, name, formula, derivative)                                                       \
  static void name##_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {               \
    NUMBERS(type);                                                                                           \
    T *Y = (T *)p[0];                                                                                        \
    const T *X = (const T *)p[1];                                                                            \
    GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                               \
      const T x = X[i];                                                                                      \
      Y[i] = (formula);                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void name##_dx_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {            \
    NUMBERS(type);                                                                                           \
    T *DX = (T *)p[0];                                                                                       \
    const T *X = (const T *)p[1], *Y = (const T *)p[2], *DY = (const T *)p[3];                               \
    if (given->add) {                                                                                        \
      GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                             \
        const T x = X[i], y = Y[i], dy = DY[i];                                                              \
        (void)x, (void)y;                                                                                    \
        DX[i] += (derivative);                                                                               \
      }                                                                                                      \
    } else {                                                                                                 \
      GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                             \
        const T x = X[i], y = Y[i], dy = DY[i];                                                              \
        (void)x, (void)y;                                                                                    \
        DX[i] = (derivative);                                                                                \
      }                                                                                                      \
    }                                                                                                        \
  }
#define GDI_UNARY(name, formula, derivative) GDI_FLOAT_TYPES(LOOPS, name, formula, derivative)
#include "device/formulas.def"

static const struct {
  gdi_loop y[2], dx[2];
} table[GDI_OPS] = {
#define GDI_UNARY(name, formula, derivative)                                                                 \
  [GDI_OP_##name] = {{name##_f32, name##_f64}, {name##_dx_f32, name##_dx_f64}},
#include "device/formulas.def"
};

gd_status gdi_cpu_unary_forward(gd_device *d, gd_node *n) {
  const argument arg = {n->attr.a, n->attr.b, false};
  gdi_walk(d, table[n->op].y[gdi_is_f64(n->out->dtype)], &arg, 2,
           (gdi_operand[]){gdi_operand_of(n->out), gdi_operand_of(n->in[0])});
  return GD_OK;
}

gd_status gdi_cpu_unary_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  const argument arg = {n->attr.a, n->attr.b, add[0]};
  gdi_walk(d, table[n->op].dx[gdi_is_f64(dout->dtype)], &arg, 4,
           (gdi_operand[]){gdi_operand_of(din[0]), gdi_operand_of(n->in[0]), gdi_operand_of(n->out),
                           gdi_operand_of(dout)});
  return GD_OK;
}
