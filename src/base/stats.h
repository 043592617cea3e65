/* Statistics of a few numbers. */
#ifndef GDI_STATS_H
#define GDI_STATS_H

void gdi_sort(double *v, int n); /* ascending */
/* The median, NaN of none. Sorts v. */
double gdi_median(double *v, int n);
/* The x that Student's t of df degrees of freedom (up to 1000) lies within, -x to x, with probability p; NaN: none. */
double gdi_t_bound(double p, int df);

#endif
