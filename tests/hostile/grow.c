// SPDX-License-Identifier: GPL-2.0-only
/* Gives a fresh writable image branches. */
#include <stdio.h>
#include "grow.h"
#include "record.h"

#define FIRST_FILE 0x10000u /* no generated file has such a number */
#define BASE_FILES 4u /* of the base that a layer changes */
#define XATTR_FILES 50u /* with an xattr each, so that the log has chunks enough */
#define DEAD_EPOCH 0x7e57u

struct grower {
	struct dxc_volume vol;
	struct dxc_space space;
	struct dxc_layer layers[3];
	u32 count;
	u32 file; /* number of the next one's records */
	const char *what;
};

static int failed(struct grower *g, int err, const char *what)
{
	if (err && !g->what)
		g->what = what;
	return err;
}

static struct dxc_attr new_attr(struct grower *g, u32 mode)
{
	struct dxc_attr attr = { .mode = mode,
				 .nlink = S_ISDIR(mode) ? 2 : 1,
				 .mtime = 1000,
				 .ctime = 2000,
				 .atime = 3000 };

	dxc_attr_set_btime(&attr, 500, 5);
	failed(g, dxc_next_ino(&g->vol, &attr.ino), "inode number");
	return attr;
}

static int attr_of(struct dxc_layer *layer, dxc_ino ino, struct dxc_attr *attr)
{
	struct dxc_file file;
	int err = dxc_view_inode(layer, ino, &file, NULL);

	*attr = file.attr;
	return err;
}

/* Blocks with records of the file, from a block on. */
static int fill(struct grower *g, struct dxc_layer *layer, struct dxc_attr *attr,
		u32 file, u64 block, u64 count, u64 size)
{
	u64 got, i, pos, most = attr->size;
	dxc_off off;
	int err;

	while (count) {
		err = dxc_blocks_take(layer, 0, count, &off, &got);
		if (err)
			return err;
		memset(g->vol.region.base + off, 0, got * DAXFS_BLOCK_SIZE);
		for (i = 0; i < got * DAXFS_BLOCK_SIZE; i += RECORD_SIZE) {
			u8 rec[RECORD_SIZE];

			pos = block * DAXFS_BLOCK_SIZE + i;
			if (pos >= size)
				break;
			record_write(rec, file, pos);
			memcpy(g->vol.region.base + off + i, rec,
			       min_t(u64, RECORD_SIZE, size - pos));
		}
		pos = (block + got) * DAXFS_BLOCK_SIZE;
		attr->size = max_t(u64, most, min_t(u64, pos, size));
		err = dxc_op_map(layer, attr, block, got, off);
		if (err)
			return err;
		block += got;
		count -= got;
	}
	return 0;
}

/* A block of a file of the base, as a first write copies it. */
static int copy_up(struct grower *g, struct dxc_layer *layer, const struct dxc_dirent *de)
{
	struct dxc_part part;
	struct dxc_file file;
	dxc_off off;
	u64 got;
	int err = dxc_view_inode(layer, de->ino, &file, NULL);

	if (err || !file.in_base || !file.attr.size)
		return err;
	err = dxc_view_map(layer, de->ino, &file.base, 0, &part, NULL);
	if (err || !part.ex.data)
		return err;
	err = dxc_blocks_take(layer, 0, 1, &off, &got);
	if (err)
		return err;
	err = dxc_extent_copy(&g->vol.region, &part.ex, 0, g->vol.region.base + off,
			      DAXFS_BLOCK_SIZE);
	if (err)
		return err;
	return dxc_op_map(layer, &file.attr, 0, 1, off);
}

/* What is changed of the base: regular files below a directory, each in another way. */
static int change_base(struct grower *g, struct dxc_layer *layer, dxc_ino dir, u32 turn)
{
	struct dxc_attr parent, attr;
	struct dxc_file at;
	struct dxc_dirent de;
	char moved[32];
	u32 seen = 0;
	u64 pos = 0;
	int err = dxc_view_inode(layer, dir, &at, NULL);

	/* A name that no layer below has made. */
	snprintf(moved, sizeof(moved), "moved-%u-%u", turn, g->file);

	while (!err && seen < BASE_FILES) {
		err = dxc_view_next(layer, dir, at.in_base ? &at.base : NULL, &pos, &de,
				    NULL);
		if (err)
			break;
		pos++;
		err = attr_of(layer, de.ino, &attr);
		if (err || !S_ISREG(attr.mode) || attr.nlink != 1)
			continue;
		err = attr_of(layer, dir, &parent);
		if (err)
			break;
		switch ((seen++ + turn) % BASE_FILES) {
		case 0:
			err = dxc_op_unlink(layer, &parent, dxc_dirent_name(&de), de.len,
					    &attr);
			break;
		case 1: {
			struct dxc_rename rn = { .old_dir = &parent,
						 .new_dir = &parent,
						 .old_name = dxc_dirent_name(&de),
						 .old_len = de.len,
						 .new_name = moved,
						 .new_len = strlen(moved),
						 .inode = &attr };

			err = dxc_op_rename(layer, &rn);
			break;
		}
		case 2:
			attr.mode ^= 0111;
			err = dxc_op_setattr(layer, &attr);
			break;
		default:
			err = copy_up(g, layer, &de);
			break;
		}
	}
	return err == -ENOENT ? 0 : err;
}

