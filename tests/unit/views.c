// SPDX-License-Identifier: GPL-2.0-only
/* Views of branches: where directories are, files without a name, when files were made. */
#include <string.h>
#include "stage.h"
#include "tap.h"
#include "tests.h"

static struct image *img;
static struct dxc_space space;
static struct dxc_layer main_layer, child;
static u32 a, b, c, d, file, other;

static void load(struct dxc_layer *layer, struct dxc_layer *lower, const char *name)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_branch_find(&img->vol, name, &br), 0);
	CHECK_EQ(dxc_layer_init(layer, &img->vol, &space, lower, &br), 0);
	CHECK_EQ(dxc_layer_load(layer, &br, true, NULL), 0);
}

/* A child of main, and both loaded. */
static void branch(void)
{
	struct dxc_owner top = { 0, 1 };
	struct dxc_branch br;

	CHECK_EQ(dxc_branch_create(&img->vol, 0, top, "child", 2, 0, main_layer.log.seq, &br), 0);
	load(&child, &main_layer, "child");
}

/*
 *	/ -+- a --- b --- c
 *	   +- d
 *	   +- file
 *	   `- other
 */
static void make(void)
{
	img = image_new();
	img->writable = true;
	a = image_add(img, 1, "a", S_IFDIR | 0755);
	b = image_add(img, a, "b", S_IFDIR | 0755);
	c = image_add(img, b, "c", S_IFDIR | 0755);
	d = image_add(img, 1, "d", S_IFDIR | 0755);
	file = image_file(img, 1, "file", 10000);
	other = image_file(img, 1, "other", 5000);
	image_build(img);
	dxc_branch_format(&img->vol, 1, 0, 1);
	CHECK_EQ(dxc_space_init(&space, &img->vol), 0);
	load(&main_layer, NULL, "main");
}

static void unmake(void)
{
	dxc_layer_free(&child);
	dxc_layer_free(&main_layer);
	dxc_space_exit(&space);
	image_free(img);
}

static struct dxc_attr attr_of(const struct dxc_layer *top, dxc_ino ino)
{
	struct dxc_file f;

	memset(&f, 0, sizeof(f));
	CHECK_EQ(dxc_view_inode(top, ino, &f, NULL), 0);
	return f.attr;
}

/* ---- what is in what ---- */

static void move(struct dxc_layer *layer, u32 ino, u32 from, u32 to, const char *name)
{
	struct dxc_attr old_dir = attr_of(layer, from), new_dir = attr_of(layer, to);
	struct dxc_attr attr = attr_of(layer, ino);
	struct dxc_rename rn = {
		.old_dir = &old_dir,
		.new_dir = &new_dir,
		.old_name = name,
		.old_len = strlen(name),
		.new_name = name,
		.new_len = strlen(name),
		.inode = &attr,
	};

	CHECK_EQ(dxc_op_rename(layer, &rn), 0);
}

static void below(void)
{
	struct dxc_attr dir, attr;

	make();
	branch();
	CHECK_EQ(dxc_view_is_below(&child, c, a, NULL), 1);
	CHECK_EQ(dxc_view_is_below(&child, c, c, NULL), 1);
	CHECK_EQ(dxc_view_is_below(&child, c, 1, NULL), 1);
	CHECK_EQ(dxc_view_is_below(&child, 1, 1, NULL), 1);
	CHECK_EQ(dxc_view_is_below(&child, a, c, NULL), 0);
	CHECK_EQ(dxc_view_is_below(&child, c, d, NULL), 0);
	CHECK_EQ(dxc_view_is_below(&child, 1, a, NULL), 0);
	/* Into d, in the child only. */
	move(&child, b, a, d, "b");
	CHECK_EQ(dxc_view_is_below(&child, c, d, NULL), 1);
	CHECK_EQ(dxc_view_is_below(&child, c, a, NULL), 0);
	CHECK_EQ(dxc_view_is_below(&main_layer, c, d, NULL), 0);
	CHECK_EQ(dxc_view_is_below(&main_layer, c, a, NULL), 1);
	dir = attr_of(&child, 1);
	attr = attr_of(&child, a);
	CHECK_EQ(dxc_op_unlink(&child, &dir, "a", 1, &attr), 0);
	CHECK_EQ(dxc_view_is_below(&child, a, d, NULL), -ESTALE);
	unmake();
	tap_end("what is in which directory is what the view says, not what its parent did");
}

