/* Augmentation: each kind does what its formula says, and depends on (seed, epoch, sample) alone. */
#include "data/mix.h"

#include <math.h>

#include "data_fixture.h"
#include "random.h"

enum { H = 7, W = 9, C = 3, N = H * W * C };

static gd_data_info images(gd_dtype type, bool planes) {
  gd_data_info i = {.path = "x.h5", .n = 1, .ndim = 3, .sample = {H, W, C}, .x_type = type, .x_scale = 1};
  if (planes) i.sample[0] = C, i.sample[1] = H, i.sample[2] = W;
  return i;
}

static gd_status parse(gd_augment **out, const char *text, const gd_data_info *i, uint64_t seed) {
  gd_arena *arena;
  gd_tree *list;
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_tree_parse(&list, arena, text, "--augment"));
  const gd_status st = gd_augment_new(out, list, i, seed);
  gd_arena_free(arena); /* what it needs of the list, it has copied */
  return st;
}

static gd_augment *make(const char *text, gd_dtype type, bool planes) {
  gd_augment *a;
  const gd_data_info i = images(type, planes);
  assert_ok(parse(&a, text, &i, test_seed()));
  return a;
}

static void run(const gd_augment *a, int64_t epoch, int64_t sample, const void *from, void *to,
                size_t bytes) {
  float room[2 * N];
  assert_int_equal(gdi_augment_room(a), sizeof room);
  memcpy(to, gdi_augment_sample(a, epoch, sample, from, room), bytes);
}

/* Every value differs from its neighbours, and none is black. */
static void fill(uint8_t *x) {
  for (int k = 0; k < N; k++) x[k] = (uint8_t)(k % 251 + 1);
}

static void flipping_twice_is_nothing_and_once_turns_every_line(void **state) {
  (void)state;
  gd_augment *once = make("flip:1", GD_U8, false), *twice = make("flip:1 flip:1", GD_U8, false),
             *half = make("flip", GD_U8, false);
  uint8_t x[N], y[N];
  fill(x);
  run(once, 0, 0, x, y, sizeof y);
  for (int v = 0; v < H; v++)
    for (int u = 0; u < W; u++) assert_memory_equal(y + (v * W + u) * C, x + (v * W + W - 1 - u) * C, C);
  run(twice, 0, 0, x, y, sizeof y);
  assert_memory_equal(x, y, N);
  int flipped = 0;
  for (int i = 0; i < 4000; i++) {
    run(half, 1, i, x, y, sizeof y);
    flipped += memcmp(x, y, N) != 0;
  }
  assert_close(flipped, 2000, 5 * 32); /* five deviations */
  gd_augment_free(once), gd_augment_free(twice), gd_augment_free(half);
}

static int64_t mirrored(int64_t i, int64_t n) {
  return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
}

/* Pixel (v, u) of a padded image, by definition. */
static uint8_t padded(const uint8_t *x, int64_t v, int64_t u, int c, bool reflect) {
  if (reflect) v = mirrored(v, H), u = mirrored(u, W);
  return v < 0 || v >= H || u < 0 || u >= W ? 0 : x[(v * W + u) * C + c];
}

static bool is_window(const uint8_t *x, const uint8_t *y, int down, int right, bool reflect) {
  for (int v = 0; v < H; v++)
    for (int u = 0; u < W; u++)
      for (int c = 0; c < C; c++)
        if (y[(v * W + u) * C + c] != padded(x, v + down, u + right, c, reflect)) return false;
  return true;
}

