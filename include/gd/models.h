/**
 * @file models.h  Known models as words of trees: `model: lenet5`, `model: {resnet20: {shortcut: conv}}`.
 *
 * Each is one file of src/models, written with the public headers alone, as an example of them. The program knows them; a
 * program that builds models from text itself calls gd_models_register() first.
 */
#ifndef GD_MODELS_H
#define GD_MODELS_H

#include "gd/module.h"

#ifdef __cplusplus
extern "C" {
#endif

/** May be called any number of times. Errors: those of gd_module_register() */
GD_API gd_status gd_models_register(void) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
