/* SPDX-License-Identifier: GPL-2.0-only */
/* Checksums of parts, made into that of the whole. */
#ifndef DAXFSCTL_CHECKSUM_H
#define DAXFSCTL_CHECKSUM_H

#include "../kmod/core/core.h"

/* The crc32c of two parts, the second of them len bytes, from theirs. */
u32 checksum_join(u32 first, u32 second, u64 len);

#endif
