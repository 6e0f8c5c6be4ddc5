// SPDX-License-Identifier: GPL-2.0-only
/* seeds DIR: writes the inputs that fuzzing starts from. */
#include <stdio.h>
#include "region.h"

int main(int argc, char **argv)
{
	int err;

	if (argc != 2) {
		fputs("usage: seeds DIR\n", stderr);
		return 2;
	}
	err = fuzz_region_seeds(argv[1]);
	if (err)
		fprintf(stderr, "seeds: %s: %s\n", argv[1], strerror(-err));
	return err != 0;
}
