/*
 * What the programs of this folder share. Each is a small tutorial: it prints what it computes, and returns
 * non-zero when a figure is not what it should be.
 */
#ifndef SEED_H
#define SEED_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"

/* A CPU to compute on, an arena for what lives as long as the program, a tape for what lives one step. */
typedef struct lab {
  gd_device *device;
  gd_arena *arena;
  gd_tape *tape;
  int wrong; /* checks that failed */
} lab;

/* In a program, an error is the end. */
static inline void must(gd_status s) {
  if (s == GD_OK) return;
  fprintf(stderr, "%s: %s\n", gd_status_text(s), gd_error_last()->message);
  exit(gd_status_exit_code(s));
}

static inline lab lab_open(void) {
  lab l = {0};
  must(gd_device_open(&l.device, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  must(gd_arena_new(&l.arena, "lab"));
  must(gd_tape_new(&l.tape, l.device));
  return l;
}

/* The exit code of the program: 0 when every check held. */
static inline int lab_close(lab *l) {
  gd_tape_free(l->tape);
  gd_arena_free(l->arena);
  gd_device_close(l->device);
  if (l->wrong) fprintf(stderr, "%d figures are wrong\n", l->wrong);
  return l->wrong > 0;
}

/* A tensor that stays until the lab closes: lab_data(&l, GD_F32, (double[]){1, 2}, GD_SHAPE(2)). */
static inline gd_tensor *lab_data(lab *l, gd_dtype type, const double *values, int ndim,
                                  const int64_t shape[]) {
  gd_tensor *t;
  must(gd_tensor_new(&t, l->arena, l->device, type, ndim, shape));
  must(gd_tensor_set(t, values, gd_numel(t)));
  return t;
}

/* The same, as a leaf whose gradient is wanted. */
static inline gd_tensor *lab_leaf(lab *l, gd_dtype type, const double *values, int ndim,
                                  const int64_t shape[]) {
  gd_tensor *t = lab_data(l, type, values, ndim, shape);
  must(gd_require_grad(t, true));
  return t;
}

/* Element i, for printing. */
static inline double at(const gd_tensor *t, int64_t i) {
  return t->dtype == GD_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

#define check(l, condition)                                                                                  \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                \
      (l)->wrong++;                                                                                          \
    }                                                                                                        \
  } while (0)

/* NaN is wrong too. */
#define check_close(l, value, expected, tolerance)                                                           \
  do {                                                                                                       \
    const double value_ = (value), expected_ = (expected);                                                   \
    if (!(fabs(value_ - expected_) <= (tolerance))) {                                                        \
      fprintf(stderr, "%s:%d: %s = %.10g, expected %.10g\n", __FILE__, __LINE__, #value, value_, expected_); \
      (l)->wrong++;                                                                                          \
    }                                                                                                        \
  } while (0)

#endif
