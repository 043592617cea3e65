/* Images that were read become a table: classes in the order of their names, images in that of theirs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/images.h"
#include "data/notes.h"
#include "data/table.h"

/* ---- part and class, from the folders that an image lies in ---- */

static bool part_named(const char *name, size_t n, gdi_part *out) {
  static const struct {
    const char *name;
    gdi_part part;
  } known[] = {{"train", GDI_PART_TRAIN},
               {"val", GDI_PART_VAL},
               {"valid", GDI_PART_VAL},
               {"validation", GDI_PART_VAL},
               {"test", GDI_PART_TEST}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].name) == n && strncmp(known[i].name, name, n) == 0) {
      *out = known[i].part;
      return true;
    }
  return false;
}

/* The class is the folder below train, val or test; where there is none, the folder that the file is in. */
static gd_status find_class(gdi_picture *p) {
  const char *end = p->name;
  bool below_part = false;
  p->folder = p->folder_end = 0;
  for (const char *at = p->name; !below_part && (end = strchr(at, '/')); at = end + 1) {
    p->folder = (size_t)(at - p->name), p->folder_end = (size_t)(end - p->name);
    const char *next = strchr(end + 1, '/');
    below_part = next && part_named(at, p->folder_end - p->folder, &p->part);
    if (below_part) p->folder = p->folder_end + 1, p->folder_end = (size_t)(next - p->name);
  }
  const size_t n = p->folder_end - p->folder;
  if (n == 0)
    return GD_FAIL(GD_ERR_DATA, "%s: an image that is in no folder: each class is a folder of its images",
                   p->name);
  if (n < GD_MAX_CLASS_NAME) return GD_OK;
  return GD_FAIL(GD_ERR_DATA, "%s: the name of its class is longer than %d bytes", p->name,
                 GD_MAX_CLASS_NAME - 1);
}

/* ---- a folder beside those of classes that holds no image ---- */

static int by_name(const void *a, const void *b) {
  return strcmp(((const gdi_picture *)a)->name, ((const gdi_picture *)b)->name);
}

