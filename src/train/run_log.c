#include "train/run_log.h"

#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/options.h"
#include "base/words.h"

/* ---- folders ---- */

/* A run that was refused before its first step leaves an empty folder of checkpoints: nothing, too. */
static bool is_empty(const char *path) {
  DIR *d = opendir(path);
  if (!d) return true;
  bool empty = true;
  for (struct dirent *e; empty && (e = readdir(d));) {
    char checkpoints[4200];
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", path);
    empty = strcmp(e->d_name, "checkpoints") == 0 && is_empty(checkpoints);
  }
  closedir(d);
  return empty;
}

static void name_after_time(char *folder, size_t bytes) {
  time_t now = time(NULL);
  struct tm t;
  localtime_r(&now, &t);
  char stamp[32];
  strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &t);
  snprintf(folder, bytes, "runs/%s", stamp);
  for (int i = 2; !is_empty(folder); i++) snprintf(folder, bytes, "runs/%s-%d", stamp, i);
}

gd_status gdi_record_folder_name(char *folder, size_t bytes, const char *wanted, bool resume) {
  if (strlen(wanted) > 3900) return GD_FAIL(GD_ERR_USAGE, "out: the name of the folder is too long");
  if (wanted[0])
    snprintf(folder, bytes, "%s", wanted);
  else
    name_after_time(folder, bytes);
  if (!resume && !is_empty(folder))
    return GD_FAIL(GD_ERR_USAGE,
                   "%s is not empty: choose another --out, or continue the run in it with --resume auto",
                   folder);
  return GD_OK;
}

gd_status gdi_record_folder(char *folder, size_t bytes, const char *wanted, bool resume) {
  GD_TRY(gdi_record_folder_name(folder, bytes, wanted, resume));
  char checkpoints[4096];
  snprintf(checkpoints, sizeof checkpoints, "%.4000s/checkpoints", folder);
  return gdi_folder_make(checkpoints);
}

void gdi_record_abandon(const char *folder) {
  char checkpoints[4200];
  snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", folder);
  if (rmdir(checkpoints) == 0) rmdir(folder); /* neither goes unless it is empty */
}

/* ---- files ---- */

static gd_status cannot(const char *path) {
  return GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
}

/* How this part of the run was begun is no setting of it: the next one must ask again. */
static void print_config(FILE *f, const void *job) {
  const gdi_job *j = job;
  gd_options o = j->opt;
  o.resume = "", o.resume_changed = false;
  gdi_options_print_given(&o, j->found_out, f);
}

static const char header[] = "step,epoch,train.loss,lr,grad_norm,samples_per_s,val.loss,val.accuracy,seconds,"
                             "noise_scale,noise_S,noise_G2";

/* The metric of an extra column, counted from 0; NULL past the last. */
static const gd_metric *column(const gdi_metric_list *l, int i) {
  for (int k = 0; k < l->n; k++)
    if (!l->metric[k]->table && l->metric[k] != &gdi_metric_accuracy && i-- == 0) return l->metric[k];
  return NULL;
}

static double measured(const gd_metrics *m, const gd_metric *metric) {
  for (int i = 0; i < m->n; i++)
    if (m->measure[i].metric == metric) return m->measure[i].value;
  return NAN;
}

enum { CELLS = 12, MOST_CELLS = CELLS + GD_MAX_METRICS, LINE = 1024 };

typedef struct kept_rows {
  FILE *old;
  const gdi_job *job;
  gd_train_result *seen;
  int from[GD_MAX_METRICS]; /* where the old file has each of our extra columns; -1: nowhere */
} kept_rows;

/* Cut a line at its commas, in place; returns how many cells it has. */
static int split(char *line, char *cell[MOST_CELLS]) {
  int n = 0;
  line[strcspn(line, "\r\n")] = 0;
  for (char *at = line; at && n < MOST_CELLS; n++) {
    cell[n] = at;
    at = strchr(at, ',');
    if (at) *at++ = 0;
  }
  return n;
}

static double number(const char *cell) {
  char *end;
  const double v = strtod(cell, &end);
  return end == cell ? NAN : v;
}

/* What gdi_run_log_row() wrote; empty cells are NaN. */
static gd_row read_row(char *const cell[]) {
  gd_row r = {.step = strtoll(cell[0], NULL, 10)};
  double *const to[] = {&r.epoch,         &r.loss,     &r.lr,           &r.grad_norm,
                        &r.samples_per_s, &r.val.loss, &r.val.accuracy, &r.seconds,
                        &r.noise_scale,   &r.noise_s,  &r.noise_g2};
  for (size_t i = 0; i < sizeof to / sizeof *to; i++) *to[i] = number(cell[1 + i]);
  return r;
}

