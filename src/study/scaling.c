/* Strong and weak scaling: the same steps on several numbers of ranks, timed one after the other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "device/device.h"
#include "gd/log.h"
#include "train/job.h"
#include "study/scaling.h"
#include "study/study.h"

enum { MAX_COUNTS = 64, WARM_STEPS = 3, MIN_STEPS = 5, MAX_STEPS = 200, STRONG = 0, WEAK = 1 };
static const double seconds_each = 1.5, forever_s = 1e8;

static gd_status parse_ranks(int *list, int *n, const char *text, int most) {
  int64_t v[GDI_STUDY_MAX_BATCHES];
  char plain[512];
  snprintf(plain, sizeof plain, "%s", text);
  if (strstr(plain, "full")) return GD_FAIL(GD_ERR_USAGE, "ranks: numbers, as in --ranks 1,2,4,8");
  if (gdi_study_batches(v, n, plain, most) != GD_OK)
    return GD_FAIL(GD_ERR_USAGE, "ranks: \"%.60s\": numbers from 1 to the %d ranks that were started", text,
                   most);
  for (int i = 0; i < *n; i++) list[i] = (int)v[*n - 1 - i];
  return GD_OK;
}

/* ---- timing */

typedef struct timing {
  double step_s;
  gd_ledger ledger; /* sums of this rank */
  int64_t steps, parameters_bytes, threads;
} timing;

static gd_status steps(gdi_job *j, int64_t n, double *each) {
  for (int64_t i = 0; i < n; i++) {
    gd_sync_result r;
    const double t0 = gdi_now();
    GD_TRY(gdi_step_now(j, 0, &r));
    if (each) each[i] = gdi_now() - t0;
  }
  return GD_OK;
}

static gd_status time_steps(gdi_job *j, timing *out) {
  double each[MAX_STEPS];
  GD_TRY(steps(j, 1, NULL)); /* the first one allocates */
  GD_TRY(steps(j, WARM_STEPS, each));
  double n = seconds_each / gdi_median(each, WARM_STEPS);
  GD_TRY(gd_world_bcast(j->world, &n, sizeof n, 0));
  out->steps = n < MIN_STEPS ? MIN_STEPS : n > MAX_STEPS ? MAX_STEPS : (int64_t)n;
  j->ledger = (gd_ledger){0};
  GD_TRY(steps(j, out->steps, each));
  for (int64_t i = 0; i < out->steps; i++) j->ledger.total += each[i];
  out->step_s = gdi_median(each, (int)out->steps);
  out->ledger = j->ledger;
  out->threads = gd_device_threads(j->device);
  out->parameters_bytes = j->params->trainable * (int64_t)gd_dtype_bytes(j->dtype);
  return GD_OK;
}

static gd_status time_on(gd_world *w, const gdi_job *data, const gd_options *o, int ranks, timing *out) {
  gd_world *part;
  const bool takes_part = gd_world_rank(w) < ranks;
  GD_TRY(gd_world_split(&part, w, !takes_part));
  gd_status st = GD_OK;
  memset(out, 0, sizeof *out);
  if (takes_part) {
    gdi_job job = {0};
    st = gdi_job_open_on(&job, part, o, data, NULL);
    if (st == GD_OK) st = time_steps(&job, out);
    if (st == GD_OK) /* mean over ranks, by the sum */
      st = gd_world_allreduce_f64(part, (double *)&out->ledger, sizeof out->ledger / sizeof(double), GD_SUM);
    gdi_job_close(&job);
  }
  gd_world_finish(part);
  const double usual = gd_world_set_deadline(w, forever_s);
  st = gd_world_agree(w, st);
  gd_world_set_deadline(w, usual);
  return st;
}

/* ---- what it says */

typedef struct model {
  gdi_scaling_point point[2 * MAX_COUNTS];
  int row[2 * MAX_COUNTS], kind[2 * MAX_COUNTS];
  int n;
  double parameter_bytes, cores;
} model;

/* Ranks that share a core compute in turn. */
static gdi_scaling_point point_of(const model *m, int ranks, int hosts, int64_t batch, int64_t micro,
                                  double seconds) {
  const int64_t K = (batch + micro - 1) / micro, busiest = (K + ranks - 1) / ranks * micro;
  const double crowd = fmax(1, (double)ranks / hosts / m->cores);
  return (gdi_scaling_point){ranks, (double)(busiest < batch ? busiest : batch) * crowd,
                             gdi_scaling_bytes(m->parameter_bytes, ranks), seconds};
}

static void hold_out(const model *m, gd_scaling *s, int counts) {
  s->held_out_error = NAN;
  for (int i = 0; i < counts; i++) s->row[i].held_out_s[0] = s->row[i].held_out_s[1] = NAN;
  if (counts < 3) return;
  for (int left_out = 0; left_out < counts; left_out++) {
    gdi_scaling_point rest[2 * MAX_COUNTS];
    int n = 0;
    for (int i = 0; i < m->n; i++)
      if (m->row[i] != left_out) rest[n++] = m->point[i];
    const gd_scaling_fit f = gdi_scaling_fit(n, rest);
    for (int i = 0; i < m->n; i++) {
      if (m->row[i] != left_out) continue;
      const double predicted = gdi_scaling_predict(&f, &m->point[i]);
      const double error = fabs(predicted / m->point[i].seconds - 1);
      s->row[left_out].held_out_s[m->kind[i]] = predicted;
      if (!(error <= s->held_out_error)) s->held_out_error = error;
    }
  }
}

