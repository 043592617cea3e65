/** @file init.h  Initial values of parameters. */
#ifndef GD_INIT_H
#define GD_INIT_H

#include "gd/rng.h"
#include "gd/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Values of t from r, independent of threads and ranks. */
GD_API void gd_init_uniform(gd_tensor *t, gd_rng r, double lo, double hi);
GD_API void gd_init_normal(gd_tensor *t, gd_rng r, double mean, double std);
GD_API void gd_init_xavier_uniform(gd_tensor *t, gd_rng r, double gain); /**< Glorot and Bengio 2010 */
GD_API void gd_init_xavier_normal(gd_tensor *t, gd_rng r, double gain);
GD_API void gd_init_he_uniform(gd_tensor *t, gd_rng r, double negative_slope); /**< He et al. 2015, fan in */
GD_API void gd_init_he_normal(gd_tensor *t, gd_rng r, double negative_slope);
/** The same with fan out, as torchvision's convnets have it. */
GD_API void gd_init_he_normal_fan_out(gd_tensor *t, gd_rng r, double negative_slope);

#ifdef __cplusplus
}
#endif
#endif
