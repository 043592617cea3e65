/*
 * What no longer belongs is renamed, newest checkpoints first: killed in between, the folder still tells the story of those
 * that are left, and the next run goes on setting aside.
 */
#include "train/run_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "gd/log.h"
#include "store/checkpoint.h"

enum { PATH = 4400 };
static const char checkpoints[] = "checkpoints", snapshots[] = "snapshots";

typedef struct settling {
  const char *folder;
  const gd_checkpoint *c;
  char source[4096]; /* the run folder that the checkpoint lies in; "": in none */
  bool own;          /* that is `folder` */
  char aside[4200];  /* "": nothing was set aside yet */
  int moved;
} settling;

/* ---- files ---- */

static bool exists(const char *path) {
  return access(path, F_OK) == 0;
}

static const char *name_of(char name[PATH], const char *folder, const char *inner, const char *file) {
  snprintf(name, PATH, "%.4095s/%.150s%s%.150s", folder, inner, *inner ? "/" : "", file);
  return name;
}

static void print_copy(FILE *f, const void *from) {
  FILE *in = *(FILE *const *)from;
  char chunk[1 << 14];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, in)) > 0;) fwrite(chunk, 1, n, f);
}

static gd_status copy(const char *from, const char *folder, const char *name) {
  FILE *in = fopen(from, "rb");
  if (!in) return GD_FAIL(GD_ERR_WRITE, "%s: cannot be copied: %s", from, strerror(errno));
  gd_status st = gdi_file_write(folder, name, print_copy, &in);
  if (ferror(in)) st = GD_FAIL(GD_ERR_WRITE, "%s: cannot be copied: it cannot be read", from);
  fclose(in);
  return st;
}

/* A second name of a file that nobody writes to any more; on another file system a copy. It appears at once. */
static gd_status duplicate(const char *from, const char *folder, const char *inner, const char *file) {
  char to[PATH], in[PATH], temporary[PATH + 32];
  name_of(to, folder, inner, file);
  snprintf(in, sizeof in, "%.*s", (int)(strrchr(to, '/') - to), to);
  GD_TRY(gdi_folder_make(in));
  snprintf(temporary, sizeof temporary, "%s.%d.tmp", to, (int)getpid());
  unlink(temporary);
  if (link(from, temporary) != 0) return copy(from, in, file);
  gd_status st = rename(temporary, to) == 0 ? GD_OK : GD_FAIL(GD_ERR_WRITE, "%s: %s", to, strerror(errno));
  unlink(temporary); /* rename() leaves it when both are the same file already */
  return st;
}

/* ---- setting aside ---- */

/* A new folder, with what belongs to the checkpoints that come there: it makes a run folder of it. */
static gd_status make_aside(settling *x) {
  static const char *const records[] = {"metrics.csv", "config.yaml", "summary.json"};
  char path[PATH];
  for (int i = 1; !x->aside[0] || exists(x->aside); i++)
    snprintf(x->aside, sizeof x->aside, "%.4095s/aside-%d", x->folder, i);
  for (size_t i = 0; i < sizeof records / sizeof *records; i++)
    if (exists(name_of(path, x->folder, "", records[i]))) GD_TRY(duplicate(path, x->aside, "", records[i]));
  return GD_OK;
}

static gd_status move(settling *x, const char *inner, const char *file) {
  char from[PATH], to[PATH];
  if (x->moved++ == 0) GD_TRY(make_aside(x));
  GD_TRY(gdi_folder_make(name_of(to, x->aside, inner, "")));
  if (rename(name_of(from, x->folder, inner, file), name_of(to, x->aside, inner, file)) == 0) return GD_OK;
  return GD_FAIL(GD_ERR_WRITE, "%s: cannot be set aside: %s", from, strerror(errno));
}

/* Of the checkpoints in folder/inner those after `c`, or all where they are those of another run. */
static gd_status move_later(settling *x, const char *inner) {
  char path[PATH];
  gdi_listed *list;
  int n;
  GD_TRY(gdi_checkpoints_list(name_of(path, x->folder, inner, ""), &list, &n));
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < n; i++)
    if (!x->own || list[i].step > x->c->step) st = move(x, inner, list[i].name);
  free(list);
  return st;
}

typedef struct header {
  bool valid;
  int64_t step, best_step;
  double best;
} header;

static header look(const char *path) {
  gd_checkpoint c;
  if (!exists(path)) return (header){0};
  if (gd_checkpoint_read(&c, path, true) != GD_OK) {
    gd_error_clear();
    return (header){0};
  }
  const header h = {true, c.step, c.has_best ? c.best_step : -1, c.best};
  gd_checkpoint_free(&c);
  return h;
}

