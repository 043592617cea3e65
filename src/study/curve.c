/* The curve of a run: its file, and what it comes to. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "study/study.h"

gd_status gdi_curve_add(gdi_curve *c, const gdi_point *p) {
  if ((c->n & (c->n - 1)) == 0) { /* full at every power of two */
    gdi_point *more = realloc(c->point, (size_t)(c->n ? 2 * c->n : 1) * sizeof *more);
    if (!more) return GD_FAIL(GD_ERR_OOM, "no memory for a curve");
    c->point = more;
  }
  c->point[c->n++] = *p;
  return GD_OK;
}

void gdi_curve_clear(gdi_curve *c) {
  free(c->point);
  *c = (gdi_curve){.measure = c->measure, .diverged = -1};
}

/* ---- file */

static void print_header(const gdi_curve *c, char *buf, size_t bytes) {
  snprintf(buf, bytes, "updates,epochs,samples,seconds,train.loss,loss,%s,noise_scale\n",
           c->measure ? c->measure : "accuracy");
}

static void print_curve(FILE *f, const void *what) {
  const gdi_curve *c = what;
  char header[160];
  print_header(c, header, sizeof header);
  fputs(header, f);
  for (int i = 0; i < c->n; i++) {
    const gdi_point *p = &c->point[i];
    fprintf(f, "%lld,%.17g,%.17g,%.6f,%.17g,%.17g,%.17g,%.17g\n", (long long)p->updates, p->epochs,
            p->samples, p->seconds, p->train_loss, p->loss, p->measure, p->noise_scale);
  }
  fprintf(f, "end,%lld\n", (long long)c->diverged);
}

gd_status gdi_curve_write(const gdi_curve *c, const char *folder, const char *name) {
  return gdi_file_write(folder, name, print_curve, c);
}

static bool read_point(gdi_point *p, const char *line) {
  long long updates;
  if (sscanf(line, "%lld,%lf,%lf,%lf,%lf,%lf,%lf,%lf", &updates, &p->epochs, &p->samples, &p->seconds,
             &p->train_loss, &p->loss, &p->measure, &p->noise_scale) != 8)
    return false;
  p->updates = updates;
  return true;
}

static gd_status read_lines(gdi_curve *c, FILE *f, const char *path) {
  char line[512], header[160];
  print_header(c, header, sizeof header);
  if (!fgets(line, sizeof line, f) || strcmp(line, header) != 0)
    return GD_FAIL(GD_ERR_DATA, "%s is not a curve of %s by this version; remove it to run it again", path,
                   c->measure ? c->measure : "accuracy");
  while (fgets(line, sizeof line, f)) {
    gdi_point p = {0};
    long long diverged;
    if (sscanf(line, "end,%lld", &diverged) == 1) {
      c->diverged = diverged;
      return GD_OK;
    }
    if (!read_point(&p, line) || (c->n && p.updates <= c->point[c->n - 1].updates))
      return GD_FAIL(GD_ERR_DATA, "%s: not a point of a curve: %.60s; remove it to run it again", path, line);
    GD_TRY(gdi_curve_add(c, &p));
  }
  return GD_FAIL(GD_ERR_DATA, "%s ends too early; remove it to run it again", path);
}

gd_status gdi_curve_read(gdi_curve *c, const char *path) {
  gdi_curve_clear(c);
  FILE *f = fopen(path, "r");
  if (!f && errno == ENOENT) return GD_OK;
  if (!f) return GD_FAIL(GD_ERR_DATA, "%s: %s", path, strerror(errno));
  gd_status st = read_lines(c, f, path);
  fclose(f);
  return st;
}

gd_status gdi_curve_refresh(gdi_curve *c, int64_t *stamp, const char *folder, const char *id) {
  char path[4200];
  struct stat now;
  snprintf(path, sizeof path, "%s/%s.csv", folder, id);
  if (stat(path, &now) != 0) memset(&now, 0, sizeof now);
  const int64_t is = (int64_t)now.st_ino * 1000003 + now.st_mtim.tv_sec * 1000000000 + now.st_mtim.tv_nsec;
  if (is == *stamp) return GD_OK;
  *stamp = is;
  return gdi_curve_read(c, path);
}

/* ---- what it comes to */

static bool beyond(const gdi_target *t, double measure) {
  return t->smaller ? measure < t->measure : measure > t->measure;
}

bool gdi_target_met(const gdi_target *t, const gdi_point *p) {
  return (isnan(t->loss) || p->loss < t->loss) && (isnan(t->measure) || beyond(t, p->measure));
}

int64_t gdi_study_next(int64_t updates, double resolution, int64_t limit) {
  int64_t next = (int64_t)((double)updates * (1 + resolution));
  if (next <= updates) next = updates + 1;
  return updates < limit && next > limit ? limit : next;
}

/* From a, which does not meet the target, to b, which does. With two metrics, the later one. */
static double crossing(const gdi_target *t, const gdi_point *a, const gdi_point *b) {
  double share = 0;
  if (a->loss >= t->loss) share = (a->loss - t->loss) / (a->loss - b->loss);
  if (!isnan(t->measure) && !beyond(t, a->measure))
    share = fmax(share, (t->measure - a->measure) / (b->measure - a->measure));
  return (double)a->updates + share * (double)(b->updates - a->updates);
}

gdi_verdict gdi_curve_judge(const gdi_curve *c, const gdi_target *t, int64_t horizon, int64_t limit,
                            double resolution) {
  gdi_verdict v = {GDI_INCOMPLETE, NULL, INFINITY};
  for (int i = 0; i < c->n && c->point[i].updates <= horizon; i++) {
    v.end = &c->point[i];
    if (gdi_target_met(t, v.end))
      return (gdi_verdict){GDI_REACHED, v.end, i ? crossing(t, v.end - 1, v.end) : (double)v.end->updates};
  }
  if (c->diverged >= 0 && c->diverged <= horizon)
    v.outcome = GDI_DIVERGED;
  else if (c->diverged >= 0 ||
           (c->n && gdi_study_next(c->point[c->n - 1].updates, resolution, limit) > horizon))
    v.outcome = horizon < limit ? GDI_CUT : GDI_NEVER;
  return v;
}

const char *gdi_outcome_name(gdi_outcome o) {
  static const char *const name[] = {"incomplete", "reached", "diverged", "cut", "never"};
  return name[o];
}
