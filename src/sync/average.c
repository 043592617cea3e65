/* The average of the parameters in their place, for a validation. */
#include <string.h>

#include "sync/gpu/gpu_sync.h"
#include "sync/sync.h"

/* Every rank gives its slice; each gets the whole. */
static gd_status collect(gd_sync *s, const char *window) {
  if (!s->average.data)
    GD_TRY(gd_world_agree(s->world, gdi_private_new(&s->average, gd_params_bytes(s->params))));
  char *run = s->average.data;
  memcpy(run + (size_t)s->slice.lo * s->element_bytes, window, gdi_bytes_of(s, s->slice));
  for (int r = 0; r < gd_world_size(s->world); r++) {
    const gd_range own = gdi_slice_of(s, r);
    const int64_t bytes = (int64_t)s->element_bytes;
    s->part[r] = (gd_range){own.lo * bytes, own.hi * bytes};
  }
  return gd_world_allgatherv(s->world, run, s->part);
}

/* In host memory: where it is, when every group keeps all of it. One that happens to own all, since there are few
 * blocks, takes part all the same: others need it. */
static gd_status whole_average(gd_sync *s, int average, void **run) {
  void *state[GD_OPTIM_MAX_STATES];
  if (s->o.mode == GD_SYNC_ALLREDUCE || s->replicated || gd_world_groups(s->world) == 1) {
    gdi_state_at(s, 0, state);
    *run = state[average];
    return GD_OK;
  }
  gdi_state_at(s, s->slice.lo, state);
  GD_TRY(collect(s, state[average]));
  *run = s->average.data;
  return GD_OK;
}

static gd_status upload(gd_sync *s, void **run) {
  gd_device *d = s->gpu->device;
  const size_t bytes = gd_params_bytes(s->params);
  if (!s->average_there) GD_TRY(gdi_gpu_sync_put(s->gpu, NULL, bytes, &s->average_there));
  GD_TRY(d->upload(d, s->average_there, *run, bytes));
  *run = s->average_there;
  return GD_OK;
}

gd_status gd_sync_bind_average(gd_sync *s, bool average) {
  const int which = gd_optim_average_state(&s->o.optim);
  const bool resident = s->gpu && s->gpu->resident;
  if (which < 0) return GD_FAIL(GD_ERR_USAGE, "no average of the parameters is kept: set ema or swa");
  if (!average) return gd_params_bind(s->params, s->gpu ? s->gpu->params : s->param_memory.data, false);
  if (resident) return gd_params_bind(s->params, s->gpu->slice.state[which], false);
  void *run;
  GD_TRY(whole_average(s, which, &run));
  if (s->gpu) GD_TRY(gd_world_agree(s->world, upload(s, &run)));
  return gd_params_bind(s->params, run, false);
}

void gdi_average_free(gd_sync *s) {
  gdi_private_free(&s->average);
}
