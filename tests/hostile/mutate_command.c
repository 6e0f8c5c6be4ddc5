// SPDX-License-Identifier: GPL-2.0-only
/*
 * mutate [--field | --random] IMAGE N, mutate --count IMAGE
 *
 * Damages an image in place and repairs its checksums. Without an option N is
 * a field-by-field mutation when there are so many, and a seed otherwise.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "mutate.h"

static int usage(void)
{
	fputs("usage: mutate [--field | --random] IMAGE N\n"
	      "       mutate --count IMAGE\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 && argv[1][0] == '-' ? argv[1] : "";
	char what[MUTATE_TEXT], *end = NULL;
	struct mutate_plan *plan;
	struct stat st;
	u64 n = 0;
	u8 *base;
	int fd;

	if (*mode) {
		if (strcmp(mode, "--count") && strcmp(mode, "--field") &&
		    strcmp(mode, "--random"))
			return usage();
		argc--;
		argv++;
	}
	if (argc != (strcmp(mode, "--count") ? 3 : 2))
		return usage();
	if (argc == 3)
		n = strtoull(argv[2], &end, 0);
	if (end && (*end || end == argv[2]))
		return usage();
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		fprintf(stderr, "mutate: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	base = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	plan = base == MAP_FAILED ? NULL : mutate_plan_new(base, st.st_size);
	if (!plan) {
		fprintf(stderr, "mutate: %s: not a valid image: %s\n", argv[1],
			strerror(errno));
		return 1;
	}
	if (!strcmp(mode, "--count")) {
		printf("%llu\n", (unsigned long long)mutate_count(plan));
		return 0;
	}
	if (!strcmp(mode, "--random") || (!*mode && n >= mutate_count(plan))) {
		mutate_random(plan, base, n, what);
	} else if (n < mutate_count(plan)) {
		mutate_field(plan, base, n, what);
	} else {
		fprintf(stderr,
			"mutate: %s: there are only %llu field-by-field mutations\n",
			argv[1], (unsigned long long)mutate_count(plan));
		return 1;
	}
	mutate_seal(plan, base, st.st_size);
	printf("%s\n", what);
	mutate_plan_free(plan);
	return 0;
}
