/* Gradients add up until they are zeroed. */
#include "seed.h"

/* d sum(3 w) / dw, three times. */
static void epochs(lab *l, gd_tensor *w, bool zero_between, const double expected[3]) {
  for (int epoch = 0; epoch < 3; epoch++) {
    gd_tensor *out = gd_sum(l->tape, gd_mul_scalar(l->tape, w, 3), GD_ALL, false);
    must(gd_backward(l->tape, out, NULL));
    printf("w.grad = %g %g %g %g\n", at(w->grad, 0), at(w->grad, 1), at(w->grad, 2), at(w->grad, 3));
    for (int i = 0; i < 4; i++) check_close(l, at(w->grad, i), expected[epoch], 0);
    if (zero_between) gd_zero_grad(w);
    gd_tape_reset(l->tape);
  }
}

int main(void) {
  lab l = lab_open();
  gd_tensor *w = lab_leaf(&l, GD_F32, (double[]){1, 1, 1, 1}, GD_SHAPE(4));
  printf("zeroed between:\n");
  epochs(&l, w, true, (double[]){3, 3, 3});
  printf("not zeroed:\n");
  epochs(&l, w, false, (double[]){3, 6, 9});
  return lab_close(&l);
}
