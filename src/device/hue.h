/* The hue of a colour: on the host and on a GPU with the same bits. */
#ifndef GDI_DEVICE_HUE_H
#define GDI_DEVICE_HUE_H

#include <math.h>

#include "base/both.h"

/* As in HSV: saturation and value of red, green, blue stay. `by`: a part of the circle. */
GDI_BOTH void gdi_turn_hue(float v[3], double by) {
  const float most = fmaxf(v[0], fmaxf(v[1], v[2])), least = fminf(v[0], fminf(v[1], v[2]));
  const float range = most - least;
  if (!(range > 0)) return;
  double at = most == v[0]   ? (double)((v[1] - v[2]) / range)
              : most == v[1] ? 2 + (double)((v[2] - v[0]) / range)
                             : 4 + (double)((v[0] - v[1]) / range);
  at += 6 * by;
  at -= 6 * floor(at / 6);
  const int sixth = (int)at % 6;
  const float part = (float)(at - floor(at)), falls = most - range * part, rises = least + range * part;
  const float to[6][3] = {{most, rises, least}, {falls, most, least}, {least, most, rises},
                          {least, falls, most}, {rises, least, most}, {most, least, falls}};
  for (int k = 0; k < 3; k++) v[k] = to[sixth][k];
}

#endif
