/* One neuron, tanh(w x + b), and the chain rule written out beside what the tape finds. */
#include "seed.h"

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  const double w0 = -0.5, b0 = 0.5, x0 = 1, target = 7;
  gd_tensor *w = lab_leaf(&l, GD_F64, &w0, GD_SCALAR), *b = lab_leaf(&l, GD_F64, &b0, GD_SCALAR);

  gd_tensor *prediction = gd_tanh(t, gd_add(t, gd_mul_scalar(t, w, x0), b));
  gd_tensor *loss = gd_square(t, gd_add_scalar(t, prediction, -target));
  must(gd_backward(t, loss, NULL));

  const double p = tanh(w0 * x0 + b0), slope = 1 - p * p;
  const double db = 2 * (p - target) * slope, dw = db * x0;
  printf("prediction %g, loss %g\n", gd_item(prediction), gd_item(loss));
  printf("dw = %g (analytic %g), db = %g (analytic %g)\n", gd_item(w->grad), dw, gd_item(b->grad), db);
  check_close(&l, gd_item(prediction), 0, 0);
  check_close(&l, gd_item(loss), 49, 0);
  check_close(&l, gd_item(w->grad), -14, 0);
  check_close(&l, gd_item(b->grad), -14, 0);
  check_close(&l, gd_item(w->grad), dw, 0);
  check_close(&l, gd_item(b->grad), db, 0);
  return lab_close(&l);
}
