// SPDX-License-Identifier: GPL-2.0-only
/* Operations on a view that may lie, as a kernel does them. */
#include "../unit/broken.h"
#include "change.h"

struct changing {
	struct dxc_layer *layer;
	struct visit *seen;
	const u8 *how;
	s64 now;
};

/* A name as the VFS holds it: looked up, with its inode and its directory. */
struct place {
	struct dxc_file dir, file;
	u32 len;
	char name[DAXFS_NAME_MAX];
};

static void touch(const struct changing *ch, struct dxc_attr *attr)
{
	attr->ctime = ch->now;
	attr->ctime_nsec = ch->how[3];
}

/* ---- choosing ---- */

static int pick_dir(struct changing *ch, u32 n, struct dxc_file *dir)
{
	int err = dxc_view_inode(ch->layer, ch->seen->dirs[n % ch->seen->dir_count], dir,
				 NULL);

	/* Taken away meanwhile. */
	if (!err && !S_ISDIR(dir->attr.mode))
		err = -ESTALE;
	return err;
}

static u32 new_name(u32 n, char *name)
{
	u32 len = sprintf(name, "c%u", n % 9);

	if (n % 9 == 8)
		memset(name + len, 'y', DAXFS_NAME_MAX - len);
	return n % 9 == 8 ? DAXFS_NAME_MAX : len;
}

/* at->dir, at->name and at->len are set. -ENOENT; then there is no file. */
static int look_up(struct changing *ch, struct place *at)
{
	struct dxc_dirent de;
	int err;

	err = dxc_view_lookup(ch->layer, at->dir.attr.ino, visit_base(&at->dir), at->name,
			      at->len, &de, NULL);
	if (!err)
		err = dxc_view_inode(ch->layer, de.ino, &at->file, NULL);
	if (!err &&
	    (dxc_type_of_mode(at->file.attr.mode) != de.type ||
	     (S_ISDIR(at->file.attr.mode) &&
	      (at->file.attr.parent != at->dir.attr.ino || de.ino == DAXFS_ROOT_INO))))
		err = -EUCLEAN;
	return err;
}

/* One of the names that were seen, if it is there still. */
static int pick_name(struct changing *ch, u32 n, struct place *at)
{
	const struct visit_name *na;
	int err;

	if (!ch->seen->name_count)
		return -ENOENT;
	na = &ch->seen->names[n % ch->seen->name_count];
	err = dxc_view_inode(ch->layer, na->dir, &at->dir, NULL);
	if (err)
		return err;
	if (!S_ISDIR(at->dir.attr.mode))
		return -ENOENT;
	at->len = na->len;
	memcpy(at->name, na->name, na->len);
	return look_up(ch, at);
}

static int pick_file(struct changing *ch, u32 n, struct place *at)
{
	int err = pick_name(ch, n, at);

	return !err && !S_ISREG(at->file.attr.mode) ? -ENOENT : err;
}

static void now_there(struct changing *ch, const struct dxc_attr *dir, const char *name,
		      u32 len, const struct dxc_attr *attr)
{
	struct visit *v = ch->seen;
	struct visit_name *na;

	if (v->name_count < VISIT_NAMES) {
		na = &v->names[v->name_count++];
		na->dir = dir->ino;
		na->ino = attr->ino;
		na->type = dxc_type_of_mode(attr->mode);
		na->len = len;
		memcpy(na->name, name, len);
	}
	if (S_ISDIR(attr->mode) && v->dir_count < VISIT_DIRS)
		v->dirs[v->dir_count++] = attr->ino;
}

/* ---- names ---- */

