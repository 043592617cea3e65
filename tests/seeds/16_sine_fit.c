/* A wide net, 1-512-1 with tanh, learns 32 noisy points of sin(pi x) in 1847 full-batch epochs. */
#include "plot.h"

enum { POINTS = 32, EPOCHS = 1847 };

int main(void) {
  lab l = lab_open();
  gd_tape *t = l.tape;
  double xs[POINTS], ys[POINTS];
  for (int i = 0; i < POINTS; i++) {
    xs[i] = -1 + 2.0 * i / (POINTS - 1);
    ys[i] =
        sin(3.14159265358979 * xs[i]) + gd_rng_normal(gd_rng_stream(1, GD_RNG_GENERATE, 0), (uint64_t)i) / 4;
  }
  gd_tensor *x = lab_data(&l, GD_F32, xs, GD_SHAPE(POINTS, 1)),
            *y = lab_data(&l, GD_F32, ys, GD_SHAPE(POINTS, 1));

  gd_module *net;
  must(gd_model_parse(&net, "linear:512 tanh linear:1", GD_SHAPE(1), l.device, GD_F32, NULL));
  gd_module_reset(net, 1);
  gd_named param[4];
  gd_tensor *leaves[4];
  const int n = gd_module_params(net, param, 4);
  for (int i = 0; i < n; i++) leaves[i] = param[i].tensor;
  gd_optim settings = gd_optim_defaults(GD_SGD);
  settings.momentum = 0.9;
  gd_stepper *sgd;
  must(gd_stepper_new(&sgd, &settings, leaves, n));

  FILE *f = plot_file("sine_fit_loss", "dat");
  double last = 0;
  for (int epoch = 0; epoch < EPOCHS; epoch++) {
    gd_tensor *loss = gd_mse_loss(t, gd_forward(net, t, x), y, GD_REDUCE_MEAN);
    must(gd_backward(t, loss, NULL));
    must(gd_stepper_step(sgd, 0.003));
    gd_stepper_zero_grad(sgd);
    last = gd_item(loss);
    fprintf(f, "%d %.6g\n", epoch, last);
    if (epoch % 200 == 0) printf("epoch %d: loss = %.4f\n", epoch, last);
    gd_tape_reset(t);
  }
  fclose(f);
  printf("after %d epochs: loss = %.4f\n", EPOCHS, last);
  check(&l, last < 0.1);

  f = plot_file("sine_fit", "dat");
  gd_tensor *fit = gd_forward(net, t, x);
  for (int i = 0; i < POINTS; i++) fprintf(f, "%.6g %.6g %.6g\n", xs[i], ys[i], at(fit, i));
  fclose(f);
  plot("sine_fit", "set multiplot layout 1,2\n"
                   "plot 'sine_fit.dat' using 1:2 title 'points', '' using 1:3 with lines title 'net'\n"
                   "set logscale y\nplot 'sine_fit_loss.dat' with lines title 'loss'\nunset multiplot");
  gd_stepper_free(sgd);
  gd_module_free(net);
  return lab_close(&l);
}
