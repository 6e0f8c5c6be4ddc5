// SPDX-License-Identifier: GPL-2.0-only
/*
 * test OUT: tests the programs in OUT on the host: the walker on sound and on
 * broken trees, the mutations on images in memory and in a file.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../unit/image.h"
#include "../unit/seal.h"
#include "../unit/tap.h"
#include "mutate.h"
#include "record.h"

static const char *out;
static char tree[] = "/tmp/daxfs-hostile.XXXXXX";

/* The exit status of a shell command; what it prints goes to OUT/test.log. */
static int sh(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int sh(const char *format, ...)
{
	char command[4096], line[4096 + 256];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "(%s) >%s/test.log 2>&1", command, out);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool log_has(const char *text)
{
	return !sh("grep -qF '%s' '%s/test.log.old'", text, out);
}

static int walker(const char *option)
{
	return sh("'%s/walker' %s '%s/t'", out, option, tree);
}

/* The same, with the output kept aside. */
static int walker_says(const char *option)
{
	return sh("'%s/walker' %s '%s/t' >'%s/test.log.old' 2>&1", out, option, tree,
		  out);
}

static void write_at(const char *name, off_t pos, const void *data, size_t n)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/t/files/%s", tree, name);
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, data, n, pos) == (ssize_t)n);
	close(fd);
}

static void fresh(void)
{
	CHECK_EQ(sh("rm -rf '%s/t' && '%s/gen' '%s/t' 7 && chmod -R u+rwX '%s/t'", tree,
		    out, tree, tree),
		 0);
}

static void test_walker(void)
{
	uint8_t rec[RECORD_SIZE];

	fresh();
	CHECK_EQ(walker(""), 0);
	CHECK_EQ(walker("--strict"), 0);
	CHECK_EQ(walker_says("--exact"), 0);
	CHECK(log_has(" 0 errors"));
	CHECK_EQ(sh("test $(find '%s/t' -type f | wc -l) -gt 500", tree), 0);
	tap_end("the walker finds nothing wrong with the tree that gen made");

	CHECK_EQ(
		sh("'%s/gen' '%s/u' 7 && chmod -R u+rwX '%s/u' && diff -r -x 'sparse-*' '%s/t/files' '%s/u/files'",
		   out, tree, tree, tree, tree),
		0);
	CHECK_EQ(
		sh("rm -rf '%s/u' && '%s/gen' '%s/u' 8 && chmod -R u+rwX '%s/u' && ! diff -rq -x 'sparse-*' '%s/t/files' '%s/u/files'",
		   tree, out, tree, tree, tree, tree),
		0);
	tap_end("gen makes the same tree from the same seed and another from another");

	write_at("huge", 1234567, "\x40", 1);
	CHECK_EQ(walker_says(""), 1);
	CHECK(log_has("files/huge: bytes of no file"));
	tap_end("the walker names the file that shows a byte no file held");

	fresh();
	write_at("huge-more", 0,
		 "\x7f"
		 "ELF\2\1\1\0\0\0\0\0\0\0\0\0",
		 16);
	CHECK_EQ(walker(""), 1);
	tap_end("the walker sees one alien record at the start of a file");

	fresh();
	write_at("sparse-1", 4095, "x", 1);
	CHECK_EQ(walker(""), 1);
	tap_end("the walker sees one alien byte at the end of a hole");

	fresh();
	record_write(rec, 9999, 8192);
	write_at("huge", 8192, rec, sizeof(rec));
	CHECK_EQ(walker(""), 0);
	CHECK_EQ(walker_says("--strict"), 1);
	CHECK(log_has("bytes of another file"));
	CHECK_EQ(walker("--exact"), 1);
	tap_end("with --strict the walker sees a record of another file");

	fresh();
	write_at("huge", 8192, rec, 8);
	write_at("huge", 8200, rec, sizeof(rec));
	CHECK_EQ(sh("truncate -s 8216 '%s/t/files/huge'", tree), 0);
	CHECK_EQ(walker(""), 0);
	CHECK_EQ(walker("--strict"), 1);
	write_at("huge", 8199, "x", 1);
	write_at("huge", 8196, "\0\0\0", 3);
	CHECK_EQ(walker(""), 0);
	write_at("huge", 8193, "x", 1);
	CHECK_EQ(walker(""), 1);
	tap_end("files that were packed side by side may be seen so, and nothing else between them");

	fresh();
	CHECK_EQ(
		sh("cd '%s/t/files' && dd if=huge of=huge bs=16 skip=1000 seek=1001 count=1 conv=notrunc",
		   tree),
		0);
	CHECK_EQ(walker(""), 0);
	CHECK_EQ(walker_says("--strict"), 1);
	CHECK(log_has("bytes of another place"));
	tap_end("with --strict the walker sees a record at another place of its block");

	fresh();
	CHECK_EQ(
		sh("cd '%s/t/files' && dd if=huge of=huge bs=4096 skip=10 seek=12 count=1 conv=notrunc",
		   tree),
		0);
	CHECK_EQ(walker("--strict"), 0);
	CHECK_EQ(walker_says("--exact"), 1);
	tap_end("with --exact the walker sees a block that has moved");

	fresh();
	CHECK_EQ(
		sh("truncate -s 100 '%s/t/files/huge' && truncate -s 5000 '%s/t/files/huge'",
		   tree, tree),
		0);
	CHECK_EQ(walker("--exact"), 0);
	tap_end("a record that the end of a file cut, with zeros after it, is no leak");
	CHECK_EQ(sh("'%s/walker' '%s/nothing'", out, tree), 2);
	CHECK_EQ(sh("'%s/walker'", out), 2);
	CHECK_EQ(sh("'%s/walker' --no /", out), 2);
	tap_end("the walker refuses bad arguments with status 2");
}