static int do_create(struct changing *ch, u32 mode)
{
	struct dxc_new_xattr xattr = { DAXFS_XATTR_SECURITY, "selinux", 7, "label", 5 };
	struct dxc_attr attr = { .mode = mode, .nlink = 1, .mtime = ch->now };
	struct place at;
	int err;

	dxc_attr_set_btime(&attr, ch->now, ch->how[3]);
	err = pick_dir(ch, ch->how[1], &at.dir);
	if (err)
		return err;
	at.len = new_name(ch->how[2], at.name);
	err = look_up(ch, &at);
	if (err != -ENOENT)
		return err;
	if (S_ISDIR(mode)) {
		if (at.dir.attr.nlink == ~0u)
			return 0;
		attr.nlink = 2;
		attr.parent = at.dir.attr.ino;
	}
	if (S_ISLNK(mode))
		attr.size = 3;
	if (S_ISCHR(mode))
		attr.rdev_minor = ch->how[3];
	err = dxc_next_ino(ch->layer->vol, &attr.ino);
	if (err)
		return err;
	touch(ch, &attr);
	touch(ch, &at.dir.attr);
	err = dxc_op_create(ch->layer, &at.dir.attr, at.name, at.len, &attr,
			    S_ISLNK(mode) ? "n/m" : NULL, &xattr, ch->how[3] & 1);
	if (!err)
		now_there(ch, &at.dir.attr, at.name, at.len, &attr);
	return err;
}

static int do_link(struct changing *ch)
{
	struct place from, at;
	int err;

	err = pick_name(ch, ch->how[1], &from);
	if (!err)
		err = pick_dir(ch, ch->how[2], &at.dir);
	if (err)
		return err;
	at.len = new_name(ch->how[3], at.name);
	err = look_up(ch, &at);
	if (err != -ENOENT || S_ISDIR(from.file.attr.mode) || from.file.attr.nlink == ~0u)
		return err;
	touch(ch, &from.file.attr);
	touch(ch, &at.dir.attr);
	err = dxc_op_link(ch->layer, &at.dir.attr, at.name, at.len, &from.file.attr);
	if (!err)
		now_there(ch, &at.dir.attr, at.name, at.len, &from.file.attr);
	return err;
}

/* It was open: closed at once, or when the layer is loaded again. */
static void maybe_forget(struct changing *ch, const struct dxc_attr *attr, u32 bits)
{
	if (!attr->nlink && bits % 4)
		dxc_op_forget(ch->layer, attr->ino);
}

static int do_unlink(struct changing *ch)
{
	struct place at;
	int err;

	err = pick_name(ch, ch->how[1], &at);
	if (err)
		return err;
	if (S_ISDIR(at.file.attr.mode))
		err = dxc_view_dir_empty(ch->layer, at.file.attr.ino,
					 visit_base(&at.file), NULL);
	if (err)
		return err;
	touch(ch, &at.file.attr);
	touch(ch, &at.dir.attr);
	err = dxc_op_unlink(ch->layer, &at.dir.attr, at.name, at.len, &at.file.attr);
	if (!err)
		maybe_forget(ch, &at.file.attr, ch->how[2]);
	return err;
}

/* May the file move into the directory? Not into itself, or what is in it. */
static int check_move(struct changing *ch, const struct dxc_file *file,
		      const struct dxc_file *to)
{
	int err;

	if (!S_ISDIR(file->attr.mode))
		return 0;
	err = dxc_view_is_below(ch->layer, to->attr.ino, file->attr.ino, NULL);
	return err > 0 ? -EBUSY : err;
}

