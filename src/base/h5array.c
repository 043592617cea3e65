/* Arrays of an HDF5 file: what they declare is checked before anything is allocated. */
#include "base/h5file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/turn.h"

enum { MAX_CHUNK_BYTES = 1 << 28, MAX_DEFLATE_RATIO = 1032, MAX_UNWRITTEN_BYTES = 1 << 28 };

hid_t gdi_h5_type(gd_dtype type) {
  switch (type) {
  case GD_F32: return H5T_NATIVE_FLOAT;
  case GD_F64: return H5T_NATIVE_DOUBLE;
  case GD_BF16: return H5T_NATIVE_USHORT;
  case GD_I32: return H5T_NATIVE_INT32;
  case GD_I64: return H5T_NATIVE_INT64;
  case GD_U8: return H5T_NATIVE_UINT8;
  }
  return H5I_INVALID_HID;
}

static gd_status check_shape(gdi_h5_array *a, hid_t space, size_t stored_width) {
  hsize_t extent[H5S_MAX_RANK];
  a->ndim = H5Sget_simple_extent_ndims(space);
  if (H5Sget_simple_extent_type(space) == H5S_NULL || a->ndim < 0 || a->ndim > GD_MAX_DIMS)
    return GDI_H5_REFUSE(a->file, a->name, "it has %d dimensions; 0 to %d are possible", a->ndim,
                         GD_MAX_DIMS);
  if (a->ndim > 0 && H5Sget_simple_extent_dims(space, extent, NULL) < 0)
    return gdi_h5_refused(a->file, a->name, "its shape cannot be read");
  size_t width = a->width > stored_width ? a->width : stored_width;
  uint64_t most = INT64_MAX / (width * sizeof(double)), n = 1;
  for (int d = 0; d < a->ndim; d++) {
    if (extent[d] > 0 && n > most / extent[d])
      return GDI_H5_REFUSE(a->file, a->name, "its shape is impossibly large");
    a->shape[d] = (int64_t)extent[d];
    n *= extent[d];
  }
  a->n = (int64_t)n;
  return GD_OK;
}

static const char *filter_name(H5Z_filter_t filter) {
  static const struct {
    H5Z_filter_t filter;
    const char *name;
  } known[] = {{H5Z_FILTER_SZIP, "szip"},
               {H5Z_FILTER_NBIT, "nbit"},
               {H5Z_FILTER_SCALEOFFSET, "scale-offset"},
               {305, "lzo"},
               {307, "bzip2"},
               {32000, "lzf"},
               {32001, "blosc"},
               {32004, "lz4"},
               {32008, "bitshuffle"},
               {32013, "zfp"},
               {32015, "zstd"},
               {32026, "blosc2"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].filter == filter) return known[i].name;
  return "a plug-in";
}

static gd_status check_filters(gdi_h5_array *a, hid_t create, bool *deflated) {
  int n = H5Pget_nfilters(create);
  if (n < 0) return gdi_h5_refused(a->file, a->name, "its filters cannot be read");
  for (int i = 0; i < n; i++) {
    unsigned flags;
    size_t values = 0;
    H5Z_filter_t filter = H5Pget_filter2(create, (unsigned)i, &flags, &values, NULL, 0, NULL, NULL);
    if (filter == H5Z_FILTER_FLETCHER32)
      a->checksummed = true;
    else if (filter == H5Z_FILTER_DEFLATE)
      *deflated = true;
    else if (filter != H5Z_FILTER_SHUFFLE)
      return GDI_H5_REFUSE(
          a->file, a->name,
          "it is stored by %s (filter %d); deflate, shuffle and fletcher32 are read: write it "
          "with compression=\"gzip\" (h5py), or by h5repack -f GZIP=4",
          filter_name(filter), (int)filter);
  }
  return GD_OK;
}

/*
 * What was never written reads as the fill value, if there is one: whole chunks, or an array in one piece. Of that a
 * small file could declare any amount.
 */
