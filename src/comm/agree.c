/* Agreement: all ranks go on together, or fail together with the same first cause. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/world.h"
#include "gd/sha256.h"

/* An error record as it travels: the file name is a pointer that means nothing elsewhere. */
typedef struct cause {
  gd_error error;
  char file[96];
} cause;

static gd_status adopt_cause(gd_world *w, int rank) {
  static char file[96]; /* the record keeps a pointer to it */
  cause c;
  memset(&c, 0, sizeof c);
  if (rank == w->rank) {
    c.error = *gd_error_last();
    snprintf(c.file, sizeof c.file, "%s", c.error.file ? c.error.file : "");
  }
  GD_TRY(gd_world_bcast(w, &c, sizeof c, rank));
  if (rank == w->rank) return c.error.status;
  memcpy(file, c.file, sizeof file);
  c.error.file = file;
  return gd_error_adopt(&c.error);
}

gd_status gd_world_agree(gd_world *w, gd_status mine) {
  if (w->size == 1 || w->broken) return w->broken ? GD_ERR_COMM : mine;
  if (mine != GD_OK && gd_error_last()->status != mine) (void)GD_FAIL(mine, "%s", gd_status_text(mine));
  int32_t *status = calloc((size_t)w->size, sizeof *status);
  if (!status) return GD_FAIL(GD_ERR_OOM, "no memory to agree on a status");
  status[w->rank] = (int32_t)mine;
  gd_status st = gd_world_allgather(w, status, sizeof *status);
  int first = 0;
  while (st == GD_OK && first < w->size && status[first] == GD_OK) first++;
  free(status);
  if (st != GD_OK || first == w->size) return st;
  return adopt_cause(w, first);
}

/* "compare: rank 0 on a: x; rank 2 on b: y" with the first ranks that hold something else than rank 0. */
static gd_status tell_difference(gd_world *w, const char *what, const gd_digest *digest, const char *text) {
  enum { TEXT = 120 };
  char(*texts)[TEXT] = calloc((size_t)w->size, TEXT);
  if (!texts) return GD_FAIL(GD_ERR_OOM, "no memory to compare %s", what);
  snprintf(texts[w->rank], TEXT, "%s", text ? text : "");
  gd_status st = gd_world_allgather(w, texts, TEXT);
  char list[400] = "";
  size_t used = 0;
  for (int r = 0; st == GD_OK && r < w->size && used < sizeof list - 1; r++)
    if (r == 0 || memcmp(&digest[r], &digest[0], sizeof *digest) != 0) {
      int n = snprintf(list + used, sizeof list - used, "%srank %d on host %s: %s", r ? "; " : "", r,
                       w->place[r].name, texts[r]);
      used += (size_t)n;
    }
  free(texts);
  return st != GD_OK ? st : GD_FAIL(GD_ERR_ENV, "ranks differ in %s: %s", what, list);
}

gd_status gd_world_same(gd_world *w, const char *what, const void *bytes, size_t n, const char *text) {
  if (w->size == 1) return GD_OK;
  gd_digest *digest = malloc((size_t)w->size * sizeof *digest);
  if (!digest) return GD_FAIL(GD_ERR_OOM, "no memory to compare %s", what);
  gd_sha256 h;
  gd_sha256_init(&h);
  gd_sha256_add(&h, bytes, n);
  digest[w->rank] = gd_sha256_end(&h);
  gd_status st = gd_world_allgather(w, digest, sizeof *digest);
  bool same = true;
  for (int r = 1; st == GD_OK && r < w->size; r++)
    same &= memcmp(&digest[r], &digest[0], sizeof *digest) == 0;
  if (st == GD_OK && !same) st = tell_difference(w, what, digest, text);
  free(digest);
  return st;
}
