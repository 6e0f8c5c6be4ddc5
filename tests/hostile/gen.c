// SPDX-License-Identifier: GPL-2.0-only
/*
 * gen [--small] DIR SEED: a tree of everything a base can hold, whose files
 * hold records (record.h) and nothing else. The same seed gives the same tree.
 * --small: one that can be walked a thousand times.
 *
 * No extent of a sparse file is as long as any other extent or file. An extent
 * that a mutation points at another file's blocks is therefore a part of them
 * or more than them, which the checker sees; two of equal length could be one
 * file stored once, which it cannot see.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "record.h"

#define BLOCK 4096u
#define HUGE_ALIGN (2u << 20)

/* How much of everything. */
static struct amounts {
	uint32_t blocks; /* of an ordinary file at most */
	uint32_t files, links, equal, sparse, wide, deep;
	uint32_t lengths; /* from one name to the next longer one */
} much = { 20, 200, 20, 8, 10, 300, 20, 9 };
static const struct amounts little = { 3, 16, 4, 2, 2, 20, 5, 50 };

static uint64_t state;
static uint32_t next_file = 1;
static uint32_t next_extent; /* blocks of the next sparse extent */

static uint32_t pick(uint32_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull >> 33) % n;
}

static void die(const char *path)
{
	fprintf(stderr, "gen: %s: %s\n", path, strerror(errno));
	exit(1);
}

static const char *name(char *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static const char *name(char *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(buf, 300, format, args);
	va_end(args);
	return buf;
}

static void write_range(int fd, const char *path, uint32_t file, uint64_t from,
			uint64_t to)
{
	static uint8_t buf[65536];
	uint64_t pos, n, i;

	for (pos = from; pos < to; pos += n) {
		n = to - pos < sizeof(buf) ? to - pos : sizeof(buf);
		for (i = 0; i < n; i += RECORD_SIZE)
			record_write(buf + i, file, pos + i);
		if (pwrite(fd, buf, n, pos) != (ssize_t)n)
			die(path);
	}
}

static int create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path);
	return fd;
}

static void make_file(const char *path, uint32_t file, uint64_t size)
{
	int fd = create(path);

	write_range(fd, path, file, 0, size);
	if (fchmod(fd, 0400 | pick(0400)) || close(fd))
		die(path);
}

static void make_sparse(const char *path, uint64_t tail)
{
	uint32_t file = next_file++, i;
	uint64_t pos = 0;
	int fd = create(path);

	for (i = 0; i < 3; i++) {
		pos += (uint64_t)BLOCK * pick(40);
		write_range(fd, path, file, pos, pos + (uint64_t)next_extent * BLOCK);
		pos += (uint64_t)next_extent++ * BLOCK + BLOCK;
	}
	if (ftruncate(fd, pos + tail) || close(fd))
		die(path);
}

static void set_xattr(const char *path, const char *key, const char *value)
{
	/* Not every file system and not everybody can; the tree is good without. */
	if (lsetxattr(path, key, value, strlen(value), 0) && errno != ENOTSUP &&
	    errno != EPERM && errno != EACCES)
		die(path);
}

