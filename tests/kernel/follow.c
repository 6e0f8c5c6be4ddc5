// SPDX-License-Identifier: GPL-2.0-only
/*
 * follow OWN OTHER ME ROUNDS [SEED]: two kernels, 1 and 2, on one memory. OWN is a mount of the
 * branch that this one writes, OTHER one of the branch that the other one writes. In turns one does
 * something at random to its branch and says so, once the call has returned, by a word in a file
 * that the other one has mapped, who looks at once: at what was changed, by one call after another
 * in an order of chance. Both know what comes of it from the seed.
 *
 * Prints how many calls looked, and how many of them did not see it; 0 if there was none.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>

#define PROGRAM "follow"
#include "calls.h"

#define NAMES	12
#define SIZE_MAX_	20000
#define WAIT	120	/* seconds that the other one may take for anything */

enum kind { NONE, FILE_, DIR_, LINK };

/* What is in a branch. */
struct entry {
	enum kind kind;
	unsigned int value;	/* its bytes follow from it, and from where they are; its mode, xattr */
	unsigned int size;
};

struct side {
	const char *dir;
	struct entry entries[NAMES];
	volatile uint64_t *word;
	int log;		/* of OTHER: "log", open since it was empty */
	unsigned int logged;
	uint64_t random;
};

static struct side sides[2];
static unsigned int looks, misses, round_no;
static char path[4200], path2[4200];

static unsigned int pick(struct side *s, unsigned int n)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (s->random >> 33) % n;
}

static const char *at(char *to, const struct side *s, unsigned int i)
{
	snprintf(to, sizeof(path), "%s/name.%u", s->dir, i);
	return to;
}

static unsigned char byte_of(unsigned int value, unsigned int pos)
{
	return value * 31 + pos / 7 + 1;
}

static void must(bool ok, const char *what, const char *name)
{
	if (!ok)
		fail("round %u: %s %s: %s", round_no, what, name, strerror(errno));
}

static void look(bool seen, const char *what, const char *name)
{
	looks++;
	if (seen)
		return;
	misses++;
	printf("round %u: %s of %s is not as it was when the other one was told\n", round_no, what, name);
}

/* ---- what one does, and both know ---- */

static void put_bytes(const char *name, unsigned int value, unsigned int from, unsigned int to)
{
	unsigned char *bytes = malloc(to - from + 1);
	int fd = open(name, O_WRONLY | O_CREAT, 0600);

	must(fd >= 0, "open", name);
	for (unsigned int i = from; i < to; i++)
		bytes[i - from] = byte_of(value, i);
	must(pwrite(fd, bytes, to - from, from) == (ssize_t)(to - from), "write", name);
	close(fd);
	free(bytes);
}

static void remove_entry(struct side *s, unsigned int i, bool real)
{
	struct entry *e = &s->entries[i];

	at(path, s, i);
	if (real && e->kind != NONE)
		must((e->kind == DIR_ ? rmdir : unlink)(path) == 0, "remove", path);
	*e = (struct entry){ .kind = NONE };
}

static void make(struct side *s, unsigned int i, unsigned int value, bool real)
{
	struct entry *e = &s->entries[i];
	char target[32];

	e->value = value;
	e->kind = FILE_ + value % 3;
	e->size = e->kind == FILE_ ? value % SIZE_MAX_ : 0;
	if (!real)
		return;
	at(path, s, i);
	snprintf(target, sizeof(target), "to.%u", value);
	if (e->kind == FILE_)
		put_bytes(path, value, 0, e->size);
	else if (e->kind == DIR_)
		must(mkdir(path, 0700) == 0, "mkdir", path);
	else
		must(symlink(target, path) == 0, "symlink", path);
}

/* Something of what is there, or makes it. */
static void change(struct side *s, unsigned int i, unsigned int j, bool real)
{
	struct entry *e = &s->entries[i];
	unsigned int how = pick(s, 8), value = pick(s, 1u << 20), size;

	at(path, s, i);
	if (how == 0 || e->kind == NONE) {
		remove_entry(s, i, real);
		make(s, i, value, real);
	} else if (how == 1) {
		remove_entry(s, i, real);
	} else if (how == 2 && i != j) {
		remove_entry(s, j, real);
		at(path, s, i);
		at(path2, s, j);
		if (real)
			must(rename(path, path2) == 0, "rename", path);
		s->entries[j] = *e;
		*e = (struct entry){ .kind = NONE };
	} else if (how == 3 && e->kind != LINK) {
		/* The mode is of the value, too. */
		if (real)
			must(setxattr(path, "user.value", &value, sizeof(value), 0) == 0, "setxattr", path);
	} else if (how <= 5 && e->kind == FILE_) {
		size = e->size + value % 9000;
		if (real)
			put_bytes(path, e->value, e->size, size);
		e->size = size;
	} else if (e->kind == FILE_) {
		size = e->size - (e->size ? value % e->size : 0);
		if (real)
			must(truncate(path, size) == 0, "truncate", path);
		e->size = size;
	}
}

static void grow_log(struct side *s, bool real)
{
	unsigned int n = 1 + pick(s, 5000);

	snprintf(path, sizeof(path), "%s/log", s->dir);
	if (real)
		put_bytes(path, 77, s->logged, s->logged + n);
	s->logged += n;
}

/* ---- how the other one looks ---- */