static void crops_are_windows_of_the_padded_image_at_uniform_places(void **state) {
  (void)state;
  enum { P = 2, PLACES = (2 * P + 1) * (2 * P + 1), EACH = 400 };
  for (int reflect = 0; reflect < 2; reflect++) {
    gd_augment *a = make(reflect ? "[{crop: {padding: 2, padding_mode: reflect}}]" : "crop:2", GD_U8, false);
    int count[PLACES] = {0};
    uint8_t x[N], y[N];
    fill(x);
    for (int i = 0; i < PLACES * EACH; i++) {
      int found = 0;
      run(a, i % 3, i, x, y, sizeof y);
      for (int k = 0; k < PLACES; k++)
        if (is_window(x, y, k / (2 * P + 1) - P, k % (2 * P + 1) - P, reflect)) found++, count[k]++;
      assert_int_equal(found, 1);
    }
    for (int k = 0; k < PLACES; k++) assert_close(count[k], EACH, 5 * 20);
    gd_augment_free(a);
  }
}

/* The box of black pixels, which must be all black; false: there are none. */
static bool black_box(const uint8_t *x, const uint8_t *y, int box[4]) {
  int black = 0;
  box[0] = H, box[1] = W, box[2] = box[3] = -1;
  for (int v = 0; v < H; v++)
    for (int u = 0; u < W; u++) {
      const int at = (v * W + u) * C;
      if (y[at] != 0) {
        assert_memory_equal(y + at, x + at, C);
        continue;
      }
      black++;
      box[0] = v < box[0] ? v : box[0], box[1] = u < box[1] ? u : box[1];
      box[2] = v > box[2] ? v : box[2], box[3] = u > box[3] ? u : box[3];
    }
  if (black) assert_int_equal(black, (box[2] - box[0] + 1) * (box[3] - box[1] + 1));
  return black > 0;
}

static void cutout_is_a_square_with_its_middle_anywhere(void **state) {
  (void)state;
  gd_augment *a = make("cutout:3", GD_U8, false);
  uint8_t x[N], y[N];
  int middle[H * W] = {0}, box[4];
  fill(x);
  for (int i = 0; i < H * W * 200; i++) {
    run(a, 0, i, x, y, sizeof y);
    assert_true(black_box(x, y, box));
    const int v = box[0] == 0 ? box[2] - 1 : box[0] + 1, u = box[1] == 0 ? box[3] - 1 : box[1] + 1;
    assert_true(box[2] - box[0] + 1 == 3 || v == 0 || v == H - 1);
    assert_true(box[3] - box[1] + 1 == 3 || u == 0 || u == W - 1);
    middle[v * W + u]++;
  }
  for (int k = 0; k < H * W; k++) assert_close(middle[k], 200, 5 * 15);
  gd_augment_free(a);
}

static void erasing_is_a_rectangle_of_the_asked_area_as_often_as_asked(void **state) {
  (void)state;
  gd_augment *a = make("[{random_erasing: {p: 0.25, least: 0.1, most: 0.3}}]", GD_U8, false);
  uint8_t x[N], y[N];
  int erased = 0, box[4];
  fill(x);
  for (int i = 0; i < 4000; i++) {
    run(a, 0, i, x, y, sizeof y);
    if (!black_box(x, y, box)) continue;
    const double area = (box[2] - box[0] + 1) * (box[3] - box[1] + 1);
    assert_true(area >= 0.05 * H * W && area <= 0.42 * H * W); /* sides are rounded */
    erased++;
  }
  assert_close(erased, 1000, 5 * 28);
  gd_augment_free(a);
  const gd_data_info i = images(GD_U8, false);
  assert_refused(parse(&a, "[{random_erasing: {least: 0.5, most: 0.3}}]", &i, 1), GD_ERR_USAGE,
                 "least 0.5 is more");
}

static void nothing_asked_changes_nothing(void **state) {
  (void)state;
  gd_augment *a = make("[{crop: 0}, affine, color_jitter, {flip: 0}, {random_erasing: 0}]", GD_U8, false);
  uint8_t x[N], y[N];
  fill(x);
  for (int i = 0; i < 50; i++) {
    run(a, 0, i, x, y, sizeof y);
    assert_memory_equal(x, y, N);
  }
  gd_augment_free(a);
}

