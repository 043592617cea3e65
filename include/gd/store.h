/** @file store.h  Durable checkpoints, and weights from and for other programs. */
#ifndef GD_STORE_H
#define GD_STORE_H

#include "gd/data.h"
#include "gd/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GD_CONTROL_NUMBERS 10

/** An array of a checkpoint: a parameter, or one state of it. Values in row-major order. */
typedef struct gd_stored {
  char name[GD_MAX_NAME];
  gd_dtype dtype;
  int ndim;
  int64_t shape[GD_MAX_DIMS];
  void *data;
} gd_stored;

/** A second name of a parameter: tied weights, which are stored once. Lists of them are sorted by `of`, then by name. */
typedef struct gd_tied {
  char name[GD_MAX_NAME], of[GD_MAX_NAME];
} gd_tied;

/** Measurements under way at a step, which a resumed run continues. Zeros: nothing yet, and not stored. */
typedef struct gd_measured {
  double loss_sum, weight, samples, seconds; /* since the last row of metrics.csv */
  double noise_weight, noise_s, noise_g2;    /* means for the gradient noise scale */
} gd_measured;

/** Where validations have led reduce_on_plateau and early_stop. All zero: neither runs, and nothing is stored. */
typedef struct gd_watched {
  bool kept;
  double lr, lr_best, lr_bad, lr_cooling; /* as gd_plateau */
  double stop_best, stop_bad;             /* best measure so far, NaN before the first; validations since */
} gd_watched;

/**
 * What a checkpoint holds. Nothing in it depends on the number of ranks.
 *
 * Owner: after reading, all is in `arena`: gd_checkpoint_free(). For writing, pointers are the caller's.
 * Order: after reading, parameters, buffers and states are in strcmp order of their names, averages last. For
 *        writing, any.
 *
 * The file, which h5py opens:
 *   /                       attributes format model outputs machine version header_digest digest, found_out
 *   /model/<name>           parameters, as in a PyTorch state_dict; buffers have an attribute `buffer`, frozen
 *                           parameters `frozen`, and those with more names `tied`: those names, one a line
 *   /optim/<state>/<name>   an array for every parameter that is trained: "momentum_buffer"
 *   /ema/<name>, /swa/<name>  the same for the state "ema" or "swa", an average of the parameters
 *   /progress               attributes step epoch rows samples seed, and where there are such: skipped, best best_step
 *                           best_loss, row_loss_sum row_weight row_samples row_seconds, noise_weight noise_S noise_G2,
 *                           plateau_lr plateau_best plateau_bad plateau_cooling stop_best stop_bad
 *   /data                   attributes classes x_scale digest, val_digest; arrays sample class_name mean std target_mean
 *                           target_std class_weight
 *                           columns targets
 *   /config                 the YAML, one string
 *   /model_spec             the model, one string of YAML, where the attribute `model` (one line of words) cannot say it
 */
typedef struct gd_checkpoint {
  int n_params; /* that are trained */
  gd_stored *param;
  int n_frozen;
  gd_stored *frozen; /* also under /model, as the buffers: these have no states */
  int n_buffers;
  gd_stored *buffer;
  int n_tied;
  gd_tied *tied;
  int n_states;
  char (*state_name)[32];       /* "momentum_buffer" */
  gd_stored **state;            /* [n_states][n_params] */
  int64_t step, epoch, samples; /* /progress, attributes */
  int64_t rows;                 /* samples of the epoch that were seen; -1: the file is too old to say */
  int64_t skipped; /* steps that updated nothing (on_nan: skip): the optimizer has counted the others */
  uint64_t seed;
  double best;
  bool has_best;     /* best validation metric so far */
  int64_t best_step; /* the checkpoint that has it */
  double best_loss;  /* of validation then, which decides between equals; NaN: not known */
  gd_measured measured;
  gd_watched watched;
  char *config; /* YAML */
  char *
      found_out; /* keys of settings in it that nobody gave, separated by blanks; NULL or "": none, or not known */
  char *model; /* canonical text of its tree: gd_tree_parse() */
  int sample_ndim;
  int64_t sample[GD_MAX_DIMS - 1]; /* shape of one sample */
  int64_t outputs;                 /* outputs of the model per sample */
  double x_scale;
  int64_t classes;
  char (*class_name)[GD_MAX_CLASS_NAME];
  gd_names names; /* of its columns and targets; absent where the data had none */
  gd_standardize standardize, standardize_targets;
  int64_t n_class_weights;
  double *class_weight; /* of the loss; NULL: all weigh 1 */
  char data_digest[65]; /* training data; "" unknown */
  char val_digest[65];  /* what validation was on; "" unknown, or nothing */
  char machine[160];    /* what decided the bits: gd_device_describe() */
  char version[32];
  double control[GD_CONTROL_NUMBERS]; /* gd_control of train.h: lr_factor, stop, state */
  bool controlled;                    /* there is one */
  char *plugins;                      /* gd_plugins_loaded() when it was written; NULL or "": none */
  gd_arena *arena;                    /* owner of all the above after reading */
} gd_checkpoint;

