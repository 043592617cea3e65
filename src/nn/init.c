/* Initial values: element i of a tensor is a function of the stream and i alone. */
#include <math.h>

#include "device/device.h"
#include "gd/nn.h"

enum { CHUNK = 1024 };

/* value i = offset + factor draw(r, i), formed on the host and sent in chunks */
static void fill(gd_tensor *t, gd_rng r, double (*draw)(gd_rng, uint64_t), double offset, double factor) {
  const int64_t n = gd_numel(t), bytes = (int64_t)gd_dtype_bytes(t->dtype);
  union {
    float f32[CHUNK];
    double f64[CHUNK];
  } chunk;
  for (int64_t lo = 0; lo < n; lo += CHUNK) {
    const int64_t m = n - lo < CHUNK ? n - lo : CHUNK;
    for (int64_t i = 0; i < m; i++) {
      double x = offset + factor * draw(r, (uint64_t)(lo + i));
      if (t->dtype == GD_F64)
        chunk.f64[i] = x;
      else
        chunk.f32[i] = (float)x;
    }
    t->device->upload(t->device, (char *)t->data + lo * bytes, &chunk, (size_t)(m * bytes));
  }
}

void gd_init_uniform(gd_tensor *t, gd_rng r, double lo, double hi) {
  fill(t, r, gd_rng_uniform, lo, hi - lo);
}

void gd_init_normal(gd_tensor *t, gd_rng r, double mean, double std) {
  fill(t, r, gd_rng_normal, mean, std);
}

/* Inputs and outputs of one unit of a weight [O,I,...]; a vector counts as one row. */
static double fan_in(const gd_tensor *t) {
  return t->ndim > 1 ? (double)(gd_numel(t) / t->shape[0]) : (double)gd_numel(t);
}

static double fan_out(const gd_tensor *t) {
  return t->ndim > 1 ? (double)(gd_numel(t) / t->shape[1]) : 1;
}

static double xavier_std(const gd_tensor *t, double gain) {
  return gain * sqrt(2 / (fan_in(t) + fan_out(t)));
}

static double he_std(double fan, double slope) {
  return sqrt(2 / (1 + slope * slope) / fan);
}

/* U(-b, b) has the standard deviation b / sqrt 3. */
static void uniform_of_std(gd_tensor *t, gd_rng r, double std) {
  const double bound = sqrt(3) * std;
  gd_init_uniform(t, r, -bound, bound);
}

void gd_init_xavier_uniform(gd_tensor *t, gd_rng r, double gain) {
  uniform_of_std(t, r, xavier_std(t, gain));
}

void gd_init_xavier_normal(gd_tensor *t, gd_rng r, double gain) {
  gd_init_normal(t, r, 0, xavier_std(t, gain));
}

void gd_init_he_uniform(gd_tensor *t, gd_rng r, double negative_slope) {
  uniform_of_std(t, r, he_std(fan_in(t), negative_slope));
}

void gd_init_he_normal(gd_tensor *t, gd_rng r, double negative_slope) {
  gd_init_normal(t, r, 0, he_std(fan_in(t), negative_slope));
}

void gd_init_he_normal_fan_out(gd_tensor *t, gd_rng r, double negative_slope) {
  gd_init_normal(t, r, 0, he_std(fan_out(t), negative_slope));
}
