/* 1 where it holds, else 0: loops made from ops/elementwise.def. */
#include "ops/cpu/cpu.h"

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

static gd_status compare(gd_device *d, const gd_node *n, const gdi_loop loop[GD_U8 + 1]) {
  const gd_dtype type = n->in[0]->dtype;
  if (!loop[type]) return GD_FAIL(GD_ERR_NO_KERNEL, "%s: no kernel for %s", n->op->name, gd_dtype_name(type));
  gdi_walk(d, loop[type], NULL, 3,
           (gdi_operand[]){gdi_operand_of(n->out), gdi_operand_of(n->in[0]), gdi_operand_of(n->in[1])});
  return GD_OK;
}

#define GDI_COMPARE(name, prints, holds)                                                                     \
  COMPARE(name, float, holds)                                                                                \
  COMPARE(name, double, holds)                                                                               \
  COMPARE(name, int32_t, holds)                                                                              \
  COMPARE(name, int64_t, holds)                                                                              \
  COMPARE(name, uint8_t, holds)                                                                              \
  gd_status gdi_cpu_##name##_forward(gd_device *d, gd_node *n) {                                             \
    static const gdi_loop loop[GD_U8 + 1] = {[GD_F32] = name##_float,                                        \
                                             [GD_F64] = name##_double,                                       \
                                             [GD_I32] = name##_int32_t,                                      \
                                             [GD_I64] = name##_int64_t,                                      \
                                             [GD_U8] = name##_uint8_t};                                      \
    return compare(d, n, loop);                                                                              \
  }
#include "ops/elementwise.def"
