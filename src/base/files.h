/* Folders, and text files that are whole or absent. */
#ifndef GDI_BASE_FILES_H
#define GDI_BASE_FILES_H

#include <stdio.h>

#include "gd/status.h"

/* mkdir -p; the last part may exist. Errors: GD_ERR_WRITE */
gd_status gdi_folder_make(const char *path) GD_CHECKED;
/*
 * Keep other processes from holding the folder until *hold is closed or this process ends, in whatever way. Waits a few
 * seconds for one that is just ending. A file system without locks holds nothing. Errors: GD_ERR_USAGE, it is `taken`
 */
gd_status gdi_folder_lock(int *hold, const char *path, const char *taken) GD_CHECKED;
/* Both exist and are one file, whatever they are called. */
bool gdi_same_file(const char *a, const char *b);
/* Written under another name by `print`, flushed, fsynced, then renamed. Errors: GD_ERR_WRITE */
typedef void (*gdi_printer)(FILE *f, const void *what);
gd_status gdi_file_write(const char *folder, const char *name, gdi_printer print,
                         const void *what) GD_CHECKED;

#endif
