/* y = f(a, b) with broadcasting: loops made from ops/elementwise.def. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/math.h"

#define C(value) ((T)(value))

/* The three ways operands run: both, only a, only b (or neither: then there is one element). */
#define RUNS(BODY)                                                                                           \
  if (step[1] && step[2]) {                                                                                  \
    GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                               \
      const T a = A[i], b = B[i];                                                                            \
      BODY;                                                                                                  \
    }                                                                                                        \
  } else if (step[1]) {                                                                                      \
    const T b = *B;                                                                                          \
    GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                               \
      const T a = A[i];                                                                                      \
      BODY;                                                                                                  \
    }                                                                                                        \
  } else {                                                                                                   \
    const T a = *A;                                                                                          \
    GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                               \
      const T b = B[i];                                                                                      \
      BODY;                                                                                                  \
    }                                                                                                        \
  }

#define FORWARD(suffix, type, name, formula)                                                                 \
  static void name##_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {               \
    typedef type T;                                                                                          \
    T *Y = (T *)p[0];                                                                                        \
    const T *A = (const T *)p[1], *B = (const T *)p[2];                                                      \
    (void)arg;                                                                                               \
    RUNS(Y[i] = (formula))                                                                                   \
  }

#define USE_ALL                                                                                              \
  const T y = Y[i], dy = DY[i];                                                                              \
  (void)a, (void)b, (void)y

#define DERIVATIVE(suffix, type, name, formula)                                                              \
  static void name##_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {               \
    typedef type T;                                                                                          \
    T *G = (T *)p[0];                                                                                        \
    const T *A = (const T *)p[1], *B = (const T *)p[2], *Y = (const T *)p[3], *DY = (const T *)p[4];         \
    if (*(const bool *)arg) {                                                                                \
      RUNS(USE_ALL; G[i] += (formula))                                                                       \
    } else {                                                                                                 \
      RUNS(USE_ALL; G[i] = (formula))                                                                        \
    }                                                                                                        \
  }

static gd_status forward(gd_device *d, const gd_node *n, const gdi_loop loop[2]) {
  gdi_walk(d, loop[gdi_is_f64(n->out->dtype)], NULL, 3,
           (gdi_operand[]){gdi_operand_of(n->out), gdi_operand_of(n->in[0]), gdi_operand_of(n->in[1])});
  return GD_OK;
}

/* loop[input][type] */
static gd_status backward(gd_device *d, const gd_node *n, const gdi_loop loop[2][2], const gd_tensor *dout,
                          gd_tensor *const din[], const bool add[]) {
  for (int i = 0; i < 2; i++) {
    if (!din[i]) continue;
    gdi_operand full = gdi_operand_of(dout);
    gdi_operand operand[] = {full, gdi_operand_of(n->in[0]), gdi_operand_of(n->in[1]), gdi_operand_of(n->out),
                             full};
    GD_TRY(gdi_broadcast_gradient(d, loop[i][gdi_is_f64(dout->dtype)], 5, operand, din[i], add[i]));
  }
  return GD_OK;
}

#define GDI_BINARY(name, prints, y, da, db)                                                                  \
  GDI_FLOAT_TYPES(FORWARD, name, y)                                                                          \
  GDI_FLOAT_TYPES(DERIVATIVE, name##_da, da)                                                                 \
  GDI_FLOAT_TYPES(DERIVATIVE, name##_db, db)                                                                 \
  gd_status gdi_cpu_##name##_forward(gd_device *d, gd_node *n) {                                             \
    return forward(d, n, (const gdi_loop[]){name##_f32, name##_f64});                                        \
  }                                                                                                          \
  gd_status gdi_cpu_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                       \
                                      gd_tensor *const din[], const bool add[]) {                            \
    static const gdi_loop loop[2][2] = {{name##_da_f32, name##_da_f64}, {name##_db_f32, name##_db_f64}};     \
    return backward(d, n, loop, dout, din, add);                                                             \
  }
#include "ops/elementwise.def"
