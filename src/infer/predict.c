/* Predictions in file order: every round each rank computes one micro-batch, and rank 0 collects. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/names.h"
#include "infer/model.h"
#include "infer/trained.h"

typedef struct prediction {
  int64_t n, outputs;
  double *value;                   /* [n, outputs] */
  bool classes;                    /* outputs are probabilities of classes */
  bool binary;                     /* each is the probability of a yes */
  char (*name)[GD_MAX_CLASS_NAME]; /* of the classes, or NULL */
  const gd_names *target;          /* of what is no class */
} prediction;

static int64_t largest(const prediction *p, int64_t row) {
  int64_t best = 0;
  for (int64_t c = 1; c < p->outputs; c++)
    if (p->value[row * p->outputs + c] > p->value[row * p->outputs + best]) best = c;
  return best;
}

/* ---- files ---- */

/* As RFC 4180 has it: what holds a comma, a quote or the end of a line stands in quotes, quotes twice. Blanks at the
 * ends, and what is empty, are quoted too: readers differ about them. */
static void print_field(FILE *f, const char *text) {
  const size_t n = strlen(text);
  if (n > 0 && !strpbrk(text, ",;\t\"\r\n#") && text[0] != ' ' && text[n - 1] != ' ') {
    fputs(text, f);
    return;
  }
  fputc('"', f);
  for (; *text; text++) {
    if (*text == '"') fputc('"', f);
    fputc(*text, f);
  }
  fputc('"', f);
}

/* What an output is called. */
static void print_name(FILE *f, const prediction *p, int64_t c) {
  if (p->classes && p->name)
    print_field(f, p->name[c]);
  else if (!p->classes && p->target->n_y == p->outputs)
    print_field(f, p->target->y[c]);
  else
    fprintf(f, "%s%lld", p->classes ? "" : "y", (long long)c);
}

static bool is_yes(const prediction *p, int64_t row, int64_t c) {
  return p->value[row * p->outputs + c] > 0.5;
}

/* What was decided, in front of the numbers that it was decided by. */
static void print_decided(FILE *f, const prediction *p, int64_t row) {
  const int64_t best = largest(p, row);
  if (p->classes && p->name) print_field(f, p->name[best]);
  if (p->classes && !p->name) fprintf(f, "%lld", (long long)best);
  if (p->classes) fputc(',', f);
  for (int64_t c = 0; p->binary && c < p->outputs; c++) fprintf(f, "%d,", is_yes(p, row, c));
}

static void print_csv(FILE *f, const prediction *p) {
  if (p->classes) fputs("class,", f);
  if (p->binary && p->outputs == 1) fputs("label,", f);
  for (int64_t c = 0; p->binary && p->outputs > 1 && c < p->outputs; c++)
    fputs("label.", f), print_name(f, p, c), fputc(',', f);
  for (int64_t c = 0; c < p->outputs; c++) {
    if (c) fputc(',', f);
    print_name(f, p, c);
  }
  for (int64_t i = 0; i < p->n; i++) {
    fputc('\n', f);
    print_decided(f, p, i);
    for (int64_t c = 0; c < p->outputs; c++) fprintf(f, "%s%.9g", c ? "," : "", p->value[i * p->outputs + c]);
  }
  fputc('\n', f);
}

static void print_npy(FILE *f, const prediction *p) {
  char header[128];
  int n = snprintf(header, sizeof header, "{'descr': '<f8', 'fortran_order': False, 'shape': (%lld, %lld), }",
                   (long long)p->n, (long long)p->outputs);
  const int padded = 128 - 10; /* magic, version and length take 10; the data then starts at 128 */
  fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
  fprintf(f, "%s%*s\n", header, padded - n - 1, "");
  fwrite(p->value, sizeof(double), (size_t)(p->n * p->outputs), f);
}

static gd_status write_stream(const prediction *p, const char *path,
                              void (*print)(FILE *, const prediction *)) {
  FILE *f = fopen(path, "w");
  if (!f) return GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
  print(f, p);
  bool ok = !ferror(f) && fflush(f) == 0 && fsync(fileno(f)) == 0;
  ok = fclose(f) == 0 && ok;
  return ok ? GD_OK : GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
}

static gd_status put_labels(gdi_h5_writer *w, const prediction *p) {
  uint8_t *label = malloc((size_t)(p->n * p->outputs) + 1);
  if (!label) return GD_FAIL(GD_ERR_OOM, "no memory for %lld labels", (long long)p->n);
  for (int64_t i = 0; i < p->n * p->outputs; i++) label[i] = is_yes(p, 0, i);
  gd_status st = gdi_h5_put(w, "label", GD_U8, 2, (const int64_t[]){p->n, p->outputs}, label);
  free(label);
  return st;
}

