/* condition ? a : b */
#include "ops/cuda/broadcast.cuh"
#include "ops/ops.h"

template <typename T> struct choose {
  __device__ T operator()(uint8_t c, T a, T b) const { return c ? a : b; }
};

/* The gradient of the operand that is taken when the condition is `taken`. */
template <typename T> struct choose_back {
  bool taken;
  __device__ T operator()(uint8_t c, T dy) const { return (c != 0) == taken ? dy : 0; }
};

template <typename T> static gd_status where(gd_device *d, const gd_node *n) {
  return gdi_walk(d, choose<T>(), false, gdi_to<T>(n->out), gdi_from<uint8_t>(n->in[0]),
                  gdi_from<T>(n->in[1]), gdi_from<T>(n->in[2]));
}

gd_status gdi_cuda_where_forward(gd_device *d, gd_node *n) {
  return n->out->dtype == GD_F64 ? where<double>(d, n) : where<float>(d, n);
}

template <typename T>
static gd_status where_back(gd_device *d, const gd_node *n, int i, const gd_tensor *dout, gd_tensor *to,
                            bool add) {
  return gdi_broadcast_gradient<T>(d, choose_back<T>{i == 1}, dout, to, add, gdi_from<uint8_t>(n->in[0]),
                                   gdi_from<T>(dout));
}

gd_status gdi_cuda_where_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  for (int i = 1; i < 3; i++)
    if (din[i])
      GD_TRY((dout->dtype == GD_F64 ? where_back<double> : where_back<float>)(d, n, i, dout, din[i], add[i]));
  return GD_OK;
}
