/*
 * Reading HDF5 files: the one guarded way, for data sets and checkpoints alike. (Writing: base/h5write.h)
 *
 * Files may be damaged or hostile. Links to other files are not followed; external storage, virtual layouts, filters
 * other than deflate, shuffle and fletcher32, and plug-ins are refused; type, rank and extents are checked,
 * and declared sizes are compared with the size of the file, before anything is allocated. A damaged file can
 * still crash HDF5's parser: gdi_h5_look() lets a child process walk the file first.
 *
 * Every HDF5 call of the library is made under GDI_H5_LOCKED, so that a build of HDF5 without thread safety
 * will do. Failures carry the file, the array and HDF5's own innermost message.
 */
#ifndef GDI_BASE_H5FILE_H
#define GDI_BASE_H5FILE_H

#include <hdf5.h>

#include "gd/tensor.h"

/*
 * As the first line of a function: HDF5 is locked until it returns. Recursive. The first time, HDF5 is also
 * silenced, and plug-ins and external links are forbidden.
 */
#define GDI_H5_LOCKED __attribute__((cleanup(gdi_h5_unlock), unused)) int locked_ = gdi_h5_lock()
int gdi_h5_lock(void); /* 0 */
void gdi_h5_unlock(int *unused);

typedef struct gdi_h5 {
  hid_t id; /* <= 0: not open */
  char path[4096];
  gd_status failure; /* the status of every failure on this file: GD_ERR_DATA or GD_ERR_CHECKPOINT */
  uint64_t bytes;    /* size of the file */
} gdi_h5;

/* A call of HDF5 failed: "file: name: what: HDF5's own message". */
gd_status gdi_h5_refused(const gdi_h5 *f, const char *name, const char *what) GD_CHECKED;
/* The file is not acceptable: "file: name: ..." */
#define GDI_H5_REFUSE(f, name, fmt, ...)                                                                     \
  GD_FAIL((f)->failure, "%s: %s: " fmt, (f)->path, (name)__VA_OPT__(, ) __VA_ARGS__)

/*
 * Open the file and every array in it in a child process with limits on memory and processor time, so that a
 * file which crashes the parser crashes the child. One process per host is enough. Costs a few ms at most.
 */
gd_status gdi_h5_look(const char *path, gd_status failure) GD_CHECKED;
gd_status gdi_h5_open(gdi_h5 *f, const char *path, gd_status failure) GD_CHECKED;
void gdi_h5_close(gdi_h5 *f); /* a file that is not open is fine */

typedef struct gdi_h5_array {
  gdi_h5 *file;
  hid_t id;
  char name[256];
  bool text;       /* strings; `type` means nothing */
  bool variable;   /* strings of any length; `width` is 0 */
  bool enumerated; /* integers with names, as h5py stores bool */
  bool turned;     /* its dimensions are read in reverse */
  bool unwritten;  /* a part was never written, and reads as `fill` */
  double fill;
  gd_dtype type; /* in memory: u8, i32, i64, f32, f64: the narrowest that holds what is stored */
  size_t width;  /* bytes of one element in memory */
  int ndim;
  int64_t shape[GD_MAX_DIMS];
  int64_t n;                      /* elements */
  int64_t chunk_rows, chunk_last; /* of the first and the last dimension per chunk; 0: stored in one piece */
  bool checksummed;               /* fletcher32 */
} gdi_h5_array;

/* Is there an object of this path inside the file? Hard and soft links are followed. */
bool gdi_h5_has(gdi_h5 *f, const char *name);
bool gdi_h5_has_group(gdi_h5 *f, const char *name);
/* Is there anything of this name, were it a link to elsewhere or to nothing? */
bool gdi_h5_named(gdi_h5 *f, const char *name);
/* Why gdi_h5_has() says no. */
gd_status gdi_h5_refuse_link(gdi_h5 *f, const char *name) GD_CHECKED;
gd_status gdi_h5_array_open(gdi_h5_array *a, gdi_h5 *f, const char *name) GD_CHECKED;
/* From now on the last dimension of the file is the first, and so on: as MATLAB, Julia and Fortran count them. */
void gdi_h5_array_turn(gdi_h5_array *a);
/* Rows lo .. hi-1 of dimension 0 (of a scalar: 0 .. 1), converted to `type`. Checksums are verified. */
gd_status gdi_h5_array_read(const gdi_h5_array *a, gd_dtype type, int64_t lo, int64_t hi,
                            void *to) GD_CHECKED;
/* Names and values of an enumeration, up to `max`; 0: it is none, has more, or names too long. */
int gdi_h5_array_members(const gdi_h5_array *a, int max, int64_t value[], char (*name)[64]);
/*
 * Strings lo .. hi-1 of an array of one dimension, without padding, one after the other. HDF5 would copy strings of
 * any length without looking how much room there is: they are taken from the file itself. h5text.c
 */
typedef gd_status (*gdi_h5_visit_text)(void *user, int64_t i, const char *text);
gd_status gdi_h5_array_each_text(const gdi_h5_array *a, int64_t lo, int64_t hi, gdi_h5_visit_text visit,
                                 void *user) GD_CHECKED;
/* All strings of a text array, each NUL-padded to `width` bytes and cut to width - 1. */
gd_status gdi_h5_array_read_text(const gdi_h5_array *a, size_t width, char *to) GD_CHECKED;
void gdi_h5_array_close(gdi_h5_array *a);

/* Type and width of an array stored as `stored`. Errors: one that is not read, with what to store instead. h5type.c */
gd_status gdi_h5_check_type(gdi_h5_array *a, hid_t stored) GD_CHECKED;

/* Every array below a group ("/" for all) in the order of names; `name` is relative to the group. */
typedef gd_status (*gdi_h5_visit)(void *user, const char *name);
gd_status gdi_h5_list(gdi_h5 *f, const char *group, gdi_h5_visit visit, void *user) GD_CHECKED;

/* Attributes of an object: scalars, or fixed strings. */
bool gdi_h5_has_attr(gdi_h5 *f, const char *object, const char *name);
gd_status gdi_h5_attr_i64(gdi_h5 *f, const char *object, const char *name, int64_t *out) GD_CHECKED;
gd_status gdi_h5_attr_f64(gdi_h5 *f, const char *object, const char *name, double *out) GD_CHECKED;
gd_status gdi_h5_attr_text(gdi_h5 *f, const char *object, const char *name, char *out,
                           size_t bytes) GD_CHECKED;

/* The type that HDF5 is told about memory of `type` (bf16 is stored as u16: H5T_NATIVE_USHORT). */
hid_t gdi_h5_type(gd_dtype type);
/* Stored text in memory of `bytes`, its NUL included: the character set is kept, HDF5 converts none. */
hid_t gdi_h5_text_type(hid_t stored, size_t bytes);
/* HDF5's innermost message of the failure that just happened on this thread, "" when there is none. */
const char *gdi_h5_cause(char *buf, size_t bytes);

#endif
