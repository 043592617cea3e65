/* Augmentation on a GPU: what is drawn for each sample is drawn here, and sent; the pixels are changed there. */
#include <string.h>

#include "data/augment.h"

bool gdi_augment_on_gpu(const gd_augment *a, const gd_data_info *i) {
  bool all = !gdi_augment_moves_labels(a) && i->x_bytes / (size_t)(i->n ? i->n : 1) < INT32_MAX;
  for (int k = 0; k < gdi_augment_count(a); k++) all &= gdi_augment_kind(a, k)->on_gpu != GDI_CHANGE_NONE;
  return all;
}

gd_status gdi_augment_changes(const gd_augment *a, const gd_data_info *i, gdi_changes *out) {
  gdi_image_shape s;
  GD_TRY(gdi_image_shape_of(&s, i));
  *out = (gdi_changes){.n = gdi_augment_count(a),
                       .height = s.height,
                       .width = s.width,
                       .channels = s.channels,
                       .planes = s.planes,
                       .top = i->x_type == GD_U8 ? 255 : 1};
  return GD_OK;
}

void gdi_augment_tell(const gd_augment *a, int64_t epoch, int64_t index, gdi_change out[]) {
  gdi_drawn w[GDI_MOST_AUGMENTATIONS];
  gdi_augment_draw(a, epoch, index, w);
  for (int k = 0; k < gdi_augment_count(a); k++) {
    out[k].kind = w[k].nothing ? GDI_CHANGE_NONE : gdi_augment_kind(a, k)->on_gpu;
    memcpy(out[k].i, w[k].i, sizeof out[k].i);
    memcpy(out[k].f, w[k].f, sizeof out[k].f);
  }
}
