// SPDX-License-Identifier: GPL-2.0-only
/*
 * walker [--strict | --exact] DIR: the walk of walk.h as a command. The exit
 * status is 1 when a byte was shown that must not be, and the file is named;
 * with --exact also when anything failed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "walk.h"

int main(int argc, char **argv)
{
	struct walk_options options = walk_defaults;
	struct walk_result result;
	struct stat st;

	if (argc == 3 && !strcmp(argv[1], "--strict"))
		options.mode = WALK_STRICT;
	else if (argc == 3 && !strcmp(argv[1], "--exact"))
		options.mode = WALK_EXACT;
	else if (argc != 2 || argv[1][0] == '-') {
		fputs("usage: walker [--strict | --exact] DIR\n", stderr);
		return 2;
	}
	if (strlen(argv[argc - 1]) > 4000 ||
	    (stat(argv[argc - 1], &st) && errno == ENOENT)) {
		fprintf(stderr, "walker: %s: no such directory\n", argv[argc - 1]);
		return 2;
	}
	walk(&options, argv[argc - 1], &result);
	walk_print(&result);
	return result.leaks || (options.mode == WALK_EXACT && result.errors);
}