/* A plane v = p + q y + r x stays a plane under every such map, where no black comes in. */
static void turning_moves_pixels_as_the_matrix_says(void **state) {
  (void)state;
  gd_augment *a = make("[{affine: {degrees: 40, translate: 0.1, scale: 0.3}}]", GD_F32, false);
  float x[N], y[N];
  for (int k = 0; k < N; k++) x[k] = (float)(100 + (k % C == 0 ? k / C / W : k % C == 1 ? k / C % W : 1));
  for (int i = 0; i < 200; i++) {
    run(a, 0, i, x, y, sizeof y);
    /* at the middle and its neighbours: where they come from, by the channels that hold coordinates */
    double from[3][2];
    const int at[3][2] = {{3, 4}, {3, 5}, {4, 4}};
    for (int k = 0; k < 3; k++)
      for (int c = 0; c < 2; c++) from[k][c] = y[(at[k][0] * W + at[k][1]) * C + c] - 100;
    const double right[2] = {from[1][0] - from[0][0],
                             from[1][1] - from[0][1]}, /* of a step to the right: (y, x) */
        down[2] = {from[2][0] - from[0][0], from[2][1] - from[0][1]};
    const double scale = 1 / hypot(right[0], right[1]), angle = atan2(right[0], right[1]);
    assert_true(scale > 0.7 - 1e-3 && scale < 1.3 + 1e-3 && fabs(angle) <= 40 * 3.15 / 180);
    assert_close(down[0], right[1], 1e-4); /* a turn: no shear */
    assert_close(down[1], -right[0], 1e-4);
  }
  gd_augment_free(a);
}

static void jitter_keeps_grey_grey_and_multiplies_brightness(void **state) {
  (void)state;
  gd_augment *bright = make("color_jitter:0.5", GD_F32, false),
             *all = make("[{color_jitter: {contrast: 0.4, saturation: 0.9}}]", GD_F32, false);
  float x[N], y[N];
  for (int k = 0; k < N; k++) x[k] = (float)(k / C % 40 + 30) / 100; /* contrast meets no end */
  double least = 2, most = 0;
  for (int i = 0; i < 400; i++) {
    run(bright, 0, i, x, y, sizeof y);
    const double factor = (double)y[0] / x[0];
    least = fmin(least, factor), most = fmax(most, factor);
    for (int k = 0; k < N; k++) assert_close(y[k], fmin(factor * x[k], 1), 1e-6);
    run(all, 0, i, x, y, sizeof y);
    double mean[2] = {0};
    for (int k = 0; k < N; k++) {
      assert_close(y[k], y[k - k % C], 1e-6);
      mean[0] += x[k] / N, mean[1] += y[k] / N;
    }
    assert_close(mean[1], mean[0], 1e-2); /* contrast is about the mean */
  }
  assert_true(least > 0.5 && least < 0.52 && most < 1.5 && most > 1.48);
  gd_augment_free(bright), gd_augment_free(all);
}

/* Hue, saturation and value of a colour of three numbers, by their definition. */
static void hsv(const float *v, double out[3]) {
  const double most = fmax(v[0], fmax(v[1], v[2])), range = most - fmin(v[0], fmin(v[1], v[2]));
  out[0] = range == 0     ? 0
           : most == v[0] ? fmod((double)(v[1] - v[2]) / range + 6, 6) / 6
           : most == v[1] ? ((double)(v[2] - v[0]) / range + 2) / 6
                          : ((double)(v[0] - v[1]) / range + 4) / 6;
  out[1] = most > 0 ? range / most : 0, out[2] = most;
}