static void efficiencies(gd_scaling *s) {
  const gd_scaling_row *first = &s->row[0];
  for (int i = 0; i < s->rows; i++) {
    gd_scaling_row *r = &s->row[i];
    r->efficiency[STRONG] = first->step_s[STRONG] * first->ranks / (r->step_s[STRONG] * r->ranks);
    r->efficiency[WEAK] = first->step_s[WEAK] / r->step_s[WEAK];
  }
}

/* Two doublings beyond what was run. */
static void predict(const model *m, gd_scaling *s, int counts, int hosts) {
  for (int i = 0; i < 2; i++) {
    gd_scaling_row *r = &s->row[counts + i], *before = r - 1;
    *r = (gd_scaling_row){.ranks = 2 * before->ranks, .held_out_s = {NAN, NAN}};
    r->batch[STRONG] = before->batch[STRONG], r->batch[WEAK] = 2 * before->batch[WEAK];
    for (int kind = 0; kind < 2; kind++) {
      const gdi_scaling_point p = point_of(m, r->ranks, hosts, r->batch[kind], s->micro, 0);
      r->step_s[kind] = gdi_scaling_predict(&s->fit, &p);
    }
  }
  s->rows = counts + 2;
}

static void conclude(model *m, gd_scaling *s, int counts, int hosts) {
  for (int i = 0; i < counts; i++)
    for (int kind = 0; kind < 2; kind++) {
      if (isnan(s->row[i].step_s[kind])) continue;
      m->row[m->n] = i, m->kind[m->n] = kind;
      m->point[m->n++] =
          point_of(m, s->row[i].ranks, hosts, s->row[i].batch[kind], s->micro, s->row[i].step_s[kind]);
    }
  s->fit = gdi_scaling_fit(m->n, m->point);
  hold_out(m, s, counts);
  predict(m, s, counts, hosts);
  efficiencies(s);
}

static gd_status measure(gd_world *w, const gdi_job *data, const gd_options *o, const int *ranks, int counts,
                         gd_scaling *s) {
  const int64_t n = gd_dataset_info(data->train.data)->n;
  bool follows;
  const gdi_batches b = gdi_batches_plan(n, o->batch_size, o->micro_batch, o->drop_last, ranks[counts - 1],
                                         data->device->gpu != NULL, &follows);
  model *m = calloc(1, sizeof *m);
  if (!m) return GD_FAIL(GD_ERR_OOM, "no memory for a scaling study");
  m->cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
  s->micro = b.micro;
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < counts; i++) {
    gd_scaling_row *r = &s->row[i];
    *r = (gd_scaling_row){.ranks = ranks[i], .batch = {b.batch, b.batch * ranks[i]}, .run = true};
    for (int kind = 0; st == GD_OK && kind < 2; kind++) {
      timing t;
      gd_options run = *o;
      run.batch_size = r->batch[kind], run.micro_batch = b.micro;
      run.steps = 1000000; /* more than are timed */
      r->step_s[kind] = NAN;
      if (r->batch[kind] > n) continue; /* more than there are samples */
      if (kind == WEAK && ranks[i] == 1) {
        r->step_s[WEAK] = r->step_s[STRONG];
        continue;
      }
      st = time_on(w, data, &run, ranks[i], &t);
      r->step_s[kind] = t.step_s;
      if (kind == STRONG) r->ledger = t.ledger;
      if (gd_world_rank(w) == 0 && st == GD_OK) {
        m->parameter_bytes = (double)t.parameters_bytes, s->threads = (int)t.threads;
        gd_message(GD_LOG_INFO, "%d rank%s, batch %lld: %.3g ms a step", ranks[i], ranks[i] > 1 ? "s" : "",
                   (long long)r->batch[kind], 1e3 * t.step_s);
      }
    }
  }
  if (st == GD_OK) conclude(m, s, counts, gd_world_hosts(w));
  free(m);
  return st;
}

gd_status gd_scaling_run(gd_world *w, const gd_options *o, const char *ranks, gd_scaling *out) {
  int list[MAX_COUNTS], counts;
  memset(out, 0, sizeof *out);
  GD_TRY(gd_world_agree(w, parse_ranks(list, &counts, ranks, gd_world_size(w))));
  gdi_job data = {0};
  out->row = calloc((size_t)counts + 2, sizeof *out->row);
  gd_status st = gd_world_agree(w, out->row ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a scaling study"));
  if (st == GD_OK) st = gdi_job_open_data(&data, w, o);
  if (st == GD_OK) st = measure(w, &data, o, list, counts, out);
  gdi_job_close(&data);
  return st;
}

void gd_scaling_free(gd_scaling *s) {
  free(s->row);
  s->row = NULL, s->rows = 0;
}
