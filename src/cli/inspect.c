/* gdtrain inspect, gdtrain export: what a checkpoint holds, and its weights for others. */

#include <string.h>

#include "cli/cli.h"

static gd_status print_digest(const gd_checkpoint *c) {
  gd_digest d;
  char hex[65];
  GD_TRY(gd_checkpoint_digest(c, &d));
  gd_digest_hex(&d, hex);
  printf("%s\n", hex);
  return GD_OK;
}

/* Returns how many numbers it has. */
static int64_t print_array(const gd_stored *p, const char *kind) {
  int64_t n = 1;
  printf("  %-20s %s [", p->name, gd_dtype_name(p->dtype));
  for (int d = 0; d < p->ndim; d++) n *= p->shape[d], printf("%s%lld", d ? ", " : "", (long long)p->shape[d]);
  printf("]%s\n", kind);
  return n;
}

static void print_checkpoint(const gd_checkpoint *c) {
  int64_t total = 0;
  printf("model     %s\nstep      %lld (epoch %lld, %lld samples seen, seed %llu)\n", c->model,
         (long long)c->step, (long long)c->epoch, (long long)c->samples, (unsigned long long)c->seed);
  if (c->has_best) printf("best      %.9g\n", c->best);
  printf("made by   gdtrain %s on %s\n", c->version, c->machine);
  if (c->standardize.features) printf("features  %lld, standardised\n", (long long)c->standardize.features);
  if (c->standardize_targets.features)
    printf("targets   %lld, standardised\n", (long long)c->standardize_targets.features);
  gdi_print_names("columns", c->names.n_x, c->names.x);
  gdi_print_names(c->names.n_y > 1 ? "targets" : "target", c->names.n_y, c->names.y);
  for (int64_t i = 0; c->class_name && i < c->classes && i < 12; i++)
    printf("%s%s", i ? " " : "classes   ", c->class_name[i]);
  if (c->class_name) printf("%s\n", c->classes > 12 ? " ..." : "");
  for (int i = 0; i < c->n_params; i++) total += print_array(&c->param[i], "");
  for (int i = 0; i < c->n_frozen; i++) total += print_array(&c->frozen[i], " frozen");
  for (int i = 0; i < c->n_tied; i++) printf("  %-20s is %s\n", c->tied[i].name, c->tied[i].of);
  for (int i = 0; i < c->n_buffers; i++) print_array(&c->buffer[i], " buffer");
  printf("  %lld parameters", (long long)total);
  for (int i = 0; i < c->n_states; i++) printf("%s%s", i ? ", " : "; optimizer state: ", c->state_name[i]);
  printf("\n");
}

static gd_status inspect(args *a) {
  char path[4096];
  gd_checkpoint c;
  bool digest = false;
  GD_TRY(gdi_args_check(a, "digest"));
  GD_TRY(gdi_args_flag(a, "digest", &digest));
  if (a->n_words != 1) return GD_FAIL(GD_ERR_USAGE, "usage: gdtrain inspect FILE [--digest]");
  GD_TRY(gd_checkpoint_find(a->word[0], path, sizeof path));
  if (!digest && gdi_data_info(a->word[0], &(gd_data_options){.without_targets = true}) == GD_OK)
    return GD_OK;
  gd_status st = gd_checkpoint_read(&c, path, !digest);
  if (st == GD_OK && digest) st = print_digest(&c);
  if (st == GD_OK && !digest) print_checkpoint(&c);
  gd_checkpoint_free(&c);
  return st;
}

gd_status gdi_command_inspect(int argc, char **argv) {
  return gdi_alone(argc, argv, "digest", inspect);
}

static gd_status check_format(const char *out) {
  const char *dot = strrchr(out, '.');
  if (dot && strcmp(dot, ".safetensors") == 0) return GD_OK;
  return GD_FAIL(
      GD_ERR_USAGE,
      "--out %s: weights are written as .safetensors; h5py reads them from a checkpoint as they are", out);
}

static gd_status export(args *a) {
  char path[4096];
  gd_checkpoint c;
  GD_TRY(gdi_args_check(a, "out weights"));
  const char *out = gdi_args_get(a, "out");
  if (a->n_words != 1 || !out)
    return GD_FAIL(GD_ERR_USAGE, "usage: gdtrain export CHECKPOINT --out FILE.safetensors");
  GD_TRY(check_format(out));
  GD_TRY(gd_checkpoint_find(a->word[0], path, sizeof path));
  gd_status st = gd_checkpoint_read(&c, path, false);
  const char *used = NULL;
  if (st == GD_OK) st = gd_checkpoint_choose(&c, gdi_args_get(a, "weights"), &used);
  if (st == GD_OK) st = gd_export_safetensors(&c, out);
  if (st == GD_OK && strcmp(used, "trained") != 0)
    printf("weights   %s, the average of the parameters\n", used);
  if (st == GD_OK && c.standardize.features)
    printf("x         standardised: apply (x - standardize.mean) / standardize.std, tensors of the file\n");
  if (st == GD_OK && c.standardize_targets.features)
    printf("y         standardised: the outputs times standardize_targets.std + standardize_targets.mean\n");
  gd_checkpoint_free(&c);
  return st;
}

gd_status gdi_command_export(int argc, char **argv) {
  return gdi_alone(argc, argv, "", export);
}
