/* What layers of images make of NaN, of infinities, and of what they cannot take. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "data/image.h"
#include "infer/model.h"
#include "test_tape.h"

enum { SIDE = 4, CHANNELS = 3, MOST = 256 };

/* Two images of ones, but for one value of the first. */
static gd_tensor *ones_but(double value, int64_t at) {
  static double values[2 * SIDE * SIDE * CHANNELS];
  for (int i = 0; i < 2 * SIDE * SIDE * CHANNELS; i++) values[i] = 1;
  values[at] = value;
  return gd_values(tape, GD_F32, values, GD_SHAPE(2, SIDE, SIDE, CHANNELS));
}

static double *of(const gd_tensor *x) {
  static double values[MOST];
  assert_ok(gd_tape_status(tape));
  assert_in_range(gd_numel(x), 1, MOST);
  assert_ok(gd_tensor_get(x, values, gd_numel(x)));
  return values;
}

static gd_tensor *forward(const char *spec, gd_tensor *x) {
  static gd_module *m;
  gd_module_free(m);
  assert_ok(gd_model_parse(&m, spec, GD_SHAPE(SIDE, SIDE, CHANNELS), device, GD_F32, NULL));
  gd_module_reset(m, 1);
  return gd_forward(m, tape, x);
}

static void nan_and_infinity_go_where_they_go_in_pytorch(void **state) {
  (void)state;
  /* the value is at row 1, column 1, channel 0; windows of 2 x 2: the first */
  const double bad[] = {NAN, INFINITY, -INFINITY};
  for (int k = 0; k < 3; k++) {
    gd_tensor *x = ones_but(bad[k], (1 * SIDE + 1) * CHANNELS);
    const double largest = of(forward("max_pool2d:2", x))[0], mean = of(forward("avg_pool2d:2", x))[0];
    assert_true(k == 0 ? isnan(largest) : largest == (k == 1 ? INFINITY : 1));
    assert_true(k == 0 ? isnan(mean) : mean == bad[k]);
    /* a convolution, its relu too, hands NaN on to the whole window, and to no other image */
    double *y = of(forward("conv2d:out_channels=2,kernel_size=3,padding=1 relu", x));
    const bool hidden = k > 0; /* an infinity may become 0 by its sign */
    for (int p = 0; p < SIDE * SIDE; p++)
      for (int c = 0; c < 2; c++) {
        const bool near = p / SIDE <= 2 && p % SIDE <= 2;
        if (!hidden) assert_true((bool)isnan(y[p * 2 + c]) == near);
        assert_true(isfinite(y[(SIDE * SIDE + p) * 2 + c]));
      }
    /* statistics are of all images: the channel is lost, the others are not */
    y = of(forward("batch_norm relu", x));
    for (int p = 0; p < 2 * SIDE * SIDE; p++) {
      assert_true(isnan(y[p * CHANNELS]));
      assert_true(y[p * CHANNELS + 1] == 0);
    }
    gd_tape_reset(tape);
  }
}

/* PyTorch's pooling takes NaN for the largest, and its gradient with it; of ties the first. */
static void gradients_of_pooling_go_to_one_pixel(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    const int64_t at = (1 * SIDE + 1) * CHANNELS;
    gd_tensor *x = ones_but(k ? NAN : 1, at);
    assert_ok(gd_require_grad(x, true));
    gd_tensor *y = gd_max_pool2d(tape, x, &(gd_window){.kernel = {2, 2}, .stride = {2, 2}});
    double seed[24];
    for (int i = 0; i < 24; i++) seed[i] = 1;
    assert_ok(gd_backward(tape, y, gd_values(tape, GD_F32, seed, y->ndim, y->shape)));
    const double *dx = of(x->grad);
    assert_true(dx[0] == !k && dx[at] == k);
    gd_tape_reset(tape);
  }
}

static void refuses(const char *spec, int ndim, const int64_t sample[], const char *why) {
  gd_module *m;
  assert_int_not_equal(gd_model_parse(&m, spec, ndim, sample, device, GD_F32, NULL), GD_OK);
  if (!strstr(gd_error_last()->message, why)) fail_msg("%s: %s", spec, gd_error_last()->message);
}

