/* Element types of HDF5 arrays: what is read as what, and what to do about the others. */
#include <stdio.h>
#include <string.h>

#include "base/h5file.h"

/* The two that are written in 16 bits: IEEE's half, and the upper half of an f32. */
static bool is_half(hid_t stored) {
  static const struct { size_t exponent, fraction, bias; } halves[] = {{5, 10, 15}, {8, 7, 127}};
  size_t sign, e_at, e, f_at, f;
  if (H5Tget_size(stored) != 2 || H5Tget_precision(stored) != 16 || H5Tget_offset(stored) != 0) return false;
  if (H5Tget_fields(stored, &sign, &e_at, &e, &f_at, &f) < 0 || H5Tget_norm(stored) != H5T_NORM_IMPLIED)
    return false;
  for (size_t i = 0; i < sizeof halves / sizeof *halves; i++)
    if (sign == 15 && f_at == 0 && e_at == f && e == halves[i].exponent && f == halves[i].fraction &&
        H5Tget_ebias(stored) == halves[i].bias)
      return true;
  return false;
}

/* The narrowest of ours that holds what is stored. */
static bool number_type(hid_t stored, gd_dtype *out) {
  const struct {
    hid_t little, big;
    gd_dtype type;
  } known[] = {
      {H5T_STD_U8LE, H5T_STD_U8BE, GD_U8},      {H5T_STD_I8LE, H5T_STD_I8BE, GD_I32},
      {H5T_STD_U16LE, H5T_STD_U16BE, GD_I32},   {H5T_STD_I16LE, H5T_STD_I16BE, GD_I32},
      {H5T_STD_I32LE, H5T_STD_I32BE, GD_I32},   {H5T_STD_U32LE, H5T_STD_U32BE, GD_I64},
      {H5T_STD_I64LE, H5T_STD_I64BE, GD_I64},   {H5T_STD_U64LE, H5T_STD_U64BE, GD_I64},
      {H5T_IEEE_F32LE, H5T_IEEE_F32BE, GD_F32}, {H5T_IEEE_F64LE, H5T_IEEE_F64BE, GD_F64},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (H5Tequal(stored, known[i].little) > 0 || H5Tequal(stored, known[i].big) > 0) {
      *out = known[i].type;
      return true;
    }
  if (H5Tget_class(stored) != H5T_FLOAT || !is_half(stored)) return false;
  *out = GD_F32;
  return true;
}

/* "a compound of r, i" and what to store instead. */
static void describe_compound(hid_t stored, char *what, size_t bytes) {
  const int n = H5Tget_nmembers(stored);
  size_t at = (size_t)snprintf(what, bytes, "records of");
  bool complex = n == 2;
  for (int i = 0; i < n && at < bytes - 80; i++) {
    char *name = H5Tget_member_name(stored, (unsigned)i);
    complex = complex && name && (strcmp(name, i ? "i" : "r") == 0 || strcmp(name, i ? "imag" : "real") == 0);
    at += (size_t)snprintf(what + at, bytes - at, "%s %.40s", i ? "," : "", name ? name : "?");
    H5free_memory(name);
  }
  if (complex)
    snprintf(what, bytes, "complex numbers: store the real and the imaginary part as columns");
  else
    snprintf(what + at, bytes - at, ": store each field as an array of its own");
}

static gd_status refuse_type(const gdi_h5_array *a, hid_t stored) {
  char what[400];
  const unsigned bits = (unsigned)H5Tget_size(stored) * 8;
  switch (H5Tget_class(stored)) {
  case H5T_COMPOUND: describe_compound(stored, what, sizeof what); break;
  case H5T_FLOAT: snprintf(what, sizeof what, "floats of %u bits: store them as float64", bits); break;
  case H5T_INTEGER: snprintf(what, sizeof what, "odd integers of %u bits: store them as int64", bits); break;
  case H5T_BITFIELD: snprintf(what, sizeof what, "bit fields: store them as int8 or bool"); break;
  case H5T_VLEN: snprintf(what, sizeof what, "lists of different lengths: pad them to one length"); break;
  case H5T_ARRAY:
    snprintf(what, sizeof what, "small arrays as elements: store one array of more dimensions");
    break;
  case H5T_REFERENCE:
    snprintf(what, sizeof what, "references (a cell array?): store the values themselves");
    break;
  default: snprintf(what, sizeof what, "neither numbers nor text"); break;
  }
  return GDI_H5_REFUSE(a->file, a->name, "it holds %s", what);
}

gd_status gdi_h5_check_type(gdi_h5_array *a, hid_t stored) {
  const H5T_class_t class = H5Tget_class(stored);
  if (class == H5T_STRING) {
    a->text = true;
    a->variable = H5Tis_variable_str(stored) != 0;
    a->width = a->variable ? 0 : H5Tget_size(stored);
    return GD_OK;
  }
  hid_t base = class == H5T_ENUM ? H5Tget_super(stored) : H5Tcopy(stored);
  const bool known = base >= 0 && number_type(base, &a->type);
  if (base >= 0) H5Tclose(base);
  if (!known) return refuse_type(a, stored);
  a->enumerated = class == H5T_ENUM;
  if (a->enumerated && a->type == GD_U8) a->type = GD_I32; /* numbers with names, no brightness */
  a->width = gd_dtype_bytes(a->type);
  return GD_OK;
}

int gdi_h5_array_members(const gdi_h5_array *a, int max, int64_t value[], char (*name)[64]) {
  GDI_H5_LOCKED;
  hid_t stored = a->enumerated ? H5Dget_type(a->id) : H5I_INVALID_HID;
  if (stored < 0) return 0;
  const int n = H5Tget_nmembers(stored);
  int good = n <= max ? 0 : n;
  for (; good < n; good++) {
    char raw[sizeof(int64_t)] = {0};
    char *text = H5Tget_member_name(stored, (unsigned)good);
    hid_t base = H5Tget_super(stored);
    const bool ok = text && strlen(text) < 64 && H5Tget_size(base) <= sizeof raw &&
                    H5Tget_member_value(stored, (unsigned)good, raw) >= 0 &&
                    H5Tconvert(base, H5T_NATIVE_INT64, 1, raw, NULL, H5P_DEFAULT) >= 0;
    H5Tclose(base);
    if (ok) memcpy(&value[good], raw, sizeof raw), strcpy(name[good], text);
    H5free_memory(text);
    if (!ok) break;
  }
  H5Tclose(stored);
  return n <= max && good == n ? n : 0;
}
