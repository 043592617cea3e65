/* Everything at once, on board: from all owners to rank 0 for a checkpoint, and from rank 0 to all owners for
 * a start. */
#include <stdlib.h>
#include <string.h>

#include "sync/board.h"

enum { TAG_STATE = 24 };

static gd_range slice_of(const gd_sync *s, int rank) {
  const gd_range all = {0, s->elements};
  return s->o.mode == GD_SYNC_ORDERED ? gd_share_blocks(s->elements, gd_world_size(s->world), rank) : all;
}

static size_t bytes_of(const gd_sync *s, gd_range r) {
  return (size_t)(r.hi - r.lo) * s->element_bytes;
}

static gd_status wait_for(gd_sync *s, gd_request *r) {
  return gd_wait(s->world, &r, 1);
}

/* Slices of a state between rank 0's whole array and the GPUs of their owners; `stage` is [own slice]. */
static gd_status gather_state(gd_sync *s, int i, char *whole, char *stage) {
  gdi_board *b = s->board;
  const int rank = gd_world_rank(s->world);
  gd_request *q;
  GD_TRY(b->device->download(b->device, rank == 0 ? whole : stage, b->slice.state[i], bytes_of(s, s->slice)));
  if (s->o.mode == GD_SYNC_ALLREDUCE) return GD_OK;
  for (int r = 1; rank == 0 && r < gd_world_size(s->world); r++) {
    const gd_range slice = slice_of(s, r);
    GD_TRY(gd_irecv(s->world, whole + (size_t)slice.lo * s->element_bytes, bytes_of(s, slice), r, TAG_STATE,
                    &q));
    GD_TRY(wait_for(s, q));
  }
  if (rank == 0) return GD_OK;
  GD_TRY(gd_isend(s->world, stage, bytes_of(s, s->slice), 0, TAG_STATE, &q));
  return wait_for(s, q);
}

static gd_status scatter_state(gd_sync *s, int i, const char *whole, char *stage) {
  gdi_board *b = s->board;
  const int rank = gd_world_rank(s->world);
  gd_request *q;
  if (s->o.mode == GD_SYNC_ALLREDUCE) {
    if (rank == 0) memcpy(stage, whole, bytes_of(s, s->slice));
    GD_TRY(gd_world_bcast(s->world, stage, bytes_of(s, s->slice), 0));
    return b->device->upload(b->device, b->slice.state[i], stage, bytes_of(s, s->slice));
  }
  for (int r = 1; rank == 0 && r < gd_world_size(s->world); r++) {
    const gd_range slice = slice_of(s, r);
    GD_TRY(gd_isend(s->world, whole + (size_t)slice.lo * s->element_bytes, bytes_of(s, slice), r, TAG_STATE,
                    &q));
    GD_TRY(wait_for(s, q));
  }
  if (rank > 0) {
    GD_TRY(gd_irecv(s->world, stage, bytes_of(s, s->slice), 0, TAG_STATE, &q));
    GD_TRY(wait_for(s, q));
  }
  return b->device->upload(b->device, b->slice.state[i], rank == 0 ? whole : stage, bytes_of(s, s->slice));
}

gd_status gdi_onboard_gather(gd_sync *s, void *params, void *const states[]) {
  gdi_board *b = s->board;
  char *stage = malloc(bytes_of(s, s->slice) + 1);
  gd_status st = stage ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for optimizer state");
  if (st == GD_OK && gd_world_rank(s->world) == 0)
    st = b->device->download(b->device, params, b->params, gd_params_bytes(s->params));
  const bool alone = gd_world_rank(s->world) > 0 && s->o.mode == GD_SYNC_ALLREDUCE; /* rank 0 has it all */
  for (int i = 0; st == GD_OK && !alone && i < s->n_states; i++)
    st = gather_state(s, i, gd_world_rank(s->world) == 0 ? states[i] : NULL, stage);
  free(stage);
  return st;
}

static gd_status scatter_params(gd_sync *s, const void *params, char *stage) {
  gdi_board *b = s->board;
  const size_t run = gd_params_bytes(s->params);
  if (gd_world_rank(s->world) == 0 && params)
    memcpy(stage, params, run);
  else
    GD_TRY(b->device->download(b->device, stage, b->params, run));
  GD_TRY(gd_world_bcast(s->world, stage, run, 0));
  GD_TRY(b->device->upload(b->device, b->params, stage, run));
  return b->rounded ? b->gpu->round(b->device) : GD_OK;
}

/* params NULL: rank 0's present ones. */
gd_status gdi_onboard_scatter(gd_sync *s, const void *params, const void *const states[]) {
  gdi_board *b = s->board;
  double with_states = gd_world_rank(s->world) == 0 && states;
  GD_TRY(gd_world_allreduce_f64(s->world, &with_states, 1, GD_MAX));
  char *stage = malloc(gd_params_bytes(s->params));
  gd_status st = gd_world_agree(s->world, stage ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for parameters"));
  if (st == GD_OK) st = scatter_params(s, params, stage);
  for (int i = 0; st == GD_OK && i < s->n_states; i++)
    st = with_states != 0 ? scatter_state(s, i, gd_world_rank(s->world) == 0 ? states[i] : NULL, stage)
                          : b->device->zero(b->device, b->slice.state[i], bytes_of(s, s->slice));
  free(stage);
  b->started = false;
  s->sick = false;
  return st == GD_OK ? b->device->zero(b->device, b->now, sizeof *b->now) : st;
}
