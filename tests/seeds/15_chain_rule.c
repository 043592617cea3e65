/* A deeper chain: f = tanh(ln(1 + z 2x / sin y)) at (1, 2, 3). */
#include "seed.h"

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  gd_tensor *x = lab_leaf(&l, GD_F64, (double[]){1}, GD_SCALAR);
  gd_tensor *y = lab_leaf(&l, GD_F64, (double[]){2}, GD_SCALAR);
  gd_tensor *z = lab_leaf(&l, GD_F64, (double[]){3}, GD_SCALAR);

  gd_tensor *ratio = gd_div(t, gd_mul_scalar(t, x, 2), gd_sin(t, y));
  gd_tensor *f = gd_tanh(t, gd_log(t, gd_add_scalar(t, gd_mul(t, z, ratio), 1)));
  must(gd_backward(t, f, NULL));

  printf("f = %.15g\ndf = %.15g %.15g %.15g\n", gd_item(f), gd_item(x->grad), gd_item(y->grad),
         gd_item(z->grad));
  check_close(&l, gd_item(f), 0.965950038567272, 1e-14);
  check_close(&l, gd_item(x->grad), 0.058130821867924704, 1e-14);
  check_close(&l, gd_item(y->grad), 0.02660400976902784, 1e-14);
  check_close(&l, gd_item(z->grad), 0.01937694062264157, 1e-14);
  return lab_close(&l);
}
