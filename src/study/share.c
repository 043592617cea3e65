/*
 * Groups of ranks take runs from the folder by making a lock file there. Runs side by side need no exchange: a run gets
 * more than one rank where ranks outnumber runs.
 */
#include "study/share.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gd/log.h"
#include "gd/partition.h"

static const double forever_s = 1e8; /* a group waits for others as long as their runs take */

/* ---- locks ---- */

static void lock_path(char path[4200], const gdi_share *s, int run) {
  snprintf(path, 4200, "%s/%s.lock", s->folder, s->name(s->study, run));
}

static bool lock(const gdi_share *s, int run) {
  char path[4200];
  lock_path(path, s, run);
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static void unlock(const gdi_share *s, int run) {
  char path[4200];
  lock_path(path, s, run);
  unlink(path);
}

static bool is_locked(const gdi_share *s, int run) {
  char path[4200];
  lock_path(path, s, run);
  return access(path, F_OK) == 0;
}

/* ---- what next ---- */

typedef struct task {
  int32_t run; /* -1: everything is complete */
  int64_t to;
} task;

/* The next run, of those that are mine[run]. *missing: some run is incomplete, whether free or being run elsewhere. */
static gd_status choose(const gdi_share *s, const bool *mine, task *out, bool *missing) {
  *out = (task){.run = -1};
  *missing = false;
  for (int i = 0; i < s->runs; i++) GD_TRY(s->refresh(s->study, i));
  for (int i = 0; i < s->runs; i++) {
    const int64_t to = mine[i] ? s->todo(s->study, i) : 0;
    if (to == 0) continue;
    *missing = true;
    if (is_locked(s, i)) continue;
    if (out->run < 0 || s->before(s->study, i, to, out->run, out->to)) *out = (task){.run = i, .to = to};
  }
  return GD_OK;
}

/* Take the next run, or wait for others to finish theirs: what they reach may leave something to do. */
static gd_status take(const gdi_share *s, const bool *mine, task *out) {
  for (;;) {
    bool missing;
    GD_TRY(choose(s, mine, out, &missing));
    if (!missing) return GD_OK;
    if (out->run < 0 || !lock(s, out->run)) {
      nanosleep(&(struct timespec){0, 50000000}, NULL);
      continue;
    }
    gd_status st = s->refresh(s->study, out->run); /* finished between looking and locking? */
    if (st != GD_OK || s->todo(s->study, out->run) == out->to) return st;
    unlock(s, out->run);
  }
}

static gd_status work(const gdi_share *s, gd_world *group, const bool *mine) {
  const bool first = gd_world_rank(group) == 0;
  for (;;) {
    task next = {.run = -1};
    const double usual = gd_world_set_deadline(group, forever_s);
    gd_status st = gd_world_agree(group, first ? take(s, mine, &next) : GD_OK);
    if (st == GD_OK) st = gd_world_bcast(group, &next, sizeof next, 0);
    gd_world_set_deadline(group, usual);
    if (st != GD_OK || next.run < 0) return st;
    st = s->run(s->study, group, next.run, next.to);
    if (first) unlock(s, next.run);
    GD_TRY(st);
  }
}

/* ---- groups ---- */

static gd_status run_with(const gdi_share *s, gd_world *w, int ranks, const bool *mine) {
  const int size = gd_world_size(w), groups = size / ranks;
  gd_world *group;
  GD_TRY(gd_world_split(&group, w, (int)gd_share_owner(size, groups, gd_world_rank(w))));
  gd_status st = work(s, group, mine);
  gd_world_finish(group);
  const double usual = gd_world_set_deadline(w, forever_s);
  st = gd_world_agree(w, st);
  gd_world_set_deadline(w, usual);
  return st;
}

/* Runs that can use all ranks of a group first, then those for smaller groups. */
static gd_status run_all(const gdi_share *s, gd_world *w, int64_t most, bool *mine) {
  for (int ranks = (int)most; ranks >= 1; ranks--) {
    bool any = false;
    for (int i = 0; i < s->runs; i++) {
      const int64_t width = s->width(s->study, i);
      any |= mine[i] = (most < width ? most : width) == ranks;
    }
    if (any) GD_TRY(run_with(s, w, ranks, mine));
  }
  return GD_OK;
}

gd_status gdi_share_out(const gdi_share *s, gd_world *w) {
  const int size = gd_world_size(w);
  const bool root = gd_world_rank(w) == 0;
  gd_status st = GD_OK;
  int64_t most = s->ranks_per_run, left = 0;
  for (int i = 0; root && i < s->runs; i++) {
    unlock(s, i); /* of a study that was killed */
    if (st == GD_OK) st = s->refresh(s->study, i);
  }
  GD_TRY(gd_world_agree(w, st));
  for (int i = 0; root && i < s->runs; i++) left += s->todo(s->study, i) != 0;
  GD_TRY(gd_world_bcast(w, &left, sizeof left, 0));
  if (left == 0) return GD_OK;
  if (root) gd_message(GD_LOG_INFO, "%lld of %d runs to do, %d ranks", (long long)left, s->runs, size);
  if (most == 0) most = size / left > 1 ? size / left : 1;
  if (most > size) most = size;
  bool *mine = calloc((size_t)s->runs, sizeof *mine);
  st = gd_world_agree(w, mine ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a study of %d runs", s->runs));
  if (st == GD_OK) st = run_all(s, w, most, mine);
  free(mine);
  return st;
}
