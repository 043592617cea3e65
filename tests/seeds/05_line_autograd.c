/* The same line with the gradient left to the tape. */
#include "seed.h"

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  gd_tensor *X = lab_data(&l, GD_F32, (double[]){1, 2, 3, 4}, GD_SHAPE(4));
  gd_tensor *Y = lab_data(&l, GD_F32, (double[]){2, 4, 6, 8}, GD_SHAPE(4));
  gd_tensor *w = lab_leaf(&l, GD_F32, (double[]){0}, GD_SCALAR);

  for (int epoch = 1; epoch <= 21; epoch++) {
    gd_tensor *loss = gd_mse_loss(t, gd_mul(t, w, X), Y, GD_REDUCE_MEAN);
    must(gd_backward(t, loss, NULL));
    const double before = gd_item(loss);
    must(gd_tensor_set(w, (double[]){gd_item(w) - 0.1 * gd_item(w->grad)}, 1));
    gd_zero_grad(w);
    gd_tape_reset(t);

    if (epoch % 10 != 1) continue;
    printf("epoch %d: w = %.3f, loss = %.8f\n", epoch, gd_item(w), before);
    if (epoch == 1) check_close(&l, before, 30, 1e-5);
    if (epoch == 1) check_close(&l, gd_item(w), 3, 1e-6);
    if (epoch == 11) check_close(&l, before, 0.00002861, 2e-8);
    if (epoch == 11) check_close(&l, gd_item(w), 2.001, 5e-4);
    if (epoch == 21) check_close(&l, gd_item(w), 2.000, 5e-4);
  }
  return lab_close(&l);
}
