/* Metrics of classes: accuracy, top5, and what comes of a confusion matrix. */
#include <math.h>
#include <string.h>

#include "nn/metrics.h"

/* Labels and likeliest classes of a micro-batch; the latter are found where the outputs are. */
static gd_status classes_of(const gd_evaluated *e, const double **predicted, const double **label,
                            int64_t *n) {
  gd_tensor *largest = gd_argmax(e->tape, e->output[0], -1);
  GD_TRY(gd_tape_status(e->tape));
  *n = gd_numel(e->batch->y);
  if (gd_numel(largest) != *n)
    return GD_FAIL(GD_ERR_SHAPE, "%lld predictions for %lld labels", (long long)gd_numel(largest),
                   (long long)*n);
  GD_TRY(gd_evaluated_values(e, largest, predicted));
  return gd_evaluated_values(e, e->batch->y, label);
}

/* ---- accuracy: right, counted */

static gd_status count_right(const gd_evaluated *e, double *to) {
  const double *p, *y;
  int64_t n;
  GD_TRY(classes_of(e, &p, &y, &n));
  for (int64_t i = 0; i < n; i++) to[0] += p[i] == y[i], to[1] += y[i] != GD_IGNORED;
  return GD_OK;
}

const gd_metric gdi_metric_accuracy = {.name = "accuracy",
                                       .about =
                                           "share of samples, or pixels, whose largest output is the label",
                                       .target = GD_LABELS,
                                       .larger_is_better = true,
                                       .percent = true,
                                       .kind = GD_METRIC_COUNTS,
                                       .count = count_right};

enum { TOP = 5 };

static bool has_more_than_top(const gd_metric_of *of) {
  return of->outputs > TOP;
}

/* A label is among the first five when at most four outputs are larger. */
static gd_status count_top(const gd_evaluated *e, double *to) {
  const gd_tensor *output = e->output[0];
  const int64_t C = output->shape[output->ndim - 1], n = gd_numel(e->batch->y);
  const double *x, *y;
  GD_TRY(gd_evaluated_values(e, output, &x));
  GD_TRY(gd_evaluated_values(e, e->batch->y, &y));
  for (int64_t i = 0; i < n; i++, x += C) {
    if (y[i] == GD_IGNORED) continue;
    int64_t larger = 0;
    const double own = x[(int64_t)y[i]];
    for (int64_t c = 0; c < C; c++) larger += !(x[c] <= own);
    to[0] += larger < TOP, to[1]++;
  }
  return GD_OK;
}

const gd_metric gdi_metric_top5 = {.name = "top5",
                                   .about = "share of samples whose label is among the five largest outputs",
                                   .target = GD_LABELS,
                                   .larger_is_better = true,
                                   .percent = true,
                                   .kind = GD_METRIC_COUNTS,
                                   .fits = has_more_than_top,
                                   .count = count_top};

/* ---- precision, recall, F1: of each class what is right, predicted, there */

enum { RIGHT, PREDICTED, THERE, PARTS };

static int64_t parts(const gd_metric_of *of) {
  return PARTS * (of->outputs > of->classes ? of->outputs : of->classes);
}

static gd_status count_parts(const gd_evaluated *e, double *to) {
  const double *p, *y;
  int64_t n;
  GD_TRY(classes_of(e, &p, &y, &n));
  for (int64_t i = 0; i < n; i++) {
    if (y[i] == GD_IGNORED) continue;
    to[PARTS * (int64_t)p[i] + PREDICTED]++;
    to[PARTS * (int64_t)y[i] + THERE]++;
    if (p[i] == y[i]) to[PARTS * (int64_t)y[i] + RIGHT]++;
  }
  return GD_OK;
}

static double share(double a, double b) {
  return b > 0 ? a / b : 0;
}

static double precision_of(const double *part) {
  return share(part[RIGHT], part[PREDICTED]);
}

static double recall_of(const double *part) {
  return share(part[RIGHT], part[THERE]);
}

static double f1_of(const double *part) {
  return share(2 * part[RIGHT], part[PREDICTED] + part[THERE]);
}

/* What is right of what is there or predicted: intersection over union. */
static double iou_of(const double *part) {
  return share(part[RIGHT], part[PREDICTED] + part[THERE] - part[RIGHT]);
}

/* Mean over the classes that are there or predicted, as scikit-learn's average="macro". */
static double macro(const gd_metric_of *of, const double *total, double (*value)(const double *part)) {
  double sum = 0, classes = 0;
  for (int64_t i = 0; i < parts(of); i += PARTS) {
    if (total[i + PREDICTED] + total[i + THERE] == 0) continue;
    sum += value(total + i), classes++;
  }
  return sum / classes;
}

/* Over those alone that there are samples of, as scikit-learn's balanced_accuracy_score. */
static double balanced(const gd_metric_of *of, const double *total, int64_t n) {
  double sum = 0, classes = 0;
  (void)n;
  for (int64_t i = 0; i < parts(of); i += PARTS)
    if (total[i + THERE] > 0) sum += recall_of(total + i), classes++;
  return sum / classes;
}

