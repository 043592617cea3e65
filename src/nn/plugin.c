/* Loading plug-ins. A file is hashed first, so that what is told of it is what was loaded. */
#include "nn/plugins.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gd/log.h"
#include "gd/sha256.h"

enum { MOST = 16, SHORTEST = 64 };

static struct {
  gd_digest digest[MOST];
  int n;
  char text[MOST * (SHORTEST + 72)];
} loaded;

const char *gd_plugins_loaded(void) {
  return loaded.text;
}

static gd_status hash(const char *path, gd_digest *out) {
  char block[1 << 14];
  gd_sha256 h;
  FILE *f = fopen(path, "rb");
  if (!f) return GD_FAIL(GD_ERR_USAGE, "load: %s: %s", path, strerror(errno));
  gd_sha256_init(&h);
  for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) gd_sha256_add(&h, block, n);
  const bool ok = !ferror(f);
  fclose(f);
  *out = gd_sha256_end(&h);
  return ok ? GD_OK : GD_FAIL(GD_ERR_USAGE, "load: %s: %s", path, strerror(errno));
}

static gd_status check(const gd_plugin *p, const char *path) {
  static const size_t sizes[] = GD_PLUGIN_SIZES;
  if (!p)
    return GD_FAIL(GD_ERR_USAGE,
                   "load: %s is no plug-in of gdtrain: it needs one GD_PLUGIN(init), see gd/plugin.h", path);
  if (strcmp(p->version, GD_VERSION) != 0 || memcmp(p->sizes, sizes, sizeof sizes) != 0)
    return GD_FAIL(
        GD_ERR_USAGE,
        "load: %s was compiled with the headers of another gdtrain (%.20s, this is %s): compile it again",
        path, p->version, GD_VERSION);
  return GD_OK;
}

static gd_status start(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return GD_FAIL(GD_ERR_USAGE, "load: %s", dlerror());
  const gd_plugin *p = dlsym(library, "gd_plugin_record");
  gd_status st = check(p, path);
  if (st == GD_OK && p->init) st = p->init();
  if (st == GD_OK) return GD_OK; /* it stays: records point into it */
  char cause[300];
  snprintf(cause, sizeof cause, "%.299s", gd_error_last()->message);
  return strncmp(cause, "load: ", 6) == 0 ? st : GD_FAIL(st, "load: %s: %s", path, cause);
}

static gd_status load(const char *given) {
  gd_digest digest;
  char *path = realpath(given, NULL), hex[65]; /* dlopen() would look for a bare name elsewhere */
  if (!path) return GD_FAIL(GD_ERR_USAGE, "load: %s: %s", given, strerror(errno));
  gd_status st = hash(path, &digest);
  bool again = false;
  for (int i = 0; st == GD_OK && i < loaded.n; i++)
    again |= memcmp(&digest, &loaded.digest[i], sizeof digest) == 0;
  if (st == GD_OK && !again && loaded.n == MOST)
    st = GD_FAIL(GD_ERR_USAGE, "load: at most %d plug-ins", MOST);
  if (st == GD_OK && !again) st = start(path);
  if (st == GD_OK && !again) {
    const char *slash = strrchr(path, '/');
    const size_t n = strlen(loaded.text);
    loaded.digest[loaded.n++] = digest;
    gd_digest_hex(&digest, hex);
    snprintf(loaded.text + n, sizeof loaded.text - n, "%s%.60s:%s", n ? " " : "", slash ? slash + 1 : path,
             hex);
  }
  free(path);
  return st;
}

gd_status gd_plugins_load(const char *paths) {
  char *copy = strdup(paths), *save;
  gd_status st = copy ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to load plug-ins");
  for (char *w = copy ? strtok_r(copy, " \t\n", &save) : NULL; st == GD_OK && w;
       w = strtok_r(NULL, " \t\n", &save))
    st = load(w);
  free(copy);
  return st;
}

/* ---- what a checkpoint needs */

gdi_plugins_match gdi_plugins_compare(const char *needed, char *buf, size_t bytes) {
  gdi_plugins_match worst = GDI_PLUGINS_SAME;
  *buf = 0;
  for (const char *at = needed ? needed : ""; *at; at += strspn(at, " ")) {
    const size_t whole = strcspn(at, " "), name = strcspn(at, ":");
    gdi_plugins_match match = GDI_PLUGINS_MISSING;
    for (const char *have = loaded.text; *have; have += strcspn(have, " "), have += strspn(have, " ")) {
      if (strcspn(have, " ") == whole && strncmp(have, at, whole) == 0) match = GDI_PLUGINS_SAME;
      if (match == GDI_PLUGINS_MISSING && strcspn(have, ":") == name && strncmp(have, at, name) == 0)
        match = GDI_PLUGINS_CHANGED;
    }
    if (match > worst) worst = match, snprintf(buf, bytes, "%.*s", (int)name, at);
    at += whole;
  }
  return worst;
}

gd_status gdi_plugins_need(const char *needed, const char *path, const char *model) {
  char name[80];
  switch (gdi_plugins_compare(needed, name, sizeof name)) {
  case GDI_PLUGINS_MISSING:
    return GD_FAIL(
        GD_ERR_USAGE,
        "%s: its model, \"%.100s\", was trained with the plug-in %s: give --load and where it is (a "
        "checkpoint never loads one by itself)",
        path, model, name);
  case GDI_PLUGINS_CHANGED:
    gd_message(GD_LOG_WARN, "%s: trained with another %s than the one that is loaded", path, name);
    break;
  case GDI_PLUGINS_SAME: break;
  }
  return GD_OK;
}
