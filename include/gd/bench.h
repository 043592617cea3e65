/** @file bench.h  Measuring: where the time of a step goes, and what communication costs. */
#ifndef GD_BENCH_H
#define GD_BENCH_H

#include "gd/op.h"
#include "gd/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Where rank 0 spends a step, of one layer: seconds, means over steps. What is fused is counted where it is computed. */
typedef struct gd_bench_layer {
  char name[GD_MAX_NAME]; /**< its path in the model; "": operations of none, such as the loss */
  const char *kind;       /**< "Conv2d"; lives as long as the program */
  double forward_s, backward_s;
  double bare_s[GD_BARES]; /**< its convolutions and products alone, those that the step needs */
} gd_bench_layer;

/**
 * Where the time of one step goes on this machine. Steps queued on a GPU are timed by events on its stream;
 * their ledger is the host's, where data, forward, backward and sum are the time to queue work, and wait is
 * waiting for the GPU.
 */
typedef struct gd_bench_result {
  gd_ledger ledger; /**< seconds a step: means over ranks */
  double step_s;    /**< median; of queued steps over groups of 8 */
  double
      products_s; /**< convolutions and matrix products of the step alone, one by one, at one rank's share */
  double products_flops; /**< floating-point operations of those */
  double samples_per_s;
  double barrier_s;  /**< one barrier of all ranks */
  double exchange_s; /**< the NCCL exchange of a step, alone; 0: there is none */
  double
      memory_bytes; /**< the most above what the process held before the first step, of the host's memory; 0: not known */
  bool gpu, queued; /**< steps run on GPUs; and nothing of a step waits for the host */
  int kernels;      /**< launches in a step that is recorded as a CUDA graph; 0: steps are not recorded */
  int longest_path; /**< of them: how many follow one another, the others run beside them */
  int64_t steps, parameters;
  gd_bench_layer *layer; /**< in the order of the forward pass; of rank 0, and none on GPUs */
  int layers;
  char layout[2048];
} gd_bench_result;

/**
 * Time steps of a run (options' steps, or 200, after a warm-up); nothing is written. Owner: *out, whatever is returned, is the
 * caller's to gd_bench_free(). Collective: yes
 */
GD_API gd_status gd_bench(gd_world *w, const gd_options *o, gd_bench_result *out) GD_CHECKED;
GD_API void gd_bench_free(gd_bench_result *r);

/** One size of a bench of communication, in seconds: medians, each of the slowest rank. */
typedef struct gd_comm_row {
  size_t bytes;
  double all_reduce_s; /**< in-place sum of f32 */
  double ordered_s;    /**< an update: gradients to owners, ordered sum, update, parameters back */
} gd_comm_row;

/** When gradients are sent: never (each rank alone with the busiest one's work), after or during backward. */
typedef enum gd_comm_way { GD_COMM_ALONE, GD_COMM_AFTER, GD_COMM_DURING, GD_COMM_WAYS } gd_comm_way;

typedef struct gd_comm_bench {
  char path[64];     /**< what carried the data: "NCCL 2.28.9" or MPI */
  bool nccl, queued; /**< steps are queued on GPUs: exchange_s is then the host's wait for them */
  gd_comm_row row[16];
  int rows;
  int64_t steps;
  double step_s[GD_COMM_WAYS];     /**< median, of the slowest rank */
  double exchange_s[GD_COMM_WAYS]; /**< ledger lines exchange and wait of a step, mean over steps and ranks */
  char layout[2048];
} gd_comm_bench;

/**
 * Time all-reduce and the ordered exchange for 4, 16, 64 ... bytes up to max_bytes, or as far as memory
 * allows; and steps of the options' model, in turns, in each gd_comm_way. Overlap hides the fraction
 * (after - during) / (after - alone) of the communication. Collective: yes
 */
GD_API gd_status gd_bench_comm(gd_world *w, const gd_options *o, size_t max_bytes,
                               gd_comm_bench *out) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
