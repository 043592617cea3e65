/* A set that is not in a GPU's memory: the batches formed there from what is sent have the bits of a CPU's,
 * however far the caller is ahead of the GPU. */
#include "unit/data_fixture.h"

#include "data/loader.h"
#include "gpu/memory.h"

enum { N = 650, MICRO = 20, SHARE = 60, H = 4, W = 9 }; /* the last micro-batch has 10 samples */

static gd_table make_table(gd_dtype type, bool labels, int64_t d, bool weighted, bool masks) {
  const gd_rng r = gd_rng_stream(3, GD_RNG_TEST, 0);
  gd_table t = {
      .n = N, .ndim = 1, .sample = {d}, .x_type = type, .labels = labels, .classes = labels ? 9 : 0};
  t.targets = labels ? 1 : 2, t.y_vector = labels;
  const int64_t targets = masks ? H * W : 2;
  if (masks) t.y_ndim = 2, t.y_sample[0] = H, t.y_sample[1] = W;
  t.x = malloc((size_t)(N * d) * sizeof(double)), t.y = malloc((size_t)(N * targets) * sizeof(double));
  if (weighted) t.w = malloc(N * sizeof *t.w);
  for (int64_t i = 0; weighted && i < N; i++) t.w[i] = gd_rng_uniform(r, (uint64_t)(3 * N * d + i));
  for (int64_t i = 0; i < N * d; i++) {
    const double v = gd_rng_normal(r, (uint64_t)i);
    if (type == GD_U8) ((uint8_t *)t.x)[i] = (uint8_t)gd_rng_u64(r, (uint64_t)i);
    if (type == GD_F32) ((float *)t.x)[i] = (float)v;
    if (type == GD_F64) ((double *)t.x)[i] = v;
  }
  for (int64_t i = 0; i < N * targets; i++) {
    if (!labels) ((double *)t.y)[i] = gd_rng_normal(r, (uint64_t)(i + N * d));
    if (labels) ((int64_t *)t.y)[i] = i % 9;
  }
  return t;
}

/* streamed: read from the file, else held on the host */
typedef struct kind {
  gd_dtype stored, type;
  bool labels, streamed, standardized;
  gd_shuffle shuffle;
  int64_t d;
  bool weighted, masks;
} kind;

