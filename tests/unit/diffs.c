// SPDX-License-Identifier: GPL-2.0-only
/* Diffs: what is told of a branch, what is not, and how it is told piece by piece. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "broken.h"
#include "diff.h"
#include "image.h"
#include "tap.h"
#include "tests.h"

static struct image *img;
static struct dxc_space space;
static struct dxc_layer main_layer, child;
/* Of the base, then of main. */
static u32 a, b, secret, inner, hidden, in, deep, file, sparse;
static dxc_ino m, mf;

static void load(struct dxc_layer *layer, struct dxc_layer *lower, const char *name,
		 bool writes)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_branch_find(&img->vol, name, &br), 0);
	CHECK_EQ(dxc_layer_init(layer, &img->vol, &space, lower, &br), 0);
	CHECK_EQ(dxc_layer_load(layer, &br, writes, NULL), 0);
}

static void load_child_to_read(void)
{
	dxc_layer_free(&child);
	load(&child, &main_layer, "child", false);
}

static struct dxc_attr attr_of(const struct dxc_layer *top, dxc_ino ino)
{
	struct dxc_file f = { 0 };

	CHECK_EQ(dxc_view_inode(top, ino, &f, NULL), 0);
	return f.attr;
}

static dxc_ino create(struct dxc_layer *layer, dxc_ino in_dir, const char *name, u32 mode)
{
	struct dxc_attr attr = { .mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1 };
	struct dxc_attr dir = attr_of(layer, in_dir);

	attr.parent = S_ISDIR(mode) ? in_dir : 0;
	CHECK_EQ(dxc_next_ino(&img->vol, &attr.ino), 0);
	CHECK_EQ(dxc_op_create(layer, &dir, name, strlen(name), &attr, NULL, NULL, 0), 0);
	return attr.ino;
}

static void take_away(struct dxc_layer *layer, dxc_ino in_dir, const char *name,
		      dxc_ino ino)
{
	struct dxc_attr dir = attr_of(layer, in_dir), attr = attr_of(layer, ino);

	CHECK_EQ(dxc_op_unlink(layer, &dir, name, strlen(name), &attr), 0);
}

static void add_name(struct dxc_layer *layer, dxc_ino in_dir, const char *name,
		     dxc_ino ino)
{
	struct dxc_attr dir = attr_of(layer, in_dir), attr = attr_of(layer, ino);

	CHECK_EQ(dxc_op_link(layer, &dir, name, strlen(name), &attr), 0);
}

static void move(struct dxc_layer *layer, dxc_ino ino, dxc_ino from, const char *old,
		 dxc_ino to, const char *new)
{
	struct dxc_attr old_dir = attr_of(layer, from), new_dir = attr_of(layer, to);
	struct dxc_attr attr = attr_of(layer, ino);
	struct dxc_rename rn = {
		.old_dir = &old_dir,
		.new_dir = from == to ? &old_dir : &new_dir,
		.old_name = old,
		.old_len = strlen(old),
		.new_name = new,
		.new_len = strlen(new),
		.inode = &attr,
	};

	CHECK_EQ(dxc_op_rename(layer, &rn), 0);
}

static void put(struct dxc_layer *layer, dxc_ino ino, u64 block)
{
	struct dxc_attr attr = attr_of(layer, ino);
	dxc_off off;
	u64 got;

	CHECK_EQ(dxc_blocks_take(layer, 0, 1, &off, &got), 0);
	CHECK_EQ(dxc_op_map(layer, &attr, block, 1, off), 0);
}

static void punch(struct dxc_layer *layer, dxc_ino ino, u64 block)
{
	struct dxc_attr attr = attr_of(layer, ino);

	CHECK_EQ(dxc_op_punch(layer, &attr, block, 1), 0);
}

static void set_xattr(struct dxc_layer *layer, dxc_ino ino, const char *name,
		      const char *value)
{
	struct dxc_attr attr = attr_of(layer, ino);

	CHECK_EQ(dxc_op_xattr(layer, &attr, DAXFS_XATTR_USER, name, strlen(name), value,
			      value ? strlen(value) : 0),
		 0);
}

