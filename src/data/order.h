/* The order of samples at one epoch: keys are made once, then a position costs a few rounds of mixing. */
#ifndef GDI_DATA_ORDER_H
#define GDI_DATA_ORDER_H

#include "gd/data.h"

typedef struct gdi_order_epoch {
  const gd_order *order;
  int64_t epoch;
  gd_permutation samples, split; /* full shuffle: of samples; block shuffle: of whole blocks */
  int64_t short_slot;            /* block shuffle: where the short last block goes, among all blocks */
  int64_t short_rows;            /* its length; 0: all blocks are whole */
  int64_t window; /* or group of the balanced sampler, whose permutation `inside` is; -1: none yet */
  gd_permutation inside;
} gdi_order_epoch;

/* A GPU can find samples of a resident set in this order by itself. */
static inline bool gdi_order_on_gpu(const gd_order *o) {
  return o->sampler == GD_SAMPLE_REPLACEMENT ||
         (o->sampler == GD_SAMPLE_EPOCH && o->shuffle != GD_SHUFFLE_BLOCK);
}

gdi_order_epoch gdi_order_at_epoch(const gd_order *o, int64_t epoch);
int64_t gdi_order_index(gdi_order_epoch *e, int64_t position);
/* Is sample i of the set in this part? Bit i % 8 of byte i / 8; free() it. Errors: GD_ERR_OOM */
gd_status gdi_order_mark(const gd_order *part, uint8_t **bits) GD_CHECKED;

#endif
