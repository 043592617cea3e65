/** @file params.h  The state of a model as one flat run: parameters that are trained, then statistics. */
#ifndef GD_PARAMS_H
#define GD_PARAMS_H

#include "gd/module.h"
#include "gd/sha256.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Settings of the parameters whose name matches a pattern. */
typedef struct gd_param_group {
  const char *match;   /**< * stands for any characters, ? for one: "*.bias" */
  double rate;         /**< factor of the learning rate; NAN: 1, or what an earlier group says */
  double weight_decay; /**< NAN: the optimizer's, or what an earlier group says */
} gd_param_group;

/** Which parameters are trained, and how. Zeros: all of them, alike. */
typedef struct gd_params_options {
  int n_freeze;
  const char *const *freeze; /**< patterns of names of parameters that are not trained */
  int n_groups;
  const gd_param_group *group; /**< every group that matches counts; of the same setting the last one */
} gd_params_options;

/** What groups come to, for parameters that are alike. */
typedef struct gd_param_setting {
  double rate;         /**< factor of the learning rate */
  double weight_decay; /**< NAN: the optimizer's */
} gd_param_setting;

enum { GD_MAX_PARAM_SETTINGS = 16 };

/** A second name of a tensor. */
typedef struct gd_param_alias {
  gd_named named;
  const gd_named *of; /**< in `item` or `frozen` */
} gd_param_alias;

/**
 * What training changes, laid out in one run:
 *
 *   [parameters, in the order in which backward finishes them: last registered first]
 *   [padding to whole GD_BLOCKs]  [statistics, in the same order]     only where there are statistics
 *
 * Each tensor is aligned to GD_ALIGN bytes; the gaps are zero. Optimizer state and gradients use the same
 * offsets, so an update, a norm or a message is one loop over memory. What is not trained, constants and
 * frozen parameters, stays outside of the run. A tensor that has several names is there once, by the first.
 */
typedef struct gd_params {
  gd_module *module;
  gd_device *device;
  gd_dtype dtype;
  int n;             /**< tensors of the run: n_trained parameters, then the statistics */
  int n_trained;     /**< parameters */
  gd_named *item;    /**< [n] in order of offset */
  int64_t *offset;   /**< [n] in elements */
  int64_t elements;  /**< of the run, gaps included, a multiple of 16 */
  int64_t trained;   /**< those before the statistics: whole blocks when there are any, else all */
  int64_t trainable; /**< of parameters without the gaps: what users call the number of parameters */
  int n_settings;    /**< number 0 is {1, NAN}, whether a parameter has it or not */
  gd_param_setting setting[GD_MAX_PARAM_SETTINGS];
  int *setting_of; /**< [n_trained] which one each has */
  int n_constants, n_frozen, n_aliases;
  gd_named *constant, *frozen; /**< in order of registration */
  gd_param_alias *alias;
  void *data; /**< where the run is bound now; NULL before gd_params_bind() */
} gd_params;

/**
 * Plan the layout.
 *
 * Owner:  caller; the module must outlive it
 * Errors: GD_ERR_USAGE when the model has no parameters, or a name is too long
 */
GD_API gd_status gd_params_new(gd_params **out, gd_module *m) GD_CHECKED;
/**
 * The same with frozen parameters, which require no gradient until gd_params_free(), and groups.
 * Errors: also GD_ERR_USAGE for a pattern that matches no parameter, when all are frozen, and for more than
 *         GD_MAX_PARAM_SETTINGS different settings
 */
GD_API gd_status gd_params_new_with(gd_params **out, gd_module *m, const gd_params_options *o) GD_CHECKED;
GD_API void gd_params_free(gd_params *p);
GD_API size_t gd_params_bytes(const gd_params *p); /**< of one run */
/**
 * Move parameters and statistics into `memory` of their device (gd_params_bytes(), aligned to GD_ALIGN, kept
 * by the caller). With `copy` the present values and zeros for the gaps are written there first; without it
 * the memory already holds them, as when ranks share it. NULL moves them back to the module's own memory:
 * with `copy` keeping the present values, else with those the memory had.
 */
GD_API gd_status gd_params_bind(gd_params *p, void *memory, bool copy) GD_CHECKED;
/** Put gradients into `memory` from now on; the next backward overwrites it, as after gd_zero_grad(). */
GD_API void gd_params_bind_grads(gd_params *p, void *memory);
/** After backward: zero the gradients of the parameters and statistics that it did not reach. */
GD_API gd_status gd_params_finish_grads(gd_params *p) GD_CHECKED;
/**
 * SHA-256 over all parameters and buffers in the order of strcmp() of their names, each as: name and NUL,
 * dtype name ("f32") and NUL, number of dimensions as u64, each extent as u64, the values; all numbers
 * little-endian.
 */
GD_API gd_status gd_params_digest(const gd_params *p, gd_digest *out) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
