/* The emulated cuDNN: graphs, the engines that compute them, and execution. cudnn.cpp says how strict it is. */
#include <cstdlib>

#include "cudnn_descriptor.h"
#include "cudnn_product.h"

/* ---- what descriptors must be ---- */

struct Form { /* of a tensor */
  int64_t id, dim[4], align;
  cudnnDataType_t type;
  bool is_virtual;
};

static size_t element_bytes(cudnnDataType_t type) {
  return type == CUDNN_DATA_DOUBLE ? 8 : type == CUDNN_DATA_FLOAT ? 4 : 2;
}

static Form form_of(const Descriptor *d) {
  Form f = {get<int64_t>(d, CUDNN_ATTR_TENSOR_UNIQUE_ID),
            {},
            get<int64_t>(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
            get<cudnnDataType_t>(d, CUDNN_ATTR_TENSOR_DATA_TYPE),
            get<bool>(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL)};
  for (int i = 0; i < 4; i++) f.dim[i] = get<int64_t>(d, CUDNN_ATTR_TENSOR_DIMENSIONS, i);
  return f;
}

static cudnnStatus_t check_tensor(const Descriptor *d) {
  const Form f = form_of(d);
  const int64_t wanted[] = {f.dim[1] * f.dim[2] * f.dim[3], 1, f.dim[3] * f.dim[1], f.dim[1]};
  for (int i = 0; i < 4; i++) {
    if (f.dim[i] < 1) REFUSE("dimension %d of a tensor is %lld", i, (long long)f.dim[i]);
    if (get<int64_t>(d, CUDNN_ATTR_TENSOR_STRIDES, i) != wanted[i])
      return refuse(CUDNN_STATUS_NOT_SUPPORTED, "a tensor whose channels are not last");
  }
  if (f.align < (int64_t)element_bytes(f.type) || (f.align & (f.align - 1)))
    REFUSE("an alignment of %lld bytes", (long long)f.align);
  return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_window(const Descriptor *d) {
  if (get<int64_t>(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS) != 2)
    REFUSE("a convolution over other than two dimensions");
  for (int i = 0; i < 2; i++)
    if (get<int64_t>(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, i) < 0 ||
        get<int64_t>(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, i) < 0 ||
        get<int64_t>(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, i) < 1 ||
        get<int64_t>(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, i) < 1)
      REFUSE("a padding, stride or dilation out of its range");
  return CUDNN_STATUS_SUCCESS;
}

/* The attributes of the passes, as OPERATION() lists them. */
static const int of_pass[3][7] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA}};
enum { KIND, WINDOW, X, W, Y, ALPHA, BETA };

static int pass_of(const Descriptor *op) {
  for (int pass = FORWARD; pass <= WEIGHTS; pass++)
    if (of_pass[pass][KIND] == (int)op->kind) return pass;
  return -1;
}

static double scale_of(const Descriptor *op, int attribute) {
  return op->values.at(attribute).type == CUDNN_TYPE_DOUBLE ? get<double>(op, attribute)
                                                            : get<float>(op, attribute);
}

