/* Sums, norms and updates on a GPU have the bits of the CPU's. */
#include <math.h>

#include "gpu/memory.h"
#include "optim/update.h"
#include "sync/squares.h"
#include "sync/sync.h"

/* A run of 4 blocks, the last one short, of which the slice has all but the first. */
enum { E = 3 * GD_BLOCK + 1001, FROM = GD_BLOCK, PARAMS = 6, MAX_SEGMENTS = 16 };
static const int64_t offset[PARAMS] = {0, 64, 4500, 4501, 9216, 9999};

static const gd_dtype types[] = {GD_F32, GD_F64};

/* ---- sums ---- */

typedef struct operands {
  gdi_sum cpu;
  gdi_gpu_sum gpu;
} operands;

/* K micro-batches, each a operand; `nodes`: as far added up as a rank does. Term 0 may be misaligned on
 * the GPU. */
static operands make_terms(gd_dtype type, int64_t K, bool nodes, bool misaligned) {
  operands t = {.cpu.dtype = type};
  gd_range node[GD_TREE_MAX_COVER + 1];
  const int n = nodes ? gdi_rank_nodes(K, 1, 0, node) : (int)K;
  const size_t bytes = gd_dtype_bytes(type) * E;
  char *at[64];
  uint8_t add[128];
  assert_ok(gdi_sum_reserve(&t.cpu, n));
  t.cpu.n_operands = n;
  for (int i = 0; i < n; i++) {
    if (!nodes) node[i] = (gd_range){i, i + 1};
    t.cpu.operand[i] = (gdi_operand){node[i], normal(type, (uint64_t)i, E), 0};
    at[i] = gd_arena_alloc(memory, bytes + 16);
    if (misaligned && i == 0) at[i] += gd_dtype_bytes(type);
    assert_ok(gpu->upload(gpu, at[i], t.cpu.operand[i].data, bytes));
  }
  gdi_sum_compile(&t.cpu, (gd_range){0, K});
  for (int i = 0; i < t.cpu.n_ops; i++) add[i] = t.cpu.add[i];
  t.gpu = (gdi_gpu_sum){n, t.cpu.n_ops, up(at, (size_t)n * sizeof *at), up(add, (size_t)t.cpu.n_ops)};
  return t;
}

static char *term_of(const operands *t, int i) {
  char *at;
  down(&at, t->gpu.operand + i, sizeof at);
  return at;
}

static void check_sum(gd_dtype type, int64_t K, bool nodes, int variant) {
  const size_t e = gd_dtype_bytes(type);
  operands t = make_terms(type, K, nodes, variant == 1);
  const gd_range r = variant == 0 ? (gd_range){0, E} : (gd_range){variant, E - 3};
  char *expected = normal(type, 99, E), *got = normal(type, 99, E);
  char *to = variant < 3 ? up(expected, E * e) : term_of(&t, variant == 3 ? 0 : t.gpu.n_operands - 1);
  if (variant >= 3) down(expected, to, E * e); /* the sum takes the place of a operand */
  gdi_sum_store(&t.cpu, cpu, r, expected + (size_t)r.lo * e);
  assert_ok(gpu->gpu->tree_sum(gpu, type, &t.gpu, r, to));
  down(got, to, E * e);
  assert_memory_equal(got, expected, E * e);
  gdi_sum_free(&t.cpu);
  forget(NULL);
}

static void sums_follow_the_tree(void **state) {
  (void)state;
  for (int type = 0; type < 2; type++)
    for (int variant = 0; variant < 5; variant++) {
      for (int64_t K = 1; K <= 9; K++) check_sum(types[type], K, false, variant);
      for (int64_t K = 6; K <= 31; K += 25) check_sum(types[type], K, true, variant);
      check_sum(types[type], 37, false, variant);
    }
}

/* ---- norms ---- */

typedef struct pieces {
  int64_t n, first[MAX_SEGMENTS + 1];
  int32_t param[MAX_SEGMENTS + 1];
} pieces;

