// SPDX-License-Identifier: GPL-2.0-only
/* Layers over a small image, to do operations on. */
#include <stdio.h>
#include <string.h>
#include "stage.h"
#include "tap.h"

struct dxc_volume *stage;
struct dxc_space stage_space;
u8 stage_buf[IMAGE_SEGMENT] __attribute__((aligned(8)));
static struct image *img;
static u32 slot;

int stage_load(struct dxc_layer *layer, const char *name, struct dxc_layer *lower,
	       struct dxc_space *space, struct dxc_finding *f)
{
	struct dxc_frozen frozen;
	struct dxc_branch br;

	CHECK_EQ(dxc_branch_find(stage, name, &br), 0);
	CHECK_EQ(dxc_layer_init(layer, stage, space, lower, &br), 0);
	layer->quiet_word = dxc_commit_word(stage);
	frozen.id = br.id;
	dxc_branch_frozen(stage, &frozen);
	layer->frozen_seq = frozen.seq;
	return dxc_layer_load(layer, &br, false, f);
}

void stage_load_to_write(struct dxc_layer *main_layer)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK_EQ(dxc_layer_init(main_layer, stage, &stage_space, NULL, &br), 0);
	main_layer->quiet_word = dxc_commit_word(stage);
	CHECK_EQ(dxc_layer_load(main_layer, &br, true, NULL), 0);
}

int stage_reload(const char *name, struct dxc_layer *lower)
{
	struct dxc_layer layer;
	struct dxc_space space;
	int err;

	CHECK_EQ(dxc_space_init(&space, stage), 0);
	err = stage_load(&layer, name, lower, &space, NULL);
	dxc_layer_free(&layer);
	dxc_space_exit(&space);
	return err;
}

u32 stage_chunk_size, stage_branches;
u32 stage_base_files;
u32 stage_base_xattrs;

void stage_open(u32 chunks, struct dxc_layer *main_layer)
{
	const struct dxc_area *ar;
	struct dxc_branch br;
	char name[24];
	u32 i;

	img = image_new();
	img->writable = true;
	img->chunks = chunks;
	img->chunk_size = stage_chunk_size;
	img->branches = stage_branches ? stage_branches : 16;
	image_xattr_add(img, image_file(img, 1, "base", 50000), DAXFS_XATTR_USER, "old",
			"1", 1);
	for (i = 0; i < stage_base_xattrs; i++) {
		sprintf(name, "other %04u", i);
		image_xattr_add(img, 2, DAXFS_XATTR_USER, name, "", 0);
	}
	for (i = 0; i < stage_base_files; i++) {
		sprintf(name, "base %u", i);
		image_file(img, 1, name, 10);
	}
	image_build(img);
	stage = &img->vol;
	stage->region.persistent = true;
	ar = stage->area;
	memset(img->base + ar[DAXFS_AREA_SHARED].offset, 0, ar[DAXFS_AREA_SHARED].length);
	memset(img->base + ar[DAXFS_AREA_BRANCHES].offset, 0,
	       ar[DAXFS_AREA_BRANCHES].length);
	dxc_branch_format(stage, 1, 0, 1);
	CHECK_EQ(dxc_space_init(&stage_space, stage), 0);
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK_EQ(dxc_mount_claim(stage, 77, br.id, true, "here", NULL, NULL, &slot), 0);
	dxc_mount_set_seen(stage, slot, 77, dxc_commit_seq(stage));
	CHECK_EQ(stage_load(main_layer, "main", NULL, &stage_space, NULL), 0);
}

void stage_close(struct dxc_layer *main_layer)
{
	dxc_layer_free(main_layer);
	dxc_space_exit(&stage_space);
	image_free(img);
}

struct dxc_attr stage_attr(const struct dxc_layer *layer, dxc_ino ino)
{
	struct dxc_file file = { 0 };

	CHECK_EQ(dxc_view_inode(layer, ino, &file, NULL), 0);
	return file.attr;
}

