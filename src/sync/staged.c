/* Staged: down to the windows of the ranks' hosts, and up again. */
#include <string.h>

#include "base/log.h"
#include "sync/board.h"

/*
 * A copy to or from memory that is not pinned stops everything else. Linux may refuse to pin files on a disk, where
 * windows are when /dev/shm is too small: then it is slow, and said. Returns the memory, or NULL when not pinned.
 */
static char *pin(const gdi_board *b, void *memory, size_t bytes) {
  if (b->gpu->pin(b->device, memory, bytes) == GD_OK) return memory;
  gdi_message_once(
      GD_LOG_WARN,
      "the memory of the exchange cannot be pinned, so copies to and from the GPU take longer (%s): "
      "see that /dev/shm is large enough, or name another folder in memory by GDTRAIN_SHM_DIR",
      gd_error_last()->message);
  gd_error_clear();
  return NULL;
}

static void pin_windows(gd_sync *s) {
  gdi_board *b = s->board;
  const bool ordered = s->o.mode == GD_SYNC_ORDERED;
  const size_t bytes = gd_params_bytes(s->params);
  b->pinned_params = pin(b, s->param_memory.data, bytes);
  if (b->buffers == 0) return;
  b->gradients_here = ordered ? gdi_buffer(s, gd_world_rank(s->world), 0) : (char *)s->gradient_memory.data;
  b->pinned_gradients = pin(b, b->gradients_here, (size_t)b->buffers * bytes);
}

gd_status gdi_board_lend(gd_sync *s) {
  gdi_board *b = s->board;
  pin_windows(s);
  GD_TRY(gd_params_bind(s->params, b->params, true));
  if (!s->param_memory.owner) return GD_OK;
  return b->device->download(b->device, s->param_memory.data, b->params, gd_params_bytes(s->params));
}

/* This rank's part of the records. */
static size_t first_record(const gd_sync *s) {
  return (size_t)(s->run.lo * GDI_RECORD);
}
static size_t record_bytes(const gd_sync *s) {
  return (size_t)(s->run.hi - s->run.lo) * sizeof(gd_record);
}

gd_status gdi_board_down(gd_sync *s) {
  gdi_board *b = s->board;
  gd_range node[GD_TREE_MAX_COVER + 1];
  if (s->run.lo == s->run.hi) return GD_OK;
  const bool ordered = s->o.mode == GD_SYNC_ORDERED;
  const int held = ordered ? gdi_rank_nodes(s->K, gd_world_size(s->world), gd_world_rank(s->world), node) : 1;
  for (int i = 0; i < held; i++)
    GD_TRY(b->gpu->fetch(b->device, GDI_LANE_COMPUTE,
                         b->gradients_here + (size_t)i * gd_params_bytes(s->params), gdi_board_buffer(s, i),
                         gd_params_bytes(s->params)));
  return b->gpu->fetch(b->device, GDI_LANE_COMPUTE, b->records_here + first_record(s),
                       b->records + first_record(s), record_bytes(s));
}

gd_status gdi_board_landed(gd_sync *s) {
  gdi_board *b = s->board;
  GD_TRY(b->gpu->wait(b->device));
  if (s->run.lo == s->run.hi) return GD_OK;
  memcpy(s->record + first_record(s), b->records_here + first_record(s), record_bytes(s));
  if (s->exchange) gdi_exchange_reach(s, s->run.hi - 1, s->params->n);
  return GD_OK;
}

gd_status gdi_board_up(gd_sync *s) {
  gdi_board *b = s->board;
  GD_TRY(
      b->gpu->send(b->device, GDI_LANE_COMPUTE, b->params, s->param_memory.data, gd_params_bytes(s->params)));
  return b->rounded ? b->gpu->round(b->device) : GD_OK;
}
