/* Linear regression from its parts: predictions X w^T + b, their mean squared error, its gradients,
 * one step. */
#include "seed.h"
#include "yields.h"

static gd_tensor *mse(gd_tape *t, gd_tensor *prediction, gd_tensor *target) {
  gd_tensor *difference = gd_sub(t, prediction, target);
  return gd_mul_scalar(t, gd_sum(t, gd_mul(t, difference, difference), GD_ALL, false),
                       1.0 / (double)gd_numel(target));
}

static gd_tensor *model(gd_tape *t, gd_tensor *X, gd_tensor *w, gd_tensor *b) {
  return gd_add(t, gd_matmul(t, X, gd_transpose(t, w, 0, 1)), b);
}

static void descend(gd_tensor *leaf, double rate) {
  double value[6];
  for (int i = 0; i < gd_numel(leaf); i++) value[i] = at(leaf, i) - rate * at(leaf->grad, i);
  must(gd_tensor_set(leaf, value, gd_numel(leaf)));
}

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  gd_tensor *X = lab_data(&l, GD_F32, yields_inputs, GD_SHAPE(5, 3));
  gd_tensor *Y = lab_data(&l, GD_F32, yields_targets, GD_SHAPE(5, 2));
  gd_tensor *w =
      lab_leaf(&l, GD_F32, (double[]){0.7171, -0.4566, 0.3752, -2.4049, -0.1775, 0.8105}, GD_SHAPE(2, 3));
  gd_tensor *b = lab_leaf(&l, GD_F32, (double[]){0.4293, -0.6531}, GD_SHAPE(2));

  gd_tensor *loss = mse(t, model(t, X, w, b), Y);
  must(gd_backward(t, loss, NULL));
  printf("loss = %.3f\n", gd_item(loss));
  printf("dw = %.2f %.2f %.2f\n     %.2f %.2f %.2f\n", at(w->grad, 0), at(w->grad, 1), at(w->grad, 2),
         at(w->grad, 3), at(w->grad, 4), at(w->grad, 5));
  printf("db = %.3f %.3f\n", at(b->grad, 0), at(b->grad, 1));

  const double tolerance = 2e-4; /* the weights are known to four decimals */
  const double dw[] = {-2534.68, -4315.53, -2314.01, -22704.01, -23523.12, -14637.10},
               db[] = {-33.918, -266.726};
  check_close(&l, gd_item(loss), 37871.856, tolerance * 37871.856);
  for (int i = 0; i < 6; i++) check_close(&l, at(w->grad, i), dw[i], tolerance * fabs(dw[i]));
  for (int i = 0; i < 2; i++) check_close(&l, at(b->grad, i), db[i], tolerance * fabs(db[i]));

  descend(w, 1e-5);
  descend(b, 1e-5);
  gd_tensor *after = mse(t, model(t, X, w, b), Y);
  printf("loss after one step of 1e-5: %.3f\n", gd_item(after));
  check_close(&l, gd_item(after), 25911.463, tolerance * 25911.463);
  return lab_close(&l);
}
