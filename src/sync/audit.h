/* Checks that memory still holds what updates wrote, and that all copies are equal. */
#ifndef GDI_SYNC_AUDIT_H
#define GDI_SYNC_AUDIT_H

#include "sync/sync.h"

enum { GDI_FINDING = 2, GDI_AUDIT_PLACE = GD_MAX_NAME + 100 };
/* Sums travel as doubles, which hold this many bits exactly; cut sums still add up. */
#define GDI_AUDIT_EXACT (((uint64_t)1 << 52) - 1)

struct gdi_audit {
  int64_t pieces;
  gdi_segment *piece; /* [pieces + 1] blocks, cut at the borders of parameters: each lies in one tensor */
  gd_shared memory;
  uint64_t *kept; /* [1 + states][pieces] of the group, at the update; in `memory` */
  uint64_t *now;  /* the same, as this rank finds it */
  bool due;       /* the last update kept checksums */
  /* [ranks] first piece that changed + 1, or 0; sum over its share of a copy */
  double (*finding)[GDI_FINDING];
};

gd_status gdi_audit_new(gd_sync *s) GD_CHECKED;
gd_status gdi_audit_share(gd_sync *s) GD_CHECKED; /* what the group has in common. Collective */
void gdi_audit_free(gd_sync *s);
void gdi_audit_keep(gd_sync *s, int64_t step); /* after update number `step`, when an audit is due */
void gdi_audit_forget(gd_sync *s);             /* values are about to change outside of updates */
void gdi_audit_look(gd_sync *s);               /* before the next update: this rank's finding */
/* With the findings of all ranks. Collective when copies differ. */
gd_status gdi_audit_judge(gd_sync *s, int64_t step) GD_CHECKED;

/* "parameters differ: tensor 0.weight", "states of the optimizer differ: momentum_buffer of tensor 0.weight" */
const char *gdi_audit_place(const gd_sync *s, int array, int64_t piece, char buf[GDI_AUDIT_PLACE]);
/* The elements of its tensor that a piece holds, without the gap behind it. */
gd_range gdi_audit_elements(const gd_sync *s, int64_t piece);

/* What audit.c and audit_judge.c share. Array 0: parameters; 1 + i: state i. */
int gdi_audit_arrays(const gd_sync *s);
const char *gdi_audit_array(const gd_sync *s, int array, int64_t element);
/* Do copies exist elsewhere? Then this array's checksums are part of the sum that must be equal. */
bool gdi_audit_has_copies(const gd_sync *s, int array);
/* Checksums of these pieces of an array, to sum [1 + states][pieces]. */
void gdi_audit_sum(const gd_sync *s, int array, gd_range pieces, uint64_t *sum);

#endif
