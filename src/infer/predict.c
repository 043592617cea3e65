/* Predictions in file order: every round each rank computes one micro-batch, and rank 0 collects. */
#include <stdlib.h>
#include <string.h>

#include "infer/model.h"
#include "infer/prediction.h"
#include "infer/trained.h"

/* A class for each of several places: not the probabilities of all, which would be many. */
static int64_t places_of(const gdi_trained *u) {
  return gd_shape_numel(&u->output) / u->outputs;
}

static int64_t numbers_of(const gdi_trained *u) {
  return places_of(u) > 1 ? places_of(u) : u->outputs;
}

static gd_status predict_rows(gdi_trained *u, gd_range rows, double *to) {
  gd_batch batch;
  GD_TRY(gd_loader_get(u->loader, 0, rows, &batch));
  gd_tape_reset(u->tape);
  gd_tensor *output[GD_MAX_FIELDS];
  (void)gdi_forward(u->model, u->tape, &batch, output);
  gd_tensor *y = output[0];
  const gd_loss_class *loss = u->criterion->cls;
  if (y && places_of(u) > 1)
    y = gd_argmax(u->tape, y, -1);
  else if (y && loss->predict)
    y = loss->predict(u->criterion, u->tape, y);
  GD_TRY(gd_tape_status(u->tape));
  GD_TRY(gd_tensor_get(y, to, (rows.hi - rows.lo) * numbers_of(u)));
  gd_standardize_undo(&u->checkpoint.standardize_targets, to, rows.hi - rows.lo);
  return GD_OK;
}

static gd_status predict_all(gdi_trained *u, gdi_prediction *p) {
  const int ranks = gd_world_size(u->world), rank = gd_world_rank(u->world);
  const int64_t each = numbers_of(u), per_rank = GDI_EVAL_ROWS * each;
  double *round = malloc((size_t)(ranks * per_rank) * sizeof *round);
  gd_status st = gd_world_agree(u->world, round ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for predictions"));
  for (int64_t lo = 0; st == GD_OK && lo < u->n; lo += (int64_t)ranks * GDI_EVAL_ROWS) {
    gd_range rows = {lo + rank * GDI_EVAL_ROWS, lo + (rank + 1) * GDI_EVAL_ROWS};
    if (rows.hi > u->n) rows.hi = u->n;
    gd_status mine = rows.lo < rows.hi ? predict_rows(u, rows, round + rank * per_rank) : GD_OK;
    st = gd_world_agree(u->world, mine);
    if (st == GD_OK) st = gd_world_allgather(u->world, round, (size_t)per_rank * sizeof *round);
    int64_t got = u->n - lo < (int64_t)ranks * GDI_EVAL_ROWS ? u->n - lo : (int64_t)ranks * GDI_EVAL_ROWS;
    if (st == GD_OK && p->value) memcpy(p->value + lo * each, round, (size_t)(got * each) * sizeof *round);
  }
  free(round);
  return st;
}

gd_status gd_predict(gd_world *w, const char *checkpoint, const gd_use_options *o, const char *path) {
  gdi_trained u;
  const bool root = gd_world_rank(w) == 0;
  GD_TRY(gd_world_agree(w, gdi_prediction_check(path, NULL)));
  gd_status st = gdi_trained_open(&u, w, checkpoint, o, false);
  gdi_prediction p = {0};
  if (st == GD_OK) {
    p = (gdi_prediction){.n = u.n,
                         .outputs = u.outputs,
                         .classes = u.criterion->cls->classes,
                         .binary = u.criterion->cls->binary,
                         .name = u.checkpoint.class_name,
                         .target = &u.checkpoint.names,
                         .places = places_of(&u) > 1 ? &u.output : NULL};
    if (root) p.value = malloc((size_t)(u.n * numbers_of(&u)) * sizeof *p.value);
    st = gd_world_agree(
        w, !root || p.value ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %lld predictions", (long long)u.n));
  }
  if (st == GD_OK && p.places) st = gd_world_agree(w, gdi_prediction_check(path, p.places));
  if (st == GD_OK) st = predict_all(&u, &p);
  if (st == GD_OK) st = gd_world_agree(w, root ? gdi_prediction_write(&p, path) : GD_OK);
  free(p.value);
  gdi_trained_close(&u);
  return st;
}
