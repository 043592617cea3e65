/*
 * Evaluation visits every sample exactly once: the set is cut into micro-batches of a fixed size, ranks take
 * contiguous runs of them, and their records are summed in the tree over all of them. So the result has the
 * same bits on any number of ranks, and nothing is padded.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "device/device.h"
#include "infer/evaluate.h"

enum { LOSS, WEIGHT, CORRECT, LABELLED, FIELDS };
enum { IGNORED_LABEL = -100 };

static gd_status count_correct(const gd_tensor *predicted, const gd_tensor *labels, double record[FIELDS]) {
  int64_t p[GDI_EVAL_ROWS], y[GDI_EVAL_ROWS];
  GD_TRY(predicted->device->download(predicted->device, p, predicted->data, gd_tensor_bytes(predicted)));
  GD_TRY(labels->device->download(labels->device, y, labels->data, gd_tensor_bytes(labels)));
  for (int64_t i = 0, n = gd_numel(labels); i < n; i++) {
    record[CORRECT] += p[i] == y[i];
    record[LABELLED] += y[i] != IGNORED_LABEL;
  }
  return GD_OK;
}

static gd_range rows_of(const gdi_evaluation *e, int64_t k) {
  const int64_t lo = k * GDI_EVAL_ROWS, hi = lo + GDI_EVAL_ROWS;
  return (gd_range){lo, hi < e->n ? hi : e->n};
}

/* The next rows are read, and sent to a GPU, while these are computed. */
static gd_status micro_batch(const gdi_evaluation *e, gd_range rows, gd_range next, double record[FIELDS]) {
  gd_batch batch;
  GD_TRY(gd_loader_get(e->loader, 0, rows, &batch));
  const bool labels = gd_dataset_info(e->set->data)->labels;
  if (labels) GD_TRY(gdi_set_relabel(e->set, batch.y));
  gd_tape_reset(e->tape);
  gd_tensor *prediction = gd_forward(e->model, e->tape, batch.x);
  gd_loss loss = gd_criterion_forward(e->criterion, e->tape, &prediction, 1, &batch);
  gd_tensor *largest = labels ? gd_argmax(e->tape, prediction, -1) : NULL;
  GD_TRY(gd_tape_status(e->tape));
  if (next.lo < next.hi) gd_loader_hint(e->loader, 0, next);
  record[LOSS] = gd_item(loss.sum);
  record[WEIGHT] = gd_item(loss.weight);
  return labels ? count_correct(largest, batch.y, record) : GD_OK;
}

static gd_status run_of_this_rank(const gdi_evaluation *e, int64_t K, double *records) {
  gd_range run = gd_share(K, gd_world_size(e->world), gd_world_rank(e->world));
  for (int64_t k = run.lo; k < run.hi; k++) {
    const gd_range none = {0, 0};
    GD_TRY(micro_batch(e, rows_of(e, k), k + 1 < run.hi ? rows_of(e, k + 1) : none, records + k * FIELDS));
  }
  return GD_OK;
}

/* Everybody gets everybody's records: part r of the table is rank r's. */
static gd_status exchange(gd_world *w, int64_t K, double *records) {
  int size = gd_world_size(w);
  gd_range *part = malloc((size_t)size * sizeof *part);
  if (!part) return GD_FAIL(GD_ERR_OOM, "no memory to evaluate");
  for (int r = 0; r < size; r++) {
    gd_range run = gd_share(K, size, r);
    part[r] =
        (gd_range){run.lo * FIELDS * (int64_t)sizeof(double), run.hi * FIELDS * (int64_t)sizeof(double)};
  }
  gd_status st = gd_world_allgatherv(w, records, part);
  free(part);
  return st;
}

gd_status gdi_evaluate(const gdi_evaluation *e, gd_metrics *out) {
  int64_t K = (e->n + GDI_EVAL_ROWS - 1) / GDI_EVAL_ROWS;
  double *records = calloc((size_t)K, FIELDS * sizeof(double));
  if (!records) return GD_FAIL(GD_ERR_OOM, "no memory to evaluate %lld samples", (long long)e->n);
  bool recording = gd_tape_record(e->tape, false), training = e->model->training;
  gd_module_train(e->model, false);
  gd_status st = gd_world_agree(e->world, run_of_this_rank(e, K, records));
  gd_module_train(e->model, training);
  gd_tape_record(e->tape, recording);
  if (st == GD_OK) st = exchange(e->world, K, records);
  *out = (gd_metrics){
      .loss = gd_tree_sum(records + LOSS, K, FIELDS) / gd_tree_sum(records + WEIGHT, K, FIELDS),
      .accuracy = gd_tree_sum(records + CORRECT, K, FIELDS) / gd_tree_sum(records + LABELLED, K, FIELDS),
      .samples = e->n}; /* 0 / 0: NaN is what not measured looks like */
  free(records);
  return st;
}
