/* A convolution's calls alone: the ceiling of a step. Chunks and threads as in conv2d.c. */
#include "ops/cpu/conv2d.h"

#include <stdatomic.h>

#include "device/cpu/cpu.h"
#include "device/cpu/threads.h"

typedef struct bare {
  gdi_conv conv;
  gdi_conv_pass pass;
  int64_t images, image, map;            /* of all; elements of each side of one */
  int64_t dw_elements, scratch_elements; /* of a chunk */
  const void *x, *y;
  char *packed, *dw, *scratch;
  atomic_bool failed;
} bare;

static void *at(const void *base, int64_t elements, gd_dtype type) {
  return (char *)(uintptr_t)base + elements * (int64_t)gd_dtype_bytes(type);
}

static void chunks(void *context, int64_t lo, int64_t hi) {
  bare *b = context;
  for (int64_t k = lo; k < hi; k++) {
    gdi_conv c = b->conv;
    const int64_t first = k * c.n;
    if (b->images - first < c.n) c.n = b->images - first;
    const bool weights = b->pass == GDI_CONV_WEIGHTS;
    const gd_dtype type = c.type, result = type == GD_BF16 ? GD_F32 : type;
    if (gdi_conv_run(&c, b->pass, at(b->x, first * b->image, b->pass == GDI_CONV_DATA ? result : type),
                     weights ? at(b->dw, k * b->dw_elements, result) : b->packed, NULL,
                     at(b->y, first * b->map, b->pass == GDI_CONV_FORWARD ? result : type),
                     at(b->scratch, k * b->scratch_elements, type)) != GD_OK)
      b->failed = true;
  }
}

static gd_status once(gd_device *d, void *context) {
  bare *b = context;
  gdi_parallel(d, (b->images + b->conv.n - 1) / b->conv.n, 1, chunks, b);
  return b->failed ? GD_FAIL(GD_ERR_INTERNAL, "a convolution cannot be measured alone") : GD_OK;
}

static gd_status fresh(gd_device *d, const gd_tensor *like, const void **out) {
  gd_tensor *t;
  GD_TRY(gd_tensor_new(&t, d->scratch, d, like->dtype, like->ndim, like->shape));
  *out = t->data;
  return gd_tensor_fill(t, 0.5);
}

static gd_status measure(gd_device *d, const gd_node *n, gdi_conv_pass pass, double *seconds) {
  const bool transposed = ((const gdi_conv2d *)n->params)->transposed;
  const gd_tensor *x = transposed ? n->out : n->in[0], *y = transposed ? n->in[0] : n->out;
  bare b = {.conv = gdi_cpu_conv_of(n), .pass = pass, .images = x->shape[0]};
  const int64_t all = (b.images + b.conv.n - 1) / b.conv.n;
  const size_t bytes = gd_dtype_bytes(n->out->dtype);
  void *memory;
  b.conv.bias = false;
  b.image = gd_numel(x) / b.images, b.map = gd_numel(y) / b.images;
  b.scratch_elements = gdi_conv_scratch(&b.conv);
  GD_TRY(fresh(d, x, &b.x));
  GD_TRY(fresh(d, y, &b.y));
  GD_TRY(gdi_conv_packed(&b.conv, pass, &b.dw_elements));
  GD_TRY(gdi_scratch(d, b.dw_elements * all, bytes, &memory));
  b.packed = b.dw = memory;
  if (pass != GDI_CONV_WEIGHTS) GD_TRY(gdi_conv_pack(&b.conv, pass, n->in[1]->data, b.packed));
  GD_TRY(gdi_scratch(d, b.scratch_elements * all, bytes, &memory));
  b.scratch = memory;
  return gdi_cpu_best_seconds(d, once, &b, seconds);
}

gd_status gdi_conv2d_bare(gd_device *d, const gd_node *n, double seconds[GD_BARES]) {
  const bool transposed = ((const gdi_conv2d *)n->params)->transposed;
  const gdi_conv_pass pass[GD_BARES] = {transposed ? GDI_CONV_DATA : GDI_CONV_FORWARD,
                                        transposed ? GDI_CONV_FORWARD : GDI_CONV_DATA, GDI_CONV_WEIGHTS};
  for (int i = 0; i < GD_BARES; i++) {
    seconds[i] = 0;
    if (d->kind != GD_CPU || gd_numel(n->out) == 0) continue;
    const size_t mark = gd_arena_mark(d->scratch);
    const gd_status st = measure(d, n, pass[i], &seconds[i]);
    gd_arena_release(d->scratch, mark);
    GD_TRY(st);
  }
  return GD_OK;
}
