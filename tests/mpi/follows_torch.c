/*
 * What trainers add to an optimizer - averages, cycles of momentum, milestones, plateaus, amsgrad - over ten steps of a
 * small network whose batch is shared among the ranks: PyTorch's parameters. Values: golden/make_habits.py.
 */
#include <math.h>
#include <string.h>

#include "sync_steps.h"

enum {
  ROWS = 22,
  IN = 6,
  HIDDEN = 5,
  OUT = 3,
  N_STEPS = 10,
  MICRO = 4,
  PARAMS = IN * HIDDEN + HIDDEN + HIDDEN * OUT + OUT
};

typedef struct golden {
  FILE *file;
  double start[PARAMS], x[ROWS * IN], y[ROWS * OUT];
} golden;

static void read_numbers(FILE *f, double *x, int n) {
  for (int i = 0; i < n; i++) assert_int_equal(fscanf(f, "%lf", &x[i]), 1);
}

/* ---- cases */

typedef struct setting {
  gd_optim optim;
  gd_schedule schedule;
} setting;

static gd_schedule constant(double lr) {
  return gd_schedule_defaults(GD_CONSTANT, lr);
}

static gd_schedule one_cycle(double lr) {
  gd_schedule s = gd_schedule_defaults(GD_ONE_CYCLE, lr);
  s.total = N_STEPS, s.pct_start = 0.4, s.div_factor = 5, s.final_div_factor = 10;
  s.cycle_momentum = true, s.base_momentum = 0.7, s.max_momentum = 0.9;
  return s;
}

static setting setting_of(const char *name) {
  setting s = {gd_optim_defaults(GD_SGD), constant(0.1)};
  if (strcmp(name, "ema") == 0) {
    s.optim = gd_optim_defaults(GD_ADAMW), s.schedule = constant(0.02);
    s.optim.weight_decay = 0.1, s.optim.ema = 0.9;
  } else if (strcmp(name, "swa") == 0) {
    s.optim.momentum = 0.9, s.optim.swa_start = 4, s.optim.swa_every = 2;
  } else if (strcmp(name, "amsgrad") == 0) {
    s.optim = gd_optim_defaults(GD_ADAM), s.schedule = constant(0.05);
    s.optim.amsgrad = true, s.optim.beta1 = 0.8, s.optim.beta2 = 0.7;
  } else if (strcmp(name, "one_cycle") == 0) {
    s.optim.momentum = 0.9, s.optim.nesterov = true, s.optim.ema = 0.75, s.schedule = one_cycle(0.3);
  } else if (strcmp(name, "one_cycle_adam") == 0) {
    s.optim = gd_optim_defaults(GD_ADAM), s.schedule = one_cycle(0.1);
  } else if (strcmp(name, "multistep") == 0) {
    s.schedule = gd_schedule_defaults(GD_MULTISTEP, 0.3);
    s.schedule.gamma = 0.5, s.schedule.milestones = 2, s.schedule.milestone[0] = 3,
    s.schedule.milestone[1] = 7;
  } else if (strcmp(name, "plateau") == 0) {
    s.schedule = gd_schedule_defaults(GD_REDUCE_ON_PLATEAU, 0.5);
    s.schedule.factor = 0.5, s.schedule.patience = 0, s.schedule.threshold = 0.1;
  } else {
    fail_msg("no case is called %s", name);
  }
  assert_ok(gd_schedule_check(&s.schedule));
  return s;
}

/* ---- the network */

typedef struct net {
  gd_dtype dtype;
  gd_module *model;
  gd_params *params;
  gd_tape *tape;
  gd_sync *sync;
} net;

static gd_tensor *rows_of(net *n, const double *from, gd_range rows, int64_t width) {
  gd_tensor *t;
  const int64_t values = (rows.hi - rows.lo) * width;
  assert_ok(gd_tensor_new(&t, gd_tape_arena(n->tape), device, n->dtype, 2,
                          (const int64_t[]){rows.hi - rows.lo, width}));
  assert_ok(gd_tensor_set(t, from + rows.lo * width, values));
  return t;
}

static gd_loss loss_of(net *n, const golden *g, gd_range rows) {
  gd_tape_reset(n->tape);
  gd_tensor *x = rows_of(n, g->x, rows, IN), *y = rows_of(n, g->y, rows, OUT);
  gd_loss loss = gd_loss_of(n->tape, &gd_mse, gd_forward(n->model, n->tape, x), y);
  assert_ok(gd_tape_status(n->tape));
  return loss;
}

static gd_range micro_batch(int64_t k) {
  return (gd_range){k * MICRO, (k + 1) * MICRO < ROWS ? (k + 1) * MICRO : ROWS};
}

