#include "train/batches.h"

static int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
static int64_t at_most(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* A GPU is slow at small products: there a batch is cut for memory and for ranks only. */
static int64_t automatic_micro(int64_t batch, int ranks, bool gpu, bool *follows_ranks) {
  int64_t micro = gpu ? at_most(batch, 4096) : ceil_div(batch, 8);
  if (!gpu && micro < 64) micro = 64;
  if (!gpu && micro > 256) micro = 256;
  *follows_ranks = ceil_div(batch, micro) < at_most(ranks, batch);
  return *follows_ranks ? ceil_div(batch, ranks) : micro;
}

gdi_batches gdi_batches_plan(int64_t n, int64_t batch, int64_t micro, bool drop_last, int ranks, bool gpu,
                             bool *follows_ranks) {
  gdi_batches b = {.n = n, .batch = batch == 0 ? n : at_most(batch, n)};
  *follows_ranks = false;
  b.micro = at_most(micro ? micro : automatic_micro(b.batch, ranks, gpu, follows_ranks), b.batch);
  if (drop_last) b.n = n / b.batch * b.batch;
  b.per_epoch = ceil_div(b.n, b.batch);
  return b;
}

void gdi_batches_for_statistics(gdi_batches *b, bool automatic) {
  b->even = true;
  if (!automatic) return;
  int64_t micro = ceil_div(b->batch, 8);
  if (micro < 64) micro = 64;
  if (micro > 256) micro = 256;
  b->micro = ceil_div(b->batch, ceil_div(b->batch, micro));
}

int64_t gdi_batches_least(const gdi_batches *b) {
  const int64_t rest = b->n % b->batch, last = rest ? rest : b->batch;
  const int64_t of_full = b->batch / ceil_div(b->batch, b->micro), of_last = last / ceil_div(last, b->micro);
  return b->even ? at_most(of_full, of_last) : last % b->micro ? last % b->micro : b->micro;
}

int64_t gdi_batches_position(const gdi_batches *b, int64_t step) {
  return step - b->offset;
}

int64_t gdi_batches_continue(gdi_batches *b, int64_t step, int64_t epoch, int64_t rows) {
  b->offset = step - (epoch * b->per_epoch + rows / b->batch);
  return rows % b->batch;
}

gdi_step_plan gdi_batches_step(const gdi_batches *b, int64_t step) {
  step = gdi_batches_position(b, step);
  int64_t lo = step % b->per_epoch * b->batch;
  gd_range rows = {lo, at_most(lo + b->batch, b->n)};
  return (gdi_step_plan){step / b->per_epoch, rows, ceil_div(rows.hi - rows.lo, b->micro)};
}

gd_range gdi_batches_micro(const gdi_batches *b, const gdi_step_plan *s, int64_t k) {
  if (b->even) {
    const gd_range part = gd_share(s->rows.hi - s->rows.lo, s->K, k);
    return (gd_range){s->rows.lo + part.lo, s->rows.lo + part.hi};
  }
  int64_t lo = s->rows.lo + k * b->micro;
  return (gd_range){lo, at_most(lo + b->micro, s->rows.hi)};
}

int64_t gdi_batches_max_micro(const gdi_batches *b) {
  return ceil_div(b->batch, b->micro);
}
