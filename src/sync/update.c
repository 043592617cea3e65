/* The end of a step: records, exchange, sum and update on this rank's slice. */
#include <math.h>

#include "base/clock.h"
#include "base/fault.h"
#include "device/norms.h"
#include "sync/audit.h"
#include "sync/gpu/gpu_sync.h"

/* Norms are summed in the order of segments, whichever ranks computed them. */
static double squared(const gdi_segments *x, int64_t lo, int64_t hi) {
  double sum = 0;
  for (int64_t g = lo; g < hi; g++) sum += x->square[g * x->norms];
  return sum;
}

static double gradient_squared(const gd_sync *s) {
  return squared(&s->segments, 0, s->segments.trained);
}

static void lars_rates(gd_sync *s, double scale) {
  const gdi_segments *x = &s->segments;
  double gradient = 0, param = 0;
  for (int64_t g = 0; g < x->trained; g++) {
    gradient += x->square[g * 2], param += x->square[g * 2 + 1];
    if (g + 1 < x->trained && x->at[g + 1].param == x->at[g].param) continue;
    x->rate[x->at[g].param] =
        gd_lars_rate(gdi_optim_of(s, x->at[g].param), sqrt(param), sqrt(gradient) * scale);
    gradient = param = 0;
  }
}

/* Add the time of a statement to a line of the ledger. */
#define CLOCKED(line, statement)                                                                             \
  do {                                                                                                       \
    const double since_ = gdi_now();                                                                         \
    statement;                                                                                               \
    (line) += gdi_now() - since_;                                                                            \
  } while (0)

/* The slice is updated in pieces while others are on their way; at once where nothing comes or goes. */
static int pieces(const gd_sync *s) {
  return s->exchange || s->overlap || s->gpu ? gdi_pieces(s) : 1;
}

static gd_range piece(const gd_sync *s, int i) {
  return pieces(s) > 1 ? gdi_piece(s, i) : s->slice;
}

/* The gradients of a piece are here. */
static gd_status wait_for(gd_sync *s, int i) {
  if (s->exchange) return gdi_exchange_wait(s, i);
  return s->overlap ? gdi_overlap_wait(s, piece(s, i).hi) : GD_OK;
}

/* Its parameters are new. */
static gd_status publish(gd_sync *s, int i) {
  if (s->gpu) gdi_host_staged_updated(s, piece(s, i).hi);
  return s->exchange ? gdi_exchange_publish(s, i) : GD_OK;
}

/* First pass: the sums stay where they are, and all ranks learn the norms. */
static gd_status sum_first(gd_sync *s, gd_update *u, gd_sync_result *out) {
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < pieces(s); i++) CLOCKED(out->exchange_s, st = wait_for(s, i));
  GD_TRY(st);
  CLOCKED(out->update_s, gdi_sweep_sum(s, gdi_segments_of(s, s->slice)));
  CLOCKED(out->wait_s, st = gdi_norms_everywhere(s));
  GD_TRY(st);
  out->grad_norm = sqrt(gradient_squared(s)) * u->grad_scale;
  if (!isfinite(out->grad_norm))
    return GD_FAIL(GD_ERR_NONFINITE, "the gradient of step %lld is not finite (norm %g, learning rate %g)",
                   (long long)out->stopped_at + 1, out->grad_norm, u->lr);
  if (!isfinite(squared(&s->segments, s->segments.trained, s->segments.n)))
    return GD_FAIL(GD_ERR_NONFINITE, "a statistic of step %lld is not finite (learning rate %g)",
                   (long long)out->stopped_at + 1, u->lr);
  u->grad_scale = gdi_clipped(u->grad_scale, out->grad_norm, s->o.clip_norm);
  if (s->o.optim.kind == GD_LARS) lars_rates(s, u->grad_scale);
  return GD_OK;
}

static gd_status update_pieces(gd_sync *s, const gd_update *u, gd_sync_result *out) {
  gd_status st = GD_OK;
  if (s->exchange) CLOCKED(out->exchange_s, st = gdi_exchange_expect_params(s));
  for (int i = 0; st == GD_OK && i < pieces(s); i++) {
    if (!s->two_pass) CLOCKED(out->exchange_s, st = wait_for(s, i));
    if (st != GD_OK) break;
    CLOCKED(out->update_s, gdi_sweep_update(s, gdi_segments_of(s, piece(s, i)), u, out->total.samples));
    CLOCKED(out->exchange_s, st = publish(s, i));
  }
  return st;
}

