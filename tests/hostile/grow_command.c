// SPDX-License-Identifier: GPL-2.0-only
/* grow IMAGE: gives a fresh writable image the branches of grow.h. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "grow.h"

int main(int argc, char **argv)
{
	const char *what = NULL;
	struct stat st;
	u8 *base;
	int fd, err;

	if (argc != 2) {
		fputs("usage: grow IMAGE\n", stderr);
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	base = fd < 0 || fstat(fd, &st) ?
		       MAP_FAILED :
		       mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		perror(argv[1]);
		return 1;
	}
	err = grow(base, st.st_size, &what);
	if (err)
		fprintf(stderr, "grow: %s: %s: %s\n", argv[1], what, strerror(-err));
	return err != 0;
}
