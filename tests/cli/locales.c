// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands in for the program under test, which is in the folder BUILD,
 * so that every command of tests/cli runs in the locales that users have: the
 * test's own (LC_ALL), C, and none at all.
 *
 * A command that only looks is run in each of them beforehand, and has to end
 * with the same output (not of fsck) and status. One that changes something can be run only
 * once: which locale it gets follows from its arguments.
 *
 * Exit status 99: in another locale it ended otherwise.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIFFERS		99
#define CPU_SECONDS	60	/* of one that does not end */

/* What a command left in one locale. */
struct run {
	int out, err, status;
};

static const char *const locales[] = { NULL, "C", "" };	/* the test's, C, unset */

static void die(const char *what)
{
	fprintf(stderr, "locales: ");
	perror(what);
	exit(DIFFERS);
}

static void use(const char *locale)
{
	if (!locale)
		return;
	if (*locale) {
		setenv("LC_ALL", locale, 1);
		return;
	}
	unsetenv("LC_ALL");
	unsetenv("LC_CTYPE");
	unsetenv("LANG");
}

static bool has(char **argv, const char *word)
{
	for (; *argv; argv++)
		if (strcmp(*argv, word) == 0)
			return true;
	return false;
}

/* Does it read what can be read only once, or write where no two may? */
static bool is_stream(char **argv)
{
	for (; *argv; argv++)
		if (strcmp(*argv, "-") == 0 || strncmp(*argv, "/dev/fd/", 8) == 0 ||
		    strncmp(*argv, "/dev/std", 8) == 0 || strncmp(*argv, "/proc/", 6) == 0)
			return true;
	return false;
}

/* The verb of argv, by whichever name the program was called. */
static const char *verb_of(const char *name, char ***argv)
{
	if (strcmp(name, "daxfsctl") == 0 && **argv)
		return *(*argv)++;
	if (strncmp(name, "daxfs-", 6) == 0)
		return name + 6;
	return strncmp(name, "fsck", 4) == 0 ? "fsck" : name;
}

static bool only_looks(const char *name, char **argv)
{
	const char *verb = verb_of(name, &argv);

	if (is_stream(argv))
		return false;
	if (strcmp(verb, "inspect") == 0)
		return !has(argv, "extract");
	/* fake.c gives it the file system that the tests write to, which changes. */
	if (strcmp(verb, "list") == 0)
		return !getenv("FAKE_MOUNT");
	if (strcmp(verb, "fsck") == 0)
		return has(argv, "-n") && !has(argv, "--extract");
	if (strcmp(verb, "branch") == 0)
		return has(argv, "diff") || has(argv, "list") || has(argv, "show");
	return false;
}

static int new_file(void)
{
	int fd = memfd_create("locales", MFD_CLOEXEC);

	if (fd < 0)
		die("memfd_create");
	return fd;
}

static struct run run_in(const char *locale, const char *path, char **argv)
{
	const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS };
	struct run run = { new_file(), new_file(), 0 };
	pid_t pid = fork();
	int null;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		use(locale);
		null = open("/dev/null", O_RDONLY);
		if (dup2(null, 0) < 0 || dup2(run.out, 1) < 0 || dup2(run.err, 2) < 0 ||
		    setrlimit(RLIMIT_CPU, &cpu))
			die("setting up");
		execv(path, argv);
		die(path);
	}
	if (waitpid(pid, &run.status, 0) < 0)
		die("waitpid");
	return run;
}

/* The whole of a file, NUL terminated. */
static char *contents(int fd)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st))
		die("fstat");
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text || pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		die("pread");
	return text;
}

/* Trees are drawn with what the locale has: as ASCII here. */
static void draw_ascii(char *text)
{
	static const char *const lines[][2] = { { "\u251c\u2500", "|-" },
						{ "\u2514\u2500", "`-" },
						{ "\u2502", "|" } };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		size_t from = strlen(lines[i][0]), to = strlen(lines[i][1]);

		for (char *p = text; (p = strstr(p, lines[i][0]));) {
			memcpy(p, lines[i][1], to);
			memmove(p + to, p + from, strlen(p + from) + 1);
		}
	}
}

/* What an image has in two ways fsck finds in one or the other first: its threads race. */
static bool says_the_same(const char *name, char **argv)
{
	return strcmp(verb_of(name, &argv), "fsck") != 0;
}

static bool differ(int a, int b)
{
	char *left = contents(a), *right = contents(b);
	bool differ;

	draw_ascii(left);
	differ = strcmp(left, right) != 0;
	if (differ)
		fprintf(stderr, "--- in this locale:\n%s--- in the other:\n%s", left, right);
	free(left);
	free(right);
	return differ;
}

static void compare(const char *path, const char *name, char **argv)
{
	struct run first = run_in(locales[0], path, argv);

	for (size_t i = 1; i < sizeof(locales) / sizeof(*locales); i++) {
		struct run other = run_in(locales[i], path, argv);

		if (first.status == other.status &&
		    (!says_the_same(name, argv + 1) ||
		     (!differ(first.out, other.out) && !differ(first.err, other.err))))
			continue;
		fprintf(stderr, "locales: %s with LC_ALL \"%s\": status %#x, not %#x\n",
			argv[0], locales[i], (unsigned int)other.status,
			(unsigned int)first.status);
		exit(DIFFERS);
	}
}

static const char *any_locale(char **argv)
{
	unsigned int hash = 5381;

	for (; *argv; argv++)
		for (const char *p = *argv; *p; p++)
			hash = hash * 33 + (unsigned char)*p;
	return locales[hash / 7 % 3];
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	/* By whichever name: argv[0] says it. */
	const char *path = BUILD "/daxfsctl";

	(void)argc;
	name = name ? name + 1 : argv[0];
	if (!only_looks(name, argv + 1))
		use(any_locale(argv + 1));
	else if (!isatty(STDOUT_FILENO))
		compare(path, name, argv);
	execv(path, argv);
	die(path);
}
