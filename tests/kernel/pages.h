/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pages of mappings, for the test programs of this folder: which are not there,
 * which come late, and which are written to by others. To be included after
 * _GNU_SOURCE and PROGRAM are defined.
 */
#ifndef PAGES_H
#define PAGES_H

#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "calls.h"

#define PAGE 4096
#define SKIP 77			/* exit status: the kernel cannot do it */

static inline char *map(int fd, size_t len, int prot, int flags)
{
	char *p = mmap(NULL, len, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return p;
}

static inline char *map_shared(int fd, size_t len)
{
	return map(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED);
}

/* ---- that are not there ---- */

static sigjmp_buf bus;

static inline void on_bus(int number)
{
	(void)number;
	siglongjmp(bus, 1);
}

/* Does touching it raise SIGBUS? */
static inline int faults(volatile char *at, int write)
{
	struct sigaction action = { .sa_handler = on_bus };

	sigaction(SIGBUS, &action, NULL);
	if (sigsetjmp(bus, 1))
		return 1;
	if (write)
		*at = 'X';
	else
		(void)*at;
	return 0;
}

/* ---- that come late ---- */

static int faults_fd;

/* A page of memory whose first touch waits until it is given by give(). */
static inline char *slow_page(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *p = map(-1, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

	reg.range.start = (unsigned long)p;
	reg.range.len = PAGE;
	faults_fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (faults_fd < 0)
		_exit(SKIP);
	if (ioctl(faults_fd, UFFDIO_API, &api) || ioctl(faults_fd, UFFDIO_REGISTER, &reg))
		fail("userfaultfd: %s", strerror(errno));
	return p;
}

static inline void wait_for_touch(void)
{
	struct uffd_msg msg;

	if (read(faults_fd, &msg, sizeof(msg)) != sizeof(msg))
		fail("userfaultfd: read: %s", strerror(errno));
}

/* All of it that byte. */
static inline void give(char *p, char byte)
{
	char from[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = {
		.dst = (unsigned long)p,
		.src = (unsigned long)from,
		.len = PAGE,
	};

	memset(from, byte, PAGE);
	if (ioctl(faults_fd, UFFDIO_COPY, &copy))
		fail("userfaultfd: copy: %s", strerror(errno));
}

/* ---- that others write to ---- */

struct remote {
	char *from, *to;
	ssize_t done;
};

/* A thread: the page at to is held for writing until the one at from is there. */
static inline void *write_remote(void *arg)
{
	struct remote *r = arg;
	struct iovec from = { r->from, PAGE }, to = { r->to, PAGE };

	r->done = process_vm_writev(getpid(), &from, 1, &to, 1, 0);
	return NULL;
}

#endif
