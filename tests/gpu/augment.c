/* Every augmentation changes images on a GPU as it does on the CPU, to the bit: bytes and floats, grey and colour, channels last
 * and first. */
#include "unit/data_fixture.h"

#include "data/augment.h"
#include "data/loader.h"
#include "gpu/memory.h"

enum { N = 30, MICRO = 12, H = 17, W = 19 }; /* the last micro-batch has 6 samples */

typedef struct kind {
  gd_dtype stored, type;
  int ndim;
  int64_t sample[3];
  bool streamed;
} kind;

static const kind kinds[] = {
    {GD_U8, GD_F32, 3, {H, W, 3}, false},
    {GD_U8, GD_F32, 3, {3, H, W}, true},
    {GD_F32, GD_F32, 2, {H, W}, false},
    {GD_F64, GD_F64, 3, {1, H, W}, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static gd_dataset *make_set(const kind *k) {
  const gd_rng r = gd_rng_stream(3, GD_RNG_TEST, 0);
  gd_table t = {.n = N,
                .ndim = k->ndim,
                .x_type = k->stored,
                .labels = true,
                .classes = 9,
                .targets = 1,
                .y_vector = true};
  int64_t n = N;
  for (int i = 0; i < k->ndim; i++) n *= t.sample[i] = k->sample[i];
  t.x = malloc((size_t)n * sizeof(double)), t.y = malloc(N * sizeof(int64_t));
  for (int64_t i = 0; i < n; i++) {
    if (k->stored == GD_U8) ((uint8_t *)t.x)[i] = (uint8_t)gd_rng_u64(r, (uint64_t)i);
    if (k->stored == GD_F32) ((float *)t.x)[i] = (float)gd_rng_uniform(r, (uint64_t)i);
    if (k->stored == GD_F64) ((double *)t.x)[i] = gd_rng_uniform(r, (uint64_t)i);
  }
  for (int64_t i = 0; i < N; i++) ((int64_t *)t.y)[i] = i % 9;
  gd_dataset *d =
      open_table(&t, "t.h5", &(gd_data_options){.memory = k->streamed ? GD_MEMORY_STREAM : GD_MEMORY_HOLD});
  gd_table_free(&t);
  return d;
}

static gd_augment *parse(const char *text, const gd_data_info *i) {
  gd_augment *a;
  gd_arena *arena;
  gd_tree *list;
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_tree_parse(&list, arena, text, "--augment"));
  assert_ok(gd_augment_new(&a, list, i, 5));
  gd_arena_free(arena);
  return a;
}

/* One micro-batch of both. */
static bool equal(gd_loader *here, gd_loader *there, int64_t epoch, gd_range rows) {
  gd_batch a, b;
  assert_ok(gd_loader_get(here, epoch, rows, &a));
  assert_ok(gd_loader_get(there, epoch, rows, &b));
  const size_t bytes = (size_t)gd_numel(a.x) * gd_dtype_bytes(a.x->dtype),
               labels = (size_t)gd_numel(a.y) * gd_dtype_bytes(a.y->dtype);
  void *x = gd_arena_alloc(host, bytes), *y = gd_arena_alloc(host, labels);
  down(x, b.x->data, bytes), down(y, b.y->data, labels);
  return memcmp(x, a.x->data, bytes) == 0 && memcmp(y, a.y->data, labels) == 0;
}

static void compare(const kind *k, const char *list) {
  gd_loader *here, *there;
  gd_dataset *d = make_set(k);
  void *held = k->streamed ? NULL : hold(d);
  gd_augment *a = parse(list, gd_dataset_info(d));
  gd_loader_options o = {
      .order = gd_order_all(N, 3), .device = cpu, .dtype = k->type, .max_rows = MICRO, .augment = a};
  assert_true(gdi_augment_on_gpu(a, gd_dataset_info(d)));
  assert_ok(gd_loader_new(&here, d, &o));
  o.device = gpu;
  assert_ok(gd_loader_new(&there, d, &o));
  for (int64_t epoch = 0; epoch < 2; epoch++)
    for (int64_t lo = 0; lo < N; lo += MICRO)
      if (!equal(here, there, epoch, (gd_range){lo, lo + MICRO < N ? lo + MICRO : N}))
        fail_msg("%s of %s [%lld, ...], epoch %lld, position %lld", list, gd_dtype_name(k->stored),
                 (long long)k->sample[0], (long long)epoch, (long long)lo);
  gd_loader_free(here), gd_loader_free(there);
  gd_augment_free(a);
  gd_dataset_close(d);
  free(held);
  forget(NULL);
}

/* As its help has it: "crop:4", or what stands last, "{crop: {padding: 4}}". */
static void compare_as_in(const char *example) {
  const char * or = strstr(example, ", or "), *from = or ? or +strlen(", or ") : example;
  char list[256];
  snprintf(list, sizeof list, *from == '{' ? "[%s]" : "%s", from);
  for (int i = 0; i < KINDS; i++) compare(&kinds[i], list);
}

static void each_kind_gives_the_bits_of_the_cpu(void **state) {
  (void)state;
#define GD_AUGMENTATION(name) compare_as_in(gdi_augment_##name.example);
#include "data/augment.def"
#undef GD_AUGMENTATION
}

static void a_list_gives_the_bits_of_the_cpu(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) {
    compare(&kinds[i], "crop:4 flip");
    compare(&kinds[i], "cutmix mixup mixup:1"); /* each from where the one before it ended */
    compare(&kinds[i], "mixup flip cutmix");
    compare(&kinds[i],
            "[{crop: {padding: 3, padding_mode: reflect}}, flip, {affine: {degrees: 20, scale: "
            "0.2}}, resized_crop, "
            "{color_jitter: {brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.5}}, {cutout: 5}, "
            "random_erasing, {affine: 5}, flip]");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(each_kind_gives_the_bits_of_the_cpu, forget),
      cmocka_unit_test_setup(a_list_gives_the_bits_of_the_cpu, forget),
  };
  const int opened = open_gpu();
  if (opened) return opened;
  const int failed = make_folder(NULL) || cmocka_run_group_tests(tests, NULL, NULL);
  remove_folder(NULL);
  close_gpu();
  return failed;
}
