/** @file version.h */
#ifndef GD_VERSION_H
#define GD_VERSION_H
#define GD_VERSION "0.1.0"
#endif
