#include "base/h5file.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_ATTRIBUTE_BYTES = 1 << 16 };

/* ---- one caller at a time ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int depth; /* not the mutex's own count: it has to hold in a forked child as well */

/* Links to other files are not followed, but tell where they lead. */
static hid_t refuse_to_follow(const char *name, hid_t group, const void *value, size_t bytes, hid_t access,
                              hid_t transfer) {
  (void)name, (void)group, (void)value, (void)bytes, (void)access, (void)transfer;
  return H5I_INVALID_HID;
}

static ssize_t tell_value(const char *name, const void *value, size_t bytes, void *to, size_t room) {
  (void)name;
  if (to) memcpy(to, value, bytes < room ? bytes : room);
  return (ssize_t)bytes;
}

static const H5L_class_t external = {.version = H5L_LINK_CLASS_T_VERS,
                                     .id = H5L_TYPE_EXTERNAL,
                                     .comment = "not followed",
                                     .trav_func = refuse_to_follow,
                                     .query_func = tell_value};

static void initialise(void) {
  H5dont_atexit(); /* after a failed close the library's own teardown crashes; we close what we open */
  H5open();
  H5PLset_loading_state(0);
  H5Lregister(&external);
}

int gdi_h5_lock(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  static _Thread_local bool silent; /* error printing is a setting of the thread */
  if (depth++ > 0) return 0;
  pthread_mutex_lock(&mutex);
  pthread_once(&once, initialise);
  if (!silent) H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  silent = true;
  return 0;
}

void gdi_h5_unlock(int *unused) {
  (void)unused;
  if (--depth == 0) pthread_mutex_unlock(&mutex);
}

/* ---- failures ---- */

/* The system's reason where HDF5 quotes it, amid addresses and the time, over several lines. */
static herr_t keep_first(unsigned n, const H5E_error2_t *e, void *user) {
  static const char quote[] = "error message = '";
  if (n != 0 || !e->desc) return 0;
  const char *system = strstr(e->desc, quote);
  if (system) system += sizeof quote - 1;
  snprintf(user, 256, "%.*s", system ? (int)strcspn(system, "'") : 255, system ? system : e->desc);
  return 0;
}

const char *gdi_h5_cause(char *buf, size_t bytes) {
  char text[256] = "";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, text);
  snprintf(buf, bytes, "%s", text);
  return buf;
}

/* HDF5 said no. */
gd_status gdi_h5_refused(const gdi_h5 *f, const char *name, const char *what) {
  char cause[256];
  return GD_FAIL(f->failure, "%s: %s%s%s: %s", f->path, name, *name ? ": " : "", what,
                 gdi_h5_cause(cause, sizeof cause));
}

/* ---- the file ---- */

static hid_t read_access(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(access, false,
                      true); /* many cluster file systems have no locks, and no writer works in place */
#endif
  return access;
}

/* Other formats by their first bytes, and the way from them. */
static const char *what_else(const char *path) {
  static const struct {
    const char *begins, *is;
  } known[] = {{"MATLAB 5.0", ": a MATLAB file before version 7.3; save(..., '-v7.3') writes HDF5"},
               {"CDF", ": classic netCDF; nccopy -k nc4 makes HDF5 of it"},
               {"\x93NUMPY", ": a NumPy array; \"gdtrain data import npy\" makes HDF5 of it"},
               {"PK\3\4", ": a ZIP archive; of .npz, \"gdtrain data import npy\" makes HDF5"},
               {"PAR1", ": Parquet; pandas.read_parquet(f).to_csv() can be imported"},
               {"\x1f\x8b", ": it is packed by gzip; unpack it, or import it"}};
  char first[16] = "";
  FILE *f = fopen(path, "rb");
  if (!f) return "";
  const size_t n = fread(first, 1, sizeof first - 1, f);
  fclose(f);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (n >= strlen(known[i].begins) && memcmp(first, known[i].begins, strlen(known[i].begins)) == 0)
      return known[i].is;
  return "";
}

static gd_status not_opened(const gdi_h5 *f) {
  char cause[256];
  if (strcmp(gdi_h5_cause(cause, sizeof cause), "file signature not found") == 0)
    return GD_FAIL(f->failure, "%s: not an HDF5 file%s", f->path, what_else(f->path));
  return GD_FAIL(f->failure, "%s: cannot be opened as HDF5: %s", f->path, cause);
}