static void jitter_turns_hue_alone_by_what_was_drawn(void **state) {
  (void)state;
  gd_augment *a = make("[{color_jitter: {hue: 0.4}}]", GD_F32, false);
  float x[N], y[N];
  for (int k = 0; k < N; k++) x[k] = (float)(k * k % 97 + 2) / 100;
  for (int i = 0; i < 300; i++) {
    gdi_drawn w;
    gdi_augment_draw(a, 0, i, &w);
    assert_true(fabs(w.f[3]) <= 0.4);
    run(a, 0, i, x, y, sizeof y);
    for (int k = 0; k < N; k += C) {
      double was[3], is[3];
      hsv(x + k, was), hsv(y + k, is);
      const double apart = is[0] - was[0] - w.f[3];
      if (was[1] > 0) assert_close(apart, round(apart), 1e-5);
      assert_close(is[1], was[1], 1e-5);
      assert_close(is[2], was[2], 1e-6);
    }
  }
  gd_augment_free(a);
}

static void a_resized_crop_of_everything_is_the_image_and_of_a_part_lies_within_it(void **state) {
  (void)state;
  gd_data_info square = images(GD_U8, false);
  square.sample[0] = W;
  gd_augment *all, *part;
  assert_ok(parse(&all, "[{resized_crop: {scale: 1, ratio: 1}}]", &square, 1));
  assert_ok(parse(&part, "resized_crop", &square, 1));
  uint8_t x[W * W * C];
  float room[2 * W * W * C];
  for (int k = 0; k < W * W * C; k++) x[k] = (uint8_t)(50 + k / C / W * 10 + k / C % W * 3);
  assert_memory_equal(x, gdi_augment_sample(all, 0, 0, x, room), sizeof x);
  for (int i = 0; i < 500; i++) {
    const uint8_t *y = gdi_augment_sample(part, 0, i, x, room);
    for (int v = 0; v < W; v++)
      for (int u = 0; u + 1 < W; u++) { /* a ramp stays one, inside its range */
        assert_true(y[(v * W + u + 1) * C] >= y[(v * W + u) * C]);
        assert_in_range(y[(v * W + u) * C], 50, 50 + 80 + 24);
      }
  }
  gd_augment_free(all), gd_augment_free(part);
}

static const char everything[] = "[{crop: 2}, flip, resized_crop, {affine: {degrees: 20, translate: 0.1, "
                                 "scale: 0.2}}, {color_jitter: {brightness: "
                                 "0.3, contrast: 0.3, saturation: 0.3}}, {cutout: 3}, random_erasing]";

static void planes_and_channels_are_the_same_image(void **state) {
  (void)state;
  gd_augment *last = make(everything, GD_U8, false), *first = make(everything, GD_U8, true);
  uint8_t x[N], planes[N], y[N], z[N];
  fill(x);
  for (int k = 0; k < N; k++) planes[k % C * H * W + k / C] = x[k];
  for (int i = 0; i < 100; i++) {
    run(last, 0, i, x, y, sizeof y);
    run(first, 0, i, planes, z, sizeof z);
    for (int k = 0; k < N; k++) assert_int_equal(y[k], z[k % C * H * W + k / C]);
  }
  gd_augment_free(last), gd_augment_free(first);
}

/* Runs of earlier versions go on with the same images. */
static void draws_are_those_of_every_version_before(void **state) {
  (void)state;
  enum { SAMPLES = 6 };
  const int64_t down[SAMPLES] = {1, 4, 1, 1, -1, -3}, right[SAMPLES] = {4, 3, -3, 0, 4, 2};
  const bool stays[SAMPLES] = {true, true, false, false, false, true};
  const gd_data_info i = images(GD_U8, false);
  gd_augment *a;
  gdi_drawn w[2];
  assert_ok(parse(&a, "crop:4 flip", &i, 1));
  assert_int_equal(gdi_augment_count(a), 2);
  for (int64_t k = 0; k < SAMPLES; k++) {
    gdi_augment_draw(a, k / 3, k * 1000, w);
    assert_int_equal(w[0].i[0], down[k]);
    assert_int_equal(w[0].i[1], right[k]);
    assert_int_equal(w[1].nothing, stays[k]);
  }
  gd_augment_free(a);
}

/* ---- in the loader ---- */

