/* Are the declarations of nccl_library.h those of the real nccl.h? Asked wherever a build finds one. */
#if defined GD_WITH_CUDA && __has_include(<nccl.h>)
#include <stddef.h>

#include <nccl.h>

#include "comm/nccl_library.h"

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #theirs)
SAME(GDI_NCCL_SUCCESS, ncclSuccess);
SAME(GDI_NCCL_IN_PROGRESS, ncclInProgress);
SAME(GDI_NCCL_BYTE, ncclUint8);
SAME(GDI_NCCL_F32, ncclFloat32);
SAME(GDI_NCCL_F64, ncclFloat64);
SAME(GDI_NCCL_SUM, ncclSum);
SAME(sizeof(gdi_nccl_id), sizeof(ncclUniqueId));
#define SAME_PLACE(field) SAME(offsetof(gdi_nccl_config, field), offsetof(ncclConfig_t, field))
SAME_PLACE(size);
SAME_PLACE(magic);
SAME_PLACE(version);
SAME_PLACE(blocking);

/* Each function as nccl.h has it; NCCL's own names for the two structures that are declared anew here. */
#define gdi_nccl_id     ncclUniqueId
#define gdi_nccl_config ncclConfig_t
#define X(result, name, needed, arguments)                                                                   \
  _Static_assert(__builtin_types_compatible_p(__typeof__(nccl##name), result arguments), #name);
GDI_NCCL(X)
#else
typedef int gdi_nccl_h_is_not_there; /* a file declares something */
#endif
