/* Augmentation on a GPU: what is drawn for each sample is drawn here, and sent; the pixels are changed there. */
#include <string.h>

#include "data/mix.h"

bool gdi_augment_on_gpu(const gd_augment *a, const gd_data_info *i) {
  bool all = !gdi_augment_moves_labels(a) && i->x_bytes / (size_t)(i->n ? i->n : 1) < INT32_MAX;
  for (int k = 0; k < gdi_augment_count(a); k++) all &= gdi_augment_kind(a, k)->on_gpu != GDI_CHANGE_NONE;
  return all;
}

/* [rows, n] in memory of the GPU. */
static gd_status room_for(void **out, const gd_loader_options *o, gd_arena *memory, gd_dtype type,
                          int64_t rows, int64_t n) {
  gd_tensor *t;
  GD_TRY(gd_tensor_new(&t, memory, o->device, type, GD_SHAPE(rows, n)));
  *out = t->data;
  return GD_OK;
}

gd_status gdi_augment_changes(gdi_changes *out, const gd_loader_options *o, const gd_data_info *i,
                              gd_arena *memory) {
  enum { AT_ONCE = 512 }; /* images at work: more than there are multiprocessors to take them */
  const gd_augment *a = o->augment;
  gdi_image_shape s;
  void *room = NULL;
  GD_TRY(gdi_image_shape_of(&s, i));
  const int64_t n = s.height * s.width * s.channels;
  *out = (gdi_changes){.n = gdi_augment_count(a),
                       .height = s.height,
                       .width = s.width,
                       .channels = s.channels,
                       .planes = s.planes,
                       .top = i->x_type == GD_U8 ? 255 : 1,
                       .at_once = o->max_rows < AT_ONCE ? o->max_rows : AT_ONCE};
  bool images = i->x_type == GD_F64; /* which become floats, whatever is done to them */
  for (int k = 0; k < out->n; k++)
    if (gdi_augment_kind(a, k)->mix)
      out->mixes |= (uint32_t)1 << k;
    else
      images = true;
  if (images) {
    GD_TRY(room_for(&room, o, memory, GD_F32, 2 * out->at_once, n));
    out->room = room;
    GD_TRY(room_for(&out->made, o, memory, i->x_type, o->max_rows, n));
  }
  if (!out->mixes) return GD_OK;
  GD_TRY(room_for(&out->mixed_x, o, memory, o->dtype, o->max_rows, n));
  return room_for(&out->mixed_y, o, memory, o->dtype, o->max_rows, i->labels ? i->classes : i->targets);
}

void gdi_augment_tell(const gd_augment *a, int64_t epoch, int64_t index, int64_t position, gdi_change out[]) {
  gdi_drawn w[GDI_MOST_AUGMENTATIONS];
  gdi_augment_draw(a, epoch, index, w);
  for (int k = 0; k < gdi_augment_count(a); k++) {
    const gdi_augmentation *kind = gdi_augment_kind(a, k);
    out[k].word = kind->mix ? gdi_augment_draw_mix(a, epoch, position, k, &w[k]) : 0;
    out[k].kind = w[k].nothing ? GDI_CHANGE_NONE : kind->on_gpu;
    memcpy(out[k].i, w[k].i, sizeof out[k].i);
    memcpy(out[k].f, w[k].f, sizeof out[k].f);
  }
}