static int ignore(void *priv, const struct dxc_finding *f)
{
	return 0;
}

static void test_mutations(bool writable)
{
	struct image *img = image_standard(writable, 30);
	struct mutate_plan *plan = mutate_plan_new(img->base, img->size);
	struct dxc_check chk = { .report = ignore };
	char what[MUTATE_TEXT];
	u64 n, refused = 0, found = 0, silent = 0, state = 1, i;
	struct mutate_flip flip;
	struct dxc_volume vol;
	int err;

	if (!CHECK(plan))
		return;
	for (n = 0; n < mutate_count(plan); n++) {
		mutate_field(plan, img->base, n, what);
		CHECK(memcmp(img->base, img->pristine, img->size));
		CHECK(strstr(what, "becomes"));
		seal(img->base, img->size);
		err = dxc_volume_open(&vol, img->base, img->size, NULL);
		CHECK(err != -EBADMSG);
		if (!err)
			CHECK_EQ(dxc_check(&vol, &chk), 0);
		refused += err != 0;
		found += !err && chk.findings;
		silent += !err && !chk.findings;
		image_reset(img);
	}
	printf("# %llu refused at open, %llu found by the check, %llu another valid image\n",
	       (unsigned long long)refused, (unsigned long long)found,
	       (unsigned long long)silent);
	/* The check knows nothing of the tables of writable images. */
	CHECK(n > 2000 && refused && found && silent < (writable ? n / 2 : n / 4));
	tap_end("each of %llu field-by-field mutations of a %s image changes it, and the checksums hold",
		(unsigned long long)n, writable ? "writable" : "read-only");

	for (n = 0; n < 500; n++) {
		mutate_random(plan, img->base, n, what);
		seal(img->base, img->size);
		err = dxc_volume_open(&vol, img->base, img->size, NULL);
		CHECK(err != -EBADMSG);
		if (!err)
			CHECK_EQ(dxc_check(&vol, &chk), 0);
		image_reset(img);
	}
	tap_end("500 random mutations end in an answer");
	mutate_plan_free(plan);
	image_free(img);

	img = image_standard(writable, 30);
	plan = mutate_plan_new(img->base, img->size);
	for (i = 0; i < 10000; i++) {
		mutate_flip(plan, img->base, &state, &flip);
		CHECK(img->base[flip.offset] != flip.old);
		mutate_unflip(img->base, &flip);
	}
	CHECK(!memcmp(img->base, img->pristine, img->size));
	tap_end("a flipped byte differs, and is put back");
	mutate_plan_free(plan);
	image_free(img);
}

static void test_command(void)
{
	struct image *img = image_standard(false, 30);
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/image", tree);
	file = fopen(path, "w");
	CHECK(file && fwrite(img->base, img->size, 1, file) == 1);
	fclose(file);
	CHECK_EQ(sh("test $('%s/mutate' --count '%s') -gt 2000", out, path), 0);
	CHECK_EQ(
		sh("cp '%s' '%s.a' && cp '%s' '%s.b' && '%s/mutate' '%s.a' 17 && '%s/mutate' '%s.b' 17 && cmp '%s.a' '%s.b' && ! cmp '%s' '%s.a'",
		   path, path, path, path, out, path, out, path, path, path, path, path),
		0);
	CHECK_EQ(
		sh("cp '%s' '%s.a' && cp '%s' '%s.b' && '%s/mutate' --random '%s.a' 3 && '%s/mutate' --random '%s.b' 3 && cmp '%s.a' '%s.b' && ! cmp '%s' '%s.a'",
		   path, path, path, path, out, path, out, path, path, path, path, path),
		0);
	CHECK_EQ(sh("cp '%s' '%s.a' && test $('%s/mutate' '%s.a' 999999999 | wc -l) = 1",
		    path, path, out, path),
		 0);
	tap_end("mutate makes the same change from the same number, and says it in one line");
	CHECK_EQ(sh("'%s/mutate' --field '%s' 999999999", out, path), 1);
	CHECK_EQ(sh("'%s/mutate' /dev/null 1", out), 1);
	CHECK_EQ(sh("'%s/mutate' '%s' x", out, path), 2);
	CHECK_EQ(sh("'%s/mutate' '%s'", out, path), 2);
	CHECK_EQ(sh("'%s/mutate' --what '%s' 1", out, path), 2);
	CHECK_EQ(sh("'%s/mutate' '%s/missing' 1", out, tree), 1);
	tap_end("mutate refuses bad arguments and files that are no image");
	image_free(img);
}

int main(int argc, char **argv)
{
	if (argc != 2 || !mkdtemp(tree)) {
		fputs("usage: test OUT\n", stderr);
		return 2;
	}
	out = argv[1];
	test_walker();
	test_mutations(false);
	test_mutations(true);
	test_command();
	sh("rm -rf '%s'", tree);
	return tap_done();
}
