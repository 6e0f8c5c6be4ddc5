// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe WHAT PATH...: one property of a mounted file or directory, tried with
 * the system calls a program would use. Silent and 0 when it holds, else one
 * sentence and 1. The table at the end says what there is.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HUGE_PAGE (2u << 20)

__attribute__((noreturn, format(printf, 1, 2)))
static void fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("probe: ", stdout);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

static int open_or_fail(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	if (fd < 0)
		fail("%s: open: %s", path, strerror(errno));
	return fd;
}

static size_t size_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		fail("fstat: %s", strerror(errno));
	return st.st_size;
}

/* The whole file by read(2). */
static char *slurp(int fd, size_t size)
{
	char *buf = malloc(size + 1);
	size_t done = 0;
	ssize_t n;

	while (done < size && (n = pread(fd, buf + done, size - done, done)) > 0)
		done += n;
	if (done != size || pread(fd, buf + size, 1, size) != 0)
		fail("read %zu bytes of %zu", done, size);
	return buf;
}

static char *map(int fd, size_t len, int prot, int flags)
{
	char *p = mmap(NULL, len, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return p;
}

/* ---- handles ---- */

static void probe_handle(char **argv)
{
	struct {
		struct file_handle head;
		char bytes[128];
	} fh = { .head.handle_bytes = 128 };
	struct stat a, b;
	int id, mnt, fd, caches;

	if (stat(argv[0], &a) || name_to_handle_at(AT_FDCWD, argv[0], &fh.head, &id, 0))
		fail("%s: no handle: %s", argv[0], strerror(errno));
	mnt = open_or_fail(argv[1], O_RDONLY | O_DIRECTORY);
	caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (caches < 0 || write(caches, "2", 1) != 1)
		fail("cannot drop caches");
	fd = open_by_handle_at(mnt, &fh.head, O_RDONLY);
	if (fd < 0)
		fail("%s: open by handle: %s", argv[0], strerror(errno));
	fstat(fd, &b);
	if (a.st_ino != b.st_ino || a.st_size != b.st_size || a.st_mode != b.st_mode)
		fail("%s: the handle leads to another file", argv[0]);
	/* A number that no inode has. */
	memset(fh.head.f_handle, 0xee, 8);
	if (open_by_handle_at(mnt, &fh.head, O_RDONLY) >= 0 || errno != ESTALE)
		fail("a handle of no file opens: %s", strerror(errno));
}

/* ---- directories ---- */

static void probe_seekdir(char **argv)
{
	DIR *dir = opendir(argv[0]);
	struct dirent *de;
	long *cookies = NULL;
	char **names = NULL;
	size_t n = 0, i, j;

	if (!dir)
		fail("%s: %s", argv[0], strerror(errno));
	for (;;) {
		cookies = realloc(cookies, (n + 1) * sizeof(*cookies));
		names = realloc(names, (n + 1) * sizeof(*names));
		cookies[n] = telldir(dir);
		de = readdir(dir);
		if (!de)
			break;
		names[n++] = strdup(de->d_name);
	}
	if (n < 10)
		fail("%s has only %zu entries: nothing to try", argv[0], n);
	for (i = 0; i < n; i++) {
		j = i * 7919 % n;
		seekdir(dir, cookies[j]);
		de = readdir(dir);
		if (!de || strcmp(de->d_name, names[j]))
			fail("entry %zu was %s, after seekdir it is %s", j, names[j],
			     de ? de->d_name : "the end");
	}
	seekdir(dir, cookies[n]);
	if (readdir(dir))
		fail("an entry after the end");
	rewinddir(dir);
	de = readdir(dir);
	if (!de || strcmp(de->d_name, names[0]))
		fail("rewinddir does not lead to the start");
}

/* ---- where the bytes are ---- */

static void probe_fiemap(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY), region = open_or_fail(argv[1], O_RDONLY);
	size_t size = size_of(fd), len, mapped = 0;
	char *text = slurp(fd, size), *there;
	struct fiemap *fm = calloc(1, sizeof(*fm) + 1000 * sizeof(fm->fm_extents[0]));

	fm->fm_length = FIEMAP_MAX_OFFSET;
	fm->fm_extent_count = 1000;
	if (ioctl(fd, FS_IOC_FIEMAP, fm))
		fail("fiemap: %s", strerror(errno));
	if (!fm->fm_mapped_extents ||
	    !(fm->fm_extents[fm->fm_mapped_extents - 1].fe_flags & FIEMAP_EXTENT_LAST))
		fail("%u extents, the last is not marked", fm->fm_mapped_extents);
	for (unsigned int i = 0; i < fm->fm_mapped_extents; i++) {
		struct fiemap_extent *fe = &fm->fm_extents[i];

		len = fe->fe_length;
		if (fe->fe_logical + len > size)
			len = size - fe->fe_logical;
		there = malloc(len);
		if (pread(region, there, len, fe->fe_physical) != (ssize_t)len ||
		    memcmp(there, text + fe->fe_logical, len))
			fail("extent %u is not at %#llx of the region", i,
			     (unsigned long long)fe->fe_physical);
		memset(text + fe->fe_logical, 0, len);
		mapped += len;
		free(there);
	}
	for (size_t i = 0; i < size; i++)
		if (text[i])
			fail("byte %zu is in no extent", i);
	if (argv[2] && fm->fm_mapped_extents != strtoul(argv[2], NULL, 0))
		fail("%u extents instead of %s", fm->fm_mapped_extents, argv[2]);
}

