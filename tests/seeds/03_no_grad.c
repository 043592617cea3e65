/* Three ways not to record: detach a value, switch recording off, stop asking for a leaf's gradient. */
#include "seed.h"

/* Differentiating y must fail, and say why. */
static void refuses(lab *l, const char *what, gd_tensor *y) {
  gd_status s = gd_backward(l->tape, y, NULL);
  printf("%-14s requires grad: %s; backward: %s\n", what, y->requires_grad ? "yes" : "no",
         gd_error_last()->message);
  check(l, !y->requires_grad);
  check(l, gd_grad_fn(y) == NULL);
  check(l, s == GD_ERR_NO_GRAD);
  check(l, gd_error_last()->message[0] != 0);
}

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  gd_tensor *x = lab_leaf(&l, GD_F32, (double[]){1, 2, 3}, GD_SHAPE(3));

  gd_tensor *recorded = gd_sum(t, gd_square(t, x), GD_ALL, false);
  check(&l, recorded->requires_grad);

  refuses(&l, "detach", gd_sum(t, gd_square(t, gd_detach(t, x)), GD_ALL, false));

  bool was = gd_tape_record(t, false);
  gd_tensor *unrecorded = gd_sum(t, gd_square(t, x), GD_ALL, false);
  gd_tape_record(t, was);
  refuses(&l, "no_grad", unrecorded);

  must(gd_require_grad(x, false));
  refuses(&l, "requires_grad_", gd_sum(t, gd_square(t, x), GD_ALL, false));
  return lab_close(&l);
}
