/* The same regression trained: 1000 full-batch epochs from random normal weights. */
#include "seed.h"
#include "yields.h"

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  gd_tensor *X = lab_data(&l, GD_F32, yields_inputs, GD_SHAPE(5, 3));
  gd_tensor *Y = lab_data(&l, GD_F32, yields_targets, GD_SHAPE(5, 2));
  gd_module *model;
  must(gd_linear_new(&model, l.device, GD_F32, 3, 2, true));
  gd_tensor *leaves[] = {model->param[0].tensor, model->param[1].tensor};
  for (int i = 0; i < 2; i++) gd_init_normal(leaves[i], gd_rng_stream(1, GD_RNG_INIT, (uint64_t)i), 0, 1);

  gd_stepper *sgd;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  must(gd_stepper_new(&sgd, &settings, leaves, 2));
  double first = 0, last = 0;
  for (int epoch = 0; epoch < 1000; epoch++) {
    gd_tensor *loss = gd_mse_loss(t, gd_forward(model, t, X), Y, GD_REDUCE_MEAN);
    must(gd_backward(t, loss, NULL));
    must(gd_stepper_step(sgd, 1e-5));
    gd_stepper_zero_grad(sgd);
    last = gd_item(loss);
    if (epoch == 0) first = last;
    if (epoch % 100 == 0) printf("epoch %d: loss = %.3f\n", epoch, last);
    gd_tape_reset(t);
  }
  printf("after 1000 epochs: loss = %.3f\n", last);
  check(&l, first > 10000);
  check(&l, last < 150);
  gd_stepper_free(sgd);
  gd_module_free(model);
  return lab_close(&l);
}
