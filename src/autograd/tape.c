/* The tape itself: its life, its settings, its first error. */
#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"

gd_status gd_tape_new(gd_tape **out, gd_device *d) {
  *out = NULL;
  gd_tape *t = calloc(1, sizeof *t);
  if (!t) return GD_FAIL(GD_ERR_OOM, "no memory for a tape");
  gd_status st = gd_arena_new(&t->arena, "step");
  if (st != GD_OK) {
    free(t);
    return st;
  }
  t->device = d;
  t->recording = true;
  *out = t;
  return GD_OK;
}

void gd_tape_free(gd_tape *t) {
  if (!t) return;
  gd_arena_free(t->arena);
  for (int i = 0; i < GDI_RECOMPUTE_DEPTH; i++) gd_arena_free(t->inner[i]);
  free(t);
}

void gd_tape_reset(gd_tape *t) {
  gd_arena_reset(t->arena);
  t->last = NULL;
  t->spare = NULL;
  gdi_draws_reset(&t->draws);
  t->scope = NULL;
  t->status = GD_OK;
}

void gd_tape_enter(gd_tape *t, gd_scope *s) {
  s->outer = t->scope;
  t->scope = s;
}

void gd_tape_leave(gd_tape *t) {
  if (t->scope) t->scope = t->scope->outer;
}

gd_tensor *gd_tape_fail(gd_tape *t, gd_status s) {
  if (t->status == GD_OK) {
    t->status = s;
    t->error = *gd_error_last();
  }
  return NULL;
}

gd_status gd_tape_status(const gd_tape *t) {
  return t->status == GD_OK ? GD_OK : gd_error_adopt(&t->error);
}

gd_arena *gd_tape_arena(gd_tape *t) {
  return t->arena;
}

gd_device *gd_tape_device(gd_tape *t) {
  return t->device;
}

bool gd_tape_record(gd_tape *t, bool on) {
  bool was = t->recording;
  t->recording = on;
  return was;
}

void gd_tape_draws(gd_tape *t, uint64_t seed, int64_t step, int64_t row0, int64_t rows) {
  t->seed = seed;
  t->step = step;
  t->row0 = row0;
  t->rows = rows;
}

void gdi_draws_reset(gdi_draws *d) {
  memset(d->of, 0, (size_t)d->numbered * sizeof *d->of);
  d->calls = d->numbered = 0;
}

/*
 * The ordinal of a call, below 2^20: its number in the lower half of the bits, so that first calls are numbered through, and
 * in the upper half how often there was one of that number: no two calls draw the same.
 */
gd_status gdi_draws_next(gdi_draws *d, int64_t number, uint64_t *ordinal) {
  const int place = (int)((number < 0 ? d->calls++ : number) % GDI_DRAWERS);
  if (d->of[place] == GDI_CALLS)
    return GD_FAIL(GD_ERR_USAGE, "more than %d calls of random operation number %lld on one tape", GDI_CALLS,
                   (long long)place);
  if (place >= d->numbered) d->numbered = place + 1;
  *ordinal = (uint64_t)(place + GDI_DRAWERS * d->of[place]++);
  return GD_OK;
}

void gd_tape_step_at(gd_tape *t, const int64_t *step) {
  t->step_at = step;
}

void gd_tape_on_grad_ready(gd_tape *t, gd_grad_ready hook, void *user) {
  t->ready = hook;
  t->ready_user = user;
  t->ready_waits = false;
}

void gdi_tape_on_grad_ready(gd_tape *t, gd_grad_ready hook, void *user) {
  gd_tape_on_grad_ready(t, hook, user);
  t->ready_waits = true;
}
