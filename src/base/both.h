/* Code that runs on the host and on a GPU alike. */
#ifndef GDI_BASE_BOTH_H
#define GDI_BASE_BOTH_H

#ifdef __CUDACC__
#define GDI_BOTH static inline __host__ __device__
#else
#define GDI_BOTH static inline
#endif

#endif
