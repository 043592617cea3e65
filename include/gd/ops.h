/**
 * @file ops.h  Differentiable operations.
 *
 * Every operation takes the tape it records on and tensors on the tape's device, all of one type (f32 or f64
 * unless it says otherwise), and returns a new tensor of the tape, or NULL after an error that the tape keeps
 * (tape.h). Binary operations broadcast as NumPy does; backward sums over what was broadcast. Dimensions
 * count from 0; negative ones from the end. dx, dy ... are gradients of the root.
 */
#ifndef GD_OPS_H
#define GD_OPS_H

#include "gd/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- constants and values ---- */

/** A scalar constant, which work that is recorded for a GPU may contain. */
GD_API gd_tensor *gd_constant(gd_tape *t, gd_dtype type, double value);
/** A constant (or, after gd_require_grad, a leaf that lives until the tape is reset) from host values. */
GD_API gd_tensor *gd_values(gd_tape *t, gd_dtype type, const double *values, int ndim, const int64_t shape[]);
/** The same values outside the graph: no gradient flows back. Shares the values. */
GD_API gd_tensor *gd_detach(gd_tape *t, gd_tensor *x);
/** Another element type; differentiable between f32 and f64. */
GD_API gd_tensor *gd_cast(gd_tape *t, gd_tensor *x, gd_dtype type);

/* ---- element by element, two operands: y = f(a, b) ---- */

GD_API gd_tensor *gd_add(gd_tape *t, gd_tensor *a, gd_tensor *b); /**< a + b */
GD_API gd_tensor *gd_sub(gd_tape *t, gd_tensor *a, gd_tensor *b); /**< a - b */
GD_API gd_tensor *gd_mul(gd_tape *t, gd_tensor *a, gd_tensor *b); /**< a b */
GD_API gd_tensor *gd_div(gd_tape *t, gd_tensor *a, gd_tensor *b); /**< a / b */
GD_API gd_tensor *gd_pow(gd_tape *t, gd_tensor *a, gd_tensor *b); /**< a^b */
/** Of the two; a tie splits the gradient in half. */
GD_API gd_tensor *gd_minimum(gd_tape *t, gd_tensor *a, gd_tensor *b);
GD_API gd_tensor *gd_maximum(gd_tape *t, gd_tensor *a, gd_tensor *b);
/** With a number in place of b; recorded under the same names. */
GD_API gd_tensor *gd_add_scalar(gd_tape *t, gd_tensor *a, double b);
GD_API gd_tensor *gd_mul_scalar(gd_tape *t, gd_tensor *a, double b);
GD_API gd_tensor *gd_pow_scalar(gd_tape *t, gd_tensor *a, double b);
/** 1 where it holds, else 0, as u8; not differentiable. For gd_where and counting. */
GD_API gd_tensor *gd_greater(gd_tape *t, gd_tensor *a, gd_tensor *b);
GD_API gd_tensor *gd_equal(gd_tape *t, gd_tensor *a, gd_tensor *b);
/** condition (u8) ? a : b, all three broadcast. */
GD_API gd_tensor *gd_where(gd_tape *t, gd_tensor *condition, gd_tensor *a, gd_tensor *b);

/* ---- element by element, one operand ---- */