static void what_cannot_be_is_refused_with_its_reason(void **state) {
  (void)state;
  refuses("conv2d:out_channels=2,kernel_size=5", GD_SHAPE(4, 4, 3),
          "spans 5 does not fit into images 4 high");
  refuses("conv2d:out_channels=2,kernel_size=3,dilation=2", GD_SHAPE(4, 4, 3), "spans 5 does not fit");
  refuses("conv2d:out_channels=2,kernel_size=1,groups=2", GD_SHAPE(4, 4, 3),
          "3 input channels cannot be cut into 2");
  refuses("conv2d:out_channels=4,kernel_size=1,groups=3", GD_SHAPE(4, 4, 3),
          "4 output channels cannot be cut into 3");
  refuses("conv2d:out_channels=2,kernel_size=1", GD_SHAPE(4, 4, 5), "channels:first or channels:last");
  refuses("conv2d:out_channels=2,kernel_size=1", GD_SHAPE(7), "takes images, but its input is [7]");
  refuses("conv1d:out_channels=2,kernel_size=1", GD_SHAPE(7, 3), "channels:first or channels:last");
  refuses("[{conv2d: {out_channels: 2, kernel_size: [1, 1, 1]}}]", GD_SHAPE(4, 4, 3),
          "one number, or [height, width]");
  refuses("conv_transpose2d:out_channels=2,kernel_size=2,stride=2,output_padding=2", GD_SHAPE(4, 4, 3),
          "output_padding");
  refuses("conv_transpose2d:out_channels=2,kernel_size=1,padding=2", GD_SHAPE(4, 4, 3), "leaves nothing");
  refuses("max_pool2d:5", GD_SHAPE(4, 4, 3), "spans 5");
  refuses("reflection_pad2d:4", GD_SHAPE(4, 4, 3), "cannot be reflected");
  refuses("conv2d:out_channels=4,kernel_size=1 group_norm:3", GD_SHAPE(4, 4, 3),
          "cannot be cut into 3 groups");
  refuses("conv2d:out_channels=4,kernel_size=1 layer_norm", GD_SHAPE(4, 4, 3), "group_norm:1");
  refuses("local_response_norm:3", GD_SHAPE(4), "follows a layer of images");
  gd_tensor *one = gd_values(tape, GD_F32, (double[]){1, 2}, GD_SHAPE(1, 2));
  assert_null(gd_batch_norm(tape, one, NULL, NULL, NULL, NULL, true, 1e-5, NULL, GD_ACT_NONE));
  assert_int_equal(gd_tape_status(tape), GD_ERR_SHAPE);
  assert_non_null(strstr(gd_error_last()->message, "1 value per channel"));
  gd_tape_reset(tape);
}

/* The same images, stored with channels first and last, are the same to a model. */
static void channels_may_be_at_either_end(void **state) {
  (void)state;
  double last[60], first[60], *y;
  for (int p = 0; p < 20; p++)
    for (int c = 0; c < 3; c++) last[p * 3 + c] = first[c * 20 + p] = sin(p + 20 * c);
  double result[2][10];
  const int64_t shapes[2][3] = {{4, 5, 3}, {3, 4, 5}};
  for (int k = 0; k < 2; k++) {
    gd_module *m;
    assert_ok(gd_model_parse(&m, "conv2d:out_channels=4,kernel_size=3,padding=same relu linear:10", 3,
                             shapes[k], device, GD_F32, NULL));
    gd_module_reset(m, 5);
    y = of(gd_forward(
        m, tape,
        gd_values(tape, GD_F32, k ? first : last, GD_SHAPE(1, shapes[k][0], shapes[k][1], shapes[k][2]))));
    memcpy(result[k], y, sizeof result[k]);
    gd_module_free(m);
    gd_tape_reset(tape);
  }
  assert_memory_equal(result[0], result[1], sizeof result[0]);
}

