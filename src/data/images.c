/*
 * Import of images: a folder per class, below train/ and val/ or test/, on disk or in an archive.
 *
 * One thread reads files in the order in which they come; all processors decode them, a batch at a time. What stays in
 * memory are pixels of the final size.
 */
#include "data/images.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"
#include "data/members.h"
#include "data/notes.h"

enum { BATCH_FILES = 1024, BATCH_BYTES = 64 << 20, MOST_THREADS = 16, NAMED = 5 };

/* ---- decoding a batch ---- */

typedef struct batch {
  gdi_member file[BATCH_FILES];
  gdi_image image[BATCH_FILES];
  int n, size;
  bool keep_encoded;
  atomic_int next;
} batch;

/* What is kept encoded is decoded too: damage is found now. */
static void decode(gdi_member *f, gdi_image *out, int size, bool keep_encoded) {
  *out = (gdi_image){0};
  if (!f->bytes) return; /* the file itself could not be read */
  gd_status st = gdi_image_decode(out, f->bytes, f->n);
  if (st == GD_OK && keep_encoded) {
    uint8_t *less = realloc(f->bytes, f->n); /* of an archive there is room for more */
    if (less) f->bytes = less;
    free(out->pixel), out->pixel = NULL;
    return;
  }
  if (st == GD_OK && size) st = gdi_image_fit(out, size);
  free(f->bytes), f->bytes = NULL;
  if (st == GD_OK) return;
  snprintf(f->why, sizeof f->why, "%.150s", gd_error_last()->message);
  gd_error_clear();
  free(out->pixel);
  *out = (gdi_image){0};
}

static void *decode_some(void *user) {
  batch *b = user;
  for (int i; (i = atomic_fetch_add(&b->next, 1)) < b->n;)
    decode(&b->file[i], &b->image[i], b->size, b->keep_encoded);
  return NULL;
}

/* A thread that does not start leaves its work to the others. */
static void decode_batch(batch *b) {
  pthread_t thread[MOST_THREADS];
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  int started = 0;
  b->next = 0;
  while (started < MOST_THREADS && started + 1 < processors && started + 1 < b->n &&
         gdi_thread_start(&thread[started], decode_some, b, "decode images") == GD_OK)
    started++;
  decode_some(b);
  while (started > 0) pthread_join(thread[--started], NULL);
  gd_error_clear();
}

/* ---- reading all files ---- */

/* Room for one more than n: doubled at powers of two. */
static gd_status grow(void *array, int64_t n, size_t width) {
  void **at = array;
  if (n & (n - 1)) return GD_OK;
  void *more = realloc(*at, (size_t)(n ? 2 * n : 1) * width);
  if (!more) return GD_FAIL(GD_ERR_OOM, "no memory for the names of %lld files", (long long)n);
  *at = more;
  return GD_OK;
}

static gd_status add_folder(gdi_pictures *s, char *name) {
  const gd_status st = grow(&s->folder, s->n_folders, sizeof *s->folder);
  if (st == GD_OK)
    s->folder[s->n_folders++] = name;
  else
    free(name);
  return st;
}

/* Files into the batch until it is full, or there are no more. */
static gd_status fill_batch(gdi_pictures *s, gdi_members *m, batch *b) {
  size_t bytes = 0;
  b->n = 0;
  while (b->n < BATCH_FILES && bytes < BATCH_BYTES) {
    gdi_member *f = &b->file[b->n];
    GD_TRY(gdi_members_next(m, f));
    if (!f->name) break;
    if (f->folder) {
      GD_TRY(add_folder(s, f->name));
      continue;
    }
    bytes += f->n;
    b->n++;
  }
  return GD_OK;
}