static gd_status check_unwritten(gdi_h5_array *a, hid_t create, uint64_t declared) {
  H5D_fill_value_t defined;
  H5D_fill_time_t when;
  if (H5Pfill_value_defined(create, &defined) < 0 || H5Pget_fill_time(create, &when) < 0)
    return gdi_h5_refused(a->file, a->name, "its fill value cannot be read");
  if (defined == H5D_FILL_VALUE_UNDEFINED || when == H5D_FILL_TIME_NEVER)
    return GDI_H5_REFUSE(a->file, a->name, "a part of it was never written, and it has no fill value");
  if (declared > MAX_UNWRITTEN_BYTES)
    return GDI_H5_REFUSE(a->file, a->name,
                         "its shape needs %llu bytes, and a part of them was never written: of such arrays "
                         "%d MiB are read",
                         (unsigned long long)declared, MAX_UNWRITTEN_BYTES >> 20);
  a->unwritten = true;
  if (!a->text && H5Pget_fill_value(create, H5T_NATIVE_DOUBLE, &a->fill) < 0)
    return gdi_h5_refused(a->file, a->name, "its fill value cannot be read");
  return GD_OK;
}

/* Is every chunk there? */
static bool all_chunks(const gdi_h5_array *a, const hsize_t chunk[], bool filtered, uint64_t declared) {
#if H5_VERSION_GE(1, 10, 5)
  hsize_t there = 0, wanted = 1;
  for (int d = 0; d < a->ndim; d++) wanted *= ((hsize_t)a->shape[d] + chunk[d] - 1) / chunk[d];
  (void)filtered, (void)declared;
  hid_t space = H5Dget_space(a->id); /* for H5S_ALL, HDF5 1.10 fails */
  const bool counted = H5Dget_num_chunks(a->id, space, &there) >= 0;
  H5Sclose(space);
  return counted && there >= wanted;
#else
  (void)chunk;
  return filtered || H5Dget_storage_size(a->id) >= declared;
#endif
}

static gd_status check_chunks(gdi_h5_array *a, hid_t create, size_t stored_width,
                              hsize_t chunk[H5S_MAX_RANK]) {
  if (H5Pget_chunk(create, H5S_MAX_RANK, chunk) != a->ndim || a->ndim < 1)
    return gdi_h5_refused(a->file, a->name, "its chunks cannot be read");
  uint64_t most = MAX_CHUNK_BYTES / stored_width, elements = 1;
  for (int d = 0; d < a->ndim; d++) {
    if (chunk[d] == 0 || elements > most / chunk[d])
      return GDI_H5_REFUSE(a->file, a->name, "its chunks are larger than %d MiB", MAX_CHUNK_BYTES >> 20);
    elements *= chunk[d];
  }
  a->chunk_rows = (int64_t)chunk[0], a->chunk_last = (int64_t)chunk[a->ndim - 1];
  return GD_OK;
}

/* Where the values lie, and whether the file can hold as many as the shape declares. */
static gd_status check_storage(gdi_h5_array *a, hid_t create, size_t stored_width) {
  gdi_h5 *f = a->file;
  bool deflated = false;
  H5D_layout_t layout = H5Pget_layout(create);
  if (layout == H5D_VIRTUAL) return GDI_H5_REFUSE(f, a->name, "it is a virtual array; copy it into one file");
  if (H5Pget_external_count(create) != 0)
    return GDI_H5_REFUSE(f, a->name, "its values lie in another file; copy it into one file");
  if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
    return GDI_H5_REFUSE(f, a->name, "its layout is unknown");
  GD_TRY(check_filters(a, create, &deflated));
  hsize_t chunk[H5S_MAX_RANK];
  if (layout == H5D_CHUNKED) GD_TRY(check_chunks(a, create, stored_width, chunk));
  uint64_t declared = (uint64_t)a->n * stored_width, stored = H5Dget_storage_size(a->id);
  const bool whole = layout == H5D_CHUNKED ? all_chunks(a, chunk, deflated, declared) : stored >= declared;
  if (stored <= f->bytes && declared / MAX_DEFLATE_RATIO <= stored && whole) return GD_OK;
  if (stored > f->bytes || whole)
    return GDI_H5_REFUSE(
        f, a->name, "its shape needs %llu bytes, but the file (%llu bytes) stores %llu of it",
        (unsigned long long)declared, (unsigned long long)f->bytes, (unsigned long long)stored);
  return check_unwritten(a, create, declared);
}