static void probe_seek(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY), holes = 0;
	off_t size = size_of(fd), pos = 0, data, hole;
	char *text = slurp(fd, size);

	while (pos < size) {
		data = lseek(fd, pos, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			data = size;
		if (data < pos)
			fail("SEEK_DATA from %lld gives %lld", (long long)pos, (long long)data);
		holes += data > pos;
		for (off_t i = pos; i < data; i++)
			if (text[i])
				fail("byte %lld is in a hole and not zero", (long long)i);
		if (data == size)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole <= data || hole > size)
			fail("SEEK_HOLE from %lld gives %lld", (long long)data, (long long)hole);
		pos = hole;
	}
	if (lseek(fd, size, SEEK_DATA) >= 0 || errno != ENXIO)
		fail("SEEK_DATA at the end succeeds");
	if (holes != atoi(argv[1]))
		fail("%d holes instead of %s", holes, argv[1]);
}

/* ---- mappings ---- */

static sigjmp_buf bus;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus, 1);
}

static int faults(const volatile char *p)
{
	struct sigaction sa = { .sa_handler = on_bus }, old;
	int result = 1;

	sigaction(SIGBUS, &sa, &old);
	if (!sigsetjmp(bus, 1)) {
		(void)*p;
		result = 0;
	}
	sigaction(SIGBUS, &old, NULL);
	return result;
}

static void probe_map(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	size_t size = size_of(fd), page = getpagesize();
	size_t whole = (size + page - 1) / page * page;
	char *text = slurp(fd, size), *shared, *private;

	shared = map(fd, whole + page, PROT_READ, MAP_SHARED);
	if (memcmp(shared, text, size))
		fail("a shared mapping differs from read");
	for (size_t i = size; i < whole; i++)
		if (shared[i])
			fail("byte %zu after the end of the file is not zero", i);
	if (!faults(shared + whole))
		fail("a page past the end does not raise SIGBUS");

	private = map(fd, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	for (size_t i = 0; i < size; i += page / 2)
		private[i]++;
	for (size_t i = 0; i < size; i++)
		if (private[i] != (char)(text[i] + (i % (page / 2) == 0)))
			fail("byte %zu of a private mapping is wrong after writing", i);
	if (memcmp(shared, text, size) || memcmp(slurp(fd, size), text, size))
		fail("writing to a private mapping changed the file");
	/* Written to before it was ever read. */
	munmap(private, whole);
	private = map(fd, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	memset(private, 0x5a, size);
	if (memcmp(shared, text, size))
		fail("writing first to a private mapping changed the file");
}

static void probe_readonly(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);

	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED)
		fail("a read-only file can be mapped writable");
	if (open(argv[0], O_RDWR) >= 0 || errno != EROFS)
		fail("open for writing: %s instead of EROFS", strerror(errno));
	if (unlink(argv[0]) == 0 || errno != EROFS)
		fail("unlink: %s instead of EROFS", strerror(errno));
}