/* Is one of the images, which are sorted by name, in it? */
static bool holds_images(const gdi_pictures *s, const char *folder) {
  const size_t n = strlen(folder);
  int64_t lo = 0, hi = s->n;
  while (lo < hi) { /* the first whose name is not below "folder/" */
    const int64_t mid = (lo + hi) / 2;
    const int order = strncmp(s->picture[mid].name, folder, n);
    if (order < 0 || (order == 0 && s->picture[mid].name[n] < '/'))
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < s->n && strncmp(s->picture[lo].name, folder, n) == 0 && s->picture[lo].name[n] == '/';
}

/* Do the folder and the class of the image lie in the same folder? */
static bool beside(const gdi_picture *p, const char *folder) {
  const char *last = strrchr(folder, '/');
  const size_t n = last ? (size_t)(last + 1 - folder) : 0;
  return p->folder == n && strncmp(p->name, folder, n) == 0;
}

static gd_status check_folders(const gdi_pictures *s) {
  for (int64_t i = 0; i < s->n_folders; i++)
    for (int64_t k = 0; k < s->n && !holds_images(s, s->folder[i]); k++)
      if (beside(&s->picture[k], s->folder[i]))
        return GD_FAIL(GD_ERR_DATA,
                       "%s: %s: a class folder without an image that can be read: remove it, or fill it",
                       s->path, s->folder[i]);
  return GD_OK;
}

/* ---- which images, in which order ---- */

/* What is learned from, and behind it what is validated on. Of three parts, test is left out. */
static gd_status choose_parts(gd_table *t, gdi_pictures *s) {
  int64_t count[3] = {0}, kept = 0;
  for (int64_t i = 0; i < s->n; i++) count[s->picture[i].part]++;
  const bool three = count[GDI_PART_TRAIN] && count[GDI_PART_VAL] && count[GDI_PART_TEST];
  if (three)
    GD_TRY(gdi_notes_add(
        &s->notes,
        "warning: of train, val and test, the %lld images of test are left out: import them by themselves",
        (long long)count[GDI_PART_TEST]));
  for (int64_t i = 0; i < s->n; i++) {
    gdi_picture *p = &s->picture[i];
    if (three && p->part == GDI_PART_TEST)
      gdi_picture_free(p);
    else
      s->picture[kept++] = *p;
  }
  s->n = kept;
  t->n = count[GDI_PART_TRAIN] ? count[GDI_PART_TRAIN]
         : count[GDI_PART_VAL] ? count[GDI_PART_VAL]
                               : count[GDI_PART_TEST];
  t->n_val = kept - t->n;
  return GD_OK;
}

static int by_class(const void *a, const void *b) {
  const gdi_picture *p = a, *q = b;
  const size_t n = p->folder_end - p->folder, m = q->folder_end - q->folder;
  const int order = memcmp(p->name + p->folder, q->name + q->folder, n < m ? n : m);
  return order ? order : (n > m) - (n < m);
}

static int by_part_class_and_name(const void *a, const void *b) {
  const gdi_picture *p = a, *q = b;
  if (p->part != q->part) return p->part < q->part ? -1 : 1;
  if (p->label != q->label) return p->label < q->label ? -1 : 1;
  return by_name(a, b);
}

static gd_status name_classes(gd_table *t, gdi_pictures *s) {
  qsort(s->picture, (size_t)s->n, sizeof *s->picture, by_class);
  for (int64_t i = 0; i < s->n; i++) {
    t->classes += i == 0 || by_class(&s->picture[i - 1], &s->picture[i]) != 0;
    s->picture[i].label = t->classes - 1;
  }
  t->class_name = calloc((size_t)t->classes, sizeof *t->class_name);
  if (!t->class_name)
    return GD_FAIL(GD_ERR_OOM, "no memory for the names of %lld classes", (long long)t->classes);
  for (int64_t i = 0; i < s->n; i++) {
    const gdi_picture *p = &s->picture[i];
    memcpy(t->class_name[p->label], p->name + p->folder, p->folder_end - p->folder);
  }
  qsort(s->picture, (size_t)s->n, sizeof *s->picture, by_part_class_and_name);
  return GD_OK;
}

/* Of pictures in order of part and class. */
static void keep_per_class(gd_table *t, gdi_pictures *s, int64_t most) {
  int64_t kept = 0, of_class = 0, train = 0;
  for (int64_t i = 0; i < s->n; i++) {
    gdi_picture *p = &s->picture[i];
    const bool same = kept && s->picture[kept - 1].part == p->part && s->picture[kept - 1].label == p->label;
    of_class = same ? of_class + 1 : 1;
    if (of_class > most) {
      gdi_picture_free(p);
      continue;
    }
    train += i < t->n;
    s->picture[kept++] = *p;
  }
  s->n = kept, t->n = train, t->n_val = kept - train;
}

/* ---- their pixels ---- */

static void put_image(uint8_t *to, const gdi_image *i, int64_t channels) {
  const size_t n = (size_t)i->width * (size_t)i->height;
  if (i->channels == channels)
    memcpy(to, i->pixel, n * (size_t)channels);
  else /* grey among colours */
    for (size_t k = 0; k < n; k++) memset(to + 3 * k, i->pixel[k], 3);
}

/* The files as they are, one behind the other; each is freed as soon as it is in its place. */
static gd_status put_encoded(gd_table *t, gdi_pictures *s) {
  t->x = malloc(s->bytes);
  t->y = malloc((size_t)s->n * sizeof(int64_t));
  t->image_at = calloc((size_t)s->n + 1, sizeof *t->image_at);
  if (!t->x || !t->y || !t->image_at)
    return GD_FAIL(GD_ERR_OOM, "no memory for %lld encoded images", (long long)s->n);
  for (int64_t i = 0; i < s->n; i++) {
    gdi_picture *p = &s->picture[i];
    memcpy((uint8_t *)t->x + t->image_at[i], p->bytes, p->n);
    t->image_at[i + 1] = t->image_at[i] + (int64_t)p->n;
    ((int64_t *)t->y)[i] = p->label;
    free(p->bytes), p->bytes = NULL;
  }
  return GD_OK;
}

/* Each image is freed as soon as it is in its place. */
static gd_status put_images(gd_table *t, gdi_pictures *s) {
  const gdi_image *first = &s->picture[0].image;
  int64_t grey = 0;
  for (int64_t i = 0; i < s->n; i++) grey += s->picture[i].image.channels == 1;
  t->ndim = 3;
  t->sample[0] = s->size ? s->size : first->height, t->sample[1] = s->size ? s->size : first->width;
  t->sample[2] = grey == s->n ? 1 : 3;
  if (grey > 0 && grey < s->n)
    GD_TRY(gdi_notes_add(&s->notes, "%lld of them are grey, and become colour images", (long long)grey));
  if (s->keep_encoded) return put_encoded(t, s);
  GD_TRY(gdi_table_alloc(t));
  const size_t bytes = (size_t)(t->sample[0] * t->sample[1] * t->sample[2]);
  for (int64_t i = 0; i < s->n; i++) {
    put_image((uint8_t *)t->x + (size_t)i * bytes, &s->picture[i].image, t->sample[2]);
    ((int64_t *)t->y)[i] = s->picture[i].label;
    free(s->picture[i].image.pixel), s->picture[i].image.pixel = NULL;
  }
  return GD_OK;
}

gd_status gdi_pictures_table(gd_table *t, gdi_pictures *s, int64_t per_class) {
  *t =
      (gd_table){.x_type = GD_U8, .layout = GD_CHANNELS_LAST, .labels = true, .targets = 1, .y_vector = true};
  for (int64_t i = 0; i < s->n; i++) GD_TRY(find_class(&s->picture[i]));
  qsort(s->picture, (size_t)s->n, sizeof *s->picture, by_name);
  GD_TRY(check_folders(s));
  GD_TRY(choose_parts(t, s));
  GD_TRY(name_classes(t, s));
  if (per_class) keep_per_class(t, s, per_class);
  GD_TRY(put_images(t, s));
  t->notes = s->notes, s->notes = NULL;
  return GD_OK;
}

gd_status gd_import_images(gd_table *out, const char *path, const gd_image_options *o) {
  gdi_pictures s;
  *out = (gd_table){0};
  gd_status st = gdi_pictures_read(&s, path, o);
  if (st == GD_OK) st = gdi_pictures_table(out, &s, o->per_class);
  gdi_pictures_free(&s);
  if (st != GD_OK) gd_table_free(out);
  return st;
}
