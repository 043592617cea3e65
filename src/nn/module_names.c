/* The tree of modules in words: names as PyTorch joins them, own members first, then the children's; and printed. */
#include <stdio.h>
#include <string.h>

#include "nn/params.h"

typedef enum members { PARAMS, BUFFERS, STATISTICS } members;

typedef struct walk {
  members wanted;
  gd_named *list;
  int n, max;
} walk;

static void take(const gd_named *own, const char *prefix, walk *w) {
  if (w->wanted == STATISTICS && own->momentum == 0) return;
  if (w->list && w->n < w->max) {
    gd_named *item = &w->list[w->n];
    *item = *own;
    if (snprintf(item->name, sizeof item->name, "%s%s", prefix, own->name) >= (int)sizeof item->name)
      item->name[0] = 0; /* never cut: two could become one */
  }
  w->n++;
}

static void collect(const gd_module *m, const char *prefix, walk *w) {
  const gd_named *own = w->wanted == PARAMS ? m->param : m->buffer;
  const int n = w->wanted == PARAMS ? m->n_params : m->n_buffers;
  for (int i = 0; i < n; i++) take(&own[i], prefix, w);
  for (int i = 0; i < m->n_children; i++) {
    char path[GD_MAX_NAME + sizeof m->child->name + 2]; /* a prefix that is cut leaves no room for a name */
    snprintf(path, sizeof path, "%s%s.", prefix, m->child[i].name);
    collect(m->child[i].module, path, w);
  }
}

/* `path` holds the `length` bytes before the names of m. */
static gd_status check_paths(const gd_module *m, char *path, size_t length) {
  enum { SHOWN = 4096 };
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < (kind ? m->n_buffers : m->n_params); i++) {
      const char *name = kind ? m->buffer[i].name : m->param[i].name;
      if (length + strlen(name) < GD_MAX_NAME) continue;
      return GD_FAIL(GD_ERR_USAGE,
                     "the name %.*s%s is longer than %d bytes: use shorter names, or fewer levels",
                     (int)length, path, name, GD_MAX_NAME - 1);
    }
  for (int i = 0; i < m->n_children; i++) {
    const size_t room = length < SHOWN ? SHOWN - length : 0;
    const int n = snprintf(path + length, room, "%s.", m->child[i].name);
    if ((size_t)n >= room)
      return GD_FAIL(GD_ERR_USAGE, "the tree of modules is too deep: %.*s", (int)length, path);
    GD_TRY(check_paths(m->child[i].module, path, length + (size_t)n));
  }
  return GD_OK;
}

gd_status gdi_module_check_names(const gd_module *m) {
  char path[4096];
  return check_paths(m, path, 0);
}

static int members_of(const gd_module *m, members wanted, gd_named *list, int max) {
  walk w = {.wanted = wanted, .list = list, .max = max};
  collect(m, "", &w);
  return w.n;
}

int gd_module_params(const gd_module *m, gd_named *list, int max) {
  return members_of(m, PARAMS, list, max);
}

int gd_module_buffers(const gd_module *m, gd_named *list, int max) {
  return members_of(m, BUFFERS, list, max);
}

int gd_module_statistics(const gd_module *m, gd_named *list, int max) {
  return members_of(m, STATISTICS, list, max);
}

static void print(const gd_module *m, FILE *f, int indent) {
  char about[128] = "";
  if (m->cls->describe) m->cls->describe(m, about, sizeof about);
  fprintf(f, "%s(%s", m->cls->name, about);
  for (int i = 0; i < m->n_children; i++) {
    fprintf(f, "\n%*s(%s): ", indent + 2, "", m->child[i].name);
    print(m->child[i].module, f, indent + 2);
  }
  if (m->n_children) fprintf(f, "\n%*s", indent, "");
  fprintf(f, ")");
}

void gd_module_print(const gd_module *m, FILE *f) {
  print(m, f, 0);
  fprintf(f, "\n");
}
