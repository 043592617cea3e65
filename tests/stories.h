/*
 * Runs of a tiny model, each in a process of its own, as test programs start, stop and kill them; and what their folders hold.
 * The process that calls this must not have started MPI or threads.
 */
#ifndef GD_TEST_STORIES_H
#define GD_TEST_STORIES_H

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gd/gd.h"
#include "random.h"

enum { TRAIN_ROWS = 24, VAL_ROWS = 9, FEATURES = 2, CLASSES = 3, KILLED = 128 + SIGKILL };

/* ---- data ---- */

/* What a run learns: classes; numbers, of which one batch has a loss that is no number and is left out; shares, from 0 to 1 but
 * in file OUTSIDE, which a loss of shares refuses. */
typedef enum subject { LABELS, NUMBERS, SHARES } subject;
enum { LOST_BATCH = 2, LOST_ROWS = 4, OUTSIDE = 2 };
static const char *const subjects[] = {"labels", "numbers", "shares"};

/* Clouds of points around one place a class; other files have other points. `lost`: with a batch whose targets are too large;
 * the other rows are those of the file without it. */
static void write_points(const char *path, int file, int n, subject learns, bool lost) {
  float x[(TRAIN_ROWS + LOST_ROWS) * FEATURES];
  int64_t label[TRAIN_ROWS + LOST_ROWS];
  double target[TRAIN_ROWS + LOST_ROWS];
  const gd_rng r = gd_rng_stream(10 + (uint64_t)file, GD_RNG_TEST, 0);
  for (int i = 0, good = 0; i < n; i++) {
    const bool bad = lost && i / LOST_ROWS == LOST_BATCH;
    const int from = bad ? 0 : good++;
    label[i] = from % CLASSES;
    target[i] = bad ? 1e30 : file == OUTSIDE && i == 5 ? 1.25 : (double)label[i] / (CLASSES - 1);
    for (int k = 0; k < FEATURES; k++)
      x[i * FEATURES + k] =
          (float)((label[i] == k) + 0.7 * gd_rng_normal(r, (uint64_t)(from * FEATURES + k)));
  }
  const bool labels = learns == LABELS;
  const gd_table t = {.n = n,
                      .ndim = 1,
                      .sample = {FEATURES},
                      .x_type = GD_F32,
                      .x = x,
                      .labels = labels,
                      .targets = labels ? 0 : 1,
                      .y_vector = true,
                      .y = labels ? (void *)label : (void *)target,
                      .classes = labels ? CLASSES : 0};
  assert_ok(gd_table_write(&t, path));
}

/* labels0.h5, clean-numbers0.h5, val-shares0.h5 ... */
static void write_data(void) {
  char path[40];
  for (subject s = LABELS; s <= SHARES; s++)
    for (int file = 0; file < 2 + (s == SHARES); file++) {
      const bool lost = s == NUMBERS;
      snprintf(path, sizeof path, "%s%d.h5", subjects[s], file);
      write_points(path, file, TRAIN_ROWS + (lost ? LOST_ROWS : 0), s, lost);
      snprintf(path, sizeof path, "clean-%s%d.h5", subjects[s], file);
      if (lost) write_points(path, file, TRAIN_ROWS, s, false);
      snprintf(path, sizeof path, "val-%s%d.h5", subjects[s], file);
      if (file < 2) write_points(path, 10 + file, VAL_ROWS, s, false);
    }
}

/* ---- a run ---- */

typedef struct settings {
  subject learns;
  bool clean; /* of NUMBERS, without the batch that is left out */
  double lr;
  int batch, epochs, data, val, keep, every;
  bool cosine; /* as long as the run */
  bool adam;
} settings;

typedef enum ending { TO_THE_END, STOPPED, KILL } ending;

typedef struct request {
  settings s;
  const char *out, *resume; /* resume "": none */
  bool changed;             /* --resume-changed */
  int64_t steps;            /* 0: as many as the epochs take */
  double total;             /* of the cosine, in epochs; 0: not given */
  ending how;
  int64_t
      at; /* the step after which it is killed, or after which it is asked to stop, which is after one more */
} request;

static const request *asked;

static void interrupt(void *user, const gd_train_progress *p) {
  (void)user;
  if (asked->how == TO_THE_END || p->step != asked->at) return;
  if (asked->how == STOPPED) {
    gd_train_stop();
    return;
  }
  usleep((unsigned)(p->step * 7919 % 13) * 200); /* whatever the thread that writes has come to by then */
  raise(SIGKILL);
}

static void set(gd_options *o, const char *key, const char *format, double number, const char *text) {
  char value[600];
  if (text)
    snprintf(value, sizeof value, format, text);
  else
    snprintf(value, sizeof value, format, number);
  assert_ok(gd_options_set(o, key, value));
}

