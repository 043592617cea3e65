/* The loops over a slice: sums, norms and updates, a segment at a time, shared by the threads of the rank. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "device/cpu/threads.h"
#include "sync/squares.h"
#include "sync/sync.h"

enum { SEGMENT_GRAIN = GDI_GRAIN / GD_BLOCK };

/* The gap before a parameter belongs to the one before. */
int64_t gdi_segments_cut(const gd_params *p, bool cut, gdi_segment *segment) {
  int64_t n = 0;
  int32_t param = 0;
  for (int64_t at = 0; at < p->elements; n++) {
    if (at == p->trained) cut = true, param = p->n_trained;
    if (cut && param + 1 < p->n && at >= p->offset[param + 1]) param++;
    if (segment) segment[n] = (gdi_segment){at, param};
    int64_t next = (at / GD_BLOCK + 1) * GD_BLOCK;
    if (cut && param + 1 < p->n && p->offset[param + 1] < next) next = p->offset[param + 1];
    at = next < p->elements ? next : p->elements;
  }
  if (segment) segment[n].lo = p->elements;
  return n;
}

gd_status gdi_segments_new(gd_sync *s) {
  gdi_segments *x = &s->segments;
  const gd_params *p = s->params;
  const bool lars = s->o.optim.kind == GD_LARS, cut = x->cut = lars || p->n_settings > 1;
  for (int k = 0; k < p->n_settings; k++) {
    x->optim[k] = s->o.optim;
    if (!isnan(p->setting[k].weight_decay)) x->optim[k].weight_decay = p->setting[k].weight_decay;
    GD_TRY(gd_optim_check(&x->optim[k]));
  }
  x->n = gdi_segments_cut(s->params, cut, NULL);
  x->norms = lars ? 2 : 1;
  x->at = calloc((size_t)x->n + 1, sizeof *x->at);
  x->square = calloc((size_t)x->n * (size_t)x->norms, sizeof *x->square);
  x->rate = calloc((size_t)s->params->n, sizeof *x->rate);
  if (!x->at || !x->square || !x->rate)
    return GD_FAIL(GD_ERR_OOM, "no memory for the norms of %lld blocks", (long long)x->n);
  gdi_segments_cut(s->params, cut, x->at);
  x->trained = gdi_segments_of(s, (gd_range){0, s->params->trained}).hi;
  for (int i = s->params->n_trained; i < s->params->n; i++) x->rate[i] = s->params->item[i].momentum;
  return GD_OK;
}

void gdi_segments_free(gdi_segments *x) {
  free(x->at), free(x->square), free(x->rate);
}

