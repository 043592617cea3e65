/* A first backward pass: z = mean(2 (x + 2)), so dz/dx = 2/3 for each of three values. */
#include "seed.h"

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  gd_tensor *x = lab_leaf(&l, GD_F32, (double[]){-0.7851, -0.5255, -0.8914}, GD_SHAPE(3));

  gd_tensor *y = gd_add_scalar(t, x, 2);
  gd_tensor *z = gd_mul_scalar(t, y, 2);
  gd_tensor *out = gd_mean(t, z, GD_ALL, false);
  must(gd_backward(t, out, NULL));

  printf("y made by %s, z by %s, out by %s\n", gd_grad_fn(y), gd_grad_fn(z), gd_grad_fn(out));
  printf("out = %.4f\n", gd_item(out));
  printf("dz/dx = %.4f %.4f %.4f\n", at(x->grad, 0), at(x->grad, 1), at(x->grad, 2));

  check(&l, strcmp(gd_grad_fn(y), "AddBackward") == 0);
  check(&l, strcmp(gd_grad_fn(z), "MulBackward") == 0);
  check(&l, strcmp(gd_grad_fn(out), "MeanBackward") == 0);
  check(&l, gd_grad_fn(x) == NULL);
  check_close(&l, gd_item(out), 2.5320, 1e-6);
  for (int i = 0; i < 3; i++) check_close(&l, at(x->grad, i), 2.0 / 3, 1e-7);
  return lab_close(&l);
}