/*
 *	/ -+- a -+- b --- deep
 *	   |     +- in
 *	   |     `- hard		file's, of main
 *	   +- secret --- inner --- hidden
 *	   +- file			with user.old=1
 *	   +- sparse			of blocks 0 and 2
 *	   `- m --- mf			of main
 */
static void make(void)
{
	struct dxc_owner top = { 0, 1 };
	struct dxc_branch br;

	img = image_new();
	img->writable = true;
	img->chunks = 200;
	a = image_add(img, 1, "a", S_IFDIR | 0755);
	b = image_add(img, a, "b", S_IFDIR | 0755);
	secret = image_add(img, 1, "secret", S_IFDIR | 0700);
	inner = image_add(img, secret, "inner", S_IFDIR | 0755);
	hidden = image_file(img, inner, "hidden", 9000);
	in = image_file(img, a, "in", 9000);
	deep = image_file(img, b, "deep", 9000);
	file = image_file(img, 1, "file", 10000);
	image_xattr_add(img, file, DAXFS_XATTR_USER, "old", "1", 1);
	sparse = image_file(img, 1, "sparse", 12288);
	image_extent_add(img, sparse, 0, 4096);
	image_extent_add(img, sparse, 8192, 4096);
	image_build(img);
	dxc_branch_format(&img->vol, 1, 0, 1);
	CHECK_EQ(dxc_space_init(&space, &img->vol), 0);
	load(&main_layer, NULL, "main", true);
	m = create(&main_layer, 1, "m", S_IFDIR | 0755);
	mf = create(&main_layer, m, "mf", S_IFREG | 0644);
	add_name(&main_layer, a, "hard", file);
	CHECK_EQ(dxc_branch_create(&img->vol, 0, top, "child", 2, 0, main_layer.log.seq,
				   &br),
		 0);
	load(&child, &main_layer, "child", true);
}

static void unmake(void)
{
	dxc_layer_free(&child);
	dxc_layer_free(&main_layer);
	dxc_space_exit(&space);
	image_free(img);
}

/* ---- what is told, as text ---- */

static char *lines[4096];
static u32 line_count;
static u64 last_pos; /* of the file that was told of last */
static u32 left; /* lines that are taken yet */

static void forget(void)
{
	while (line_count)
		free(lines[--line_count]);
}

static int add(char *line)
{
	if (!left) {
		free(line);
		return 1;
	}
	left--;
	CHECK(line_count < 4096);
	lines[line_count++] = line;
	return 0;
}

static int take_name(void *priv, const struct dxc_diff_name *name)
{
	char *line = malloc(400);

	snprintf(line, 400, "%llu/%.*s %llu>%llu", (unsigned long long)name->dir,
		 (int)name->len, name->name, (unsigned long long)name->before,
		 (unsigned long long)name->after);
	last_pos = name->pos;
	return add(line);
}

static int take_inode(void *priv, const struct dxc_diff_inode *inode)
{
	char *line;

	CHECK_EQ(inode->was, inode->before.nlink != 0);
	CHECK_EQ(inode->is, inode->after.nlink != 0);
	line = malloc(100);
	snprintf(line, 100, "%llu %c%c%s%s%s%s", (unsigned long long)inode->ino,
		 inode->was ? '+' : '-', inode->is ? '+' : '-',
		 inode->differs & DXC_DIFF_ATTR ? " attr" : "",
		 inode->differs & DXC_DIFF_TIME ? " time" : "",
		 inode->differs & DXC_DIFF_DATA ? " data" : "",
		 inode->differs & DXC_DIFF_XATTR ? " xattr" : "");
	return add(line);
}

enum part { NAMES, INODES, FILES, DIRS };

/* One call. */
static int read_some(struct dxc_layer *layer, enum part part,
		     const struct dxc_diff_dir *dirs, u32 count,
		     struct dxc_diff_place *place, u32 steps)
{
	static struct dxc_diff diff;

	diff.name = take_name;
	diff.inode = take_inode;
	diff.steps = steps;
	dxc_diff_open(&diff, layer);
	switch (part) {
	case NAMES:
		return dxc_diff_names(&diff, place, NULL);
	case INODES:
		return dxc_diff_inodes(&diff, place, NULL);
	case FILES:
		return dxc_diff_files(&diff, place, NULL);
	default:
		return dxc_diff_dirs(&diff, dirs, count, place, NULL);
	}
}

