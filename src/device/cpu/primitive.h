/*
 * oneDNN's primitives, prepared once for each shape and thread. Only onednn*.c and primitive.c include this and call
 * oneDNN, so that its versions 2 and 3 differ in few places.
 */
#ifndef GDI_CPU_PRIMITIVE_H
#define GDI_CPU_PRIMITIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include <dnnl.h>

/* oneDNN 3 made descriptors opaque and folded the operation into the primitive's description. */
#if DNNL_VERSION_MAJOR >= 3
#define GDI_DESC(d) (d)
typedef const_dnnl_memory_desc_t gdi_descriptor;
#else
#define GDI_DESC(d) (&(d))
typedef const dnnl_memory_desc_t *gdi_descriptor;
#endif
void gdi_descriptor_free(dnnl_memory_desc_t d);

enum { GDI_KEY_WORDS = 24, GDI_MAX_OPERANDS = 4 };
enum { GDI_KEY_PRODUCT = 1, GDI_KEY_CONV, GDI_KEY_PACK };

/* What tells primitives apart: which kind, and its extents. */
typedef struct gdi_primitive_key {
  int64_t word[GDI_KEY_WORDS];
} gdi_primitive_key;

/* A primitive with the memory objects that say where its operands are. */
typedef struct gdi_primitive {
  gdi_primitive_key key;
  dnnl_primitive_t primitive;
  int n, arg[GDI_MAX_OPERANDS];
  dnnl_memory_t operand[GDI_MAX_OPERANDS], scratch;
  size_t scratch_bytes;
  size_t packed_bytes; /* of a convolution: its weights as it takes them */
  bool reference;      /* of a convolution: the plain loops that oneDNN falls back to */
} gdi_primitive;

/* What a thread keeps for its primitives; freed when the thread ends. */
typedef struct gdi_workshop gdi_workshop;

/* The calling thread's; the first call makes it the only thread that oneDNN uses, of which its bits depend. */
dnnl_status_t gdi_workshop_get(gdi_workshop **out);

typedef dnnl_status_t (*gdi_prepare)(gdi_primitive *r, dnnl_engine_t engine, const void *what);
/* The primitive of that key; when there is none yet, prepare(r, engine, what) makes it by the next two functions. */
dnnl_status_t gdi_primitive_find(gdi_primitive **out, gdi_workshop *w, const gdi_primitive_key *key,
                                 gdi_prepare prepare, const void *what);
/* From a description made with scratchpads of the user. */
dnnl_status_t gdi_primitive_make(gdi_primitive *r, dnnl_primitive_desc_t description, dnnl_engine_t engine);
/* Its next operand, DNNL_ARG_SRC ...; their order is that of gdi_primitive_run()'s data. */
dnnl_status_t gdi_primitive_operand(gdi_primitive *r, int arg, gdi_descriptor d, dnnl_engine_t engine);
dnnl_status_t gdi_primitive_run(gdi_primitive *r, gdi_workshop *w, const void *const data[]);

#endif