static gd_status put_all(gdi_h5_writer *w, const prediction *p) {
  GD_TRY(gdi_h5_put(w, "prediction", GD_F64, 2, (const int64_t[]){p->n, p->outputs}, p->value));
  const bool named = p->target->n_y == p->outputs;
  const gd_names target = {.n_y = named ? p->outputs : 0, .y = p->target->y};
  if (p->binary) GD_TRY(put_labels(w, p));
  if (!p->classes) return gdi_names_put(w, &target, "", "targets");
  int64_t *class = malloc((size_t)p->n * sizeof *class);
  if (!class) return GD_FAIL(GD_ERR_OOM, "no memory for %lld classes", (long long)p->n);
  for (int64_t i = 0; i < p->n; i++) class[i] = largest(p, i);
  gd_status st = gdi_h5_put(w, "class", GD_I64, 1, &p->n, class);
  free(class);
  if (st == GD_OK && p->name) st = gdi_h5_put_text(w, "classes", p->outputs, GD_MAX_CLASS_NAME, *p->name);
  return st;
}

static gd_status write_h5(const prediction *p, const char *path) {
  gdi_h5_writer w;
  GD_TRY(gdi_h5_create(&w, path));
  gd_status st = put_all(&w, p);
  if (st == GD_OK) st = gdi_h5_finish(&w);
  if (st == GD_OK) st = gdi_h5_publish(&w);
  if (st != GD_OK) gdi_h5_abandon(&w);
  return st;
}

static bool ends_with(const char *path, const char *ending) {
  size_t n = strlen(path), m = strlen(ending);
  return n > m && strcmp(path + n - m, ending) == 0;
}

static gd_status check_ending(const char *path) {
  if (ends_with(path, ".csv") || ends_with(path, ".npy") || ends_with(path, ".h5")) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "--out %s: predictions are written as .h5, .npy or .csv", path);
}

static gd_status write_file(const prediction *p, const char *path) {
  if (ends_with(path, ".csv")) return write_stream(p, path, print_csv);
  if (ends_with(path, ".npy")) return write_stream(p, path, print_npy);
  return write_h5(p, path);
}

/* ---- computing ---- */

static gd_status predict_rows(gdi_trained *u, gd_range rows, double *to) {
  gd_batch batch;
  GD_TRY(gd_loader_get(u->loader, 0, rows, &batch));
  gd_tape_reset(u->tape);
  gd_tensor *output[GD_MAX_FIELDS];
  (void)gdi_forward(u->model, u->tape, &batch, output);
  gd_tensor *y = output[0];
  const gd_loss_class *loss = u->criterion->cls;
  if (loss->predict && y) y = loss->predict(u->criterion, u->tape, y);
  GD_TRY(gd_tape_status(u->tape));
  GD_TRY(gd_tensor_get(y, to, (rows.hi - rows.lo) * u->outputs));
  gd_standardize_undo(&u->checkpoint.standardize_targets, to, rows.hi - rows.lo);
  return GD_OK;
}

static gd_status predict_all(gdi_trained *u, prediction *p) {
  const int ranks = gd_world_size(u->world), rank = gd_world_rank(u->world);
  const int64_t per_rank = GDI_EVAL_ROWS * u->outputs;
  double *round = malloc((size_t)(ranks * per_rank) * sizeof *round);
  gd_status st = gd_world_agree(u->world, round ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for predictions"));
  for (int64_t lo = 0; st == GD_OK && lo < u->n; lo += (int64_t)ranks * GDI_EVAL_ROWS) {
    gd_range rows = {lo + rank * GDI_EVAL_ROWS, lo + (rank + 1) * GDI_EVAL_ROWS};
    if (rows.hi > u->n) rows.hi = u->n;
    gd_status mine = rows.lo < rows.hi ? predict_rows(u, rows, round + rank * per_rank) : GD_OK;
    st = gd_world_agree(u->world, mine);
    if (st == GD_OK) st = gd_world_allgather(u->world, round, (size_t)per_rank * sizeof *round);
    int64_t got = u->n - lo < (int64_t)ranks * GDI_EVAL_ROWS ? u->n - lo : (int64_t)ranks * GDI_EVAL_ROWS;
    if (st == GD_OK && p->value)
      memcpy(p->value + lo * u->outputs, round, (size_t)(got * u->outputs) * sizeof *round);
  }
  free(round);
  return st;
}

gd_status gd_predict(gd_world *w, const char *checkpoint, const gd_use_options *o, const char *path) {
  gdi_trained u;
  const bool root = gd_world_rank(w) == 0;
  GD_TRY(gd_world_agree(w, check_ending(path)));
  gd_status st = gdi_trained_open(&u, w, checkpoint, o, false);
  prediction p = {0};
  if (st == GD_OK) {
    p = (prediction){.n = u.n,
                     .outputs = u.outputs,
                     .classes = u.criterion->cls->classes,
                     .binary = u.criterion->cls->binary,
                     .name = u.checkpoint.class_name,
                     .target = &u.checkpoint.names};
    if (root) p.value = malloc((size_t)(u.n * u.outputs) * sizeof *p.value);
    st = gd_world_agree(
        w, !root || p.value ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %lld predictions", (long long)u.n));
  }
  if (st == GD_OK) st = predict_all(&u, &p);
  if (st == GD_OK) st = gd_world_agree(w, root ? write_file(&p, path) : GD_OK);
  free(p.value);
  gdi_trained_close(&u);
  return st;
}