/* Extents that fit each other, types that the library has. */
static cudnnStatus_t convolution_of(const Descriptor *op, Convolution *v) {
  const int *a = of_pass[pass_of(op)];
  const Descriptor *window = part(op, a[WINDOW]);
  const Form x = form_of(part(op, a[X])), w = form_of(part(op, a[W])), y = form_of(part(op, a[Y]));
  const auto sums = get<cudnnDataType_t>(window, CUDNN_ATTR_CONVOLUTION_COMP_TYPE);
  *v = Convolution{};
  v->pass = pass_of(op), v->type = x.type, v->n = x.dim[0], v->c = x.dim[1], v->k = w.dim[0];
  v->groups = w.dim[1] ? x.dim[1] / w.dim[1] : 0;
  v->alpha = scale_of(op, a[ALPHA]), v->beta = scale_of(op, a[BETA]);
  if (v->groups < 1 || x.dim[1] % w.dim[1] || v->k % v->groups || y.dim[1] != v->k || y.dim[0] != v->n)
    REFUSE("channels or images do not fit");
  for (int i = 0; i < 2; i++) {
    v->in[i] = x.dim[2 + i], v->out[i] = y.dim[2 + i], v->r[i] = w.dim[2 + i];
    v->pre[i] = get<int64_t>(window, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, i);
    v->stride[i] = get<int64_t>(window, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, i);
    v->dilation[i] = get<int64_t>(window, CUDNN_ATTR_CONVOLUTION_DILATIONS, i);
    const int64_t room = v->in[i] + v->pre[i] +
                         get<int64_t>(window, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, i) -
                         v->dilation[i] * (v->r[i] - 1) - 1;
    if (room < 0 || v->out[i] != room / v->stride[i] + 1) REFUSE("y does not fit x and the window");
  }
  if (sums != (x.type == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT))
    REFUSE("sums of type %d", sums);
  if (op->values.at(a[ALPHA]).type != (sums == CUDNN_DATA_DOUBLE ? CUDNN_TYPE_DOUBLE : CUDNN_TYPE_FLOAT))
    REFUSE("alpha is not of the type of sums");
  return x.type == w.type && (y.is_virtual ? y.type == sums : y.type == x.type)
             ? CUDNN_STATUS_SUCCESS
             : refuse(CUDNN_STATUS_NOT_SUPPORTED, "tensors of several types");
}

/* A convolution alone, or forward + bias (+ relu), each taking what the one before left virtual. */
static cudnnStatus_t graph_of(const Descriptor *graph, Convolution *v, std::map<int64_t, Form> *stored) {
  const int64_t n = graph->values.at(CUDNN_ATTR_OPERATIONGRAPH_OPS).n;
  const Descriptor *op = part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS);
  if (pass_of(op) < 0) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "a graph that begins with no convolution");
  CHECK(convolution_of(op, v));
  const int *a = of_pass[v->pass];
  std::vector<const Descriptor *> tensors = {part(op, a[X]), part(op, a[W]), part(op, a[Y])};
  for (int64_t i = 1; i < n; i++) {
    const Descriptor *p = part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, i),
                     *b = part(p, CUDNN_ATTR_OPERATION_POINTWISE_BDESC),
                     *from = part(p, CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
    if (p->kind != CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR || v->pass != FORWARD ||
        (b != nullptr) != (i == 1) ||
        get<int>(part(p, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR), CUDNN_ATTR_POINTWISE_MODE) !=
            (b ? CUDNN_POINTWISE_ADD : CUDNN_POINTWISE_RELU_FWD))
      return refuse(CUDNN_STATUS_NOT_SUPPORTED, "operation %lld of a graph", (long long)i);
    if (from != tensors.back() || !form_of(from).is_virtual) REFUSE("operations that are not connected");
    if (b && (form_of(b).dim[1] != v->k || form_of(b).dim[0] != 1 || form_of(b).dim[2] != 1 ||
              form_of(b).dim[3] != 1))
      REFUSE("a bias of another shape");
    if (b && form_of(b).type != v->type) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "a bias of another type");
    if (b) tensors.insert(tensors.begin(), b);
    tensors.push_back(part(p, CUDNN_ATTR_OPERATION_POINTWISE_YDESC));
    v->relu = !b;
  }
  for (const Descriptor *t : tensors) {
    const Form f = form_of(t);
    if (f.is_virtual) continue;
    if (stored->count(f.id)) REFUSE("two tensors are called %lld", (long long)f.id);
    (*stored)[f.id] = f;
  }
  return form_of(tensors.back()).is_virtual ? refuse(CUDNN_STATUS_BAD_PARAM, "the result is virtual")
                                            : CUDNN_STATUS_SUCCESS;
}

/* ---- engines ---- */

enum { IN_NO_ORDER, ROUNDS, TENSOR_CORES, PLAIN, ENGINES };
enum { WORKSPACE = 4096, WORKSPACE_ALIGN = 256 };

static bool is(const char *variable, const char *value) {
  const char *text = getenv(variable);
  return text && strcmp(text, value) == 0;
}

