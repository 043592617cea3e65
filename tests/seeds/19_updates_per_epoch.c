/* Batch, mini-batch and stochastic descent on the same 80 samples: 1, 5 and 80 updates per epoch, and how
 * smooth. */
#include "plot.h"

enum { N = 80, EPOCHS = 20, MAX_UPDATES = N * EPOCHS };

typedef struct run {
  int updates;
  double loss[MAX_UPDATES]; /* of the full set, after each update */
} run;

static gd_tensor *loss_of(lab *l, gd_tensor *x, gd_tensor *y, gd_tensor *a, gd_tensor *b) {
  gd_tape *t = l->tape;
  return gd_mse_loss(t, gd_add(t, a, gd_mul(t, b, x)), y, GD_REDUCE_MEAN);
}

static double full_loss(lab *l, gd_tensor *x, gd_tensor *y, gd_tensor *a, gd_tensor *b) {
  bool was = gd_tape_record(l->tape, false);
  double loss = gd_item(loss_of(l, x, y, a, b));
  gd_tape_record(l->tape, was);
  return loss;
}

static void train(lab *l, gd_tensor *x, gd_tensor *y, int batch, run *out) {
  gd_tape *t = l->tape;
  gd_tensor *a = lab_leaf(l, GD_F64, (double[]){0}, GD_SCALAR),
            *b = lab_leaf(l, GD_F64, (double[]){0}, GD_SCALAR);
  gd_stepper *sgd;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  must(gd_stepper_new(&sgd, &settings, (gd_tensor *[]){a, b}, 2));
  out->updates = 0;
  for (int epoch = 0; epoch < EPOCHS; epoch++)
    for (int first = 0; first < N; first += batch) {
      int64_t rows[N];
      for (int i = 0; i < batch; i++) /* a new order every epoch */
        rows[i] = gd_permute(gd_rng_stream(1, GD_RNG_SHUFFLE, (uint64_t)epoch), first + i, N);
      gd_tensor *index;
      must(gd_tensor_over(&index, gd_tape_arena(t), l->device, GD_I64, GD_SHAPE(batch), rows));
      must(gd_backward(t, loss_of(l, gd_index_select(t, x, 0, index), gd_index_select(t, y, 0, index), a, b),
                       NULL));
      must(gd_stepper_step(sgd, 0.1));
      gd_stepper_zero_grad(sgd);
      out->loss[out->updates++] = full_loss(l, x, y, a, b);
      gd_tape_reset(t);
    }
  gd_stepper_free(sgd);
}

/* How often the loss of the second half of the run rises from one update to the next. */
static double roughness(const run *r) {
  int rises = 0, n = 0;
  for (int i = r->updates / 2; i < r->updates; i++, n++) rises += r->loss[i] > r->loss[i - 1];
  return (double)rises / n;
}

int main(void) {
  lab l = lab_open();
  double xs[N], ys[N];
  for (int i = 0; i < N; i++) {
    xs[i] = gd_rng_uniform(gd_rng_stream(2, GD_RNG_GENERATE, 0), (uint64_t)i);
    ys[i] = 1 + 2 * xs[i] + 0.1 * gd_rng_normal(gd_rng_stream(2, GD_RNG_GENERATE, 1), (uint64_t)i);
  }
  gd_tensor *x = lab_data(&l, GD_F64, xs, GD_SHAPE(N)), *y = lab_data(&l, GD_F64, ys, GD_SHAPE(N));

  static const int batch[] = {80, 16, 1}, updates[] = {1, 5, 80};
  static run r[3];
  FILE *f = plot_file("updates_per_epoch", "dat");
  for (int k = 0; k < 3; k++) {
    train(&l, x, y, batch[k], &r[k]);
    printf("batch %2d: %2d updates per epoch, the loss rises at %4.1f %% of them\n", batch[k],
           r[k].updates / EPOCHS, 100 * roughness(&r[k]));
    check(&l, r[k].updates == updates[k] * EPOCHS);
    for (int i = 0; i < r[k].updates; i++) fprintf(f, "%g %.8g\n", (i + 1.0) / updates[k], r[k].loss[i]);
    fprintf(f, "\n\n");
  }
  fclose(f);
  check(&l, roughness(&r[0]) < roughness(&r[1]) && roughness(&r[1]) < roughness(&r[2]));
  plot("updates_per_epoch",
       "set logscale y\nset xlabel 'epoch'\nset ylabel 'loss'\n"
       "plot 'updates_per_epoch.dat' index 2 with lines title 'batch 1', '' index 1 with lines "
       "title 'batch 16', '' index 0 with lines title 'batch 80'");
  return lab_close(&l);
}