static gd_table table_of(int64_t n) {
  gd_table t = {.n = n,
                .ndim = 3,
                .sample = {H, W, C},
                .x_type = GD_U8,
                .labels = true,
                .targets = 1,
                .y_vector = true,
                .classes = 2};
  t.x = malloc((size_t)n * N), t.y = calloc((size_t)n, sizeof(int64_t));
  for (int64_t k = 0; k < n * N; k++) ((uint8_t *)t.x)[k] = (uint8_t)(k * 7 % 255 + 1);
  return t;
}

/* Every sample of two epochs by where it lies in them, in micro-batches of so many. */
static void collect(gd_dataset *d, const gd_augment *a, gd_device *device, int64_t rows, float *out) {
  gd_loader *l;
  const int64_t n = gd_dataset_info(d)->n;
  const gd_loader_options o = {
      .order = gd_order_all(n, 3), .device = device, .dtype = GD_F32, .max_rows = rows, .augment = a};
  assert_ok(gd_loader_new(&l, d, &o));
  for (int64_t at = 0; at < 2 * n; at += rows) {
    gd_batch b;
    const int64_t lo = at % n, hi = lo + rows < n ? lo + rows : n;
    assert_ok(gd_loader_get(l, at / n, (gd_range){lo, hi}, &b));
    if (at + rows < 2 * n)
      gd_loader_hint(l, (at + rows) / n, (gd_range){(at + rows) % n, (at + rows) % n + rows});
    memcpy(out + at * N, b.x->data, (size_t)((hi - lo) * N) * sizeof(float));
  }
  gd_loader_free(l);
}

static void the_loader_augments_by_seed_epoch_and_sample_alone(void **state) {
  (void)state;
  enum { SAMPLES = 24 };
  gd_table t = table_of(SAMPLES);
  gd_device *device;
  gd_dataset *held = open_table(&t, "a.h5", &(gd_data_options){.memory = GD_MEMORY_HOLD}), *streamed;
  assert_ok(gd_dataset_open(&streamed, in_folder("a.h5"), &(gd_data_options){.memory = GD_MEMORY_STREAM}));
  void *memory = hold(held);
  assert_ok(gd_device_open(&device, NULL));
  gd_augment *a = make(everything, GD_U8, false), *other = NULL;
  const gd_data_info i = images(GD_U8, false);
  assert_ok(parse(&other, everything, &i, test_seed() + 1));
  const size_t bytes = 2 * SAMPLES * N * sizeof(float);
  float *x[5];
  for (int k = 0; k < 5; k++) x[k] = malloc(bytes);
  collect(held, a, device, 24, x[0]);
  collect(held, a, device, 3, x[1]);
  collect(streamed, a, device, 8, x[2]);
  collect(held, NULL, device, 8, x[3]);
  collect(held, other, device, 8, x[4]);
  assert_memory_equal(x[0], x[1], bytes);
  assert_memory_equal(x[0], x[2], bytes);
  assert_true(memcmp(x[0], x[3], bytes) != 0 && memcmp(x[0], x[4], bytes) != 0);
  /* the same sample in the next epoch is another image */
  const gd_order order = gd_order_all(SAMPLES, 3);
  for (int64_t p = 0; p < SAMPLES; p++)
    for (int64_t q = 0; q < SAMPLES; q++)
      if (gd_order_at(&order, 0, p) == gd_order_at(&order, 1, q))
        assert_true(memcmp(x[0] + p * N, x[0] + (SAMPLES + q) * N, N * sizeof(float)) != 0);
  for (int k = 0; k < 5; k++) free(x[k]);
  gd_augment_free(a), gd_augment_free(other);
  gd_dataset_close(held), gd_dataset_close(streamed);
  gd_device_close(device);
  free(memory);
  gd_table_free(&t);
}

