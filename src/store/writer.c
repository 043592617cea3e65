/* The thread that writes checkpoints: one request at a time, handed over under a lock. It never calls MPI. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "gd/store.h"

struct gd_writer {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  const gd_checkpoint *checkpoint; /* under way; NULL: idle */
  char path[4096];
  gd_error result; /* of the last write, until it was waited for */
  bool stop;
};

static void *write_requests(void *user) {
  gd_writer *w = user;
  pthread_mutex_lock(&w->mutex);
  for (;;) {
    while (!w->checkpoint && !w->stop) pthread_cond_wait(&w->changed, &w->mutex);
    if (!w->checkpoint) break;
    pthread_mutex_unlock(&w->mutex);
    gd_error result = {0};
    if (gd_checkpoint_write(w->checkpoint, w->path) != GD_OK) result = *gd_error_last();
    pthread_mutex_lock(&w->mutex);
    w->result = result;
    w->checkpoint = NULL;
    pthread_cond_broadcast(&w->changed);
  }
  pthread_mutex_unlock(&w->mutex);
  return NULL;
}

gd_status gd_writer_new(gd_writer **out) {
  gd_writer *w = *out = calloc(1, sizeof *w);
  if (!w) return GD_FAIL(GD_ERR_OOM, "no memory for the thread that writes checkpoints");
  pthread_mutex_init(&w->mutex, NULL);
  pthread_cond_init(&w->changed, NULL);
  gd_status st = gdi_thread_start(&w->thread, write_requests, w, "write checkpoints");
  if (st == GD_OK) return GD_OK;
  free(w);
  *out = NULL;
  return st;
}

gd_status gd_writer_wait(gd_writer *w) {
  pthread_mutex_lock(&w->mutex);
  while (w->checkpoint) pthread_cond_wait(&w->changed, &w->mutex);
  gd_error result = w->result;
  w->result = (gd_error){0};
  pthread_mutex_unlock(&w->mutex);
  return result.status == GD_OK ? GD_OK : gd_error_adopt(&result);
}

gd_status gd_writer_start(gd_writer *w, const gd_checkpoint *c, const char *path) {
  GD_TRY(gd_writer_wait(w));
  if (strlen(path) >= sizeof w->path) return GD_FAIL(GD_ERR_WRITE, "%.80s...: the path is too long", path);
  pthread_mutex_lock(&w->mutex);
  strcpy(w->path, path);
  w->checkpoint = c;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->mutex);
  return GD_OK;
}

void gd_writer_free(gd_writer *w) {
  if (!w) return;
  pthread_mutex_lock(&w->mutex);
  w->stop = true;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->mutex);
  pthread_join(w->thread, NULL);
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->mutex);
  free(w);
}
