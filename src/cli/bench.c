/*
 * gdtrain bench [CONFIG.yaml] [--key value ...]: where the time of a step goes; with --comm, what messages
 * cost.
 */
#include <math.h>

#include "cli/cli.h"

static void print_part(const char *name, double seconds, double total) {
  printf("  %-10s %10.1f us %6.1f %%\n", name, 1e6 * seconds, 100 * seconds / total);
}

static void print_ledger(const gd_bench_result *r) {
  const gd_ledger *l = &r->ledger;
  printf("ledger%s, mean over ranks and steps:\n", r->gpu ? " of the host" : "");
  if (r->gpu) {
    print_part("queuing", l->data + l->forward + l->backward + l->sum, l->total);
  } else {
    print_part("data", l->data, l->total);
    print_part("forward", l->forward, l->total);
    print_part("backward", l->backward, l->total);
    print_part("sum", l->sum, l->total);
  }
  if (!r->queued) {
    print_part("exchange", l->exchange, l->total);
    print_part("update", l->update, l->total);
  }
  print_part("wait", l->wait, l->total);
  print_part("other", l->other, l->total);
  print_part("total", l->total, l->total);
}

/* How near the step is to its convolutions and matrix products alone. */
static void print_products(const gd_bench_result *r) {
  const char *unit = r->gpu ? "TFLOP/s" : "GFLOP/s";
  const double flops = (r->gpu ? 1e-12 : 1e-9) * r->products_flops;
  printf("products     %10.1f us  bare, %.1f %s a rank; in the step %.1f %s, %.1f %% of that\n",
         1e6 * r->products_s, flops / r->products_s, unit, flops / r->step_s, unit,
         100 * r->products_s / r->step_s);
}

/* "1234.5", or a dash where there is nothing */
static const char *us(double seconds, char buf[24]) {
  if (seconds > 0)
    snprintf(buf, 24, "%.1f", 1e6 * seconds);
  else
    snprintf(buf, 24, "-");
  return buf;
}

/* A layer, or the sum of all: what the step spends, and next to it what is bare of it. */
static void print_layer(const char *name, const gd_bench_layer *l) {
  char a[24], b[24], c[24], d[24], e[24], times[24] = "-";
  const double bare = l->bare_s[GD_BARE_FORWARD] + l->bare_s[GD_BARE_DATA] + l->bare_s[GD_BARE_WEIGHTS];
  if (bare > 0) snprintf(times, sizeof times, "%.2f", (l->forward_s + l->backward_s) / bare);
  printf("  %-22s %-12s %9s %9s %9s %9s %9s %6s\n", name, l->kind, us(l->forward_s, a),
         us(l->bare_s[GD_BARE_FORWARD], b), us(l->backward_s, c), us(l->bare_s[GD_BARE_DATA], d),
         us(l->bare_s[GD_BARE_WEIGHTS], e), times);
}

static void print_layers(const gd_bench_result *r) {
  gd_bench_layer sum = {.kind = ""};
  if (r->layers == 0) return;
  printf("by layer, rank 0, us a step; bare: its convolutions or products alone (y; dx and dw):\n"
         "  %-22s %-12s %9s %9s %9s %9s %9s %6s\n",
         "layer", "", "forward", "bare y", "backward", "bare dx", "bare dw", "times");
  for (int i = 0; i < r->layers; i++) {
    const gd_bench_layer *l = &r->layer[i];
    print_layer(*l->name ? l->name : "loss", l);
    sum.forward_s += l->forward_s, sum.backward_s += l->backward_s;
    for (int k = 0; k < GD_BARES; k++) sum.bare_s[k] += l->bare_s[k];
  }
  print_layer("sum", &sum);
}

static void print_gpu(const gd_bench_result *r) {
  if (r->kernels > 0)
    printf("kernels      %10d     a step, recorded as a CUDA graph; longest path %d\n", r->kernels,
           r->longest_path);
  else
    printf("kernels      %10s     launched one by one: steps are not recorded as CUDA graphs\n", "");
  if (r->exchange_s > 0)
    printf("exchange     %10.1f us  of a step by NCCL, by itself\n", 1e6 * r->exchange_s);
}

static void print_bench(const gd_bench_result *r) {
  printf("%s\n\nstep         %10.1f us  (median of %lld%s; %.2f x its bare products), %.0f samples/s\n",
         r->layout, 1e6 * r->step_s, (long long)r->steps, r->queued ? ", in groups, on the GPU's clock" : "",
         r->step_s / r->products_s, r->samples_per_s);
  print_ledger(r);
  print_products(r);
  if (r->gpu) print_gpu(r);
  printf("barrier      %10.1f us\n", 1e6 * r->barrier_s);
  printf("memory       %10.1f MB  at most, above what a rank held before its first step; with what it read "
         "of the data\n",
         1e-6 * r->memory_bytes);
  print_layers(r);
}

