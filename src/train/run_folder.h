/* The folder of a run that goes on from a checkpoint: whichever that is, the folder then tells one story. */
#ifndef GDI_TRAIN_RUN_FOLDER_H
#define GDI_TRAIN_RUN_FOLDER_H

#include "gd/store.h"

/*
 * Rank 0, before anything of the folder is used or written: leave in it what led to checkpoint `c` (NULL: a fresh start) in
 * the file `path`, and nothing else.
 *
 * - What the run had gone on to after `c` is set aside, and so is all of the folder's own run when `c` is of another one: to
 *   FOLDER/aside-N, a run folder too, with its rows, summary and configuration. Nothing there is ever pruned.
 * - What is missing of the past of `c` is copied from where `c` lies: `c` itself, the best, rows, snapshots.
 *
 * *best: does a best checkpoint of the past matter? Becomes false when its file cannot be had.
 * Errors: GD_ERR_WRITE, GD_ERR_OOM
 */
gd_status gdi_run_folder_settle(const char *folder, const char *path, const gd_checkpoint *c,
                                bool *best) GD_CHECKED;

#endif
