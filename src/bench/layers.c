/* Layer by layer: what a step spends there, beside what the layer's convolutions and matrix products take alone. */
#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"
#include "bench/bench.h"

/* "layer1.0.conv1" */
static void path_of(const gd_scope *s, char *buf, size_t room) {
  if (!s) return;
  path_of(s->outer, buf, room);
  const size_t n = strlen(buf);
  snprintf(buf + n, room - n, "%s%s", n ? "." : "", s->name);
}

/* The rows of the profile, per step. A GPU is only given its work: there are none. */
static gd_status rows_of(const gdi_profile *p, int64_t n, gd_bench_result *out) {
  out->layer = calloc((size_t)p->rows + 1, sizeof *out->layer);
  if (!out->layer) return GD_FAIL(GD_ERR_OOM, "no memory for a table of %d layers", p->rows);
  out->layers = p->rows;
  for (int i = 0; i < p->rows; i++) {
    gd_bench_layer *l = &out->layer[i];
    path_of(p->row[i].scope, l->name, sizeof l->name);
    l->kind = p->row[i].scope ? p->row[i].scope->kind : "";
    l->forward_s = p->row[i].seconds[0] / (double)n, l->backward_s = p->row[i].seconds[1] / (double)n;
  }
  return GD_OK;
}

/*
 * One matrix product as large as an operation that counts its work: as many columns as its result, and as many terms as that
 * leaves for an element. Of an affine map this is its own product.
 */
static gd_status product(gdi_job *j, const gd_node *n, double seconds[GD_BARES]) {
  const gd_tensor *y = n->out;
  const int64_t columns = y->ndim ? y->shape[y->ndim - 1] : 1, rows = gd_numel(y) / columns;
  const int64_t terms = (int64_t)(gd_node_flops(n) / (2 * (double)gd_numel(y)) + 0.5);
  return j->device->layer_seconds(j->device, j->dtype, rows, terms > 0 ? terms : 1, columns, seconds);
}

/* Of an operation: its passes that the step needs, `times`. */
static gd_status bare(gdi_job *j, const gd_node *n, double times, gd_bench_layer *l, gd_bench_result *out) {
  double seconds[GD_BARES] = {0};
  if (!(gd_node_flops(n) > 0)) return GD_OK;
  if (n->op->bare) GD_TRY(n->op->bare(j->device, n, seconds));
  if (!(seconds[GD_BARE_FORWARD] > 0)) GD_TRY(product(j, n, seconds));
  for (int i = 0; i < GD_BARES; i++) {
    const gd_tensor *of = i == GD_BARE_FORWARD ? n->out : i <= n->n_in ? n->in[i - 1] : NULL;
    if (!of || !of->requires_grad) continue;
    out->products_s += times * seconds[i];
    out->products_flops += times * gd_node_flops(n);
    if (l) l->bare_s[i] += times * seconds[i];
  }
  return GD_OK;
}

/* Those that the last micro-batch recorded, at the rows of a whole one, as often as this rank computes one in a step. */
static gd_status all_bare(gdi_job *j, const gdi_profile *p, gd_bench_result *out) {
  const int64_t ranks = gd_world_size(j->world);
  double times = (double)((gdi_batches_max_micro(&j->batches) + ranks - 1) / ranks);
  if (j->tape->rows) times *= (double)j->batches.micro / (double)j->tape->rows;
  for (const gd_node *n = j->tape->last; n; n = n->previous) {
    gd_bench_layer *l = NULL;
    for (int i = 0; i < p->rows; i++)
      if (p->row[i].scope == n->scope) l = &out->layer[i];
    GD_TRY(bare(j, n, times, l, out));
  }
  return GD_OK;
}

gd_status gdi_bench_layers(gdi_job *j, int64_t n, gd_bench_result *out) {
  gdi_profile p = {0};
  if (!j->on_gpu) j->tape->profile = &p;
  gd_status st = gdi_bench_steps(j, n, NULL);
  j->tape->profile = NULL;
  if (st == GD_OK) st = rows_of(&p, n, out);
  st = gd_world_agree(j->world, st);
  /* All ranks at once, as in a step: they share the memory. */
  if (st == GD_OK) st = gd_world_agree(j->world, all_bare(j, &p, out));
  gdi_profile_free(&p);
  return st;
}