/* The norm that one pass finds on its way: everybody's blocks are known only now. */
static gd_status norm_after_update(gd_sync *s, const gd_update *u, gd_sync_result *out) {
  GD_TRY(gdi_norms_everywhere(s));
  out->grad_norm = sqrt(gradient_squared(s)) * u->grad_scale;
  return GD_OK;
}

static gd_status update(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) {
  gd_update u = {.lr = step->lr,
                 .step = s->updates,
                 .grad_scale = out->total.weight != 0 ? 1 / out->total.weight : 0,
                 .clip_value = s->o.clip_value,
                 .local_rate = 1,
                 .cycles = step->cycles,
                 .momentum = step->momentum};
  gd_status st = s->two_pass ? sum_first(s, &u, out) : GD_OK;
  if (st == GD_OK) st = update_pieces(s, &u, out);
  out->updated = st == GD_OK;
  s->updates += out->updated;
  if (st == GD_OK && s->audit) CLOCKED(out->update_s, gdi_audit_keep(s, step->step));
  if (s->overlap || (st != GD_OK && st != GD_ERR_NONFINITE)) return st;
  gd_status left = GD_OK; /* everybody leaves together, updated or not */
  if (s->exchange) CLOCKED(out->exchange_s, left = gdi_exchange_finish(s));
  if (s->o.noise_scale && !s->two_pass && st == GD_OK && left == GD_OK)
    CLOCKED(out->wait_s, left = norm_after_update(s, &u, out));
  GD_TRY(left);
  CLOCKED(out->wait_s, left = gd_group_barrier(s->world));
  return left != GD_OK ? left : st;
}

/* Injected faults: flip a bit in what this rank has just written, or in what it received from others. */
static void inject_flips(gd_sync *s, int64_t step) {
  const int64_t at = s->slice.lo;
  if (s->slice.lo == s->slice.hi) return;
  void *state[GD_OPTIM_MAX_STATES];
  gdi_state_at(s, at, state);
  if (GDI_FAULT_AT("flip_param", step)) *gdi_param_at(s, at) ^= 4;
  if (GDI_FAULT_AT("flip_state", step) && s->n_states) *(char *)state[0] ^= 4;
  const int64_t statistic = s->params->trained; /* the first one */
  if (GDI_FAULT_AT("flip_statistic", step) && s->slice.lo <= statistic && statistic < s->slice.hi)
    *gdi_param_at(s, statistic) ^= 4;
  if (GDI_FAULT_AT("drift_param", step)) *gdi_param_at(s, at ? 0 : s->elements - 1) ^= 4;
}

/*
 * Send what backward has not sent. Gradients of other ranks of the group are complete only after the records.
 * A rank that failed sends as well, with a flag that says so: others wait for its messages.
 */
static gd_status send_gradients(gd_sync *s) {
  GD_TRY(s->failed);
  if (s->overlap) return gdi_overlap_start_all(s);
  if (!s->exchange) return GD_OK;
  gdi_exchange_mark_ready(s, s->run.hi - 1, s->elements);
  return gdi_exchange_send(s);
}

/* Also when the records brought an error: receive all that was sent, so that the next step meets none of it. */
static gd_status after_records(gd_sync *s, gd_status records) {
  if (s->exchange) GD_TRY(gdi_exchange_send(s));
  if (records == GD_OK) return GD_OK;
  if (s->overlap) return gdi_overlap_wait(s, s->elements);
  return s->exchange ? gdi_exchange_finish(s) : GD_OK;
}

gd_status gd_sync_update(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) {
  *out = (gd_sync_result){.grad_norm = NAN, .stopped_at = step->step};
  s->begun = false;
  if (s->K < 1)
    return GD_FAIL(GD_ERR_USAGE, "a step of more micro-batches than max_micro_batches (%lld), or of none",
                   (long long)s->o.max_micro_batches);
  gd_status st = GD_OK;
  if (s->audit) CLOCKED(out->update_s, gdi_audit_look(s));
  CLOCKED(out->exchange_s, st = send_gradients(s));
  GD_TRY(st);
  CLOCKED(out->wait_s, st = gdi_records_exchange(s, step, out));
  gd_status sent = GD_OK;
  CLOCKED(out->exchange_s, sent = after_records(s, st));
  s->early.travelling = false;
  GD_TRY(sent);
  if (st == GD_OK) st = update(s, step, out);
  if (st == GD_OK && s->gpu) CLOCKED(out->exchange_s, st = gdi_host_staged_up(s));
  if (st == GD_ERR_NONFINITE && s->o.skip_nonfinite && !s->nonfinite) {
    gd_error_clear();
    st = GD_OK;
  }
  inject_flips(s, step->step);
  return st;
}
