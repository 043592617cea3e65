/*
 * One pass over the elements of a broadcast shape. Dimensions that can be are merged, so equal shapes are one
 * loop and a row added to a matrix is one loop per row; inside a loop an operand is either a run or a single
 * repeated value.
 */
#ifndef GDI_CPU_WALK_H
#define GDI_CPU_WALK_H

#include "device/device.h"

enum { GDI_WALK_OPERANDS = 5 };

typedef struct gdi_operand {
  void *data;
  gd_dtype type;
  int ndim;
  const int64_t *shape;
} gdi_operand;

/* A loop over n elements: operand k starts at p[k] and advances by step[k] elements, 0 or 1. */
typedef void (*gdi_loop)(int64_t n, char *const p[], const int step[], const void *arg);

/* operand[0] has the full shape and is the one written; the others broadcast to it. */
void gdi_walk(gd_device *d, gdi_loop loop, const void *arg, int n, const gdi_operand operand[]);

static inline gdi_operand gdi_operand_of(const gd_tensor *t) {
  return (gdi_operand){t->data, t->dtype, t->ndim, t->shape};
}

/* Work of fewer elements than this is not worth a second thread. */
enum { GDI_SERIAL_ELEMENTS = 65536 };

/* to = from, or to += from, over n elements of one type. */
void gdi_cpu_put(gd_device *d, gd_dtype type, int64_t n, void *to, const void *from, bool add);

#define GDI_SIMD _Pragma("omp simd")
/* Expands to a loop for each type that is differentiated. */
#define GDI_FLOAT_TYPES(X, ...) X(f32, float, __VA_ARGS__) X(f64, double, __VA_ARGS__)
/* Index of a type in tables of such loops. */
static inline int gdi_is_f64(gd_dtype type) {
  return type == GD_F64;
}

#endif
