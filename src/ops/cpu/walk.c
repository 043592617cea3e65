#include "ops/cpu/walk.h"

#include <string.h>

#include "device/cpu/threads.h"

typedef struct walk {
  gdi_loop loop;
  const void *arg;
  int n, ndim;                                    /* operands, merged dimensions */
  int64_t extent[GD_MAX_DIMS];                    /* innermost first */
  int64_t stride[GD_MAX_DIMS][GDI_WALK_OPERANDS]; /* bytes */
  char *base[GDI_WALK_OPERANDS];
  int step[GDI_WALK_OPERANDS];
} walk;

static bool merges(const walk *w, const int64_t stride[]) {
  if (w->ndim == 0) return false;
  for (int k = 0; k < w->n; k++)
    if (stride[k] != w->stride[w->ndim - 1][k] * w->extent[w->ndim - 1]) return false;
  return true;
}

static void plan(walk *w, const gdi_operand operand[]) {
  int64_t run[GDI_WALK_OPERANDS], stride[GDI_WALK_OPERANDS];
  for (int k = 0; k < w->n; k++) {
    run[k] = (int64_t)gd_dtype_bytes(operand[k].type);
    w->base[k] = operand[k].data;
  }
  for (int i = operand[0].ndim - 1; i >= 0; i--) {
    int64_t extent = operand[0].shape[i];
    if (extent == 1) continue;
    for (int k = 0; k < w->n; k++) {
      int own = i - (operand[0].ndim - operand[k].ndim);
      bool repeats = own < 0 || operand[k].shape[own] == 1;
      stride[k] = repeats ? 0 : run[k];
      if (!repeats) run[k] *= extent;
    }
    if (merges(w, stride)) {
      w->extent[w->ndim - 1] *= extent;
    } else {
      memcpy(w->stride[w->ndim], stride, sizeof stride);
      w->extent[w->ndim++] = extent;
    }
  }
  for (int k = 0; k < w->n; k++) w->step[k] = w->ndim > 0 && w->stride[0][k] != 0;
}

static void run_elements(void *context, int64_t lo, int64_t hi) {
  const walk *w = context;
  char *p[GDI_WALK_OPERANDS];
  for (int k = 0; k < w->n; k++) p[k] = w->base[k] + (w->ndim ? lo * w->stride[0][k] : 0);
  w->loop(hi - lo, p, w->step, w->arg);
}

static void run_rows(void *context, int64_t lo, int64_t hi) {
  const walk *w = context;
  char *p[GDI_WALK_OPERANDS];
  int64_t index[GD_MAX_DIMS] = {0};
  memcpy(p, w->base, sizeof p);
  for (int64_t i = 1, rest = lo; i < w->ndim; rest /= w->extent[i++]) {
    index[i] = rest % w->extent[i];
    for (int k = 0; k < w->n; k++) p[k] += index[i] * w->stride[i][k];
  }
  for (int64_t row = lo; row < hi; row++) {
    w->loop(w->extent[0], p, w->step, w->arg);
    for (int i = 1; i < w->ndim; i++) {
      bool carry = ++index[i] == w->extent[i];
      int64_t by = carry ? 1 - index[i] : 1;
      for (int k = 0; k < w->n; k++) p[k] += by * w->stride[i][k];
      if (!carry) break;
      index[i] = 0;
    }
  }
}

void gdi_walk(gd_device *d, gdi_loop loop, const void *arg, int n, const gdi_operand operand[]) {
  walk w = {.loop = loop, .arg = arg, .n = n};
  plan(&w, operand);
  int64_t inner = w.ndim ? w.extent[0] : 1, rows = 1;
  for (int i = 1; i < w.ndim; i++) rows *= w.extent[i];
  if (inner == 0 || rows == 0) return;
  bool serial = inner * rows <= GDI_SERIAL_ELEMENTS;
  if (rows == 1)
    gdi_parallel(d, inner, serial ? inner : GDI_GRAIN, run_elements, &w);
  else
    gdi_parallel(d, rows, serial ? rows : gdi_row_grain(inner), run_rows, &w);
}

static void copy_bytes(int64_t n, char *const p[], const int step[], const void *arg) {
  (void)step;
  memcpy(p[0], p[1], (size_t)n * *(const size_t *)arg);
}

#define ADD(suffix, type, unused)                                                                            \
  static void add_##suffix(int64_t n, char *const p[], const int step[], const void *arg) {                  \
    type *to = (type *)p[0];                                                                                 \
    const type *from = (const type *)p[1];                                                                   \
    (void)step, (void)arg;                                                                                   \
    GDI_SIMD for (int64_t i = 0; i < n; i++) to[i] += from[i];                                               \
  }
GDI_FLOAT_TYPES(ADD, )

void gdi_cpu_put(gd_device *d, gd_dtype type, int64_t n, void *to, const void *from, bool add) {
  static const gdi_loop sum[2] = {add_f32, add_f64};
  size_t bytes = gd_dtype_bytes(type);
  gdi_loop loop = add ? sum[gdi_is_f64(type)] : copy_bytes;
  gdi_walk(d, loop, &bytes, 2, (gdi_operand[]){{to, type, 1, &n}, {(void *)from, type, 1, &n}});
}
