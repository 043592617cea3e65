#include "infer/criterion.h"

#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "device/device.h"

/* ---- weights of classes ---- */

void gdi_class_weights_free(gdi_class_weights *c) {
  free(c->w);
  *c = (gdi_class_weights){0};
}

gd_status gdi_class_weights_copy(gdi_class_weights *out, const double *w, int64_t n) {
  *out = (gdi_class_weights){0};
  if (n == 0) return GD_OK;
  out->w = malloc((size_t)n * sizeof *w);
  if (!out->w) return GD_FAIL(GD_ERR_OOM, "no memory for the weights of %lld classes", (long long)n);
  memcpy(out->w, w, (size_t)n * sizeof *w);
  out->n = n;
  return GD_OK;
}

static gd_status balance(gdi_class_weights *out, gd_dataset *d, const gd_order *part) {
  const int64_t C = gd_dataset_info(d)->classes;
  if (!gd_dataset_info(d)->labels)
    return GD_FAIL(GD_ERR_USAGE,
                   "class_weights: auto counts labels, but the targets of %s are numbers: give a number for "
                   "each class, or say --target-type labels",
                   gd_dataset_info(d)->path);
  int64_t *count = malloc((size_t)C * sizeof *count), all = 0;
  out->w = malloc((size_t)C * sizeof *out->w);
  gd_status st = count && out->w
                     ? gd_label_counts(d, part, count)
                     : GD_FAIL(GD_ERR_OOM, "no memory for the weights of %lld classes", (long long)C);
  for (int64_t c = 0; st == GD_OK && c < C; c++) all += count[c];
  for (int64_t c = 0; st == GD_OK && c < C; c++)
    out->w[c] = (double)all / ((double)C * (double)(count[c] ? count[c] : 1));
  if (st == GD_OK) out->n = C;
  free(count);
  return st;
}

gd_status gdi_class_weights_find(gdi_class_weights *out, const char *option, gd_dataset *d,
                                 const gd_order *part) {
  *out = (gdi_class_weights){0};
  if (strcmp(option, "auto") != 0)
    return gdi_numbers_parse(&out->w, &out->n, "class_weights", option, 0, 1e30);
  gd_status st = balance(out, d, part);
  if (st != GD_OK) gdi_class_weights_free(out);
  return st;
}

/* ---- the loss ---- */

int64_t gdi_outputs_of(const gd_loss_class *cls, const gd_shape *output) {
  return cls->classes && output->ndim > 0 ? output->dim[output->ndim - 1] : gd_shape_numel(output);
}

gd_status gdi_criterion_open(gd_criterion **out, const gd_loss_class *cls, const gd_options *o,
                             const gdi_class_weights *weights, gd_device *d, gd_dtype dtype,
                             int64_t outputs) {
  gd_loss_settings s = {.label_smoothing = o->label_smoothing,
                        .classes = weights->n,
                        .class_weight = weights->w,
                        .huber_delta = o->huber_delta,
                        .text = o->loss};
  double *pos_weight;
  *out = NULL;
  GD_TRY(gdi_numbers_parse(&pos_weight, &s.positives, "pos_weight", o->pos_weight, 0, 1e30));
  s.pos_weight = pos_weight;
  gd_status st = gd_criterion_new(out, cls, &s, d, dtype, outputs);
  free(pos_weight);
  return st;
}

/* ---- its targets ---- */

gd_target_type gdi_target_type(const gd_options *o) {
  const gd_loss_class *loss;
  if (strcmp(o->target_type, "labels") == 0) return GD_TARGET_LABELS;
  if (strcmp(o->target_type, "numbers") == 0) return GD_TARGET_NUMBERS;
  if (strcmp(o->loss, "auto") == 0) return GD_TARGET_AUTO;
  if (gd_loss_find(&loss, o->loss) != GD_OK) { /* told when the loss is made */
    gd_error_clear();
    return GD_TARGET_AUTO;
  }
  return loss->target & GD_LABELS ? GD_TARGET_RATHER_LABELS : GD_TARGET_RATHER_NUMBERS;
}

