/* A neuron learns NOT: sigmoid(w x + b) from w = 3, b = 1 with SGD at rate 10. */
#include "seed.h"

int main(void) {
  static const double expected[5][3] = {{0.5183403, 3, 1},
                                        {0.50608575, 2.8265495, 1.3553205},
                                        {0.50116986, 2.6806374, 1.5435127},
                                        {0.49811363, 2.5405035, 1.6586863},
                                        {0.4955888, 2.3969853, 1.7300583}};
  lab l = lab_open();
  gd_tape *t = l.tape;
  gd_tensor *x = lab_data(&l, GD_F32, (double[]){0, 1}, GD_SHAPE(2, 1));
  gd_tensor *target = lab_data(&l, GD_F32, (double[]){1, 0}, GD_SHAPE(2, 1));
  gd_tensor *w = lab_leaf(&l, GD_F32, (double[]){3}, GD_SHAPE(1, 1));
  gd_tensor *b = lab_leaf(&l, GD_F32, (double[]){1}, GD_SHAPE(1));
  gd_stepper *sgd;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  must(gd_stepper_new(&sgd, &settings, (gd_tensor *[]){w, b}, 2));

  for (int i = 0; i < 5; i++) {
    gd_tensor *loss = gd_mse_loss(t, gd_linear(t, x, w, b, GD_ACT_SIGMOID), target, GD_REDUCE_MEAN);
    printf("loss = %.8g, w = %.8g, b = %.8g\n", gd_item(loss), gd_item(w), gd_item(b));
    check_close(&l, gd_item(loss), expected[i][0], 2e-6);
    check_close(&l, gd_item(w), expected[i][1], 5e-6);
    check_close(&l, gd_item(b), expected[i][2], 5e-6);
    must(gd_backward(t, loss, NULL));
    must(gd_stepper_step(sgd, 10));
    gd_stepper_zero_grad(sgd);
    gd_tape_reset(t);
  }
  gd_stepper_free(sgd);
  return lab_close(&l);
}