static void round_and_round(void)
{
	struct dxc_finding f = { 0 };

	make();
	branch();
	image_raw(img, a)->in_parent = cpu_to_le32(c);
	CHECK_EQ(dxc_view_is_below(&child, c, a, &f), 1);
	CHECK_EQ(dxc_view_is_below(&child, c, d, &f), -EUCLEAN);
	CHECK_EQ(f.code, DXC_DIR_PARENT);
	image_raw(img, a)->in_parent = cpu_to_le32(file);
	CHECK_EQ(dxc_view_is_below(&child, c, d, &f), -EUCLEAN);
	unmake();
	tap_end("the way up ends where directories are in each other, or in a file");
}

/* ---- files without a name ---- */

static bool yes(void *priv, dxc_ino ino)
{
	CHECK_EQ(ino, file);
	return *(bool *)priv;
}

/* Where a block of the file is; 0: nowhere. */
static dxc_off place(const struct dxc_layer *top, u64 block)
{
	struct dxc_inode base;
	struct dxc_part part;

	CHECK_EQ(dxc_inode_read(&img->vol, file, &base, NULL), 0);
	CHECK_EQ(dxc_view_map(top, file, &base, block * DAXFS_BLOCK_SIZE, &part, NULL), 0);
	return part.ex.data ? part.ex.data + block * DAXFS_BLOCK_SIZE - part.ex.pos : 0;
}

static void orphans(void)
{
	struct dxc_attr dir, attr;
	dxc_off first, own;
	bool open = true;
	u64 got;

	make();
	dir = attr_of(&main_layer, 1);
	attr = attr_of(&main_layer, file);
	first = place(&main_layer, 0);
	CHECK_EQ(dxc_blocks_take(&main_layer, 0, 1, &own, &got), 0);
	CHECK_EQ(dxc_op_map(&main_layer, &attr, 1, 1, own), 0);
	CHECK_EQ(dxc_op_unlink(&main_layer, &dir, "file", 4, &attr), 0);
	CHECK(dxc_layer_has_orphan(&main_layer, file));
	CHECK(!dxc_orphan_is_lent(&main_layer, file));
	branch();
	CHECK_EQ(dxc_op_setattr(&child, &attr), 0);
	CHECK(first && place(&child, 0) == first);
	CHECK_EQ(place(&child, 1), own);
	CHECK(dxc_orphan_is_lent(&child, file));
	/* Closed in the child, which cannot change what is main's. */
	dxc_op_forget(&child, file);
	dxc_orphan_closed(child.lower, file);
	CHECK(main_layer.closed && !child.closed);
	CHECK_EQ(main_layer.used_blocks, 1);
	dxc_layer_forget_closed(&main_layer, yes, &open);
	CHECK(!main_layer.closed && dxc_layer_has_orphan(&main_layer, file));
	open = false;
	dxc_layer_forget_closed(&main_layer, yes, &open);
	CHECK(!dxc_layer_has_orphan(&main_layer, file));
	CHECK_EQ(main_layer.used_blocks, 1);
	dxc_layer_settle(&main_layer, ~0u);
	CHECK_EQ(main_layer.used_blocks, 0);
	unmake();
	tap_end("a file without a name is the parent's as far as it was, until nobody has it open");
}

