/*
 * Matrix products on the threads of a rank. The result is cut into tiles of at most 256 columns by 1024 rows;
 * a tile is one library call on one thread, with the whole inner extent. The cut follows from the shape
 * alone, so the number of threads does not change the bits, which the libraries' own threading does.
 */
#ifndef GDI_CPU_PANELS_H
#define GDI_CPU_PANELS_H

#include "device/cpu/gemm.h"

/* Told of each tile when it is computed and still in the cache: where its first element is in the result. */
typedef void (*gdi_tile_done)(void *context, const gdi_product *tile, int64_t row, int64_t column);

/* A product, repeated over `ndim` leading dimensions; strides in elements, 0 where an operand broadcasts. */
typedef struct gdi_products {
  gdi_product product;
  int ndim;
  int64_t shape[GD_MAX_DIMS], stride_a[GD_MAX_DIMS], stride_b[GD_MAX_DIMS], stride_c[GD_MAX_DIMS];
  gdi_tile_done done; /* NULL: nobody is told */
  void *context;
} gdi_products;

/* Where c broadcasts, its products are added up in order. */
gd_status gdi_multiply(gd_device *d, const gdi_products *p) GD_CHECKED;

/*
 * The operand as products on d take it: itself, or a copy in scratch memory rounded to bf16 (to nearest, ties
 * to even). *type becomes that of the result.
 */
gd_status gdi_operand_of_products(gd_device *d, const void *x, int64_t n, gd_dtype *type,
                                  const void **out) GD_CHECKED;

#endif
