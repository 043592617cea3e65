/* Everything at once: from all owners to rank 0 for a checkpoint, from rank 0 to all owners for a start. */
#include <string.h>

#include "base/fault.h"
#include "sync/audit.h"
#include "sync/gpu/gpu_sync.h"

enum { TAG_PARAMS = 16, TAG_STATE };

/* Between a buffer of all elements and this group's state i; `to_window` tells the way. */
static void copy_state(gd_sync *s, int i, void *whole, bool to_window) {
  void *window[GD_OPTIM_MAX_STATES];
  gdi_state_at(s, s->group.lo, window);
  char *part = (char *)whole + (size_t)s->group.lo * s->element_bytes;
  memcpy(to_window ? window[i] : part, to_window ? part : window[i], gdi_bytes_of(s, s->group));
}

typedef gd_status (*move)(gd_world *w, void *data, size_t bytes, int peer, int tag, gd_request **out);

static gd_status send(gd_world *w, void *data, size_t bytes, int peer, int tag, gd_request **out) {
  return gd_isend(w, data, bytes, peer, tag, out);
}

static gd_status move_now(gd_sync *s, move m, void *data, size_t bytes, int peer, int tag) {
  gd_request *request;
  GD_TRY(m(s->world, data, bytes, peer, tag, &request));
  return gd_wait(s->world, &request, 1);
}

/* Move the states of other groups between rank 0's buffers and the window of each group's first rank. */
static gd_status move_states(gd_sync *s, move at_zero, move at_first, void *const states[]) {
  const int rank = gd_world_rank(s->world), own = gd_world_group(s->world, rank);
  for (int i = 0; i < s->n_states; i++) {
    for (int g = 1; rank == 0 && g < gd_world_groups(s->world); g++) {
      gd_range r = gdi_extent_of(s, g);
      GD_TRY(move_now(s, at_zero, (char *)states[i] + (size_t)r.lo * s->element_bytes, gdi_bytes_of(s, r),
                      (int)gd_world_group_ranks(s->world, g).lo, TAG_STATE));
    }
    void *window[GD_OPTIM_MAX_STATES];
    gdi_state_at(s, s->group.lo, window);
    if (own > 0 && rank == gd_world_group_ranks(s->world, own).lo)
      GD_TRY(move_now(s, at_first, window[i], gdi_bytes_of(s, s->group), 0, TAG_STATE));
  }
  return GD_OK;
}

/*
 * Nobody waits for rank 0 here: the state changes at the next update only, which begins with a message from
 * every rank.
 */
gd_status gd_sync_gather(gd_sync *s, void *params, void *const states[]) {
  if (s->gpu && s->gpu->resident) return gdi_resident_gather(s, params, states);
  if (gd_world_rank(s->world) == 0) {
    memcpy(params, s->param_memory.data, gd_params_bytes(s->params));
    for (int i = 0; i < s->n_states; i++) copy_state(s, i, states[i], false);
  }
  return s->o.mode == GD_SYNC_ALLREDUCE || s->replicated ? GD_OK : move_states(s, gd_irecv, send, states);
}

static gd_status scatter_to_all(gd_sync *s, const void *params, const void *const states[],
                                bool with_states) {
  gd_world *w = s->world;
  const size_t bytes = gd_params_bytes(s->params);
  if (gd_world_rank(w) == 0 && params != s->param_memory.data) memcpy(s->param_memory.data, params, bytes);
  GD_TRY(gd_world_bcast(w, s->param_memory.data, bytes, 0));
  for (int i = 0; with_states && i < s->n_states; i++) {
    void *mine[GD_OPTIM_MAX_STATES];
    gdi_state_at(s, 0, mine);
    if (gd_world_rank(w) == 0) memcpy(mine[i], states[i], bytes);
    GD_TRY(gd_world_bcast(w, mine[i], bytes, 0));
  }
  return GD_OK;
}

static gd_status scatter_to_groups(gd_sync *s, const void *params, const void *const states[],
                                   bool with_states) {
  gd_world *w = s->world;
  const size_t bytes = gd_params_bytes(s->params);
  const int rank = gd_world_rank(w), own = gd_world_group(w, rank);
  void *const *sources = (void *const *)(uintptr_t)states; /* sending reads them only */
  if (rank == 0) {
    if (params != s->param_memory.data) memcpy(s->param_memory.data, params, bytes);
    for (int i = 0; with_states && i < s->n_states; i++) copy_state(s, i, sources[i], true);
    for (int g = 1; g < gd_world_groups(w); g++)
      GD_TRY(move_now(s, send, s->param_memory.data, bytes, (int)gd_world_group_ranks(w, g).lo, TAG_PARAMS));
  } else if (rank == gd_world_group_ranks(w, own).lo) {
    GD_TRY(move_now(s, gd_irecv, s->param_memory.data, bytes, 0, TAG_PARAMS));
  }
  return with_states ? move_states(s, send, gd_irecv, sources) : GD_OK;
}

/* A injected fault: this rank's slice goes on without its history. */
static void forget_states(gd_sync *s) {
  void *state[GD_OPTIM_MAX_STATES];
  gdi_state_at(s, s->slice.lo, state);
  for (int i = 0; i < s->n_states; i++) memset(state[i], 0, gdi_bytes_of(s, s->slice));
}

/* Without a history the average begins as the parameters: this rank's slice. */
static gd_status start_average(gd_sync *s) {
  const int average = gd_optim_average_state(&s->o.optim);
  void *state[GD_OPTIM_MAX_STATES];
  if (average < 0) return GD_OK;
  gdi_state_at(s, s->slice.lo, state);
  memcpy(state[average], gdi_param_at(s, s->slice.lo), gdi_bytes_of(s, s->slice));
  return gd_world_barrier(s->world); /* others may read it */
}

gd_status gd_sync_scatter(gd_sync *s, const void *params, const void *const states[]) {
  gd_world *w = s->world;
  if (s->gpu && s->gpu->resident) return gdi_resident_scatter(s, params, states);
  double with_states = gd_world_rank(w) == 0 && states;
  GD_TRY(gd_world_allreduce_f64(w, &with_states, 1,
                                GD_MAX)); /* a barrier too: the old values are no longer in use */
  if (with_states == 0 && s->state_memory.owner)
    memset(s->state_memory.data, 0, (size_t)s->n_states * gdi_bytes_of(s, s->group));
  s->nonfinite = false;
  if (with_states == 0) s->updates = 0;
  if (s->audit) gdi_audit_forget(s);
  if (s->o.mode == GD_SYNC_ALLREDUCE)
    GD_TRY(scatter_to_all(s, params, states, with_states != 0));
  else
    GD_TRY(scatter_to_groups(s, params, states, with_states != 0));
  GD_TRY(gd_world_barrier(w));
  if (with_states == 0) GD_TRY(start_average(s));
  if (GDI_FAULT("stale_state")) forget_states(s);
  return s->gpu ? gdi_host_staged_up_all(s) : GD_OK;
}
