/* All kinds of modules: those of modules.def, then what users registered. */
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "nn/build.h"
#include "nn/layers.h"

enum { MAX_CLASSES = 512 };

static const gd_module_class *class[MAX_CLASSES] = {
#define GD_MODULE(word) &gdi_##word##_class,
#include "nn/modules.def"
#undef GD_MODULE
};
static int classes = 0
#define GD_MODULE(word) +1
#include "nn/modules.def"
#undef GD_MODULE
    ;

const gd_module_class *gd_module_class_at(int i) {
  return i >= 0 && i < classes ? class[i] : NULL;
}

static bool same_word(const char *a, const char *b) {
  for (; *a && *b; a++, b++)
    if (*a != *b && !(*a == '-' && *b == '_')) return false;
  return *a == *b;
}

const gd_module_class *gd_module_class_find(const char *word) {
  for (int i = 0; i < classes; i++)
    if (same_word(word, class[i] -> word)) return class[i];
  return NULL;
}

gd_status gdi_module_class_unknown(const char *word) {
  const char *words[MAX_CLASSES + 1] = {0};
  int ignored;
  for (int i = 0; i < classes; i++) words[i] = class[i]->word;
  return gdi_word_index(&ignored, "layer", word, words);
}

static bool is_word(const char *text) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz_0123456789";
  return text && *text >= 'a' && *text <= 'z' && strlen(text) < 32 && !text[strspn(text, letters)];
}

gd_status gd_module_register(const gd_module_class *cls) {
  if (!cls || !cls->name || !is_word(cls->word))
    return GD_FAIL(
        GD_ERR_USAGE,
        "a kind of module needs a name and a word of up to 31 letters a-z, 0-9 and _ that begins with "
        "a letter");
  if (!cls->forward && !cls->forward_n)
    return GD_FAIL(GD_ERR_USAGE, "%s has neither forward nor forward_n", cls->word);
  if (cls->absorbs && !cls->forward_fused)
    return GD_FAIL(GD_ERR_USAGE, "%s has absorbs, but no forward_fused", cls->word);
  for (const gd_arg *a = cls->args; a && a->name; a++)
    if (!is_word(a->name) || strcmp(a->name, "name") == 0 || strcmp(a->name, "share") == 0)
      return GD_FAIL(GD_ERR_USAGE, "%s: an argument cannot be called '%s'", cls->word, a->name);
  const gd_module_class *old = gd_module_class_find(cls->word);
  if (old == cls) return GD_OK;
  if (old) return GD_FAIL(GD_ERR_USAGE, "there is a layer %s already (%s)", cls->word, old->name);
  if (classes == MAX_CLASSES) return GD_FAIL(GD_ERR_USAGE, "more than %d kinds of modules", MAX_CLASSES);
  class[classes++] = cls;
  return GD_OK;
}
