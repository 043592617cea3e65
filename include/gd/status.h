/** @file status.h  Status codes, the error record, and the macros that pass errors up. */
#ifndef GD_STATUS_H
#define GD_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GD_API     __attribute__((visibility("default")))
#define GD_CHECKED __attribute__((warn_unused_result))

/* Every status once: name, exit code of the program, what it means. */
#define GD_STATUS_LIST(X)                                                                                    \
  X(OK, 0, "done")                                                                                           \
  X(ERR_INTERNAL, 1, "internal error")                                                                       \
  X(ERR_OOM, 1, "out of memory")                                                                             \
  X(ERR_USAGE, 2, "usage or configuration")                                                                  \
  X(ERR_SHAPE, 2, "shapes do not fit")                                                                       \
  X(ERR_DTYPE, 2, "element types do not fit")                                                                \
  X(ERR_NO_GRAD, 2, "nothing to differentiate")                                                              \
  X(ERR_NO_KERNEL, 2, "no kernel for this operation, type and device")                                       \
  X(ERR_ENV, 3, "environment, or ranks that do not match")                                                   \
  X(ERR_DATA, 4, "data")                                                                                     \
  X(ERR_CHECKPOINT, 5, "no usable checkpoint")                                                               \
  X(ERR_WRITE, 6, "could not write")                                                                         \
  X(ERR_NONFINITE, 7, "loss or gradient not finite")                                                         \
  X(ERR_REPLICA, 8, "replicas differ")                                                                       \
  X(ERR_COMM, 9, "communication, or a lost or stuck rank")                                                   \
  X(ERR_GPU, 10, "GPU")                                                                                      \
  X(STOPPED, 75, "stopped on request after saving")

typedef enum gd_status {
#define X(name, exit_code, text) GD_##name,
  GD_STATUS_LIST(X)
#undef X
      GD_STATUS_COUNT
} gd_status;

/** What went wrong last on this thread: the first cause, not the last consequence. */
typedef struct gd_error {
  gd_status status;
  int rank;         /**< rank at fault; -1 outside a world */
  char host[64];    /**< its host */
  const char *file; /**< source file and line that detected it */
  int line;
  char message[512]; /**< one sentence for the user: what, where, and what to do next */
} gd_error;

GD_API const char *gd_status_name(gd_status s); /**< "ERR_DATA" */
GD_API const char *gd_status_text(gd_status s); /**< "data" */
GD_API int gd_status_exit_code(gd_status s);    /**< see the table in the README */

/** The error record of this thread; never NULL. Valid until the next failure on this thread. */
GD_API const gd_error *gd_error_last(void);
/** Forget the record, so that the next failure is the first cause again. */
GD_API void gd_error_clear(void);
/** Copy a record made elsewhere (another rank, another thread) into this thread; returns its status. */
GD_API gd_status gd_error_adopt(const gd_error *e);
/** Rank and host stamped into later records of this process. */
GD_API void gd_error_identity(int rank, const char *host);

/** Replace the error record and return `s`. Use through GD_FAIL. */
GD_API gd_status gd_error_set(gd_status s, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define GD_FAIL(status, ...) gd_error_set((status), __FILE__, __LINE__, __VA_ARGS__)

/** Return from the caller when `expr` fails. */
#define GD_TRY(expr)                                                                                         \
  do {                                                                                                       \
    gd_status gd_try_ = (expr);                                                                              \
    if (gd_try_ != GD_OK) return gd_try_;                                                                    \
  } while (0)

/** Set `st` (a gd_status in scope) and jump to `label` when `expr` fails. */
#define GD_GOTO(st, expr, label)                                                                             \
  do {                                                                                                       \
    if (((st) = (expr)) != GD_OK) goto label;                                                                \
  } while (0)

#ifdef __cplusplus
}
#endif
#endif