static void step(net *n, const golden *g, const gd_sync_step *s) {
  const gd_range run = gd_sync_begin(n->sync, (ROWS + MICRO - 1) / MICRO);
  for (int64_t k = run.lo; k < run.hi; k++) {
    const gd_range rows = micro_batch(k);
    gd_sync_micro_batch(n->sync, k);
    gd_loss loss = loss_of(n, g, rows);
    assert_ok(gd_sync_micro_batch_loss(n->sync, k, &loss, rows.hi - rows.lo));
    assert_ok(gd_backward(n->tape, loss.sum, NULL));
    assert_ok(gd_sync_micro_batch_done(n->sync, k, NULL));
  }
  gd_sync_result result;
  assert_ok(gd_sync_update(n->sync, s, &result));
}

/* In the order of PyTorch, which is that of registration. */
static void compare(net *n, const golden *g, const char *name, const char *what) {
  double expected[PARAMS], got[PARAMS];
  gd_named list[4];
  int at = 0;
  read_numbers(g->file, expected, PARAMS);
  assert_int_equal(gd_module_params(n->model, list, 4), 4);
  for (int i = 0; i < 4; at += (int)gd_numel(list[i].tensor), i++)
    assert_ok(gd_tensor_get(list[i].tensor, got + at, gd_numel(list[i].tensor)));
  const double tolerance = n->dtype == GD_F64 ? 1e-12 : 1e-6;
  for (int i = 0; i < PARAMS; i++)
    if (!(fabs(got[i] - expected[i]) <= tolerance * (1 + fabs(expected[i]))))
      fail_msg("%s in %s, %s %d: %.17g, PyTorch %.17g", name, gd_dtype_name(n->dtype), what, i, got[i],
               expected[i]);
}

static void open_net(net *n, const golden *g, const setting *s) {
  int64_t outputs;
  gd_named list[4];
  assert_ok(gd_model_parse(&n->model, "linear:5 tanh linear:3", GD_SHAPE(IN), device, n->dtype, &outputs));
  gd_module_params(n->model, list, 4);
  for (int i = 0, at = 0; i < 4; at += (int)gd_numel(list[i].tensor), i++)
    assert_ok(gd_tensor_set(list[i].tensor, g->start + at, gd_numel(list[i].tensor)));
  assert_ok(gd_params_new(&n->params, n->model));
  assert_ok(gd_tape_new(&n->tape, device));
  const gd_sync_options o = {.optim = s->optim, .max_micro_batches = MAX_K};
  assert_ok(gd_sync_new(&n->sync, first, n->params, &o));
}

static void check_case(const golden *g, const char *name, gd_dtype dtype) {
  net n = {.dtype = dtype};
  setting s = setting_of(name);
  open_net(&n, g, &s);
  gd_plateau plateau = gd_plateau_new(&s.schedule);
  for (int64_t k = 0; k < N_STEPS; k++) {
    gd_sync_step now = {
        .lr = gd_schedule_lr(&s.schedule, k, 1), .step = k, .cycles = s.schedule.cycle_momentum};
    if (now.cycles) now.momentum = gd_schedule_momentum(&s.schedule, k, 1);
    step(&n, g, &now);
    if (s.schedule.kind != GD_REDUCE_ON_PLATEAU) continue;
    gd_loss loss = loss_of(&n, g, (gd_range){0, ROWS});
    gd_plateau_step(&plateau, &s.schedule, gd_item(loss.sum) / gd_item(loss.weight));
    s.schedule.lr = plateau.lr;
  }
  if (s.schedule.kind == GD_REDUCE_ON_PLATEAU) assert_true(plateau.lr < 0.3); /* else nothing was tested */
  compare(&n, g, name, "parameter");
  if (gd_optim_average_state(&s.optim) >= 0) {
    assert_ok(gd_sync_bind_average(n.sync, true));
    compare(&n, g, name, "average");
    assert_ok(gd_sync_bind_average(n.sync, false));
  }
  gd_sync_free(n.sync);
  gd_tape_free(n.tape);
  gd_params_free(n.params);
  gd_module_free(n.model);
}

static void ten_steps_are_those_of_pytorch(void **state) {
  (void)state;
  static golden g;
  int size[5], cases = 0;
  char name[32], type[8];
  g.file = fopen(GD_SOURCE_DIR "/tests/golden/habits.txt", "r");
  assert_non_null(g.file);
  for (int i = 0; i < 5; i++) assert_int_equal(fscanf(g.file, "%d", &size[i]), 1);
  assert_true(size[0] == ROWS && size[1] == IN && size[2] == HIDDEN && size[3] == OUT && size[4] == N_STEPS);
  read_numbers(g.file, g.start, PARAMS);
  read_numbers(g.file, g.x, ROWS * IN);
  read_numbers(g.file, g.y, ROWS * OUT);
  for (; fscanf(g.file, "%31s %7s", name, type) == 2; cases++)
    check_case(&g, name, strcmp(type, "f64") == 0 ? GD_F64 : GD_F32);
  assert_int_equal(cases, 14);
  fclose(g.file);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ten_steps_are_those_of_pytorch)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