/* ---- communication ---- */

static const char *size_text(size_t bytes, char *buf, size_t room) {
  static const char *const unit[] = {"B", "KB", "MB", "GB"};
  int u = 0;
  for (; bytes >= 1024 && u < 3; u++) bytes /= 1024;
  snprintf(buf, room, "%zu %s", bytes, unit[u]);
  return buf;
}

/* Bandwidths in GB/s as nccl-tests defines them: bytes / time, and what every link carries of it. */
static void print_sizes(const gd_comm_bench *r, int ranks) {
  const double share = 2.0 * (ranks - 1) / ranks;
  printf("%8s %13s %9s %9s %17s %9s %9s\n", "", "all-reduce", "algbw", "busbw", "ordered exchange", "algbw",
         "busbw");
  for (int i = 0; i < r->rows; i++) {
    const gd_comm_row *w = &r->row[i];
    const double a = 1e-9 * (double)w->bytes / w->all_reduce_s, b = 1e-9 * (double)w->bytes / w->ordered_s;
    char size[32];
    printf("%8s %10.1f us %9.3f %9.3f %14.1f us %9.3f %9.3f\n", size_text(w->bytes, size, sizeof size),
           1e6 * w->all_reduce_s, a, a * share, 1e6 * w->ordered_s, b, b * share);
  }
  printf("GB/s: algbw = bytes / time, busbw = algbw 2 (n - 1) / n with n = %d ranks\n", ranks);
}

static void print_comm(const gd_comm_bench *r, int ranks) {
  static const char *const way[GD_COMM_WAYS] = {"no communication", "sent after backward",
                                                "sent during backward"};
  printf("%s\n\none step, median of %lld in turns:\n", r->layout, (long long)r->steps);
  for (int i = 0; i < GD_COMM_WAYS; i++)
    printf("  %-22s %9.2f ms   %s %8.2f ms\n", way[i], 1e3 * r->step_s[i],
           r->queued ? "the host waits" : "exchange and wait", 1e3 * r->exchange_s[i]);
  const double *t = r->step_s, paid = t[GD_COMM_AFTER] - t[GD_COMM_ALONE],
               hidden = t[GD_COMM_AFTER] - t[GD_COMM_DURING];
  if (ranks > 1 && paid > 0 && hidden > 0)
    printf("communication takes %.2f ms of a step; backward hides %.2f ms (%.0f %%) of it\n", 1e3 * paid,
           1e3 * hidden, 100 * fmin(hidden / paid, 1));
  else if (ranks > 1 && paid > 0)
    printf("communication takes %.2f ms of a step; backward hides none of it\n", 1e3 * paid);
  printf("\nsizes, by %s:\n", r->path);
  print_sizes(r, ranks);
}

/* ---- the command ---- */

static gd_status bench(gd_world *w, const gd_options *o) {
  gd_bench_result r;
  const gd_status st = gd_bench(w, o, &r);
  if (st == GD_OK && gd_world_rank(w) == 0) print_bench(&r);
  gd_bench_free(&r);
  return st;
}

static gd_status bench_comm(gd_world *w, const gd_options *o, int64_t max_mb) {
  gd_comm_bench r;
  GD_TRY(gd_bench_comm(w, o, (size_t)max_mb << 20, &r));
  if (gd_world_rank(w) == 0) print_comm(&r, gd_world_size(w));
  return GD_OK;
}

/* --comm [--max-mb N]: N is 0 without --comm. */
static gd_status take_comm(args *a, int64_t *max_mb) {
  *max_mb = 256;
  GD_TRY(gdi_args_i64(a, "max_mb", 1, 1024, max_mb));
  bool comm = false;
  GD_TRY(gdi_args_flag(a, "comm", &comm));
  if (!comm) *max_mb = 0;
  return GD_OK;
}

gd_status gdi_command_bench(int argc, char **argv) {
  run_setup r;
  char switches[256];
  int64_t max_mb = 0;
  snprintf(switches, sizeof switches, "%s comm", gdi_run_switches);
  gd_status st = gdi_run_parse(&r, argc, argv, switches);
  if (st == GD_OK) st = take_comm(&r.a, &max_mb);
  st = gdi_run_join(&r, gdi_run_options(&r, st));
  if (st == GD_OK) st = max_mb > 0 ? bench_comm(r.w, &r.o, max_mb) : bench(r.w, &r.o);
  return gdi_run_end(&r, st);
}
