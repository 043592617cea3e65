/**
 * @file tape.h  The tape: operations record themselves while they run, gd_backward() plays them in reverse.
 *
 * A tape belongs to one thread. Results of operations are the tape's: they live until gd_tape_reset(), which
 * frees them all in O(1). After one warm-up round an equal series of operations gets equal addresses and
 * allocates nothing.
 *
 * Errors: an operation that fails returns NULL and the tape keeps the first cause; operations given NULL
 * return NULL. A whole expression is therefore checked once, by gd_backward() or gd_tape_status().
 */
#ifndef GD_TAPE_H
#define GD_TAPE_H

#include <stdio.h>

#include "gd/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gd_tape gd_tape;

GD_API gd_status gd_tape_new(gd_tape **out, gd_device *d) GD_CHECKED; /**< Owner: caller; gd_tape_free() */
GD_API void gd_tape_free(gd_tape *t);
/** Drop all results and the error; dropout ordinals restart. Leaves and their gradients are untouched. */
GD_API void gd_tape_reset(gd_tape *t);
/** GD_OK, or the status of the first operation that failed since the last reset. */
GD_API gd_status gd_tape_status(const gd_tape *t) GD_CHECKED;
/**
 * For modules and losses outside the library: make the failure `s`, recorded on this thread, the tape's error
 * unless it has one. Returns NULL, the result of a failed operation.
 */
GD_API gd_tensor *gd_tape_fail(gd_tape *t, gd_status s);
/** The arena of the tape's results, for temporaries with the same lifetime. */
GD_API gd_arena *gd_tape_arena(gd_tape *t);
GD_API gd_device *gd_tape_device(gd_tape *t);

/** Turn recording on or off (no_grad); returns what it was:  bool was = gd_tape_record(t, false); */
GD_API bool gd_tape_record(gd_tape *t, bool on);

/**
 * Key of random operations on this tape. `row0` is the index in the global batch of the first of the micro-batch's `rows`
 * samples: a sample draws the same numbers whichever rank holds it. Of a tensor whose first dimension is samples times
 * something (tokens), each sample has its share of the rows.
 */
GD_API void gd_tape_draws(gd_tape *t, uint64_t seed, int64_t step, int64_t row0, int64_t rows);
/**
 * On a GPU: read the step from device memory at the time operations run, so that a recorded CUDA graph draws
 * new numbers at every replay. NULL: the step of gd_tape_draws() again.
 */
GD_API void gd_tape_step_at(gd_tape *t, const int64_t *step);

/**
 * Gradients of every leaf that requires one, added to what it has (see gd_zero_grad).
 *
 * Math:   leaf.grad += seed^T d root / d leaf   (seed 1 when NULL: root must then have one element)
 * Shapes: root any, seed as root
 * Errors: the first error of the operations that led to root; GD_ERR_NO_GRAD (root was not recorded; the
 *         message says why), GD_ERR_SHAPE (no seed for a non-scalar root)
 */
GD_API gd_status gd_backward(gd_tape *t, gd_tensor *root, const gd_tensor *seed) GD_CHECKED;

/**
 * Called during gd_backward() as soon as a leaf's gradient is complete; NULL: no hook. The hook must not
 * change the leaf's value, which the rest of this backward may still read.
 */
typedef void (*gd_grad_ready)(void *user, gd_tensor *leaf);
GD_API void gd_tape_on_grad_ready(gd_tape *t, gd_grad_ready hook, void *user);

/** Builds a result from x[0 .. n-1] on the tape it is given, the same way at every call. */
typedef gd_tensor *(*gd_recompute_fn)(gd_tape *t, gd_tensor *const x[], int n, void *user);
/**
 * y = f(x), without keeping what f computes: backward runs f again (gradient checkpointing). Costs a second forward, and saves
 * the memory of f's results; y and all gradients have the same bits. Where nothing is recorded this is f(t, x, n, user).
 *
 * Shapes: x, leaves any; y as f makes it
 * Owner:  y is the tape's. f, `user` and the leaves must stay as they are until the last backward over this tape
 * Errors: those of f; GD_ERR_USAGE (NULL among x or leaves, more than 8 of these inside each other, or f uses a result of
 *         this tape that is not one of its x)
 *
 * `leaves`: every leaf that f uses and that requires a gradient (parameters); x need not be named again.
 */
GD_API gd_tensor *gd_recompute(gd_tape *t, gd_recompute_fn f, void *user, int n, gd_tensor *const x[],
                               int n_leaves, gd_tensor *const leaves[]);

/**
 * A part of a model that operations belong to, for drawings and tables: gd_forward() enters that of the module. Owner:
 * the caller, for as long as the tape may hold operations of it
 */
typedef struct gd_scope {
  const char *name; /**< "body" */
  const char *kind; /**< "Sequential" */
  const struct gd_scope *outer;
} gd_scope;
/** Operations recorded until gd_tape_leave() belong to `s`, whose `outer` becomes the present one. */
GD_API void gd_tape_enter(gd_tape *t, gd_scope *s);
GD_API void gd_tape_leave(gd_tape *t);

/** The recorded graph that leads to root, as Graphviz DOT; scopes are boxes. */
GD_API gd_status gd_tape_write_dot(const gd_tape *t, const gd_tensor *root, FILE *f) GD_CHECKED;

typedef gd_tensor *(*gd_scalar_fn)(gd_tape *t, gd_tensor *const leaves[], int n, void *user);
typedef struct gd_gradcheck_options {
  double h, rtol, atol; /**< 0: 1e-6, 1e-5, 1e-7 */
  int64_t max_elements; /**< per leaf, spread evenly; 0: all */
} gd_gradcheck_options;

/**
 * Compare gd_backward() with central differences, element by element and signed. `f` builds a scalar from the
 * leaves on the tape it is given, the same way at every call.
 *
 * Math:   (f(x + h e_i) - f(x - h e_i)) / 2h  against  df/dx_i,  where |difference| <= atol + rtol |numeric|
 * Shapes: leaves any, f64; f's result a scalar
 * Errors: GD_ERR_INTERNAL for a mismatch (NaN included), with leaf, element and both values
 */
GD_API gd_status gd_gradcheck(gd_device *d, gd_scalar_fn f, gd_tensor *const leaves[], int n, void *user,
                              const gd_gradcheck_options *options) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
