// SPDX-License-Identifier: GPL-2.0-only
/* seeds TARGET DIR: writes the inputs that fuzzing a target starts from. */
#include <stdio.h>
#include "region.h"
#include "script.h"
#include "sequence.h"

static const struct {
	const char *target;
	int (*seeds)(const char *dir);
} families[] = {
	{ "fuzz_check", fuzz_region_seeds },
	{ "fuzz_walk", fuzz_region_seeds },
	{ "fuzz_replay", script_seeds },
	{ "fuzz_operations", sequence_seeds },
};

int main(int argc, char **argv)
{
	int err = -ENOENT;
	size_t i;

	if (argc != 3) {
		fputs("usage: seeds TARGET DIR\n", stderr);
		return 2;
	}
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (!strcmp(families[i].target, argv[1]))
			err = families[i].seeds(argv[2]);
	if (err)
		fprintf(stderr, "seeds: %s: %s\n", argv[1], strerror(-err));
	return err != 0;
}
