/* Runs shared out among groups of ranks. */
#ifndef GDI_STUDY_SHARE_H
#define GDI_STUDY_SHARE_H

#include "gd/comm.h"

typedef struct gdi_share {
  const void *study; /* of the functions */
  int runs;
  const char *folder;    /* for lock files, NAME.lock */
  int64_t ranks_per_run; /* 0: one each where runs outnumber ranks, else as many as there are */
  const char *(*name)(const void *study, int run);
  int64_t (*width)(const void *study, int run);     /* the most ranks that it can use */
  gd_status (*refresh)(const void *study, int run); /* learn from the folder what others did */
  int64_t (*todo)(const void *study, int run);      /* how far it goes next; 0: it is complete */
  /* Is a, which goes to to_a, to be run before b? */
  bool (*before)(const void *study, int a, int64_t to_a, int b, int64_t to_b);
  gd_status (*run)(const void *study, gd_world *group, int run, int64_t to); /* collective over group */
} gdi_share;

/*
 * Run what is not complete, by as many groups of ranks as there is work for. Locks that a killed study left are removed:
 * the folder must be this process's alone. Collective over w. Errors: those of the functions, the same on all ranks
 */
gd_status gdi_share_out(const gdi_share *s, gd_world *w) GD_CHECKED;

#endif
