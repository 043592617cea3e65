/*
 * Models from trees. Nothing here knows a layer: an entry's word names a record (registry.c), which says what
 * arguments it takes, which shapes fit, and how it is built.
 */
#include "nn/build.h"

#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "nn/layers.h"

/* ---- where things are, for messages ---- */

/* Extend the path of the layer; returns its length before, for leave(). */
__attribute__((format(printf, 2, 3))) static size_t enter(gdi_building *all, const char *fmt, ...) {
  const size_t before = strlen(all->path);
  va_list args;
  va_start(args, fmt);
  vsnprintf(all->path + before, sizeof all->path - before, fmt, args);
  va_end(args);
  return before;
}

static void leave(gdi_building *all, size_t before) {
  all->path[before] = 0;
}

/* An entry of a one-line model as it was written, cut to what a message holds. */
static const char *entry_text(const gd_tree *e, char buf[64]) {
  if (e->kind == GD_TREE_SCALAR) {
    snprintf(buf, 64, "%s", e->text);
    return buf;
  }
  const gd_tree *value = e->item[0];
  size_t at = (size_t)snprintf(buf, 64, "%s:%s", e->key[0], value->kind == GD_TREE_SCALAR ? value->text : "");
  for (int i = 0; value->kind == GD_TREE_MAP && i < value->n && at < 64; i++)
    at += (size_t)snprintf(buf + at, 64 - at, "%s%s=%s", i ? "," : "", value->key[i], value->item[i]->text);
  return buf;
}

/* The error of this thread, with the place of the entry in front; of a text of C's, that of the entry around it. */
static gd_status placed(gdi_building *all, gd_status st, const gd_tree *e) {
  if (all->told || (e->file && !*e->file) || (st != GD_ERR_USAGE && st != GD_ERR_SHAPE && st != GD_ERR_OOM))
    return st;
  all->told = true;
  if (st == GD_ERR_SHAPE) st = GD_ERR_USAGE;
  const char *cause = gd_error_last()->message;
  char buf[64];
  if (!e->file) return GD_FAIL(st, "%s: %s", all->path, cause);
  if (e->line > 0) return GD_FAIL(st, "%s:%d: %s: %s", e->file, e->line, all->path, cause);
  if (e->line < 0) return GD_FAIL(st, "%s, column %d: %s: %s", e->file, e->column, all->path, cause);
  const char *number = strchr(all->path, '.'), *inner = number ? strchr(number + 1, '.') : NULL;
  return GD_FAIL(st, "%s: word %d, '%s' at column %d: %s%s%s", e->file, number ? atoi(number + 1) + 1 : 1,
                 entry_text(e, buf), e->column, inner ? inner + 1 : "", inner ? ": " : "", cause);
}

/* ---- one entry ---- */

typedef struct entry {
  const gd_tree *tree;
  const char *word;
  const gd_tree *given; /* its arguments, NULL: none */
  const gd_module_class *cls;
} entry;

static gd_status read_entry(entry *e, const gd_tree *tree) {
  enum { MAX_WORD = 48 };
  *e = (entry){.tree = tree};
  if (tree->kind == GD_TREE_LIST || (tree->kind == GD_TREE_MAP && tree->n != 1))
    return GD_FAIL(GD_ERR_USAGE, "expected one layer: 'word', 'word: argument' or 'word: {argument: value}'");
  e->word = tree->kind == GD_TREE_SCALAR ? tree->text : tree->key[0];
  e->given = tree->kind == GD_TREE_SCALAR ? NULL : tree->item[0];
  if (strlen(e->word) >= MAX_WORD) return GD_FAIL(GD_ERR_USAGE, "a word this long is no layer");
  e->cls = gd_module_class_find(e->word);
  return e->cls ? GD_OK : gdi_module_class_unknown(e->word);
}

static const char *const also[] = {"name", "share", NULL}; /* keys of every entry */

