/* What the emulated cuDNN computes: convolutions of channels-last images by plain loops, in the order of pixels, taps, channels. */
#ifndef GDI_EMULATED_CUDNN_PRODUCT_H
#define GDI_EMULATED_CUDNN_PRODUCT_H

#include <cstring>
#include <vector>

#include <cudnn_graph.h>

enum { FORWARD, DATA, WEIGHTS };

/* A convolution as it will be computed: copied into the queue. x [n, in, c], w [k, r, c/groups], y [n, out, k] */
struct Convolution {
  int64_t n, c, k, groups, in[2], out[2], r[2], stride[2], dilation[2], pre[2];
  int pass;
  cudnnDataType_t type;
  bool tf32, rounds_sums, relu;
  double alpha, beta;
  int64_t first; /* pixel of y that is taken first */
  void *x, *w, *y, *workspace;
  const void *bias; /* or NULL */
  int64_t workspace_bytes;
};

static float widened(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static uint16_t bf16_of(float x) {
  const uint32_t bits = bits_of(x);
  return (uint16_t)(x == x ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : bits >> 16 | 0x40);
}

static float tf32_of(float x) {
  uint32_t bits = bits_of(x);
  if (x == x && (bits & 0x7f800000) != 0x7f800000) bits = (bits + 0xfff + (bits >> 13 & 1)) & 0xffffe000;
  memcpy(&x, &bits, sizeof x);
  return x;
}

template <typename T> static T load(const Convolution *v, const void *at, int64_t i) {
  return v->type == CUDNN_DATA_BFLOAT16 ? (T)widened(((const uint16_t *)at)[i]) : ((const T *)at)[i];
}

/* Operands as the units take them. */
template <typename T>
static std::vector<T> operand(const Convolution *v, const void *at, int64_t n, bool is_result) {
  std::vector<T> to((size_t)n);
  for (int64_t i = 0; i < n && !is_result; i++) {
    to[(size_t)i] = load<T>(v, at, i);
    if (v->tf32) to[(size_t)i] = (T)tf32_of((float)to[(size_t)i]);
  }
  return to;
}

template <typename T> static void store(const Convolution *v, void *at, int64_t i, T x) {
  if (v->type == CUDNN_DATA_BFLOAT16)
    ((uint16_t *)at)[i] = bf16_of((float)x);
  else
    ((T *)at)[i] = x;
}

/* One pixel of y and one tap of the kernel. */
template <typename T> static void add_tap(const Convolution *v, T *x, T *w, T *y) {
  const int64_t inputs = v->c / v->groups, outputs = v->k / v->groups, row = v->r[0] * v->r[1] * inputs;
  for (int64_t g = 0; g < v->groups; g++)
    for (int64_t o = g * outputs; o < (g + 1) * outputs; o++) {
      T *tap = w + o * row, *from = x + g * inputs;
      if (v->pass == FORWARD)
        for (int64_t c = 0; c < inputs; c++) y[o] += from[c] * tap[c];
      else if (v->pass == DATA)
        for (int64_t c = 0; c < inputs; c++) from[c] += y[o] * tap[c];
      else
        for (int64_t c = 0; c < inputs; c++) tap[c] += y[o] * from[c];
    }
}

template <typename T> static void add_pixel(const Convolution *v, int64_t pixel, T *x, T *w, T *y) {
  const int64_t column = pixel % v->out[1], row = pixel / v->out[1] % v->out[0],
                n = pixel / v->out[1] / v->out[0];
  for (int64_t i = 0; i < v->r[0]; i++)
    for (int64_t j = 0; j < v->r[1]; j++) {
      const int64_t h = row * v->stride[0] - v->pre[0] + i * v->dilation[0],
                    l = column * v->stride[1] - v->pre[1] + j * v->dilation[1];
      if (h < 0 || h >= v->in[0] || l < 0 || l >= v->in[1]) continue;
      add_tap(v, x + ((n * v->in[0] + h) * v->in[1] + l) * v->c, w + (i * v->r[1] + j) * (v->c / v->groups),
              y + pixel * v->k);
    }
}

template <typename T> static void convolve(const Convolution *v) {
  const int64_t pixels = v->n * v->out[0] * v->out[1], of_x = v->n * v->in[0] * v->in[1] * v->c,
                of_w = v->k * v->r[0] * v->r[1] * (v->c / v->groups), of_y = pixels * v->k;
  std::vector<T> x = operand<T>(v, v->x, of_x, v->pass == DATA),
                 w = operand<T>(v, v->w, of_w, v->pass == WEIGHTS),
                 y = operand<T>(v, v->y, of_y, v->pass == FORWARD);
  if (v->workspace_bytes) memset(v->workspace, 0xff, (size_t)v->workspace_bytes);
  for (int64_t turn = 0; turn < pixels; turn++)
    add_pixel(v, (turn + v->first) % pixels, x.data(), w.data(), y.data());
  const std::vector<T> &sum = v->pass == FORWARD ? y : v->pass == DATA ? x : w;
  void *to = v->pass == FORWARD ? v->y : v->pass == DATA ? v->x : v->w;
  for (size_t i = 0; i < sum.size(); i++) {
    T value = (T)v->alpha * (v->rounds_sums ? (T)widened(bf16_of((float)sum[i])) : sum[i]);
    if (v->beta != 0) value += (T)v->beta * load<T>(v, to, (int64_t)i);
    if (v->bias) value += load<T>(v, v->bias, (int64_t)i % v->k);
    if (v->relu) value = value > 0 ? value : 0; /* as that library may: 0 of NaN */
    store(v, to, (int64_t)i, value);
  }
}

static cudaError_t run(void *arguments) {
  const Convolution *v = (const Convolution *)arguments;
  if (v->type == CUDNN_DATA_DOUBLE)
    convolve<double>(v);
  else
    convolve<float>(v);
  return cudaSuccess;
}

#endif