int stage_make(struct dxc_layer *layer, dxc_ino dir, const char *name, u32 mode,
	       dxc_ino *ino)
{
	struct dxc_attr attr = { .mode = mode,
				 .nlink = S_ISDIR(mode) ? 2 : 1,
				 .parent = S_ISDIR(mode) ? dir : 0 };
	struct dxc_attr parent = stage_attr(layer, dir);

	CHECK_EQ(dxc_next_ino(stage, &attr.ino), 0);
	*ino = attr.ino;
	return dxc_op_create(layer, &parent, name, strlen(name), &attr, NULL, NULL, 0);
}

int stage_remove(struct dxc_layer *layer, dxc_ino dir, const char *name, dxc_ino ino)
{
	struct dxc_attr parent = stage_attr(layer, dir), attr = stage_attr(layer, ino);
	int err = dxc_op_unlink(layer, &parent, name, strlen(name), &attr);

	if (!err)
		dxc_op_forget(layer, ino);
	return err;
}

int stage_write(struct dxc_layer *layer, struct dxc_attr *attr, u64 block)
{
	u64 got, size = attr->size;
	dxc_off off;
	int err = dxc_blocks_take(layer, 0, 1, &off, &got);

	if (err)
		return err;
	memset(stage->region.base + off, 'x', DAXFS_BLOCK_SIZE);
	attr->size = max_t(u64, size, (block + 1) * DAXFS_BLOCK_SIZE);
	err = dxc_op_map(layer, attr, block, 1, off);
	if (err) {
		attr->size = size;
		dxc_blocks_give_back(layer, off, 1);
	}
	return err;
}

int stage_file(struct dxc_layer *layer, const char *name, int byte, dxc_ino *ino, dxc_off *off)
{
	u64 blocks = layer->space->chunk_blocks, got;
	struct dxc_attr attr;
	int err;

	err = dxc_blocks_take(layer, 0, blocks, off, &got);
	if (err)
		return err;
	memset(stage->region.base + *off, byte, got * DAXFS_BLOCK_SIZE);
	err = stage_make(layer, 1, name, S_IFREG | 0600, ino);
	if (!err) {
		attr = stage_attr(layer, *ino);
		attr.size = got * DAXFS_BLOCK_SIZE;
		err = dxc_op_map(layer, &attr, 0, got, *off);
	}
	if (err)
		dxc_blocks_give_back(layer, *off, got);
	return err;
}

int stage_xattr(struct dxc_layer *layer, dxc_ino ino, const char *name, const char *value)
{
	struct dxc_attr attr = stage_attr(layer, ino);

	return dxc_op_xattr(layer, &attr, DAXFS_XATTR_USER, name, strlen(name), value,
			    value ? strlen(value) : 0);
}

void stage_branch(struct dxc_layer *layer, struct dxc_layer *parent, const char *name)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_branch_create(stage, 0, parent->owner, name, 1, 0, parent->log.seq,
				   &br),
		 0);
	CHECK_EQ(dxc_layer_init(layer, stage, &stage_space, parent, &br), 0);
}

void stage_commit(struct dxc_layer *layer, struct dxc_layer *parent)
{
	struct dxc_branch_rest rest = { .tail = parent->log.chunk };

	CHECK_EQ(dxc_branch_commit(stage, layer->owner, NULL), 0);
	CHECK_EQ(dxc_branch_finish(stage, parent->owner, &rest), 0);
	CHECK_EQ(dxc_layer_merge(parent, layer), 0);
	dxc_layer_free(layer);
	stage_seen(parent);
}

void stage_seen(struct dxc_layer *layer)
{
	dxc_mount_set_seen(stage, slot, 77, dxc_commit_seq(stage));
	dxc_layer_settle(layer, ~0u);
}

u32 stage_free_chunks(void)
{
	return dxc_space_free_chunks(stage);
}