/* Without a size to bring them to, all must have one; and all must fit into memory. */
static gd_status check_size(const gdi_pictures *s, const gdi_picture *p) {
  const gdi_picture *first = s->picture;
  const bool any = s->keep_encoded && s->size;
  if (!any && (p->image.width != first->image.width || p->image.height != first->image.height))
    return GD_FAIL(GD_ERR_DATA, "%s is %d x %d pixels, but %s is %d x %d: --size brings all to one size",
                   first->name, first->image.width, first->image.height, p->name, p->image.width,
                   p->image.height);
  if (s->bytes > s->most_bytes)
    return GD_FAIL(GD_ERR_DATA, "%s: %lld images of %d x %d take more than half of this machine's memory: %s",
                   s->path, (long long)s->n, p->image.width, p->image.height,
                   s->keep_encoded ? "import parts of them" : "give a smaller --size, or --keep-encoded");
  return GD_OK;
}

/* Takes the file's name and the image. */
static gd_status add_picture(gdi_pictures *s, gdi_member *f, gdi_image *i) {
  GD_TRY(grow(&s->picture, s->n, sizeof *s->picture));
  s->picture[s->n++] = (gdi_picture){.name = f->name, .image = *i, .bytes = f->bytes, .n = f->n};
  s->bytes += s->keep_encoded ? f->n : (uint64_t)i->width * (uint64_t)i->height * 3;
  f->name = NULL, f->bytes = NULL, i->pixel = NULL;
  return check_size(s, &s->picture[s->n - 1]);
}

static gd_status add_batch(gdi_pictures *s, batch *b) {
  for (int i = 0; i < b->n; i++) {
    gdi_member *f = &b->file[i];
    if (b->image[i].width)
      GD_TRY(add_picture(s, f, &b->image[i]));
    else if (s->unreadable++ < NAMED)
      GD_TRY(gdi_notes_add(&s->notes, "warning: left out: %.200s: %s", f->name, f->why));
  }
  return GD_OK;
}

static void empty_batch(batch *b) {
  for (int i = 0; i < b->n; i++) free(b->file[i].name), free(b->file[i].bytes), free(b->image[i].pixel);
  memset(b->image, 0, sizeof b->image);
}

static gd_status read_all(gdi_pictures *s, gdi_members *m, batch *b, const gd_image_options *o) {
  gd_status st = GD_OK;
  do {
    st = fill_batch(s, m, b);
    if (st == GD_OK) decode_batch(b);
    if (st == GD_OK) st = add_batch(s, b);
    empty_batch(b);
    if (st == GD_OK && o->progress) o->progress(o->user, s->n, gdi_members_done(m));
  } while (st == GD_OK && b->n > 0);
  return st;
}

gd_status gdi_pictures_read(gdi_pictures *s, const char *path, const gd_image_options *o) {
  gdi_members m;
  *s = (gdi_pictures){.path = path, .size = o->size, .keep_encoded = o->keep_encoded};
  s->most_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
  batch *b = calloc(1, sizeof *b);
  if (!b) return GD_FAIL(GD_ERR_OOM, "no memory to read images");
  b->size = o->size, b->keep_encoded = o->keep_encoded;
  gd_status st = gdi_members_open(&m, path);
  if (st == GD_OK) st = read_all(s, &m, b, o);
  gdi_members_close(&m);
  free(b);
  GD_TRY(st);
  if (s->unreadable > NAMED)
    GD_TRY(gdi_notes_add(&s->notes, "warning: left out: %lld files in all", (long long)s->unreadable));
  if (s->n > 0) return GD_OK;
  return GD_FAIL(GD_ERR_DATA, "%s: it holds no image that can be read%s%s", path, s->notes ? "; " : "",
                 s->notes ? strchr(s->notes, ':') + 2 : "");
}

void gdi_picture_free(gdi_picture *p) {
  free(p->name), free(p->image.pixel), free(p->bytes);
}

void gdi_pictures_free(gdi_pictures *s) {
  for (int64_t i = 0; i < s->n; i++) gdi_picture_free(&s->picture[i]);
  for (int64_t i = 0; i < s->n_folders; i++) free(s->folder[i]);
  free(s->picture), free(s->folder), free(s->notes);
  *s = (gdi_pictures){0};
}
