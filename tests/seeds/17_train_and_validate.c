/*
 * y = 1 + 2x + noise from 100 points: a random 80/20 split, batches of 16, training and evaluation modes, the
 * loss on the validation part; beside it the same descent by hand, and the least-squares solution.
 */
#include "table.h"

enum { BATCH = 16, EPOCHS = 300 };
static const double RATE = 0.1;

typedef struct line {
  double a, b; /* y = a + b x */
} line;

/* One descent step on the mean squared error of a batch, its gradient written out. */
static void step_by_hand(line *w, const gd_batch *batch) {
  const int64_t n = gd_numel(batch->y);
  double da = 0, db = 0;
  for (int64_t i = 0; i < n; i++) {
    const double error = w->a + w->b * at(batch->x, i) - at(batch->y, i);
    da += 2 * error / (double)n;
    db += 2 * error * at(batch->x, i) / (double)n;
  }
  w->a -= RATE * da;
  w->b -= RATE * db;
}

static line least_squares(const gd_batch *all) {
  const int64_t n = gd_numel(all->y);
  double x = 0, y = 0, xx = 0, xy = 0;
  for (int64_t i = 0; i < n; i++) {
    x += at(all->x, i), y += at(all->y, i);
    xx += at(all->x, i) * at(all->x, i), xy += at(all->x, i) * at(all->y, i);
  }
  const double b = ((double)n * xy - x * y) / ((double)n * xx - x * x);
  return (line){(y - b * x) / (double)n, b};
}

static double validate(lab *l, gd_module *model, const gd_batch *batch) {
  gd_module_train(model, false);
  bool was = gd_tape_record(l->tape, false);
  gd_tensor *prediction = gd_forward(model, l->tape, batch->x);
  const double loss = gd_item(gd_mse_loss(l->tape, prediction, batch->y, GD_REDUCE_MEAN));
  gd_tape_record(l->tape, was);
  gd_module_train(model, true);
  gd_tape_reset(l->tape);
  return loss;
}

static gd_loader *loader_of(const lab *l, const held *data, gd_order part) {
  gd_loader *loader;
  must(gd_loader_new(
      &loader, data->set,
      &(gd_loader_options){.order = part, .device = l->device, .dtype = GD_F64, .max_rows = part.n}));
  return loader;
}

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  held points = table_open("line", 100, 42);
  gd_order train, val;
  must(gd_order_split(100, 0.2, 13, &train, &val));
  check(&l, train.n == 80 && val.n == 20);
  gd_loader *train_loader = loader_of(&l, &points, train), *val_loader = loader_of(&l, &points, val);
  gd_batch batch, held_out;
  must(gd_loader_get(val_loader, 0, (gd_range){0, val.n}, &held_out));

  gd_module *model;
  must(gd_model_parse(&model, "linear:1", GD_SHAPE(1), l.device, GD_F64, NULL));
  gd_module_reset(model, 42);
  gd_tensor *b = model->child[0].module->param[0].tensor, *a = model->child[0].module->param[1].tensor;
  gd_stepper *sgd;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  must(gd_stepper_new(&sgd, &settings, (gd_tensor *[]){a, b}, 2));

  line by_hand = {gd_item(a), gd_item(b)};
  const double before = validate(&l, model, &held_out);
  for (int epoch = 0; epoch < EPOCHS; epoch++)
    for (int64_t first = 0; first < train.n; first += BATCH) {
      must(gd_loader_get(train_loader, epoch, (gd_range){first, first + BATCH}, &batch));
      gd_tensor *loss = gd_mse_loss(t, gd_forward(model, t, batch.x), batch.y, GD_REDUCE_MEAN);
      must(gd_backward(t, loss, NULL));
      must(gd_stepper_step(sgd, RATE));
      gd_stepper_zero_grad(sgd);
      step_by_hand(&by_hand, &batch);
      gd_tape_reset(t);
    }
  const double after = validate(&l, model, &held_out);

  must(gd_loader_get(train_loader, 0, (gd_range){0, train.n}, &batch));
  const line best = least_squares(&batch);
  printf("learned        a = %.6f, b = %.6f\n", gd_item(a), gd_item(b));
  printf("by hand        a = %.6f, b = %.6f\n", by_hand.a, by_hand.b);
  printf("least squares  a = %.6f, b = %.6f\n", best.a, best.b);
  printf("validation loss %.4f before, %.4f after\n", before, after);
  check_close(&l, gd_item(a), by_hand.a, 5e-7);
  check_close(&l, gd_item(b), by_hand.b, 5e-7);
  check_close(&l, gd_item(a), best.a, 0.05);
  check_close(&l, gd_item(b), best.b, 0.05);
  check(&l, after < 0.02 && after < before);
  gd_stepper_free(sgd);
  gd_module_free(model);
  gd_loader_free(train_loader);
  gd_loader_free(val_loader);
  table_close(&points);
  return lab_close(&l);
}
