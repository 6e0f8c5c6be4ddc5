// SPDX-License-Identifier: GPL-2.0-only
/*
 * fill DIR LIST: writes to DIR until there is no room for anything, with files
 * of all sizes, then makes room and fills it again. All that was reported
 * written must be there at each step. LIST says what is there at the end;
 * fill -c DIR LIST looks whether it still is.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/statfs.h>

#define PROGRAM "fill"
#include "calls.h"

#define MOST 20000

static size_t length[MOST];	/* bytes that were reported written; no file: GONE */
#define GONE ((size_t)-1)
static unsigned int count;
static const char *dir;
static char path[4200];
static unsigned char data[300000], back[300000];

static const char *file(unsigned int n)
{
	snprintf(path, sizeof(path), "%s/fill%u", dir, n);
	return path;
}

static void make_data(unsigned int n)
{
	unsigned int word = n;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = word = word * 1103515245 + 12345 + (word >> 16);
}

static void check(void)
{
	for (unsigned int n = 0; n < count; n++) {
		struct stat st;
		int fd;

		if (length[n] == GONE) {
			if (stat(file(n), &st) == 0)
				fail("%s is there again", path);
			continue;
		}
		fd = open_or_fail(file(n), O_RDONLY);
		make_data(n);
		if (fstat(fd, &st) || (size_t)st.st_size != length[n])
			fail("%s has %lld bytes, %zu were written", path, (long long)st.st_size, length[n]);
		if (read(fd, back, sizeof(back)) != (ssize_t)length[n] || memcmp(back, data, length[n]))
			fail("%s has other bytes than were written: %s", path, strerror(errno));
		close(fd);
	}
}

/* Files of at most size bytes until even that does not fit; bytes that went in. */
static size_t fill(size_t size)
{
	size_t total = 0;

	while (count < MOST) {
		unsigned int n = count;
		int fd = open(file(n), O_WRONLY | O_CREAT | O_EXCL, 0644);
		size_t want = 1 + n * 7919ul % size;
		ssize_t done = 0;

		if (fd < 0) {
			if (errno != ENOSPC)
				fail("%s: create: %s", path, strerror(errno));
			return total;
		}
		count++;
		length[n] = 0;
		make_data(n);
		while (length[n] < want) {
			done = write(fd, data + length[n], want - length[n]);
			if (done <= 0)
				break;
			length[n] += done;
			total += done;
		}
		if (done < 0 && errno != ENOSPC)
			fail("%s: write: %s", path, strerror(errno));
		if (done == 0)
			fail("%s: write wrote nothing and said nothing", path);
		close(fd);
		if (done < 0)
			return total;
	}
	fail("%u files have not filled it", count);
}

static size_t fill_up(void)
{
	static const size_t sizes[] = { 300000, 60000, 5000, 100, 1 };
	size_t total = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		total += fill(sizes[i]);
	return total;
}

static void refill(void)
{
	size_t first, freed = 0, second;
	struct statfs st;

	first = fill_up();
	check();
	if (statfs(dir, &st))
		fail("statfs: %s", strerror(errno));
	printf("%zu bytes in %u files, %llu blocks are free\n", first, count,
	       (unsigned long long)st.f_bavail);
	for (unsigned int n = 0; n < count; n += 2) {
		if (unlink(file(n)))
			fail("unlink at full: %s", strerror(errno));
		freed += length[n];
		length[n] = GONE;
	}
	check();
	second = fill_up();
	check();
	printf("%zu bytes deleted, %zu bytes fitted again\n", freed, second);
	/* Logs and partly filled blocks take some of it. */
	if (second < freed / 2)
		fail("of %zu bytes that were deleted only %zu came back", freed, second);
}

int main(int argc, char **argv)
{
	int checking = argc == 4 && !strcmp(argv[1], "-c");
	FILE *list;

	if (argc != 3 + checking) {
		fputs("usage: fill [-c] DIR LIST\n", stderr);
		return 2;
	}
	dir = argv[1 + checking];
	list = fopen(argv[2 + checking], checking ? "r" : "w");
	if (!list)
		fail("%s: %s", argv[2 + checking], strerror(errno));
	if (checking) {
		while (count < MOST && fscanf(list, "%zd", &length[count]) == 1)
			count++;
		check();
		return 0;
	}
	refill();
	for (unsigned int n = 0; n < count; n++)
		fprintf(list, "%zd\n", length[n]);
	return fclose(list) != 0;
}
