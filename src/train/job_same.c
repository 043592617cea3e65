/* Do all ranks run the same program with the same settings on the same kind of processor? */
#include <stdlib.h>
#include <string.h>

#include "gd/plugin.h"
#include "train/job_open.h"

/* How this rank's settings differ from rank 0's, for the message. Collective. */
static gd_status describe_settings(const gdi_job *j, const char *text, char *buf, size_t bytes) {
  int64_t n = (int64_t)strlen(text) + 1;
  GD_TRY(gd_world_bcast(j->world, &n, sizeof n, 0));
  char *first = malloc((size_t)n);
  gd_options options;
  gd_status st =
      gd_world_agree(j->world, first ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to compare settings"));
  if (st == GD_OK && gd_world_rank(j->world) == 0) memcpy(first, text, (size_t)n);
  if (st == GD_OK) st = gd_world_bcast(j->world, first, (size_t)n, 0);
  if (st == GD_OK) st = gd_world_agree(j->world, gd_options_read(&options, "the settings of rank 0", first));
  if (st == GD_OK) {
    if (gd_options_differ_any(&options, &j->opt, buf, bytes) == 0)
      snprintf(buf, bytes, "the others are compared with these");
    gd_options_free(&options);
  }
  free(first);
  return st;
}

/* Asked of the settings as given, before anything else is done together, then of what each host resolved. */
gd_status gdi_same_settings(const gdi_job *j) {
  char *text = NULL, differences[400];
  size_t bytes = 0;
  if (gd_world_size(j->world) == 1) return GD_OK;
  FILE *f = open_memstream(&text, &bytes);
  if (f) gd_options_print(&j->opt, f);
  const bool ok = f && fclose(f) == 0;
  gd_status st = gd_world_agree(j->world, ok ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to compare settings"));
  if (st == GD_OK) st = describe_settings(j, text, differences, sizeof differences);
  if (st == GD_OK) st = gd_world_same(j->world, "the settings", text, bytes, differences);
  free(text);
  return st;
}

/* The same program, the same settings, the same arithmetic everywhere? */
gd_status gdi_same_everywhere(const gdi_job *j) {
  const char *machine = gd_device_describe(j->device);
  const char *plugins = gd_plugins_loaded();
  GD_TRY(gdi_same_settings(j));
  GD_TRY(gd_world_same(j->world, "the plug-ins", plugins, strlen(plugins), *plugins ? plugins : "none"));
  return gd_world_same(j->world, "the processor and its kernels", machine, strlen(machine), machine);
}
