/* The emulated cuDNN: what its descriptors are to its files. */
#ifndef GDI_EMULATED_CUDNN_DESCRIPTOR_H
#define GDI_EMULATED_CUDNN_DESCRIPTOR_H

#include <cstdio>
#include <cstring>
#include <map>
#include <vector>

#include <cudnn_graph.h>

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

/* A living one, or NULL. */
Descriptor *find(void *descriptor);
/* Is it as its kind has to be, with all attributes set? Graphs, heuristics and plans are worked out. */
cudnnStatus_t check(Descriptor *d);

/* Misuse is told on stderr, what the library does not have is not; the last of either is kept. */
cudnnStatus_t refuse(cudnnStatus_t status, const char *format, ...);
#define REFUSE(...) return refuse(CUDNN_STATUS_BAD_PARAM, __VA_ARGS__)
#define CHECK(expression)                                                                                    \
  do {                                                                                                       \
    const cudnnStatus_t status_ = (expression);                                                              \
    if (status_ != CUDNN_STATUS_SUCCESS) return status_;                                                     \
  } while (0)

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

#endif