/* Blocks, for lars also cut where a parameter begins. */
static pieces cut(bool lars) {
  pieces p = {0};
  for (int64_t i = 0, param = 0; i < E; i++) {
    const bool begins = lars && param + 1 < PARAMS && i == offset[param + 1];
    if (begins) param++;
    if (begins || i % GD_BLOCK == 0) p.first[p.n] = i, p.param[p.n++] = (int32_t)param;
  }
  p.first[p.n] = E;
  return p;
}

static gdi_gpu_slice make_slice(gd_dtype type, const pieces *p, bool lars) {
  const double zero[2 * MAX_SEGMENTS] = {0};
  gdi_gpu_slice s = {
      .dtype = type, .elements = {FROM, E}, .state_first = FROM, .segments = p->n, .trained = p->n};
  s.norms = lars ? 2 : 1;
  for (s.own.lo = 0; p->first[s.own.lo] < FROM;) s.own.lo++;
  s.own.hi = p->n;
  s.segment = up(p->first, sizeof p->first);
  s.param = up(p->param, sizeof p->param);
  s.square = up(zero, sizeof zero);
  return s;
}

static double square_of(gd_dtype type, const char *x, int64_t lo, int64_t hi) {
  double lane[GDI_SQUARE_LANES] = {0};
  gdi_squares_add(type, x + (size_t)lo * gd_dtype_bytes(type), hi - lo, lane);
  return gdi_squares_sum(lane);
}

static void check_squares(gd_dtype type, bool lars, int64_t K, bool misaligned) {
  const size_t e = gd_dtype_bytes(type);
  const pieces p = cut(lars);
  operands t = make_terms(type, K, false, misaligned);
  gdi_gpu_slice s = make_slice(type, &p, lars);
  char *w = normal(type, 50, E), *sum = gd_arena_alloc(host, E * e), *kept = gd_arena_alloc(host, E * e);
  double square[2 * MAX_SEGMENTS];
  s.w = up(w, E * e);
  s.kept = term_of(&t, 0);
  gdi_sum_store(&t.cpu, cpu, (gd_range){0, E}, sum);
  assert_ok(gpu->gpu->sum_and_square(gpu, &s, &t.gpu));
  down(square, s.square, sizeof square);
  down(kept, s.kept, E * e);
  assert_memory_equal(kept + FROM * e, sum + FROM * e, (E - FROM) * e);
  for (int64_t g = 0; g < p.n; g++) {
    const bool own = g >= s.own.lo;
    assert_true(square[g * s.norms] == (own ? square_of(type, sum, p.first[g], p.first[g + 1]) : 0));
    if (lars) assert_true(square[g * 2 + 1] == (own ? square_of(type, w, p.first[g], p.first[g + 1]) : 0));
  }
  gdi_sum_free(&t.cpu);
  forget(NULL);
}

static void squares_are_those_of_the_lanes(void **state) {
  (void)state;
  for (int variant = 0; variant < 8; variant++)
    for (int64_t K = 1; K <= 5; K += 2) check_squares(types[variant & 1], variant & 2, K, variant & 4);
}

/* ---- updates ---- */

static gd_optim variant_of(int i) {
  static const gd_optimizer kind[] = {GD_SGD,     GD_SGD,     GD_SGD,     GD_ADAM,    GD_ADAMW,
                                      GD_RMSPROP, GD_RMSPROP, GD_RMSPROP, GD_RMSPROP, GD_LARS,
                                      GD_ADAM,    GD_ADAMW,   GD_ADAMW,   GD_SGD,     GD_LARS};
  gd_optim o = gd_optim_defaults(kind[i]);
  o.weight_decay = 0.01;
  if (o.kind == GD_SGD) o.momentum = i ? 0.9 : 0, o.nesterov = i == 2;
  if (o.kind == GD_RMSPROP) o.momentum = i & 1 ? 0.9 : 0, o.centered = i >= 7;
  o.amsgrad = i >= 10 && i < 13;
  if (i >= 12) o.ema = 0.9;
  if (i == 13)
    o.ema = 0, o.swa_start = 1, o.swa_every = 2; /* in three steps: a first sample, nothing, a mean */
  return o;
}
enum { VARIANTS = 15 };

typedef struct trial {
  gd_dtype type;
  gd_optim o;
  pieces p;
  operands t;
  gdi_gpu_slice s;
  char *w, *state[GDI_MAX_STATES], *sum; /* the CPU's */
  double rate[PARAMS];
  gdi_totals *now;
  gdi_step_input *in;
} trial;

