/* gdtrain data make | import | info | show */
#include <string.h>

#include "cli/cli.h"

static gd_status check_generator(const char *name) {
  enum { MANY = 64 };
  const char *known[MANY + 1] = {0};
  for (int i = 0; i < MANY && (known[i] = gd_generator_name(i)); i++)
    if (strcmp(name, known[i]) == 0) return GD_OK;
  const char *near = gd_nearest(name, known);
  if (near) return GD_FAIL(GD_ERR_USAGE, "no generator \"%s\", did you mean \"%s\"?", name, near);
  return GD_FAIL(GD_ERR_USAGE, "no generator \"%s\"; gdtrain data make list tells the names", name);
}

static gd_status make(args *a, const char *out) {
  int64_t seed = 1;
  gd_generate_options g = {.name = a->n_words > 1 ? a->word[1] : NULL, .noise = -1};
  GD_TRY(gdi_args_check(a, "n d k noise condition seed out"));
  GD_TRY(gdi_args_i64(a, "n", 1, (int64_t)1 << 40, &g.n));
  GD_TRY(gdi_args_i64(a, "d", 1, 1 << 24, &g.d));
  GD_TRY(gdi_args_i64(a, "k", 1, 1 << 20, &g.k));
  GD_TRY(gdi_args_f64(a, "noise", 0, 1e9, &g.noise));
  GD_TRY(gdi_args_f64(a, "condition", 1, 1e12, &g.condition));
  GD_TRY(gdi_args_i64(a, "seed", 0, INT64_MAX, &seed));
  g.seed = (uint64_t)seed;
  if (!g.name)
    return GD_FAIL(
        GD_ERR_USAGE,
        "usage: gdtrain data make NAME --n N --out FILE.h5 (gdtrain data make list tells the names)");
  if (strcmp(g.name, "list") == 0) {
    for (int i = 0; gd_generator_name(i); i++)
      printf("%-10s %s\n", gd_generator_name(i), gd_generator_about(i));
    return GD_OK;
  }
  GD_TRY(check_generator(g.name));
  if (!out) return GD_FAIL(GD_ERR_USAGE, "--out FILE.h5 is missing");
  gd_table t;
  GD_TRY(gd_generate(&t, &g));
  return gdi_data_write(&t, out);
}

static gd_status info(args *a) {
  const gd_data_options o = {
      .x_name = gdi_args_get(a, "data.x"), .y_name = gdi_args_get(a, "data.y"), .without_targets = true};
  GD_TRY(gdi_args_check(a, "data.x data.y"));
  return gdi_data_info(a->word[1], &o);
}

static gd_status data(args *a) {
  const char *what = a->n_words ? a->word[0] : "";
  if (strcmp(what, "make") == 0) return make(a, gdi_args_get(a, "out"));
  if (strcmp(what, "import") == 0) return gdi_data_import(a, gdi_args_get(a, "out"));
  if (strcmp(what, "show") == 0) return gdi_data_show(a, gdi_args_get(a, "out"));
  if (strcmp(what, "info") == 0 && a->n_words == 2) return info(a);
  return GD_FAIL(GD_ERR_USAGE,
                 "usage: gdtrain data make NAME ... | import FORMAT FILE... | info FILE [--data.x NAME "
                 "--data.y NAME] | show FILE");
}

gd_status gdi_command_data(int argc, char **argv) {
  return gdi_alone(argc, argv, "header classes trim keep_encoded", data);
}
