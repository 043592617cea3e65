/* Arguments of group_norm: x, weight, bias; the last two may be NULL. */
#ifndef GDI_OPS_GROUP_NORM_H
#define GDI_OPS_GROUP_NORM_H

#include "gd/ops.h"
#include "ops/ops.h"

typedef struct gdi_group_norm {
  int64_t groups;
  double eps;
} gdi_group_norm;

enum { GDI_GN_WEIGHT = 1, GDI_GN_BIAS, GDI_GN_INPUTS };

/* [B,P,C], and groups of D channels; without elements B is 0. */
typedef struct gdi_grouped {
  int64_t B, P, C, G, D;
} gdi_grouped;

static inline gdi_grouped gdi_grouped_of(const gd_node *n) {
  const gd_tensor *x = n->in[0];
  const int64_t B = gd_numel(x) ? x->shape[0] : 0, C = x->shape[x->ndim - 1],
                G = ((const gdi_group_norm *)n->params)->groups;
  return (gdi_grouped){B, B ? gd_numel(x) / B / C : 0, C, G, C / G};
}

#endif
