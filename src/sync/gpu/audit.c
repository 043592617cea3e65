/*
 * The audit of resident copies. Every rank updates everything, so all of them must hold the same parameters
 * and the same state. When an interval of the audit is over, the GPU forms checksums, one for each block,
 * with the next results that it is asked for; one sum over them travels with what ranks agree on anyway.
 * Nobody waits for it. Only when the sums differ are the checksums gathered, to find block and rank.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "sync/audit.h"
#include "sync/gpu/gpu_sync.h"

static int64_t sums_of(const gd_sync *s) {
  return (1 + s->n_states) * s->audit->pieces;
}

gd_status gdi_resident_audit_new(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  if (!s->audit || gd_world_size(s->world) == 1) return GD_OK;
  const int64_t n = s->audit->pieces;
  int64_t *first = malloc((size_t)(n + 1) * sizeof *first);
  gd_status st = first ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %lld blocks", (long long)n);
  for (int64_t i = 0; st == GD_OK && i <= n; i++) first[i] = s->audit->piece[i].lo;
  if (st == GD_OK) st = gdi_gpu_sync_put(b, first, (size_t)(n + 1) * sizeof *first, &b->audit.piece);
  free(first);
  GD_TRY(st);
  const size_t bytes = (size_t)sums_of(s) * sizeof *b->audit.sum;
  GD_TRY(gdi_gpu_sync_put(b, NULL, bytes, &b->audit.sum));
  return gdi_gpu_sync_pinned(b, bytes, &b->audit.here);
}

/* One bit of what this rank has updated. */
static gd_status flip(gd_device *d, char *at) {
  char byte;
  GD_TRY(d->download(d, &byte, at, 1));
  byte ^= 4;
  return d->upload(d, at, &byte, 1);
}

gd_status gdi_resident_audit_step(gd_sync *s, int64_t step) {
  gdi_gpu_sync *b = s->gpu;
  if (GDI_FAULT_AT("flip_param", step)) GD_TRY(flip(b->device, b->params));
  const gd_params *p = s->params;
  if (GDI_FAULT_AT("flip_statistic", step) && p->trained < p->elements)
    GD_TRY(flip(b->device, b->params + (size_t)p->trained * s->element_bytes));
  if (GDI_FAULT_AT("flip_state", step) && s->n_states) GD_TRY(flip(b->device, b->slice.state[0]));
  b->audit.due |= b->audit.sum && (step + 1) % s->o.audit_every == 0;
  return GD_OK;
}

gd_status gdi_resident_audit_ask(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  if (!b->audit.due) return GD_OK;
  const int64_t n = s->audit->pieces;
  b->audit.due = false, b->audit.asked = true, b->audit.step = b->results.queued;
  for (int a = 0; a <= s->n_states; a++)
    GD_TRY(b->gpu->checksum(b->device, a ? b->slice.state[a - 1] : b->params, s->element_bytes,
                            b->audit.piece, n, b->audit.sum + a * n));
  return b->gpu->fetch(b->device, GDI_STREAM_COMPUTE, b->audit.here, b->audit.sum,
                       (size_t)sums_of(s) * sizeof *b->audit.sum);
}

double gdi_resident_audit_total(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  uint64_t sum = 0;
  for (int64_t i = 0; b->audit.asked && i < sums_of(s); i++)
    sum = (sum ^ b->audit.here[i]) * 0x9E3779B97F4A7C15u; /* in this order */
  b->audit.asked = false;
  return (double)(sum >> 12); /* as many bits as a double holds exactly */
}

/* The rank that the fewest agree with; among equals the last. */
static int odd_one(const uint64_t *sum, int64_t stride, int ranks) {
  int odd = 0, fewest = ranks + 1;
  for (int r = 0; r < ranks; r++) {
    int same = 0;
    for (int o = 0; o < ranks; o++) same += sum[o * stride] == sum[r * stride];
    if (same <= fewest) fewest = same, odd = r;
  }
  return odd;
}

static gd_status tell(gd_sync *s, int64_t at, int wrong, int other) {
  const int64_t piece = at % s->audit->pieces;
  const gd_range part = gdi_audit_elements(s, piece);
  char place[GDI_AUDIT_PLACE];
  return GD_FAIL(GD_ERR_REPLICA,
                 "%s, elements %lld to %lld, rank %d on host %s at step %lld (rank %d on host %s has other "
                 "values); resume from the last checkpoint",
                 gdi_audit_place(s, (int)(at / s->audit->pieces), piece, place), (long long)part.lo,
                 (long long)(part.hi - 1), wrong, gd_world_hostname(s->world, wrong),
                 (long long)s->gpu->audit.step, other, gd_world_hostname(s->world, other));
}

gd_status gdi_resident_audit_find(gd_sync *s) {
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  const int64_t n = sums_of(s);
  uint64_t *all = malloc((size_t)(size * n) * sizeof *all);
  gd_status st =
      gd_world_agree(s->world, all ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to compare checksums"));
  if (st == GD_OK) {
    memcpy(all + rank * n, s->gpu->audit.here, (size_t)n * sizeof *all);
    st = gd_world_allgather(s->world, all, (size_t)n * sizeof *all);
  }
  bool found = false;
  for (int64_t i = 0; st == GD_OK && !found && i < n; i++) {
    const int wrong = odd_one(all + i, n, size), other = wrong == 0;
    found = all[wrong * n + i] != all[other * n + i];
    if (found) st = tell(s, i, wrong, other);
  }
  free(all);
  return st;
}