static const kind kinds[] = {
    {GD_U8, GD_F32, true, false, false, GD_SHUFFLE_BLOCK, 36, true, false},
    {GD_U8, GD_F32, true, true, true, GD_SHUFFLE_FULL, 37, false, false},
    {GD_F32, GD_F32, false, true, true, GD_SHUFFLE_BLOCK, 8, true, false},
    {GD_F32, GD_F32, false, false, true, GD_SHUFFLE_BLOCK, 5, false, false},
    {GD_F64, GD_F64, false, true, false, GD_SHUFFLE_NONE, 3, true, false},
    {GD_F64, GD_F32, true, true, true, GD_SHUFFLE_FULL, 12, false, false},
    {GD_U8, GD_F32, true, false, false, GD_SHUFFLE_BLOCK, 108, true, true},
    {GD_U8, GD_F32, true, true, false, GD_SHUFFLE_FULL, 36, false, true},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct sent {
  gd_dataset *data;
  void *held;
  gd_standardize standardize, standardize_targets;
  gd_loader_options o;
  gd_loader *here, *there;    /* of the CPU, of the GPU */
  size_t x_row, y_row, w_row; /* of a batch; w_row 0: no weights */
  char *x, *y, *w;            /* [N] on the GPU: batches are kept there, as nobody waits */
} sent;

static void open_sent(sent *s, const kind *k) {
  *s = (sent){0};
  gd_table t = make_table(k->stored, k->labels, k->d, k->weighted, k->masks);
  s->data =
      open_table(&t, "t.h5", &(gd_data_options){.memory = k->streamed ? GD_MEMORY_STREAM : GD_MEMORY_HOLD});
  gd_table_free(&t);
  if (!k->streamed) s->held = hold(s->data);
  s->o = (gd_loader_options){.order = gd_order_all(N, 3), .device = cpu, .dtype = k->type, .max_rows = MICRO};
  s->o.order.shuffle = k->shuffle, s->o.order.block = 50, s->o.order.window = 3;
  if (k->standardized) {
    assert_ok(gd_standardize_fit(&s->standardize, s->data, &s->o.order));
    s->o.standardize = &s->standardize;
    if (!k->labels) assert_ok(gd_standardize_fit_targets(&s->standardize_targets, s->data, &s->o.order));
    s->o.standardize_targets = &s->standardize_targets;
  }
  assert_ok(gd_loader_new(&s->here, s->data, &s->o));
  s->o.device = gpu;
  assert_ok(gdi_loader_new(&s->there, s->data, &s->o, SHARE));
  assert_false(gdi_loader_resident(s->there));
  const size_t e = gd_dtype_bytes(k->type);
  s->x_row = (size_t)k->d * e, s->y_row = k->labels ? (k->masks ? H * W : 1) * sizeof(int64_t) : 2 * e;
  s->x = gd_arena_alloc(memory, N * s->x_row), s->y = gd_arena_alloc(memory, N * s->y_row);
  s->w_row = k->weighted ? e : 0;
  s->w = gd_arena_alloc(memory, N * s->w_row + 1);
  assert_true(s->x && s->y && s->w);
}

static void close_sent(sent *s) {
  gd_loader_free(s->here);
  gd_loader_free(s->there);
  gd_dataset_close(s->data);
  gd_standardize_free(&s->standardize);
  gd_standardize_free(&s->standardize_targets);
  free(s->held);
  forget(NULL);
}

static gd_range rows_at(int64_t lo, int64_t most) {
  return (gd_range){lo, lo + most < N ? lo + most : N};
}

/* Queued, as everything that uses a batch. */
static void keep(const sent *s, const gd_batch *b, char *x, char *y, char *w) {
  const size_t rows = (size_t)(b->rows.hi - b->rows.lo);
  assert_ok(gpu->copy(gpu, x, b->x->data, rows * s->x_row));
  assert_ok(gpu->copy(gpu, y, b->y->data, rows * s->y_row));
  assert_int_equal(b->w != NULL, s->w_row > 0);
  if (b->w) assert_ok(gpu->copy(gpu, w, b->w->data, rows * s->w_row));
}

static void assert_kept(const sent *s, int64_t epoch, int64_t n) {
  char *x = gd_arena_alloc(host, N * s->x_row), *y = gd_arena_alloc(host, N * s->y_row),
       *w = gd_arena_alloc(host, N * s->w_row + 1);
  down(x, s->x, (size_t)n * s->x_row);
  down(y, s->y, (size_t)n * s->y_row);
  down(w, s->w, (size_t)n * s->w_row);
  for (int64_t lo = 0; lo < n; lo += MICRO) {
    gd_batch b;
    assert_ok(gd_loader_get(s->here, epoch, rows_at(lo, MICRO), &b));
    const size_t rows = (size_t)(b.rows.hi - lo);
    assert_memory_equal(x + (size_t)lo * s->x_row, b.x->data, rows * s->x_row);
    assert_memory_equal(y + (size_t)lo * s->y_row, b.y->data, rows * s->y_row);
    if (b.w) assert_memory_equal(w + (size_t)lo * s->w_row, b.w->data, rows * s->w_row);
  }
}

/* What is announced is what is asked for next; at times nothing is, or something else. */
static void queued_batches_are_those_of_a_cpu(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) {
    sent s;
    open_sent(&s, &kinds[i]);
    for (int64_t epoch = 0; epoch < 2; epoch++) {
      for (int64_t lo = 0; lo < N; lo += MICRO) {
        const int64_t k = lo / MICRO;
        gd_batch b;
        assert_ok(gd_loader_get(s.there, epoch, rows_at(lo, MICRO), &b));
        keep(&s, &b, s.x + (size_t)lo * s.x_row, s.y + (size_t)lo * s.y_row, s.w + (size_t)lo * s.w_row);
        if (k % 7 != 3) gd_loader_hint(s.there, epoch, rows_at(lo + (k % 5 == 2 ? 0 : MICRO), MICRO));
      }
      assert_kept(&s, epoch, N);
    }
    close_sent(&s);
  }
}

