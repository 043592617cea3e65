/*
 * cuDNN's graph API for the emulated GPU: convolutions alone, or with a bias and relu behind them, by plain loops, and strict
 * about how it is asked. Attributes belong to one kind of descriptor, have one type and number, and are set before it is
 * finalized; what it refers to is finalized already and lives as long as it is used. Tensors are channels last, of one type,
 * and aligned as they said.
 *
 * The heuristic's first engines are those that must not be taken: one that adds in another order at every call, one that rounds
 * sums. One with tensor cores needs aligned operands and takes f32 as tf32; the plain one is left to the fallback.
 *
 *   GDTRAIN_EMULATED_NO_ENGINE=fused|all   heuristics find none for them
 */
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "cudnn_product.h"

struct cudnnContext {
  cudaStream_t stream;
};

struct Value {
  cudnnBackendAttributeType_t type;
  int64_t n;
  std::vector<char> bytes;
};

struct Descriptor {
  cudnnBackendDescriptorType_t kind;
  bool finalized = false;
  std::map<int, Value> values = {};
  int engine = -1;             /* of engines, their configurations and plans */
  std::vector<int> found = {}; /* of heuristics */
};

static std::set<Descriptor *> living,
    missed; /* destroyed, but others refer to them: their addresses are not used again */
static std::string last_error;

static cudnnStatus_t refuse(cudnnStatus_t status, const char *format, ...) {
  char text[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  last_error = text;
  if (status == CUDNN_STATUS_BAD_PARAM) fprintf(stderr, "emulated cuDNN: %s\n", text);
  return status;
}
#define REFUSE(...) return refuse(CUDNN_STATUS_BAD_PARAM, __VA_ARGS__)
#define CHECK(expression)                                                                                    \
  do {                                                                                                       \
    const cudnnStatus_t status_ = (expression);                                                              \
    if (status_ != CUDNN_STATUS_SUCCESS) return status_;                                                     \
  } while (0)

/* ---- the library ---- */

size_t cudnnGetVersion(void) {
  return 91900;
}

const char *cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
  case CUDNN_STATUS_SUCCESS: return "CUDNN_STATUS_SUCCESS";
  case CUDNN_STATUS_NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
  case CUDNN_STATUS_BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
  case CUDNN_STATUS_NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
  case CUDNN_STATUS_INTERNAL_ERROR: return "CUDNN_STATUS_INTERNAL_ERROR";
  case CUDNN_STATUS_EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
  }
  return "CUDNN_STATUS_UNKNOWN";
}

void cudnnGetLastErrorString(char *message, size_t bytes) {
  snprintf(message, bytes, "%s", last_error.c_str());
  last_error.clear();
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
  int device;
  if (cudaGetDevice(&device) != cudaSuccess) return CUDNN_STATUS_NOT_INITIALIZED;
  *handle = new cudnnContext{nullptr};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (!handle) REFUSE("no handle");
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

/* ---- attributes ---- */

struct Rule {
  int kind, attribute, type;
  int64_t least, most;
  bool needed;
};

#define OPERATION(kind, CONVOLUTION, X, W, Y, ALPHA, BETA)                                                   \
  {kind, CONVOLUTION, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true},                                            \
      {kind, X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true},                                                  \
      {kind, W, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true},                                                  \
      {kind, Y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true}, {kind, ALPHA, -1, 1, 1, true}, {                 \
    kind, BETA, -1, 1, 1, true                                                                               \
  }
static const Rule rules[] = {
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, 1, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, 1, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, 4, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, 4, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, 1, true},
    {CUDNN_BACKEND_TENSOR_DESCRIPTOR, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, 1, false},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, 1,
     true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1,
     1, true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, 1, true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, 2, true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, 2,
     true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, 2,
     true},
    {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, 2, true},
    OPERATION(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA),
    OPERATION(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA),
    OPERATION(
        CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
        CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA),
    {CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, 1, true},
    {CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, 1, true},
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true},
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true},
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, false},
    {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true},
    {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, 1,
     true},
    {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
     3, true},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true},
    {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, 1, true},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, 1,
     true},
    {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, 1, true},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 1, 8, true},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 1, 8,
     true},
    {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, 1,
     true},
};

