/* What the commands on the options of a run share: how each of them begins and ends. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "gd/plugin.h"

const char gdi_run_switches[] = "standardize data.standardize standardize_targets data.standardize_targets "
                                "nesterov optimizer.nesterov optimizer.centered "
                                "resume_changed noise_scale init_partial print_config";

/* ---- options ---- */

static gd_status apply_text(gd_options *o, const char *path, const char *text) {
  gd_settings s;
  GD_TRY(gd_settings_read(&s, path, text));
  gd_status st = gd_options_apply(o, &s);
  gd_settings_free(&s);
  return st;
}

/* `path`: of the file, or NULL. Without one the program shows what it can; one without data has forgotten them. */
static gd_status fill(run_setup *r, const char *path, const gd_settings *file) {
  static const char data[] = "data data.train resume", optimizer[] = "optimizer optimizer.name";
  r->demonstration = !gdi_settings_name(&r->a.setting, data) && !gdi_settings_name(file, data);
  if (r->demonstration && path)
    return GD_FAIL(GD_ERR_USAGE, "%s: no data: give data: {train: FILE.h5}, or --data FILE.h5", path);
  if (r->demonstration) {
    GD_TRY(apply_text(&r->o, "the demonstration", gdi_demo_settings));
    if (!gdi_settings_name(&r->a.setting, optimizer) && !gdi_settings_name(file, optimizer))
      GD_TRY(apply_text(&r->o, "the demonstration", gdi_demo_optimizer));
  }
  GD_TRY(gd_options_apply(&r->o, file));
  GD_TRY(gd_options_apply(&r->o, &r->a.setting));
  return gd_options_check(&r->o);
}

/*
 * The configuration file of a run; NULL when there is none. "--resume auto --out FOLDER" alone continues the
 * run in the folder as it was configured: that is what a stopped run tells the user to type.
 */
static const char *config_file(const args *a, char *buf, size_t bytes) {
  if (a->n_words == 1) return a->word[0];
  const char *resume = gdi_args_get(a, "resume"), *out = gdi_args_get(a, "out");
  if (gdi_settings_name(&a->setting, "data data.train") || !resume || strcmp(resume, "auto") != 0 || !out)
    return NULL;
  snprintf(buf, bytes, "%s/config.yaml", out);
  return access(buf, R_OK) == 0 ? buf : NULL;
}

/* The folder of a run may come from others: only a command line, or a file named on it, makes a plug-in load. */
static void forget_plugins(gd_settings *s) {
  int n = 0;
  for (int i = 0; i < s->n; i++)
    if (strcmp(s->item[i].key, "load") != 0) s->item[n++] = s->item[i];
  s->n = n;
}

static gd_status read_options(run_setup *r) {
  const args *a = &r->a;
  GD_TRY(gd_options_new(&r->o));
  if (a->n_words > 1)
    return GD_FAIL(GD_ERR_USAGE,
                   "\"%s\" and \"%s\": one configuration file at most, and options begin with --", a->word[0],
                   a->word[1]);
  gd_settings file = {0};
  char buf[4200];
  const char *path = config_file(a, buf, sizeof buf);
  if (path) GD_TRY(gd_settings_read(&file, path, NULL));
  if (path == buf) forget_plugins(&file);
  gd_status st = fill(r, path, &file);
  if (st == GD_OK) st = gd_plugins_load(r->o.load);
  gd_settings_free(&file);
  return st;
}

/* ---- the command ---- */

gd_status gdi_run_parse(run_setup *r, int argc, char **argv, const char *switches) {
  *r = (run_setup){0};
  return gdi_args_parse(&r->a, argc, argv, switches);
}

gd_status gdi_run_options(run_setup *r, gd_status before) {
  return before == GD_OK ? read_options(r) : before;
}

gd_status gdi_run_join(run_setup *r, gd_status before) {
  GD_TRY(gdi_join(&r->w, before, before == GD_OK ? &r->o : NULL));
  return r->demonstration ? gdi_demo_ready(r->w) : GD_OK;
}

gd_status gdi_run_end(run_setup *r, gd_status st) {
  st = gdi_leave(r->w, st);
  gd_options_free(&r->o);
  gdi_args_free(&r->a);
  return st;
}

gd_status gdi_alone(int argc, char **argv, const char *switches, gd_status (*command)(args *a)) {
  args a;
  gd_status st = gdi_args_parse(&a, argc, argv, switches);
  if (st == GD_OK) st = command(&a);
  gdi_args_free(&a);
  return gdi_leave(NULL, st);
}
