/* SPDX-License-Identifier: GPL-2.0-only */
/* A file that fuzzing starts from. */
#ifndef FUZZ_SEED_H
#define FUZZ_SEED_H

#include "env.h"

/* 0 or -errno. */
int seed_save(const char *dir, u32 number, const u8 *data, size_t len);

#endif
