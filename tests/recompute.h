/* A stack of blocks, some of them recomputed, on any device. */
#ifndef GD_TEST_RECOMPUTE_H
#define GD_TEST_RECOMPUTE_H

#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"
#include "gd/gd.h"
#include "test.h"

enum { BLOCKS = 6, WIDTH = 32, BATCH = 16, PARAMS = 2 * BLOCKS + 1, VALUES = WIDTH * WIDTH };

typedef enum how { KEPT, RECOMPUTED, NESTED } how;

typedef struct stack {
  gd_device *d;
  gd_arena *arena;
  gd_tape *tape;
  gd_tensor *W[BLOCKS], *b[BLOCKS], *shared, *x;
  how h;
  int fired[PARAMS + 1]; /* how often the hook named the parameter; the last: anything else */
  double at_hook[PARAMS];
} stack;

typedef struct block {
  stack *s;
  int k;
} block;

static inline gd_tensor *leaf(stack *s, uint64_t stream, int ndim, const int64_t shape[]) {
  gd_tensor *t;
  double values[VALUES];
  assert_ok(gd_tensor_new(&t, s->arena, s->d, GD_F32, ndim, shape));
  for (int64_t i = 0; i < gd_numel(t); i++)
    values[i] = 0.3 * gd_rng_normal(gd_rng_stream(5, GD_RNG_TEST, stream), (uint64_t)i);
  assert_ok(gd_tensor_set(t, values, gd_numel(t)));
  assert_ok(gd_require_grad(t, true));
  return t;
}

static inline gd_tensor *param(const stack *s, int i) {
  return i == PARAMS - 1 ? s->shared : i % 2 ? s->b[i / 2] : s->W[i / 2];
}

static inline stack stack_open(gd_device *d, how h) {
  stack s = {.d = d, .h = h};
  assert_ok(gd_arena_new(&s.arena, "leaves"));
  assert_ok(gd_tape_new(&s.tape, d));
  for (int k = 0; k < BLOCKS; k++)
    s.W[k] = leaf(&s, (uint64_t)k, GD_SHAPE(WIDTH, WIDTH)),
    s.b[k] = leaf(&s, 100 + (uint64_t)k, GD_SHAPE(WIDTH));
  s.shared = leaf(&s, 200, GD_SHAPE(WIDTH, WIDTH));
  s.x = leaf(&s, 300, GD_SHAPE(BATCH, WIDTH));
  return s;
}

static inline void stack_close(stack *s) {
  gd_tape_free(s->tape);
  gd_arena_free(s->arena);
}

/* x + dropout(relu(x W + b)) shared, whose weight all blocks share. */
static inline gd_tensor *apply_block(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  const block *o = user;
  const stack *s = o->s;
  (void)n;
  gd_tensor *h = gd_linear(t, x[0], s->W[o->k], s->b[o->k], o->k % 2 ? GD_ACT_RELU : GD_ACT_GELU);
  return gd_add(t, x[0], gd_matmul(t, gd_dropout_numbered(t, h, 0.2, o->k), s->shared));
}

static inline gd_tensor *recomputed(gd_tape *t, gd_recompute_fn f, block *o, gd_tensor *x) {
  const stack *s = o->s;
  return gd_recompute(t, f, o, 1, &x, 3, (gd_tensor *[]){s->W[o->k], s->b[o->k], s->shared});
}

static inline gd_tensor *nested(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  (void)n;
  return gd_tanh(t, recomputed(t, apply_block, user, gd_dropout(t, x[0], 0.1)));
}

static inline gd_tensor *nested_kept(gd_tape *t, gd_tensor *const x[], int n, void *user) {
  gd_tensor *y = gd_dropout(t, x[0], 0.1);
  return gd_tanh(t, apply_block(t, &y, n, user));
}

static inline void on_ready(void *user, gd_tensor *x) {
  stack *s = user;
  int i = 0;
  while (i < PARAMS && param(s, i) != x) i++;
  s->fired[x == s->x ? PARAMS : i]++;
  assert_true(i < PARAMS || x == s->x);
  if (i < PARAMS) {
    double first[VALUES];
    assert_ok(gd_tensor_get(x->grad, first, gd_numel(x)));
    s->at_hook[i] = first[3];
  }
}

/* A forward and backward; `wrapped`: blocks have something around them. Returns the loss. */
static inline gd_tensor *play_stack(stack *s, bool wrapped, bool recompute) {
  static block o[BLOCKS];
  gd_tape_reset(s->tape);
  gd_tape_draws(s->tape, 7, 3, 0, BATCH);
  gd_tensor *x = gd_mul_scalar(s->tape, s->x, 1);
  for (int k = 0; k < BLOCKS; k++) {
    o[k] = (block){s, k};
    gd_recompute_fn f = !wrapped ? apply_block : recompute ? nested : nested_kept;
    x = recompute ? recomputed(s->tape, f, &o[k], x) : f(s->tape, &x, 1, &o[k]);
  }
  gd_tensor *loss = gd_sum(s->tape, gd_square(s->tape, gd_matmul(s->tape, x, s->shared)), GD_ALL, false);
  memset(s->fired, 0, sizeof s->fired);
  gd_tape_on_grad_ready(s->tape, on_ready, s);
  assert_ok(gd_backward(s->tape, loss, NULL));
  return loss;
}

static inline void assert_equal_bits(const gd_tensor *a, const gd_tensor *b) {
  double x[VALUES], y[VALUES];
  assert_ok(gd_tensor_get(a, x, gd_numel(a)));
  assert_ok(gd_tensor_get(b, y, gd_numel(b)));
  assert_memory_equal(x, y, (size_t)gd_numel(a) * sizeof *x);
}

/* Loss, gradients (of one backward and of a second that adds to them) and hooks, with and without. */
static inline void recomputing_changes_no_bit(gd_device *d) {
  for (int wrapped = 0; wrapped < 2; wrapped++) {
    stack kept = stack_open(d, KEPT), again = stack_open(d, RECOMPUTED);
    for (int pass = 0; pass < 2; pass++) {
      gd_tensor *loss = play_stack(&kept, wrapped, false);
      assert_equal_bits(play_stack(&again, wrapped, true), loss);
      assert_equal_bits(again.x->grad, kept.x->grad);
      for (int i = 0; i < PARAMS; i++) {
        assert_equal_bits(param(&again, i)->grad, param(&kept, i)->grad);
        assert_int_equal(again.fired[i], 1);
        assert_true(again.at_hook[i] == kept.at_hook[i]);
      }
      assert_int_equal(again.fired[PARAMS], 1); /* x */
    }
    stack_close(&kept), stack_close(&again);
  }
}

#endif
