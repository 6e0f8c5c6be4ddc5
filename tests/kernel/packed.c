// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small files that share blocks, looked at and changed in each way there is:
 * nobody ever sees a byte of the neighbours.
 *   packed make DIR    a tree of them, to make an image of
 *   packed read DIR    every byte is right, in each way of reading
 *   packed write DIR   changes some of them in each way; the others stay
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES 200
#define PAGE 4096
#define TINY_STATUS 42

#define NEED(what)                                                                    \
	do {                                                                          \
		if (!(what)) {                                                        \
			fprintf(stderr, "%s:%d: not true: %s (%s)\n", name, __LINE__, \
				#what, strerror(errno));                              \
			exit(1);                                                      \
		}                                                                     \
	} while (0)

/* The file in hand, and what it is to hold, with zeros behind. */
static char name[4096] = "packed";
static unsigned char want[3 * PAGE];
static size_t size;

static void choose(const char *dir, int i)
{
	snprintf(name, sizeof(name), "%s/f%d", dir, i);
	size = (i * 37) % 2048 + 1;
	memset(want, 0, sizeof(want));
	for (size_t k = 0; k < size; k++)
		want[k] = 1 + (i * 31 + k * 7) % 255;
}

static int opened(int flags)
{
	int fd = open(name, flags);

	NEED(fd >= 0);
	return fd;
}

/* The page of the file as a mapping shows it, which is the caller's. */
static unsigned char *mapped(int fd, int prot, int flags)
{
	unsigned char *map = mmap(NULL, PAGE, prot, flags, fd, 0);

	NEED(map != MAP_FAILED);
	return map;
}

/* A program of one page that exits with TINY_STATUS. */
static const unsigned char tiny[] = {
	0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0,
	0x78, 0, 0x40, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0,
	1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0,
	0, 0, 0x40, 0, 0, 0, 0, 0, 132, 0, 0, 0, 0, 0, 0, 0, 132, 0, 0, 0, 0, 0, 0, 0,
	0, 0x10, 0, 0, 0, 0, 0, 0,
	0xbf, TINY_STATUS, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05,
};

static void put(const void *bytes, size_t n, mode_t mode)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, mode);

	NEED(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	close(fd);
}

static void make(const char *dir)
{
	for (int i = 0; i < FILES; i++) {
		choose(dir, i);
		put(want, size, 0644);
	}
	snprintf(name, sizeof(name), "%s/tiny", dir);
	put(tiny, sizeof(tiny), 0755);
	snprintf(name, sizeof(name), "%s/script", dir);
	put("#!/bin/sh\nexit 7\n", 17, 0755);
}

static void check_calls(int fd)
{
	static unsigned char buf[3 * PAGE] __attribute__((aligned(PAGE)));
	struct stat st;
	int pipes[2], direct;

	NEED(!fstat(fd, &st) && st.st_size == (off_t)size);
	memset(buf, 0xff, sizeof(buf));
	NEED(pread(fd, buf, sizeof(buf), 0) == (ssize_t)size);
	NEED(!memcmp(buf, want, size) && buf[size] == 0xff);
	NEED(pread(fd, buf, sizeof(buf), size - 1) == 1 && buf[0] == want[size - 1]);
	NEED(pread(fd, buf, sizeof(buf), size) == 0);
	direct = opened(O_RDONLY | O_DIRECT);
	NEED(pread(direct, buf, PAGE, 0) == (ssize_t)(size < PAGE ? size : PAGE));
	NEED(!memcmp(buf, want, size < PAGE ? size : PAGE));
	close(direct);
	NEED(!pipe(pipes));
	NEED(splice(fd, &(loff_t){ 0 }, pipes[1], NULL, PAGE, 0) ==
	     (ssize_t)(size < PAGE ? size : PAGE));
	NEED(read(pipes[0], buf, sizeof(buf)) == (ssize_t)(size < PAGE ? size : PAGE));
	NEED(!memcmp(buf, want, size < PAGE ? size : PAGE));
	close(pipes[0]);
	close(pipes[1]);
}

static void check_maps(int fd)
{
	unsigned char *shared = mapped(fd, PROT_READ, MAP_SHARED);
	unsigned char *private = mapped(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	unsigned char *again = mapped(fd, PROT_READ, MAP_PRIVATE | MAP_POPULATE);
	unsigned char buf[PAGE];
	struct iovec here = { buf, PAGE }, there = { shared, PAGE };
	int status;

	NEED(!memcmp(shared, want, PAGE));
	NEED(!memcmp(again, want, PAGE));
	/* Written before it was read, and the other way round. */
	private[PAGE - 1] = 1;
	again[0] ^= 0;
	NEED(!memcmp(private, want, PAGE - 1) && private[PAGE - 1] == 1);
	NEED(!memcmp(shared, want, PAGE));
	if (!fork()) {
		private[0]++;
		_exit(memcmp(shared, want, PAGE) || private[0] == want[0]);
	}
	NEED(wait(&status) > 0 && status == 0);
	NEED(private[0] == want[0]);
	munmap(private, PAGE);
	munmap(again, PAGE);
	/* As a debugger does; without struct pages the region's own cannot be found so. */
	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) == PAGE)
		NEED(!memcmp(buf, want, PAGE));
	munmap(shared, PAGE);
}

