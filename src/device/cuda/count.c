/* Recorded work, counted: its kernels, and those of the longest way through it, one after the other. */
#include <stdlib.h>

#include "device/cuda/queue.h"

typedef struct picture {
  size_t nodes, edges;
  cudaGraphNode_t *node, *from, *to; /* [nodes] by address; [edges] */
  size_t *first, *next;              /* [nodes + 1] first edge that leaves a node; [edges] where those lead */
  size_t *waits, *ready;             /* [nodes] edges to it that are not counted yet; those without any */
  int *way;                          /* [nodes] kernels of the longest way to it; with it, once counted */
} picture;

/* What edges say more than from where to where must have room, or the library does not answer. */
#if CUDART_VERSION >= 13000
#define GET_EDGES cudaGraphGetEdges
#elif CUDART_VERSION >= 12030
#define GET_EDGES cudaGraphGetEdges_v2
#else
typedef char cudaGraphEdgeData;
#define GET_EDGES(graph, from, to, data, n) ((void)(data), cudaGraphGetEdges(graph, from, to, n))
#endif

static gd_status edges_of(const gd_device *d, cudaGraph_t graph, picture *p, cudaGraphEdgeData *data) {
  return gdi_cuda_check(d, GET_EDGES(graph, p->from, p->to, data, &p->edges), "cudaGraphGetEdges");
}

static int by_address(const void *a, const void *b) {
  const cudaGraphNode_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static size_t number_of(const picture *p, cudaGraphNode_t node) {
  return (size_t)((cudaGraphNode_t *)bsearch(&node, p->node, p->nodes, sizeof node, by_address) - p->node);
}

static gd_status look(const gd_device *d, cudaGraph_t graph, gd_arena *a, picture *p) {
  GD_TRY(GDI_CUDA(d, cudaGraphGetNodes(graph, NULL, &p->nodes)));
  GD_TRY(edges_of(d, graph, p, NULL));
  p->node = gd_arena_alloc(a, (p->nodes + 1) * sizeof *p->node);
  p->from = gd_arena_alloc(a, (p->edges + 1) * sizeof *p->from);
  p->to = gd_arena_alloc(a, (p->edges + 1) * sizeof *p->to);
  p->first = gd_arena_zalloc(a, (p->nodes + 1) * sizeof *p->first);
  p->next = gd_arena_alloc(a, (p->edges + 1) * sizeof *p->next);
  p->waits = gd_arena_zalloc(a, (p->nodes + 1) * sizeof *p->waits);
  p->ready = gd_arena_alloc(a, (p->nodes + 1) * sizeof *p->ready);
  p->way = gd_arena_zalloc(a, (p->nodes + 1) * sizeof *p->way);
  cudaGraphEdgeData *data = gd_arena_alloc(a, (p->edges + 1) * sizeof *data);
  if (!p->node || !p->from || !p->to || !p->first || !p->next || !p->waits || !p->ready || !p->way || !data)
    return GD_ERR_OOM;
  GD_TRY(GDI_CUDA(d, cudaGraphGetNodes(graph, p->node, &p->nodes)));
  return edges_of(d, graph, p, data);
}

/* Edges in the order of the nodes that they leave. */
static void sort(picture *p) {
  qsort(p->node, p->nodes, sizeof *p->node, by_address);
  for (size_t i = 0; i < p->edges; i++) p->first[number_of(p, p->from[i])]++;
  for (size_t i = 1; i <= p->nodes; i++) p->first[i] += p->first[i - 1];
  for (size_t i = 0; i < p->edges; i++) {
    const size_t to = number_of(p, p->to[i]);
    p->next[--p->first[number_of(p, p->from[i])]] = to;
    p->waits[to]++;
  }
}

/* A node is counted when all that lead to it are. */
static gd_status walk(const gd_device *d, picture *p, int *kernels, int *longest) {
  size_t ready = 0;
  for (size_t i = 0; i < p->nodes; i++)
    if (p->waits[i] == 0) p->ready[ready++] = i;
  for (size_t k = 0; k < ready; k++) {
    const size_t i = p->ready[k];
    enum cudaGraphNodeType type;
    GD_TRY(GDI_CUDA(d, cudaGraphNodeGetType(p->node[i], &type)));
    *kernels += type == cudaGraphNodeTypeKernel;
    p->way[i] += type == cudaGraphNodeTypeKernel;
    if (p->way[i] > *longest) *longest = p->way[i];
    for (size_t e = p->first[i]; e < p->first[i + 1]; e++) {
      const size_t to = p->next[e];
      if (p->way[to] < p->way[i]) p->way[to] = p->way[i];
      if (--p->waits[to] == 0) p->ready[ready++] = to;
    }
  }
  return GD_OK;
}

gd_status gdi_cuda_graph_count(const gd_device *d, cudaGraph_t graph, int *kernels, int *longest) {
  gd_arena *a;
  picture p = {0};
  *kernels = *longest = 0;
  GD_TRY(gd_arena_new(&a, "recorded work"));
  gd_status st = look(d, graph, a, &p);
  if (st == GD_OK) sort(&p);
  if (st == GD_OK) st = walk(d, &p, kernels, longest);
  gd_arena_free(a);
  return st;
}