gd_status gdi_h5_open(gdi_h5 *f, const char *path, gd_status failure) {
  GDI_H5_LOCKED;
  f->id = 0;
  f->failure = failure;
  if (strlen(path) >= sizeof f->path) return GD_FAIL(failure, "%.80s...: the path is too long", path);
  strcpy(f->path, path);
  struct stat st;
  if (stat(path, &st) != 0) return GD_FAIL(failure, "%s: %m", path);
  if (!S_ISREG(st.st_mode)) return GD_FAIL(failure, "%s: not a regular file", path);
  f->bytes = (uint64_t)st.st_size;
  hid_t access = read_access();
  f->id = H5Fopen(path, H5F_ACC_RDONLY, access);
  const gd_status opened = f->id < 0 ? not_opened(f) : GD_OK; /* before the next call clears HDF5's reason */
  H5Pclose(access);
  return opened;
}

void gdi_h5_close(gdi_h5 *f) {
  GDI_H5_LOCKED;
  if (f->id > 0) H5Fclose(f->id);
  f->id = 0;
}

/*
 * Does the path lead to something inside the file? The last link that was looked at: its part of the path and what it
 * is. HDF5 follows soft links, a few of them, and none to other files.
 */
static bool follow(gdi_h5 *f, const char *name, char part[256], H5L_info_t *link) {
  const size_t length = strlen(name);
  bool there = false;
  part[0] = 0;
  if (length == 0 || length >= 256) return false;
  for (size_t i = 1; i <= length; i++) {
    if (name[i] != '/' && i < length) continue;
    memcpy(part, name, i);
    part[i] = 0;
    if (strcmp(part, "/") == 0) continue;
    there = H5Lexists(f->id, part, H5P_DEFAULT) > 0 && H5Lget_info(f->id, part, link, H5P_DEFAULT) >= 0;
    if (!there) link->type = H5L_TYPE_ERROR;
    if (!there || (link->type != H5L_TYPE_HARD && link->type != H5L_TYPE_SOFT)) return false;
    if (link->type == H5L_TYPE_SOFT && H5Oexists_by_name(f->id, part, H5P_DEFAULT) <= 0) return false;
  }
  return there;
}

bool gdi_h5_has(gdi_h5 *f, const char *name) {
  GDI_H5_LOCKED;
  char part[256];
  H5L_info_t link;
  return follow(f, name, part, &link);
}

bool gdi_h5_has_group(gdi_h5 *f, const char *name) {
  GDI_H5_LOCKED;
  H5O_info_t info;
  return gdi_h5_has(f, name) && H5Oget_info_by_name(f->id, name, &info, H5P_DEFAULT) >= 0 &&
         info.type == H5O_TYPE_GROUP;
}

bool gdi_h5_named(gdi_h5 *f, const char *name) {
  GDI_H5_LOCKED;
  char part[256];
  H5L_info_t link = {.type = H5L_TYPE_ERROR};
  return follow(f, name, part, &link) || link.type != H5L_TYPE_ERROR;
}

gd_status gdi_h5_refuse_link(gdi_h5 *f, const char *name) {
  GDI_H5_LOCKED;
  char part[256], value[4096] = "";
  const char *file = "?", *path = "?";
  H5L_info_t link = {.type = H5L_TYPE_ERROR};
  if (follow(f, name, part, &link) || link.type == H5L_TYPE_ERROR)
    return GDI_H5_REFUSE(f, name, "not in the file");
  const bool fits =
      link.u.val_size < sizeof value && H5Lget_val(f->id, part, value, sizeof value, H5P_DEFAULT) >= 0;
  value[sizeof value - 1] = 0;
  if (link.type == H5L_TYPE_SOFT)
    return GDI_H5_REFUSE(f, part, "a link to %.200s, which is not in the file", fits ? value : "?");
  if (link.type == H5L_TYPE_EXTERNAL && fits) H5Lunpack_elink_val(value, link.u.val_size, NULL, &file, &path);
  return GDI_H5_REFUSE(
      f, part,
      "a link to %.200s in another file, %.200s, and links out of a file are not followed: copy "
      "the array into this one",
      path, file);
}

/* ---- what is there ---- */

typedef struct listing {
  gdi_h5_visit visit;
  void *user;
  gd_status status;
} listing;

