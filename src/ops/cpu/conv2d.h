/*
 * What the kernels of a convolution share with each other, and with what measures them.
 *
 * Work is cut into chunks of a few images, each computed by one thread in single-threaded calls: what a chunk needs from one
 * pass to the next stays in the cache, and the number of threads does not show in the bits. "image" is the side that a
 * convolution reads (x of conv2d, y of its transpose), "map" the one that it makes.
 */
#ifndef GDI_OPS_CPU_CONV2D_H
#define GDI_OPS_CPU_CONV2D_H

#include <stdatomic.h>

#include "device/cpu/conv.h"
#include "device/cpu/threads.h"
#include "ops/conv2d.h"
#include "ops/cpu/batch_norm.h"

typedef struct gdi_conv_job {
  gdi_conv conv; /* of a full chunk */
  gd_dtype type; /* of x and y: f32 or f64 */
  bool transposed, relu;
  int64_t O;                /* channels of y */
  int64_t images, first;    /* of all; first chunk of the round */
  int64_t x_image, y_image; /* elements of an image */
  const void *x, *b, *y, *dy;
  double *moments;           /* of y, for a batch norm behind; NULL: not wanted */
  const gdi_norm_job *front; /* computes dy, that of a batch norm which took y; NULL: it is there */
  gdi_norm_job *back; /* of the batch norm that made x, which wants sums over dx; NULL: there is none */
  void *packed;       /* weights, for forward or for dx */
  /* Each chunk of a round has its own: */
  char *scratch, *low_x, *low_y; /* bf16 copies, where operands are that */
  char *dz, *dw, *dx, *db;       /* those that are needed; db in f64 */
  int64_t scratch_elements, dw_elements;
  bool needs_dx, needs_dw, needs_db, add_dx;
  void *to_dx;
  atomic_flag failed;
  gd_error error;
} gdi_conv_job;

/* The convolution of a full chunk of n's images. */
gdi_conv gdi_cpu_conv_of(const gd_node *n);
gdi_conv_job gdi_conv_job_of(const gd_node *n);

/* Scratch memory of `count` arrays, at multiples of a cache line; and array k. */
gd_status gdi_conv_each(gd_device *d, int64_t count, int64_t elements, gd_dtype type, char **out) GD_CHECKED;
static inline int64_t gdi_conv_padded(int64_t elements) {
  return (elements + 15) / 16 * 16;
}
static inline char *gdi_conv_at(const void *base, int64_t elements, gd_dtype type) {
  return base ? (char *)(uintptr_t)base + elements * (int64_t)gd_dtype_bytes(type) : NULL;
}
static inline char *gdi_conv_own(char *memory, int64_t k, int64_t elements, gd_dtype type) {
  return gdi_conv_at(memory, k * gdi_conv_padded(elements), type);
}

/* What the calls of every pass need. */
gd_status gdi_conv_buffers(gd_device *d, gdi_conv_job *j) GD_CHECKED;
gd_status gdi_conv_pack_for(gd_device *d, gdi_conv_job *j, gdi_conv_pass pass, const gd_tensor *W) GD_CHECKED;

/* A round is as many chunks as there are threads. `after` (NULL: nothing) is called between rounds. */
gd_status gdi_conv_rounds(gd_device *d, gdi_conv_job *j, gd_status (*chunk)(gdi_conv_job *j, int64_t k),
                          void (*after)(gd_device *d, gdi_conv_job *j, int64_t chunks)) GD_CHECKED;
/* Chunk k of a round: its convolution, and its first image. */
gdi_conv gdi_conv_chunk(const gdi_conv_job *j, int64_t k, int64_t *first);
/* The operand `values` of chunk k as its convolution takes them: themselves, or a copy of lower precision in `low`. */
const void *gdi_conv_operand(const gdi_conv_job *j, const void *values, int64_t elements, char *low,
                             int64_t k);

#endif
