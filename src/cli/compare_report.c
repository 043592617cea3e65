/* The page of a study: figure, table, settings, and how to do it again, in one file. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/compare.h"

static struct {
  int argc;
  char **argv;
} command;

void gdi_compare_command(int argc, char **argv) {
  command.argc = argc, command.argv = argv;
}

static void escaped(FILE *f, const char *text) {
  for (; *text; text++) switch (*text) {
    case '<': fputs("&lt;", f); break;
    case '>': fputs("&gt;", f); break;
    case '&': fputs("&amp;", f); break;
    default: fputc(*text, f);
    }
}

static const char style[] =
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:64em;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse;width:100%}"
    "td,th{padding:.3em .7em;text-align:right;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}"
    "th{border-bottom:2px solid #888}td:last-child,th:last-child{text-align:left}"
    "pre{background:#f5f5f5;padding:1em;white-space:pre-wrap;overflow-wrap:anywhere}svg{max-width:100%;"
    "height:auto}</style>\n";

/* The drawing from its <svg on: a page has no place for an XML head. */
static void figure(FILE *f, const char *folder) {
  char path[4200], line[4096];
  snprintf(path, sizeof path, "%s/compare.svg", folder);
  FILE *svg = fopen(path, "r");
  if (!svg) {
    fputs("<p>The figure was not drawn: gnuplot is not installed.</p>\n", f);
    return;
  }
  bool inside = false;
  while (fgets(line, sizeof line, svg)) {
    const char *from = inside ? line : strstr(line, "<svg");
    if (from) fputs(from, f), inside = true;
  }
  fclose(svg);
}

static void row(FILE *f, const gd_compare_row *w, bool seeds) {
  char batch[32], v[8][24];
  const double number[] = {w->updates, w->updates_min, w->updates_max, w->epochs,
                           w->samples, w->seconds,     w->final_loss,  w->noise_scale};
  gdi_compare_batch(batch, w);
  for (int k = 0; k < 8; k++) gdi_compare_number(v[k], number[k]);
  fprintf(f, "<tr><td>%s<td>%g%s<td>%s", batch, w->lr, w->edge ? " *" : "", v[0]);
  if (seeds) fprintf(f, "<td>%s to %s", v[1], v[2]);
  fprintf(f, "<td>%s<td>%s<td>%s<td>%s<td>%s<td>%d / %d<td>%s</tr>\n", v[3], v[4], v[5], v[6], v[7],
          w->reached, w->runs, w->regime);
}

static void table(FILE *f, const gd_compare_result *r, bool seeds) {
  bool edge = false;
  fprintf(f,
          "<table><tr><th>batch<th>rate<th>updates%s<th>epochs<th>samples<th>seconds<th>final loss"
          "<th>noise scale<th>reached / runs<th>regime</tr>\n",
          seeds ? "<th>range over seeds" : "");
  for (int i = 0; i < r->rows; i++) row(f, &r->row[i], seeds), edge |= r->row[i].edge;
  fprintf(f, "</table>\n<p>%sSeconds: training alone, measurements left out, each best run by itself.</p>\n",
          edge ? "* the best rate is an end of the grid: a better one may lie beyond. " : "");
}

/* "70.8 [59.7, 81.8]" */
static void interval(FILE *f, const char *name, double v, double lo, double hi, const char *after) {
  char text[3][24];
  gdi_compare_number(text[0], v), gdi_compare_number(text[1], lo), gdi_compare_number(text[2], hi);
  fprintf(f, "%s = %s [%s, %s]%s", name, text[0], text[1], text[2], after);
}

static void fit(FILE *f, const gd_compare_result *r) {
  const gd_hyperbola *h = &r->fit;
  if (h->points == 0) return;
  fprintf(f,
          "<h2>Where larger batches stop paying</h2><p>updates(B) = S<sub>min</sub> + E<sub>min</sub> / B "
          "over %d batch sizes: ",
          h->points);
  interval(f, "S<sub>min</sub>", h->s_min, h->lo[0], h->hi[0], " updates, ");
  interval(f, "E<sub>min</sub>", h->e_min, h->lo[1], h->hi[1], " samples, ");
  interval(f, "B<sub>crit</sub>", h->b_crit, h->lo[2], h->hi[2], " (95 % by bootstrap); ");
  fprintf(f, "the measured points lie %.2g %% off this curve.", 100 * h->deviation);
  if (!isnan(r->b_simple)) {
    char simple[24];
    gdi_compare_number(simple, r->b_simple);
    fprintf(f,
            " Gradient noise scale at the target: B<sub>simple</sub> = %s; B<sub>crit</sub> / "
            "B<sub>simple</sub> = %.2g.",
            simple, h->b_crit / r->b_simple);
  }
  fputs("</p>\n", f);
}

static void settings(FILE *f, const gd_options *o) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *m = open_memstream(&text, &bytes);
  if (!m) return;
  gd_options_print(o, m);
  fclose(m);
  escaped(f, text);
  free(text);
}

gd_status gdi_compare_report(const gd_compare_result *r, const gd_options *o, const gd_compare_options *c,
                             const char *path) {
  FILE *f = fopen(path, "w");
  if (!f) return GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
  fputs("<!doctype html><html lang=en><meta charset=utf-8><title>gdtrain compare</title>\n", f);
  fputs(style, f);
  fputs("<h1>Batch sizes side by side</h1>\n<p>", f);
  escaped(f, o->model->text);
  fputs(" on ", f);
  escaped(f, o->data_train);
  const bool above = isnan(c->target_loss) && (!c->target_metric || c->target_metric->larger_is_better);
  fprintf(f, ", to a %s %s %g, %lld seed%s.</p>\n", gdi_compare_goal(c), above ? "above" : "below",
          isnan(c->target_loss) ? c->target_measure : c->target_loss, (long long)c->seeds,
          c->seeds > 1 ? "s" : "");
  figure(f, r->folder);
  table(f, r, c->seeds > 1);
  fit(f, r);
  fputs("<h2>How to reproduce</h2><p>gdtrain " GD_VERSION ", on any number of ranks:</p><pre>gdtrain compare",
        f);
  for (int i = 0; i < command.argc; i++) {
    const bool quoted = command.argv[i][strcspn(command.argv[i], " \"$&;<>|()*")] != 0;
    fputs(quoted ? " '" : " ", f);
    escaped(f, command.argv[i]);
    fputs(quoted ? "'" : "", f);
  }
  fputs("</pre><h2>Settings of the runs</h2><pre>", f);
  settings(f, o);
  fputs("</pre></html>\n", f);
  const bool ok = !ferror(f);
  if (fclose(f) != 0 || !ok) return GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
  printf("report  %s\n", path);
  return GD_OK;
}
