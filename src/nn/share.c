/* Tied parameters: from the name in `share` to the tensor of a layer that is built already. */
#include <stdlib.h>
#include <string.h>

#include "nn/build.h"

/* "body.0.weight" below m. */
static const gd_named *find(const gd_module *m, const char *path) {
  const char *dot = strchr(path, '.');
  for (int i = 0; !dot && i < m->n_params; i++)
    if (strcmp(m->param[i].name, path) == 0) return &m->param[i];
  for (int i = 0; dot && i < m->n_children; i++)
    if (strlen(m->child[i].name) == (size_t)(dot - path) &&
        strncmp(m->child[i].name, path, (size_t)(dot - path)) == 0)
      return find(m->child[i].module, dot + 1);
  return NULL;
}

/* The same below open[i], whose children under construction are not yet its children. */
static const gd_named *find_open(const gdi_building *all, int i, const char *path) {
  for (int next = i + 1; next < all->depth; next++) {
    const size_t n = strlen(all->name[next]);
    if (strncmp(path, all->name[next], n) != 0 || path[n] != '.') break;
    path += n + 1, i = next;
  }
  return find(all->open[i], path);
}

/* What was probably meant, of all parameters that can be named in full; "" when nothing is near. */
static const char *nearest(const gd_module *root, const char *path, char buf[96]) {
  const int n = gd_module_params(root, NULL, 0);
  gd_named *list = malloc(((size_t)n + 1) * sizeof *list);
  const char **name = calloc((size_t)n + 1, sizeof *name);
  *buf = 0;
  if (list && name) {
    gd_module_params(root, list, n);
    for (int i = 0; i < n; i++) name[i] = list[i].name;
    const char *near = gd_nearest(path, name);
    if (near) strncat(buf, near, 95);
  }
  free(list);
  free(name);
  return buf;
}

gd_status gdi_find_shared(const gdi_building *all, const char *path, gd_named *out) {
  for (int i = all->depth - 1; i >= 0; i--) {
    const gd_named *found = find_open(all, i, path);
    if (!found) continue;
    *out = *found;
    return GD_OK;
  }
  char buf[96];
  const char *near = all->depth ? nearest(all->open[0], path, buf) : "";
  return GD_FAIL(GD_ERR_USAGE, "share: no layer before this one has a parameter '%.64s'%s%s%s", path,
                 *near ? ": did you mean '" : "", near, *near ? "'?" : "");
}
