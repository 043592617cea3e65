/** @file gd.h  The whole library, lowest layer first: a header includes only headers listed above it. */
#ifndef GD_GD_H
#define GD_GD_H

#include "gd/status.h"
#include "gd/arena.h"
#include "gd/log.h"
#include "gd/rng.h"
#include "gd/partition.h"
#include "gd/sha256.h"
#include "gd/config.h"
#include "gd/options.h"
#include "gd/device.h"
#include "gd/tensor.h"
#include "gd/tape.h"
#include "gd/ops.h"
#include "gd/module.h"
#include "gd/init.h"
#include "gd/loss.h"
#include "gd/params.h"
#include "gd/nn.h"
#include "gd/optim.h"
#include "gd/data.h"
#include "gd/comm.h"
#include "gd/sync.h"
#include "gd/store.h"
#include "gd/infer.h"
#include "gd/train.h"
#include "gd/verify.h"
#include "gd/bench.h"
#include "gd/compare.h"
#include "gd/version.h"

#endif