gd_status gdi_weights_fit(const gd_loss_class *cls, const gd_data_info *i) {
  if (!i->w_name[0] || cls->settings & GD_SETTING_SAMPLE_WEIGHTS) return GD_OK;
  return GD_FAIL(
      GD_ERR_USAGE,
      "%s has weights of samples, %s, but the loss %s does not take any: data.w: none leaves them out",
      i->path, i->w_name, cls->name);
}

/* One label a sample, or as many as the output has places: those of an image are its pixels. */
static gd_status places_fit(const gd_loss_class *cls, const gd_data_info *i, const gd_shape *output) {
  char text[160], labels[GDI_SHAPE_TEXT];
  const bool one = gd_shape_numel(output) == gdi_outputs_of(cls, output);
  if (!cls->classes || (i->y_ndim == 0 && one)) return GD_OK;
  if (i->y_ndim == 0)
    return GD_FAIL(
        GD_ERR_USAGE,
        "model: its output is %s, but %s of %s has one label a sample: end the model with flatten and "
        "linear:%lld",
        gd_shape_text(output, text, sizeof text), i->y_name, i->path, (long long)i->classes);
  if (output->ndim == i->y_ndim + 1 &&
      memcmp(output->dim, i->y_sample, (size_t)i->y_ndim * sizeof *i->y_sample) == 0)
    return GD_OK;
  return GD_FAIL(
      GD_ERR_USAGE,
      "model: its output is %s, but the labels of a sample in %s of %s are %s: as many places are needed, "
      "and in each of them a number for every class",
      gd_shape_text(output, text, sizeof text), i->y_name, i->path,
      gdi_dims_text(i->y_ndim, i->y_sample, labels));
}

static gd_status labels_fit(const gd_loss_class *cls, const gd_data_info *i, const gd_shape *output) {
  const bool declared = i->class_name != NULL;
  const int64_t outputs = gdi_outputs_of(cls, output);
  if (!(cls->target & GD_LABELS))
    return GD_FAIL(GD_ERR_USAGE,
                   "loss: %s needs numbers as targets, but %s of %s are %lld classes%s: choose %s", cls->name,
                   i->y_name, i->path, (long long)i->classes,
                   declared ? " with names" : " (as the file says)",
                   "--loss cross_entropy, or import the data without --classes if they are quantities");
  if (cls->any_outputs) return GD_OK;
  GD_TRY(places_fit(cls, i, output));
  if (i->classes <= outputs) return GD_OK;
  if (i->y_ndim > 0)
    return GD_FAIL(GD_ERR_USAGE, "model: %lld outputs for each label, but %s of %s has %lld classes",
                   (long long)outputs, i->y_name, i->path, (long long)i->classes);
  return GD_FAIL(GD_ERR_USAGE,
                 "model: %lld output%s, but %s of %s has %lld classes: end the model with linear:%lld%s",
                 (long long)outputs, outputs == 1 ? "" : "s", i->y_name, i->path, (long long)i->classes,
                 (long long)i->classes, declared ? "" : ", or say --target-type numbers if it is a quantity");
}

gd_status gdi_targets_fit(const gd_loss_class *cls, const gd_data_info *i, const gd_shape *output) {
  const int64_t outputs = gdi_outputs_of(cls, output);
  if (i->labels) return labels_fit(cls, i, output);
  /* one number is no distribution over classes */
  if (!(cls->target & GD_NUMBERS) || (cls->target & GD_LABELS && i->targets == 1 && !cls->any_outputs))
    return GD_FAIL(
        GD_ERR_USAGE,
        "loss: %s needs classes as targets, but %s of %s are taken as numbers: choose --loss mse, or "
        "--target-type labels if they are whole numbers that stand for classes",
        cls->name, i->y_name, i->path);
  if (i->targets == outputs || cls->any_outputs) return GD_OK;
  return GD_FAIL(
      GD_ERR_USAGE,
      "model: %lld output%s, but %s of %s has %lld number%s a sample: end the model with linear:%lld%s",
      (long long)outputs, outputs == 1 ? "" : "s", i->y_name, i->path, (long long)i->targets,
      i->targets == 1 ? "" : "s", (long long)i->targets,
      i->targets == 1 ? ", or say --target-type labels if the number is a class" : "");
}
