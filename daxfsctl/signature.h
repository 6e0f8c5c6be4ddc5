/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device or file holds already, and how it stops holding it. */
#ifndef DAXFSCTL_SIGNATURE_H
#define DAXFSCTL_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Looks for a filesystem, volume or partition table in size bytes behind fd.
 * 1 with its name in name, 0: nothing that anybody knows, or -errno.
 */
int signature_find(int fd, uint64_t size, char *name, size_t n);
/* The same for memory, which may be slow to read: only its ends are looked at. */
int signature_find_in_memory(const unsigned char *map, uint64_t size, char *name, size_t n);
/* Removes all signatures that libblkid finds. fd is open for writing. 0 or -errno. */
int signature_wipe(int fd, uint64_t size);

#endif
