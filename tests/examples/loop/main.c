/*
 * A program with a main loop of its own: data that it makes, settings that it chooses, and a callback that halves the
 * rate when the loss stops falling and ends the run when that no longer helps.
 *
 *   mpirun -n 3 ./example OUT [RESUME]       RESUME: auto
 */
#include <gd/gd.h>
#include <math.h>

/* Points in the plane, and a wave of their distance from the origin. Sample i is a function of i alone. */
static gd_status open_rings(gd_source_info *out, const char *args, void **user) {
  (void)user;
  *out = (gd_source_info){
      .n = (int64_t)gd_source_arg(args, "n", 1000),
      .n_fields = 2,
      .field = {{.name = "x", .dtype = GD_F64, .ndim = 1, .shape = {2}}, {.name = "y", .dtype = GD_F64}}};
  return GD_OK;
}

static gd_status read_rings(void *user, int64_t n, const int64_t index[], void *const field[]) {
  (void)user;
  double *x = field[0], *y = field[1];
  for (int64_t i = 0; i < n; i++) {
    const gd_rng r = gd_rng_stream(7, GD_RNG_GENERATE, (uint64_t)index[i]);
    for (int k = 0; k < 2; k++) x[2 * i + k] = 2 * gd_rng_uniform(r, (uint64_t)k) - 1;
    y[i] = sin(4 * hypot(x[2 * i], x[2 * i + 1]));
  }
  return GD_OK;
}
static const gd_dataset_source rings = {.name = "rings", .open = open_rings, .read = read_rings};

/* What it remembers is kept in checkpoints: resumed on any number of ranks, it decides the same. */
static void after_step(void *user, const gd_after_step *at, gd_control *c) {
  double *best = &c->state[0], *waited = &c->state[1];
  (void)user;
  if (!at->val) return;
  if (at->step == at->total_steps || *best == 0 || at->val->loss < 0.99 * *best) {
    *best = at->val->loss, *waited = 0;
  } else if (++*waited == 2) {
    c->lr_factor /= 2, *waited = 0;
    printf("step %lld: the rate is %g times the first\n", (long long)at->step, c->lr_factor);
  }
  c->stop = c->lr_factor < 0.2;
}

static const char settings[] =
    "{model: [linear: 24, tanh, linear: 1], data: {val_fraction: 0.25}, batch_size: 32,"
    " micro_batch: 8, optimizer: {lr: 0.2, momentum: 0.9}, epochs: 60,"
    " checkpoint: {every: 7}}";

static gd_status run(gd_world *w, const char *out, const char *resume) {
  gd_options o;
  gd_train_result result;
  GD_TRY(gd_options_read(&o, "settings", settings));
  GD_TRY(gd_options_set(&o, "out", out));
  GD_TRY(gd_options_set(&o, "resume", resume));
  const gd_observer observer = {.after_step = after_step};
  gd_status st = gd_train_task(w, &o, &(gd_task){.train = &rings}, &observer, &result);
  gd_options_free(&o);
  GD_TRY(st);
  if (gd_world_rank(w) == 0)
    printf("steps %lld, val loss %.5g\n", (long long)result.steps, result.last.val.loss);
  return GD_OK;
}

int main(int argc, char **argv) {
  gd_world *w;
  if (argc < 2 || gd_world_init(&w, &(gd_world_options){0}) != GD_OK) return 2;
  gd_status st = run(w, argv[1], argc > 2 ? argv[2] : "");
  if (st != GD_OK && gd_world_rank(w) == 0) fprintf(stderr, "%s\n", gd_error_last()->message);
  gd_world_finish(w);
  return gd_status_exit_code(st);
}
