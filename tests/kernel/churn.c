// SPDX-License-Identifier: GPL-2.0-only
/*
 * churn write DIR SECONDS: makes, replaces and removes files in DIR as fast as it can; each has the
 * same word all over from its first byte on, and is never changed in place.
 * churn read DIR SECONDS: in another kernel, reads them, also through mappings that it keeps for a while: a
 * file that has other bytes anywhere was shown memory that is another one's by now. Files that are
 * gone say so (ENOENT, ESTALE, SIGBUS). Prints what it has done; 1 if there was such a file.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define PROGRAM "churn"
#include "calls.h"

#define FILES	24
#define WORDS	20000u

static uint32_t words[WORDS];
static char path[4200], path2[4200];
static sigjmp_buf gone;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int churn_write(const char *dir, double end)
{
	double longest = 0, last = now(), t;
	unsigned int n = 0, full = 0;
	uint32_t size, i;
	int fd;

	for (; (t = now()) < end; n++) {
		longest = t - last > longest ? t - last : longest;
		last = t;
		size = 1 + (n * 2654435761u >> 8) % WORDS;
		for (i = 0; i < size; i++)
			words[i] = n;
		snprintf(path, sizeof(path), "%s/new.%u", dir, n % 7);
		snprintf(path2, sizeof(path2), "%s/file.%u", dir, (n * 40503u >> 4) % FILES);
		if (n % 5 == 4) {
			unlink(path2);
			continue;
		}
		unlink(path);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		/* As much as there is room for is written. */
		errno = ENOSPC;
		if (fd < 0 || write(fd, words, size * 4) != (ssize_t)(size * 4)) {
			if (errno != ENOSPC)
				fail("%s: %s", path, strerror(errno));
			full++;
			unlink(path2);
		} else if (rename(path, path2)) {
			fail("rename %s: %s", path2, strerror(errno));
		}
		close(fd);
	}
	printf("%u files, %u without space; %.1f s at most for one\n", n, full, longest);
	return 0;
}

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(gone, 1);
}

/* Are all words the first one? */
static bool is_whole(const volatile uint32_t *at, size_t count)
{
	uint32_t first = count ? at[0] : 0;

	for (size_t i = 0; i < count; i++)
		if (at[i] != first)
			return false;
	return true;
}

static int churn_read(const char *dir, double end)
{
	/* Whatever siglongjmp() does. */
	static unsigned int reads, maps, ends, bad, absent, stale, n;
	struct sigaction act = { .sa_handler = on_bus };
	struct stat st;
	static void *at;
	static int fd;
	ssize_t got;

	sigaction(SIGBUS, &act, NULL);
	for (; now() < end; n++) {
		snprintf(path, sizeof(path), "%s/file.%u", dir, (n * 2654435761u >> 9) % FILES);
		fd = open(path, O_RDONLY);
		if (fd < 0) {
			if (errno != ENOENT && errno != ESTALE)
				fail("%s: open: %s", path, strerror(errno));
			absent += errno == ENOENT;
			stale += errno == ESTALE;
			continue;
		}
		if (n % 3) {
			/* It may be removed, and its memory be another file's, at any time from here on. */
			if (n % 3 == 2)
				usleep(n % 5000);
			got = read(fd, words, sizeof(words));
			if (got < 0 && errno != ESTALE)
				fail("%s: read: %s", path, strerror(errno));
			if (got > 0 && !is_whole(words, got / 4)) {
				bad++;
				printf("%s: read other bytes than its own\n", path);
			}
			reads += got > 0;
		} else if (!fstat(fd, &st) && st.st_size) {
			at = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
			if (at == MAP_FAILED)
				fail("%s: mmap: %s", path, strerror(errno));
			if (!sigsetjmp(gone, 1)) {
				for (int k = 0; k < 5; k++) {
					if (!is_whole(at, st.st_size / 4)) {
						bad++;
						printf("%s: mapped other bytes than its own\n", path);
						break;
					}
					usleep(300000);
				}
				maps++;
			} else {
				ends++;
			}
			munmap(at, st.st_size);
		}
		close(fd);
	}
	printf("%u tries: %u files were not there, %u gone meanwhile; %u reads, %u mappings and %u that ended, %u with other bytes\n",
	       n, absent, stale, reads, maps, ends, bad);
	return bad || !reads || !(maps + ends);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		fail("usage: churn write|read DIR SECONDS");
	return strcmp(argv[1], "write") ? churn_read(argv[2], now() + atof(argv[3])) :
					  churn_write(argv[2], now() + atof(argv[3]));
}