static void look_name(const struct side *s, unsigned int i)
{
	const struct entry *e = &s->entries[i];
	struct stat st;
	bool there;

	at(path, s, i);
	there = lstat(path, &st) == 0;
	if (e->kind == NONE) {
		look(!there && errno == ENOENT, "absence", path);
		return;
	}
	look(there && (e->kind == FILE_ ? S_ISREG(st.st_mode) && st.st_size == (off_t)e->size :
		       e->kind == DIR_	? S_ISDIR(st.st_mode) :
					  S_ISLNK(st.st_mode)), "stat", path);
}

static void look_bytes(const struct side *s, unsigned int i)
{
	const struct entry *e = &s->entries[i];
	static unsigned char bytes[1 << 20];
	char target[32], want[32];
	bool same = true;
	ssize_t n;
	int fd;

	at(path, s, i);
	if (e->kind == FILE_) {
		fd = open(path, O_RDONLY);
		n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
		for (ssize_t k = 0; k < n; k++)
			same &= bytes[k] == byte_of(e->value, k);
		look(n == (ssize_t)e->size && same, "content", path);
		close(fd);
	} else if (e->kind == LINK) {
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = 0;
		snprintf(want, sizeof(want), "to.%u", e->value);
		look(!strcmp(target, want), "target", path);
	}
}

static void look_list(const struct side *s)
{
	unsigned int seen = 0, want = 0, i;
	DIR *dir = opendir(s->dir);
	struct dirent *de;

	must(dir, "opendir", s->dir);
	while ((de = readdir(dir)))
		if (sscanf(de->d_name, "name.%u", &i) == 1)
			seen |= 1u << i;
	closedir(dir);
	for (i = 0; i < NAMES; i++)
		want |= (s->entries[i].kind != NONE) << i;
	look(seen == want, "list", s->dir);
}

static void look_log(const struct side *s, unsigned int before)
{
	static unsigned char bytes[8192];
	ssize_t n = pread(s->log, bytes, sizeof(bytes), before);
	bool same = true;

	for (ssize_t k = 0; k < n; k++)
		same &= bytes[k] == byte_of(77, before + k);
	look(n == (ssize_t)(s->logged - before) && same, "end of the open log", s->dir);
}

/* ---- turns ---- */

static void wait_for(const struct side *s, uint64_t turn)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WAIT;
	while (*s->word < turn) {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec)
			fail("round %u: the other one is at %llu, not at %llu", round_no,
			     (unsigned long long)*s->word, (unsigned long long)turn);
	}
}

static void map_word(struct side *s, bool own)
{
	int fd = -1;

	snprintf(path, sizeof(path), "%s/word", s->dir);
	if (own) {
		fd = open_or_fail(path, O_RDWR | O_CREAT);
		must(ftruncate(fd, 4096) == 0 && fallocate(fd, 0, 0, 4096) == 0, "word", path);
	}
	for (unsigned int i = 0; fd < 0 && i < 10 * WAIT; i++) {
		struct stat st;

		fd = open(path, O_RDONLY);
		if (fd >= 0 && (fstat(fd, &st) || st.st_size != 4096)) {
			close(fd);
			fd = -1;
		}
		if (fd < 0)
			usleep(100000);
	}
	must(fd >= 0, "open", path);
	s->word = mmap(NULL, 4096, own ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	must(s->word != MAP_FAILED, "mmap", path);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned int rounds, me, i, j, before, n;
	struct side *s;

	if (argc < 5)
		fail("usage: follow OWN OTHER ME ROUNDS [SEED]");
	me = atoi(argv[3]) - 1;
	rounds = atoi(argv[4]);
	for (i = 0; i < 2; i++) {
		s = &sides[i];
		s->dir = i == me ? argv[1] : argv[2];
		s->random = (argc > 5 ? strtoull(argv[5], NULL, 0) : 1) * 2862933555777941757ull + i + 7;
		s->logged = 0;
	}
	snprintf(path, sizeof(path), "%s/log", sides[me].dir);
	close(open_or_fail(path, O_WRONLY | O_CREAT));
	map_word(&sides[me], true);
	*sides[me].word = 1;
	map_word(&sides[!me], false);
	/* A store to the page makes it the branch's own: only then both have the same one. */
	wait_for(&sides[!me], 1);
	snprintf(path, sizeof(path), "%s/log", sides[!me].dir);
	sides[!me].log = open_or_fail(path, O_RDONLY);
	*sides[me].word = 2;
	wait_for(&sides[!me], 2);
	for (round_no = 0; round_no < rounds; round_no++) {
		s = &sides[round_no & 1];
		n = 1 + pick(s, 3);
		before = s->logged;
		i = j = 0;
		while (n--) {
			i = pick(s, NAMES);
			j = pick(s, NAMES);
			change(s, i, j, s == &sides[me]);
		}
		if (pick(s, 3) == 0)
			grow_log(s, s == &sides[me]);
		if (s == &sides[me]) {
			*s->word = 3 + round_no;
			wait_for(&sides[!me], 3 + round_no);
			continue;
		}
		wait_for(s, 3 + round_no);
		for (unsigned int first = rand(), k = 0; k < 4; k++) {
			switch ((first + k) % 4) {
			case 0:
				look_name(s, j);
				look_name(s, i);
				break;
			case 1:
				look_bytes(s, i);
				look_bytes(s, j);
				break;
			case 2:
				look_list(s);
				break;
			case 3:
				look_log(s, before);
				break;
			}
		}
		*sides[me].word = 3 + round_no;
	}
	printf("%u calls looked, %u did not see it\n", looks, misses);
	return misses != 0;
}