static gd_status check_array(gdi_h5_array *a) {
  hid_t type = H5Dget_type(a->id), space = H5Dget_space(a->id), create = H5Dget_create_plist(a->id);
  gd_status st;
  if (type < 0 || space < 0 || create < 0) {
    st = gdi_h5_refused(a->file, a->name, "cannot be read");
    goto done;
  }
  GD_GOTO(st, gdi_h5_check_type(a, type), done);
  size_t stored_width = H5Tget_size(type);
  GD_GOTO(st, check_shape(a, space, stored_width), done);
  GD_GOTO(st, check_storage(a, create, stored_width), done);
done:
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  if (create >= 0) H5Pclose(create);
  return st;
}

/*
 * Chunks without filters are read from the file as they are, without a cache: on their way into one HDF5
 * believes what the index says, and where a chunk is listed with fewer bytes than it has, copies the rest
 * from behind the end of its memory.
 */
static hid_t open_array(hid_t file, const char *name) {
  hid_t id = H5Dopen2(file, name, H5P_DEFAULT), create = id < 0 ? H5I_INVALID_HID : H5Dget_create_plist(id);
  if (create < 0) return id;
  const bool filtered = H5Pget_nfilters(create) != 0;
  H5Pclose(create);
  if (filtered) return id;
  H5Dclose(id);
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, 0, 0, 0);
  id = H5Dopen2(file, name, access);
  H5Pclose(access);
  return id;
}

gd_status gdi_h5_array_open(gdi_h5_array *a, gdi_h5 *f, const char *name) {
  GDI_H5_LOCKED;
  *a = (gdi_h5_array){.file = f};
  snprintf(a->name, sizeof a->name, "%s", name);
  if (!gdi_h5_has(f, name)) return gdi_h5_refuse_link(f, a->name);
  a->id = open_array(f->id, name);
  if (a->id < 0) return gdi_h5_refused(f, name, "cannot be opened as an array");
  gd_status st = check_array(a);
  if (st != GD_OK) gdi_h5_array_close(a);
  return st;
}

void gdi_h5_array_close(gdi_h5_array *a) {
  GDI_H5_LOCKED;
  if (a->id > 0) H5Dclose(a->id);
  a->id = 0;
}

/* Behind the end of a file that was cut short meanwhile HDF5 reads zeros, and their checksum is right. */
static gd_status check_length(const gdi_h5_array *a) {
  int *handle;
  struct stat now;
  if (H5Fget_vfd_handle(a->file->id, H5P_DEFAULT, (void **)&handle) < 0 || fstat(*handle, &now) != 0)
    return gdi_h5_refused(a->file, a->name, "its file cannot be measured");
  if ((uint64_t)now.st_size >= a->file->bytes) return GD_OK;
  return GDI_H5_REFUSE(a->file, a->name, "the file was cut from %llu to %llu bytes since it was opened",
                       (unsigned long long)a->file->bytes, (unsigned long long)now.st_size);
}

/* Integers that i64 cannot hold would become the largest that it can. (Of big-endian ones HDF5 1.10 does not
 * tell.) */
static H5T_conv_ret_t refuse_range(H5T_conv_except_t what, hid_t from, hid_t to, void *value, void *converted,
                                   void *user) {
  (void)from, (void)to, (void)value, (void)converted;
  if (what != H5T_CONV_EXCEPT_RANGE_HI && what != H5T_CONV_EXCEPT_RANGE_LOW) return H5T_CONV_UNHANDLED;
  *(bool *)user = true;
  return H5T_CONV_ABORT;
}

