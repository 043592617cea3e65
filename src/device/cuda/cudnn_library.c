#include "device/cuda/cudnn_library.h"

#include <dlfcn.h>
#include <pthread.h>

static gdi_cudnn_library table;
static bool loaded;

static bool find(void *library, const char *name, void *slot) {
  *(void **)slot = dlsym(library, name);
  return *(void **)slot != NULL;
}

/* Earlier libraries have other status codes. */
static void load(void) {
  void *library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  bool all = true;
#define X(result, name, arguments) all = all && find(library, "cudnn" #name, &table.name);
  GDI_CUDNN(X)
#undef X
  loaded = all;
  if (loaded) table.version = table.GetVersion();
}

const gdi_cudnn_library *gdi_cudnn_load(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  return loaded ? &table : NULL;
}
