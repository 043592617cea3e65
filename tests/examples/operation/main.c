/*
 * An operation of one's own, with its backward by hand, in a layer that models may name:
 *
 *   ./example gradcheck                                                  the backward against differences
 *   mpirun -n 3 ./example --data line.h5 --model "linear:16 snake:0.7 linear:1"
 *
 * snake(x) = x + sin(a x)^2 / a (Ziyin et al. 2020), with a for each feature, which is learned too.
 */
#include <gd/gd.h>
#include <math.h>
#include <string.h>

/* ---- the operation, for both types of numbers: x [...,F], a [F] -> y [...,F] */

/* dy/dx = 1 + sin(2 a x);  dy/da = x sin(2 a x) / a - sin(a x)^2 / a^2, summed over rows in their order */
#define KERNELS(T)                                                                                           \
  static void snake_##T(const gd_node *n) {                                                                  \
    const T *x = n->in[0]->data, *a = n->in[1]->data;                                                        \
    T *y = n->out->data;                                                                                     \
    const int64_t F = gd_numel(n->in[1]);                                                                    \
    for (int64_t i = 0; i < gd_numel(n->out); i++) {                                                         \
      const double s = sin((double)(a[i % F] * x[i]));                                                       \
      y[i] = x[i] + (T)(s * s) / a[i % F];                                                                   \
    }                                                                                                        \
  }                                                                                                          \
  static void snake_back_##T(const gd_node *n, const gd_tensor *dout, gd_tensor *const din[],                \
                             const bool add[]) {                                                             \
    const T *x = n->in[0]->data, *a = n->in[1]->data, *dy = dout->data;                                      \
    T *dx = din[0] ? din[0]->data : NULL, *da = din[1] ? din[1]->data : NULL;                                \
    const int64_t F = gd_numel(n->in[1]);                                                                    \
    if (da && !add[1]) memset(da, 0, (size_t)F * sizeof *da);                                                \
    for (int64_t i = 0; i < gd_numel(dout); i++) {                                                           \
      const double b = a[i % F], s = sin(b * x[i]), s2 = sin(2 * b * x[i]);                                  \
      if (dx) dx[i] = (add[0] ? dx[i] : 0) + dy[i] * (T)(1 + s2);                                            \
      if (da) da[i % F] += dy[i] * (T)(x[i] * s2 / b - s * s / (b * b));                                     \
    }                                                                                                        \
  }
KERNELS(float)
KERNELS(double)

static gd_status snake(gd_device *d, gd_node *n) {
  (void)d;
  n->out->dtype == GD_F64 ? snake_double(n) : snake_float(n);
  return GD_OK;
}

static gd_status snake_back(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                            const bool add[]) {
  (void)d;
  dout->dtype == GD_F64 ? snake_back_double(n, dout, din, add) : snake_back_float(n, dout, din, add);
  return GD_OK;
}

static const gd_op op_snake = {
    .name = "snake", .min_in = 2, .max_in = 2, .kernel[GD_CPU] = {snake, snake_back}};

/* ---- the layer */

typedef struct layer {
  gd_module base;
  gd_tensor *a;
  double first;
} layer;

static const gd_arg arguments[] = {
    {.name = "a", .type = GD_ARG_REAL, .def = "1", .lo = 1e-3, .hi = 1e3, .help = "initial frequency"}, {0}};

static gd_status build(gd_module *m, gd_build *b) {
  ((layer *)m)->first = gd_arg_f64(b, "a");
  return gd_module_add_param(m, "a", 1, &b->in[0].dim[b->in[0].ndim - 1], &((layer *)m)->a);
}

static void reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  (void)seed, (void)ordinal;
  gd_init_uniform(((layer *)m)->a, (gd_rng){0}, ((layer *)m)->first, ((layer *)m)->first);
}

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_apply(t, &op_snake, NULL, 2, (gd_tensor *[]){x, ((layer *)m)->a});
}

static const gd_module_class snake_class = {.name = "Snake",
                                            .word = "snake",
                                            .args = arguments,
                                            .bytes = sizeof(layer),
                                            .build = build,
                                            .reset = reset,
                                            .forward = forward};

/* ---- its gradients against central differences */

static gd_tensor *total(gd_tape *t, gd_tensor *const leaf[], int n, void *user) {
  (void)user;
  return gd_sum(t, gd_square(t, gd_apply(t, &op_snake, NULL, n, leaf)), GD_ALL, false);
}

static gd_status check(void) {
  gd_device *d;
  gd_arena *memory;
  gd_tensor *leaf[2];
  GD_TRY(gd_device_open(&d, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  GD_TRY(gd_arena_new(&memory, "check"));
  GD_TRY(gd_tensor_new(&leaf[0], memory, d, GD_F64, GD_SHAPE(5, 3)));
  GD_TRY(gd_tensor_new(&leaf[1], memory, d, GD_F64, GD_SHAPE(3)));
  gd_init_normal(leaf[0], gd_rng_stream(1, GD_RNG_INIT, 0), 0, 1);
  gd_init_uniform(leaf[1], gd_rng_stream(1, GD_RNG_INIT, 1), 0.5, 2);
  for (int i = 0; i < 2; i++) GD_TRY(gd_require_grad(leaf[i], true));
  gd_status st = gd_gradcheck(d, total, leaf, 2, NULL, NULL);
  gd_arena_free(memory);
  gd_device_close(d);
  return st;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "gradcheck") == 0)
    return check() == GD_OK ? puts("gradients agree"), 0 : gd_main_failed();
  return gd_module_register(&snake_class) == GD_OK ? gd_main(argc, argv) : gd_main_failed();
}