/**
 * Write durably: temporary name in the same folder, flushed, fsynced, read back and verified, renamed, folder
 * fsynced.
 *
 * Errors: GD_ERR_WRITE with the file and the cause: `path` is then unchanged, or, when only the folder could
 *         not be synced, the new file; GD_ERR_USAGE (names that cannot be stored), GD_ERR_DTYPE (bf16: store
 *         the f32 master copies)
 */
GD_API gd_status gd_checkpoint_write(const gd_checkpoint *c, const char *path) GD_CHECKED;
/**
 * Read and verify HDF5's checksums and a digest over everything returned. `header_only`: without the values
 * of arrays (`data` is NULL).
 *
 * Owner:  caller; gd_checkpoint_free()
 * Errors: GD_ERR_CHECKPOINT with the file and what is wrong, whatever bytes it holds
 */
GD_API gd_status gd_checkpoint_read(gd_checkpoint *out, const char *path, bool header_only) GD_CHECKED;
GD_API void gd_checkpoint_free(gd_checkpoint *c);
/**
 * Put the average of the parameters where the parameters are, so that whoever uses `c` uses it.
 * `weights`: NULL, the average where there is one; "trained", "ema" or "swa". *used becomes the one of these three that
 * c now has.
 * Errors: GD_ERR_USAGE: an unknown word; GD_ERR_CHECKPOINT: it holds no such average
 */
GD_API gd_status gd_checkpoint_choose(gd_checkpoint *c, const char *weights, const char **used) GD_CHECKED;
/** Digest of parameters and buffers, equal to gd_params_digest() of the model. */
GD_API gd_status gd_checkpoint_digest(const gd_checkpoint *c, gd_digest *out) GD_CHECKED;

/**
 * The newest checkpoint in `folder` (step-%08d.h5, or best.h5 where no newer one is left) that verifies, "" when there is none at all. Invalid newer
 * ones are logged. Errors: GD_ERR_CHECKPOINT when there are some and none is valid
 */
GD_API gd_status gd_checkpoint_latest(const char *folder, char *path, size_t bytes) GD_CHECKED;
/**
 * The checkpoint that a user means by `path`: a file is itself; a run folder (or its checkpoints folder)
 * means best.h5, else the newest that verifies. Errors: GD_ERR_CHECKPOINT when a folder holds none
 */
GD_API gd_status gd_checkpoint_find(const char *path, char *found, size_t bytes) GD_CHECKED;
/**
 * The snapshots of a run (checkpoint.snapshots), oldest first: of its folder, or of the folder "snapshots" in it.
 * Owner:  the arena
 * Errors: GD_ERR_CHECKPOINT when there are none
 */
GD_API gd_status gd_checkpoint_snapshots(const char *run, gd_arena *a, const char *const **out,
                                         int *n) GD_CHECKED;
/**
 * Remove all but the newest `keep` (at least 1) step-*.h5, and temporary files of dead runs. Call it while no
 * write into the folder is under way. Errors: GD_ERR_USAGE, GD_ERR_WRITE
 */
GD_API gd_status gd_checkpoint_prune(const char *folder, int keep) GD_CHECKED;

/**
 * Named arrays to start a model from (--init), in arena `a`: parameters and buffers of a checkpoint (verified; tied
 * ones under each name;
 * a run folder means one as for gd_checkpoint_find), all of a safetensors file, or every array below /model of any other HDF5 file, else
 * below its root; dense/kernel is named "dense.kernel". Errors: GD_ERR_CHECKPOINT
 */
GD_API gd_status gd_weights_read(gd_stored **out, int *n, gd_arena *a, const char *name) GD_CHECKED;
/** Write parameters, tied ones under each name, and buffers in the safetensors format, just as durably. Errors: GD_ERR_WRITE */
GD_API gd_status gd_export_safetensors(const gd_checkpoint *c, const char *path) GD_CHECKED;

/** A thread that writes checkpoints while training goes on, one at a time. */
typedef struct gd_writer gd_writer;
GD_API gd_status gd_writer_new(gd_writer **out) GD_CHECKED;
/**
 * Wait for the previous write, then start this one; `c` must stay as it is until gd_writer_wait(). If the
 * previous write failed and its status has not been returned yet, return that and start nothing.
 */
GD_API gd_status gd_writer_start(gd_writer *w, const gd_checkpoint *c, const char *path) GD_CHECKED;
/** Wait for the write under way. Returns the status of the last write, the first time it is asked for. */
GD_API gd_status gd_writer_wait(gd_writer *w) GD_CHECKED;
GD_API void gd_writer_free(gd_writer *w); /**< waits for the write under way; NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
