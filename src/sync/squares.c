#include "sync/squares.h"

#include "device/cpu/threads.h"
#include "gd/partition.h"

enum { LANES = GDI_SQUARE_LANES, BLOCK_GRAIN = GDI_GRAIN / GD_BLOCK };

#define ADD_SQUARES(type, x, n, lane)                                                                        \
  for (int64_t i_ = 0; i_ + LANES <= (n); i_ += LANES)                                                       \
    for (int l_ = 0; l_ < LANES; l_++) {                                                                     \
      double v_ = ((const type *)(const void *)(x))[i_ + l_];                                                \
      (lane)[l_] += v_ * v_;                                                                                 \
    }                                                                                                        \
  for (int64_t i_ = (n) / LANES * LANES; i_ < (n); i_++) {                                                   \
    double v_ = ((const type *)(const void *)(x))[i_];                                                       \
    (lane)[i_ % LANES] += v_ * v_;                                                                           \
  }

void gdi_squares_add(gd_dtype dtype, const char *x, int64_t n, double lane[LANES]) {
  if (dtype == GD_F32) {
    ADD_SQUARES(float, x, n, lane)
  } else {
    ADD_SQUARES(double, x, n, lane)
  }
}

double gdi_squares_sum(const double lane[LANES]) {
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

typedef struct blocks {
  gd_dtype dtype;
  const char *x;
  int64_t n;
  double *block;
} blocks;

static void square_blocks(void *context, int64_t lo, int64_t hi) {
  const blocks *b = context;
  for (int64_t i = lo; i < hi; i++) {
    const int64_t at = i * GD_BLOCK, n = b->n - at < GD_BLOCK ? b->n - at : GD_BLOCK;
    double lane[LANES] = {0};
    gdi_squares_add(b->dtype, b->x + (size_t)at * gd_dtype_bytes(b->dtype), n, lane);
    b->block[i] = gdi_squares_sum(lane);
  }
}

double gdi_squares_of(gd_device *d, gd_dtype dtype, const char *x, int64_t n, double *block) {
  const int64_t count = (n + GD_BLOCK - 1) / GD_BLOCK;
  gdi_parallel(d, count, BLOCK_GRAIN, square_blocks, &(blocks){dtype, x, n, block});
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += block[i];
  return sum;
}
