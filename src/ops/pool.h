/* Arguments of the pooling operations. */
#ifndef GDI_OPS_POOL_H
#define GDI_OPS_POOL_H

#include "ops/window.h"

typedef struct gdi_pool {
  gd_window window;
  bool count_include_pad;
  int64_t adaptive[2]; /* of the mean: windows that cover the image, so many; 0: the window above */
} gdi_pool;

static inline const gdi_pool *gdi_pool_of(const gd_node *n) {
  return (const gdi_pool *)n->params;
}

#endif