static void standardising_by_channel_gives_every_channel_mean_0_and_deviation_1(void **state) {
  (void)state;
  enum { SAMPLES = 20 };
  gd_table t = table_of(SAMPLES);
  gd_dataset *d = open_table(&t, "c.h5", &(gd_data_options){.memory = GD_MEMORY_STREAM});
  const gd_order all = gd_order_all(SAMPLES, 1);
  gd_standardize s;
  assert_ok(gd_standardize_fit_channels(&s, d, &all));
  for (int c = 0; c < C; c++) {
    double sum = 0, squares = 0;
    const double n = SAMPLES * H * W;
    for (int64_t k = c; k < SAMPLES * N; k += C) sum += ((uint8_t *)t.x)[k] / 255.0;
    for (int64_t k = c; k < SAMPLES * N; k += C) squares += pow(((uint8_t *)t.x)[k] / 255.0 - sum / n, 2);
    for (int k = c; k < N; k += C) {
      assert_close(s.mean[k], sum / n, 1e-12);
      assert_close(s.std[k], sqrt(squares / n), 1e-12);
    }
  }
  gd_standardize_free(&s);
  gd_dataset_close(d);
  gd_table_free(&t);
}

/* A micro-batch of n samples, each of a class of its own: as it is, and mixed. */
static void mixed_batches(const char *how, gd_dtype type, int64_t n, gd_batch out[2], gd_loader *l[2],
                          gd_dataset **d, gd_augment **a, gd_device **device) {
  gd_table t = table_of(n);
  t.classes = n;
  for (int64_t i = 0; i < n; i++) ((int64_t *)t.y)[i] = i;
  *d = open_table(&t, "m.h5", &(gd_data_options){.memory = GD_MEMORY_STREAM});
  gd_table_free(&t);
  const gd_data_info i = images(GD_U8, false);
  assert_ok(parse(a, how, &i, test_seed()));
  assert_true(gd_augment_mixes(*a));
  assert_ok(gd_device_open(device, NULL));
  for (int k = 0; k < 2; k++) {
    const gd_loader_options o = {.order = gd_order_all(n, 3),
                                 .device = *device,
                                 .dtype = type,
                                 .max_rows = n,
                                 .augment = k ? *a : NULL};
    assert_ok(gd_loader_new(&l[k], *d, &o));
    assert_ok(gd_loader_get(l[k], 0, (gd_range){0, n}, &out[k]));
  }
}

static double number(const gd_tensor *t, int64_t i) {
  return t->dtype == GD_F64 ? ((double *)t->data)[i] : (double)((float *)t->data)[i];
}

static void mixing_blends_pairs_and_what_they_are_learned_as(void **state) {
  (void)state;
  enum { SAMPLES = 16 };
  for (int kind = 0; kind < 4; kind++) {
    const bool cut = kind & 1;
    gd_batch b[2];
    gd_loader *l[2];
    gd_dataset *d;
    gd_augment *a;
    gd_device *device;
    mixed_batches(cut ? "cutmix:1" : "mixup:1", kind & 2 ? GD_F64 : GD_F32, SAMPLES, b, l, &d, &a, &device);
    assert_true(b[1].y->ndim == 2 && b[1].y->shape[1] == SAMPLES && b[1].y->dtype == b[1].x->dtype);
    int others = 0;
    for (int64_t i = 0; i < SAMPLES; i++) {
      const int64_t own = ((int64_t *)b[0].y->data)[i];
      const double keep = number(b[1].y, i * SAMPLES + own);
      int64_t other = own, partner = i;
      for (int64_t c = 0; c < SAMPLES; c++)
        if (c != own && number(b[1].y, i * SAMPLES + c) > 0) {
          assert_int_equal(other, own);
          assert_close(number(b[1].y, i * SAMPLES + c), 1 - keep, 1e-6);
          other = c;
        }
      others++;
      while (((int64_t *)b[0].y->data)[partner] != other) partner = (partner + 1) % SAMPLES;
      int64_t kept = 0;
      for (int64_t k = 0; k < N; k++) {
        const double x = number(b[0].x, i * N + k), z = number(b[0].x, partner * N + k),
                     y = number(b[1].x, i * N + k);
        if (!cut) assert_close(y, keep * x + (1 - keep) * z, 1e-6);
        if (cut) assert_true(y == x || y == z);
        kept += y == x;
      }
      if (cut) assert_close((double)kept / N, keep, 0.02); /* two images may have a pixel in common */
    }
    assert_int_equal(others, SAMPLES);
    for (int k = 0; k < 2; k++) gd_loader_free(l[k]);
    gd_augment_free(a);
    gd_dataset_close(d);
    gd_device_close(device);
  }
}