/* Shape rule, then the module: parameters, and children that see it as open. `tied`: a parameter of another. */
static gd_status make(gd_build *b, const char *name, const gd_named *tied, gd_module **out) {
  gdi_building *all = b->all;
  const gd_module_class *cls = b->cls;
  b->n_out = b->n_in;
  memcpy(b->out, b->in, sizeof b->out);
  if (!cls->forward_n && b->n_in != 1)
    return GD_FAIL(GD_ERR_SHAPE, "%s takes one input, but there are %d", cls->word, b->n_in);
  GD_TRY(cls->shape ? cls->shape(b) : gd_shape_floats(b));
  GD_TRY(gd_module_new(out, cls, cls->bytes, b->device, b->dtype));
  (*out)->tied = tied;
  (*out)->in = b->in[0];
  all->name[all->depth] = name;
  all->open[all->depth++] = *out;
  gd_status st = cls->build ? cls->build(*out, b) : GD_OK;
  all->depth--;
  if (st == GD_OK && (*out)->tied)
    st = GD_FAIL(GD_ERR_USAGE, "share: %s has no parameter '%s'", cls->word, tied->name);
  if (st == GD_OK && all->unknown)
    st = GD_FAIL(GD_ERR_INTERNAL, "%s asks for an argument '%s' that its record does not have", cls->word,
                 all->unknown);
  return st;
}

static gd_status read_share(const gd_build *b, const gd_tree *given, gd_named *tied) {
  const gd_tree *share = given ? gd_tree_get(given, "share") : NULL;
  if (!share) return GD_OK;
  if (share->kind != GD_TREE_SCALAR)
    return GD_FAIL(GD_ERR_USAGE, "share: expected the name of a parameter, as embed.weight");
  return gdi_find_shared(b->all, share->text, tied);
}

/* A module from an entry; *n shapes at io go in and come out. `outer` has device and type. */
static gd_status build_entry(const gd_build *outer, const char *name, const gd_tree *tree, int *n,
                             gd_shape io[GD_MAX_FIELDS], gd_module **out) {
  gdi_building *all = outer->all;
  entry e;
  gd_named tied = {0};
  *out = NULL;
  gd_build b = {
      .device = outer->device, .dtype = outer->dtype, .outputs = outer->outputs, .all = all, .n_in = *n};
  memcpy(b.in, io, sizeof b.in);
  gd_status st = read_entry(&e, tree);
  b.cls = e.cls;
  if (st == GD_OK && all->depth == GDI_MAX_LEVELS)
    st = GD_FAIL(GD_ERR_USAGE, "layers in layers deeper than %d", GDI_MAX_LEVELS);
  if (st == GD_OK && ++all->layers > GDI_MAX_LAYERS)
    st = GD_FAIL(GD_ERR_USAGE, "more than %d layers", GDI_MAX_LAYERS);
  if (st == GD_OK) st = gdi_args_read(&b, e.given, also);
  if (st == GD_OK) st = read_share(&b, e.given, &tied);
  if (st == GD_OK) st = make(&b, name, tied.tensor ? &tied : NULL, out);
  if (st != GD_OK) {
    st = placed(all, st, tree);
    gd_module_free(*out);
    *out = NULL;
    return st;
  }
  *n = b.n_out;
  memcpy(io, b.out, sizeof b.out);
  (*out)->out = b.out[0];
  return GD_OK;
}

/* ---- children ---- */

static gd_status add(gd_module *self, const char *name, gd_module *child) {
  gd_status st = gd_module_add_child(self, name, child);
  if (st != GD_OK) gd_module_free(child);
  return st;
}

/* Its name in the state dict: what `name` says, else its position. */
static const char *name_of(const gd_tree *tree, const char *position) {
  const gd_tree *name = tree->kind == GD_TREE_MAP && tree->n == 1 ? gd_tree_get(tree->item[0], "name") : NULL;
  return !name ? position : name->kind == GD_TREE_SCALAR ? name->text : "";
}

gd_status gdi_build_entries(gd_build *b, gd_module *sequential, const gd_tree *list, int *n,
                            gd_shape io[GD_MAX_FIELDS]) {
  gdi_building *all = b->all;
  gd_status st = GD_OK;
  if (list->kind != GD_TREE_LIST) return GD_FAIL(GD_ERR_USAGE, "expected a list of layers");
  for (int i = 0; st == GD_OK && i < list->n; i++) {
    char position[16];
    gd_module *child;
    const size_t here = enter(all, ".%d", i);
    snprintf(position, sizeof position, "%d", i);
    const char *name = name_of(list->item[i], position);
    st = build_entry(b, name, list->item[i], n, io, &child);
    if (st == GD_OK) st = placed(all, add(sequential, name, child), list->item[i]);
    if (st == GD_OK) leave(all, here);
  }
  return st;
}

