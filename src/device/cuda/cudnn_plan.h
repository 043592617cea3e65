/* The plan of a convolution by cuDNN: its description as a graph of operations, and the engine that computes it. */
#ifndef GDI_CUDA_CUDNN_PLAN_H
#define GDI_CUDA_CUDNN_PLAN_H

#include "device/cuda/cudnn_library.h"
#include "device/device.h"

typedef struct gdi_cudnn_planner {
  const gdi_cudnn_library *lib;
  gd_device *d;
  struct cudnnContext *handle;
} gdi_cudnn_planner;

/* Everything that a plan follows from. Numbers of one size: compared as memory. */
typedef struct gdi_cudnn_form {
  int64_t pass, type, n, groups, c, o, in[2], out[2], kernel[2], stride[2], dilation[2], begin[2], end[2];
  int64_t add, bias, relu; /* relu only with a bias */
  int64_t align;           /* bytes, of every operand */
} gdi_cudnn_form;

/* Names of tensors in a graph: what is passed in, and what is not stored. */
enum {
  GDI_CUDNN_ID_X = 1,
  GDI_CUDNN_ID_W,
  GDI_CUDNN_ID_Y,
  GDI_CUDNN_ID_BIAS,
  GDI_CUDNN_ID_CONVOLVED,
  GDI_CUDNN_ID_SUM
};

typedef struct gdi_cudnn_plan {
  gdi_cudnn_form form;
  bool offered; /* false: cuDNN has no engine for this form */
  void *how;    /* the execution plan */
  int64_t workspace;
  int n_made;
  void *made[20]; /* all descriptors that it refers to */
  struct gdi_cudnn_plan *next;
} gdi_cudnn_plan;

/* Errors: GD_ERR_GPU, GD_ERR_OOM; not that cuDNN has none */
gd_status gdi_cudnn_plan_new(const gdi_cudnn_planner *c, const gdi_cudnn_form *f,
                             gdi_cudnn_plan **out) GD_CHECKED;
void gdi_cudnn_plan_free(const gdi_cudnn_planner *c, gdi_cudnn_plan *p);

/* GD_OK, or GD_ERR_GPU with what the library says. */
gd_status gdi_cudnn_check(const gdi_cudnn_planner *c, unsigned status, const char *what) GD_CHECKED;
gd_status gdi_cudnn_set(const gdi_cudnn_planner *c, void *of, unsigned attribute, unsigned type, int64_t n,
                        const void *values) GD_CHECKED;

#endif
