/* Inside the autograd engine: the tape, and what operations and hooks above it use. */
#ifndef GDI_AUTOGRAD_H
#define GDI_AUTOGRAD_H

#include "device/device.h"
#include "gd/op.h"

enum { GDI_DRAWERS = 1024, GDI_CALLS = 1024, GDI_RECOMPUTE_DEPTH = 8 };

/* How often random operations were called since the tape was reset: those without a number, and of each number. */
typedef struct gdi_draws {
  int64_t calls; /* the next one without a number has this one */
  int numbered;  /* numbers below it have been used: only their counts are set */
  uint16_t of[GDI_DRAWERS];
} gdi_draws;

/* Memory of a gradient of a result that nobody needs any more, in that memory. */
typedef struct gdi_spare {
  struct gdi_spare *next;
  size_t bytes;
} gdi_spare;

/* Where the time of a tape goes: a row for each part of a model, in the order in which they are first used. */
typedef struct gdi_profile_row {
  const gd_scope *scope; /* NULL: of what belongs to no part, the loss */
  double seconds[2];     /* forward, backward: of its operations, without those that they apply inside */
} gdi_profile_row;
typedef struct gdi_profile {
  gdi_profile_row *row;
  int rows, room;
  double inside; /* seconds of what was applied within the operation at work */
} gdi_profile;

struct gd_tape {
  gd_device *device;
  gd_arena *arena;
  gd_node *last;    /* the newest record */
  gdi_spare *spare; /* of the arena: what later gradients take first */
  bool recording;
  gd_status status; /* of the first failure since the last reset, with its record */
  gd_error error;
  uint64_t seed; /* of random operations: see gd_tape_draws() */
  int64_t step, row0, rows;
  const int64_t *step_at; /* gd_tape_step_at() */
  gdi_draws draws;
  uint64_t backward_id;      /* of the backward or drawing at work; nodes keep the last that reached them */
  uint64_t last_backward_id; /* that was given out */
  const gd_scope *scope;     /* that operations belong to now */
  gdi_profile *profile;      /* NULL: nobody asks */
  gd_grad_ready ready;
  void *ready_user;
  bool ready_waits; /* by itself: see gdi_tape_on_grad_ready() */
  bool *
      completed; /* [inputs of the node at work]: its kernel has already completed the gradient of that one */
  gd_arena
      *inner[GDI_RECOMPUTE_DEPTH]; /* of what is run again: see recompute.c; the first `depth` are in use */
  int depth;
};

void gdi_draws_reset(gdi_draws *d);
/* The ordinal of this call of a random operation, by its number; without one (-1) by the number of the call. */
gd_status gdi_draws_next(gdi_draws *d, int64_t number, uint64_t *ordinal) GD_CHECKED;

/*
 * The part of a backward that recompute.c plays inside another: from `root`, whose gradient is dout, to the leaves. Notes in
 * used[k] whether leaf k has taken part; one that has is completed here, and the node at work no longer waits for it.
 */
gd_status gdi_backward_inside(gd_tape *t, gd_tensor *root, gd_tensor *dout, int n, gd_tensor *const leaf[],
                              int used[]) GD_CHECKED;

/*
 * profile.c. work(t, n), which is its part of forward (0) or backward (1), with its time noted where the tape has a profile.
 * Profiles are of work on a CPU: a GPU is given it and does it later.
 */
gd_status gdi_profiled(gd_tape *t, gd_node *n, int pass,
                       gd_status (*work)(gd_tape *t, gd_node *n)) GD_CHECKED;
void gdi_profile_free(gdi_profile *p);

/* Number the records that lead to root with a new number, which is returned. */
uint64_t gdi_tape_mark_path(gd_tape *t, const gd_tensor *root);

/*
 * gd_tape_on_grad_ready() for hooks that know streams: on a GPU the compute stream does not wait for the gradient
 * that they are told of. See GDI_STREAM_GRADIENTS.
 */
void gdi_tape_on_grad_ready(gd_tape *t, gd_grad_ready hook, void *user);

#endif
