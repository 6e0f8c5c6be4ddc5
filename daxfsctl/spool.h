/* SPDX-License-Identifier: GPL-2.0-only */
/* Files without a name, for what cannot be kept in memory while a program runs. */
#ifndef DAXFSCTL_SPOOL_H
#define DAXFSCTL_SPOOL_H

#include <stdint.h>

/* Where they are: $TMPDIR, or /var/tmp. */
const char *spool_dir(void);
/* A new one, empty, gone with its descriptor: that, or -errno. */
int spool_open(void);
/*
 * Writes the first size bytes of fd to the descriptor to, which need not be one
 * that can seek: holes as zeros. 0 or -errno; -EINTR after a signal.
 */
int spool_send(int fd, uint64_t size, int to);

#endif