/* Beta(1/2, 1/2) has mean 1/2 and variance 1/8; Beta(1, 1) 1/12. */
static void shares_are_drawn_from_the_beta_distribution(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    gdi_draws d = {.rng = gd_rng_stream(test_seed(), GD_RNG_TEST, (uint64_t)k)};
    double sum = 0, squares = 0;
    for (int i = 0; i < 100000; i++) {
      const double v = gdi_draw_beta(&d, k ? 1 : 0.5) - 0.5;
      sum += v / 100000, squares += v * v / 100000;
    }
    assert_close(sum, 0, 5 * sqrt(0.125 / 100000));
    assert_close(squares, k ? 1.0 / 12 : 1.0 / 8, 0.002);
  }
}

static void what_cannot_be_augmented_is_refused(void **state) {
  (void)state;
  gd_augment *a;
  gd_data_info i = images(GD_U8, false);
  assert_refused(parse(&a, "crop:2 flipp", &i, 1), GD_ERR_USAGE, "did you mean 'flip'?");
  assert_refused(parse(&a, "crop", &i, 1), GD_ERR_USAGE, "crop needs padding");
  assert_refused(parse(&a, "crop:-1", &i, 1), GD_ERR_USAGE, "crop: '-1' is not");
  assert_refused(parse(&a, "[{crop: {padding: 7, padding_mode: reflect}}]", &i, 1), GD_ERR_USAGE,
                 "cannot be mirrored by 7");
  assert_refused(parse(&a, "[[flip]]", &i, 1), GD_ERR_USAGE, "each entry is a word");
  i.ndim = 1;
  assert_refused(parse(&a, "flip", &i, 1), GD_ERR_DATA, "its samples are no images");
  i = images(GD_I64, false);
  assert_refused(parse(&a, "flip", &i, 1), GD_ERR_DATA, "not of i64");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(flipping_twice_is_nothing_and_once_turns_every_line),
      cmocka_unit_test(crops_are_windows_of_the_padded_image_at_uniform_places),
      cmocka_unit_test(cutout_is_a_square_with_its_middle_anywhere),
      cmocka_unit_test(erasing_is_a_rectangle_of_the_asked_area_as_often_as_asked),
      cmocka_unit_test(nothing_asked_changes_nothing),
      cmocka_unit_test(turning_moves_pixels_as_the_matrix_says),
      cmocka_unit_test(jitter_keeps_grey_grey_and_multiplies_brightness),
      cmocka_unit_test(jitter_turns_hue_alone_by_what_was_drawn),
      cmocka_unit_test(a_resized_crop_of_everything_is_the_image_and_of_a_part_lies_within_it),
      cmocka_unit_test(planes_and_channels_are_the_same_image),
      cmocka_unit_test(draws_are_those_of_every_version_before),
      cmocka_unit_test(the_loader_augments_by_seed_epoch_and_sample_alone),
      cmocka_unit_test(standardising_by_channel_gives_every_channel_mean_0_and_deviation_1),
      cmocka_unit_test(mixing_blends_pairs_and_what_they_are_learned_as),
      cmocka_unit_test(shares_are_drawn_from_the_beta_distribution),
      cmocka_unit_test(what_cannot_be_augmented_is_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
