#include "train/run_log.h"

#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static void print_config(FILE *f, const void *o) {
  gd_options_print(o, f);
}

static const char header[] = "step,epoch,train.loss,lr,grad_norm,samples_per_s,val.loss,val.accuracy,seconds,"
                             "noise_scale,noise_S,noise_G2\n";

typedef struct kept_rows {
  FILE *old;
  int64_t step;
  gd_train_result *seen;
} kept_rows;

/* What gdi_run_log_row() wrote; empty cells are NaN. */
static bool read_row(gd_row *r, const char *line) {
  double *const cell[] = {&r->epoch,         &r->loss,     &r->lr,           &r->grad_norm,
                          &r->samples_per_s, &r->val.loss, &r->val.accuracy, &r->seconds,
                          &r->noise_scale,   &r->noise_s,  &r->noise_g2};
  char *end;
  r->step = strtoll(line, &end, 10);
  for (size_t i = 0; i < sizeof cell / sizeof *cell; i++) {
    if (*end != ',') return false;
    const char *from = end + 1;
    *cell[i] = strtod(from, &end);
    if (end == from) *cell[i] = NAN;
  }
  return *end == '\n';
}

static void see_row(gd_train_result *seen, const char *line) {
  gd_row row = {0};
  if (!read_row(&row, line)) return;
  if (row.step == seen->best.step) seen->best = row;
  if (isnan(row.val.loss)) row.val = seen->last.val; /* the last validation */
  seen->last = row;
}

static void print_kept(FILE *f, const void *what) {
  const kept_rows *k = what;
  char line[512];
  fputs(header, f);
  if (!k->old || !fgets(line, sizeof line, k->old)) return;
  while (fgets(line, sizeof line, k->old)) {
    if (!strchr(line, '\n') || strtoll(line, NULL, 10) > k->step) continue;
    fputs(line, f);
    see_row(k->seen, line);
  }
}

gd_status gdi_record_open(gdi_record *r, const char *folder, const gd_options *o, int64_t step,
                          gd_train_result *seen) {
  char path[4200];
  snprintf(r->folder, sizeof r->folder, "%s", folder);
  snprintf(path, sizeof path, "%s/metrics.csv", folder);
  GD_TRY(gdi_file_write(folder, "config.yaml", print_config, o));
  kept_rows kept = {step > 0 ? fopen(path, "r") : NULL, step, seen};
  gd_status st = gdi_file_write(folder, "metrics.csv", print_kept, &kept);
  if (kept.old) fclose(kept.old);
  GD_TRY(st);
  r->metrics = fopen(path, "a");
  return r->metrics ? GD_OK : cannot(path);
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
  json_number(f, "loss", r->last.val.loss, ", ");
  json_number(f, "accuracy", r->last.val.accuracy, "},\n  \"best\": {");
  fprintf(f, "\"step\": %lld, \"val\": {", (long long)r->best.step);
  json_number(f, "loss", r->best.val.loss, ", ");
  json_number(f, "accuracy", r->best.val.accuracy, "}},\n  \"ledger_s\": {");
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
