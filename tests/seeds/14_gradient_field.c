/* The gradient field of h = sin(x^2 + y^2): every point of a grid in one backward pass. */
#include "seed.h"

enum { SIDE = 9, POINTS = SIDE * SIDE };

static gd_tensor *h_of(gd_tape *t, gd_tensor *x, gd_tensor *y) {
  return gd_sin(t, gd_add(t, gd_square(t, x), gd_square(t, y)));
}

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;

  double xs[POINTS], ys[POINTS];
  for (int i = 0; i < POINTS; i++) xs[i] = 0.5 * (i % SIDE) - 2, ys[i] = 0.5 * (i / SIDE) - 2;
  gd_tensor *x = lab_leaf(&l, GD_F64, xs, GD_SHAPE(POINTS)), *y = lab_leaf(&l, GD_F64, ys, GD_SHAPE(POINTS));
  gd_tensor *h = h_of(t, x, y);
  must(gd_backward(t, gd_sum(t, h, GD_ALL, false), NULL)); /* the points do not touch each other */

  for (int i = 0; i < POINTS; i++) {
    const double slope = 2 * cos(xs[i] * xs[i] + ys[i] * ys[i]);
    check_close(&l, at(x->grad, i), slope * xs[i], 1e-14);
    check_close(&l, at(y->grad, i), slope * ys[i], 1e-14);
    printf("(%4.1f,%4.1f)%s", at(x->grad, i), at(y->grad, i), i % SIDE == SIDE - 1 ? "\n" : " ");
    if (xs[i] != 1.5 || ys[i] != -0.5) continue;
    check_close(&l, at(h, i), 0.5984721441039564, 1e-15);
    check_close(&l, at(x->grad, i), -2.403430846640801, 1e-14);
    check_close(&l, at(y->grad, i), 0.8011436155469337, 1e-14);
  }
  return lab_close(&l);
}
