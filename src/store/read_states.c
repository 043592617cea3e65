/* The states of a checkpoint: of the optimizer, and averages of the parameters. */
#include <string.h>

#include "store/checkpoint.h"

/* Its array of every parameter, from /optim/<name> or, an average, from /<name>. */
static gd_status read_state(gd_checkpoint *c, gdi_h5 *f, const char *folder, const char *state,
                            const char *const array[]) {
  const int s = c->n_states++;
  if (strlen(state) >= sizeof *c->state_name)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /%s%s: the name of a state is too long", f->path, folder, state);
  strcpy(c->state_name[s], state);
  c->state[s] = gd_arena_zalloc(c->arena, (size_t)c->n_params * sizeof **c->state);
  if (!c->state[s]) return GD_ERR_OOM;
  for (int i = 0; i < c->n_params; i++) {
    char path[GDI_MAX_PATH + 8];
    if (strcmp(array[i], c->param[i].name) != 0)
      return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /%s%s has no array for some parameters", f->path, folder, state);
    snprintf(path, sizeof path, "%s%s/%s", folder, state, array[i]);
    GD_TRY(gdi_stored_describe(&c->state[s][i], f, path, array[i]));
  }
  return GD_OK;
}

/* The names of a group come sorted: all of one state, in the order of the parameters, then all of the next. */
static gd_status read_group(gd_checkpoint *c, gdi_h5 *f, const char *group, gdi_names *list) {
  *list = (gdi_names){0};
  if (!gdi_h5_has(f, group)) return GD_OK;
  GD_TRY(gdi_names_read(list, c->arena, f, group));
  if (list->n % c->n_params == 0) return GD_OK;
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /%s has not an array for each parameter", f->path, group);
}

static gd_status read_optim(gd_checkpoint *c, gdi_h5 *f, const gdi_names *list, const char **array) {
  for (int k = 0; k < list->n; k++) {
    char *slash = strchr(list->name[k], '/');
    if (!slash)
      return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /optim/%s does not belong to a parameter", f->path,
                     list->name[k]);
    *slash = 0; /* the name of its state, then that of its parameter */
    array[k] = slash + 1;
  }
  for (int k = 0; k < list->n; k += c->n_params) {
    for (int i = 1; i < c->n_params; i++)
      if (strcmp(list->name[k], list->name[k + i]) != 0)
        return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /optim/%s has no array for some parameters", f->path,
                       list->name[k]);
    GD_TRY(read_state(c, f, "optim/", list->name[k], array + k));
  }
  return GD_OK;
}

gd_status gdi_states_read(gd_checkpoint *c, gdi_h5 *f) {
  static const char *const averages[] = {"ema", "swa"};
  gdi_names list, average[2];
  GD_TRY(read_group(c, f, "optim", &list));
  int most = list.n;
  for (int i = 0; i < 2; i++) {
    GD_TRY(read_group(c, f, averages[i], &average[i]));
    if (average[i].n > most) most = average[i].n;
  }
  const size_t states = (size_t)(list.n / c->n_params) + 3;
  c->state_name = gd_arena_zalloc(c->arena, states * sizeof *c->state_name);
  c->state = gd_arena_zalloc(c->arena, states * sizeof *c->state);
  const char **array = gd_arena_alloc(c->arena, ((size_t)most + 1) * sizeof *array);
  if (!c->state_name || !c->state || !array) return GD_ERR_OOM;
  GD_TRY(read_optim(c, f, &list, array));
  for (int i = 0; i < 2; i++) {
    if (average[i].n == 0) continue;
    if (average[i].n != c->n_params)
      return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /%s has not an array for each parameter", f->path, averages[i]);
    for (int k = 0; k < average[i].n; k++) array[k] = average[i].name[k];
    GD_TRY(read_state(c, f, "", averages[i], array));
  }
  return GD_OK;
}
