// SPDX-License-Identifier: GPL-2.0-only
/* Makes temporary files and sends what is in them on. Knows nothing of what that is. */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEND_BYTES (256u << 10)

/* /tmp only where TMPDIR says so: it is memory on many machines. */
const char *spool_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/var/tmp";
}

int spool_open(void)
{
	char name[PATH_MAX];
	int fd;

	fd = open(spool_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return -errno;
	if (snprintf(name, sizeof(name), "%s/daxfs.XXXXXX", spool_dir()) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	return fd;
}

static int write_all(int to, const unsigned char *buf, size_t n)
{
	while (n) {
		ssize_t done = write(to, buf, n);

		if (done < 0)
			return -errno;
		buf += done;
		n -= done;
	}
	return 0;
}

/* From there to there, read or, where fd is -1, zeros. */
static int send_range(int fd, uint64_t from, uint64_t end, int to, unsigned char *buf)
{
	int err = 0;

	while (from < end && !err) {
		size_t part = end - from < SEND_BYTES ? end - from : SEND_BYTES;
		ssize_t n = fd < 0 ? (ssize_t)part : pread(fd, buf, part, (off_t)from);

		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		err = write_all(to, buf, n);
		from += n;
	}
	return err;
}

int spool_send(int fd, uint64_t size, int to)
{
	unsigned char *buf = malloc(SEND_BYTES), *zeros = calloc(1, SEND_BYTES);
	uint64_t pos = 0;
	int err = buf && zeros ? 0 : -ENOMEM;

	while (!err && pos < size) {
		off_t data = lseek(fd, (off_t)pos, SEEK_DATA), hole;
		uint64_t from, end;

		if (data < 0 && errno != ENXIO)
			data = (off_t)pos; /* no holes there: all of it is read */
		from = data < 0 || (uint64_t)data > size ? size : (uint64_t)data;
		err = send_range(-1, pos, from, to, zeros);
		if (err || from == size)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		end = hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
		err = send_range(fd, from, end, to, buf);
		pos = end;
	}
	free(buf);
	free(zeros);
	return err;
}
