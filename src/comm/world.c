/* Joining and leaving the world of ranks. */
#include "comm/world.h"

#include <stdlib.h>
#include <unistd.h>

#include "comm/layout.h"

enum { DEFAULT_DEADLINE_S = 300 };

/* Our own communicator starts as everybody's; layout.c renumbers it. */
static gd_status start_mpi(gd_world *w, const gdi_launcher *launcher) {
  int running, ended, provided = MPI_THREAD_FUNNELED;
  MPI_Initialized(&running);
  MPI_Finalized(&ended);
  if (ended) return GD_FAIL(GD_ERR_ENV, "MPI was finished already: a program can join the world only once");
#ifdef OPEN_MPI /* whose start would end the program with a page that does not say what to type */
  if (!running && getenv("SLURM_STEP_NUM_TASKS") && !getenv("PMIX_RANK") && !getenv("PMI_RANK"))
    return GD_FAIL(GD_ERR_ENV,
                   "srun started this program without MPI: srun --mpi=pmix (srun --mpi=list names "
                   "what there is)");
#endif
  gdi_watch(&w->watchdog, "MPI_Init");
  if (!running && MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
    return GD_FAIL(GD_ERR_ENV, "MPI could not be started by %s", launcher->name);
  gdi_unwatch(&w->watchdog);
  w->mpi = true;
  w->started_mpi = !running;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  GDI_TRY_MPI(w, MPI_Comm_rank(MPI_COMM_WORLD, &w->rank), "MPI_Comm_rank");
  GDI_TRY_MPI(w, MPI_Comm_size(MPI_COMM_WORLD, &w->size), "MPI_Comm_size");
  if (provided < MPI_THREAD_FUNNELED)
    return GD_FAIL(GD_ERR_ENV,
                   "this MPI does not allow threads: it gives level %d, MPI_THREAD_FUNNELED is needed",
                   provided);
  if (w->size == 1 && launcher->size > 1)
    return GD_FAIL(
        GD_ERR_ENV,
        "%s started %d programs, but each of them is alone: the launcher and the MPI library that this "
        "program was built with do not belong together. Start it with that library's own mpirun (under "
        "Slurm: srun --mpi=pmix)",
        launcher->name, launcher->size);
  return GD_OK;
}

/* A program started alone. */
static gd_status settle_alone(gd_world *w) {
  w->size = w->hosts = w->groups = w->local_size = 1;
  w->place = calloc(1, sizeof *w->place);
  w->group_ranks = calloc(1, sizeof *w->group_ranks);
  if (!w->place || !w->group_ranks) return GD_FAIL(GD_ERR_OOM, "no memory for the world");
  gethostname(w->place->name, sizeof w->place->name - 1);
  w->mine = w->group_ranks[0] = (gd_range){0, 1};
  cpu_set_t mask;
  gdi_cores_own(&mask);
  w->cores = gdi_cores_share(&mask, 1, 0, &w->crowded);
  return GD_OK;
}

static gd_status join(gd_world *w, const gd_world_options *o) {
  w->deadline_s = o && o->deadline_s > 0 ? o->deadline_s : DEFAULT_DEADLINE_S;
  const gd_transport transport = o ? o->transport : GD_TRANSPORT_AUTO;
  const gdi_launcher launcher = gdi_launcher_find();
  w->comm = w->group_comm = MPI_COMM_NULL;
  if (launcher.size == 0 || transport == GD_TRANSPORT_SELF) return settle_alone(w);
  gethostname(w->watchdog.host, sizeof w->watchdog.host - 1);
  w->watchdog.rank = launcher.rank;
  GD_TRY(gdi_watchdog_start(&w->watchdog, w->deadline_s + 3 * gdi_grace_s(w)));
  GD_TRY(start_mpi(w, &launcher));
  GD_TRY(gdi_layout(w, transport));
  return GD_OK;
}

gd_status gd_world_init(gd_world **out, const gd_world_options *o) {
  gd_world *w = *out = calloc(1, sizeof *w);
  if (!w) return GD_FAIL(GD_ERR_OOM, "no memory for the world");
  gd_status st = join(w, o);
  gdi_unwatch(&w->watchdog);
  if (st != GD_OK) {
    gd_world_finish(w);
    *out = NULL;
    return st;
  }
  gd_error_identity(w->rank, w->place[w->rank].name);
  return GD_OK;
}

/* After a failure MPI is left as it is: finishing it would wait for the rank that is lost. */
void gd_world_finish(gd_world *w) {
  if (!w) return;
  gdi_watch(&w->watchdog, "MPI_Finalize");
  gd_shared_free(w, &w->window);
  if (w->mpi && !w->broken) {
    if (w->group_comm != MPI_COMM_NULL) MPI_Comm_free(&w->group_comm);
    if (w->comm != MPI_COMM_NULL) MPI_Comm_free(&w->comm);
    if (w->started_mpi) MPI_Finalize();
  }
  gdi_unwatch(&w->watchdog);
  gdi_watchdog_stop(&w->watchdog);
  gdi_requests_free(w);
  free(w->place);
  free(w->group_ranks);
  free(w);
}

int gd_world_rank(const gd_world *w) {
  return w->rank;
}
int gd_world_size(const gd_world *w) {
  return w->size;
}
int gd_world_hosts(const gd_world *w) {
  return w->hosts;
}
int gd_world_host(const gd_world *w, int rank) {
  return w->place[rank].host;
}
int gd_world_groups(const gd_world *w) {
  return w->groups;
}
int gd_world_group(const gd_world *w, int rank) {
  return w->place[rank].group;
}
gd_range gd_world_group_ranks(const gd_world *w, int group) {
  return w->group_ranks[group];
}
int gd_world_local_rank(const gd_world *w) {
  return w->local_rank;
}
int gd_world_device_index(const gd_world *w) {
  return w->seat;
}
int gd_world_local_size(const gd_world *w) {
  return w->local_size;
}
const char *gd_world_hostname(const gd_world *w, int rank) {
  return w->place[rank].name;
}
const char *gd_world_transport(const gd_world *w) {
  if (w->size == 1) return "self";
  return w->groups == 1 ? "shm" : w->groups == w->size ? "mpi" : "shm+mpi";
}
