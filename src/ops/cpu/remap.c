/* Pixels are copied, or their gradients added, in the order of the result; an image is computed by one thread. */
#include <string.h>

#include "device/cpu/threads.h"
#include "ops/cpu/cpu.h"
#include "ops/remap.h"

typedef struct job {
  const gdi_remap *p;
  int64_t in[3], out[3]; /* of the side that has x's shape, and of the other */
  size_t element;
  char *x, *y; /* or their gradients */
  bool add;
} job;

static job job_of(const gd_node *n, void *x, void *y) {
  job j = {.p = n->params, .element = gd_dtype_bytes(n->out->dtype), .x = x, .y = y};
  memcpy(j.in, n->in[0]->shape + 1, sizeof j.in);
  memcpy(j.out, n->out->shape + 1, sizeof j.out);
  return j;
}

/* Calls f(pixel of x or NULL, pixel of y) in order for image b. */
static void each_pixel(const job *j, int64_t b, void (*f)(const job *j, char *x, char *y)) {
  const size_t from = (size_t)j->in[2] * j->element, to = (size_t)j->out[2] * j->element;
  char *x = j->x + (size_t)(b * j->in[0] * j->in[1]) * from,
       *y = j->y + (size_t)(b * j->out[0] * j->out[1]) * to;
  for (int64_t i = 0; i < j->out[0]; i++) {
    const int64_t row = gdi_remap_from(j->p, 0, i, j->in[0]);
    for (int64_t k = 0; k < j->out[1]; k++, y += to) {
      const int64_t column = gdi_remap_from(j->p, 1, k, j->in[1]);
      f(j, row < 0 || column < 0 ? NULL : x + (size_t)(row * j->in[1] + column) * from, y);
    }
  }
}

static void copy_pixel(const job *j, char *x, char *y) {
  const size_t front = (size_t)j->p->before[2] * j->element, own = (size_t)j->in[2] * j->element;
  if (!x || j->out[2] != j->in[2]) memset(y, 0, (size_t)j->out[2] * j->element);
  if (x) memcpy(y + front, x, own);
}

#define ADD(suffix, type, unused)                                                                            \
  static void add_##suffix(const job *j, char *x, char *y) {                                                 \
    type *dx = (type *)(void *)x;                                                                            \
    const type *dy = (const type *)(void *)y + j->p->before[2];                                              \
    if (x) GDI_SIMD for (int64_t c = 0; c < j->in[2]; c++) dx[c] += dy[c];                                   \
  }
GDI_FLOAT_TYPES(ADD, )

static void forward_images(void *context, int64_t lo, int64_t hi) {
  for (int64_t b = lo; b < hi; b++) each_pixel(context, b, copy_pixel);
}

static void backward_images(void *context, int64_t lo, int64_t hi) {
  const job *j = context;
  const size_t image = (size_t)(j->in[0] * j->in[1] * j->in[2]) * j->element;
  for (int64_t b = lo; b < hi; b++) {
    if (!j->add) memset(j->x + (size_t)b * image, 0, image);
    each_pixel(j, b, j->element == sizeof(double) ? add_f64 : add_f32);
  }
}

gd_status gdi_cpu_remap_forward(gd_device *d, gd_node *n) {
  job j = job_of(n, n->in[0]->data, n->out->data);
  gdi_parallel(d, n->out->shape[0], gdi_row_grain(j.out[0] * j.out[1] * j.out[2]), forward_images, &j);
  return GD_OK;
}

gd_status gdi_cpu_remap_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  job j = job_of(n, din[0]->data, dout->data);
  j.add = add[0];
  gdi_parallel(d, n->out->shape[0], gdi_row_grain(j.out[0] * j.out[1] * j.out[2]), backward_images, &j);
  return GD_OK;
}