static void check_file(void)
{
	int fd = opened(O_RDONLY);

	check_calls(fd);
	check_maps(fd);
	close(fd);
}

static int status_of(const char *dir, const char *program)
{
	int status;

	snprintf(name, sizeof(name), "%s/%s", dir, program);
	if (!fork()) {
		execl(name, name, NULL);
		_exit(errno);
	}
	NEED(wait(&status) > 0 && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Those that write() changes are every eighth. */
static void read_all(const char *dir, int changed)
{
	for (int i = 0; i < FILES; i++) {
		if (changed && i % 8 == 0)
			continue;
		choose(dir, i);
		check_file();
	}
	NEED(status_of(dir, "script") == 7);
#ifdef __x86_64__
	NEED(status_of(dir, "tiny") == TINY_STATUS);
#endif
}

static void store(void)
{
	int fd = opened(O_RDWR);
	unsigned char *reader = mapped(fd, PROT_READ, MAP_SHARED);
	unsigned char *map = mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED);

	/* Read first, so that the store finds the page that all share. */
	NEED(!memcmp(map, want, PAGE) && !memcmp(reader, want, PAGE));
	map[0] = want[0] = 'S';
	NEED(!memcmp(map, want, PAGE) && !memcmp(reader, want, PAGE));
	munmap(map, PAGE);
	/* And without. */
	map = mapped(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	map[size - 1] = want[size - 1] = 'T';
	munmap(map, PAGE);
	munmap(reader, PAGE);
	close(fd);
}

/* What is mapped shows what a write makes of it. */
static void overwrite(void)
{
	int fd = opened(O_RDWR);
	unsigned char *map = mapped(fd, PROT_READ, MAP_SHARED);
	off_t at = size / 2;

	NEED(!memcmp(map, want, PAGE));
	NEED(pwrite(fd, "W", 1, at) == 1);
	want[at] = 'W';
	NEED(!memcmp(map, want, PAGE));
	munmap(map, PAGE);
	close(fd);
}

static void append(void)
{
	int fd = opened(O_RDWR | O_APPEND);

	NEED(write(fd, "appended", 8) == 8);
	memcpy(want + size, "appended", 8);
	size += 8;
	close(fd);
}

/* Behind a hole, in the same block and in the next one. */
static void write_behind(off_t gap)
{
	int fd = opened(O_RDWR);
	unsigned char *map = mapped(fd, PROT_READ, MAP_SHARED);

	NEED(!memcmp(map, want, PAGE));
	NEED(pwrite(fd, "behind", 6, size + gap) == 6);
	memcpy(want + size + gap, "behind", 6);
	size += gap + 6;
	NEED(!memcmp(map, want, PAGE));
	munmap(map, PAGE);
	close(fd);
}

/* What was cut off does not come back. */
static void cut(void)
{
	int fd = opened(O_RDWR);
	unsigned char *map = mapped(fd, PROT_READ, MAP_SHARED);
	size_t shorter = size / 2 + 1, longer = size + 100;

	NEED(!memcmp(map, want, PAGE));
	NEED(!ftruncate(fd, shorter) && !ftruncate(fd, longer));
	memset(want + shorter, 0, sizeof(want) - shorter);
	size = longer;
	NEED(!memcmp(map, want, PAGE));
	munmap(map, PAGE);
	close(fd);
}

static void lengthen(off_t by)
{
	NEED(!truncate(name, size + by));
	size += by;
}

static void punch(void)
{
	int fd = opened(O_RDWR);

	NEED(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, size / 2));
	memset(want + 1, 0, size / 2);
	NEED(!fallocate(fd, 0, 0, 2 * PAGE));
	size = 2 * PAGE;
	close(fd);
}

static void write_some(const char *dir)
{
	for (int i = 0; i < FILES; i += 8) {
		choose(dir, i);
		switch (i / 8 % 8) {
		case 0:
			store();
			break;
		case 1:
			overwrite();
			break;
		case 2:
			append();
			break;
		case 3:
			write_behind(20);
			break;
		case 4:
			write_behind(PAGE + 20);
			break;
		case 5:
			cut();
			break;
		case 6:
			lengthen(i % 16 ? 30 : PAGE + 30);
			break;
		case 7:
			punch();
			break;
		}
		check_file();
	}
	read_all(dir, 1);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "make"))
		make(argv[2]);
	else if (argc == 3 && !strcmp(argv[1], "read"))
		read_all(argv[2], 0);
	else if (argc == 3 && !strcmp(argv[1], "write"))
		write_some(argv[2]);
	else
		return fputs("usage: packed make|read|write DIR\n", stderr), 2;
	return 0;
}
