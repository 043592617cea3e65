/* Random models as trees: every container, to a depth of 6, with names and tied parameters; and damaged copies. */
#ifndef GD_TEST_RANDOM_TREES_H
#define GD_TEST_RANDOM_TREES_H

#include <stdlib.h>
#include <string.h>

#include "gd/gd.h"
#include "random.h"

enum { TREE_DEPTH = 6, TREE_WIDTH = 12, TREE_BYTES = 1 << 15, TREE_OWNERS = 32 };

typedef struct random_tree {
  gd_rng rng;
  uint64_t draws;
  char text[TREE_BYTES];
  size_t n;
  int layers, names;
  int repeats; /* open: there a layer has no path of its own */
  char path[256];
  struct {
    char name[64];
    int64_t in, out;
  } owner[TREE_OWNERS]; /* layers that others may share a weight of */
  int owners;
} random_tree;

static inline int64_t tree_draw(random_tree *t, int64_t n) {
  return gd_rng_below(t->rng, t->draws++, n);
}

__attribute__((format(printf, 2, 3))) static inline void tree_put(random_tree *t, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  t->n += (size_t)vsnprintf(t->text + t->n, sizeof t->text - t->n, fmt, args);
  va_end(args);
  if (t->n >= sizeof t->text) fail_msg("a random tree is larger than its buffer");
}

static inline int64_t tree_linear(random_tree *t, int64_t in, int64_t out) {
  t->layers++;
  for (int i = 0; i < t->owners && t->repeats == 0 && tree_draw(t, 3) == 0; i++)
    if (t->owner[i].in == in && (out == 0 || t->owner[i].out == out)) {
      tree_put(t, "{linear: {out_features: %d, share: %s.weight, bias: %s}}", (int)t->owner[i].out,
               t->owner[i].name, tree_draw(t, 2) ? "true" : "false");
      return t->owner[i].out;
    }
  if (out == 0) out = 1 + tree_draw(t, TREE_WIDTH);
  if (tree_draw(t, 3) || t->owners == TREE_OWNERS || strlen(t->path) > 40) {
    tree_put(t, "{linear: %d}", (int)out);
    return out;
  }
  tree_put(t, "{linear: {out_features: %d, name: n%d}}", (int)out, t->names);
  if (t->repeats == 0 && t->owners > 0) {
    snprintf(t->owner[t->owners].name, sizeof t->owner->name, "%.50sn%d", t->path, t->names);
    t->owner[t->owners].in = in, t->owner[t->owners].out = out;
    t->owners++;
  }
  t->names++;
  return out;
}

static inline void tree_plain(random_tree *t) {
  static const char *const words[] = {"tanh",
                                      "sigmoid",
                                      "gelu",
                                      "softplus",
                                      "relu",
                                      "{leaky_relu: 0.2}",
                                      "log_softmax",
                                      "{dropout: 0.25}",
                                      "{tanh: {name: %d}}"};
  const int64_t i = tree_draw(t, (int64_t)(sizeof words / sizeof *words));
  t->layers++;
  if (strchr(words[i], '%'))
    tree_put(t, "{tanh: {name: act%d}}", t->names++);
  else
    tree_put(t, "%s", words[i]);
}

static inline int64_t tree_list(random_tree *t, int depth, int64_t in, int64_t out);

/* A list as a child of that name; 0 for `out`: any width. */
static inline int64_t tree_child(random_tree *t, const char *name, int depth, int64_t in, int64_t out) {
  const size_t before = strlen(t->path);
  snprintf(t->path + before, sizeof t->path - before, "%s.", name);
  const int64_t width = tree_list(t, depth + 1, in, out);
  t->path[before] = 0;
  return width;
}

static inline int64_t tree_branches(random_tree *t, int depth, int64_t in, bool sum) {
  const int n = 1 + (int)tree_draw(t, 3);
  int64_t width = sum ? 1 + tree_draw(t, TREE_WIDTH) : 0;
  tree_put(t, sum ? "{sum: [" : "{concat: {branches: [");
  for (int i = 0; i < n; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    tree_put(t, i ? ", " : "");
    const int64_t made = tree_child(t, name, depth, in, sum ? width : 0);
    if (!sum) width += made;
  }
  tree_put(t, sum ? "]}" : "], dim: %s}}", tree_draw(t, 2) ? "1" : "-1");
  return width;
}

static inline int64_t tree_container(random_tree *t, int depth, int64_t in) {
  int64_t out = in;
  switch (tree_draw(t, 5)) {
  case 0:
    tree_put(t, "{residual: {body: ");
    if (tree_draw(t, 2)) {
      out = tree_child(t, "body", depth, in, 0);
      tree_put(t, ", shortcut: ");
      tree_child(t, "shortcut", depth, in, out);
    } else {
      tree_child(t, "body", depth, in, in);
    }
    tree_put(t, tree_draw(t, 2) ? ", after: tanh}}" : "}}");
    return out;
  case 1: return tree_branches(t, depth, in, true);
  case 2: return tree_branches(t, depth, in, false);
  case 3:
    tree_put(t, "{repeat: {times: %d, body: ", 1 + (int)tree_draw(t, 3));
    t->repeats++;
    out = tree_child(t, "0", depth, in, in);
    t->repeats--;
    tree_put(t, "}}");
    return out;
  default:
    tree_put(t, "{sequential: ");
    out = tree_list(t, depth + 1, in, 0);
    tree_put(t, "}");
    return out;
  }
}

/* Layers from width `in` to `out`, or to any width where it is 0. */
static inline int64_t tree_list(random_tree *t, int depth, int64_t in, int64_t out) {
  const int n = (int)tree_draw(t, 4) + (depth == 1 ? 2 : 0);
  int64_t width = in;
  const size_t before = strlen(t->path);
  tree_put(t, "[");
  for (int i = 0; i < n; i++) {
    if (i) tree_put(t, ", ");
    snprintf(t->path + before, sizeof t->path - before, "%d.", i);
    const int64_t kind = tree_draw(t, 6);
    if (kind < 2 && depth < TREE_DEPTH && t->layers < 40) {
      width = tree_container(t, depth, width);
    } else if (kind < 4) {
      t->path[before] = 0;
      width = tree_linear(t, width, 0);
    } else {
      tree_plain(t);
    }
    t->path[before] = 0;
  }
  if (out && (width != out || n == 0)) {
    if (n) tree_put(t, ", ");
    width = tree_linear(t, width, out);
  }
  tree_put(t, "]");
  return width;
}

/* Model `i` from samples of `in` numbers to `out`; it has at least one parameter. */
static inline void tree_random(random_tree *t, int64_t i, int64_t in, int64_t out, bool ties) {
  memset(t, 0, sizeof *t);
  t->rng = gd_rng_stream(test_seed(), GD_RNG_TEST, (uint64_t)i);
  tree_put(t, "[{linear: {out_features: %d, name: first}}, {sequential: ", (int)in);
  snprintf(t->owner[0].name, sizeof t->owner->name, "first");
  t->owner[0].in = t->owner[0].out = in;
  t->owners = ties;
  snprintf(t->path, sizeof t->path, "1.");
  const int64_t width = tree_list(t, 1, in, 0);
  tree_put(t, "}, ");
  t->path[0] = 0;
  t->repeats = 1; /* the last layer is its own */
  (void)tree_linear(t, width, out);
  tree_put(t, "]");
}

#endif
