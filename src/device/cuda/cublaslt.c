#include "device/cuda/cublaslt.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

enum { TOOLKIT = CUDART_VERSION / 1000, OLDEST = 12 };

static gdi_cublaslt table;
static bool loaded;
static char why[256]; /* not */

static bool find(void *library, const char *name, void *slot) {
  *(void **)slot = dlsym(library, name);
  if (*(void **)slot) return true;
  snprintf(why, sizeof why, "%.200s", dlerror());
  return false;
}

/* The toolkit's own version first; with the run time of a later one, an earlier library works as well. */
static void load(void) {
  void *library = NULL;
  for (int version = TOOLKIT; version >= OLDEST && !library; version--) {
    char name[32];
    snprintf(name, sizeof name, "libcublasLt.so.%d", version);
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library && !why[0]) snprintf(why, sizeof why, "%.200s", dlerror());
  }
  if (!library) return;
  loaded = true;
#define X(name) loaded = loaded && find(library, "cublasLt" #name, &table.name);
  GDI_CUBLASLT(X)
#undef X
}

gd_status gdi_cublaslt_load(const gd_device *d, const gdi_cublaslt **out) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  *out = &table;
  if (loaded) return GD_OK;
  return GD_FAIL(
      GD_ERR_GPU,
      "GPU %d: cuBLASLt, which its matrix products need, cannot be loaded (%s): install CUDA's cuBLAS "
      "(libcublas-%d-0), or add its folder to LD_LIBRARY_PATH",
      d->index, why, TOOLKIT);
}
