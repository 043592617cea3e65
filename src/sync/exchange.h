/* Between groups: what the files of the exchange share. */
#ifndef GDI_SYNC_EXCHANGE_H
#define GDI_SYNC_EXCHANGE_H

#include <stdatomic.h>

#include "sync/sync.h"

enum { GDI_TAG_GRADIENT = 1, GDI_TAG_PARAM };

typedef struct gdi_requests {
  gd_request **item;
  int n, room;
} gdi_requests;

/* An owner in another group to whom this rank passes its group's nodes, and the next message that it gets. */
typedef struct gdi_route {
  int owner, node;
  int64_t message;
} gdi_route;

struct gdi_exchange {
  int own, groups;
  int64_t K;              /* of the present step, and of the last one while a step begins */
  int *nodes;             /* [groups] that each sends of a slice */
  int incoming;           /* nodes that an owner receives */
  gdi_requests gradients; /* [incoming][messages] to come */
  gdi_requests others;    /* gradients sent, parameters sent and to come */
  char *received;         /* [incoming][slice] */
  char *sent;             /* merged nodes on the way */
  size_t received_room, sent_room, sent_used;

  gd_range node[GD_TREE_MAX_COVER]; /* of this group */
  gdi_route *route;
  int routes;
  gd_shared memory;
  _Atomic int64_t *reached; /* [ranks of the group] elements finished, over all its leaves of all steps */
  int64_t *before;          /* [ranks of the group] what `reached` was when this step began */
};

/* Start a message over elements r, kept in q. */
gd_status gdi_send(gd_sync *s, gdi_requests *q, const char *from, gd_range r, int to, int tag) GD_CHECKED;
/* Does this rank pass its group's nodes to this owner in another group? */
bool gdi_is_mine_to_pass(const gd_sync *s, int owner);

/* send.c: nodes on their way to owners */
gd_status gdi_send_new(gd_sync *s) GD_CHECKED;
void gdi_send_free(gd_sync *s);
gd_status gdi_send_begin(gd_sync *s) GD_CHECKED;

#endif
