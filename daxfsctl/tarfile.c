// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a tar with libarchive, in two steps: one takes the compression away,
 * the other one reads what is left as a tar. So the end of the archive proper
 * can be looked at, which libarchive takes for granted, and it is known where
 * in the file the bytes are that it hands out.
 */
#include "tarfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "libarchive.h"

#define BUFFER_BYTES	(1u << 20)
#define TAR_BLOCK	512u

static int fail(struct tarfile *tar, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The first reason stays: libarchive has less to say of what follows from it. */
static int fail(struct tarfile *tar, int err, const char *format, ...)
{
	va_list args;

	if (!tar->what[0]) {
		va_start(args, format);
		vsnprintf(tar->what, sizeof(tar->what), format, args);
		va_end(args);
		tar->err = err;
	}
	return err ? -err : -EIO;
}

static int damaged(struct tarfile *tar, struct archive *a)
{
	const char *text = la.archive_error_string(a);

	if (la.archive_errno(a) == ENOMEM)
		return fail(tar, ENOMEM, "cannot be read");
	return fail(tar, 0, "the archive is damaged: %s", text ? text : "no reason is known");
}

static bool is_cancelled(const struct tarfile *tar)
{
	return tar->cancelled && *tar->cancelled;
}

/* The next bytes without their compression: 1, 0 at the end, or -errno. */
static int next_block(struct tarfile *tar, const void **bytes, size_t *len)
{
	la_int64_t pos;
	int ret;

	do {
		/* libarchive may skip without end, and few bytes may become very many. */
		if (is_cancelled(tar))
			return fail(tar, EINTR, "cannot be read");
		ret = la.archive_read_data_block(tar->outer, bytes, len, &pos);
	} while (ret == ARCHIVE_OK && !*len);
	if (ret == ARCHIVE_EOF)
		return 0;
	return ret == ARCHIVE_OK ? 1 : damaged(tar, tar->outer);
}

/* ---- what libarchive calls ---- */

static la_ssize_t read_file(struct archive *a, void *priv, const void **bytes)
{
	struct tarfile *tar = priv;
	ssize_t n;

	do {
		n = read(tar->fd, tar->buf, BUFFER_BYTES);
	} while (n < 0 && errno == EINTR && !is_cancelled(tar));
	if (n < 0) {
		la.archive_set_error(a, errno, "%s", strerror(errno));
		fail(tar, errno, "cannot be read");
		return -1;
	}
	if (!n && !tar->has_bytes)
		fail(tar, 0, "is empty");
	tar->has_bytes = true;
	*bytes = tar->buf;
	return n;
}

static la_ssize_t read_outer(struct archive *a, void *priv, const void **bytes)
{
	struct tarfile *tar = priv;
	size_t len;
	int ret = next_block(tar, bytes, &len);

	if (ret < 0) {
		la.archive_set_error(a, EIO, "%s", tar->what);
		return -1;
	}
	if (!ret)
		return 0;
	tar->block = *bytes;
	tar->block_len = len;
	tar->given += len;
	return (la_ssize_t)len;
}

/* ---- opening ---- */

static int open_file(struct tarfile *tar, const char *path)
{
	struct stat st;

	if (strcmp(path, "-") == 0) {
		if (isatty(STDIN_FILENO))
			return fail(tar, 0, "is a terminal");
		tar->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	} else {
		tar->fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	}
	if (tar->fd < 0)
		return fail(tar, errno, "cannot be opened");
	if (fstat(tar->fd, &st) < 0)
		return fail(tar, errno, "cannot be examined");
	if (S_ISDIR(st.st_mode))
		return fail(tar, EISDIR, "cannot be read");
	if (S_ISREG(st.st_mode)) {
		/* Whoever redirected standard input may have read from it before. */
		off_t start = lseek(tar->fd, 0, SEEK_CUR);

		tar->is_plain = start >= 0;
		tar->start = start;
	}
	return 0;
}

int tarfile_open(struct tarfile *tar, const char *path, const volatile sig_atomic_t *cancelled)
{
	struct archive_entry *entry;
	const char *problem;
	int err;

	memset(tar, 0, sizeof(*tar));
	tar->fd = -1;
	tar->cancelled = cancelled;
	err = open_file(tar, path);
	if (err)
		return err;
	problem = libarchive_load();
	if (problem)
		return fail(tar, 0, "cannot be read without libarchive: %s", problem);
	tar->buf = malloc(BUFFER_BYTES);
	tar->outer = la.archive_read_new();
	tar->inner = la.archive_read_new();
	if (!tar->buf || !tar->outer || !tar->inner)
		return fail(tar, ENOMEM, "cannot be read");
	/* Warns of compressions that it would need other programs for. */
	la.archive_read_support_filter_all(tar->outer);
	la.archive_read_support_format_raw(tar->outer);
	la.archive_read_support_format_tar(tar->inner);
	if (la.archive_read_open(tar->outer, tar, NULL, read_file, NULL) != ARCHIVE_OK)
		return damaged(tar, tar->outer);
	/* Anything but nothing is raw data. */
	if (la.archive_read_next_header(tar->outer, &entry) != ARCHIVE_OK)
		return damaged(tar, tar->outer);
	if (la.archive_filter_count(tar->outer) > 1)
		tar->is_plain = false;
	if (la.archive_read_open(tar->inner, tar, NULL, read_outer, NULL) != ARCHIVE_OK)
		return fail(tar, 0, "is not a tar archive");
	return 0;
}

void tarfile_close(struct tarfile *tar)
{
	if (tar->inner)
		la.archive_read_free(tar->inner);
	if (tar->outer)
		la.archive_read_free(tar->outer);
	free(tar->buf);
	if (tar->fd >= 0)
		close(tar->fd);
	tar->inner = NULL;
	tar->outer = NULL;
	tar->buf = NULL;
	tar->fd = -1;
}

/* ---- reading ---- */

/*
 * libarchive takes an archive that just stops between two files for a whole
 * one. What stopped writing it meant to write more: a block of zeros ends a
 * tar. The rest is read too, since checksums of a compression come last, and
 * since who writes to a pipe shall not be told that nobody listens.
 */
static int end(struct tarfile *tar)
{
	la_int64_t header = la.archive_read_header_position(tar->inner);
	const void *bytes;
	size_t len;
	int ret;

	if (header < 0 || tar->given - (u64)header < TAR_BLOCK)
		return fail(tar, 0, "the archive is damaged: it stops before its end is marked");
	do {
		ret = next_block(tar, &bytes, &len);
	} while (ret == 1);
	return ret;
}

/*
 * Did libarchive leave out some of a header? Of an access control list it says
 * so only in words. Names come as they are, whatever characters the archive
 * takes them for.
 */
static bool is_incomplete(int ret, const char *text)
{
	return text ? !strstr(text, "can't be converted") : ret == ARCHIVE_WARN;
}

int tarfile_next(struct tarfile *tar, struct archive_entry **entry)
{
	int ret = la.archive_read_next_header(tar->inner, entry);
	const char *text = la.archive_error_string(tar->inner), *name;

	if (ret == ARCHIVE_EOF)
		return end(tar);
	if (ret != ARCHIVE_OK && ret != ARCHIVE_WARN)
		return damaged(tar, tar->inner);
	if (!is_incomplete(ret, text))
		return 1;
	name = la.archive_entry_pathname(*entry);
	return fail(tar, 0, "the archive is damaged: %s, at %s", text ? text : "some header",
		    name ? name : "no name");
}

int tarfile_read(struct tarfile *tar, const void **bytes, size_t *len, u64 *pos, u64 *place)
{
	la_int64_t at;
	const u8 *p;
	int ret;

	ret = la.archive_read_data_block(tar->inner, bytes, len, &at);
	if (ret == ARCHIVE_EOF)
		return 0;
	if (ret != ARCHIVE_OK)
		return damaged(tar, tar->inner);
	*pos = at;
	*place = TARFILE_NOWHERE;
	p = *bytes;
	/* Mostly a part of what was handed in; a copy has no place. */
	if (tar->is_plain && p >= tar->block && p < tar->block + tar->block_len &&
	    *len <= (size_t)(tar->block + tar->block_len - p))
		*place = tar->start + tar->given - tar->block_len + (p - tar->block);
	return 1;
}
