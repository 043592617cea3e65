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

/* The type in which products on d take operands of `type`: bf16 for f32 where the device was opened
 * for that. */
gd_dtype gdi_product_type(const gd_device *d, gd_dtype type);

/* To nearest, ties to even. */
void gdi_round_to_bf16(const float *from, uint16_t *to, int64_t n);

/*
 * The values of x as products on d take them: x's own, or a copy in scratch memory rounded to bf16, to
 * nearest with ties to even. The caller marks d->scratch before and releases it after.
 */
gd_status gdi_product_operand(gd_device *d, const gd_tensor *x, const void **out) GD_CHECKED;

#endif
