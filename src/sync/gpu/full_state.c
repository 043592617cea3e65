/* Everything at once, when it is resident, where each rank has it all: from rank 0 for a checkpoint, and from rank 0's
 * buffers to everybody for a start. */
#include <stdlib.h>
#include <string.h>

#include "sync/gpu/gpu_sync.h"

gd_status gdi_resident_gather(gd_sync *s, void *params, void *const states[]) {
  gdi_gpu_sync *b = s->gpu;
  const size_t run = gd_params_bytes(s->params);
  if (gd_world_rank(s->world) > 0) return GD_OK;
  GD_TRY(b->device->download(b->device, params, b->params, run));
  for (int i = 0; i < s->n_states; i++)
    GD_TRY(b->device->download(b->device, states[i], b->slice.state[i], run));
  return GD_OK;
}

/* A run from rank 0 to all GPUs; `from` is rank 0's, NULL: what its GPU has there. Over `stage`. */
static gd_status spread(gd_sync *s, void *to, const void *from, char *stage) {
  gd_device *d = s->gpu->device;
  const size_t run = gd_params_bytes(s->params);
  if (gd_world_rank(s->world) == 0 && from)
    memcpy(stage, from, run);
  else
    GD_TRY(d->download(d, stage, to, run));
  GD_TRY(gd_world_bcast(s->world, stage, run, 0));
  return d->upload(d, to, stage, run);
}

/* params NULL: rank 0's present ones. */
gd_status gdi_resident_scatter(gd_sync *s, const void *params, const void *const states[]) {
  gdi_gpu_sync *b = s->gpu;
  const size_t run = gd_params_bytes(s->params);
  const int average = gd_optim_average_state(&s->o.optim); /* without a history it begins as the parameters */
  double with_states = gd_world_rank(s->world) == 0 && states;
  GD_TRY(gd_world_allreduce_f64(s->world, &with_states, 1, GD_MAX));
  char *stage = malloc(run);
  gd_status st = gd_world_agree(s->world, stage ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for parameters"));
  if (st == GD_OK) st = spread(s, b->params, params, stage);
  if (st == GD_OK && b->rounded) st = b->gpu->round(b->device);
  for (int i = 0; st == GD_OK && i < s->n_states; i++)
    st = with_states != 0 ? spread(s, b->slice.state[i], states ? states[i] : NULL, stage)
         : i == average   ? b->device->copy(b->device, b->slice.state[i], b->params, run)
                          : b->device->zero(b->device, b->slice.state[i], run);
  free(stage);
  b->results.started = b->audit.due = b->audit.asked = false;
  s->nonfinite = false;
  if (with_states == 0) s->updates = 0;
  return st == GD_OK ? b->device->zero(b->device, b->now, sizeof *b->now) : st;
}