static void see_row(gd_train_result *seen, gd_row row) {
  if (row.step == seen->best.step) seen->best = row;
  if (isnan(row.val.loss)) row.val = seen->last.val; /* the last validation */
  seen->last = row;
}

/* Of a row that stays: cells as they were, in the columns of this run. */
static void keep_row(FILE *f, const kept_rows *k, char *const cell[], int n) {
  const gdi_metric_list *l = &k->job->metrics;
  gd_row row = read_row(cell);
  for (int i = 0; i < CELLS; i++) fprintf(f, "%s%s", i ? "," : "", cell[i]);
  if (!isnan(row.val.accuracy))
    row.val.measure[row.val.n++] = (gd_measure){&gdi_metric_accuracy, row.val.accuracy};
  for (int i = 0; column(l, i); i++) {
    const char *there = k->from[i] >= 0 && k->from[i] < n ? cell[k->from[i]] : "";
    fprintf(f, ",%s", there);
    if (*there) row.val.measure[row.val.n++] = (gd_measure){column(l, i), number(there)};
  }
  fputc('\n', f);
  see_row(k->seen, row);
}

/* Where the header has the metric; accuracy and the loss have their places. */
static int column_of(const gd_metric *m, char *const cell[], int n) {
  for (int c = CELLS; m && c < n; c++)
    if (strncmp(cell[c], "val.", 4) == 0 && strcmp(cell[c] + 4, m->name) == 0) return c;
  return -1;
}

static void find_columns(kept_rows *k, char *const cell[], int n) {
  for (int i = 0; column(&k->job->metrics, i); i++)
    k->from[i] = column_of(column(&k->job->metrics, i), cell, n);
}

static void print_kept(FILE *f, const void *what) {
  kept_rows k = *(const kept_rows *)what;
  char line[LINE], *cell[MOST_CELLS];
  fputs(header, f);
  for (int i = 0; column(&k.job->metrics, i); i++) fprintf(f, ",val.%s", column(&k.job->metrics, i)->name);
  fputc('\n', f);
  if (!k.old || !fgets(line, sizeof line, k.old)) return;
  find_columns(&k, cell, split(line, cell));
  while (fgets(line, sizeof line, k.old)) {
    if (!strchr(line, '\n') || strtoll(line, NULL, 10) > k.job->step) continue;
    const int n = split(line, cell);
    if (n >= CELLS) keep_row(f, &k, cell, n);
  }
}

gd_status gdi_record_open(gdi_record *r, const char *folder, const gdi_job *j, gd_train_result *seen) {
  char path[4200];
  snprintf(r->folder, sizeof r->folder, "%s", folder);
  snprintf(path, sizeof path, "%s/metrics.csv", folder);
  r->list = &j->metrics;
  char summary[4200];
  snprintf(summary, sizeof summary, "%s/summary.json", folder);
  if (unlink(summary) != 0 && errno != ENOENT) return cannot(summary); /* of what the run was before */
  GD_TRY(gdi_file_write(folder, "config.yaml", print_config, j));
  kept_rows kept = {.old = j->step > 0 ? fopen(path, "r") : NULL, .job = j, .seen = seen};
  gd_status st = gdi_file_write(folder, "metrics.csv", print_kept, &kept);
  if (kept.old) fclose(kept.old);
  GD_TRY(st);
  r->metrics = fopen(path, "a");
  return r->metrics ? GD_OK : cannot(path);
}

gd_status gdi_run_log_read(const char *folder, const gd_metric *metric,
                           gd_status (*see)(void *user, const gd_row *row), void *user) {
  char path[4200], line[LINE], *cell[MOST_CELLS];
  snprintf(path, sizeof path, "%s/metrics.csv", folder);
  FILE *f = fopen(path, "r");
  if (!f) return GD_FAIL(GD_ERR_DATA, "%s: %s", path, strerror(errno));
  int at = fgets(line, sizeof line, f) ? column_of(metric, cell, split(line, cell)) : -1;
  gd_status st = GD_OK;
  while (st == GD_OK && fgets(line, sizeof line, f)) {
    const int n = split(line, cell);
    if (n < CELLS) continue;
    gd_row row = read_row(cell);
    row.val.n = metric != NULL;
    row.val.measure[0] = (gd_measure){metric, at >= 0 && at < n ? number(cell[at]) : row.val.accuracy};
    st = see(user, &row);
  }
  fclose(f);
  return st;
}