static trial start(gd_dtype type, int variant, int64_t K, bool misaligned) {
  const size_t e = gd_dtype_bytes(type);
  const gdi_totals now = {.scale = 1.0 / 3, .go = 1};
  trial r = {.type = type, .o = variant_of(variant)};
  const bool lars = r.o.kind == GD_LARS;
  r.p = cut(lars);
  r.t = make_terms(type, K, false, misaligned);
  r.s = make_slice(type, &r.p, lars);
  r.s.rule = gdi_optim_rule(&r.o);
  r.w = normal(type, 50, E);
  r.s.w = up(r.w, E * e);
  for (int i = 0; i < gd_optim_states(&r.o); i++) {
    r.state[i] = gd_arena_zalloc(host, (E - FROM) * e);
    r.s.state[i] = up(r.state[i], (E - FROM) * e);
  }
  for (int i = 0; i < PARAMS; i++) r.rate[i] = 0.5 + 0.1 * i;
  if (lars) r.s.rate = up(r.rate, sizeof r.rate);
  r.sum = gd_arena_alloc(host, E * e);
  gdi_sum_store(&r.t.cpu, cpu, (gd_range){0, E}, r.sum);
  r.now = up(&now, sizeof now);
  r.in = gd_arena_alloc(memory, sizeof *r.in);
  return r;
}

/* A step of the CPU, then of the GPU, from the operands or from the sums kept. Returns the GPU's findings. */
static gdi_totals step(trial *r, int64_t step, bool kept) {
  const size_t e = gd_dtype_bytes(r->type);
  gd_update u = {.lr = 0.01, .step = step, .grad_scale = 1, .clip_value = 0.5, .local_rate = 1};
  const gdi_step_input in = {.step = step, .constants = {gdi_optim_constants(&r->o, &u)}};
  gdi_totals now;
  u.grad_scale = 1.0 / 3;
  for (int64_t g = r->s.own.lo; g < r->s.own.hi; g++) {
    const int64_t lo = r->p.first[g], n = r->p.first[g + 1] - lo;
    void *state[GDI_MAX_STATES] = {NULL};
    for (int i = 0; i < gd_optim_states(&r->o); i++) state[i] = r->state[i] + (size_t)(lo - FROM) * e;
    if (r->s.rate) u.local_rate = r->rate[r->p.param[g]];
    (void)gd_optim_update(&r->o, &u, r->type, n, r->w + (size_t)lo * e, r->sum + (size_t)lo * e, state);
  }
  if (kept) r->s.kept = up(r->sum, E * e);
  assert_ok(gpu->upload(gpu, r->in, &in, sizeof in));
  assert_ok(gpu->gpu->update(gpu, &r->s, kept ? NULL : &r->t.gpu, r->in, r->now));
  down(&now, r->now, sizeof now);
  return now;
}

static void assert_same(const trial *r) {
  const size_t e = gd_dtype_bytes(r->type);
  char *got = gd_arena_alloc(host, E * e);
  down(got, r->s.w, E * e);
  assert_memory_equal(got, r->w, E * e);
  for (int i = 0; i < gd_optim_states(&r->o); i++) {
    down(got, r->s.state[i], (E - FROM) * e);
    assert_memory_equal(got, r->state[i], (E - FROM) * e);
  }
}

static void updates_have_the_bits_of_the_cpu(void **state) {
  (void)state;
  const int64_t Ks[] = {1, 3, 8};
  for (int v = 0; v < VARIANTS; v++)
    for (int k = 0; k < 12; k++) {
      trial r = start(types[k & 1], v, Ks[k / 2 % 3], k >= 6);
      for (int i = 0; i < 3; i++) assert_int_equal(step(&r, i, i == 2).nonfinite, 0);
      assert_same(&r);
      gdi_sum_free(&r.t.cpu);
      forget(NULL);
    }
}