static cudnnStatus_t look(Descriptor *heuristics) {
  Convolution v;
  std::map<int64_t, Form> stored;
  CHECK(graph_of(part(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH), &v, &stored));
  const bool fused = stored.size() > 3;
  if (is("GDTRAIN_EMULATED_NO_ENGINE", "all") || (fused && is("GDTRAIN_EMULATED_NO_ENGINE", "fused")))
    return CUDNN_STATUS_SUCCESS;
  if (get<int>(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE) == CUDNN_HEUR_MODE_FALLBACK)
    heuristics->found = {IN_NO_ORDER, PLAIN};
  else if (v.type == CUDNN_DATA_DOUBLE)
    heuristics->found = {IN_NO_ORDER};
  else
    heuristics->found = {IN_NO_ORDER, ROUNDS, TENSOR_CORES};
  return CUDNN_STATUS_SUCCESS;
}

static const Descriptor *graph_of_configuration(const Descriptor *configuration) {
  return part(configuration, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
}

static cudnnStatus_t check_plan(Descriptor *plan) {
  const Descriptor *configuration = part(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  Convolution v;
  std::map<int64_t, Form> stored;
  plan->engine = configuration->engine;
  CHECK(graph_of(graph_of_configuration(configuration), &v, &stored));
  for (const auto &at : stored)
    if (plan->engine == TENSOR_CORES && at.second.align < 16)
      return refuse(CUDNN_STATUS_NOT_SUPPORTED, "tensor %lld is not aligned enough", (long long)at.first);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check(Descriptor *d) {
  Convolution v;
  std::map<int64_t, Form> stored;
  switch (d->kind) {
  case CUDNN_BACKEND_TENSOR_DESCRIPTOR: return check_tensor(d);
  case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR: return check_window(d);
  case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR: return graph_of(d, &v, &stored);
  case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR: return look(d);
  case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: return check_plan(d);
  default: return pass_of(d) < 0 ? CUDNN_STATUS_SUCCESS : convolution_of(d, &v);
  }
}

/* ---- answers ---- */

/* Configurations and engines are made by who asks, and filled in here. */
static void fill(Descriptor *to, int engine, const Descriptor *graph) {
  const char *bytes = (const char *)&graph;
  to->engine = engine, to->finalized = true;
  to->values[CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH] =
      Value{CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, std::vector<char>(bytes, bytes + sizeof graph)};
}

static cudnnStatus_t give(const Descriptor *graph, const std::vector<int> &engines,
                          cudnnBackendDescriptorType_t kind, int64_t room, int64_t *n, void *values) {
  *n = (int64_t)engines.size();
  if (room == 0) return CUDNN_STATUS_SUCCESS;
  if (*n > room) *n = room;
  for (int64_t i = 0; i < *n; i++) {
    Descriptor *to = find(((void **)values)[i]);
    if (!to || to->kind != kind) REFUSE("no descriptor for an answer");
    fill(to, engines[(size_t)i], graph);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                       cudnnBackendAttributeName_t attribute,
                                       cudnnBackendAttributeType_t type, int64_t room, int64_t *n,
                                       void *values) {
  static const std::vector<cudnnBackendNumericalNote_t> notes[ENGINES] = {
      {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC},
      {CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION},
      {CUDNN_NUMERICAL_NOTE_TENSOR_CORE},
      {}};
  const Descriptor *d = find(descriptor);
  if (!d || !d->finalized || !n) REFUSE("attribute %d of a descriptor that is not finalized", attribute);
  switch (attribute) {
  case CUDNN_ATTR_ENGINEHEUR_RESULTS:
    return give(part(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH), d->found, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
                room, n, values);
  case CUDNN_ATTR_ENGINECFG_ENGINE:
    return give(graph_of_configuration(d), {d->engine}, CUDNN_BACKEND_ENGINE_DESCRIPTOR, room, n, values);
  case CUDNN_ATTR_ENGINE_NUMERICAL_NOTE:
    *n = (int64_t)notes[d->engine].size();
    if (type != CUDNN_TYPE_NUMERICAL_NOTE || room < *n) REFUSE("room for %lld notes", (long long)room);
    for (int64_t i = 0; i < *n; i++) ((cudnnBackendNumericalNote_t *)values)[i] = notes[d->engine][(size_t)i];
    return CUDNN_STATUS_SUCCESS;
  case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
    if (type != CUDNN_TYPE_INT64 || room < 1) REFUSE("the size of a workspace is one int64");
    *(int64_t *)values = d->engine == TENSOR_CORES ? WORKSPACE : 0;
    *n = 1;
    return CUDNN_STATUS_SUCCESS;
  default: REFUSE("attribute %d is not to be read", attribute);
  }
}

/* ---- execution ---- */

static bool all_live(const Descriptor *d) {
  for (const auto &at : d->values)
    for (int64_t i = 0; at.second.type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < at.second.n; i++) {
      const Descriptor *other = part(d, at.first, i);
      if (!find((void *)other) || !all_live(other)) return false;
    }
  return true;
}

static cudnnStatus_t take_pointers(const Descriptor *pack, const std::map<int64_t, Form> &stored,
                                   std::map<int64_t, void *> *to) {
  const int64_t n = pack->values.at(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS).n;
  if (n != pack->values.at(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).n || n != (int64_t)stored.size())
    REFUSE("%lld tensors for a graph of %zu", (long long)n, stored.size());
  for (int64_t i = 0; i < n; i++) {
    const int64_t id = get<int64_t>(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, i);
    void *at = get<void *>(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, i);
    if (!stored.count(id)) REFUSE("the graph has no tensor %lld", (long long)id);
    if (!at || (uintptr_t)at % (uintptr_t)stored.at(id).align)
      REFUSE("tensor %lld is not aligned as it said", (long long)id);
    (*to)[id] = at;
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan_,
                                  cudnnBackendDescriptor_t pack_) {
  static int64_t calls;
  const Descriptor *plan = find(plan_), *pack = find(pack_);
  Convolution v;
  std::map<int64_t, Form> stored;
  std::map<int64_t, void *> at;
  if (!handle || !plan || !pack || !plan->finalized || !pack->finalized)
    REFUSE("a plan or a pack that is not finalized");
  if (!all_live(plan)) REFUSE("a plan whose parts were destroyed");
  const Descriptor *graph = graph_of_configuration(part(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)),
                   *op = part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS), *last = op;
  CHECK(graph_of(graph, &v, &stored));
  CHECK(take_pointers(pack, stored, &at));
  const int *a = of_pass[v.pass];
  const int64_t n = graph->values.at(CUDNN_ATTR_OPERATIONGRAPH_OPS).n;
  if (n > 1) {
    last = part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, n - 1);
    const Descriptor *add = part(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, 1);
    v.bias = at[form_of(part(add, CUDNN_ATTR_OPERATION_POINTWISE_BDESC)).id];
  }
  v.x = at[form_of(part(op, a[X])).id], v.w = at[form_of(part(op, a[W])).id];
  v.y = at[form_of(part(last, n > 1 ? CUDNN_ATTR_OPERATION_POINTWISE_YDESC : a[Y])).id];
  v.workspace_bytes = plan->engine == TENSOR_CORES ? WORKSPACE : 0;
  v.workspace = get<void *>(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  if (v.workspace_bytes && (!v.workspace || (uintptr_t)v.workspace % WORKSPACE_ALIGN))
    REFUSE("a workspace at %p", v.workspace);
  v.tf32 = plan->engine == TENSOR_CORES && v.type == CUDNN_DATA_FLOAT, v.rounds_sums = plan->engine == ROUNDS;
  v.first = plan->engine == IN_NO_ORDER ? calls++ : 0;
  return gdi_emulated_enqueue(handle->stream, "cudnnBackendExecute", run, &v, sizeof v) == cudaSuccess
             ? CUDNN_STATUS_SUCCESS
             : CUDNN_STATUS_EXECUTION_FAILED;
}
