// SPDX-License-Identifier: GPL-2.0-only
/* Files that fuzzing starts from. */
#include <stdio.h>
#include "seed.h"

int seed_save(const char *dir, u32 number, const u8 *data, size_t len)
{
	char path[4096];
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "%s/seed-%04u", dir, number);
	file = fopen(path, "w");
	if (!file)
		return -errno;
	err = fwrite(data, 1, len, file) == len ? 0 : -EIO;
	if (fclose(file))
		err = -errno;
	return err;
}
