/* Inside the autograd engine: the tape, and what operations and hooks above it use. */
#ifndef GDI_AUTOGRAD_H
#define GDI_AUTOGRAD_H

#include "device/device.h"
#include "gd/op.h"

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

/* Number the records that lead to root with a new pass, which is returned. */
uint64_t gdi_tape_mark_path(gd_tape *t, const gd_tensor *root);

/*
 * gd_tape_on_grad_ready() for hooks that know streams: on a GPU the compute stream does not wait for the gradient
 * that they are told of. See GDI_STREAM_GRADIENTS.
 */
void gdi_tape_on_grad_ready(gd_tape *t, gd_grad_ready hook, void *user);

#endif
