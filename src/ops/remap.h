/* Arguments of remap: every pixel of the result is one of x, or zero. */
#ifndef GDI_OPS_REMAP_H
#define GDI_OPS_REMAP_H

#include "base/both.h"
#include "ops/window.h"

typedef enum gdi_remap_kind { GDI_REMAP_ZEROS, GDI_REMAP_REFLECT, GDI_REMAP_SCALE } gdi_remap_kind;

typedef struct gdi_remap {
  gdi_remap_kind kind;
  int64_t before[3], after[3]; /* padding of height, width and channels; of channels with zeros always */
  int64_t times[2], every[2];  /* GDI_REMAP_SCALE: pixel i comes from i every / times */
} gdi_remap;

/* The pixel of x, along one axis of `extent`, that pixel i of the result is; -1: zero. */
GDI_BOTH int64_t gdi_remap_from(const gdi_remap *p, int axis, int64_t i, int64_t extent) {
  if (p->kind == GDI_REMAP_SCALE) return i * p->every[axis] / p->times[axis];
  const int64_t from = i - p->before[axis];
  if (from >= 0 && from < extent) return from;
  if (p->kind == GDI_REMAP_ZEROS) return -1;
  return from < 0 ? -from : 2 * (extent - 1) - from;
}

/* The first pixel of the result behind `after` that is pixel `from` of x; -1: there is none. */
GDI_BOTH int64_t gdi_remap_next(const gdi_remap *p, int axis, int64_t from, int64_t extent, int64_t out,
                                int64_t after) {
  const int64_t last = extent - 1, before = p->before[axis];
  const bool reflect = p->kind == GDI_REMAP_REFLECT;
  int64_t at = before + from; /* itself, between its images in the mirrors in front and behind */
  if (p->kind == GDI_REMAP_SCALE) {
    at = (from * p->times[axis] + p->every[axis] - 1) / p->every[axis];
    if (at <= after) at = after + 1;
  } else if (reflect && from > 0 && before - from > after) {
    at = before - from;
  } else if (reflect && at <= after && from < last) {
    at = before + 2 * last - from;
  }
  return at > after && at < out && gdi_remap_from(p, axis, at, extent) == from ? at : -1;
}

#endif
