/* The folder of a study: one study, one process at a time. */
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "study/study.h"
#include "train/run_log.h"

static void print_text(FILE *f, const void *text) {
  fputs(text, f);
}

/* The first line that differs says why. */
static gd_status enter(const char *folder, const char *mine) {
  char path[4200], theirs[3000] = "";
  snprintf(path, sizeof path, "%s/study.txt", folder);
  FILE *f = fopen(path, "r");
  if (!f) return gdi_file_write(folder, "study.txt", print_text, mine);
  theirs[fread(theirs, 1, sizeof theirs - 1, f)] = 0;
  fclose(f);
  if (strcmp(mine, theirs) == 0) return GD_OK;
  size_t at = 0;
  while (mine[at] == theirs[at]) at++;
  while (at > 0 && mine[at - 1] != '\n') at--;
  return GD_FAIL(GD_ERR_USAGE,
                 "%s holds a study of other runs: it has \"%.*s\", this one \"%.*s\"; choose another --out",
                 folder, (int)strcspn(theirs + at, "\n"), theirs + at, (int)strcspn(mine + at, "\n"),
                 mine + at);
}

gd_status gdi_study_folder(char folder[GDI_STUDY_FOLDER], char runs[GDI_STUDY_RUNS], const char *wanted,
                           const char *about, int *guard) {
  char name[4096], path[4200];
  snprintf(path, sizeof path, "%s/study.txt", wanted);
  const bool goes_on = wanted[0] && access(path, F_OK) == 0;
  GD_TRY(gdi_record_folder_name(name, sizeof name, wanted, goes_on));
  snprintf(folder, GDI_STUDY_FOLDER, "%.3990s", name);
  snprintf(runs, GDI_STUDY_RUNS, "%s/runs", folder);
  GD_TRY(gdi_folder_make(runs));
  GD_TRY(gdi_folder_lock(guard, folder, "another study is running in this folder"));
  return enter(folder, about);
}