static size_t bytes_of(cudnnBackendAttributeType_t type) {
  switch (type) {
  case CUDNN_TYPE_BOOLEAN: return sizeof(bool);
  case CUDNN_TYPE_DATA_TYPE:
  case CUDNN_TYPE_CONVOLUTION_MODE:
  case CUDNN_TYPE_HEUR_MODE:
  case CUDNN_TYPE_NUMERICAL_NOTE:
  case CUDNN_TYPE_POINTWISE_MODE: return sizeof(int);
  case CUDNN_TYPE_FLOAT: return sizeof(float);
  default: return 8;
  }
}

static Descriptor *find(void *descriptor) {
  Descriptor *d = (Descriptor *)descriptor;
  return living.count(d) ? d : nullptr;
}

/* Element i of an attribute that is there. */
template <typename T> static T get(const Descriptor *d, int attribute, int64_t i = 0) {
  T value = {};
  const auto at = d->values.find(attribute);
  if (at != d->values.end()) memcpy(&value, at->second.bytes.data() + (size_t)i * sizeof(T), sizeof(T));
  return value;
}
static Descriptor *part(const Descriptor *d, int attribute, int64_t i = 0) {
  return get<Descriptor *>(d, attribute, i);
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t kind, cudnnBackendDescriptor_t *out) {
  Descriptor *d = new Descriptor{kind};
  living.insert(d);
  *out = d;
  return CUDNN_STATUS_SUCCESS;
}

static bool is_missed(const Descriptor *d) {
  for (const Descriptor *other : living)
    for (const auto &at : other->values)
      for (int64_t i = 0; at.second.type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < at.second.n; i++)
        if (part(other, at.first, i) == d) return true;
  return false;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  Descriptor *d = find(descriptor);
  if (!d) REFUSE("a descriptor that is not there is destroyed");
  living.erase(d);
  if (d->kind != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR && is_missed(d))
    missed.insert(d);
  else
    delete d;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t attribute,
                                       cudnnBackendAttributeType_t type, int64_t n, const void *values) {
  Descriptor *d = find(descriptor);
  const Rule *rule = nullptr;
  if (!d || !values) REFUSE("no descriptor or no values");
  if (d->finalized) REFUSE("attribute %d of a finalized descriptor", attribute);
  for (const Rule &r : rules)
    if (r.kind == (int)d->kind && r.attribute == (int)attribute) rule = &r;
  if (!rule) REFUSE("a descriptor of kind %d has no attribute %d", d->kind, attribute);
  const bool scale = rule->type < 0 && (type == CUDNN_TYPE_FLOAT || type == CUDNN_TYPE_DOUBLE);
  if (!scale && rule->type != (int)type) REFUSE("attribute %d is no %d", attribute, type);
  if (n < rule->least || n > rule->most) REFUSE("attribute %d with %lld values", attribute, (long long)n);
  for (int64_t i = 0; type == CUDNN_TYPE_BACKEND_DESCRIPTOR && i < n; i++) {
    const Descriptor *other = find(((void *const *)values)[i]);
    if (!other || !other->finalized) REFUSE("attribute %d is a descriptor that is not finalized", attribute);
  }
  const char *from = (const char *)values;
  d->values[attribute] = Value{type, n, std::vector<char>(from, from + (size_t)n * bytes_of(type))};
  return CUDNN_STATUS_SUCCESS;
}

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

static cudnnStatus_t check(Descriptor *d) {
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

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  Descriptor *d = find(descriptor);
  if (!d || d->finalized) REFUSE("a descriptor that is not there, or finalized already");
  for (const Rule &r : rules)
    if (r.kind == (int)d->kind && r.needed && !d->values.count(r.attribute))
      REFUSE("attribute %d is not set", r.attribute);
  CHECK(check(d));
  d->finalized = true;
  return CUDNN_STATUS_SUCCESS;
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
      if (!living.count((Descriptor *)other) || !all_live(other)) return false;
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