/* The work of a step: all micro-batches of a share, to `x`, `y` and `w`. */
static void use_share(const sent *s, int64_t epoch, gd_range share, char *x, char *y, char *w) {
  for (int64_t lo = share.lo; lo < share.hi; lo += MICRO) {
    const size_t at = (size_t)(lo - share.lo);
    gd_batch b;
    assert_ok(gd_loader_get(s->there, epoch, (gd_range){lo, lo + MICRO}, &b));
    gd_loader_hint(s->there, epoch, (gd_range){lo + MICRO, lo + 2 * MICRO}); /* is there already */
    keep(s, &b, x + at * s->x_row, y + at * s->y_row, w + at * s->w_row);
  }
}

/* One recording serves both slots; its work is replayed while the next share is on its way. */
static void recorded_batches_are_those_of_a_cpu(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) {
    enum { SHARES = N / SHARE };
    sent s;
    gdi_graph *step;
    gd_batch b;
    open_sent(&s, &kinds[i]);
    gdi_batch_input *in = gd_arena_alloc(memory, sizeof *in);
    gdi_batch_input *now = gpu->gpu->pinned.take(gpu->gpu->pinned.user, SHARES * sizeof *now);
    char *x = gd_arena_alloc(memory, SHARE * s.x_row), *y = gd_arena_alloc(memory, SHARE * s.y_row),
         *w = gd_arena_alloc(memory, SHARE * s.w_row + 1);
    for (int64_t k = 0; k < SHARES; k++) {
      const gd_range share = rows_at(k * SHARE, SHARE);
      assert_ok(gdi_loader_take(s.there, 1, share, in, &now[k]));
      assert_ok(gpu->gpu->send(gpu, GDI_STREAM_COMPUTE, in, &now[k], sizeof *in));
      if (k == 0) {
        assert_ok(gpu->gpu->capture(gpu));
        use_share(&s, 1, share, x, y, w);
        assert_ok(gpu->gpu->captured(gpu, &step));
        assert_refused(gd_loader_get(s.there, 1, rows_at(SHARE, MICRO), &b), GD_ERR_USAGE, "not taken");
      }
      assert_ok(gpu->gpu->replay(gpu, step));
      assert_ok(gdi_loader_used(s.there));
      assert_ok(gpu->copy(gpu, s.x + (size_t)share.lo * s.x_row, x, SHARE * s.x_row));
      assert_ok(gpu->copy(gpu, s.y + (size_t)share.lo * s.y_row, y, SHARE * s.y_row));
      assert_ok(gpu->copy(gpu, s.w + (size_t)share.lo * s.w_row, w, SHARE * s.w_row));
      gd_loader_hint(s.there, 1, rows_at(share.hi, SHARE));
    }
    assert_kept(&s, 1, SHARES * SHARE);
    assert_refused(gdi_loader_take(s.there, 1, rows_at(0, SHARE + 1), in, now), GD_ERR_USAGE, "at most 60");
    gpu->gpu->graph_free(gpu, step);
    gpu->gpu->pinned.give(gpu->gpu->pinned.user, now);
    close_sent(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(queued_batches_are_those_of_a_cpu, forget),
      cmocka_unit_test_setup(recorded_batches_are_those_of_a_cpu, forget),
  };
  const int opened = open_gpu();
  if (opened) return opened;
  const int failed = make_folder(NULL) || cmocka_run_group_tests(tests, NULL, NULL);
  remove_folder(NULL);
  close_gpu();
  return failed;
}
