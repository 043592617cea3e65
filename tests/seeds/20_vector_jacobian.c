/* Backward from a vector: with a seed v it gives v^T J, the combination of the Jacobian's rows. */
#include "seed.h"

/* f(x) = (x0 x1, sin x1, x0^2 + x2) */
static gd_tensor *f_of(gd_tape *t, gd_tensor *x) {
  gd_tensor *x0 = gd_slice(t, x, 0, 0, 1), *x1 = gd_slice(t, x, 0, 1, 2), *x2 = gd_slice(t, x, 0, 2, 3);
  gd_tensor *row[] = {gd_mul(t, x0, x1), gd_sin(t, x1), gd_add(t, gd_square(t, x0), x2)};
  return gd_concat(t, row, 3, 0);
}

/* v^T J at x, into out. */
static void vector_jacobian(lab *l, gd_tensor *x, const double v[3], double out[3]) {
  gd_tensor *seed = gd_values(l->tape, GD_F64, v, GD_SHAPE(3));
  must(gd_backward(l->tape, f_of(l->tape, x), seed));
  must(gd_tensor_get(x->grad, out, 3));
  gd_zero_grad(x);
  gd_tape_reset(l->tape);
}

int main(void) {
  lab l = lab_open();
  const double p[3] = {0.5, 1.2, -0.3}, v[3] = {0.1, 1, -2};
  gd_tensor *x = lab_leaf(&l, GD_F64, p, GD_SHAPE(3));

  check(&l, gd_backward(l.tape, f_of(l.tape, x), NULL) == GD_ERR_SHAPE);
  printf("without a seed: %s\n", gd_error_last()->message);
  gd_tape_reset(l.tape);

  const double expected[3][3] = {{p[1], p[0], 0}, {0, cos(p[1]), 0}, {2 * p[0], 0, 1}};
  double J[3][3], product[3];
  for (int i = 0; i < 3; i++) {
    vector_jacobian(&l, x, (double[3]){i == 0, i == 1, i == 2}, J[i]);
    printf("row %d of J: %g %g %g\n", i, J[i][0], J[i][1], J[i][2]);
    for (int k = 0; k < 3; k++) check_close(&l, J[i][k], expected[i][k], 1e-15);
  }
  vector_jacobian(&l, x, v, product);
  printf("v^T J: %g %g %g\n", product[0], product[1], product[2]);
  for (int k = 0; k < 3; k++)
    check_close(&l, product[k], v[0] * J[0][k] + v[1] * J[1][k] + v[2] * J[2][k], 1e-15);
  return lab_close(&l);
}
