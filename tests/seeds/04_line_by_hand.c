/* y = 2 x learned with the gradient written by hand: the sum over the samples of 2 x (w x - y). */
#include "seed.h"

static const float X[4] = {1, 2, 3, 4}, Y[4] = {2, 4, 6, 8};

static float loss(float w) {
  float sum = 0;
  for (int i = 0; i < 4; i++) sum += (w * X[i] - Y[i]) * (w * X[i] - Y[i]);
  return sum / 4;
}

static float gradient(float w) {
  float sum = 0;
  for (int i = 0; i < 4; i++) sum += 2 * X[i] * (w * X[i] - Y[i]);
  return sum;
}

int main(void) {
  lab l = lab_open();
  const struct {
    int epoch;
    double w, loss;
  } expected[] = {{1, 1.200, 30},
                  {3, 1.872, 0.76800019},
                  {5, 1.980, 0.01966083},
                  {7, 1.997, 0.00050332},
                  {9, 1.999, 0.00001288}};
  float w = 0;
  for (int epoch = 1, k = 0; epoch <= 20; epoch++) {
    const float before = loss(w);
    w -= 0.01f * gradient(w);
    if (epoch % 2) printf("epoch %d: w = %.3f, loss = %.8f\n", epoch, w, before);
    if (k < 5 && epoch == expected[k].epoch) {
      check_close(&l, w, expected[k].w, 5.1e-4);
      check_close(&l, before, expected[k].loss, 1e-6 * expected[k].loss + 5.1e-9);
      k++;
    }
  }
  printf("prediction after training: f(5) = %.3f\n", 5 * w);
  check_close(&l, 5 * w, 10.000, 5e-4);
  return lab_close(&l);
}
