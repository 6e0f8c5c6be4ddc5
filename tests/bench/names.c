// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lookups in one folder of very many names: each name is asked for once, when
 * the dcache knows neither it nor that it is missing.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKUPS 1000u
#define ROUNDS 3u

/* Round r asks for other names than the rounds before, if there are so many. */
static double lookups(int dirfd, unsigned int count, bool there, unsigned int r)
{
	static char names[LOOKUPS][32];
	uint64_t start;
	struct stat st;
	unsigned int i;
	int err;

	for (i = 0; i < LOOKUPS; i++)
		name_of(names[i], sizeof(names[i]),
			there ? (i * (count / LOOKUPS) + r) % count :
				count + i * ROUNDS + r);
	drop_dentries();
	/* The folder itself is looked at before, as it would be in use. */
	if (fstat(dirfd, &st))
		die("fstat", "the folder");
	start = now();
	for (i = 0; i < LOOKUPS; i++) {
		err = fstatat(dirfd, names[i], &st, 0);
		if (there ? err : !err || errno != ENOENT)
			die(there ? "stat" : "stat of a missing name", names[i]);
	}
	return (double)(now() - start) / LOOKUPS;
}

void names_lookup(const char *dir, unsigned int count)
{
	double hit = 0, miss = 0;
	unsigned int r;
	int dirfd = must_open(dir, O_RDONLY | O_DIRECTORY);

	for (r = 0; r < ROUNDS; r++) {
		hit += lookups(dirfd, count, true, r) / ROUNDS;
		miss += lookups(dirfd, count, false, r) / ROUNDS;
	}
	close(dirfd);
	printf("lookup\t%u\t%.1f\nlookup-missing\t%u\t%.1f\n", count, hit, count, miss);
}
