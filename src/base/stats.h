/* Statistics of a few numbers. */
#ifndef GDI_STATS_H
#define GDI_STATS_H

void gdi_sort(double *v, int n); /* ascending */
/* The median, NaN of none. Sorts v. */
double gdi_median(double *v, int n);

#endif