static int make_files(struct grower *g, struct dxc_layer *layer, struct dxc_attr *dir)
{
	static const char value[1500] = "a long value";
	char name[32];
	int err = 0;
	u32 i;

	for (i = 0; !err && i < XATTR_FILES; i++) {
		struct dxc_new_xattr xattr = { DAXFS_XATTR_USER, "grown", 5, value,
					       i % 2 ? 20 : sizeof(value) };
		struct dxc_attr attr = new_attr(g, S_IFREG | 0644);

		snprintf(name, sizeof(name), "grown-%u", i);
		err = dxc_op_create(layer, dir, name, strlen(name), &attr, NULL, &xattr,
				    1);
		if (!err && i < 12) {
			u64 size = 1 + i * 1777;
			u64 blocks = (size + DAXFS_BLOCK_SIZE - 1) / DAXFS_BLOCK_SIZE;

			err = fill(g, layer, &attr, g->file, 0, blocks, size);
			/* A hole, and something after it. */
			if (!err && i % 4 == 1)
				err = fill(g, layer, &attr, g->file, 20, 2,
					   22 * DAXFS_BLOCK_SIZE);
			if (!err && i % 4 == 2 && blocks > 1)
				err = dxc_op_punch(layer, &attr, 0, 1);
			if (!err && i % 4 == 3)
				err = dxc_op_resize(layer, &attr, NULL, size / 2 & ~15ull,
						    NULL);
			g->file++;
		}
		if (!err && i == 20)
			err = dxc_op_unlink(layer, dir, name, strlen(name), &attr);
		if (!err && i == 21)
			err = dxc_op_link(layer, dir, "other-name", 10, &attr);
		if (!err && i == 22)
			err = dxc_op_xattr(layer, &attr, DAXFS_XATTR_USER, "grown", 5,
					   NULL, 0);
	}
	return err;
}

static int make_special(struct grower *g, struct dxc_layer *layer, struct dxc_attr *dir)
{
	struct dxc_attr attr = new_attr(g, S_IFLNK | 0777);
	int err;

	attr.size = 7;
	err = dxc_op_create(layer, dir, "link", 4, &attr, "grown-1", NULL, 0);
	if (err)
		return err;
	attr = new_attr(g, S_IFIFO | 0600);
	err = dxc_op_create(layer, dir, "fifo", 4, &attr, NULL, NULL, 0);
	if (err)
		return err;
	attr = new_attr(g, S_IFCHR | 0600);
	attr.rdev_major = 1;
	attr.rdev_minor = 3;
	err = dxc_op_create(layer, dir, "device", 6, &attr, NULL, NULL, 0);
	if (err)
		return err;
	attr = new_attr(g, S_IFDIR | 0755);
	attr.parent = dir->ino;
	return dxc_op_create(layer, dir, "below", 5, &attr, NULL, NULL, 0);
}

/* A directory of the view's root whose name the base has. */
static int any_directory(struct dxc_layer *layer, dxc_ino *ino)
{
	struct dxc_file root;
	struct dxc_dirent de;
	u64 pos = 0;
	int err = dxc_view_inode(layer, DAXFS_ROOT_INO, &root, NULL);

	while (!err) {
		err = dxc_view_next(layer, DAXFS_ROOT_INO, &root.base, &pos, &de, NULL);
		pos++;
		if (!err && de.type == dxc_type_of_mode(S_IFDIR) && de.len == 5 &&
		    !memcmp(dxc_dirent_name(&de), "files", 5))
			break;
	}
	*ino = err ? DAXFS_ROOT_INO : de.ino;
	return err == -ENOENT ? 0 : err;
}

static int write_layer(struct grower *g, struct dxc_layer *layer, const char *dirname)
{
	struct dxc_attr root, dir = new_attr(g, S_IFDIR | 0755);
	u32 turn = g->count;
	dxc_ino files;
	int err;

	dir.parent = DAXFS_ROOT_INO;
	err = failed(g, attr_of(layer, DAXFS_ROOT_INO, &root), "root");
	if (!err)
		err = failed(g,
			     dxc_op_create(layer, &root, dirname, strlen(dirname), &dir,
					   NULL, NULL, 0),
			     "directory");
	if (!err)
		err = failed(g, make_files(g, layer, &dir), "files");
	if (!err)
		err = failed(g, make_special(g, layer, &dir), "special files");
	if (!err)
		err = failed(g, any_directory(layer, &files), "directory of the base");
	if (!err)
		err = failed(g, change_base(g, layer, files, turn), "files of the base");
	return err;
}

