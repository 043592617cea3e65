/*
 * Who is where. Ranks are renumbered so that those of one host are contiguous, hosts in the order of their
 * first rank. The ranks of a host become a group when every host can share memory.
 */
#include "comm/layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a rank tells about itself, before there is any order. */
typedef struct self {
  char host[64];
  char boot[40]; /* two machines may have the same name, but not the same boot */
  int32_t part;  /* tests divide one machine into several hosts */
  int32_t transport;
  cpu_set_t cores;
} self;

static void describe_self(self *me, const gd_world *w, gd_transport transport) {
  memset(me, 0, sizeof *me);
  gethostname(me->host, sizeof me->host - 1);
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    ssize_t n = read(fd, me->boot, sizeof me->boot - 1);
    (void)n; /* without it the name has to do */
    close(fd);
  }
  const char *fake = getenv("GDTRAIN_FAKE_HOSTS");
  int parts = fake ? atoi(fake) : 0;
  me->part = parts > 1 ? w->rank % parts : 0;
  me->transport = (int32_t)transport;
  gdi_cores_own(&me->cores);
}

static bool same_machine(const self *a, const self *b) {
  return strcmp(a->host, b->host) == 0 && strcmp(a->boot, b->boot) == 0;
}

static void find_hosts(gd_world *w, const self *all, int *host) {
  for (int r = 0; r < w->size; r++) {
    int first = 0;
    while (!(same_machine(&all[first], &all[r]) && all[first].part == all[r].part)) first++;
    host[r] = first < r ? host[first] : w->hosts++;
  }
}

/* Places in the order of hosts; `old` is the number that MPI gave. */
static void renumber(gd_world *w, const self *all, const int *host) {
  const int self_old = w->rank;
  int rank = 0;
  for (int h = 0; h < w->hosts; h++) {
    int first = rank;
    for (int old = 0; old < w->size; old++) {
      if (host[old] != h) continue;
      gdi_place *p = &w->place[rank];
      p->host = h;
      snprintf(p->name, sizeof p->name, "%.50s", all[old].host);
      if (w->hosts > 1 && getenv("GDTRAIN_FAKE_HOSTS"))
        snprintf(p->name + strlen(p->name), sizeof p->name - strlen(p->name), ".%d", all[old].part);
      if (old == self_old) {
        w->rank = rank;
        w->local_rank = w->seat = rank - first;
      }
      rank++;
    }
  }
  for (int r = 0; r < w->size; r++) w->local_size += w->place[r].host == w->place[w->rank].host;
}

void gdi_layout_groups(gd_world *w, bool by_host) {
  w->groups = 0;
  for (int r = 0; r < w->size; r++) {
    if (r == 0 || !by_host || w->place[r].host != w->place[r - 1].host) w->group_ranks[w->groups++].lo = r;
    w->place[r].group = w->groups - 1;
    w->group_ranks[w->groups - 1].hi = r + 1;
  }
  w->mine = w->group_ranks[w->place[w->rank].group];
}

gd_status gdi_layout_share(gd_world *w, gd_transport transport) {
  GDI_TRY_MPI(w, MPI_Comm_split(w->comm, w->place[w->rank].host, w->rank, &w->group_comm),
              "joining the world");
  gdi_layout_groups(w, transport != GD_TRANSPORT_MPI);
  if (w->groups == w->size) return GD_OK;
  const size_t members = (size_t)(w->mine.hi - w->mine.lo);
  const size_t head = (sizeof *w->control + members * sizeof *w->control->member + 4095) / 4096 * 4096;
  gd_status st = gd_shared_new(w, &w->window, head + 2 * members * GDI_SLOT_BYTES);
  int failed = st != GD_OK;
  MPI_Request r;
  GDI_TRY_MPI(w, MPI_Iallreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, w->comm, &r),
              "joining the world");
  GD_TRY(gdi_mpi_wait(w, &r, "joining the world"));
  if (!failed) {
    if (members == 1) return GD_OK;
    w->control = w->window.data;
    w->slots = (char *)w->window.data + head;
    return GD_OK;
  }
  gd_shared_free(w, &w->window);
  if (transport == GD_TRANSPORT_SHM)
    return st != GD_OK ? st : GD_FAIL(GD_ERR_OOM, "another host has no shared memory");
  if (w->rank == 0)
    gd_message(GD_LOG_WARN,
               "no shared memory on some host: ranks of one host exchange messages instead, which is slower");
  gdi_layout_groups(w, false);
  return GD_OK;
}

/* Cores are counted by machine, whatever tests call a host. */
static gd_status find_cores(gd_world *w, const self *all, int self_old) {
  cpu_set_t *mask = malloc((size_t)w->size * sizeof *mask), together;
  if (!mask) return GD_FAIL(GD_ERR_OOM, "no memory for the core masks of %d ranks", w->size);
  int n = 0, me = 0;
  CPU_ZERO(&together);
  for (int r = 0; r < w->size; r++) {
    if (!same_machine(&all[r], &all[self_old])) continue;
    if (r == self_old) me = n;
    mask[n++] = all[r].cores;
    CPU_OR(&together, &together, &all[r].cores);
  }
  w->cores = gdi_cores_share(mask, n, me, &w->crowded);
  const int online = (int)sysconf(_SC_NPROCESSORS_ONLN), own = CPU_COUNT(&mask[me]),
            used = CPU_COUNT(&together);
  free(mask);
  if (w->local_rank == 0 && w->crowded)
    gd_message(GD_LOG_WARN, "host %s: %d ranks share %d cores; waiting ranks sleep", w->place[w->rank].name,
               n, used);
  else if (w->local_rank == 0 && getenv("OMPI_MCA_orte_bound_at_launch") && used < online)
    gd_message(
        GD_LOG_WARN,
        "host %s: mpirun bound each rank to %d core%s: %d of %d cores %s used; --bind-to none uses all",
        w->place[w->rank].name, own, own > 1 ? "s" : "", used, online, used > 1 ? "are" : "is");
  return GD_OK;
}

static gd_status lay_out(gd_world *w, gd_transport transport, self *all, int *host) {
  const int old = w->rank;
  describe_self(&all[old], w, transport);
  GDI_TRY_MPI(w,
              MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, sizeof *all, MPI_BYTE, MPI_COMM_WORLD),
              "joining the world");
  find_hosts(w, all, host);
  renumber(w, all, host);
  GDI_TRY_MPI(w, MPI_Comm_split(MPI_COMM_WORLD, 0, w->rank, &w->comm), "joining the world");
  w->watchdog.rank = w->rank;
  for (int r = 0; r < w->size; r++)
    if (all[r].transport != (int32_t)transport)
      return GD_FAIL(GD_ERR_ENV, "ranks differ in the transport: one asks for number %d, another for %d",
                     all[r].transport, (int)transport);
  GD_TRY(find_cores(w, all, old));
  return gdi_layout_share(w, transport);
}

gd_status gdi_layout(gd_world *w, gd_transport transport) {
  const size_t n = (size_t)w->size;
  w->place = calloc(n, sizeof *w->place);
  w->group_ranks = calloc(n, sizeof *w->group_ranks);
  self *all = calloc(n, sizeof *all);
  int *host = calloc(n, sizeof *host);
  gd_status st = w->place && w->group_ranks && all && host
                     ? GD_OK
                     : GD_FAIL(GD_ERR_OOM, "no memory for %d ranks", w->size);
  gdi_watch(&w->watchdog, "joining the world");
  if (st == GD_OK) st = lay_out(w, transport, all, host);
  free(all);
  free(host);
  return st;
}