static void make_files(void)
{
	char path[300];
	uint64_t size;
	uint32_t i, id;

	for (i = 0; i < much.files; i++) {
		size = pick(much.blocks * BLOCK);
		if (i % 4 == 0)
			size &= ~(uint64_t)(BLOCK - 1);
		else if (i % 4 == 1)
			size %= BLOCK;
		make_file(name(path, "files/file-%03u", i), next_file++, size);
		if (i % 10 == 0) {
			set_xattr(path, "user.shared", "the same for all of these");
			set_xattr(path, "trusted.shared", "this too");
		} else if (i % 10 == 5) {
			char value[16];

			set_xattr(path, "user.own", name(value, "%u", i));
		}
	}
	make_file("files/empty", next_file++, 0);
	make_file("files/huge", next_file++, HUGE_ALIGN + 12345);
	make_file("files/huge-exact", next_file++, HUGE_ALIGN);
	if (much.files >= 100)
		make_file("files/huge-more", next_file++, 5ull << 20);
	for (i = 0; i < much.equal; i++) {
		/* Equal files: the same records. */
		id = next_file++;
		size = 1 + pick(much.blocks * BLOCK - 1);
		make_file(name(path, "files/equal-%u-a", i), id, size);
		make_file(name(path, "files/equal-%u-b", i), id, size);
	}
	for (i = 0; i < much.sparse; i++)
		make_sparse(name(path, "files/sparse-%u", i), i % 3 ? pick(1u << 20) : 0);
	make_sparse("files/sparse-terabyte", 1ull << 40);
	i = open("files/only-hole", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if ((int)i < 0 || ftruncate(i, 3 << 20) || close(i))
		die("files/only-hole");
}

static void make_links(void)
{
	char path[300], target[300], text[4096];
	uint32_t i;

	for (i = 0; i < much.links; i++)
		if (link(name(target, "files/file-%03u", i * 7 % much.files),
			 name(path, "links/hard-%u", i)))
			die(path);
	for (i = 0; i < much.links; i++)
		if (symlink(name(target, "../files/file-%03u", i),
			    name(path, "links/soft-%u", i)))
			die(path);
	memset(text, 'l', sizeof(text));
	text[4095] = 0;
	/* Some file systems have shorter ones. */
	while (symlink(text, "links/long") && errno == ENAMETOOLONG && strlen(text) > 100)
		text[strlen(text) / 2] = 0;
	if (symlink("nowhere", "links/dangling"))
		die("links/dangling");
}

static void make_special(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "special/socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || close(fd))
		die(addr.sun_path);
	if (mkfifo("special/fifo", 0622))
		die("special/fifo");
	if (geteuid())
		return;
	if ((mknod("special/null", S_IFCHR | 0666, makedev(1, 3)) ||
	     mknod("special/block", S_IFBLK | 0600, makedev(7, 0))) &&
	    errno != EPERM)
		die("special/null");
}

static void make_dirs(void)
{
	char path[300], text[256];
	uint32_t i, fd;

	for (i = 0; i < much.wide; i++) {
		fd = create(name(path, "wide/entry-%u", i));
		close(fd);
	}
	for (i = 1; i < 256; i += much.lengths) {
		memset(text, 'a' + i % 26, i);
		text[i] = 0;
		make_file(name(path, "names/%s", text), next_file++, pick(BLOCK));
	}
	make_file("names/\xc3\xa4\xe2\x82\xac \n\x01", next_file++, 100);
	strcpy(path, "deep");
	for (i = 0; i < much.deep; i++) {
		strcat(path, "/d");
		if (mkdir(path, 0700 | pick(0100)))
			die(path);
	}
	strcat(path, "/bottom");
	make_file(path, next_file++, 1000);
	set_xattr("deep", "user.of-a-directory", "yes");
}

int main(int argc, char **argv)
{
	static const char *const dirs[] = { "files", "links", "special", "wide",
					    "names", "deep",  "empty" };
	size_t i;
	char *end;

	if (argc == 4 && !strcmp(argv[1], "--small")) {
		much = little;
		argc--;
		argv++;
	}
	next_extent = much.blocks + 1;
	if (argc != 3 || (state = strtoull(argv[2], &end, 0), *end || end == argv[2])) {
		fputs("usage: gen [--small] DIR SEED\n", stderr);
		return 2;
	}
	state = state * 2 + 1;
	umask(0);
	if (mkdir(argv[1], 0755) && errno != EEXIST)
		die(argv[1]);
	if (chdir(argv[1]))
		die(argv[1]);
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0755))
			die(dirs[i]);
	make_files();
	make_links();
	make_special();
	make_dirs();
	return 0;
}
