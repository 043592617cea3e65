/** @file params.h  All parameters of a model as one flat run. */
#ifndef GD_PARAMS_H
#define GD_PARAMS_H

#include "gd/module.h"
#include "gd/sha256.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The parameters of a model laid out in one run, in the order in which backward finishes them (last
 * registered first), each aligned to GD_ALIGN bytes; the gaps are zero. Optimizer state and gradients use the
 * same offsets, so an update, a norm or a message is one loop over memory.
 */
typedef struct gd_params {
  gd_module *module;
  gd_device *device;
  gd_dtype dtype;
  int n;             /**< parameters */
  gd_named *item;    /**< in order of offset */
  int64_t *offset;   /**< in elements */
  int64_t elements;  /**< of the run, gaps included, a multiple of 16 */
  int64_t trainable; /**< without the gaps: what users call the number of parameters */
  void *data;        /**< where the parameters are bound now; NULL before gd_params_bind() */
} gd_params;

/**
 * Plan the layout.
 *
 * Owner:  caller; the module must outlive it
 * Errors: GD_ERR_USAGE when the model has no parameters
 */
GD_API gd_status gd_params_new(gd_params **out, gd_module *m) GD_CHECKED;
GD_API void gd_params_free(gd_params *p);
GD_API size_t gd_params_bytes(const gd_params *p); /**< of one run */
/**
 * Move the parameters into `memory` of their device (gd_params_bytes(), aligned to GD_ALIGN, kept by the
 * caller). With `copy` the present values and zeros for the gaps are written there first; without it the
 * memory already holds them, as when ranks share it. NULL moves them back to the module's own memory: with
 * `copy` keeping the present values, else with those the memory had.
 */
GD_API gd_status gd_params_bind(gd_params *p, void *memory, bool copy) GD_CHECKED;
/** Put gradients into `memory` from now on; the next backward overwrites it, as after gd_zero_grad(). */
GD_API void gd_params_bind_grads(gd_params *p, void *memory);
/** After backward: zero the gradients of the parameters that it did not reach. */
GD_API gd_status gd_params_finish_grads(gd_params *p) GD_CHECKED;
/**
 * SHA-256 over all parameters in the order of strcmp() of their names, each as: name and NUL, dtype name
 * ("f32") and NUL, number of dimensions as u64, each extent as u64, the values; all numbers little-endian.
 */
GD_API gd_status gd_params_digest(const gd_params *p, gd_digest *out) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
