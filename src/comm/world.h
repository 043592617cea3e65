/* What the files of this room share: the world, the control window of a group, the watchdog. */
#ifndef GDI_COMM_WORLD_H
#define GDI_COMM_WORLD_H

#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "gd/arena.h"
#include "base/clock.h"
#include "gd/comm.h"
#include "gd/log.h"

enum {
  GDI_SLOT_BYTES = 32 << 10, /* most that a rank passes to its group at once */
  GDI_PIECE_BYTES = 1 << 30, /* larger messages are cut: MPI counts in int */
  GDI_TAG_ROLL_CALL = 32767, /* the largest tag that every MPI supports */
};

/* One rank's part of the control window, on a cache line of its own. */
typedef struct gdi_member {
  _Alignas(GD_ALIGN) _Atomic uint32_t arrived; /* the last barrier it reached */
  _Atomic uint32_t in_messages;                /* it is waiting for another group, not computing */
} gdi_member;

/* What the ranks of a group share from the start: the barrier, and two slots a rank for small collectives. */
typedef struct gdi_control {
  _Alignas(GD_ALIGN) _Atomic uint32_t generation; /* the last barrier that all ranks reached */
  _Alignas(GD_ALIGN) _Atomic uint32_t count;      /* ranks that reached the present one */
  _Atomic uint32_t sleepers;
  gdi_member member[];
} gdi_control;

typedef struct gdi_place {
  int host, group;
  char name[64];
} gdi_place;

typedef struct gdi_watchdog {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool running, stop;
  _Atomic int64_t expires_ns; /* 0: not waiting */
  _Atomic(const char *) what;
  double limit_s;
  int rank;
  char host[64];
} gdi_watchdog;

struct gd_world {
  /* who is where */
  int rank, size, hosts, groups;
  gdi_place *place;      /* [size] */
  gd_range *group_ranks; /* [groups] */
  gd_range mine;         /* ranks of this group */
  int local_rank, local_size, seat;
  int cores;
  bool crowded; /* more ranks than cores: do not spin while waiting */

  /* messages */
  bool mpi;         /* else this rank is alone, without MPI */
  bool started_mpi; /* by this library, which then ends it too */
  bool broken;      /* a rank is lost: nothing collective works any more */
  MPI_Comm comm, group_comm;
  double deadline_s;
  gd_request *spare; /* finished ones, to be used again */
  gdi_watchdog watchdog;

  /* the group's control window */
  gd_shared window;
  gdi_control *control; /* NULL in a group of one */
  char *slots;          /* [2][ranks of the group][GDI_SLOT_BYTES] */
  uint32_t epoch;       /* barriers of the group so far */
  uint32_t exchanges;   /* through slots so far: they take turns */
};

/* Size and rank from the launcher's environment variables; size 0: started alone. */
typedef struct gdi_launcher {
  int size, rank;
  const char *name;
} gdi_launcher;
gdi_launcher gdi_launcher_find(void);

/* The affinity mask of this rank. All cores where the kernel has more of them than a mask has bits: it then
 * refuses to fill one. */
void gdi_cores_own(cpu_set_t *mask);
/* Cores for rank `self` of this host, given the affinity masks of its n ranks: shared ones are divided. */
int gdi_cores_share(const cpu_set_t *masks, int n, int self, bool *crowded);

/* Ends the process when the main thread stays in one wait for longer than the limit. */
gd_status gdi_watchdog_start(gdi_watchdog *d, double limit_s) GD_CHECKED;
void gdi_watchdog_stop(gdi_watchdog *d);
void gdi_watch(gdi_watchdog *d, const char *what);
void gdi_unwatch(gdi_watchdog *d);
double gdi_grace_s(const gd_world *w); /* added to the deadline while the other ranks report who is missing */

void gdi_requests_free(gd_world *w);

/* The error that names missing ranks: missing[r] for all ranks of the world. */
gd_status gdi_lost(gd_world *w, const bool missing[], const char *what);
gd_status gdi_mpi_failed(gd_world *w, int code, const char *what);
#define GDI_TRY_MPI(w, call, what)                                                                           \
  do {                                                                                                       \
    int mpi_code_ = (call);                                                                                  \
    if (mpi_code_ != MPI_SUCCESS) return gdi_mpi_failed((w), mpi_code_, (what));                             \
  } while (0)
/* Finish one operation of MPI within the deadline. */
gd_status gdi_mpi_wait(gd_world *w, MPI_Request *r, const char *what) GD_CHECKED;
/* This rank starts or stops waiting for others outside of barriers; the watchdog reports `what`. */
void gdi_waiting(gd_world *w, bool waiting, const char *what);
/* After the deadline of such a wait: the error that names the ranks which do not answer. */
gd_status gdi_roll_call(gd_world *w, const char *what);

#endif
