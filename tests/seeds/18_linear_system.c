/* A x = b solved by descent, on the mean squared and on the mean absolute error of A x - b. */
#include "seed.h"

enum { N = 4 };

/* Distance of x from the solution after `steps` at rate(step). */
static double descend(lab *l, gd_tensor *A, gd_tensor *b, const double solution[N], bool squared, int steps,
                      const gd_schedule *rate) {
  gd_tape *t = l->tape;
  gd_tensor *x = lab_leaf(l, GD_F64, (double[N]){0}, GD_SHAPE(N));
  gd_stepper *sgd;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  must(gd_stepper_new(&sgd, &settings, &x, 1));
  for (int step = 0; step < steps; step++) {
    gd_tensor *product = gd_matmul(t, A, x);
    gd_tensor *loss =
        squared ? gd_mse_loss(t, product, b, GD_REDUCE_MEAN) : gd_l1_loss(t, product, b, GD_REDUCE_MEAN);
    must(gd_backward(t, loss, NULL));
    must(gd_stepper_step(sgd, gd_schedule_lr(rate, step, steps)));
    gd_stepper_zero_grad(sgd);
    gd_tape_reset(t);
  }
  double distance = 0;
  for (int i = 0; i < N; i++) distance += (at(x, i) - solution[i]) * (at(x, i) - solution[i]);
  gd_stepper_free(sgd);
  return sqrt(distance);
}

int main(void) {
  lab l = lab_open();
  const gd_rng r = gd_rng_stream(4, GD_RNG_GENERATE, 0);
  double A[N * N], b[N] = {0}, solution[N], squares = 0;
  for (int i = 0; i < N; i++) solution[i] = gd_rng_normal(r, (uint64_t)(100 + i));
  for (int i = 0; i < N * N; i++) {
    A[i] = gd_rng_normal(r, (uint64_t)i);
    squares += A[i] * A[i];
    b[i / N] += A[i] * solution[i % N];
  }
  gd_tensor *matrix = lab_data(&l, GD_F64, A, GD_SHAPE(N, N)), *right = lab_data(&l, GD_F64, b, GD_SHAPE(N));

  /* The curvature of the mean squared error is at most 2 |A|^2 / N, and so its inverse is a safe rate. */
  const gd_schedule constant = gd_schedule_defaults(GD_CONSTANT, N / (2 * squares));
  gd_schedule decaying = gd_schedule_defaults(GD_EXPONENTIAL, 0.1);
  decaying.gamma = 1e-5; /* over the whole run */
  const double l2 = descend(&l, matrix, right, solution, true, 20000, &constant);
  const double l1 = descend(&l, matrix, right, solution, false, 20000, &decaying);
  printf("distance from the solution: %.3g by squares, %.3g by absolute values\n", l2, l1);
  check(&l, l2 < 1e-10);
  check(&l, l1 < 1e-2);
  return lab_close(&l);
}