GD_API gd_tensor *gd_neg(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_square(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_sqrt(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_exp(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_log(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_sin(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_cos(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_tanh(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_sigmoid(gd_tape *t, gd_tensor *x);
GD_API gd_tensor *gd_relu(gd_tape *t, gd_tensor *x);  /**< gradient 0 at 0 */
GD_API gd_tensor *gd_relu6(gd_tape *t, gd_tensor *x); /**< min(max(x, 0), 6); gradient 0 at 0 and at 6 */
GD_API gd_tensor *gd_leaky_relu(gd_tape *t, gd_tensor *x, double slope); /**< x > 0 ? x : slope x */
GD_API gd_tensor *gd_gelu(gd_tape *t, gd_tensor *x);                     /**< x (1 + erf(x / sqrt 2)) / 2 */
GD_API gd_tensor *gd_gelu_tanh(gd_tape *t, gd_tensor *x); /**< PyTorch's gelu with approximate="tanh" */
GD_API gd_tensor *gd_silu(gd_tape *t, gd_tensor *x);      /**< x sigmoid(x) */
GD_API gd_tensor *gd_selu(gd_tape *t, gd_tensor *x); /**< 1.0507 elu(x, 1.67326), Klambauer et al. 2017 */
GD_API gd_tensor *gd_elu(gd_tape *t, gd_tensor *x, double alpha); /**< x > 0 ? x : alpha (e^x - 1) */
GD_API gd_tensor *gd_softplus(gd_tape *t, gd_tensor *x);          /**< log(1 + e^x), without overflow */
GD_API gd_tensor *gd_abs(gd_tape *t, gd_tensor *x);               /**< gradient sign(x), 0 at 0 */
/** min(max(x, lo), hi); gradient 1 on lo <= x <= hi */
GD_API gd_tensor *gd_clamp(gd_tape *t, gd_tensor *x, double lo, double hi);

/* ---- reductions over a set of dimensions ---- */

/** A set of dimensions: GD_DIMS(0), GD_DIMS(0, -1); GD_ALL for every one. */
typedef struct gd_dims {
  int n; /**< 0: all */
  int dim[GD_MAX_DIMS];
} gd_dims;
#define GD_DIMS(...) ((gd_dims){.n = (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), .dim = {__VA_ARGS__}})
#define GD_ALL       ((gd_dims){0})

GD_API gd_tensor *gd_sum(gd_tape *t, gd_tensor *x, gd_dims over, bool keep);
GD_API gd_tensor *gd_mean(gd_tape *t, gd_tensor *x, gd_dims over, bool keep);
/** Math: sum (x - mean)^2 / (n - correction), correction 0 or 1 */
GD_API gd_tensor *gd_var(gd_tape *t, gd_tensor *x, gd_dims over, int correction, bool keep);
/** Largest, smallest; ties share the gradient evenly. */
GD_API gd_tensor *gd_max(gd_tape *t, gd_tensor *x, gd_dims over, bool keep);
GD_API gd_tensor *gd_min(gd_tape *t, gd_tensor *x, gd_dims over, bool keep);
/** Index (i64) of the first largest element along one dimension, which disappears; not differentiable. */
GD_API gd_tensor *gd_argmax(gd_tape *t, gd_tensor *x, int dim);

/* ---- shape ---- */

/** A view; one extent may be -1. */
GD_API gd_tensor *gd_reshape(gd_tape *t, gd_tensor *x, int ndim, const int64_t shape[]);
GD_API gd_tensor *gd_transpose(gd_tape *t, gd_tensor *x, int dim0, int dim1);
/** Indices [start, stop) of a dimension. */
GD_API gd_tensor *gd_slice(gd_tape *t, gd_tensor *x, int dim, int64_t start, int64_t stop);
/** Rows of x along dim picked by an i64 vector; one out of range is GD_ERR_DATA. */
GD_API gd_tensor *gd_index_select(gd_tape *t, gd_tensor *x, int dim, gd_tensor *index);
GD_API gd_tensor *gd_concat(gd_tape *t, gd_tensor *const x[], int n, int dim);

/* ---- matrix products ---- */

/**
 * Matrix product, batched over leading dimensions, which broadcast; vectors as in NumPy's matmul.
 *
 * Math:     y = a b
 * Shapes:   a [...,B,I], b [...,I,O] -> y [...,B,O];  a [I], b [I] -> scalar;  a [I] b [I,O];  a [B,I] b [I]
 * Backward: da = dy b^T;  db = a^T dy
 */
GD_API gd_tensor *gd_matmul(gd_tape *t, gd_tensor *a, gd_tensor *b);

/** Activations that an affine map can carry. */
typedef enum gd_activation {
  GD_ACT_NONE,
  GD_ACT_RELU,
  GD_ACT_TANH,
  GD_ACT_SIGMOID,
  GD_ACT_GELU,
  GD_ACT_GELU_TANH,
  GD_ACT_SILU
} gd_activation;

/**
 * Affine map with its activation, one kernel.
 *
 * Math:     y = act(x W^T + b)
 * Shapes:   x [...,I], W [O,I], b [O] or NULL -> y [...,O]
 * Backward: dz = dy act'(z);  dx = dz W;  dW = dz^T x;  db = sum over rows of dz
 */
GD_API gd_tensor *gd_linear(gd_tape *t, gd_tensor *x, gd_tensor *W, gd_tensor *b, gd_activation act);

/* ---- images: [B,H,W,C], channels last ---- */

/** A window that slides over images; [0] is of the height, [1] of the width. Zeroed fields are PyTorch's defaults. */
typedef struct gd_window {
  int64_t kernel[2];
  int64_t stride[2], dilation[2]; /**< 0: 1 */
  int64_t begin[2], end[2];       /**< padding before and behind */
  bool ceil_mode;                 /**< pooling: a last window may reach over the end */
} gd_window;

/**
 * Convolution with its bias and activation (none or relu). `w`'s kernel is W's.
 *
 * Math:     y[b,i,j,o] = act(bias[o] + sum over c, k, l of W[o,c,k,l] x[b, i stride + k dilation - begin, j ..., c])
 * Shapes:   x [B,H,W,C], W [O,C/groups,kH,kW] as PyTorch has it, b [O] or NULL -> y [B,H',W',O],
 *           H' = (H + begin + end - dilation (kH - 1) - 1) / stride + 1, rounded down
 * Backward: dz = dy act'(y);  dx, dW: the transpose and the correlation;  db = sum over B, H', W' of dz
 * Errors:   GD_ERR_SHAPE (a kernel that does not fit, groups that do not divide C and O)
 */
GD_API gd_tensor *gd_conv2d(gd_tape *t, gd_tensor *x, gd_tensor *W, gd_tensor *b, const gd_window *w,
                            int64_t groups, gd_activation act);
/**
 * The transpose of a convolution: what is the gradient of x there is forward here.
 *
 * Shapes:   x [B,H,W,C], W [C,O/groups,kH,kW], b [O] or NULL -> y [B,H',W',O],
 *           H' = (H - 1) stride - begin - end + dilation (kH - 1) + output_padding + 1
 */
GD_API gd_tensor *gd_conv_transpose2d(gd_tape *t, gd_tensor *x, gd_tensor *W, gd_tensor *b,
                                      const gd_window *w, const int64_t output_padding[2], int64_t groups);
/** The largest value of each window, of ties the first; NaN wins, as in PyTorch. Padding never does. */
GD_API gd_tensor *gd_max_pool2d(gd_tape *t, gd_tensor *x, const gd_window *w);
/** The mean of each window; padding counts as zeros, or (count_include_pad false) not at all. No dilation. */
GD_API gd_tensor *gd_avg_pool2d(gd_tape *t, gd_tensor *x, const gd_window *w, bool count_include_pad);
/** The means of out[0] x out[1] windows that cover the image: window i begins at i H / out and ends at (i + 1) H / out,
 * rounded up. */
GD_API gd_tensor *gd_adaptive_avg_pool2d(gd_tape *t, gd_tensor *x, const int64_t out[2]);

/** Pixels added around, and channels (with zeros): [0] of height, [1] of width, [2] of channels; zeros, or the reflection. */
GD_API gd_tensor *gd_pad2d(gd_tape *t, gd_tensor *x, const int64_t before[3], const int64_t after[3],
                           bool reflect);
/** Each pixel factor[0] x factor[1] times. */
GD_API gd_tensor *gd_upsample_nearest2d(gd_tape *t, gd_tensor *x, const int64_t factor[2]);
/** Every stride-th pixel, with channels of zeros in front and behind: the shortcut without parameters of He et al. 2016. */
GD_API gd_tensor *gd_subsample2d(gd_tape *t, gd_tensor *x, const int64_t stride[2], int64_t front,
                                 int64_t back);

/**
 * Batch norm of each channel, with what often follows it: a residual that is added, and an activation (none or relu).
 *
 * Math:     y = act((x - mean) / sqrt(var + eps) weight + bias + residual); in training mean and (biased) variance are those of
 *           x over all dimensions but the last, else the running ones
 * Shapes:   x [B,...,C], residual of x's shape or NULL, the others [C] or NULL
 * Backward: through mean and variance too; d running += B (running - value) in training, as of gd_track(), value being
 *           the mean, or the variance with N - 1
 * Errors:   GD_ERR_SHAPE (one value per channel in training), GD_ERR_USAGE (not training without running statistics)
 * Source:   Ioffe and Szegedy 2015
 */
GD_API gd_tensor *gd_batch_norm(gd_tape *t, gd_tensor *x, gd_tensor *weight, gd_tensor *bias,
                                gd_tensor *running_mean, gd_tensor *running_var, bool training, double eps,
                                gd_tensor *residual, gd_activation act);

/**
 * Group norm: each sample's channels in `groups` parts, each with its own mean and variance.
 *
 * Math:     y = (x - mean) / sqrt(var + eps) weight + bias, mean and (biased) variance over a group's channels, everywhere
 * Shapes:   x [B,...,C], the others [C] or NULL
 * Errors:   GD_ERR_SHAPE (groups that do not divide C)
 * Source:   Wu and He 2018
 */
GD_API gd_tensor *gd_group_norm(gd_tape *t, gd_tensor *x, gd_tensor *weight, gd_tensor *bias, int64_t groups,
                                double eps);
/**
 * Local response norm across channels.
 *
 * Math:     y = x / (k + alpha / size (sum of x^2 over the channels c - size / 2 to c + (size - 1) / 2 that there are))^beta
 * Shapes:   x [B,...,C]
 * Errors:   GD_ERR_SHAPE, GD_ERR_USAGE: a size outside 1 to 1024
 * Source:   Krizhevsky et al. 2012; the mean over `size` is PyTorch's
 */
GD_API gd_tensor *gd_local_response_norm(gd_tape *t, gd_tensor *x, int64_t size, double alpha, double beta,
                                         double k);

/* ---- classification ---- */

GD_API gd_tensor *gd_softmax(gd_tape *t, gd_tensor *x, int dim);
GD_API gd_tensor *gd_log_softmax(gd_tape *t, gd_tensor *x, int dim);

/**
 * Softmax and cross-entropy of integer labels, fused: no [B,C] array of log-probabilities is formed.
 *
 * Math:     sum over rows i with label y_i != ignore of  w[y_i] (logsumexp(x_i) - x_i[y_i]),  in f64; a row is C logits
 * Shapes:   logits [...,C], labels i64, i32 or u8 [...], class_weight w [C] or NULL (all 1) -> scalar;
 *           *weight_sum (may be NULL): f64 scalar, the sum of w[y_i] over the same rows
 * Backward: dx_i += dy w[y_i] (softmax(x_i) - onehot(y_i))
 * Errors:   GD_ERR_DATA with row and label, for a label that is neither `ignore` nor in [0, C)
 */
GD_API gd_tensor *gd_cross_entropy_sum(gd_tape *t, gd_tensor *logits, gd_tensor *labels,
                                       gd_tensor *class_weight, int64_t ignore, gd_tensor **weight_sum);

/**
 * The same with weights of rows, with probabilities for targets, or with smoothed labels: what the labels say counts 1 - e,
 * and all classes alike share e.
 *
 * Math:     sum over rows i of  r_i sum_c w[c] q_ic (logsumexp(x_i) - x_ic);  q_ic = (1 - e) p_ic + e / C, with labels
 *           p_ic = [c = y_i], and rows of y_i = ignore left out
 * Shapes:   logits [...,C], target labels as above [...] or p [...,C] of the logits' type, class_weight w [C] or NULL
 *           (all 1), row_weight r [...], or of samples of so many rows each [M], or NULL (all 1) -> scalar; *weight_sum (may be NULL): f64 scalar, with labels the
 *           sum of r_i w[y_i], with probabilities that of r_i
 * Backward: dx_ic += dy r_i (softmax(x_i)_c sum_k w[k] q_ik - w[c] q_ic);
 *           dp_ic += dy r_i (1 - e) w[c] (logsumexp(x_i) - x_ic); none to r
 * Errors:   as gd_cross_entropy_sum(); GD_ERR_USAGE for a label_smoothing that is not in [0, 1], GD_ERR_NO_GRAD for
 *           weights of rows that ask for a gradient
 * Source:   Szegedy et al. 2016; the mean, sum / weight_sum, is PyTorch's cross_entropy
 */
GD_API gd_tensor *gd_soft_cross_entropy_sum(gd_tape *t, gd_tensor *logits, gd_tensor *target,
                                            gd_tensor *class_weight, gd_tensor *row_weight, int64_t ignore,
                                            double label_smoothing, gd_tensor **weight_sum);

/* ---- random ---- */

/**
 * Each element is kept with probability 1 - p and divided by it, or set to 0. p = 0 returns x itself.
 * Draws: Philox keyed by the tape's (seed, step), the ordinal of the call since gd_tape_reset(), row0 + row,
 * element. Rows count positions of the global batch: see gd_tape_draws().
 */
GD_API gd_tensor *gd_dropout(gd_tape *t, gd_tensor *x, double p);
/**
 * The same, keyed by a number, of who draws, and the ordinal of the call among those of that number: what else draws, and in
 * which order, does not change it. First calls numbered 0, 1, 2 ... draw as calls of gd_dropout() one after the other
 * do; no two calls of either on a tape draw the same. Numbers that are 1024 apart count their calls together.
 *
 * Errors: GD_ERR_USAGE (p, a negative number, more than 1024 calls)
 */
GD_API gd_tensor *gd_dropout_numbered(gd_tape *t, gd_tensor *x, double p, int64_t number);

/* ---- statistics ---- */

/**
 * The value that a statistic is to follow (gd_module_add_statistic()), met where x is on its way: a layer in training
 * mode hands on gd_track(t, y, self->running_mean, mean of this micro-batch, samples of it).
 *
 * Math:     y = x
 * Shapes:   x any; statistic and value of the same shape
 * Backward: dx += dy;  d statistic += samples (statistic - value), whatever dy is; none to value
 */
GD_API gd_tensor *gd_track(gd_tape *t, gd_tensor *x, gd_tensor *statistic, gd_tensor *value, int64_t samples);

#ifdef __cplusplus
}
#endif
#endif
