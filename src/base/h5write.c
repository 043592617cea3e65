#include "base/h5write.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 << 10, CHUNK_OF_BYTES = 32 << 10 };

static gd_status failed(const gdi_h5_writer *w, const char *name, const char *what) {
  char cause[256];
  return GD_FAIL(GD_ERR_WRITE, "%s: %s%s%s: %s", w->path, name, *name ? ": " : "", what,
                 gdi_h5_cause(cause, sizeof cause));
}

gd_status gdi_h5_create(gdi_h5_writer *w, const char *path) {
  GDI_H5_LOCKED;
  static atomic_uint counter;
  char host[32] = "";
  gethostname(host, sizeof host - 1);
  w->id = 0;
  w->temporary[0] = 0;
  if (strlen(path) >= sizeof w->path) return GD_FAIL(GD_ERR_WRITE, "%.80s...: the path is too long", path);
  strcpy(w->path, path);
  snprintf(w->temporary, sizeof w->temporary, "%s.%s.%d.%u.tmp", path, host, (int)getpid(), counter++);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110); /* its metadata carry checksums */
  w->id = H5Fcreate(w->temporary, H5F_ACC_EXCL, H5P_DEFAULT, access);
  const gd_status created =
      w->id < 0 ? failed(w, "", "cannot be created") : GD_OK; /* before the next call clears HDF5's reason */
  H5Pclose(access);
  return created;
}

/* Whole rows while they fit; a row that is too large is cut along the next dimension. Of bytes pieces are asked for. */
static void choose_chunk(int ndim, const hsize_t shape[], size_t width, hsize_t chunk[]) {
  hsize_t rest = width;
  const hsize_t most = ndim == 1 && width == 1 ? CHUNK_OF_BYTES : CHUNK_BYTES;
  for (int d = 1; d < ndim; d++) rest *= shape[d];
  for (int d = 0; d < ndim; d++) {
    hsize_t fit = most / rest;
    chunk[d] = fit < 1 ? 1 : fit < shape[d] ? fit : shape[d];
    if (d + 1 < ndim) rest = fit < 1 ? rest / shape[d + 1] : 1;
  }
}

static hid_t create_list(int ndim, const hsize_t shape[], size_t width) {
  hid_t create = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[GD_MAX_DIMS], n = 1;
  for (int d = 0; d < ndim; d++) n *= shape[d];
  if (ndim == 0 || n == 0) return create;
  choose_chunk(ndim, shape, width, chunk);
  H5Pset_chunk(create, ndim, chunk);
  H5Pset_fletcher32(create);
  H5Pset_fill_time(create, H5D_FILL_TIME_NEVER);
  return create;
}

