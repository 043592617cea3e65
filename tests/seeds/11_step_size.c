/* Descending x^2 - 4x + 5, whose minimum is 1 at 2: the larger rate is faster, until it is too large. */
#include "seed.h"

/* Steps from 0 until x is within 1e-6 of the minimum; -1 when it diverges, which *why explains. */
static int steps_needed(lab *l, double rate, gd_status *why) {
  gd_tensor *x = lab_leaf(l, GD_F64, (double[]){0}, GD_SCALAR);
  gd_stepper *sgd;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  must(gd_stepper_new(&sgd, &settings, &x, 1));
  int steps = 0;
  *why = GD_OK;
  while (fabs(gd_item(x) - 2) > 1e-6 && *why == GD_OK) {
    gd_tape *t = l->tape;
    gd_tensor *f = gd_add_scalar(t, gd_sub(t, gd_square(t, x), gd_mul_scalar(t, x, 4)), 5);
    must(gd_backward(t, f, NULL));
    *why = gd_stepper_step(sgd, rate);
    gd_stepper_zero_grad(sgd);
    gd_tape_reset(t);
    steps++;
  }
  gd_stepper_free(sgd);
  return *why == GD_OK ? steps : -1;
}

int main(void) {
  lab l = lab_open();
  gd_status why;
  const int slow = steps_needed(&l, 0.1, &why), fast = steps_needed(&l, 0.3, &why);
  printf("rate 0.1: %d steps\nrate 0.3: %d steps\n", slow, fast);
  check(&l, slow > 0 && fast > 0 && fast < slow);

  check(&l, steps_needed(&l, 1.1, &why) == -1);
  check(&l, why == GD_ERR_NONFINITE);
  printf("rate 1.1: %s\n", gd_error_last()->message);
  check(&l, strstr(gd_error_last()->message, "rate may be too large") != NULL);
  return lab_close(&l);
}
