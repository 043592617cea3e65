#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/arrays.h"
#include "store/checkpoint.h"

/* Room for one more: the list doubles, so that a file cannot make it larger than what it says by more than that. */
static gd_status add_tied(gd_checkpoint *c, const char *name, const char *of) {
  if (c->n_tied == GDI_MAX_TIES)
    return GD_FAIL(GD_ERR_CHECKPOINT, "more than %d parameters have a second name", GDI_MAX_TIES);
  if ((c->n_tied & (c->n_tied - 1)) == 0) {
    gd_tied *larger = gd_arena_zalloc(c->arena, (c->n_tied ? 2 * (size_t)c->n_tied : 1) * sizeof *larger);
    if (!larger) return GD_ERR_OOM;
    if (c->n_tied) memcpy(larger, c->tied, (size_t)c->n_tied * sizeof *larger);
    c->tied = larger;
  }
  gd_tied *t = &c->tied[c->n_tied];
  if (strlen(name) >= sizeof t->name)
    return GD_FAIL(GD_ERR_CHECKPOINT, "the name of a tied parameter is too long: %s", name);
  strcpy(t->name, name);
  strcpy(t->of, of);
  c->n_tied++;
  return GD_OK;
}

/* The other names of a parameter, one a line, appended to the list. */
static gd_status read_tied(gd_checkpoint *c, gdi_h5 *f, const char *path, const char *of) {
  char names[GDI_MAX_TIED], *save;
  if (!gdi_h5_has_attr(f, path, "tied")) return GD_OK;
  GD_TRY(gdi_h5_attr_text(f, path, "tied", names, sizeof names));
  for (char *name = strtok_r(names, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
    gd_status st = add_tied(c, name, of);
    if (st != GD_OK) return GD_FAIL(st, "%s: /%s: %s", f->path, path, gd_error_last()->message);
  }
  return GD_OK;
}

/* Which of the lists an array belongs to. */
static gd_stored *entry_for(gd_checkpoint *c, gdi_h5 *f, const char *path) {
  if (gdi_h5_has_attr(f, path, "buffer")) return &c->buffer[c->n_buffers++];
  if (gdi_h5_has_attr(f, path, "frozen")) return &c->frozen[c->n_frozen++];
  return &c->param[c->n_params++];
}

static gd_status read_model(gd_checkpoint *c, gdi_h5 *f) {
  gdi_names list;
  GD_TRY(gdi_names_read(&list, c->arena, f, "model"));
  c->param = gd_arena_zalloc(c->arena, ((size_t)list.n + 1) * sizeof *c->param);
  c->buffer = gd_arena_zalloc(c->arena, ((size_t)list.n + 1) * sizeof *c->buffer);
  c->frozen = gd_arena_zalloc(c->arena, ((size_t)list.n + 1) * sizeof *c->frozen);
  if (!c->param || !c->buffer || !c->frozen) return GD_ERR_OOM;
  for (int i = 0; i < list.n; i++) {
    char path[GDI_MAX_PATH + 8];
    snprintf(path, sizeof path, "model/%s", list.name[i]);
    GD_TRY(gdi_stored_describe(entry_for(c, f, path), f, path, list.name[i]));
    GD_TRY(read_tied(c, f, path, list.name[i]));
  }
  if (c->n_params == 0) return GD_FAIL(GD_ERR_CHECKPOINT, "%s: no parameters under /model", f->path);
  return GD_OK;
}

static gd_status read_header(gd_checkpoint *c, gdi_h5 *f) {
  GD_TRY(gdi_header_read(c, f));
  GD_TRY(read_model(c, f));
  return gdi_states_read(c, f);
}

static gd_status check_digest(gdi_h5 *f, const char *attribute, const gd_digest *found) {
  char stored[65] = "", hex[65];
  GD_TRY(gdi_h5_attr_text(f, "/", attribute, stored, sizeof stored));
  gd_digest_hex(found, hex);
  if (strcmp(stored, hex) == 0) return GD_OK;
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: its %s does not match: the file is damaged", f->path, attribute);
}

/* Each array alone fits the file, as was checked; that several names share storage shows in the sum. */
static gd_status check_sum(const gdi_h5 *f, const gdi_entry *entry, int n, size_t *largest) {
  size_t room = f->bytes;
  for (int i = 0; i < n; i++) {
    size_t bytes = gdi_stored_bytes(entry[i].array);
    if (bytes > room) return GD_FAIL(GD_ERR_CHECKPOINT, "%s: its arrays are larger than the file", f->path);
    if (bytes > *largest) *largest = bytes;
    room -= bytes;
  }
  return GD_OK;
}

typedef enum depth { HEADER, VERIFY, EVERYTHING } depth;

/* The values of all arrays, kept or only passing through one buffer. */
static gd_status read_values(gd_arena *arena, gdi_h5 *f, bool keep, const gdi_entry *entry, int n,
                             gd_sha256 *h) {
  size_t largest = 0, mark = gd_arena_mark(arena);
  GD_TRY(check_sum(f, entry, n, &largest));
  void *to = keep ? NULL : gd_arena_alloc(arena, largest);
  for (int i = 0; i < n; i++) {
    gd_stored *a = entry[i].array;
    if (keep) to = a->data = gd_arena_alloc(arena, gdi_stored_bytes(a));
    if (!to) return GD_ERR_OOM;
    GD_TRY(gdi_stored_read(f, entry[i].path, a, to));
    gd_sha256_add(h, to, gdi_stored_bytes(a));
  }
  if (!keep) gd_arena_release(arena, mark);
  return GD_OK;
}

static gd_status read_entries(gd_checkpoint *c, gdi_h5 *f, depth how, const gdi_entry *entry, int n,
                              gd_digest *whole) {
  const gd_digest header = gdi_checkpoint_header_digest(c, entry, n);
  GD_TRY(check_digest(f, "header_digest", &header));
  if (how == HEADER) return GD_OK;
  gd_sha256 h;
  gd_sha256_init(&h);
  gd_sha256_add(&h, &header, sizeof header);
  GD_TRY(read_values(c->arena, f, how == EVERYTHING, entry, n, &h));
  *whole = gd_sha256_end(&h);
  return check_digest(f, "digest", whole);
}

static gd_status read_file(gd_checkpoint *c, gdi_h5 *f, depth how, gd_digest *whole) {
  gdi_entry *entry;
  int n;
  GD_TRY(read_header(c, f));
  GD_TRY(gdi_checkpoint_entries(c, &entry, &n));
  gd_status st = read_entries(c, f, how, entry, n, whole);
  free(entry);
  return st;
}

static gd_status load(gd_checkpoint *out, const char *path, depth how, gd_digest *whole) {
  *out = (gd_checkpoint){0};
  gdi_h5 f;
  GD_TRY(gd_arena_new(&out->arena, "checkpoint"));
  gd_status st = gdi_h5_open(&f, path, GD_ERR_CHECKPOINT);
  if (st == GD_OK) st = read_file(out, &f, how, whole);
  gdi_h5_close(&f);
  if (st != GD_OK) gd_checkpoint_free(out);
  return st;
}

gd_status gdi_checkpoint_verify(const char *path, gd_digest *out) {
  gd_checkpoint c;
  GD_TRY(load(&c, path, VERIFY, out));
  gd_checkpoint_free(&c);
  return GD_OK;
}

gd_status gd_checkpoint_read(gd_checkpoint *out, const char *path, bool header_only) {
  gd_digest whole;
  *out = (gd_checkpoint){0};
  GD_TRY(gdi_h5_look(path, GD_ERR_CHECKPOINT));
  return load(out, path, header_only ? HEADER : EVERYTHING, &whole);
}

void gd_checkpoint_free(gd_checkpoint *c) {
  gd_arena_free(c->arena);
  *c = (gd_checkpoint){0};
}