/* Is this file the best that `c` remembers? */
static bool is_best(const char *path, const gd_checkpoint *c) {
  const header h = look(path);
  return h.valid && h.step == c->best_step && h.best_step == h.step && h.best == c->best;
}

static gd_status move_best(settling *x) {
  char path[PATH];
  return exists(name_of(path, x->folder, checkpoints, "best.h5")) ? move(x, checkpoints, "best.h5") : GD_OK;
}

static gd_status move_later_best(settling *x) {
  char path[PATH];
  const header best = look(name_of(path, x->folder, checkpoints, "best.h5"));
  return x->own && best.valid && best.step <= x->c->step ? GD_OK : move_best(x);
}

static gd_status set_aside(settling *x) {
  GD_TRY(move_later(x, checkpoints));
  GD_TRY(move_later_best(x));
  return move_later(x, snapshots);
}

/* ---- what led to the checkpoint ---- */

/* The folder of a run that a checkpoint lies in: .../checkpoints/step-00000010.h5. */
static void find_source(settling *x, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return;
  snprintf(x->source, sizeof x->source, "%.*s", (int)(slash - path), path);
  slash = strrchr(x->source, '/');
  const char *inner = slash ? slash + 1 : x->source;
  const bool known = strcmp(inner, checkpoints) == 0 || strcmp(inner, snapshots) == 0;
  if (known && slash)
    x->source[slash - x->source] = 0;
  else
    strcpy(x->source, known ? "." : "");
}

static gd_status bring_checkpoint(const settling *x, const char *path) {
  char file[48], to[PATH];
  snprintf(file, sizeof file, "step-%08lld.h5", (long long)x->c->step);
  return exists(name_of(to, x->folder, checkpoints, file)) ? GD_OK
                                                           : duplicate(path, x->folder, checkpoints, file);
}

/* Rows and snapshots up to the checkpoint; without a run that it is of, there are none. */
static gd_status bring_records(const settling *x) {
  char from[PATH], to[PATH];
  unlink(name_of(to, x->folder, "", "metrics.csv"));
  if (!x->source[0]) return GD_OK;
  if (exists(name_of(from, x->source, "", "metrics.csv"))) GD_TRY(copy(from, x->folder, "metrics.csv"));
  gdi_listed *list;
  int n;
  GD_TRY(gdi_checkpoints_list(name_of(from, x->source, snapshots, ""), &list, &n));
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < n; i++)
    if (list[i].step <= x->c->step)
      st = duplicate(name_of(from, x->source, snapshots, list[i].name), x->folder, snapshots, list[i].name);
  free(list);
  return st;
}

/* best.h5 becomes the best of the past, where that is still to be had. */
static gd_status bring_best(settling *x, const char *path, bool *best) {
  char there[PATH], file[48];
  snprintf(file, sizeof file, "step-%08lld.h5", (long long)x->c->best_step);
  if (*best && is_best(name_of(there, x->folder, checkpoints, "best.h5"), x->c)) return GD_OK;
  GD_TRY(move_best(x));
  const char *const from[][2] = {{x->folder, file}, {x->source, file}, {x->source, "best.h5"}};
  if (*best && is_best(path, x->c)) return duplicate(path, x->folder, checkpoints, "best.h5");
  for (size_t i = 0; *best && i < sizeof from / sizeof *from; i++)
    if (from[i][0][0] && is_best(name_of(there, from[i][0], checkpoints, from[i][1]), x->c))
      return duplicate(there, x->folder, checkpoints, "best.h5");
  if (*best)
    gd_message(GD_LOG_WARN,
               "the best checkpoint so far, of step %lld, is not there any more: the best begins anew",
               (long long)x->c->best_step);
  *best = false;
  return GD_OK;
}

gd_status gdi_run_folder_settle(const char *folder, const char *path, const gd_checkpoint *c, bool *best) {
  settling x = {.folder = folder, .c = c};
  if (c) find_source(&x, path);
  x.own = x.source[0] && gdi_same_file(x.source, folder);
  gd_status st = set_aside(&x);
  if (st == GD_OK && c) st = bring_checkpoint(&x, path);
  if (st == GD_OK && c && !x.own) st = bring_records(&x);
  if (st == GD_OK && c) st = bring_best(&x, path, best);
  if (x.moved)
    gd_message(GD_LOG_WARN,
               "what %s had gone on to is set aside in %s: %d checkpoint%s, with rows and summary", folder,
               x.aside, x.moved, x.moved > 1 ? "s" : "");
  return st;
}
