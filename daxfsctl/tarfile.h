/* SPDX-License-Identifier: GPL-2.0-only */
/* A tar archive as it is read from its start: headers, and bytes of files. */
#ifndef DAXFSCTL_TARFILE_H
#define DAXFSCTL_TARFILE_H

#include <signal.h>
#include <stdbool.h>

#include "../kmod/core/core.h"

struct archive;
struct archive_entry;

#define TARFILE_NOWHERE	UINT64_MAX

struct tarfile {
	int fd;
	bool is_plain;		/* a regular file, not compressed: a place is an offset */
	/* After an error: the reason in words, and the errno of a system call, or 0. */
	char what[256];
	int err;

	/* Private: */
	struct archive *outer;	/* takes the compression away */
	struct archive *inner;	/* knows what a tar is; reads from outer */
	const volatile sig_atomic_t *cancelled;
	bool has_bytes;
	u64 start;		/* where in the file it was opened */
	u8 *buf;
	const u8 *block;	/* what inner was given last */
	size_t block_len;
	u64 given;		/* bytes up to the end of block */
};

/* path "-" is standard input. 0 or -errno. Call tarfile_close() in both cases. */
int tarfile_open(struct tarfile *tar, const char *path, const volatile sig_atomic_t *cancelled);
void tarfile_close(struct tarfile *tar);
/*
 * The next header; *entry is valid until the next call. 1, 0 at the end of the
 * archive, which was read to its last byte, or -errno.
 */
int tarfile_next(struct tarfile *tar, struct archive_entry **entry);
/*
 * The next bytes of the file whose header was read last; *place is their offset
 * in a plain archive, or TARFILE_NOWHERE. 1, 0 at the end, or -errno.
 */
int tarfile_read(struct tarfile *tar, const void **bytes, size_t *len, u64 *pos, u64 *place);

#endif
