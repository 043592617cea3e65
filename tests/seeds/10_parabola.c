/* The minimum of x^2 + 2x + 1 from 5 at rate 0.1: by hand, then by the tape and SGD, to the same figures. */
#include "seed.h"

enum { STEPS = 10 };

static gd_tensor *parabola(gd_tape *t, gd_tensor *x) {
  return gd_add_scalar(t, gd_add(t, gd_square(t, x), gd_mul_scalar(t, x, 2)), 1);
}

int main(void) {
  static const double x_after[STEPS] = {3.8,        2.84,       2.072,       1.4576,      0.96607995,
                                        0.57286394, 0.25829116, 0.006632924, -0.19469367, -0.35575494};
  static const double y_before[STEPS] = {36,        23.039999, 14.7456,   9.437184,  6.039798,
                                         3.8654704, 2.473901,  1.5832967, 1.0133098, 0.6485183};
  lab l = lab_open();
  gd_tensor *x = lab_leaf(&l, GD_F32, (double[]){5}, GD_SCALAR);
  gd_stepper *sgd;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  must(gd_stepper_new(&sgd, &settings, &x, 1));

  float by_hand = 5;
  for (int i = 0; i < STEPS; i++) {
    by_hand -= 0.1f * (2 * by_hand + 2);
    gd_tensor *y = parabola(l.tape, x);
    must(gd_backward(l.tape, y, NULL));
    if (i == 0) check_close(&l, gd_item(x->grad), 12, 0);
    must(gd_stepper_step(sgd, 0.1));
    gd_stepper_zero_grad(sgd);
    printf("x = %.8g, by hand %.8g, y = %.8g\n", gd_item(x), by_hand, gd_item(y));
    check_close(&l, gd_item(x), x_after[i], 1e-6);
    check_close(&l, by_hand, x_after[i], 1e-6);
    check_close(&l, gd_item(y), y_before[i], 2e-6 * y_before[i]);
    gd_tape_reset(l.tape);
  }
  gd_stepper_free(sgd);
  return lab_close(&l);
}
