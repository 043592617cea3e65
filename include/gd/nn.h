/** @file nn.h  Neural networks: modules, initial values, losses, and the flat run of all parameters. */
#ifndef GD_NN_H
#define GD_NN_H

#include "gd/init.h"
#include "gd/loss.h"
#include "gd/metric.h"
#include "gd/module.h"
#include "gd/params.h"

#endif
