#include "data/decode.h"

#include <stdlib.h>
#include <string.h>

#include "gd/device.h"
#include "gd/op.h"

/* One thread's part of the micro-batch is formed here. */
typedef struct part {
  gdi_decoder decoder;
  uint8_t *sample;
  void *room;     /* to augment it in */
  gd_error error; /* of its first sample that failed */
} part;

struct gdi_decoding {
  gd_dataset *d;
  const gd_augment *augment;
  gd_device *threads; /* of the loader, beside those that compute */
  int n_parts;
  part *part;
  char *y;        /* [n] rows of targets, all of the set */
  uint8_t *bytes; /* encoded images of a micro-batch: as much room as the largest took */
  size_t room;
  size_t *at; /* [rows] where each begins */

  int64_t epoch, grain; /* of the micro-batch at hand */
  const gdi_pick *pick;
  gdi_put put;
  void *user;
};

static gd_status make_parts(gdi_decoding *s) {
  s->n_parts = gd_device_threads(s->threads);
  s->part = calloc((size_t)s->n_parts, sizeof *s->part);
  bool there = s->part != NULL;
  for (int i = 0; there && i < s->n_parts; i++) {
    s->part[i].sample = malloc(s->d->x_row);
    if (s->augment) s->part[i].room = malloc(gdi_augment_room(s->augment));
    there = s->part[i].sample && (!s->augment || s->part[i].room);
  }
  return there ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to decode images");
}

static gd_status make(gdi_decoding *s, int threads, int64_t rows) {
  const gd_dataset *d = s->d;
  GD_TRY(gd_device_open(&s->threads, &(gd_device_options){.threads = threads}));
  GD_TRY(make_parts(s));
  s->at = malloc((size_t)rows * sizeof *s->at);
  s->y = malloc((size_t)d->info.n * d->y_row);
  if (!s->at || !s->y) return GD_FAIL(GD_ERR_OOM, "no memory for the targets of %s", d->info.path);
  return gdi_dataset_read(s->d, 0, d->info.n, NULL, s->y);
}

gd_status gdi_decoding_new(gdi_decoding **out, gd_dataset *d, const gd_augment *a, int threads,
                           int64_t rows) {
  gdi_decoding *s = *out = calloc(1, sizeof *s);
  if (!s) return GD_FAIL(GD_ERR_OOM, "no memory to decode images");
  s->d = d, s->augment = a;
  const gd_status st = make(s, threads, rows);
  if (st == GD_OK) return GD_OK;
  gdi_decoding_free(s);
  *out = NULL;
  return st;
}

void gdi_decoding_free(gdi_decoding *s) {
  if (!s) return;
  for (int i = 0; s->part && i < s->n_parts; i++) {
    gdi_decoder_free(&s->part[i].decoder);
    free(s->part[i].sample), free(s->part[i].room);
  }
  gd_device_close(s->threads);
  free(s->part), free(s->y), free(s->bytes), free(s->at);
  free(s);
}

/* Images that follow one another in the file are read at once. */
static gd_status read_images(gdi_decoding *s, int64_t n) {
  const gdi_pick *p = s->pick;
  size_t bytes = 0;
  for (int64_t k = 0; k < n; k++) {
    s->at[k] = bytes;
    bytes += gdi_encoded_bytes(s->d, p[k].index, p[k].index + 1);
  }
  if (bytes > s->room) {
    free(s->bytes);
    s->bytes = malloc(bytes);
    s->room = s->bytes ? bytes : 0;
    if (!s->bytes) return GD_FAIL(GD_ERR_OOM, "no memory for %lld encoded images", (long long)n);
  }
  for (int64_t k = 0, end; k < n; k = end) {
    for (end = k + 1; end < n && p[end].index == p[end - 1].index + 1;) end++;
    GD_TRY(gdi_encoded_read(s->d, p[k].index, p[end - 1].index + 1, s->bytes + s->at[k]));
  }
  return GD_OK;
}

static gd_status form(gdi_decoding *s, part *m, int64_t k) {
  const gdi_pick *p = &s->pick[k];
  const int64_t *shape = s->d->info.sample;
  const gdi_image *i = &m->decoder.image;
  int64_t box[4];
  GD_TRY(gdi_decoder_image(&m->decoder, s->d, p->index, s->bytes + s->at[k]));
  if (!s->augment || !gdi_augment_window(s->augment, s->epoch, p->index, i->height, i->width, box))
    gdi_image_middle(i, (int)shape[0], (int)shape[1], box);
  GD_TRY(gdi_decoder_sample(&m->decoder, s->d, box, m->sample));
  const void *x =
      s->augment ? gdi_augment_sample(s->augment, s->epoch, p->index, m->sample, m->room) : m->sample;
  s->put(s->user, p->row, x, s->y + (size_t)p->index * s->d->y_row);
  return GD_OK;
}

static void form_part(void *user, int64_t lo, int64_t hi) {
  gdi_decoding *s = user;
  part *m = &s->part[lo / s->grain];
  for (int64_t k = lo; k < hi; k++)
    if (form(s, m, k) != GD_OK) {
      m->error = *gd_error_last();
      gd_error_clear();
      return;
    }
}

gd_status gdi_decoding_run(gdi_decoding *s, int64_t epoch, const gdi_pick pick[], int64_t n, gdi_put put,
                           void *user) {
  s->epoch = epoch, s->pick = pick, s->put = put, s->user = user;
  s->grain = (n + s->n_parts - 1) / s->n_parts;
  GD_TRY(read_images(s, n));
  gd_parallel(s->threads, n, s->grain, form_part, s);
  for (int i = 0; i < s->n_parts; i++)
    if (s->part[i].error.status != GD_OK) {
      const gd_error e = s->part[i].error;
      memset(&s->part[i].error, 0, sizeof e);
      return gd_error_adopt(&e);
    }
  return GD_OK;
}
