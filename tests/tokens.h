/* A container for tests: a sample of numbers as `count` tokens, through layers that see a row for each: [B T, C]. */
#ifndef GD_TEST_TOKENS_H
#define GD_TEST_TOKENS_H

#include "gd/gd.h"

typedef struct tokens {
  gd_module base;
  int64_t count;
} tokens;

static const gd_arg tokens_args[] = {{"count", GD_ARG_INT, NULL, 1, 1000, NULL, "tokens of a sample"},
                                     {"body", GD_ARG_TREE, NULL, 0, 0, NULL, "layers for each token"},
                                     {0}};

static gd_tensor *tokens_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const int64_t T = ((const tokens *)m)->count, B = x->shape[0];
  gd_tensor *y = gd_forward(m->child[0].module, t, gd_reshape(t, x, GD_SHAPE(B * T, x->shape[1] / T)));
  return y ? gd_reshape(t, y, GD_SHAPE(B, y->shape[1] * T)) : NULL;
}

static gd_status tokens_build(gd_module *m, gd_build *b) {
  const int64_t T = ((tokens *)m)->count = gd_arg_i64(b, "count");
  int n = 1;
  if (b->in[0].ndim != 1 || b->in[0].dim[0] % T)
    return GD_FAIL(GD_ERR_SHAPE, "tokens: the input does not divide into %lld", (long long)T);
  b->out[0].dim[0] /= T;
  GD_TRY(gd_build_child(b, m, "body", gd_arg_tree(b, "body"), &n, b->out));
  b->out[0].dim[0] *= T;
  return GD_OK;
}

static const gd_module_class tokens_class = {.name = "Tokens",
                                             .word = "tokens",
                                             .about = "layers for each part of a sample",
                                             .example = "tokens: {count: 4, body: [dropout: 0.5]}",
                                             .args = tokens_args,
                                             .bytes = sizeof(tokens),
                                             .forward = tokens_forward,
                                             .build = tokens_build};

#endif