/* Touching all of a big mapping takes one fault for 2 MiB. */
static void probe_huge(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	size_t size = size_of(fd) / HUGE_PAGE * HUGE_PAGE;
	volatile char *p = map(fd, size, PROT_READ, MAP_SHARED);
	struct rusage before, after;
	long took, most = atol(argv[1]);

	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < size; i += 4096)
		(void)p[i];
	getrusage(RUSAGE_SELF, &after);
	took = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt;
	if (took > most)
		fail("%ld faults for %zu bytes, at most %ld expected", took, size, most);
}

/* A futex in a shared mapping of a file is found through its page. */
static void probe_futex(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	uint32_t *word = (uint32_t *)map(fd, 4096, PROT_READ, MAP_SHARED);
	struct timespec soon = { .tv_nsec = 1000000 };

	if (syscall(SYS_futex, word, FUTEX_WAIT, *word, &soon, NULL, 0) == 0 || errno != ETIMEDOUT)
		fail("waiting on a futex: %s instead of a time-out", strerror(errno));
	if (syscall(SYS_futex, word, FUTEX_WAIT, *word + 1, &soon, NULL, 0) == 0 || errno != EAGAIN)
		fail("waiting for another value: %s", strerror(errno));
}

/* Memory of the mapping is the buffer of a direct write elsewhere. */
static void probe_direct(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	int out = open_or_fail(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_DIRECT);
	size_t len = 64 << 10;
	char *p = map(fd, len, PROT_READ, MAP_SHARED), *copy;

	if (pwrite(out, p, len, 0) != (ssize_t)len)
		fail("a direct write from the mapping: %s", strerror(errno));
	copy = aligned_alloc(4096, len);
	if (pread(out, copy, len, 0) != (ssize_t)len || memcmp(copy, p, len))
		fail("a direct write from the mapping wrote something else");
}

/* Another process looks at the mapping (as a debugger does). */
static void probe_ptrace(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	char *p = map(fd, 4096, PROT_READ, MAP_SHARED), copy[4096];
	struct iovec local = { copy, 4096 }, remote = { p, 4096 };

	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 4096)
		fail("process_vm_readv: %s", strerror(errno));
	if (memcmp(copy, p, 4096))
		fail("another process sees something else in the mapping");
}

