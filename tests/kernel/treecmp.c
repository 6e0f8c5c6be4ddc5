// SPDX-License-Identifier: GPL-2.0-only
/*
 * treecmp A B: are two directory trees the same? Compares names, types, modes,
 * owners, sizes, modification times to the nanosecond, device numbers, symlink
 * targets, contents, extended attributes, and which names are hard links of
 * each other. Prints each difference and, at the end, what was compared; exits
 * 1 when there is one.
 *
 *	-l	links to files outside the tree are known: compare st_nlink too
 *	-x	do not compare extended attributes of the security namespace
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static bool compare_nlink, skip_security;
static unsigned long files, dirs, others, links, xattrs, differences;
static unsigned long long bytes;

__attribute__((format(printf, 2, 3)))
static void differ(const char *path, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("%s: ", path[0] ? path : ".");
	vprintf(format, ap);
	putchar('\n');
	va_end(ap);
	if (++differences == 100) {
		puts("more than 100 differences");
		exit(1);
	}
}

static void die(const char *what)
{
	fprintf(stderr, "treecmp: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* First name seen of each multiply linked inode of A, and its inode in B. */
struct link {
	dev_t dev;
	ino_t ino;
	ino_t other;
};

static int link_cmp(const void *x, const void *y)
{
	const struct link *a = x, *b = y;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

static void compare_links(const char *path, const struct stat *a, const struct stat *b)
{
	static void *seen;
	struct link *me, **found;

	if (a->st_nlink < 2)
		return;
	me = malloc(sizeof(*me));
	if (!me)
		die("memory");
	*me = (struct link){ a->st_dev, a->st_ino, b->st_ino };
	found = tsearch(me, &seen, link_cmp);
	if (!found)
		die("memory");
	if (*found == me)
		return;
	links++;
	if ((*found)->other != b->st_ino)
		differ(path, "is no longer a hard link of the same file");
	free(me);
}

static char *list(int fd, const char *path, ssize_t *len)
{
	char proc[64], *names;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	*len = llistxattr(fd < 0 ? path : proc, NULL, 0);
	if (*len <= 0)
		return NULL;
	names = malloc(*len);
	*len = llistxattr(fd < 0 ? path : proc, names, *len);
	return names;
}

static bool counts(const char *name)
{
	return strncmp(name, "system.", 7) == 0 ? strstr(name, "posix_acl") != NULL :
		!(skip_security && !strncmp(name, "security.", 9));
}

static unsigned long count_names(const char *names, ssize_t len)
{
	unsigned long n = 0;

	for (const char *p = names; p && p < names + len; p += strlen(p) + 1)
		n += counts(p);
	return n;
}

static void compare_xattrs(const char *rel, const char *a, const char *b)
{
	static char va[65536], vb[65536];
	ssize_t alen, blen, la, lb;
	char *an = list(-1, a, &alen), *bn = list(-1, b, &blen);

	if (alen < 0 && errno == ENOTSUP)
		alen = 0;
	if (count_names(an, alen) != count_names(bn, blen))
		differ(rel, "has %lu extended attributes, the copy %lu",
		       count_names(an, alen), count_names(bn, blen));
	for (char *p = an; p && p < an + alen; p += strlen(p) + 1) {
		if (!counts(p))
			continue;
		la = lgetxattr(a, p, va, sizeof(va));
		lb = lgetxattr(b, p, vb, sizeof(vb));
		if (la != lb || (la > 0 && memcmp(va, vb, la)))
			differ(rel, "xattr %s differs (%zd and %zd bytes)", p, la, lb);
		xattrs++;
	}
	free(an);
	free(bn);
}

static void compare_contents(const char *rel, const char *a, const char *b, off_t size)
{
	static char x[1 << 20], y[1 << 20];
	int fa = open(a, O_RDONLY), fb = open(b, O_RDONLY);
	ssize_t na, nb;
	off_t pos = 0;

	if (fa < 0 || fb < 0) {
		differ(rel, "cannot be opened: %s", strerror(errno));
		goto out;
	}
	while (pos <= size) {
		na = read(fa, x, sizeof(x));
		nb = read(fb, y, sizeof(y));
		if (na < 0 || nb != na || memcmp(x, y, na)) {
			differ(rel, "contents differ between %lld and %lld (read %zd and %zd)",
			       (long long)pos, (long long)pos + na, na, nb);
			break;
		}
		if (!na)
			break;
		pos += na;
		bytes += na;
	}
out:
	close(fa);
	close(fb);
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **read_names(const char *path, size_t *count)
{
	size_t room = 64, n = 0;
	char **names = malloc(room * sizeof(*names));
	struct dirent *de;
	DIR *dir = opendir(path);

	if (!dir || !names)
		die(path);
	while (errno = 0, (de = readdir(dir))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (n == room) {
			room *= 2;
			names = realloc(names, room * sizeof(*names));
			if (!names)
				die("memory");
		}
		names[n++] = strdup(de->d_name);
	}
	if (errno)
		differ(path, "readdir: %s", strerror(errno));
	closedir(dir);
	qsort(names, n, sizeof(*names), name_cmp);
	*count = n;
	return names;
}

static void compare(const char *rel, const char *a, const char *b);

static void compare_dirs(const char *rel, const char *a, const char *b)
{
	size_t na, nb, i, j;
	char **an = read_names(a, &na), **bn = read_names(b, &nb);
	char *x, *y, *r;

	for (i = j = 0; i < na || j < nb;) {
		int cmp = i == na ? 1 : j == nb ? -1 : strcmp(an[i], bn[j]);

		if (cmp) {
			differ(rel, "%s is only in the %s", cmp < 0 ? an[i] : bn[j],
			       cmp < 0 ? "original" : "copy");
			*(cmp < 0 ? &i : &j) += 1;
			continue;
		}
		if (asprintf(&x, "%s/%s", a, an[i]) < 0 || asprintf(&y, "%s/%s", b, an[i]) < 0 ||
		    asprintf(&r, "%s%s%s", rel, rel[0] ? "/" : "", an[i]) < 0)
			die("memory");
		compare(r, x, y);
		free(x);
		free(y);
		free(r);
		i++;
		j++;
	}
	for (i = 0; i < na; i++)
		free(an[i]);
	for (j = 0; j < nb; j++)
		free(bn[j]);
	free(an);
	free(bn);
}

static void compare(const char *rel, const char *a, const char *b)
{
	char ta[4096], tb[4096];
	struct stat sa, sb;
	ssize_t la, lb;

	if (lstat(a, &sa))
		die(a);
	if (lstat(b, &sb)) {
		differ(rel, "cannot be looked at: %s", strerror(errno));
		return;
	}
	if (sa.st_mode != sb.st_mode)
		differ(rel, "mode %o, the copy %o", sa.st_mode, sb.st_mode);
	if (sa.st_uid != sb.st_uid || sa.st_gid != sb.st_gid)
		differ(rel, "owner %u:%u, the copy %u:%u", sa.st_uid, sa.st_gid,
		       sb.st_uid, sb.st_gid);
	if (sa.st_mtim.tv_sec != sb.st_mtim.tv_sec ||
	    sa.st_mtim.tv_nsec != sb.st_mtim.tv_nsec)
		differ(rel, "time %lld.%09ld, the copy %lld.%09ld",
		       (long long)sa.st_mtim.tv_sec, sa.st_mtim.tv_nsec,
		       (long long)sb.st_mtim.tv_sec, sb.st_mtim.tv_nsec);
	if (!S_ISDIR(sa.st_mode)) {
		if (sa.st_size != sb.st_size)
			differ(rel, "size %lld, the copy %lld", (long long)sa.st_size,
			       (long long)sb.st_size);
		if (compare_nlink && sa.st_nlink != sb.st_nlink)
			differ(rel, "%lu links, the copy %lu", (unsigned long)sa.st_nlink,
			       (unsigned long)sb.st_nlink);
		compare_links(rel, &sa, &sb);
	}
	compare_xattrs(rel, a, b);
	switch (sa.st_mode & S_IFMT) {
	case S_IFREG:
		files++;
		compare_contents(rel, a, b, sa.st_size);
		break;
	case S_IFDIR:
		dirs++;
		compare_dirs(rel, a, b);
		break;
	case S_IFLNK:
		others++;
		la = readlink(a, ta, sizeof(ta));
		lb = readlink(b, tb, sizeof(tb));
		if (la < 0 || la != lb || memcmp(ta, tb, la))
			differ(rel, "points elsewhere");
		break;
	default:
		others++;
		if (sa.st_rdev != sb.st_rdev)
			differ(rel, "device %u:%u, the copy %u:%u", major(sa.st_rdev),
			       minor(sa.st_rdev), major(sb.st_rdev), minor(sb.st_rdev));
	}
}

int main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "lx")) != -1) {
		if (opt == 'l')
			compare_nlink = true;
		else if (opt == 'x')
			skip_security = true;
		else
			return 2;
	}
	if (argc - optind != 2) {
		fputs("usage: treecmp [-l] [-x] A B\n", stderr);
		return 2;
	}
	compare("", argv[optind], argv[optind + 1]);
	printf("compared %lu files (%llu bytes), %lu directories, %lu others, %lu hard links, %lu xattrs: %lu differences\n",
	       files, bytes, dirs, others, links, xattrs, differences);
	return differences != 0;
}