/* Two channels of 7 values, stored channels first; PyTorch's results. */
static void signals_are_pooled_as_in_pytorch(void **state) {
  (void)state;
  static const struct {
    const char *spec;
    int n;
    double y[8]; /* channels last */
  } cases[] = {{"max_pool1d:kernel_size=3,stride=2,padding=1,ceil_mode=true", 4, {3, 0, 5, -2, 5, -4, 7, 8}},
               {"avg_pool1d:2", 3, {2, -1, 3.5, -3.5, 1.5, -5.5}},
               {"avg_pool1d:kernel_size=3,stride=2,padding=1,count_include_pad=false",
                4,
                {2, -1, 10. / 3, -3, 8. / 3, -5, 3, 1}},
               {"adaptive_avg_pool1d:3", 3, {2, -5. / 3, 11. / 3, -4, 10. / 3, -1}},
               {"global_avg_pool", 1, {3, -12. / 7}}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    gd_module *m;
    char spec[128];
    snprintf(spec, sizeof spec, "channels:first %s", cases[k].spec);
    assert_ok(gd_model_parse(&m, spec, GD_SHAPE(2, 7), device, GD_F64, NULL));
    gd_tensor *x = gd_values(tape, GD_F64, (double[]){1, 3, 2, 5, 4, -1, 7, 0, -2, -3, -4, -5, -6, 8},
                             GD_SHAPE(1, 2, 7));
    const double *y = of(gd_forward(m, tape, x));
    for (int i = 0; i < 2 * cases[k].n; i++) assert_close(y[i], cases[k].y[i], 1e-12);
    gd_module_free(m);
    gd_tape_reset(tape);
  }
  refuses("channels:first max_pool1d:8", GD_SHAPE(2, 7), "spans 8 does not fit into images 7 wide");
  refuses("max_pool1d:2", GD_SHAPE(4, 4, 3), "takes signals");
}

/* Of which nothing could be guessed. */
static void what_the_data_say_of_channels_is_believed(void **state) {
  (void)state;
  double last[140], first[140], result[2][10];
  for (int p = 0; p < 20; p++)
    for (int c = 0; c < 7; c++) last[p * 7 + c] = first[c * 20 + p] = sin(p + 20 * c);
  for (int k = 0; k < 2; k++) {
    const gd_data_info data = {.path = "d.h5",
                               .ndim = 3,
                               .sample = {k ? 7 : 4, k ? 4 : 5, k ? 5 : 7},
                               .targets = 10,
                               .layout = k ? GD_CHANNELS_FIRST : GD_CHANNELS_LAST};
    const int64_t *s = data.sample;
    gd_arena *arena;
    gd_tree *spec;
    gd_module *m;
    gd_shape out;
    gdi_image_shape h;
    assert_ok(gdi_image_shape_of(&h, &data));
    assert_true(h.height == 4 && h.width == 5 && h.channels == 7 && h.planes == k);
    assert_ok(gd_arena_new(&arena, "test"));
    assert_ok(gd_tree_parse(&spec, arena, "conv2d:out_channels=4,kernel_size=3,padding=same relu linear:10",
                            "model"));
    assert_ok(gdi_job_model(&m, NULL, spec, &data, device, GD_F32, &out));
    gd_module_reset(m, 5);
    gd_tensor *x = gd_values(tape, GD_F32, k ? first : last, GD_SHAPE(1, s[0], s[1], s[2]));
    memcpy(result[k], of(gd_forward(m, tape, x)), sizeof result[k]);
    gd_module_free(m);
    gd_tape_reset(tape);
    gd_arena_free(arena);
  }
  assert_memory_equal(result[0], result[1], sizeof result[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nan_and_infinity_go_where_they_go_in_pytorch),
                                     cmocka_unit_test(gradients_of_pooling_go_to_one_pixel),
                                     cmocka_unit_test(what_cannot_be_is_refused_with_its_reason),
                                     cmocka_unit_test(channels_may_be_at_either_end),
                                     cmocka_unit_test(signals_are_pooled_as_in_pytorch),
                                     cmocka_unit_test(what_the_data_say_of_channels_is_believed)};
  return cmocka_run_group_tests(tests, open_device, close_device);
}