static gd_status build_list(gd_build *b, const char *name, const gd_tree *list, int *n,
                            gd_shape io[GD_MAX_FIELDS], gd_module **out) {
  gdi_building *all = b->all;
  if (all->depth == GDI_MAX_LEVELS)
    return GD_FAIL(GD_ERR_USAGE, "layers in layers deeper than %d", GDI_MAX_LEVELS);
  GD_TRY(gd_module_new(out, &gdi_sequential_class, 0, b->device, b->dtype));
  all->name[all->depth] = name;
  all->open[all->depth++] = *out;
  gd_status st = gdi_build_entries(b, *out, list, n, io);
  all->depth--;
  (*out)->out = io[0];
  if (st == GD_OK) return GD_OK;
  gd_module_free(*out);
  *out = NULL;
  return st;
}

gd_status gd_build_child(gd_build *b, gd_module *self, const char *name, const gd_tree *tree, int *n,
                         gd_shape io[GD_MAX_FIELDS]) {
  gd_module *child;
  if (*name_of(tree, name) == 0 || strcmp(name_of(tree, name), name) != 0)
    return GD_FAIL(GD_ERR_USAGE, "%s: its %s has that name and no other: leave `name` out", b->cls->word,
                   name);
  const size_t here = enter(b->all, ".%s.%s", b->cls->word, name);
  GD_TRY(tree->kind == GD_TREE_LIST ? build_list(b, name, tree, n, io, &child)
                                    : build_entry(b, name, tree, n, io, &child));
  leave(b->all, here);
  return add(self, name, child);
}

gd_status gdi_build_one(gd_build *b, gd_module *self, const char *name, const gd_tree *tree, gd_shape *io) {
  gd_shape all[GD_MAX_FIELDS] = {*io};
  int n = 1;
  GD_TRY(gd_build_child(b, self, name, tree, &n, all));
  *io = all[0];
  if (n == 1) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s: its %s has %d outputs where one is wanted", b->cls->word, name, n);
}

/* ---- the whole ---- */

static gd_status check_inputs(const gd_build *b) {
  for (int i = 0; i < b->n_in; i++)
    if (gd_shape_numel(&b->in[i]) < 0) return GD_FAIL(GD_ERR_SHAPE, "model: a sample has too many elements");
  return GD_OK;
}

/* The only entry may be the model itself. */
static bool is_whole(const gd_tree *list) {
  if (list->n != 1) return false;
  const gd_tree *only = list->item[0];
  const char *word = only->kind == GD_TREE_SCALAR                ? only->text
                     : only->kind == GD_TREE_MAP && only->n == 1 ? only->key[0]
                                                                 : "";
  const gd_module_class *cls = gd_module_class_find(word);
  return cls && cls->whole;
}

static gd_status build_model(gd_module **out, const gd_tree *tree, gd_build *b) {
  GD_TRY(check_inputs(b));
  if (tree->kind != GD_TREE_LIST || tree->n == 0)
    return GD_FAIL(GD_ERR_USAGE, "model: no layers; an example: linear:512 relu linear:10");
  b->n_out = b->n_in;
  memcpy(b->out, b->in, sizeof b->out);
  if (!is_whole(tree)) return build_list(b, "", tree, &b->n_out, b->out, out);
  enter(b->all, ".0");
  return build_entry(b, "", tree->item[0], &b->n_out, b->out, out);
}

gd_status gd_model_build(gd_module **out, const gd_tree *tree, gd_build *b) {
  gdi_building all = {.path = "model"};
  *out = NULL;
  GD_TRY(gd_arena_new(&all.arena, "model description"));
  b->all = &all;
  gd_status st = build_model(out, tree, b);
  b->all = NULL;
  gd_arena_free(all.arena);
  if (st == GD_OK) gd_module_reset(*out, 0);
  return st;
}

gd_status gd_model_parse(gd_module **out, const char *spec, int ndim, const int64_t sample[], gd_device *d,
                         gd_dtype dtype, int64_t *outputs) {
  gd_build b = {.device = d, .dtype = dtype, .n_in = 1, .in = {{.dtype = dtype, .ndim = ndim}}};
  gd_arena *arena;
  gd_tree *tree;
  *out = NULL;
  if (ndim > GD_MAX_DIMS - 1) return GD_FAIL(GD_ERR_SHAPE, "model: samples of %d dimensions", ndim);
  for (int i = 0; i < ndim; i++) b.in[0].dim[i] = sample[i];
  GD_TRY(gd_arena_new(&arena, "model text"));
  gd_status st = gd_tree_parse(&tree, arena, spec, "model");
  if (st == GD_OK) st = gd_model_build(out, tree, &b);
  gd_arena_free(arena);
  if (st == GD_OK && outputs) *outputs = gd_shape_numel(&b.out[0]);
  return st;
}
