#include "sync/sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "device/cpu/threads.h"

gd_status gdi_sum_reserve(gdi_sum *s, int operands) {
  if (operands <= s->term_room) return GD_OK;
  gdi_operand *operand = realloc(s->operand, (size_t)operands * sizeof *operand);
  if (operand) s->operand = operand;
  bool *add = realloc(s->add, 2 * (size_t)operands * sizeof *add);
  if (add) s->add = add;
  if (!operand || !add) return GD_FAIL(GD_ERR_OOM, "no memory for a sum of %d operands", operands);
  s->term_room = operands;
  return GD_OK;
}

void gdi_sum_free(gdi_sum *s) {
  free(s->operand);
  free(s->add);
  *s = (gdi_sum){0};
}

static int compile(gdi_sum *s, int64_t lo, int64_t hi, int operand) {
  if (s->operand[operand].node.lo == lo && s->operand[operand].node.hi == hi) {
    s->add[s->n_ops++] = false;
    return operand + 1;
  }
  int64_t mid = gd_tree_mid(lo, hi);
  operand = compile(s, lo, mid, operand);
  operand = compile(s, mid, hi, operand);
  s->add[s->n_ops++] = true;
  return operand;
}

void gdi_sum_compile(gdi_sum *s, gd_range node) {
  s->n_ops = 0;
  if (GDI_FAULT("swapped_tree")) {
    for (int i = 0; i < s->n_operands; i++) s->add[s->n_ops++] = false;
    for (int i = 1; i < s->n_operands; i++) s->add[s->n_ops++] = true;
    return;
  }
  compile(s, node.lo, node.hi, 0);
}

static void add_f32(float *sum, const float *a, const float *b, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) sum[i] = a[i] + b[i];
}

static void add_f64(double *sum, const double *a, const double *b, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) sum[i] = a[i] + b[i];
}

const char *gdi_sum_eval(const gdi_sum *s, int64_t at, int64_t n, gdi_partial *partial) {
  const char *stack[GDI_SUM_DEPTH];
  const gdi_operand *next = s->operand;
  const size_t element = gd_dtype_bytes(s->dtype);
  int top = 0;
  for (int i = 0; i < s->n_ops; i++) {
    if (!s->add[i]) {
      stack[top++] = next->data + (size_t)(at - next->first) * element;
      next++;
      continue;
    }
    top--;
    char *sum = partial->sum[top - 1];
    if (s->dtype == GD_F32)
      add_f32((float *)(void *)sum, (const float *)(const void *)stack[top - 1],
              (const float *)(const void *)stack[top], n);
    else
      add_f64((double *)(void *)sum, (const double *)(const void *)stack[top - 1],
              (const double *)(const void *)stack[top], n);
    stack[top - 1] = sum;
  }
  return stack[0];
}

typedef struct store_job {
  const gdi_sum *sum;
  gd_range r;
  char *dest;
} store_job;

static void store_range(void *context, int64_t lo, int64_t hi) {
  const store_job *j = context;
  const size_t element = gd_dtype_bytes(j->sum->dtype);
  gdi_partial partial;
  for (int64_t i = lo; i < hi; i += GDI_STRETCH) {
    int64_t n = hi - i < GDI_STRETCH ? hi - i : GDI_STRETCH;
    const char *sum = gdi_sum_eval(j->sum, j->r.lo + i, n, &partial);
    char *to = j->dest + (size_t)i * element;
    if (to != sum) memcpy(to, sum, (size_t)n * element);
  }
}

void gdi_sum_store(const gdi_sum *s, gd_device *d, gd_range r, char *dest) {
  gdi_parallel(d, r.hi - r.lo, GDI_GRAIN, store_range, &(store_job){s, r, dest});
}
