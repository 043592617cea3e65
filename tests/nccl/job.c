/*
 * A job whose ranks pass data by NCCL, for faults.sh to disturb:  nccl_job DEADLINE STEPS [WHAT AT [recorded]]
 *
 * In step AT the last rank does WHAT: `kill` or `stop` (itself), `late` (it does not come), `other` (another
 * operation), `size` (another number of values), `memory` (its own instead of the library's). Recorded: all
 * steps but the first are replays, as in training, and only the first three faults fit.
 */
#include <signal.h>
#include <unistd.h>

#include "gpus.h"

enum { N = 3000 };
static const gdi_stream stream = GDI_STREAM_COMPUTE;

typedef struct job {
  gd_world *world;
  gd_device *gpu;
  gdi_nccl *nccl;
  float *data; /* [2 N] sums, and what comes from the rank before */
  const char *what;
  int steps, at;
  bool recorded;
  gdi_graph *graph;
} job;

static gd_status misbehave(job *j) {
  float *own = take(j->gpu, N * sizeof(float));
  if (strcmp(j->what, "kill") == 0) raise(SIGKILL);
  if (strcmp(j->what, "stop") == 0) raise(SIGSTOP);
  if (strcmp(j->what, "late") == 0) sleep(600);
  if (strcmp(j->what, "other") == 0) return gdi_nccl_broadcast(j->nccl, stream, j->data, 8, 0);
  if (strcmp(j->what, "size") == 0) return gdi_nccl_sum(j->nccl, stream, j->data, N - 1, GD_F32);
  return gdi_nccl_sum(j->nccl, stream, own, N, GD_F32);
}

static gd_status pass_on(job *j) {
  const int size = gd_world_size(j->world), rank = gd_world_rank(j->world);
  GD_TRY(gdi_nccl_begin(j->nccl));
  GD_TRY(gdi_nccl_send(j->nccl, stream, j->data, N * sizeof(float), (rank + 1) % size));
  GD_TRY(gdi_nccl_receive(j->nccl, stream, j->data + N, N * sizeof(float), (rank + size - 1) % size));
  return gdi_nccl_end(j->nccl);
}

static gd_status record(job *j) {
  GD_TRY(j->gpu->gpu->capture(j->gpu));
  gd_status st = gdi_nccl_sum(j->nccl, stream, j->data, N, GD_F32);
  if (st == GD_OK) st = pass_on(j);
  const gd_status ended = j->gpu->gpu->captured(j->gpu, &j->graph);
  return st != GD_OK ? st : ended;
}

static gd_status step(job *j, int s) {
  const bool last = gd_world_rank(j->world) == gd_world_size(j->world) - 1;
  if (j->recorded && s == 1) GD_TRY(record(j));
  if (s == j->at && last) GD_TRY(misbehave(j));
  if (j->graph) {
    GD_TRY(j->gpu->gpu->replay(j->gpu, j->graph));
  } else {
    if (s != j->at || !last) GD_TRY(gdi_nccl_sum(j->nccl, stream, j->data, N, GD_F32));
    GD_TRY(pass_on(j));
  }
  return wait_lane(j->nccl, j->gpu, stream);
}

static gd_status run(job *j) {
  char why[300];
  void *data;
  j->gpu = open_own_gpu(j->world);
  if (!j->gpu) return GD_ERR_GPU;
  GD_TRY(gdi_nccl_new(&j->nccl, j->world, j->gpu, why, sizeof why));
  if (gd_world_rank(j->world) == 0)
    j->nccl ? printf("%s\n", gdi_nccl_describe(j->nccl)) : printf("no NCCL: %s\n", why);
  if (!j->nccl) return GD_OK;
  GD_TRY(gdi_nccl_memory(j->nccl, &data, 2 * N * sizeof(float)));
  j->data = data;
  GD_TRY(j->gpu->zero(j->gpu, j->data, 2 * N * sizeof(float)));
  for (int s = 0; s < j->steps; s++) GD_TRY(step(j, s));
  j->gpu->gpu->graph_free(j->gpu, j->graph);
  gdi_nccl_free(j->nccl);
  return GD_OK;
}

int main(int argc, char **argv) {
  job j = {.what = "", .at = -1, .steps = argc > 2 ? atoi(argv[2]) : 1};
  if (argc > 4) j.what = argv[3], j.at = atoi(argv[4]);
  j.recorded = argc > 5;
  gd_status st =
      gd_world_init(&j.world, &(gd_world_options){GD_TRANSPORT_AUTO, argc > 1 ? atof(argv[1]) : 60});
  if (st == GD_OK && gd_device_gpus() == 0) return SKIPPED;
  if (st == GD_OK) st = run(&j);
  if (st == GD_OK) {
    if (gd_world_rank(j.world) == 0) printf("done\n");
    gd_world_finish(j.world);
    return 0;
  }
  const gd_error e = *gd_error_last();
  fprintf(stderr, "%s: rank %d: %s\n", gd_status_name(st), e.rank, e.message);
  if (st == GD_ERR_COMM) { /* the abort has freed the GPU of what hung there */
    j.gpu->gpu->graph_free(j.gpu, j.graph);
    gdi_nccl_free(j.nccl);
    gd_device_close(j.gpu);
  }
  gd_world_abort(j.world, gd_status_exit_code(st));
}