static herr_t list_link(hid_t group, const char *name, const H5L_info_t *link, void *user) {
  listing *l = user;
  if (link->type != H5L_TYPE_HARD && link->type != H5L_TYPE_SOFT) return 0;
  hid_t object = H5Oopen(group, name, H5P_DEFAULT);
  if (object < 0) return link->type == H5L_TYPE_SOFT ? 0 : -1;
  H5I_type_t kind = H5Iget_type(object);
  H5Oclose(object);
  if (kind != H5I_DATASET) return 0;
  l->status = l->visit(l->user, name);
  return l->status == GD_OK ? 0 : 1;
}

gd_status gdi_h5_list(gdi_h5 *f, const char *group, gdi_h5_visit visit, void *user) {
  GDI_H5_LOCKED;
  listing l = {visit, user, GD_OK};
  if (strcmp(group, "/") != 0 && !gdi_h5_has(f, group)) return GDI_H5_REFUSE(f, group, "no such group");
  if (H5Lvisit_by_name(f->id, group, H5_INDEX_NAME, H5_ITER_INC, list_link, &l, H5P_DEFAULT) < 0)
    return gdi_h5_refused(f, group, "cannot be walked");
  return l.status;
}

/* ---- attributes ---- */

bool gdi_h5_has_attr(gdi_h5 *f, const char *object, const char *name) {
  GDI_H5_LOCKED;
  return (strcmp(object, "/") == 0 || gdi_h5_has(f, object)) &&
         H5Aexists_by_name(f->id, object, name, H5P_DEFAULT) > 0;
}

hid_t gdi_h5_text_type(hid_t stored, size_t bytes) {
  hid_t type = H5Tcopy(stored); /* what an object says is its type cannot be changed, only a copy can */
  if (H5Tset_size(type, bytes) < 0 || H5Tset_strpad(type, H5T_STR_NULLTERM) < 0) {
    H5Tclose(type);
    return H5I_INVALID_HID;
  }
  return type;
}

/* `bytes`: of text; numbers are read as `type`. */
static gd_status read_attribute(gdi_h5 *f, const char *object, const char *name, H5T_class_t kind, hid_t type,
                                size_t bytes, void *out) {
  GDI_H5_LOCKED;
  char where[320];
  snprintf(where, sizeof where, "%.200s, attribute %.80s", object, name);
  if (!gdi_h5_has_attr(f, object, name)) return GDI_H5_REFUSE(f, where, "missing");
  hid_t id = H5Aopen_by_name(f->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
  if (id < 0) return gdi_h5_refused(f, where, "cannot be opened");
  hid_t stored = H5Aget_type(id), space = H5Aget_space(id);
  H5T_class_t found = H5Tget_class(stored);
  bool text = kind == H5T_STRING, number = kind == H5T_FLOAT && found == H5T_INTEGER;
  gd_status st = GD_OK;
  if (H5Sget_simple_extent_npoints(space) != 1 || (found != kind && !number) ||
      (text && H5Tis_variable_str(stored) != 0) || H5Tget_size(stored) > MAX_ATTRIBUTE_BYTES) {
    st = GDI_H5_REFUSE(f, where, "not a single %s",
                       text                ? "fixed string"
                       : kind == H5T_FLOAT ? "number"
                                           : "integer");
  } else {
    hid_t memory = text ? gdi_h5_text_type(stored, bytes) : H5Tcopy(type);
    if (memory < 0 || H5Aread(id, memory, out) < 0) st = gdi_h5_refused(f, where, "cannot be read");
    H5Tclose(memory);
  }
  H5Tclose(stored);
  H5Sclose(space);
  H5Aclose(id);
  return st;
}

gd_status gdi_h5_attr_i64(gdi_h5 *f, const char *object, const char *name, int64_t *out) {
  return read_attribute(f, object, name, H5T_INTEGER, H5T_NATIVE_INT64, 0, out);
}

gd_status gdi_h5_attr_f64(gdi_h5 *f, const char *object, const char *name, double *out) {
  return read_attribute(f, object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, 0, out);
}

gd_status gdi_h5_attr_text(gdi_h5 *f, const char *object, const char *name, char *out, size_t bytes) {
  return read_attribute(f, object, name, H5T_STRING, 0, bytes, out);
}
