/* Are the declarations of cudnn_library.h those of the real cudnn.h? Asked wherever a build finds one of version 9. */
#if __has_include(<cudnn_graph.h>)
#include <cudnn_graph.h>

#include "device/cuda/cudnn_library.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #theirs)
SAME(GDI_CUDNN_SUCCESS, CUDNN_STATUS_SUCCESS);
SAME(GDI_CUDNN_NOT_SUPPORTED, CUDNN_STATUS_NOT_SUPPORTED);
SAME(GDI_CUDNN_INTERNAL_ERROR, CUDNN_STATUS_INTERNAL_ERROR);
#define X(name, theirs, value) SAME(GDI_CUDNN_##name, theirs);
GDI_CUDNN_NUMBERS(X)
#undef X
#define X(result, name, arguments)                                                                           \
  _Static_assert(__builtin_types_compatible_p(__typeof__(cudnn##name), result arguments), #name);
GDI_CUDNN(X)
#else
typedef int gdi_cudnn_h_is_not_there; /* a file declares something */
#endif