static gd_status read_values(const gdi_h5_array *a, gd_dtype type, hid_t memory, hid_t file, void *to) {
  bool beyond = false;
  gd_status st = GD_OK;
  hid_t how = a->type == GD_I64 ? H5Pcreate(H5P_DATASET_XFER) : H5P_DEFAULT;
  if (how != H5P_DEFAULT) H5Pset_type_conv_cb(how, refuse_range, &beyond);
  if (H5Dread(a->id, gdi_h5_type(type), memory, file, how, to) < 0)
    st = beyond ? GDI_H5_REFUSE(a->file, a->name, "it holds integers above 2^63 - 1")
                : gdi_h5_refused(a->file, a->name, "cannot be read");
  if (how != H5P_DEFAULT) H5Pclose(how);
  return st == GD_OK ? check_length(a) : st;
}

void gdi_h5_array_turn(gdi_h5_array *a) {
  for (int lo = 0, hi = a->ndim - 1; lo < hi; lo++, hi--) {
    const int64_t extent = a->shape[lo];
    a->shape[lo] = a->shape[hi], a->shape[hi] = extent;
  }
  const int64_t rows = a->chunk_rows;
  a->chunk_rows = a->chunk_last, a->chunk_last = rows;
  a->turned = !a->turned;
}

/* Rows lo .. hi-1 as they lie in the file: along its first dimension, or its last. */
static gd_status read_rows(const gdi_h5_array *a, gd_dtype type, int64_t lo, int64_t hi, void *to) {
  if (a->ndim == 0) return read_values(a, type, H5S_ALL, H5S_ALL, to);
  hsize_t start[GD_MAX_DIMS] = {0}, count[GD_MAX_DIMS];
  for (int d = 0; d < a->ndim; d++) count[d] = (hsize_t)a->shape[a->turned ? a->ndim - 1 - d : d];
  const int rows = a->turned ? a->ndim - 1 : 0;
  start[rows] = (hsize_t)lo, count[rows] = (hsize_t)(hi - lo);
  hid_t memory = H5Screate_simple(a->ndim, count, NULL), file = H5Dget_space(a->id);
  H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL);
  const gd_status st = read_values(a, type, memory, file, to);
  H5Sclose(memory), H5Sclose(file);
  return st;
}

static gd_status read_turned(const gdi_h5_array *a, gd_dtype type, int64_t lo, int64_t hi, void *to) {
  const size_t width = gd_dtype_bytes(type);
  int64_t shape[GD_MAX_DIMS];
  memcpy(shape, a->shape, sizeof shape);
  shape[0] = hi - lo;
  void *stored = malloc((size_t)(a->n / a->shape[0] * (hi - lo)) * width);
  if (!stored) return GD_FAIL(GD_ERR_OOM, "no memory to turn %s of %s", a->name, a->file->path);
  const gd_status st = read_rows(a, type, lo, hi, stored);
  if (st == GD_OK) gdi_turn(to, stored, width, a->ndim, shape);
  free(stored);
  return st;
}

gd_status gdi_h5_array_read(const gdi_h5_array *a, gd_dtype type, int64_t lo, int64_t hi, void *to) {
  GDI_H5_LOCKED;
  int64_t rows = a->ndim > 0 ? a->shape[0] : 1;
  if (a->text) return GDI_H5_REFUSE(a->file, a->name, "it holds text, not numbers");
  if (lo < 0 || hi > rows || lo > hi)
    return GDI_H5_REFUSE(a->file, a->name, "rows %lld to %lld of %lld", (long long)lo, (long long)hi,
                         (long long)rows);
  if (lo == hi || a->n == 0) return GD_OK;
  return a->turned && a->ndim > 1 ? read_turned(a, type, lo, hi, to) : read_rows(a, type, lo, hi, to);
}