static int do_rename(struct changing *ch, bool exchange, bool whiteout)
{
	struct dxc_attr white = { .mode = S_IFCHR, .nlink = 1 };
	struct place from, to;
	struct dxc_rename rn;
	bool target;
	int err;

	err = pick_name(ch, ch->how[1], &from);
	if (err)
		return err;
	/* Over a name that was seen, or to a new one. */
	if (exchange || ch->how[3] & 0x80) {
		err = pick_name(ch, ch->how[2], &to);
	} else {
		err = pick_dir(ch, ch->how[2], &to.dir);
		if (err)
			return err;
		to.len = new_name(ch->how[3], to.name);
		err = look_up(ch, &to);
	}
	target = !err;
	if (err && (exchange || err != -ENOENT))
		return err;
	err = check_move(ch, &from.file, &to.dir);
	if (!err && target)
		err = check_move(ch, &to.file, &from.dir);
	if (err || (target && to.file.attr.ino == from.file.attr.ino))
		return err;
	if (target && !exchange) {
		if (S_ISDIR(from.file.attr.mode) != S_ISDIR(to.file.attr.mode))
			return 0;
		if (S_ISDIR(to.file.attr.mode))
			err = dxc_view_dir_empty(ch->layer, to.file.attr.ino,
						 visit_base(&to.file), NULL);
		if (err)
			return err;
	}
	rn = (struct dxc_rename){
		.old_dir = &from.dir.attr,
		.new_dir = from.dir.attr.ino == to.dir.attr.ino ? &from.dir.attr :
								  &to.dir.attr,
		.old_name = from.name,
		.old_len = from.len,
		.new_name = to.name,
		.new_len = to.len,
		.inode = &from.file.attr,
		.target = target ? &to.file.attr : NULL,
		.exchange = exchange,
		.whiteout = whiteout ? &white : NULL,
	};
	if (whiteout) {
		err = dxc_next_ino(ch->layer->vol, &white.ino);
		if (err)
			return err;
	}
	touch(ch, &from.file.attr);
	touch(ch, rn.old_dir);
	touch(ch, rn.new_dir);
	err = dxc_op_rename(ch->layer, &rn);
	if (err)
		return err;
	now_there(ch, rn.new_dir, to.name, to.len, rn.inode);
	if (target && !exchange)
		maybe_forget(ch, rn.target, ch->how[3]);
	/* One that lies has as many links as can be counted, and now none. */
	maybe_forget(ch, rn.new_dir, ch->how[3]);
	return 0;
}

/* ---- attributes and contents ---- */

/* Blocks and sizes near the start of a file, its end, and what a layer may say of it. */
static u64 some_block(u32 n, u64 size)
{
	return n & 0x80 ? size / DAXFS_BLOCK_SIZE + n % 8 : n % 32;
}

static int do_write(struct changing *ch)
{
	const struct dxc_volume *vol = ch->layer->vol;
	u64 block, want, got, last, i;
	struct dxc_part part;
	struct place at;
	dxc_off off;
	int err;

	err = pick_file(ch, ch->how[1], &at);
	if (err)
		return err;
	block = some_block(ch->how[2], at.file.attr.size);
	err = dxc_view_map(ch->layer, at.file.attr.ino, visit_base(&at.file),
			   block * DAXFS_BLOCK_SIZE, &part, NULL);
	if (err)
		return err;
	if (part.own) {
		memset(vol->region.base + part.ex.data +
			       (block * DAXFS_BLOCK_SIZE - part.ex.pos),
		       ch->how[3], DAXFS_BLOCK_SIZE);
		return 0;
	}
	last = (part.ex.pos + part.ex.len) / DAXFS_BLOCK_SIZE;
	want = min_t(u64, 1 + ch->how[3] % 9, last - block);
	err = dxc_blocks_take(ch->layer, 0, want, &off, &got);
	if (err)
		return err;
	MUST(got && got <= want);
	for (i = 0; i < got; i++) {
		MUST(!dxc_extent_copy(&vol->region, &part.ex, (block + i) * DAXFS_BLOCK_SIZE,
				      vol->region.base + off + i * DAXFS_BLOCK_SIZE,
				      DAXFS_BLOCK_SIZE));
	}
	at.file.attr.size = max_t(u64, at.file.attr.size,
				  (block + got) * DAXFS_BLOCK_SIZE - ch->how[3]);
	touch(ch, &at.file.attr);
	err = dxc_op_map(ch->layer, &at.file.attr, block, got, off);
	if (err)
		dxc_blocks_give_back(ch->layer, off, got);
	return err;
}

