/* The regression on 15 regions with a loader: shuffled batches of 5, 100 epochs. */
#include "table.h"

enum { BATCH = 5 };

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  held yields = table_open("yields15", 0, 0);
  const int64_t n = gd_dataset_info(yields.set)->n;
  check(&l, n == 15);
  gd_loader *loader;
  must(gd_loader_new(
      &loader, yields.set,
      &(gd_loader_options){
          .order = gd_order_all(n, 1), .device = l.device, .dtype = GD_F32, .max_rows = BATCH}));

  gd_module *model;
  must(gd_linear_new(&model, l.device, GD_F32, 3, 2, true));
  gd_module_reset(model, 1);
  gd_stepper *sgd;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  must(gd_stepper_new(&sgd, &settings, (gd_tensor *[]){model->param[0].tensor, model->param[1].tensor}, 2));

  double last = 0;
  for (int epoch = 0; epoch < 100; epoch++) {
    for (int64_t first = 0; first < n; first += BATCH) {
      gd_batch batch;
      must(gd_loader_get(loader, epoch, (gd_range){first, first + BATCH}, &batch));
      gd_tensor *loss = gd_mse_loss(t, gd_forward(model, t, batch.x), batch.y, GD_REDUCE_MEAN);
      must(gd_backward(t, loss, NULL));
      must(gd_stepper_step(sgd, 1e-5));
      gd_stepper_zero_grad(sgd);
      last = gd_item(loss);
      gd_tape_reset(t);
    }
    if (epoch % 10 == 9) printf("epoch [%d/100], loss: %.4f\n", epoch + 1, last);
  }
  check(&l, last < 100);
  gd_stepper_free(sgd);
  gd_module_free(model);
  gd_loader_free(loader);
  table_close(&yields);
  return lab_close(&l);
}
