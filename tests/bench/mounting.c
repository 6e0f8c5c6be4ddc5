// SPDX-License-Identifier: GPL-2.0-only
/* How long mount(2) takes. */
#include "bench.h"

#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

void mounting_time(const char *label, const char *options, const char *dir)
{
	const unsigned int count = 8;
	uint64_t start, sum = 0;
	unsigned int i;

	/* The first one is not measured. */
	for (i = 0; i <= count; i++) {
		start = now();
		if (mount("none", dir, "daxfs", MS_RDONLY, options))
			die(options, dir);
		start = now() - start;
		if (umount(dir))
			die("umount", dir);
		/* What umount leaves to RCU and workers is not the next mount's. */
		usleep(50000);
		if (i)
			sum += start;
	}
	printf("mount\t%s\t%.1f\n", label, (double)sum / count);
}
