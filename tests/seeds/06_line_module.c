/*
 * The same line once more, with a module and an optimizer. From PyTorch's initial values the steep direction
 * is learned at once, but the flat one (curvature 0.3) fades as e^(-0.3) in 1000 epochs at rate 0.001: how
 * near f(5) is by then depends on the seed. After 10000 epochs it is near from every seed.
 */
#include "seed.h"

enum { EPOCHS = 10000 };

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  gd_tensor *X = lab_data(&l, GD_F32, (double[]){1, 2, 3, 4}, GD_SHAPE(4, 1));
  gd_tensor *Y = lab_data(&l, GD_F32, (double[]){2, 4, 6, 8}, GD_SHAPE(4, 1));
  gd_tensor *five = lab_data(&l, GD_F32, (double[]){5}, GD_SHAPE(1, 1));

  for (uint64_t seed = 0; seed < 5; seed++) {
    gd_module *model;
    must(gd_linear_new(&model, l.device, GD_F32, 1, 1, true));
    gd_module_reset(model, seed);
    gd_tensor *leaves[] = {model->param[0].tensor, model->param[1].tensor};
    gd_stepper *sgd;
    gd_optim settings = gd_optim_defaults(GD_SGD);
    must(gd_stepper_new(&sgd, &settings, leaves, 2));

    double previous = INFINITY;
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
      gd_tensor *loss = gd_mse_loss(t, gd_forward(model, t, X), Y, GD_REDUCE_MEAN);
      must(gd_backward(t, loss, NULL));
      must(gd_stepper_step(sgd, 0.001));
      if (epoch % 100 == 0) {
        check(&l, gd_item(loss) < previous);
        previous = gd_item(loss);
        if (seed == 0 && epoch <= 1000)
          printf("epoch %d: w = %.3f, loss = %.8f\n", epoch, gd_item(model->param[0].tensor), previous);
      }
      gd_stepper_zero_grad(sgd);
      gd_tape_reset(t);
      if (epoch != 1000 && epoch != EPOCHS) continue;
      const double f = gd_item(gd_forward(model, t, five));
      printf("seed %d, epoch %d: f(5) = %.3f\n", (int)seed, epoch, f);
      check_close(&l, f, 10, epoch == EPOCHS || seed == 2 ? 0.3 : 1.05);
      gd_tape_reset(t);
    }
    gd_stepper_free(sgd);
    gd_module_free(model);
  }
  return lab_close(&l);
}
