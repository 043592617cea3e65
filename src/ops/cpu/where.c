/* condition ? a : b */
#include "ops/cpu/cpu.h"

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