static int compare_lines(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

/* A part, sorted; in calls of so many steps, and so many lines at most. */
static const char *read_in(struct dxc_layer *layer, enum part part,
			   const struct dxc_diff_dir *dirs, u32 count, u32 steps,
			   u32 room)
{
	static char all[0x10000];
	struct dxc_diff_place place = { { 0, 0 } };
	char *end = all;
	u32 i, calls = 0;
	int err;

	forget();
	do {
		left = room;
		err = read_some(layer, part, dirs, count, &place, steps);
		calls++;
	} while (err == 1 && calls < 100000);
	CHECK_EQ(err, 0);
	qsort(lines, line_count, sizeof(*lines), compare_lines);
	all[0] = '\0';
	for (i = 0; i < line_count; i++)
		end += sprintf(end, "%s%s", i ? ", " : "", lines[i]);
	return all;
}

static const char *told(struct dxc_layer *layer, enum part part)
{
	return read_in(layer, part, NULL, 0, ~0u, ~0u);
}

static const char *told_dir(struct dxc_layer *layer, dxc_ino ino, u64 pos)
{
	struct dxc_diff_dir dir = { ino, pos };

	return read_in(layer, DIRS, &dir, 1, ~0u, ~0u);
}

static bool is(const char *got, const char *want)
{
	if (strcmp(got, want) == 0)
		return true;
	printf("# %s\n# rather than %s\n", got, want);
	return false;
}

/* A wanted text; inode numbers are the builder's. */
static const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *text(const char *format, ...)
{
	static char buf[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	return buf;
}

#define N(ino) ((unsigned long long)(ino))

/* ---- tests ---- */

static void names(void)
{
	dxc_ino x, y;

	make();
	CHECK(is(told(&child, NAMES), ""));
	take_away(&child, a, "in", in);
	x = create(&child, 1, "new", S_IFREG | 0644);
	y = create(&child, 1, "gone", S_IFREG | 0644);
	take_away(&child, 1, "gone", y);
	CHECK(is(told(&child, NAMES), text("1/new 0>%llu, %u/in %u>0", N(x), a, in)));
	/* Of another inode, and of the same one as before. */
	move(&child, x, 1, "new", a, "in");
	take_away(&child, a, "hard", file);
	add_name(&child, a, "hard", file);
	CHECK(is(told(&child, NAMES),
		 text("%u/hard %u>%u, %u/in %u>%llu", a, file, file, a, in, N(x))));
	take_away(&child, m, "mf", mf);
	move(&child, m, 1, "m", a, "m");
	CHECK(is(
		told(&child, NAMES),
		text("1/m %llu>0, %llu/mf %llu>0, %u/hard %u>%u, %u/in %u>%llu, %u/m 0>%llu",
		     N(m), N(m), N(mf), a, file, file, a, in, N(x), a, N(m))));
	/* Of main, against the base. */
	CHECK(is(told(&main_layer, NAMES),
		 text("1/m 0>%llu, %llu/mf 0>%llu, %u/hard 0>%u", N(m), N(m), N(mf), a,
		      file)));
	unmake();
	tap_end("the names that a branch has are told, with what they name below and above");
}

static const char *one(dxc_ino ino)
{
	static char line[100];
	char start[24];
	u32 i;

	told(&child, INODES);
	sprintf(start, "%llu ", N(ino));
	line[0] = '\0';
	for (i = 0; i < line_count; i++)
		if (!strncmp(lines[i], start, strlen(start)))
			strcpy(line, lines[i] + strlen(start));
	return line;
}

static void inodes(void)
{
	struct dxc_attr attr;
	dxc_ino x;

	make();
	CHECK(is(told(&child, INODES), ""));
	attr = attr_of(&child, file);
	attr.ctime++;
	attr.atime++;
	CHECK_EQ(dxc_op_setattr(&child, &attr), 0);
	CHECK(is(one(file), "++"));
	attr.mtime_nsec = 7;
	CHECK_EQ(dxc_op_setattr(&child, &attr), 0);
	CHECK(is(one(file), "++ time"));
	attr.gid++;
	CHECK_EQ(dxc_op_setattr(&child, &attr), 0);
	CHECK(is(one(file), "++ attr time"));
	attr.gid--;
	attr.mtime_nsec = attr_of(&main_layer, file).mtime_nsec;
	CHECK_EQ(dxc_op_setattr(&child, &attr), 0);
	/* The same value, another one of the same length, none, one more. */
	set_xattr(&child, file, "old", "1");
	CHECK(is(one(file), "++"));
	set_xattr(&child, file, "old", "2");
	CHECK(is(one(file), "++ xattr"));
	set_xattr(&child, file, "old", "1");
	CHECK(is(one(file), "++"));
	set_xattr(&child, file, "old", NULL);
	CHECK(is(one(file), "++ xattr"));
	set_xattr(&child, file, "old", "1");
	set_xattr(&child, file, "new", "");
	CHECK(is(one(file), "++ xattr"));
	set_xattr(&child, file, "new", NULL);
	CHECK(is(one(file), "++"));
	/* A hole in a hole, behind the end, and where something was. */
	punch(&child, sparse, 1);
	CHECK(is(one(sparse), "++"));
	put(&child, sparse, 3);
	CHECK(is(one(sparse), "++"));
	punch(&child, sparse, 2);
	CHECK(is(one(sparse), "++ data"));
	put(&child, in, 1);
	CHECK(is(one(in), "++ data"));
	attr = attr_of(&child, deep);
	CHECK_EQ(dxc_op_resize(&child, &attr, NULL, 0, NULL), 0);
	CHECK(is(one(deep), "++ attr data"));
	/* As long as it was, and empty. */
	CHECK_EQ(dxc_op_resize(&child, &attr, NULL, 9000, NULL), 0);
	CHECK(is(one(deep), "++ data"));
	x = create(&child, a, "x", S_IFREG | 0644);
	CHECK(is(one(x), "-+"));
	take_away(&child, m, "mf", mf);
	CHECK(is(one(mf), "+-"));
	/* Of two names it has one still. */
	take_away(&child, 1, "file", file);
	CHECK(is(one(file), "++"));
	unmake();
	tap_end("an inode is told with what of it differs, not with what was done to it");
}

static void files(void)
{
	make();
	CHECK(is(told(&child, FILES), ""));
	put(&child, deep, 0);
	put(&child, mf, 0);
	put(&child, file, 0);
	CHECK(is(told(&child, FILES),
		 text("1/file %u>%u, %llu/mf %llu>%llu, %u/hard %u>%u, %u/deep %u>%u",
		      file, file, N(m), N(mf), N(mf), a, file, file, b, deep, deep)));
	/* Names that the branch has are among its names. */
	move(&child, file, 1, "file", a, "there");
	take_away(&child, m, "mf", mf);
	CHECK(is(told(&child, FILES),
		 text("%u/hard %u>%u, %u/deep %u>%u", a, file, file, b, deep, deep)));
	put(&main_layer, in, 0);
	CHECK(is(told(&main_layer, FILES),
		 text("1/file %u>%u, %u/in %u>%u", file, file, a, in, in)));
	unmake();
	tap_end("unchanged names are told of files that a branch has, and of no others");
}

static u64 pos_of(struct dxc_layer *layer, const char *line)
{
	struct dxc_diff_place place = { { 0, 0 } };
	int err = 1;

	while (err == 1) {
		forget();
		left = 1;
		err = read_some(layer, FILES, NULL, 0, &place, 1);
		if (line_count && strcmp(lines[0], line) == 0)
			return last_pos;
	}
	CHECK(!"found");
	return 0;
}

static void dirs(void)
{
	struct dxc_diff_dir dir = { b, 0 };
	struct dxc_diff_place place = { { 0, 0 } };
	u64 pos, hard;

	make();
	put(&child, deep, 0);
	put(&child, file, 0);
	pos = pos_of(&child, text("%u/deep %u>%u", b, deep, deep));
	hard = pos_of(&child, text("%u/hard %u>%u", a, file, file));
	CHECK(is(told_dir(&child, b, pos), text("1/a %u>%u, %u/b %u>%u", a, a, a, b, b)));
	CHECK(is(told_dir(&child, a, hard), text("1/a %u>%u", a, a)));
	/* Nothing was told of these. */
	left = ~0u;
	dir.pos = pos + 1;
	CHECK_EQ(read_some(&child, DIRS, &dir, 1, &place, ~0u), -EINVAL);
	dir.pos = ~0ull;
	CHECK_EQ(read_some(&child, DIRS, &dir, 1, &place, ~0u), -EINVAL);
	dir.pos = 0;
	for (dir.ino = 0; dir.ino < 20; dir.ino++)
		if (dir.ino != b && dir.ino != 1)
			CHECK_EQ(read_some(&child, DIRS, &dir, 1, &place, ~0u), -EINVAL);
	/* Nor is it damage that who asks calls a file of his a directory. */
	dir.ino = deep;
	CHECK_EQ(read_some(&child, DIRS, &dir, 1, &place, ~0u), -EINVAL);
	/* A name that the branch has is not told again, but what it leads to and by. */
	move(&child, a, 1, "a", m, "a");
	CHECK(is(told_dir(&child, b, pos),
		 text("1/m %llu>%llu, %u/b %u>%u", N(m), N(m), a, b, b)));
	/* What the branch has itself needs no file's name. */
	CHECK(is(told_dir(&child, a, 0), text("1/m %llu>%llu", N(m), N(m))));
	unmake();
	tap_end("of directories the names up to the root are told, for who was told of something in them");
}

static void moved_away(void)
{
	struct dxc_diff_place place = { { 0, 0 } };
	struct dxc_diff_dir dir = { 0, 0 };

	make();
	/* By main, so that the base's entry is not what a view shows. */
	move(&main_layer, hidden, inner, "hidden", 1, "found");
	put(&child, hidden, 0);
	CHECK(is(told(&child, FILES), text("1/found %u>%u", hidden, hidden)));
	dir.ino = inner;
	left = ~0u;
	CHECK_EQ(read_some(&child, DIRS, &dir, 1, &place, ~0u), -EINVAL);
	unmake();
	tap_end("a directory that a file left below is not told of");
}

static void pages(void)
{
	struct dxc_diff_dir list[3];
	char name[16], *want;
	dxc_ino ino;
	int part;
	u32 i;

	make();
	for (i = 0; i < 300; i++) {
		sprintf(name, "f%u", i);
		ino = create(&child, i % 2 ? m : b, name, S_IFREG | 0644);
		if (i % 3 == 0)
			take_away(&child, i % 2 ? m : b, name, ino);
	}
	put(&child, deep, 0);
	put(&child, file, 0);
	put(&child, in, 0);
	list[0] = (struct dxc_diff_dir){ a,
					 pos_of(&child, text("%u/in %u>%u", a, in, in)) };
	list[1] = (struct dxc_diff_dir){ m, 0 };
	list[2] = (struct dxc_diff_dir){ b, 0 };
	for (part = NAMES; part <= DIRS; part++) {
		want = strdup(read_in(&child, part, list, 3, ~0u, ~0u));
		CHECK(line_count > 2);
		CHECK(is(read_in(&child, part, list, 3, 1, ~0u), want));
		CHECK(is(read_in(&child, part, list, 3, 7, 2), want));
		CHECK(is(read_in(&child, part, list, 3, ~0u, 1), want));
		free(want);
	}
	unmake();
	tap_end("a diff is the same in however many calls it is read, of steps or of room");
}

static void places(void)
{
	static const u64 odd[] = { 1,
				   63,
				   64,
				   0xffff,
				   0xffffffff,
				   1ull << 32,
				   1ull << 63,
				   (1ull << 63) + 1,
				   (1ull << 63) + (1ull << 32),
				   ~0ull };
	struct dxc_diff_dir dir = { 1, 0 };
	u32 i, k;
	int part;

	make();
	create(&child, 1, "x", S_IFREG | 0644);
	put(&child, deep, 0);
	for (part = NAMES; part <= DIRS; part++)
		for (i = 0; i < sizeof(odd) / sizeof(*odd); i++)
			for (k = 0; k < sizeof(odd) / sizeof(*odd); k++) {
				struct dxc_diff_place place = { { odd[i], odd[k] } };

				left = ~0u;
				CHECK_EQ(read_some(&child, part, &dir, 1, &place, ~0u),
					 0);
			}
	broken_pause_at = 1;
	CHECK_EQ(read_some(&child, FILES, NULL, 0, &(struct dxc_diff_place){ 0 }, 1025),
		 -EINTR);
	broken_pause_at = 0;
	unmake();
	tap_end("a place that nobody was told leads nowhere, and who wants to be killed is");
}

static void state(void)
{
	u64 all, names_only, was;
	struct dxc_attr attr;
	dxc_ino x;

	make();
	all = dxc_diff_state(&child, false);
	names_only = dxc_diff_state(&child, true);
	CHECK(all && names_only);
	put(&child, deep, 0);
	CHECK(all != dxc_diff_state(&child, false));
	CHECK_EQ(names_only, dxc_diff_state(&child, true));
	x = create(&child, 1, "x", S_IFREG | 0644);
	CHECK(names_only != dxc_diff_state(&child, true));
	names_only = dxc_diff_state(&child, true);
	attr = attr_of(&child, x);
	all = dxc_diff_state(&child, false);
	CHECK_EQ(dxc_op_setattr(&child, &attr), 0);
	CHECK(all != dxc_diff_state(&child, false));
	take_away(&child, 1, "x", x);
	was = dxc_diff_state(&child, true);
	CHECK(names_only != was);
	/* A file that is closed changes where the next one is found. */
	all = dxc_diff_state(&child, false);
	dxc_op_forget(&child, x);
	CHECK(all != dxc_diff_state(&child, false));
	CHECK_EQ(was, dxc_diff_state(&child, true));
	/* Whoever reads the same log anew has the same. */
	load_child_to_read();
	CHECK_EQ(was, dxc_diff_state(&child, true));
	all = dxc_diff_state(&child, false);
	load_child_to_read();
	CHECK_EQ(all, dxc_diff_state(&child, false));
	/* One of another branch is another one. */
	CHECK(was != dxc_diff_state(&main_layer, true));
	unmake();
	tap_end("pages that do not go together carry different numbers");
}

static void lies(void)
{
	struct dxc_diff_place place = { { 0, 0 } };
	struct dxc_diff_dir dir = { inner, 0 };
	struct dxc_attr attr;

	make();
	put(&child, hidden, 0);
	dir.pos = pos_of(&child, text("%u/hidden %u>%u", inner, hidden, hidden));
	/* Both are in each other. */
	image_raw(img, secret)->in_parent = cpu_to_le32(inner);
	CHECK(is(told_dir(&child, inner, dir.pos),
		 text("%u/inner %u>%u", secret, inner, inner)));
	/* In a file. */
	image_raw(img, inner)->in_parent = cpu_to_le32(file);
	CHECK_EQ(read_some(&child, DIRS, &dir, 1, &place, ~0u), -EUCLEAN);
	image_raw(img, inner)->in_parent = cpu_to_le32(secret);
	image_raw(img, secret)->in_parent = cpu_to_le32(1);
	/* In itself, says the branch, which is one of the views. */
	attr = attr_of(&child, inner);
	attr.parent = inner;
	CHECK_EQ(dxc_op_setattr(&child, &attr), 0);
	CHECK(is(told_dir(&child, inner, 0), text("1/secret %u>%u, %u/inner %u>%u",
						  secret, secret, secret, inner, inner)));
	/* What was a directory when its names were logged. */
	create(&child, a, "x", S_IFREG | 0644);
	*image_raw(img, a) = *image_raw(img, file);
	CHECK(read_some(&child, NAMES, NULL, 0, &place, ~0u) < 0);
	unmake();
	tap_end("directories that are in each other, in files, or none are an end or an error");
}

void diffs_tests(void)
{
	names();
	inodes();
	files();
	dirs();
	moved_away();
	pages();
	places();
	state();
	lies();
	forget();
}
