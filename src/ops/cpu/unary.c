/* y = f(x), element by element: loops made from ops/elementwise.def. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/math.h"

#define C(value) ((T)(value))

typedef struct argument {
  double number[2];
  bool add;
} argument;

#define LOOPS(suffix, type, name, K, formula, derivative)                                                    \
  static void name##_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {               \
    typedef type T;                                                                                          \
    const argument *given = arg;                                                                             \
    T *Y = (T *)p[0];                                                                                        \
    const T *X = (const T *)p[1];                                                                            \
    (void)given, (void)step;                                                                                 \
    K;                                                                                                       \
    GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                               \
      const T x = X[i];                                                                                      \
      Y[i] = (formula);                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void name##_dx_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {            \
    typedef type T;                                                                                          \
    const argument *given = arg;                                                                             \
    T *DX = (T *)p[0];                                                                                       \
    const T *X = (const T *)p[1], *Y = (const T *)p[2], *DY = (const T *)p[3];                               \
    (void)step;                                                                                              \
    K;                                                                                                       \
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

static gd_status forward(gd_device *d, const gd_node *n, const gdi_loop loop[2]) {
  const double *k = ((const gdi_numbers *)n->params)->k;
  const argument arg = {{k[0], k[1]}, false};
  gdi_walk(d, loop[gdi_is_f64(n->out->dtype)], &arg, 2,
           (gdi_operand[]){gdi_operand_of(n->out), gdi_operand_of(n->in[0])});
  return GD_OK;
}

static gd_status backward(gd_device *d, const gd_node *n, const gdi_loop loop[2], const gd_tensor *dout,
                          gd_tensor *dx, bool add) {
  const double *k = ((const gdi_numbers *)n->params)->k;
  const argument arg = {{k[0], k[1]}, add};
  gdi_walk(d, loop[gdi_is_f64(dout->dtype)], &arg, 4,
           (gdi_operand[]){gdi_operand_of(dx), gdi_operand_of(n->in[0]), gdi_operand_of(n->out),
                           gdi_operand_of(dout)});
  return GD_OK;
}

/* K declares the numbers that the formula names. */
#define KERNELS(name, K, formula, derivative)                                                                \
  GDI_FLOAT_TYPES(LOOPS, name, K, formula, derivative)                                                       \
  gd_status gdi_cpu_##name##_forward(gd_device *d, gd_node *n) {                                             \
    return forward(d, n, (const gdi_loop[]){name##_f32, name##_f64});                                        \
  }                                                                                                          \
  gd_status gdi_cpu_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                       \
                                      gd_tensor *const din[], const bool add[]) {                            \
    return backward(d, n, (const gdi_loop[]){name##_dx_f32, name##_dx_f64}, dout, din[0], add[0]);           \
  }
#define NUMBER(k, i)                                                                                         \
  const T k = (T)given->number[i];                                                                           \
  (void)k
#define TWO(k0, k1)                                                                                          \
  NUMBER(k0, 0);                                                                                             \
  NUMBER(k1, 1)
#define GDI_UNARY(name, prints, y, dx)                  KERNELS(name, , y, dx)
#define GDI_UNARY_1(name, prints, k0, y, dx)            KERNELS(name, NUMBER(k0, 0), y, dx)
#define GDI_UNARY_2(name, prints, k0, k1, holds, y, dx) KERNELS(name, TWO(k0, k1), y, dx)
#include "ops/elementwise.def"