static int add_layer(struct grower *g, const struct dxc_branch *br,
		     struct dxc_layer *lower, const char *dirname)
{
	struct dxc_layer *layer = &g->layers[g->count];
	int err = dxc_layer_init(layer, &g->vol, &g->space, lower, br);

	if (err)
		return failed(g, err, "layer");
	g->count++;
	err = failed(g, dxc_layer_load(layer, br, true, NULL), "loading a layer");
	return err ? err : write_layer(g, layer, dirname);
}

static int make_branches(struct grower *g)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_branch main_branch, left, leaf, right;
	const struct dxc_owner top = { DAXFS_MAIN_BRANCH, 1 };
	dxc_holder nobody = 0;
	u64 seq;
	int err;

	err = failed(g, dxc_branch_get(&g->vol, top, &main_branch), "main");
	if (!err)
		err = add_layer(g, &main_branch, NULL, "of-main");
	if (err)
		return err;
	seq = g->layers[0].log.seq;
	/* One that is gone: its entry is used again. */
	err = dxc_branch_create(&g->vol, 0, top, "gone", 1, 0, seq, &right);
	if (!err)
		err = dxc_branch_abort(&g->vol, right.id, &rest);
	if (!err)
		err = dxc_branch_create(&g->vol, 0, top, "left", 2, 0, seq, &left);
	if (!err)
		err = dxc_branch_create(&g->vol, 0, top, "right", 3, 0, seq, &right);
	if (err)
		return failed(g, err, "branches");
	err = add_layer(g, &right, &g->layers[0], "of-right");
	if (err)
		return err;
	dxc_layer_free(&g->layers[--g->count]);
	err = dxc_lease_take(&g->vol, right.id, dxc_holder_of(0, DEAD_EPOCH), &nobody);
	if (!err)
		err = add_layer(g, &left, &g->layers[0], "of-left");
	if (!err)
		err = failed(g,
			     dxc_branch_create(&g->vol, 0, left.id, "leaf", 4, 0,
					       g->layers[1].log.seq, &leaf),
			     "leaf");
	return err ? err : add_layer(g, &leaf, &g->layers[1], "of-leaf");
}

int grow(u8 *base, u64 size, const char **what)
{
	struct grower g = { .file = FIRST_FILE };
	int err;

	err = failed(&g, dxc_volume_open(&g.vol, base, size, NULL), "volume");
	if (!err && !dxc_volume_is_writable(&g.vol))
		err = failed(&g, -EROFS, "image without branches");
	if (!err)
		err = failed(&g, dxc_space_init(&g.space, &g.vol), "space");
	if (!err) {
		err = make_branches(&g);
		while (g.count)
			dxc_layer_free(&g.layers[--g.count]);
		dxc_space_exit(&g.space);
	}
	*what = g.what;
	return err;
}

int grow_remains(u8 *base, u64 size, enum grow_remains remains)
{
	const dxc_holder dead = dxc_holder_of(2, DEAD_EPOCH);
	dxc_holder nobody = 0;
	struct dxc_volume vol;
	struct daxfs_mount *slot;
	struct dxc_branch leaf;
	int err = dxc_volume_open(&vol, base, size, NULL);

	if (err)
		return err;
	err = dxc_branch_find(&vol, "leaf", &leaf);
	if (err)
		return err;
	/* Its slot is still claimed, nothing in it moves. */
	slot = (struct daxfs_mount *)(base + vol.area[DAXFS_AREA_MOUNTS].offset) + 2;
	slot->mt_owner = cpu_to_le64(dxc_word_seal_pair(DAXFS_WORD_OWNER, 2, DEAD_EPOCH));
	slot->mt_heartbeat = cpu_to_le64(12345);
	slot->mt_seen_seq = cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, 1));
	slot->mt_branch = cpu_to_le64(dxc_word_seal_pair(
		DAXFS_WORD_BRANCH, leaf.id.branch, leaf.id.generation));
	slot->mt_applied = cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, 1));
	strcpy((char *)slot->mt_host, "gone");
	switch (remains) {
	case GROW_COMMIT:
		return dxc_branch_commit(&vol, leaf.id, NULL);
	case GROW_LEASE:
		return dxc_lease_take(&vol, leaf.id, dead, &nobody);
	default:
		return dxc_lock_take(&vol, dead, &nobody);
	}
}