/* Beside products an update has few blocks, and large ones; how few is a developer's knob. */
static void the_number_of_blocks_changes_no_bit(void **state) {
  (void)state;
  const char *const tuned[] = {"update_share=4", "update_share=2", "update_share=1000", "update_share=0"};
  gd_device *const usual = gpu;
  for (int i = 0; i < 4; i++) {
    setenv("GDTRAIN_TUNE", tuned[i], 1);
    assert_ok(gd_device_open(&gpu, &(gd_device_options){.kind = GD_CUDA, .threads = 1}));
    for (int v = 0; v < VARIANTS; v++)
      for (int k = 0; k < 4; k++) {
        trial r = start(types[k & 1], v, k < 2 ? 1 : 3, false);
        r.s.beside = true;
        for (int n = 0; n < 2; n++) assert_int_equal(step(&r, n, false).nonfinite, 0);
        assert_same(&r);
        gdi_sum_free(&r.t.cpu);
        forget(NULL);
      }
    gd_device_close(gpu);
    gpu = usual;
  }
  unsetenv("GDTRAIN_TUNE");
}

static void a_knob_that_is_not_there_is_refused(void **state) {
  (void)state;
  const char *const wrong[] = {
      "update_shares=4", "update_share",      "update_share=-1", "update_share=4;", "=4", "x",
      "update_share=",   "update_share=4,x=1"};
  gd_device *d;
  for (int i = 0; i < 8; i++) {
    setenv("GDTRAIN_TUNE", wrong[i], 1);
    assert_int_equal(gd_device_open(&d, &(gd_device_options){.kind = GD_CUDA, .threads = 1}), GD_ERR_USAGE);
    assert_non_null(strstr(gd_error_last()->message, "GDTRAIN_TUNE"));
  }
  unsetenv("GDTRAIN_TUNE");
}

static void a_step_without_go_changes_nothing(void **state) {
  (void)state;
  for (int v = 0; v < VARIANTS; v++) {
    trial r = start(GD_F32, v, 1, false);
    const gdi_totals stop = {.scale = 1, .go = 0};
    char *before = gd_arena_alloc(host, E * sizeof(float));
    memcpy(before, r.w, E * sizeof(float));
    r.now = up(&stop, sizeof stop);
    (void)step(&r, 0, false);
    r.w = before;
    for (int i = 0; i < gd_optim_states(&r.o); i++) memset(r.state[i], 0, (E - FROM) * sizeof(float));
    assert_same(&r);
    gdi_sum_free(&r.t.cpu);
    forget(NULL);
  }
}

static void put(gd_dtype type, char *array, int64_t i, double value) {
  const float single = (float)value;
  if (type == GD_F64)
    assert_ok(gpu->upload(gpu, array + i * 8, &value, sizeof value));
  else
    assert_ok(gpu->upload(gpu, array + i * 4, &single, sizeof single));
}

static void what_is_not_finite_is_found_wherever_it_is(void **state) {
  (void)state;
  const double wild[] = {NAN, INFINITY, -INFINITY};
  const int64_t places[] = {FROM, FROM + 1, 2 * GD_BLOCK - 1, 9999, E - 2, E - 1, FROM - 1};
  for (int v = 0; v < VARIANTS; v++)
    for (int k = 0; k < 14; k++) {
      trial r = start(types[v & 1], v, 1, false);
      put(r.type, k & 1 ? r.s.w : term_of(&r.t, 0), places[k / 2], wild[k % 3]);
      assert_int_equal(step(&r, 0, false).nonfinite,
                       places[k / 2] >= FROM); /* others' elements are not looked at */
      gdi_sum_free(&r.t.cpu);
      forget(NULL);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(sums_follow_the_tree, forget),
      cmocka_unit_test_setup(squares_are_those_of_the_lanes, forget),
      cmocka_unit_test_setup(updates_have_the_bits_of_the_cpu, forget),
      cmocka_unit_test_setup(the_number_of_blocks_changes_no_bit, forget),
      cmocka_unit_test_setup(a_knob_that_is_not_there_is_refused, forget),
      cmocka_unit_test_setup(a_step_without_go_changes_nothing, forget),
      cmocka_unit_test_setup(what_is_not_finite_is_found_wherever_it_is, forget),
  };
  const int opened = open_gpu();
  if (opened) return opened;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_gpu();
  return failed;
}