static void set_all(gd_options *o, const request *r) {
  const settings *s = &r->s;
  static const char *const task[][2] = {
      [LABELS] = {"linear:3 tanh linear:3", "cross_entropy"},
      [NUMBERS] = {"linear:3 tanh linear:1", "mse"},
      [SHARES] = {"linear:3 tanh linear:1", "bce_with_logits"},
  };
  const char *const fixed[][2] = {{"model", task[s->learns][0]},
                                  {"loss", task[s->learns][1]},
                                  {"on_nan", s->learns == NUMBERS ? "skip" : "stop"},
                                  {"shuffle", s->learns == NUMBERS ? "none" : "full"},
                                  {"micro_batch", "4"},
                                  {"log_every", "1"},
                                  {"threads", "1"},
                                  {"device", "cpu"},
                                  {"progress", "none"},
                                  {"seed", "5"}};
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    assert_ok(gd_options_set(o, fixed[i][0], fixed[i][1]));
  char path[40];
  snprintf(path, sizeof path, "%s%s%d.h5", s->clean ? "clean-" : "", subjects[s->learns], s->data);
  set(o, "data", "%s", 0, path);
  snprintf(path, sizeof path, "val-%s%d.h5", subjects[s->learns], s->val);
  set(o, "val_data", "%s", 0, path);
  set(o, "lr", "%g", s->lr, NULL);
  set(o, "batch_size", "%.0f", s->batch, NULL);
  set(o, "epochs", "%.0f", s->epochs, NULL);
  set(o, "steps", "%.0f", (double)r->steps, NULL);
  set(o, "checkpoint.every", "%.0f", s->every, NULL);
  set(o, "checkpoint.keep", "%.0f", s->keep, NULL);
  set(o, "optimizer", "%s", 0, s->adam ? "adam" : "sgd");
  if (!s->adam) set(o, "momentum", "0.9", 0, NULL);
  set(o, "schedule", "%s", 0, s->cosine ? "cosine" : "constant");
  set(o, "schedule.total", "%g", r->total, NULL);
  set(o, "out", "%s", 0, r->out);
  set(o, "resume", "%s", 0, r->resume);
  set(o, "resume_changed", "%s", 0, r->changed ? "true" : "false");
}

static int train_here(const request *r) {
  static const gd_observer observer = {.progress = interrupt};
  gd_options o;
  gd_world *w;
  gd_train_result result;
  asked = r;
  assert_ok(gd_options_new(&o));
  set_all(&o, r);
  assert_ok(gd_world_init(&w, &(gd_world_options){.transport = GD_TRANSPORT_SELF}));
  gd_status st = gd_options_check(&o);
  if (st == GD_OK) st = gd_train(w, &o, &observer, &result);
  if (st != GD_OK && getenv("GD_TEST_SAYS")) fprintf(stderr, "    %s\n", gd_error_last()->message);
  return gd_status_exit_code(st);
}

/* Its exit code; KILLED where it was. */
static int run(const request *r) {
  fflush(stdout);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(train_here(r));
  int how;
  assert_true(waitpid(child, &how, 0) == child);
  return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

/* ---- what a folder holds ---- */

enum { MOST_FILES = 64, MOST_STEPS = 200, ROW = 400 };

typedef struct file {
  char name[48];
  int64_t step;
  ino_t inode;
} file;

typedef struct listing {
  int n;
  file file[MOST_FILES]; /* step-*.h5, in the order of their steps */
  file best;             /* name "": there is none */
} listing;

static int64_t step_in(const char *path) {
  gd_checkpoint c;
  if (gd_checkpoint_read(&c, path, false) != GD_OK) fail_msg("%s: %s", path, gd_error_last()->message);
  const int64_t step = c.step;
  gd_checkpoint_free(&c);
  return step;
}

static file file_at(const char *folder, const char *name) {
  char path[600];
  struct stat about;
  file f = {.step = -1};
  snprintf(path, sizeof path, "%s/checkpoints/%s", folder, name);
  if (stat(path, &about) != 0) return f;
  snprintf(f.name, sizeof f.name, "%s", name);
  f.step = step_in(path), f.inode = about.st_ino;
  return f;
}

static int by_step(const void *a, const void *b) {
  const int64_t x = ((const file *)a)->step, y = ((const file *)b)->step;
  return (x > y) - (x < y);
}

static listing list_of(const char *folder) {
  listing l = {.best = file_at(folder, "best.h5")};
  char path[600];
  snprintf(path, sizeof path, "%s/checkpoints", folder);
  DIR *d = opendir(path);
  for (struct dirent *e; d && (e = readdir(d));) {
    const size_t n = strlen(e->d_name);
    if (strncmp(e->d_name, "step-", 5) != 0 || strcmp(e->d_name + n - 3, ".h5") != 0) continue;
    assert_true(l.n < MOST_FILES);
    l.file[l.n] = file_at(folder, e->d_name);
    assert_int_equal(l.file[l.n].step, strtoll(e->d_name + 5, NULL, 10));
    l.n++;
  }
  if (d) closedir(d);
  qsort(l.file, (size_t)l.n, sizeof *l.file, by_step);
  return l;
}

static const file *find_step(const listing *l, int64_t step) {
  for (int i = 0; i < l->n; i++)
    if (l->file[i].step == step) return &l->file[i];
  return NULL;
}

static bool has_inode(const listing *l, ino_t inode) {
  bool has = l->best.name[0] && l->best.inode == inode;
  for (int i = 0; i < l->n; i++) has |= l->file[i].inode == inode;
  return has;
}

/* A whole small file, "" when there is none. */
static void read_text(char *text, size_t bytes, const char *folder, const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "r");
  const size_t n = f ? fread(text, 1, bytes - 1, f) : 0;
  text[n] = 0;
  if (f) fclose(f);
}

#endif
