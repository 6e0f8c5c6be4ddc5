/* SPDX-License-Identifier: GPL-2.0-only */
/* Saving the memory that nobody has mounted any more, for umount. */
#ifndef DAXFSCTL_SAVE_H
#define DAXFSCTL_SAVE_H

#include <stdint.h>

/*
 * Writes the image in size bytes at map, which nobody writes, to the file path,
 * in place of what is there. name: how messages call it. Prints what is wrong;
 * returns an exit status of save.
 */
int save_memory(void *map, uint64_t size, const char *name, const char *path);

#endif
