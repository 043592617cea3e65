/* Graphs: captured work that is queued again and again. */
#include <algorithm>

#include "emulator.h"

using namespace emulated;

/* An order that the dependencies allow, as unlike the captured one as they do: the latest first. */
static std::vector<size_t> replay_order(const std::vector<CUgraphNode_st> &nodes) {
  Settings &s = machine().settings;
  std::vector<size_t> order, waits, ready;
  for (size_t i = 0; i < nodes.size(); i++) {
    waits.push_back(nodes[i].after.size());
    if (waits[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    auto pick = std::max_element(ready.begin(), ready.end());
    if (s.order == Order::random) pick = ready.begin() + (long)(s.random() % ready.size());
    const size_t node = *pick;
    ready.erase(pick);
    order.push_back(node);
    for (size_t i = node + 1; i < nodes.size(); i++)
      if (std::count(nodes[i].after.begin(), nodes[i].after.end(), node) && --waits[i] == 0)
        ready.push_back(i);
  }
  return order;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags) {
  return call([=] {
    if (flags & ~(unsigned long long)cudaGraphInstantiateFlagUseNodePriority) return cudaErrorInvalidValue;
    if (!machine().graphs.count(graph)) return cudaErrorInvalidValue;
    *exec = new CUgraphExec_st{graph->nodes, nullptr};
    machine().execs.insert(*exec);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (!machine().execs.count(exec)) return cudaErrorInvalidValue;
    if (s->capture) return cudaErrorNotSupported; /* a graph within a graph */
    /* Launches of one graph follow one another, in whatever stream. */
    TRY(submit(s, {cudaGraphNodeTypeEmpty, Access::by_itself, [] { return cudaSuccess; }}, {exec->last}));
    for (size_t i : replay_order(exec->nodes)) TRY(submit(s, exec->nodes[i].work));
    exec->last = s->last;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return call([=] {
    if (!machine().execs.erase(exec)) return cudaErrorInvalidValue;
    delete exec;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call([=] {
    if (!machine().graphs.erase(graph)) return cudaErrorInvalidValue;
    delete graph;
    return cudaSuccess;
  });
}

/* nodes NULL: how many there are; otherwise the first *n, and NULL for those beyond the last. */
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n) {
  return call([=] {
    if (!machine().graphs.count(graph) || !n) return cudaErrorInvalidValue;
    const size_t count = graph->nodes.size();
    for (size_t i = 0; nodes && i < *n; i++) nodes[i] = i < count ? &graph->nodes[i] : nullptr;
    *n = nodes ? std::min(*n, count) : count;
    return cudaSuccess;
  });
}

/* from and to NULL: how many there are; otherwise the first *n. No edge has data, so that all are zero. */
cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t *from, cudaGraphNode_t *to,
                              cudaGraphEdgeData *data, size_t *n) {
  return call([=] {
    if (!machine().graphs.count(graph) || !n || !from != !to) return cudaErrorInvalidValue;
    size_t count = 0;
    for (CUgraphNode_st &node : graph->nodes)
      for (size_t a : node.after) {
        const size_t i = count++;
        if (!from || i >= *n) continue;
        from[i] = &graph->nodes[a], to[i] = &node;
        if (data) data[i] = {};
      }
    *n = from ? std::min(*n, count) : count;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType *type) {
  return call([=] {
    *type = node->work.type;
    return cudaSuccess;
  });
}
