#include "comm/nccl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static gdi_nccl_library table;
static bool loaded;
static char why_not[200];

static bool find(void *library, const char *name, bool needed, void *slot) {
  *(void **)slot = dlsym(library, name);
  if (*(void **)slot || !needed) return true;
  snprintf(why_not, sizeof why_not, "NCCL is too old: it lacks %s", name);
  return false;
}

static bool new_enough(void) {
  if (table.GetVersion(&table.version) == GDI_NCCL_SUCCESS && table.version >= GDI_NCCL_OLDEST) return true;
  snprintf(why_not, sizeof why_not, "NCCL (version code %d) is too old: 2.14 or later is needed",
           table.version);
  return false;
}

static void load(void) {
  void *library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(why_not, sizeof why_not, "NCCL cannot be loaded (%.110s): LD_LIBRARY_PATH lacks its folder?",
             dlerror());
    return;
  }
  bool all = true;
#define X(result, name, needed, arguments) all = all && find(library, "nccl" #name, needed, &table.name);
  GDI_NCCL(X)
#undef X
  loaded = all && new_enough();
}

const gdi_nccl_library *gdi_nccl_load(const char **why) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  *why = why_not;
  return loaded ? &table : NULL;
}