/* A debugger writes to a private page that its owner never touched. */
static void probe_poke(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY), ready[2], status;
	char *text = slurp(fd, size_of(fd)), *p, copy[4096], word[8] = "poked!!";
	struct iovec local = { word, 8 }, remote, back = { copy, 4096 };
	pid_t child;

	/* Mapped before the fork, so that both know where; touched by neither. */
	p = map(fd, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	if (pipe(ready))
		fail("pipe");
	child = fork();
	if (!child) {
		/* Something else of the parent's must not come through. */
		close(ready[1]);
		_exit(read(ready[0], word, 1) != 0);
	}
	munmap(p, 8192);
	if (mmap(p, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p)
		fail("mmap");
	memset(p, 0xaa, 8192);
	remote = (struct iovec){ p + 100, 8 };
	if (process_vm_writev(child, &local, 1, &remote, 1, 0) != 8)
		fail("process_vm_writev: %s", strerror(errno));
	remote = (struct iovec){ p, 4096 };
	if (process_vm_readv(child, &back, 1, &remote, 1, 0) != 4096)
		fail("process_vm_readv: %s", strerror(errno));
	memcpy(text + 100, word, 8);
	if (memcmp(copy, text, 4096))
		fail("after a write from outside the page is not the file's with the write");
	close(ready[0]);
	close(ready[1]);
	if (waitpid(child, &status, 0) != child || status)
		fail("the child died: %x", status);
}

/* ---- without read(2) ---- */

static void compare_pipe(int out, const char *text, size_t size)
{
	static char buf[65536];
	size_t done = 0;
	ssize_t n;

	while ((n = read(out, buf, sizeof(buf))) > 0) {
		if (done + n > size || memcmp(buf, text + done, n))
			fail("bytes %zu to %zu differ", done, done + n);
		done += n;
	}
	if (done != size)
		fail("%zu bytes of %zu came", done, size);
}

static void probe_splice(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY), fds[2], status;
	size_t size = size_of(fd);
	char *text = slurp(fd, size);
	off_t pos;
	pid_t child;

	for (int way = 0; way < 2; way++) {
		if (pipe(fds))
			fail("pipe");
		child = fork();
		if (!child) {
			close(fds[0]);
			pos = 0;
			while (way ? sendfile(fds[1], fd, &pos, 65536) > 0 :
				     splice(fd, &pos, fds[1], NULL, 65536, 0) > 0)
				;
			_exit(pos != (off_t)size);
		}
		close(fds[1]);
		compare_pipe(fds[0], text, size);
		if (waitpid(child, &status, 0) != child || status)
			fail("%s stopped early", way ? "sendfile" : "splice");
		close(fds[0]);
	}
}

/* Odd offsets and lengths, vectors, past the end, direct. */
static void probe_read(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	int direct = open_or_fail(argv[0], O_RDONLY | O_DIRECT);
	size_t size = size_of(fd);
	char *text = slurp(fd, size), buf[5000], more[300];
	struct iovec iov[2] = { { buf, sizeof(buf) }, { more, sizeof(more) } };
	unsigned int seed = 1;
	ssize_t n, want;

	for (int i = 0; i < 2000; i++) {
		off_t pos = rand_r(&seed) % (size + 100);
		size_t len = rand_r(&seed) % sizeof(buf);

		want = pos >= (off_t)size ? 0 : len < size - pos ? len : size - pos;
		n = pread(i & 1 ? direct : fd, buf, len, pos);
		if (n != want || memcmp(buf, text + pos, want > 0 ? want : 0))
			fail("pread of %zu at %lld gave %zd", len, (long long)pos, n);
	}
	n = preadv(fd, iov, 2, 1);
	want = size - 1 < sizeof(buf) + sizeof(more) ? size - 1 : sizeof(buf) + sizeof(more);
	if (n != want)
		fail("preadv gave %zd instead of %zd", n, want);
	if (pread(fd, mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		  10, 0) != -1 || errno != EFAULT)
		fail("reading to a bad address: %s", strerror(errno));
}

static const struct {
	const char *what;
	int args;
	void (*run)(char **argv);
} probes[] = {
	{ "handle", 2, probe_handle },		/* FILE MOUNT */
	{ "seekdir", 1, probe_seekdir },	/* DIR */
	{ "fiemap", 2, probe_fiemap },		/* FILE REGION [EXTENTS] */
	{ "seek", 2, probe_seek },		/* FILE HOLES */
	{ "map", 1, probe_map },		/* FILE */
	{ "readonly", 1, probe_readonly },	/* FILE */
	{ "huge", 2, probe_huge },		/* FILE MOST-FAULTS */
	{ "futex", 1, probe_futex },		/* FILE */
	{ "direct", 2, probe_direct },		/* FILE OUT */
	{ "ptrace", 1, probe_ptrace },		/* FILE */
	{ "poke", 1, probe_poke },		/* FILE of 8 KiB at least */
	{ "splice", 1, probe_splice },		/* FILE */
	{ "read", 1, probe_read },		/* FILE */
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(probes) / sizeof(probes[0]); i++) {
		if (strcmp(argv[1], probes[i].what) || argc - 2 < probes[i].args)
			continue;
		probes[i].run(argv + 2);
		return 0;
	}
	fputs("usage: probe WHAT PATH...\n", stderr);
	return 2;
}
