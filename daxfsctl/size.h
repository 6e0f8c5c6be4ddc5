/* SPDX-License-Identifier: GPL-2.0-only */
/* Sizes as people write them: 256M, 0x1000, 1G. */
#ifndef DAXFSCTL_SIZE_H
#define DAXFSCTL_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* Decimal, 0x hex, suffix K M G T (powers of 1024). 0, -EINVAL (junk) or -ERANGE (overflow). */
int size_parse(const char *text, uint64_t *size);
/* "1.5G" into buf of n bytes; returns buf. */
char *size_human(uint64_t size, char *buf, size_t n);

#endif