static int do_resize(struct changing *ch)
{
	struct place at;
	u64 size;
	int err;

	err = pick_file(ch, ch->how[1], &at);
	if (err)
		return err;
	size = some_block(ch->how[2], at.file.attr.size) * DAXFS_BLOCK_SIZE + ch->how[3];
	if (size > DXC_SIZE_MAX)
		return 0;
	touch(ch, &at.file.attr);
	return dxc_op_resize(ch->layer, &at.file.attr, visit_base(&at.file), size, NULL);
}

static int do_punch(struct changing *ch)
{
	struct place at;
	u64 block;
	int err;

	err = pick_file(ch, ch->how[1], &at);
	if (err)
		return err;
	block = some_block(ch->how[2], at.file.attr.size);
	touch(ch, &at.file.attr);
	return dxc_op_punch(ch->layer, &at.file.attr, block, 1 + ch->how[3] % 40);
}

static int do_setattr(struct changing *ch)
{
	struct place at;
	int err;

	err = pick_name(ch, ch->how[1], &at);
	if (err)
		return err;
	at.file.attr.uid = ch->how[2];
	at.file.attr.mode ^= ch->how[3];
	touch(ch, &at.file.attr);
	return dxc_op_setattr(ch->layer, &at.file.attr);
}

static int do_xattr(struct changing *ch, bool remove)
{
	u8 value[64];
	struct place at;
	char name[4];
	int err;

	err = pick_name(ch, ch->how[1], &at);
	if (err)
		return err;
	sprintf(name, "x%u", ch->how[2] % 4);
	err = dxc_view_xattr(ch->layer, at.file.attr.ino, visit_base(&at.file),
			     DAXFS_XATTR_USER, name, 2, NULL, 0, NULL);
	if (err < 0 && (remove || err != -ENODATA))
		return err;
	memset(value, ch->how[3], sizeof(value));
	touch(ch, &at.file.attr);
	return dxc_op_xattr(ch->layer, &at.file.attr, DAXFS_XATTR_USER, name, 2,
			    remove ? NULL : value, remove ? 0 : ch->how[3] % 64);
}

/* A file without a name, and blocks in it. */
static int do_tmpfile(struct changing *ch)
{
	struct dxc_attr attr = { .mode = S_IFREG | 0600 };
	dxc_off off;
	u64 got;
	int err;

	err = dxc_next_ino(ch->layer->vol, &attr.ino);
	if (!err)
		err = dxc_op_create(ch->layer, NULL, NULL, 0, &attr, NULL, NULL, 0);
	if (!err)
		err = dxc_blocks_take(ch->layer, 0, 1 + ch->how[1] % 5, &off, &got);
	if (err)
		return err;
	attr.size = got * DAXFS_BLOCK_SIZE;
	err = dxc_op_map(ch->layer, &attr, 0, got, off);
	if (err)
		dxc_blocks_give_back(ch->layer, off, got);
	maybe_forget(ch, &attr, ch->how[2]);
	return err;
}

int change(struct dxc_layer *layer, struct visit *seen, const u8 how[CHANGE_BYTES])
{
	struct changing ch = { layer, seen, how, 1000 + how[3] };

	switch (how[0] % CHANGE_KINDS) {
	case 0:
		return do_create(&ch, S_IFREG | 0644);
	case 1:
		return do_create(&ch, S_IFDIR | 0755);
	case 2:
		return do_create(&ch, how[3] & 2 ? S_IFLNK | 0777 : S_IFCHR | 0600);
	case 3:
		return do_link(&ch);
	case 4:
	case 5:
		return do_unlink(&ch);
	case 6:
		return do_rename(&ch, false, false);
	case 7:
		return do_rename(&ch, true, false);
	case 8:
		return do_rename(&ch, false, true);
	case 9:
	case 10:
		return do_write(&ch);
	case 11:
		return do_resize(&ch);
	case 12:
		return do_punch(&ch);
	case 13:
		return do_xattr(&ch, how[3] % 3 == 0);
	case 14:
		return do_setattr(&ch);
	}
	return do_tmpfile(&ch);
}
