#include "comm/nccl_bootstrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a rank tells about itself. */
typedef struct card {
  char missing[200]; /* why it has no NCCL */
  int32_t version;
  char architecture[16]; /* "sm_90" */
  char address[32];      /* of the GPU, within the host */
  char host_id[64];      /* what NCCL takes for the host */
} card;

void gdi_nccl_version_text(char *text, size_t bytes, int version) {
  snprintf(text, bytes, "%d.%d.%d", version / 10000, version / 100 % 100, version % 100);
}

static void describe_self(card *me, const gd_device *d, const gdi_nccl_library *nccl, const char *missing) {
  const char *architecture = strstr(d->description, "sm_"), *host_id = getenv("NCCL_HOSTID");
  memset(me, 0, sizeof *me);
  snprintf(me->missing, sizeof me->missing, "%s", nccl ? "" : missing);
  me->version = nccl ? nccl->version : 0;
  if (architecture)
    snprintf(me->architecture, sizeof me->architecture, "%.*s", (int)strcspn(architecture, ") "),
             architecture);
  snprintf(me->address, sizeof me->address, "%s", d->address);
  snprintf(me->host_id, sizeof me->host_id, "%s", host_id ? host_id : "");
}

/* Does rank r stand in the way of NCCL, beside rank 0? */
static bool differs(const gd_world *w, const card *all, int r, char *why, size_t bytes) {
  const gdi_place *p = w->place;
  char mine[16], theirs[16];
  gdi_nccl_version_text(mine, sizeof mine, all[r].version);
  gdi_nccl_version_text(theirs, sizeof theirs, all[0].version);
  if (all[r].missing[0])
    snprintf(why, bytes, "rank %d on host %s: %s", r, p[r].name, all[r].missing);
  else if (all[r].version != all[0].version)
    snprintf(why, bytes, "rank %d on host %s has NCCL %s, rank 0 on host %s has %s", r, p[r].name, mine,
             p[0].name, theirs);
  else if (strcmp(all[r].architecture, all[0].architecture) != 0)
    snprintf(why, bytes, "rank %d on host %s has a GPU of architecture %s, rank 0 on host %s of %s", r,
             p[r].name, all[r].architecture, p[0].name, all[0].architecture);
  return why[0];
}

static bool share(const gd_world *w, const card *all, int a, int b) {
  return w->place[a].host == w->place[b].host && strcmp(all[a].address, all[b].address) == 0;
}

/* NCCL takes ranks for ranks of different hosts when they say so, and then does not mind. */
static bool pretend(const card *a, const card *b) {
  return a->host_id[0] && b->host_id[0] && strcmp(a->host_id, b->host_id) != 0;
}

static void find_sharing(const gd_world *w, const card *all, char *why, size_t bytes) {
  bool said = w->rank != 0;
  for (int a = 0; a < w->size; a++)
    for (int b = a + 1; b < w->size; b++) {
      if (!share(w, all, a, b)) continue;
      const char *host = w->place[a].name, *gpu = all[a].address;
      if (!pretend(&all[a], &all[b])) {
        snprintf(why, bytes, "ranks %d and %d on host %s share the GPU at %s, and NCCL wants one each", a, b,
                 host, gpu);
        return;
      }
      if (!said)
        gd_message(GD_LOG_WARN,
                   "ranks %d and %d on host %s share the GPU at %s, as NCCL_HOSTID allows: slow, for tests",
                   a, b, host, gpu);
      said = true;
    }
}

gd_status gdi_nccl_bootstrap(gd_world *w, const gd_device *d, const gdi_nccl_library *nccl,
                             const char *missing, char *why, size_t why_bytes) {
  why[0] = '\0';
  card *all = calloc((size_t)w->size, sizeof *all);
  if (!all) return GD_FAIL(GD_ERR_OOM, "no memory to compare the GPUs of %d ranks", w->size);
  describe_self(&all[w->rank], d, nccl, missing);
  gd_status st = gd_world_allgather(w, all, sizeof *all);
  for (int r = 0; st == GD_OK && r < w->size && !differs(w, all, r, why, why_bytes);) r++;
  if (st == GD_OK && !why[0]) find_sharing(w, all, why, why_bytes);
  free(all);
  return st;
}
