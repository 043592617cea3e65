/* gdtrain eval, gdtrain predict: what a checkpoint is good for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static gd_status parse(args *a, int argc, char **argv, const char *known, const char *usage,
                       gd_use_options *o, char checkpoint[4096]) {
  bool ensemble = false, update_bn = false;
  GD_TRY(gdi_args_parse(a, argc, argv, "ensemble update_bn"));
  GD_TRY(gdi_args_check(a, known));
  if (a->n_words != 1) return GD_FAIL(GD_ERR_USAGE, "usage: %s", usage);
  GD_TRY(gdi_args_flag(a, "ensemble", &ensemble));
  GD_TRY(gdi_args_flag(a, "update_bn", &update_bn));
  if (ensemble)
    snprintf(checkpoint, 4096, "%s", a->word[0]);
  else
    GD_TRY(gd_checkpoint_find(a->word[0], checkpoint, 4096));
  int64_t threads = 0;
  GD_TRY(gdi_args_i64(a, "threads", 1, 1024, &threads));
  const char *device = gdi_args_get(a, "device");
  *o = (gd_use_options){.data = gdi_args_get(a, "data"),
                        .x_name = gdi_args_get(a, "data.x"),
                        .y_name = gdi_args_get(a, "data.y"),
                        .loss = gdi_args_get(a, "loss"),
                        .device = device ? device : "auto",
                        .threads = (int)threads,
                        .update_bn = update_bn,
                        .metrics = gdi_args_get(a, "metrics"),
                        .weights = gdi_args_get(a, "weights"),
                        .ensemble = ensemble ? a->word[0] : NULL};
  return o->data ? GD_OK : GD_FAIL(GD_ERR_USAGE, "--data FILE is missing; usage: %s", usage);
}

/* Names in a column as wide as the widest. */
static void print_metrics(const gd_metrics *m, const char *tables, const char *folder) {
  int width = 8;
  for (int i = 0; i < m->n; i++)
    if ((int)strlen(m->measure[i].metric->name) > width) width = (int)strlen(m->measure[i].metric->name);
  printf("%-*s  %lld\n%-*s  %.9g\n", width, "samples", (long long)m->samples, width, "loss", m->loss);
  for (int i = 0; i < m->n; i++) {
    const gd_measure *v = &m->measure[i];
    if (isnan(v->value)) continue;
    if (v->metric->percent)
      printf("%-*s  %.4f %%\n", width, v->metric->name, 100 * v->value);
    else
      printf("%-*s  %.9g\n", width, v->metric->name, v->value);
  }
  if (tables) fputs(tables, stdout);
  fflush(stdout);
  if (folder) gdi_plot_confusion(folder);
}

gd_status gdi_command_eval(int argc, char **argv) {
  args a;
  char checkpoint[4096];
  gd_use_options o;
  gd_world *w = NULL;
  gd_metrics m;
  gd_status st = parse(
      &a, argc, argv, "data data.x data.y loss metrics out device threads weights ensemble update_bn load",
      "gdtrain eval CHECKPOINT --data FILE [--metrics \"NAME ...\"] [--out FOLDER]", &o, checkpoint);
  o.out = gdi_args_get(&a, "out");
  char *tables = NULL;
  size_t bytes = 0;
  o.text = open_memstream(&tables, &bytes);
  st = gdi_join(&w, st, NULL);
  if (st == GD_OK) st = gd_evaluate(w, checkpoint, &o, &m);
  if (o.text) fclose(o.text);
  if (st == GD_OK && gd_world_rank(w) == 0) print_metrics(&m, tables, o.out);
  free(tables);
  st = gdi_leave(w, st);
  gdi_args_free(&a);
  return st;
}

gd_status gdi_command_predict(int argc, char **argv) {
  args a;
  char checkpoint[4096];
  gd_use_options o;
  gd_world *w = NULL;
  gd_status st = parse(&a, argc, argv, "data data.x data.y out device threads weights ensemble load",
                       "gdtrain predict CHECKPOINT --data FILE --out FILE.csv|.npy|.h5", &o, checkpoint);
  const char *out = gdi_args_get(&a, "out");
  if (st == GD_OK && !out) st = GD_FAIL(GD_ERR_USAGE, "--out FILE.csv, .npy or .h5 is missing");
  if (st == GD_OK) st = gdi_args_keep_input(out, o.data);
  if (st == GD_OK) st = gdi_args_keep_input(out, checkpoint);
  st = gdi_join(&w, st, NULL);
  if (st == GD_OK) st = gd_predict(w, checkpoint, &o, out);
  st = gdi_leave(w, st);
  gdi_args_free(&a);
  return st;
}