static gd_status put(gdi_h5_writer *w, const char *name, hid_t memory, hid_t stored, int ndim,
                     const hsize_t shape[], const void *data) {
  hid_t space = ndim > 0 ? H5Screate_simple(ndim, shape, NULL) : H5Screate(H5S_SCALAR);
  hid_t create = create_list(ndim, shape, H5Tget_size(stored)), links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t id = H5Dcreate2(w->id, name, stored, space, links, create, H5P_DEFAULT);
  gd_status st = id < 0 ? failed(w, name, "cannot be created") : GD_OK;
  if (st == GD_OK && H5Dwrite(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    st = failed(w, name, "cannot be written");
  if (id >= 0 && H5Dclose(id) < 0 && st == GD_OK) st = failed(w, name, "cannot be written");
  H5Sclose(space), H5Pclose(create), H5Pclose(links);
  return st;
}

gd_status gdi_h5_put(gdi_h5_writer *w, const char *name, gd_dtype type, int ndim, const int64_t shape[],
                     const void *data) {
  GDI_H5_LOCKED;
  hsize_t extent[GD_MAX_DIMS] = {0};
  if (ndim < 0 || ndim > GD_MAX_DIMS)
    return GD_FAIL(GD_ERR_WRITE, "%s: %s has %d dimensions", w->path, name, ndim);
  for (int d = 0; d < ndim; d++) extent[d] = (hsize_t)shape[d];
  return put(w, name, gdi_h5_type(type), gdi_h5_type(type), ndim, extent, data);
}

static hid_t text_type(size_t width) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, width);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

gd_status gdi_h5_put_text(gdi_h5_writer *w, const char *name, int64_t n, size_t width, const char *text) {
  GDI_H5_LOCKED;
  hid_t type = text_type(width);
  gd_status st = put(w, name, type, type, 1, &(hsize_t){(hsize_t)n}, text);
  H5Tclose(type);
  return st;
}

gd_status gdi_h5_put_group(gdi_h5_writer *w, const char *name) {
  GDI_H5_LOCKED;
  hid_t id = H5Gcreate2(w->id, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (id < 0 || H5Gclose(id) < 0) return failed(w, name, "cannot be created");
  return GD_OK;
}

static gd_status put_attribute(gdi_h5_writer *w, const char *object, const char *name, hid_t type,
                               const void *value) {
  GDI_H5_LOCKED;
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t id = H5Acreate_by_name(w->id, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  gd_status st =
      id < 0 || H5Awrite(id, type, value) < 0 ? failed(w, name, "attribute cannot be written") : GD_OK;
  if (id >= 0) H5Aclose(id);
  H5Sclose(space);
  return st;
}

gd_status gdi_h5_put_attr_i64(gdi_h5_writer *w, const char *object, const char *name, int64_t value) {
  return put_attribute(w, object, name, H5T_NATIVE_INT64, &value);
}

gd_status gdi_h5_put_attr_f64(gdi_h5_writer *w, const char *object, const char *name, double value) {
  return put_attribute(w, object, name, H5T_NATIVE_DOUBLE, &value);
}

gd_status gdi_h5_put_attr_text(gdi_h5_writer *w, const char *object, const char *name, const char *value) {
  GDI_H5_LOCKED;
  size_t length = strlen(value);
  hid_t type = text_type(length > 0 ? length : 1);
  gd_status st = put_attribute(w, object, name, type, value);
  H5Tclose(type);
  return st;
}

/* H5Fclose writes the superblock once more after a flush: a second handle lets it be synced as well. */
gd_status gdi_h5_finish(gdi_h5_writer *w) {
  GDI_H5_LOCKED;
  int *handle, copy = -1;
  if (H5Fflush(w->id, H5F_SCOPE_GLOBAL) < 0) return failed(w, "", "cannot be flushed");
  if (H5Fget_vfd_handle(w->id, H5P_DEFAULT, (void **)&handle) < 0 || (copy = dup(*handle)) < 0)
    return failed(w, "", "cannot be synced");
  hid_t id = w->id;
  w->id = 0; /* after a failed close no further call on it */
  bool closed = H5Fclose(id) >= 0, synced = fsync(copy) == 0;
  int reason = errno;
  close(copy);
  if (!closed) return failed(w, "", "cannot be closed");
  if (!synced) return GD_FAIL(GD_ERR_WRITE, "%s: cannot be synced: %s", w->path, strerror(reason));
  return GD_OK;
}

gd_status gdi_h5_publish(gdi_h5_writer *w) {
  struct stat there;
  if (stat(w->path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
    return GD_FAIL(GD_ERR_WRITE, "%s: not a regular file: it would be replaced",
                   w->path); /* root's /dev/null */
  if (rename(w->temporary, w->path) != 0)
    return GD_FAIL(GD_ERR_WRITE, "%s: cannot be renamed into place: %m", w->path);
  char folder[sizeof w->path];
  strcpy(folder, w->path);
  int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY);
  bool synced = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL); /* EINVAL: this file system cannot */
  int reason = errno;
  if (fd >= 0) close(fd);
  if (!synced) return GD_FAIL(GD_ERR_WRITE, "%s: its folder cannot be synced: %s", w->path, strerror(reason));
  return GD_OK;
}

void gdi_h5_abandon(gdi_h5_writer *w) {
  GDI_H5_LOCKED;
  if (w->id > 0) H5Fclose(w->id);
  w->id = 0;
  if (w->temporary[0]) unlink(w->temporary);
}