static double macro_precision(const gd_metric_of *of, const double *total, int64_t n) {
  (void)n;
  return macro(of, total, precision_of);
}

static double macro_recall(const gd_metric_of *of, const double *total, int64_t n) {
  (void)n;
  return macro(of, total, recall_of);
}

static double macro_f1(const gd_metric_of *of, const double *total, int64_t n) {
  (void)n;
  return macro(of, total, f1_of);
}

static double mean_iou(const gd_metric_of *of, const double *total, int64_t n) {
  (void)n;
  return macro(of, total, iou_of);
}

static bool of_pixels(const gd_metric_of *of) {
  return of->pixels;
}

#define OF_PARTS(metric, text, function)                                                                     \
  const gd_metric gdi_metric_##metric = {.name = #metric,                                                    \
                                         .about = text,                                                      \
                                         .target = GD_LABELS,                                                \
                                         .larger_is_better = true,                                           \
                                         .percent = true,                                                    \
                                         .kind = GD_METRIC_COUNTS,                                           \
                                         .numbers = parts,                                                   \
                                         .count = count_parts,                                               \
                                         .value = function};
OF_PARTS(balanced_accuracy, "share of the samples of a class that are found, mean over the classes there are",
         balanced)
OF_PARTS(precision, "share of predictions of a class that are right, mean over classes", macro_precision)
OF_PARTS(recall, "share of samples of a class that are found, mean over classes", macro_recall)
OF_PARTS(f1, "harmonic mean of precision and recall, mean over classes", macro_f1)

const gd_metric gdi_metric_mean_iou = {
    .name = "mean_iou",
    .about = "pixels of a class that are found / that are it or are taken for it, "
             "mean over classes",
    .target = GD_LABELS,
    .larger_is_better = true,
    .percent = true,
    .kind = GD_METRIC_COUNTS,
    .fits = of_pixels,
    .numbers = parts,
    .count = count_parts,
    .value = mean_iou};

/* ---- the confusion matrix: row = label, column = prediction */

static int64_t side(const gd_metric_of *of) {
  return of->outputs > of->classes ? of->outputs : of->classes;
}

static int64_t cells(const gd_metric_of *of) {
  return side(of) * side(of);
}

static bool is_writable(const gd_metric_of *of) {
  enum { MOST = 1024 };
  return side(of) <= MOST;
}

static gd_status count_cells(const gd_evaluated *e, double *to) {
  const double *p, *y;
  int64_t n;
  GD_TRY(classes_of(e, &p, &y, &n));
  for (int64_t i = 0; i < n; i++)
    if (y[i] != GD_IGNORED) to[(int64_t)y[i] * side(e->of) + (int64_t)p[i]]++;
  return GD_OK;
}

/* As CSV wants it: in quotes, quotes doubled. */
static void put_name(const gd_metric_of *of, int64_t c, FILE *f) {
  if (!of->class_name || c >= of->classes) {
    fprintf(f, "%lld", (long long)c);
    return;
  }
  fputc('"', f);
  for (const char *s = of->class_name[c]; *s; s++) {
    if (*s == '"') fputc('"', f);
    fputc(*s, f);
  }
  fputc('"', f);
}

static void write_matrix(const gd_metric_of *of, const double *total, FILE *f) {
  const int64_t C = side(of);
  fputs("label", f);
  for (int64_t c = 0; c < C; c++) fputc(',', f), put_name(of, c, f);
  fputc('\n', f);
  for (int64_t y = 0; y < C; y++) {
    put_name(of, y, f);
    for (int64_t p = 0; p < C; p++) fprintf(f, ",%.0f", total[y * C + p]);
    fputc('\n', f);
  }
}

static void print_classes(const gd_metric_of *of, const double *total, FILE *f) {
  const int64_t C = side(of);
  int width = 5;
  for (int64_t c = 0; of->class_name && c < of->classes; c++) {
    const int n = (int)strlen(of->class_name[c]);
    if (n > width) width = n;
  }
  fprintf(f, "\n%-*s  samples  precision  recall      F1\n", width, "class");
  for (int64_t c = 0; c < C; c++) {
    double part[PARTS] = {[RIGHT] = total[c * C + c]};
    char number[24];
    for (int64_t k = 0; k < C; k++) part[PREDICTED] += total[k * C + c], part[THERE] += total[c * C + k];
    snprintf(number, sizeof number, "%lld", (long long)c);
    fprintf(f, "%-*s  %7.0f  %9.4f  %6.4f  %6.4f\n", width,
            of->class_name && c < of->classes ? of->class_name[c] : number, part[THERE], precision_of(part),
            recall_of(part), f1_of(part));
  }
}

const gd_metric gdi_metric_confusion = {.name = "confusion",
                                        .about = "confusion matrix: confusion.csv, rows are labels",
                                        .target = GD_LABELS,
                                        .table = true,
                                        .kind = GD_METRIC_COUNTS,
                                        .fits = is_writable,
                                        .numbers = cells,
                                        .count = count_cells,
                                        .write = write_matrix,
                                        .print = print_classes};
