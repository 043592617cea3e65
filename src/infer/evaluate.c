/*
 * Evaluation visits every sample exactly once: the set is cut into micro-batches of a fixed size, ranks take
 * contiguous runs of them, and what they add up (tally.c) is the same on any number of ranks. Nothing is padded.
 */
#include "infer/evaluate.h"

#include "infer/model.h"

static gd_range rows_of(const gdi_evaluation *e, int64_t k) {
  const int64_t lo = k * GDI_EVAL_ROWS, hi = lo + GDI_EVAL_ROWS;
  return (gd_range){lo, hi < e->n ? hi : e->n};
}

/* The next rows are read, and sent to a GPU, while these are computed. */
static gd_status micro_batch(const gdi_evaluation *e, gdi_tally *t, int64_t k, gd_range next) {
  gd_batch batch;
  GD_TRY(gd_loader_get(e->loader, 0, rows_of(e, k), &batch));
  if (gd_dataset_info(e->set->data)->labels) GD_TRY(gdi_set_relabel(e->set, batch.y));
  gd_tape_reset(e->tape);
  gd_tensor *output[GD_MAX_FIELDS];
  const int outputs = gdi_forward(e->model, e->tape, &batch, output);
  gd_loss loss = gd_criterion_forward(e->criterion, e->tape, output, outputs, &batch);
  GD_TRY(gd_tape_status(e->tape));
  if (next.lo < next.hi) gd_loader_hint(e->loader, 0, next);
  gd_evaluated seen = {.tape = e->tape, .output = output, .n_outputs = outputs, .batch = &batch};
  return gdi_tally_add(t, k, gd_item(loss.sum), gd_item(loss.weight), &seen);
}

static gd_status run_of_this_rank(const gdi_evaluation *e, gdi_tally *t) {
  const gd_range run = gd_share(t->K, gd_world_size(e->world), gd_world_rank(e->world));
  for (int64_t k = run.lo; k < run.hi; k++) {
    const gd_range none = {0, 0};
    GD_TRY(micro_batch(e, t, k, k + 1 < run.hi ? rows_of(e, k + 1) : none));
  }
  return GD_OK;
}

static gd_status evaluate(const gdi_evaluation *e, gdi_tally *t) {
  const bool recording = gd_tape_record(e->tape, false), training = e->model->training;
  gd_module_train(e->model, false);
  gd_status st = gd_world_agree(e->world, run_of_this_rank(e, t));
  gd_module_train(e->model, training);
  gd_tape_record(e->tape, recording);
  return st == GD_OK ? gdi_tally_exchange(t, e->world) : st;
}

gd_status gdi_evaluate(const gdi_evaluation *e, gd_metrics *out) {
  const bool root = gd_world_rank(e->world) == 0;
  gdi_tally t;
  GD_TRY(gd_world_agree(e->world, gdi_tally_new(&t, e->metrics, e->n, GDI_EVAL_ROWS)));
  gd_status st = evaluate(e, &t);
  if (st == GD_OK)
    st = gd_world_agree(e->world, gdi_tally_finish(&t, root ? e->folder : NULL, root ? e->text : NULL, out));
  gdi_tally_free(&t);
  return st;
}
