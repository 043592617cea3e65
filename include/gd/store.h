/** @file store.h  Checkpoints that survive, and the weights of others. */
#ifndef GD_STORE_H
#define GD_STORE_H

#include "gd/data.h"
#include "gd/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An array of a checkpoint: a parameter, or one state of it. Values in row-major order. */
typedef struct gd_stored {
  char name[96];
  gd_dtype dtype;
  int ndim;
  int64_t shape[GD_MAX_DIMS];
  void *data;
} gd_stored;

/** Measurements under way at a step, which a resumed run continues. Zeros: nothing yet, and not stored. */
typedef struct gd_measured {
  double loss_sum, weight, samples, seconds; /* since the last row of metrics.csv */
  double noise_weight, noise_s, noise_g2;    /* means for the gradient noise scale */
} gd_measured;

/**
 * What a checkpoint holds. Nothing in it depends on the number of ranks.
 *
 * Owner: read: everything is in the checkpoint's own arena, gd_checkpoint_free(). Written: pointers are the
 *        caller's, `arena` is not looked at.
 * Order: read: parameters, buffers and states come in strcmp order of their names. Written: any.
 *
 * The file, which h5py opens:
 *   /                       attributes format model outputs machine version header_digest digest
 *   /model/<name>           parameters, as in a PyTorch state_dict; buffers have an attribute `buffer`
 *   /optim/<state>/<name>   an array for every parameter: "momentum_buffer"
 *   /progress               attributes step epoch samples seed, and where there are such: best best_step,
 *                           row_loss_sum row_weight row_samples row_seconds, noise_weight noise_S noise_G2
 *   /data                   attributes classes x_scale digest; arrays sample class_name mean std
 *   /config                 the YAML, one string
 */
typedef struct gd_checkpoint {
  int n_params;
  gd_stored *param;
  int n_buffers;
  gd_stored *buffer; /* also under /model */
  int n_states;
  char (*state_name)[32];       /* "momentum_buffer" */
  gd_stored **state;            /* [n_states][n_params] */
  int64_t step, epoch, samples; /* /progress, attributes */
  uint64_t seed;
  double best;
  bool has_best;     /* best validation metric so far */
  int64_t best_step; /* the checkpoint that has it */
  gd_measured measured;
  char *config; /* YAML */
  char *model;  /* one-line form */
  int sample_ndim;
  int64_t sample[GD_MAX_DIMS - 1]; /* shape of one sample */
  int64_t outputs;                 /* outputs of the model per sample */
  double x_scale;
  int64_t classes;
  char (*class_name)[GD_MAX_CLASS_NAME];
  gd_standardize standardize;
  char data_digest[65]; /* training data; "" unknown */
  char machine[160];    /* what decided the bits: gd_device_describe() */
  char version[32];
  gd_arena *arena; /* owner of all the above after reading */
} gd_checkpoint;

/**
 * Write durably: temporary name in the same folder, flushed, fsynced, read back and verified, renamed, folder
 * fsynced.
 * Errors: GD_ERR_WRITE with the file and the cause; the file at `path` is then what it was before, or, when
 *         only its folder could not be synced, the new one. GD_ERR_USAGE: names that cannot be stored.
 *         GD_ERR_DTYPE: bf16, whose f32 master copies are to be stored
 */
GD_API gd_status gd_checkpoint_write(const gd_checkpoint *c, const char *path) GD_CHECKED;
/**
 * Read and verify: HDF5's checksums, and a digest over everything that is given back. `header_only`: all but
 * the values of arrays (their `data` is NULL).
 * Errors: GD_ERR_CHECKPOINT with the file and what is wrong, whatever bytes it holds
 */
GD_API gd_status gd_checkpoint_read(gd_checkpoint *out, const char *path, bool header_only) GD_CHECKED;
GD_API void gd_checkpoint_free(gd_checkpoint *c);
GD_API gd_status gd_checkpoint_digest(const gd_checkpoint *c,
                                      gd_digest *out) GD_CHECKED; /**< = gd_params_digest() */

/**
 * The newest checkpoint in `folder` (step-%08d.h5) that verifies. Returns GD_OK with path "" when there is
 * none at all; GD_ERR_CHECKPOINT when there are some and none is valid. Invalid newer ones are logged.
 */
GD_API gd_status gd_checkpoint_latest(const char *folder, char *path, size_t bytes) GD_CHECKED;
/**
 * What a user means by `path`: the file itself; in a run folder (or its checkpoints) best.h5, else the newest
 * that verifies. Errors: GD_ERR_CHECKPOINT when a folder holds none.
 */
GD_API gd_status gd_checkpoint_find(const char *path, char *found, size_t bytes) GD_CHECKED;
/**
 * Remove all but the newest `keep` (at least 1) and what `best` names (may be NULL), and temporary files of
 * dead runs: to be called while no write into the folder is under way.
 */
GD_API gd_status gd_checkpoint_prune(const char *folder, int keep, const char *best) GD_CHECKED;

/**
 * Named arrays for --init, in `a`: parameters and buffers of a checkpoint (verified), or every array below
 * /model of any other HDF5 file, else below its root; dense/kernel is named "dense.kernel".
 * Errors: GD_ERR_CHECKPOINT
 */
GD_API gd_status gd_weights_read(gd_stored **out, int *n, gd_arena *a, const char *path) GD_CHECKED;
/** Parameters and buffers in the safetensors format, written as durably. Errors: GD_ERR_WRITE */
GD_API gd_status gd_export_safetensors(const gd_checkpoint *c, const char *path) GD_CHECKED;

/** A thread that writes checkpoints while training goes on: at most one write is under way. */
typedef struct gd_writer gd_writer;
GD_API gd_status gd_writer_new(gd_writer **out) GD_CHECKED;
/**
 * Waits for the write before, then starts this one; `c` must stay untouched until gd_writer_wait(). When the
 * write before failed and nobody has heard of it, that is returned and nothing is started.
 */
GD_API gd_status gd_writer_start(gd_writer *w, const gd_checkpoint *c, const char *path) GD_CHECKED;
GD_API bool gd_writer_busy(gd_writer *w);
GD_API gd_status gd_writer_wait(gd_writer *w) GD_CHECKED; /**< status of the last write, once */
GD_API void gd_writer_free(gd_writer *w);                 /**< after the write under way; NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
