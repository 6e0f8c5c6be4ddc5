// SPDX-License-Identifier: GPL-2.0-only
/* memwrite ADDR FILE: copies a file into physical memory, holes of it as zeros. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned long long addr;
	struct stat st;
	char *mem;
	int in, fd;
	ssize_t n;

	if (argc != 3)
		return 2;
	addr = strtoull(argv[1], NULL, 0);
	in = open(argv[2], O_RDONLY);
	fd = open("/dev/mem", O_RDWR);
	if (in < 0 || fd < 0 || fstat(in, &st)) {
		perror("memwrite: open");
		return 1;
	}
	mem = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, addr);
	if (mem == MAP_FAILED) {
		perror("memwrite: mmap");
		return 1;
	}
	for (off_t pos = 0; pos < st.st_size; pos += n) {
		n = read(in, mem + pos, st.st_size - pos > 1 << 20 ? 1 << 20 : st.st_size - pos);
		if (n <= 0) {
			fprintf(stderr, "memwrite: %s: %s\n", argv[2], strerror(errno));
			return 1;
		}
	}
	return 0;
}
