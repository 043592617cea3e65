/* Inside the autograd engine: the tape, how operations are applied, shape rules. */
#ifndef GDI_GRAPH_H
#define GDI_GRAPH_H

#include "device/device.h"
#include "gd/ops.h"

struct gd_tape {
  gd_device *device;
  gd_arena *arena;
  gd_node *last; /* the newest record */
  bool recording;
  gd_status status; /* of the first failure since the last reset, with its record */
  gd_error error;
  uint64_t seed; /* of random operations: see gd_tape_draws() */
  int64_t step, row0, draws;
  const int64_t *step_at; /* gd_tape_step_at() */
  uint64_t backward_id;   /* number of the last backward or drawing; nodes keep the last that reached them */
  gd_grad_ready ready;
  void *ready_user;
  bool ready_waits;   /* by itself: see gdi_tape_on_grad_ready() */
  uint32_t completed; /* bit i: the running kernel has already completed the gradient of input i */
};

/* Type and shape of an operation's result. */
typedef struct gdi_result {
  gd_dtype type;
  int ndim;
  int64_t shape[GD_MAX_DIMS];
} gdi_result;

/* Shape rules: check n's inputs and attributes, and return the form of the output, which is made later. */
typedef gd_status (*gdi_shape_rule)(const gd_node *n, gdi_result *out);
#define GDI_SHAPE_RULES(X)                                                                                   \
  X(broadcast)                                                                                               \
  X(compare)                                                                                                 \
  X(where)                                                                                                   \
  X(same)                                                                                                    \
  X(cast)                                                                                                    \
  X(reduce)                                                                                                  \
  X(argmax) X(given) X(transpose) X(slice) X(index_select) X(concat) X(matmul) X(linear) X(cross_entropy)
#define X(rule) gd_status gdi_shape_##rule(const gd_node *n, gdi_result *out) GD_CHECKED;
GDI_SHAPE_RULES(X)
#undef X

/* "[64, 784]" into buf. Returns buf. */
const char *gdi_shape_text(const gd_tensor *t, char *buf, size_t bytes);
enum { GDI_SHAPE_TEXT = 6 * 22 };

/* Run an operation; record it when an input requires a gradient. NULL after an error that the tape keeps. */
gd_tensor *gdi_apply(gd_tape *t, gdi_op op, const gdi_attr *attr, int n_in, gd_tensor *const in[]);
/* The same, returning the node: for operations with more than one result. */
gd_node *gdi_apply_node(gd_tape *t, gdi_op op, const gdi_attr *attr, int n_in, gd_tensor *const in[]);
/* The same for a result of the given form that shares its input's values, from `view` on. */
gd_tensor *gdi_apply_view(gd_tape *t, gdi_op op, const gdi_attr *attr, gd_tensor *in, const gdi_result *form,
                          void *view);
/* Are all inputs non-NULL? A NULL that no earlier failure of the tape explains becomes its error. */
bool gdi_check_operands(gd_tape *t, gdi_op op, int n, gd_tensor *const in[]);

/* Number the records that lead to root with a new pass, which is returned. */
uint64_t gdi_tape_mark_path(gd_tape *t, const gd_tensor *root);

/*
 * gd_tape_on_grad_ready() for hooks that know streams: on a GPU the compute stream does not wait for the gradient
 * that they are told of. See GDI_STREAM_GRADIENTS.
 */
void gdi_tape_on_grad_ready(gd_tape *t, gd_grad_ready hook, void *user);

/* A dimension counted from the end becomes one counted from the front. */
gd_status gdi_dim(gdi_op op, const gd_tensor *x, int dim, int *out) GD_CHECKED;

#endif
