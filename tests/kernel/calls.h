/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs of this folder share: how they fail, and the ioctls of
 * a mounted daxfs, so that a loop of a thousand needs no thousand processes.
 * A program says what it is called with #define PROGRAM before it includes this.
 */
#ifndef CALLS_H
#define CALLS_H

#include <daxfs/ioctl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2)))
static inline void fail(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, format);
	fputs(PROGRAM ": ", stdout);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

static inline int open_or_fail(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		fail("%s: open: %s", path, strerror(errno));
	return fd;
}

static inline const char *call_name(unsigned long cmd)
{
	switch (cmd) {
	case DAXFS_IOC_BRANCH_CREATE:
		return "create";
	case DAXFS_IOC_BRANCH_SWITCH:
		return "switch to";
	case DAXFS_IOC_BRANCH_COMMIT:
		return "commit";
	case DAXFS_IOC_BRANCH_ABORT:
		return "abort";
	default:
		return "call";
	}
}

/* 0 or -1 with errno; *op is for those who want to know more, or NULL. */
static inline int try_branch(int fd, unsigned long cmd, const char *name, const char *other,
			     unsigned int flags, struct daxfs_branch_op *op)
{
	struct daxfs_branch_op own;

	op = op ? op : &own;
	memset(op, 0, sizeof(*op));
	op->bo_size = sizeof(*op);
	op->bo_flags = flags;
	snprintf(op->bo_name, sizeof(op->bo_name), "%s", name);
	snprintf(op->bo_other, sizeof(op->bo_other), "%s", other);
	return ioctl(fd, cmd, op);
}

/* The same for calls that must work; returns how many branches were discarded. */
static inline unsigned int branch(int fd, unsigned long cmd, const char *name, const char *other,
				  unsigned int flags)
{
	struct daxfs_branch_op op;

	if (try_branch(fd, cmd, name, other, flags, &op))
		fail("%s \"%s\": %s: %.*s", call_name(cmd), name, strerror(errno),
		     (int)sizeof(op.bo_reason), op.bo_reason);
	return op.bo_discarded;
}

/* How many branches there are. */
static inline unsigned int count_branches(int fd)
{
	static struct daxfs_branch_info info[64];
	struct daxfs_branch_list list = {
		.dl_size = sizeof(list),
		.dl_room = sizeof(info) / sizeof(info[0]),
		.dl_branches = (unsigned long)info,
	};
	unsigned int count = 0;

	do {
		list.dl_start = list.dl_next;
		if (ioctl(fd, DAXFS_IOC_BRANCH_LIST, &list))
			fail("list: %s", strerror(errno));
		count += list.dl_count;
	} while (list.dl_next);
	return count;
}

#endif
