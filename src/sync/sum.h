/* Sums in the order of the tree, over nodes that lie in different places, a stretch of L1 at a time. */
#ifndef GDI_SYNC_SUM_H
#define GDI_SYNC_SUM_H

#include "gd/partition.h"
#include "gd/tensor.h"

enum {
  GDI_STRETCH = 1024, /* elements of one evaluation; divides GD_BLOCK */
  GDI_SUM_DEPTH = 32, /* partial sums that a tree of at most GDI_MAX_LEAVES needs at once */
};
#define GDI_MAX_LEAVES ((int64_t)1 << 30)

/* Room for the partial sums of one evaluation. */
typedef struct gdi_partial {
  _Alignas(64) char sum[GDI_SUM_DEPTH][GDI_STRETCH * sizeof(double)];
} gdi_partial;

/* A node of the tree in memory: data holds its elements from `first` on. */
typedef struct gdi_operand {
  gd_range node;
  char *data;
  int64_t first;
} gdi_operand;

/* The sum of a node from operands that tile it, as a postfix program over them. */
typedef struct gdi_sum {
  gd_dtype dtype;
  int n_operands, term_room, n_ops;
  gdi_operand *operand; /* left to right */
  bool *add;            /* [n_ops] true: add the two upper ones; false: push the next operand */
} gdi_sum;

gd_status gdi_sum_reserve(gdi_sum *s, int operands) GD_CHECKED;
/* Order the additions of `node` over s->operand[0 .. n_operands). */
void gdi_sum_compile(gdi_sum *s, gd_range node);
/* The sums of n <= GDI_STRETCH elements from `at`: in `partial`, or in place when there is one operand. */
const char *gdi_sum_eval(const gdi_sum *s, int64_t at, int64_t n, gdi_partial *partial);
/* Write the sums of elements r to dest, which may be where one of the operands is. */
void gdi_sum_store(const gdi_sum *s, gd_device *d, gd_range r, char *dest);
void gdi_sum_free(gdi_sum *s);

#endif
