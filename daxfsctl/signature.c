// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recognises what others left. libblkid knows everybody but daxfs (it has no
 * plug-ins); the core knows daxfs.
 */
#include "signature.h"

#include <blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kmod/core/core.h"

/* Signatures lie in the first 2 MiB, or close to the end. */
#define HEAD_BYTES	(2u << 20)
#define TAIL_BYTES	(1u << 20)

static blkid_probe new_probe(int fd, uint64_t size)
{
	blkid_probe probe = blkid_new_probe();

	if (!probe)
		return NULL;
	if (blkid_probe_set_device(probe, fd, 0, (blkid_loff_t)size)) {
		blkid_free_probe(probe);
		return NULL;
	}
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
					  BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	return probe;
}

static int find_foreign(int fd, uint64_t size, char *name, size_t n)
{
	blkid_probe probe;
	const char *value, *label;
	int found;

	if (!size)
		return 0;
	errno = 0;
	probe = new_probe(fd, size);
	if (!probe)
		return errno ? -errno : -ENOMEM;
	found = blkid_do_probe(probe);
	if (found == 0) {
		if (blkid_probe_lookup_value(probe, "TYPE", &value, NULL) == 0) {
			if (blkid_probe_lookup_value(probe, "LABEL", &label, NULL) != 0)
				label = NULL;
			snprintf(name, n, "%s%s%s%s", value, label ? " labelled \"" : "",
				 label ? label : "", label ? "\"" : "");
		} else if (blkid_probe_lookup_value(probe, "PTTYPE", &value, NULL) == 0) {
			snprintf(name, n, "a partition table (%s)", value);
		} else {
			snprintf(name, n, "something");
		}
	}
	blkid_free_probe(probe);
	return found == 0 ? 1 : found == 1 ? 0 : -EIO;
}

static int find_own(int fd, uint64_t size, char *name, size_t n)
{
	struct daxfs_super sb;

	if (size < sizeof(sb) || pread(fd, &sb, sizeof(sb), 0) != (ssize_t)sizeof(sb) ||
	    memcmp(sb.sb_magic, DAXFS_SB_MAGIC, DAXFS_SB_MAGIC_LEN) != 0)
		return 0;
	/* The label was not checked: it is shown only when it can be. */
	if (sb.sb_label[0])
		snprintf(name, n, "daxfs labelled \"%.*s\"", DAXFS_LABEL_LEN,
			 (const char *)sb.sb_label);
	else
		snprintf(name, n, "daxfs");
	return 1;
}

int signature_find(int fd, uint64_t size, char *name, size_t n)
{
	int found = find_own(fd, size, name, n);

	return found ? found : find_foreign(fd, size, name, n);
}

int signature_find_in_memory(const unsigned char *map, uint64_t size, char *name, size_t n)
{
	uint64_t head = size < HEAD_BYTES ? size : HEAD_BYTES;
	uint64_t tail = size - head < TAIL_BYTES ? size - head : TAIL_BYTES;
	int fd, found;

	/* libblkid reads files, so it gets a sparse one that looks like the memory. */
	fd = memfd_create("region", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		found = -errno;
	else if (pwrite(fd, map, head, 0) != (ssize_t)head ||
		 pwrite(fd, map + size - tail, tail, (off_t)(size - tail)) != (ssize_t)tail)
		found = -EIO;
	else
		found = signature_find(fd, size, name, n);
	close(fd);
	return found;
}

int signature_wipe(int fd, uint64_t size)
{
	blkid_probe probe;
	int err = 0;

	errno = 0;
	probe = new_probe(fd, size);
	if (!probe)
		return errno ? -errno : -ENOMEM;
	/* Each wipe makes the prober look at the same place again. */
	while (blkid_do_probe(probe) == 0) {
		if (blkid_do_wipe(probe, 0)) {
			err = errno ? -errno : -EIO;
			break;
		}
	}
	blkid_free_probe(probe);
	return err;
}
