/* The address sanitizer, where the build has it: GDI_ASAN. */
#ifndef GDI_EMULATOR_ASAN_H
#define GDI_EMULATOR_ASAN_H

#ifdef __SANITIZE_ADDRESS__
#define GDI_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GDI_ASAN
#endif
#endif

#ifdef GDI_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#endif