static int64_t first_from(const gdi_segment *segment, int64_t n, int64_t element) {
  int64_t lo = 0, hi = n;
  while (lo < hi) {
    int64_t mid = (lo + hi) / 2;
    if (segment[mid].lo < element)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

gd_range gdi_segments_in(const gdi_segment *segment, int64_t n, gd_range elements) {
  return (gd_range){first_from(segment, n, elements.lo), first_from(segment, n, elements.hi)};
}

gd_range gdi_segments_of(const gd_sync *s, gd_range elements) {
  return gdi_segments_in(s->segments.at, s->segments.n, elements);
}

const gd_optim *gdi_optim_of(const gd_sync *s, int i) {
  return &s->segments.optim[s->params->setting_of[i]];
}

typedef struct job {
  const gd_sync *s;
  int64_t first; /* segment */
  const gd_update *u;
  double per_sample; /* 1 / samples of the step */
  atomic_bool bad;
} job;

/*
 * Where the first pass leaves the sum: over its first operand, which no other rank reads in this slice. When
 * replicated, the owner in the other group may be reading that operand, so the sum goes elsewhere.
 */
static char *kept_sum(const gd_sync *s, int64_t element) {
  if (s->replicated) return gdi_exchange_room(s, element);
  return s->sum.operand[0].data + (size_t)(element - s->sum.operand[0].first) * s->element_bytes;
}

static void sum_segments(void *context, int64_t lo, int64_t hi) {
  const job *j = context;
  const gd_sync *s = j->s;
  const gdi_segments *x = &s->segments;
  gdi_partial partial;
  for (int64_t g = j->first + lo; g < j->first + hi; g++) {
    double gradient[GDI_SQUARE_LANES] = {0}, param[GDI_SQUARE_LANES] = {0};
    const int64_t end = x->at[g + 1].lo;
    for (int64_t at = x->at[g].lo, n; at < end; at += n) {
      n = end - at < GDI_STRETCH ? end - at : GDI_STRETCH;
      const char *sum = gdi_sum_eval(&s->sum, at, n, &partial);
      char *keep = kept_sum(s, at);
      if (keep != sum) memcpy(keep, sum, (size_t)n * s->element_bytes);
      gdi_squares_add(s->dtype, sum, n, gradient);
      if (x->norms > 1) gdi_squares_add(s->dtype, gdi_param_at(s, at), n, param);
    }
    x->square[g * x->norms] = gdi_squares_sum(gradient);
    if (x->norms > 1) x->square[g * x->norms + 1] = gdi_squares_sum(param);
  }
}

void gdi_sweep_sum(gd_sync *s, gd_range segments) {
  job j = {.s = s, .first = segments.lo};
  gdi_parallel(s->cpu, segments.hi - segments.lo, SEGMENT_GRAIN, sum_segments, &j);
}

/* A statistic moves by the mean of what its micro-batches contributed, as plain gradient descent does.
 * An average of the parameters goes with the present statistics. */
static bool update_statistic(const job *j, int64_t g) {
  static const gd_optim plain = {.kind = GD_SGD};
  const gd_sync *s = j->s;
  const gdi_segments *x = &s->segments;
  const gd_update u = {.lr = x->rate[x->at[g].param], .grad_scale = j->per_sample, .local_rate = 1};
  const int average = gd_optim_average_state(&s->o.optim);
  gdi_partial partial;
  bool finite = true;
  for (int64_t at = x->at[g].lo, end = x->at[g + 1].lo, n; at < end; at += n) {
    n = end - at < GDI_STRETCH ? end - at : GDI_STRETCH;
    const char *sum = s->two_pass ? kept_sum(s, at) : gdi_sum_eval(&s->sum, at, n, &partial);
    finite &= gd_optim_update(&plain, &u, s->dtype, n, gdi_param_at(s, at), sum, NULL);
    void *state[GD_OPTIM_MAX_STATES];
    gdi_state_at(s, at, state);
    if (average >= 0) memcpy(state[average], gdi_param_at(s, at), (size_t)n * s->element_bytes);
  }
  return finite;
}

static void update_segments(void *context, int64_t lo, int64_t hi) {
  job *j = context;
  const gd_sync *s = j->s;
  const gdi_segments *x = &s->segments;
  gdi_partial partial;
  gd_update u = *j->u;
  const bool squares = s->o.noise_scale && !s->two_pass;
  bool finite = true;
  for (int64_t g = j->first + lo; g < j->first + hi; g++) {
    double gradient[GDI_SQUARE_LANES] = {0};
    if (g >= x->trained) {
      finite &= update_statistic(j, g);
      continue;
    }
    const gd_optim *optim = &s->o.optim;
    if (x->cut) {
      const int param = x->at[g].param;
      optim = gdi_optim_of(s, param);
      u.lr = j->u->lr * s->params->setting[s->params->setting_of[param]].rate;
      if (x->norms > 1) u.local_rate = x->rate[param];
    }
    const int64_t end = x->at[g + 1].lo;
    for (int64_t at = x->at[g].lo, n; at < end; at += n) {
      n = end - at < GDI_STRETCH ? end - at : GDI_STRETCH;
      void *state[GD_OPTIM_MAX_STATES] = {NULL};
      gdi_state_at(s, at, state);
      const char *sum = s->two_pass ? kept_sum(s, at) : gdi_sum_eval(&s->sum, at, n, &partial);
      if (squares) gdi_squares_add(s->dtype, sum, n, gradient); /* while it is near */
      finite &= gd_optim_update(optim, &u, s->dtype, n, gdi_param_at(s, at), sum, state);
    }
    if (squares) x->square[g * x->norms] = gdi_squares_sum(gradient);
  }
  if (!finite) atomic_store(&j->bad, true);
}

void gdi_sweep_update(gd_sync *s, gd_range segments, const gd_update *u, double samples) {
  job j = {.s = s, .first = segments.lo, .u = u, .per_sample = samples > 0 ? 1 / samples : 0};
  gdi_parallel(s->cpu, segments.hi - segments.lo, SEGMENT_GRAIN, update_segments, &j);
  s->nonfinite |= atomic_load(&j.bad);
}

gd_status gdi_norms_everywhere(gd_sync *s) {
  if (s->o.mode == GD_SYNC_ALLREDUCE) return GD_OK; /* every rank has them all */
  const int size = gd_world_size(s->world), copies = s->replicated ? 2 : 1;
  if (size == copies) return GD_OK;
  for (int r = 0; r < size; r++) {
    gd_range own = gdi_segments_of(s, gdi_slice_of(s, r));
    if (gd_world_group(s->world, r) > 0 && s->replicated)
      own = (gd_range){0, 0}; /* the first group's will do */
    const int64_t bytes = s->segments.norms * (int64_t)sizeof *s->segments.square;
    s->part[r] = (gd_range){own.lo * bytes, own.hi * bytes};
  }
  return gd_world_allgatherv(s->world, s->segments.square, s->part);
}