void gdi_record_close(gdi_record *r) {
  if (r->metrics) fclose(r->metrics);
  r->metrics = NULL;
}

/* Empty cells where nothing was measured: spreadsheets and plots then leave a gap. */
static void print_cell(FILE *f, double v) {
  if (isnan(v))
    fputc(',', f);
  else
    fprintf(f, ",%.17g", v);
}

gd_status gdi_run_log_row(gdi_record *r, const gd_row *row) {
  fprintf(r->metrics, "%lld,%.6f", (long long)row->step, row->epoch);
  print_cell(r->metrics, row->loss);
  print_cell(r->metrics, row->lr);
  print_cell(r->metrics, row->grad_norm);
  fprintf(r->metrics, ",%.1f", row->samples_per_s);
  print_cell(r->metrics, row->val.loss);
  print_cell(r->metrics, row->val.accuracy);
  fprintf(r->metrics, ",%.3f", row->seconds);
  print_cell(r->metrics, row->noise_scale);
  print_cell(r->metrics, row->noise_s);
  print_cell(r->metrics, row->noise_g2);
  for (int i = 0; column(r->list, i); i++) print_cell(r->metrics, measured(&row->val, column(r->list, i)));
  fputc('\n', r->metrics);
  if (fflush(r->metrics) == 0) return GD_OK;
  return GD_FAIL(GD_ERR_WRITE, "%s/metrics.csv: %s", r->folder, strerror(errno));
}

/* ---- summary.json ---- */

static void json_number(FILE *f, const char *name, double v, const char *end) {
  if (isfinite(v))
    fprintf(f, "\"%s\": %.17g%s", name, v, end);
  else
    fprintf(f, "\"%s\": null%s", name, end); /* JSON has no NaN */
}

static void json_metrics(FILE *f, const gd_metrics *m, const char *end) {
  json_number(f, "loss", m->loss, ", ");
  json_number(f, "accuracy", m->accuracy, "");
  for (int i = 0; i < m->n; i++) {
    if (m->measure[i].metric == &gdi_metric_accuracy) continue;
    fputs(", ", f);
    json_number(f, m->measure[i].metric->name, m->measure[i].value, "");
  }
  fputs(end, f);
}

typedef struct ended_run {
  const gd_train_result *result;
  gd_status ended;
} ended_run;

static void print_summary(FILE *f, const void *what) {
  const ended_run *run = what;
  const gd_train_result *r = run->result;
  char digest[65];
  gd_digest_hex(&r->digest, digest);
  fprintf(f, "{\n  \"status\": \"%s\",\n  \"steps\": %lld,\n  \"parameters\": %lld,\n  ",
          gd_status_text(run->ended), (long long)r->steps, (long long)r->parameters);
  json_number(f, "samples_per_s", r->samples_per_s, ",\n  ");
  json_number(f, "seconds", r->last.seconds, ",\n  \"train\": {");
  json_number(f, "loss", r->last.loss, "},\n  \"noise\": {");
  json_number(f, "scale", r->last.noise_scale, ", ");
  json_number(f, "S", r->last.noise_s, ", ");
  json_number(f, "G2", r->last.noise_g2, "},\n  \"val\": {");
  json_metrics(f, &r->last.val, "},\n  \"best\": {");
  fprintf(f, "\"step\": %lld, \"val\": {", (long long)r->best.step);
  json_metrics(f, &r->best.val, "}},\n  \"ledger_s\": {");
  const gd_ledger *l = &r->ledger;
  const struct {
    const char *name;
    double v;
  } parts[] = {{"data", l->data},   {"forward", l->forward},   {"backward", l->backward},
               {"sum", l->sum},     {"exchange", l->exchange}, {"update", l->update},
               {"wait", l->wait},   {"evaluate", l->evaluate}, {"save", l->save},
               {"other", l->other}, {"total", l->total}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    json_number(f, parts[i].name, parts[i].v,
                i + 1 < sizeof parts / sizeof *parts ? ", " : "},\n  \"checkpoint\": ");
  gdi_print_quoted(f, r->checkpoint);
  fprintf(f, ",\n  \"digest\": \"%s\"\n}\n", digest);
}

gd_status gdi_record_summary(gdi_record *r, const gd_train_result *result, gd_status ended) {
  return gdi_file_write(r->folder, "summary.json", print_summary, &(ended_run){result, ended});
}
