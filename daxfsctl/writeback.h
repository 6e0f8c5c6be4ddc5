/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which mount is written back to which image file when it is unmounted: an option
 * of the mount that only programs know, which libmount keeps in /run/mount/utab.
 */
#ifndef DAXFSCTL_WRITEBACK_H
#define DAXFSCTL_WRITEBACK_H

#include <stdbool.h>

/* Can it be kept: an absolute path that is no longer, and has no other bytes, than an option may? */
bool writeback_can_keep(const char *path);
/*
 * What is mounted on target, as the mount table calls it and its source, is written
 * back to path. 0 or -errno; -EROFS: there is nowhere to keep it.
 */
int writeback_set(const char *target, const char *source, const char *path);
/* It is not; or nothing is mounted there any more. */
void writeback_forget(const char *target);
/* Where what is mounted on target is written back to, which the caller frees, or NULL. */
char *writeback_path(const char *target);

#endif