static void reloaded(void)
{
	struct dxc_attr dir, attr;
	struct dxc_branch br;
	dxc_off own, kept, off;
	u64 got, i;

	make();
	dir = attr_of(&main_layer, 1);
	attr = attr_of(&main_layer, file);
	main_layer.retires = true;
	/* Three blocks, of which the first is given up and the others lose their name. */
	CHECK_EQ(dxc_blocks_take(&main_layer, 0, 3, &own, &got), 0);
	CHECK_EQ(got, 3);
	CHECK_EQ(dxc_op_map(&main_layer, &attr, 0, 3, own), 0);
	CHECK_EQ(dxc_op_punch(&main_layer, &attr, 0, 1), 0);
	CHECK_EQ(main_layer.retired_count, 1);
	CHECK_EQ(dxc_op_unlink(&main_layer, &dir, "file", 4, &attr), 0);
	/* And one of a file that lasts. */
	attr = attr_of(&main_layer, other);
	CHECK_EQ(dxc_blocks_take(&main_layer, 0, 1, &kept, &got), 0);
	CHECK_EQ(dxc_op_map(&main_layer, &attr, 0, 1, kept), 0);
	CHECK_EQ(dxc_branch_find(&img->vol, "main", &br), 0);
	CHECK_EQ(dxc_layer_reload(&main_layer, &br, false, NULL), 0);
	CHECK(!dxc_layer_has_orphan(&main_layer, file) && main_layer.retires);
	CHECK_EQ(main_layer.used_blocks, 4);
	CHECK_EQ(main_layer.retired_count, 1);
	CHECK(main_layer.retired[0].data == own && main_layer.retired[0].count == 3);
	CHECK_EQ(main_layer.retired_blocks, 3);
	for (i = 0; i < 12; i++) {
		CHECK_EQ(dxc_blocks_take(&main_layer, 0, 1, &off, &got), 0);
		CHECK((off < own || off >= own + 3 * DAXFS_BLOCK_SIZE) && off != kept);
	}
	dxc_layer_settle(&main_layer, ~0u);
	CHECK_EQ(main_layer.used_blocks, 13);
	CHECK_EQ(main_layer.retired_blocks, 0);
	unmake();
	tap_end("what was in use before a layer is loaded anew is not given out before it is settled");
}

/* ---- when it was made ---- */

static void check_births(const struct dxc_layer *top, dxc_ino made)
{
	struct dxc_attr attr = stage_attr(top, made), base = stage_attr(top, 2);

	CHECK_EQ(attr.btime, -7);
	CHECK_EQ(attr.btime_nsec, 1);
	CHECK_EQ(base.btime, 0);
	CHECK_EQ(base.btime_nsec, 0);
}

static void births(void)
{
	struct dxc_attr root, base, attr = { .mode = S_IFREG | 0600, .nlink = 1 };
	struct dxc_layer m, top;

	stage_open(64, &m);
	stage_branch(&top, &m, "c");
	root = stage_attr(&top, 1);
	CHECK_EQ(dxc_next_ino(stage, &attr.ino), 0);
	dxc_attr_set_btime(&attr, -7, 0);
	CHECK_EQ(dxc_op_create(&top, &root, "made", 4, &attr, NULL, NULL, 0), 0);
	check_births(&top, attr.ino);
	attr = stage_attr(&top, attr.ino);
	attr.mode ^= 0100;
	attr.mtime = 5;
	CHECK_EQ(dxc_op_setattr(&top, &attr), 0);
	CHECK_EQ(stage_write(&top, &attr, 0), 0);
	base = stage_attr(&top, 2);
	base.mtime = 9;
	CHECK_EQ(dxc_op_setattr(&top, &base), 0);
	CHECK_EQ(stage_xattr(&top, 2, "new", "x"), 0);
	check_births(&top, attr.ino);
	CHECK_EQ(dxc_layer_compact(&top), 0);
	check_births(&top, attr.ino);
	dxc_layer_free(&top);
	CHECK_EQ(stage_load(&top, "c", &m, &stage_space, NULL), 0);
	check_births(&top, attr.ino);
	stage_commit(&top, &m);
	check_births(&m, attr.ino);
	CHECK_EQ(dxc_layer_compact(&m), 0);
	dxc_layer_free(&m);
	stage_load_to_write(&m);
	check_births(&m, attr.ino);
	stage_close(&m);
	tap_end("when a file was made stays with it, and of one of the base nobody knows it, whatever is changed");
}

void views_tests(void)
{
	births();
	reloaded();
	orphans();
	below();
	round_and_round();
}
