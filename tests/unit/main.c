// SPDX-License-Identifier: GPL-2.0-only
/* Runs all unit tests of the core, or the groups named as arguments. */
#include <stdio.h>
#include <string.h>
#include "tap.h"
#include "tests.h"

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "layout", layout_tests },
	{ "names", names_tests },
	{ "codec", codec_tests },
	{ "directories", directories_tests },
	{ "extents", extents_tests },
	{ "xattrs", xattrs_tests },
	{ "rules", rules_tests },
	{ "bytes", bytes_tests },
	{ "logs", logs_tests },
	{ "branches", branches_tests },
	{ "crashes", crashes_tests },
	{ "mounts", mounts_tests },
	{ "tally", tally_tests },
	{ "views", views_tests },
	{ "layers", layers_tests },
	{ "fullness", fullness_tests },
	{ "lies", lies_tests },
	{ "repair", repair_tests },
	{ "races", races_tests },
	{ "fencing", fencing_tests },
	{ "takeover", takeover_tests },
	{ "follow", follow_tests },
	{ "reuse", reuse_tests },
	{ "extremes", extremes_tests },
	{ "proportion", proportion_tests },
	{ "diffs", diffs_tests },
};

int main(int argc, char **argv)
{
	size_t i;
	int k, ran = 0;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (k = argc > 1 ? 1 : 0; k < argc; k++)
			if (argc == 1 || !strcmp(argv[k], groups[i].name)) {
				groups[i].run();
				ran++;
				break;
			}
	if (!ran) {
		fprintf(stderr, "unit: no such group of tests\n");
		return 2;
	}
	return tap_done();
}
