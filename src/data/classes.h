/* Classes of labels that are no numbers: text, and enumerations. */
#ifndef GDI_DATA_CLASSES_H
#define GDI_DATA_CLASSES_H

#include "data/dataset.h"

/* What is said of text, with a name and a number of classes. */
#define GDI_TEXT_NOTE "%s: text: its %lld texts are taken for classes, in the order of their names"

/* Text i of `where` joins the classes. Errors: GD_ERR_DATA: it is empty or too long, or there are too many */
gd_status gdi_class_add(gdi_words *w, const char *where, int64_t i, const char *text, int64_t *id) GD_CHECKED;
/* The classes that were added, ranked: numbers by value, others by name. *name: malloc'd. */
gd_status gdi_class_names(gdi_words *w, char (**name)[GD_MAX_CLASS_NAME]) GD_CHECKED;

/*
 * y is text: its texts are the classes, numbers by value and others by name, or those that the file names in that order.
 * Noted. Errors: GD_ERR_DATA: too many, empty, or none of those that the file names, with the sample
 */
gd_status gdi_classes_of_text(gd_dataset *d) GD_CHECKED;
/* y is an enumeration: its names, where they fit. */
gd_status gdi_classes_of_members(gd_dataset *d) GD_CHECKED;

#endif
