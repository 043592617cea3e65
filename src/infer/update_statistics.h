/* Running statistics made anew: what weights that are averages need (torch.optim.swa_utils.update_bn). */
#ifndef GDI_INFER_UPDATE_STATISTICS_H
#define GDI_INFER_UPDATE_STATISTICS_H

#include "infer/trained.h"

/*
 * Each statistic becomes the mean, weighted by samples, of what the micro-batches of one pass over the training data show, in
 * micro-batches of the size that it was trained with. Every rank makes the whole pass, and so has the same bits. Collective.
 * Errors: GD_ERR_USAGE: there are no statistics; those of opening the training data
 */
gd_status gdi_update_statistics(gdi_trained *u) GD_CHECKED;

#endif
