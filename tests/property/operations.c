// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls on a branch: through the core, as a kernel does them, and on the
 * model. What the model becomes follows from what the call means, not from what
 * the core made of it.
 */
#include "operations.h"

#define NAMES 22u

struct call {
	struct world *w;
	struct world_branch *b;
	struct model *m;
	struct dxc_layer *layer;
	const u32 *r; /* of the operation; r[0] chose the branch */
};

/* ---- choosing ---- */

typedef bool (*wanted)(const struct model_inode *in);

static bool is_dir(const struct model_inode *in)
{
	return S_ISDIR(in->attr.mode) && in->attr.nlink;
}

static bool is_file(const struct model_inode *in)
{
	return S_ISREG(in->attr.mode);
}

static bool has_name(const struct model_inode *in)
{
	return in->attr.nlink;
}

static bool is_open(const struct model_inode *in)
{
	return !in->attr.nlink;
}

static bool is_linkable(const struct model_inode *in)
{
	return !S_ISDIR(in->attr.mode);
}

static struct model_inode *choose(struct call *c, u32 n, wanted ok)
{
	u32 i, count = 0;

	for (i = 0; i < c->m->inode_count; i++)
		count += ok(c->m->inodes[i]);
	if (!count)
		return NULL;
	n %= count;
	for (i = 0; !ok(c->m->inodes[i]) || n--; i++)
		;
	return c->m->inodes[i];
}

/* Name n of those that operations use; some are long. */
static u32 name_of(u32 n, char *name)
{
	u32 len = sprintf(name, "n%u", n % NAMES);

	if (n % NAMES >= NAMES - 2) {
		memset(name + len, 'x', DAXFS_NAME_MAX - len);
		len = n % NAMES == NAMES - 1 ? DAXFS_NAME_MAX : 54;
	}
	return len;
}

static const struct dxc_inode *base_of(struct call *c, dxc_ino ino,
				       struct dxc_inode *base)
{
	if (ino > c->w->vol->inode_count)
		return NULL;
	HOLDS(!dxc_inode_read(c->w->vol, ino, base, NULL));
	return base;
}

static void touch(struct call *c, struct dxc_attr *attr, bool modified)
{
	attr->ctime = c->w->now;
	attr->ctime_nsec = c->w->now % 1000000000;
	if (modified) {
		attr->mtime = -c->w->now;
		attr->mtime_nsec = 999999999;
	}
}

static void same_attr(const struct dxc_attr *got, const struct dxc_attr *want)
{
	if (got->nlink != want->nlink)
		FAIL("inode %llu: nlink %u, not %u", (unsigned long long)want->ino,
		     got->nlink, want->nlink);
	HOLDS(got->size == want->size && got->parent == want->parent);
}

/* ---- names ---- */

static struct dxc_attr new_attr(struct call *c, u32 kind, dxc_ino dir)
{
	static const u32 modes[] = { S_IFREG | 0644, S_IFREG | 0600, S_IFDIR | 0755,
				     S_IFDIR | 0700, S_IFLNK | 0777, S_IFCHR | 0600,
				     S_IFIFO | 0666, S_IFSOCK | 0644 };
	struct dxc_attr attr = {
		.mode = modes[kind % 8], .nlink = 1, .uid = kind, .gid = 5
	};

	touch(c, &attr, true);
	/* Some come from a log that does not say it. */
	if (kind % 16 < 14)
		dxc_attr_set_btime(&attr, -c->w->now, attr.ctime_nsec);
	if (S_ISDIR(attr.mode)) {
		attr.nlink = 2;
		attr.parent = dir;
	}
	if (S_ISCHR(attr.mode)) {
		attr.rdev_major = kind % 4096;
		attr.rdev_minor = kind % 77777;
	}
	return attr;
}

static int do_create(struct call *c, bool tmpfile)
{
	struct model_inode *dir = choose(c, c->r[1], is_dir), *in;
	struct dxc_new_xattr xattrs[2] = {
		{ DAXFS_XATTR_SECURITY, "selinux", 7, "label", 5 },
		{ DAXFS_XATTR_ACL_ACCESS, "", 0, "\2\0\0\0acl", 7 },
	};
	struct dxc_attr attr, dir_attr = dir->attr;
	u32 len, count = c->r[4] % 3, i;
	char name[DAXFS_NAME_MAX + 8], target[64];
	int err;

	len = name_of(c->r[2], name);
	if (!tmpfile && model_lookup(c->m, dir->attr.ino, name, len))
		return 0;
	attr = new_attr(c, tmpfile ? 0 : c->r[3], dir->attr.ino);
	if (tmpfile)
		attr.nlink = 0;
	if (S_ISLNK(attr.mode))
		attr.size = sprintf(target, "to/%u", c->r[4]);
	HOLDS(!dxc_next_ino(c->w->vol, &attr.ino));
	touch(c, &dir_attr, true);
	err = dxc_op_create(c->layer, tmpfile ? NULL : &dir_attr, tmpfile ? NULL : name,
			    len, &attr, S_ISLNK(attr.mode) ? target : NULL, xattrs,
			    count);
	if (err) {
		HOLDS(dir_attr.nlink == dir->attr.nlink);
		return err;
	}
	if (!tmpfile) {
		dir->attr.nlink += S_ISDIR(attr.mode);
		touch(c, &dir->attr, true);
		same_attr(&dir_attr, &dir->attr);
		model_link(c->m, dir->attr.ino, name, len, attr.ino);
	}
	in = model_add(c->m, &attr);
	if (S_ISLNK(attr.mode))
		memcpy(in->data, target, attr.size);
	for (i = 0; i < count; i++)
		model_set_xattr(in, xattrs[i].prefix, xattrs[i].name, xattrs[i].name_len,
				xattrs[i].value, xattrs[i].value_len);
	return 0;
}

static int do_link(struct call *c)
{
	struct model_inode *dir = choose(c, c->r[1], is_dir);
	struct model_inode *in = choose(c, c->r[3], is_linkable);
	struct dxc_attr attr, dir_attr = dir->attr;
	char name[DAXFS_NAME_MAX + 8];
	u32 len = name_of(c->r[2], name);
	int err;

	/* A file without a name gets its first one only if it is open. */
	if (!in || model_lookup(c->m, dir->attr.ino, name, len))
		return 0;
	/* Nor if it is the parent's. */
	if (!in->attr.nlink && dxc_orphan_is_lent(c->layer, in->attr.ino))
		return 0;
	attr = in->attr;
	touch(c, &attr, false);
	touch(c, &dir_attr, true);
	err = dxc_op_link(c->layer, &dir_attr, name, len, &attr);
	if (err) {
		HOLDS(attr.nlink == in->attr.nlink);
		return err;
	}
	in->attr.nlink++;
	touch(c, &in->attr, false);
	touch(c, &dir->attr, true);
	same_attr(&attr, &in->attr);
	same_attr(&dir_attr, &dir->attr);
	model_link(c->m, dir->attr.ino, name, len, in->attr.ino);
	return 0;
}

/* The model's side of a name that goes. */
static void lose(struct call *c, struct model_inode *dir, struct model_inode *in)
{
	if (S_ISDIR(in->attr.mode)) {
		in->attr.nlink = 0;
		dir->attr.nlink--;
	} else {
		in->attr.nlink--;
	}
	touch(c, &in->attr, false);
}

/* Nobody has it open any more. */
static void close_file(struct call *c, struct model_inode *in)
{
	if (branch_has_children(c->w, c->b)) {
		dxc_orphan_closed(c->layer, in->attr.ino);
	} else {
		dxc_op_forget(c->layer, in->attr.ino);
		dxc_orphan_closed(c->layer->lower, in->attr.ino);
	}
	model_remove(c->m, in->attr.ino);
}

/* It may be closed at once, or stay open. */
static void maybe_forget(struct call *c, struct model_inode *in, u32 bits)
{
	if (in->attr.nlink || bits & 1)
		return;
	close_file(c, in);
}

static int do_unlink(struct call *c, bool rmdir)
{
	struct model_inode *dir, *in;
	struct dxc_attr attr, dir_attr;
	struct model_name na;
	int err;

	if (!c->m->name_count)
		return 0;
	na = c->m->names[c->r[1] % c->m->name_count];
	dir = model_find(c->m, na.dir);
	in = model_find(c->m, na.ino);
	if (S_ISDIR(in->attr.mode) != rmdir || (rmdir && !model_is_empty(c->m, na.ino)))
		return 0;
	attr = in->attr;
	dir_attr = dir->attr;
	touch(c, &attr, false);
	touch(c, &dir_attr, true);
	err = dxc_op_unlink(c->layer, &dir_attr, na.name, na.len, &attr);
	if (err) {
		HOLDS(attr.nlink == in->attr.nlink && dir_attr.nlink == dir->attr.nlink);
		return err;
	}
	lose(c, dir, in);
	touch(c, &dir->attr, true);
	same_attr(&attr, &in->attr);
	same_attr(&dir_attr, &dir->attr);
	model_unlink(c->m, na.dir, na.name, na.len);
	maybe_forget(c, in, c->r[2]);
	return 0;
}

static void moved(struct model_inode *in, struct model_inode *from,
		  struct model_inode *to)
{
	if (!S_ISDIR(in->attr.mode) || from == to)
		return;
	in->attr.parent = to->attr.ino;
	from->attr.nlink--;
	to->attr.nlink++;
}

static int do_rename(struct call *c)
{
	struct model_inode *old_dir, *new_dir = choose(c, c->r[2], is_dir), *in,
				     *target = NULL;
	bool exchange = c->r[4] % 4 == 1, whiteout = c->r[4] % 4 == 2;
	struct dxc_attr old_attr, new_attr, attr, target_attr, white;
	char name[DAXFS_NAME_MAX + 8];
	u32 len = name_of(c->r[3], name);
	struct model_name na, *there;
	struct dxc_rename rn;
	int err;

	if (!c->m->name_count)
		return 0;
	na = c->m->names[c->r[1] % c->m->name_count];
	old_dir = model_find(c->m, na.dir);
	in = model_find(c->m, na.ino);
	there = model_lookup(c->m, new_dir->attr.ino, name, len);
	if (there)
		target = model_find(c->m, there->ino);
	HOLDS(dxc_view_is_below(c->layer, new_dir->attr.ino, na.ino, NULL) ==
	      model_is_below(c->m, new_dir->attr.ino, na.ino));
	/* What the VFS and rename(2) exclude. */
	if (target == in || (exchange && !target) ||
	    (S_ISDIR(in->attr.mode) &&
	     model_is_below(c->m, new_dir->attr.ino, in->attr.ino)))
		return 0;
	if (target && exchange && S_ISDIR(target->attr.mode) &&
	    model_is_below(c->m, old_dir->attr.ino, target->attr.ino))
		return 0;
	if (target && !exchange &&
	    (S_ISDIR(in->attr.mode) != S_ISDIR(target->attr.mode) ||
	     (S_ISDIR(target->attr.mode) && !model_is_empty(c->m, target->attr.ino))))
		return 0;
	old_attr = old_dir->attr;
	new_attr = new_dir->attr;
	attr = in->attr;
	touch(c, &old_attr, true);
	touch(c, &new_attr, true);
	touch(c, &attr, false);
	rn = (struct dxc_rename){
		.old_dir = &old_attr,
		.new_dir = old_dir == new_dir ? &old_attr : &new_attr,
		.old_name = na.name,
		.old_len = na.len,
		.new_name = name,
		.new_len = len,
		.inode = &attr,
		.exchange = exchange,
	};
	if (target) {
		target_attr = target->attr;
		touch(c, &target_attr, false);
		rn.target = &target_attr;
	}
	if (whiteout) {
		white = (struct dxc_attr){ .mode = S_IFCHR,
					   .nlink = 1,
					   .ctime = c->w->now };
		dxc_attr_set_btime(&white, c->w->now, 999999999);
		HOLDS(!dxc_next_ino(c->w->vol, &white.ino));
		rn.whiteout = &white;
	}
	err = dxc_op_rename(c->layer, &rn);
	if (err) {
		HOLDS(attr.nlink == in->attr.nlink &&
		      old_attr.nlink == old_dir->attr.nlink);
		return err;
	}
	model_unlink(c->m, na.dir, na.name, na.len);
	if (target) {
		model_unlink(c->m, new_dir->attr.ino, name, len);
		if (exchange)
			moved(target, new_dir, old_dir);
		else
			lose(c, new_dir, target);
		touch(c, &target->attr, false);
		same_attr(&target_attr, &target->attr);
	}
	moved(in, old_dir, new_dir);
	touch(c, &in->attr, false);
	touch(c, &old_dir->attr, true);
	touch(c, &new_dir->attr, true);
	same_attr(&attr, &in->attr);
	same_attr(rn.old_dir, &old_dir->attr);
	same_attr(rn.new_dir, &new_dir->attr);
	model_link(c->m, new_dir->attr.ino, name, len, in->attr.ino);
	if (exchange)
		model_link(c->m, na.dir, na.name, na.len, target->attr.ino);
	if (whiteout) {
		model_add(c->m, &white);
		model_link(c->m, na.dir, na.name, na.len, white.ino);
	}
	if (target && !exchange)
		maybe_forget(c, target, c->r[4] >> 2);
	return 0;
}

/* ---- attributes and contents ---- */

static int do_setattr(struct call *c)
{
	struct model_inode *in = choose(c, c->r[1], has_name);
	struct dxc_attr attr = in->attr;
	int err;

	attr.mode = (attr.mode & S_IFMT) | (c->r[2] & 07777);
	attr.uid = c->r[3];
	attr.atime = c->r[4];
	touch(c, &attr, false);
	err = dxc_op_setattr(c->layer, &attr);
	if (!err)
		in->attr = attr;
	return err;
}

/* Sizes and positions: often at or beside the start of a block, and near the end. */
static u64 some_pos(struct call *c, u32 n, u64 size)
{
	u64 block = n % 3 ? (n >> 8) % c->w->blocks_max : size / DAXFS_BLOCK_SIZE;

	switch (n >> 4 & 3) {
	case 0:
		return block * DAXFS_BLOCK_SIZE;
	case 1:
		return block * DAXFS_BLOCK_SIZE + 1;
	case 2:
		return block * DAXFS_BLOCK_SIZE + DAXFS_BLOCK_SIZE - 1;
	}
	return block * DAXFS_BLOCK_SIZE + (n >> 16) % DAXFS_BLOCK_SIZE;
}

static int resize(struct call *c, struct model_inode *in, u64 size)
{
	struct dxc_attr attr = in->attr;
	struct dxc_inode base;
	int err;

	touch(c, &attr, true);
	err = dxc_op_resize(c->layer, &attr, base_of(c, attr.ino, &base), size, NULL);
	if (err) {
		HOLDS(attr.size == in->attr.size);
		return err;
	}
	model_resize(in, size);
	touch(c, &in->attr, true);
	same_attr(&attr, &in->attr);
	return 0;
}

static int do_resize(struct call *c)
{
	struct model_inode *in = choose(c, c->r[1], is_file);
	u64 size;

	if (!in)
		return 0;
	size = some_pos(c, c->r[2], in->attr.size);
	return resize(c, in, c->r[3] % 8 ? size : 0);
}

/* [pos, pos + len) of the file, which is not its own, in new blocks. */
static int write_new(struct call *c, struct model_inode *in, const struct dxc_part *part,
		     u64 pos, const u8 *data, u64 len, u64 *done)
{
	u64 first = pos / DAXFS_BLOCK_SIZE, n, got, at, from, to;
	static u8 block[DAXFS_BLOCK_SIZE];
	struct dxc_attr attr = in->attr;
	dxc_off off, near = 0;
	struct dxc_part before;
	struct dxc_inode base;
	int err;

	n = (min_t(u64, pos + len, part->ex.pos + part->ex.len) - 1) / DAXFS_BLOCK_SIZE -
	    first + 1;
	if (first &&
	    !dxc_view_map(c->layer, attr.ino, base_of(c, attr.ino, &base),
			  (first - 1) * DAXFS_BLOCK_SIZE, &before, NULL) &&
	    before.own)
		near = before.ex.data + first * DAXFS_BLOCK_SIZE - before.ex.pos;
	err = dxc_blocks_take(c->layer, near, n, &off, &got);
	if (err)
		return err;
	HOLDS(got && got <= n);
	*done = min_t(u64, len, (first + got) * DAXFS_BLOCK_SIZE - pos);
	for (n = 0; n < got; n++) {
		at = (first + n) * DAXFS_BLOCK_SIZE;
		HOLDS(!dxc_extent_copy(&c->w->vol->region, &part->ex, at, block, sizeof(block)));
		from = max_t(u64, at, pos);
		to = min_t(u64, at + DAXFS_BLOCK_SIZE, pos + *done);
		memcpy(block + from - at, data + from - pos, to - from);
		dxc_region_write(c->w->vol, off + n * DAXFS_BLOCK_SIZE, block,
				 sizeof(block));
	}
	attr.size = max_t(u64, attr.size, pos + *done);
	touch(c, &attr, true);
	err = dxc_op_map(c->layer, &attr, first, got, off);
	if (err) {
		dxc_blocks_give_back(c->layer, off, got);
		return err;
	}
	model_write(in, pos, data, *done);
	touch(c, &in->attr, true);
	return 0;
}

static int write_at(struct call *c, struct model_inode *in, u64 pos, const u8 *data,
		    u64 len)
{
	struct dxc_part part;
	struct dxc_inode base;
	u64 done;
	int err;

	/* Up to there the file is zeros. */
	if (pos > in->attr.size) {
		if (c->w->one_record)
			return 0;
		err = resize(c, in, pos);
		if (err)
			return err;
	}
	for (; len; pos += done, data += done, len -= done) {
		HOLDS(!dxc_view_map(c->layer, in->attr.ino,
				    base_of(c, in->attr.ino, &base), pos, &part, NULL));
		if (!part.own) {
			err = write_new(c, in, &part, pos, data, len, &done);
			if (err || c->w->one_record)
				return err;
			continue;
		}
		if (c->w->one_record)
			return 0;
		done = min_t(u64, len, part.ex.pos + part.ex.len - pos);
		if (pos + done > in->attr.size) {
			err = resize(c, in, pos + done);
			if (err)
				return err;
		}
		dxc_region_write(c->w->vol, part.ex.data + pos - part.ex.pos, data, done);
		model_write(in, pos, data, done);
	}
	return 0;
}

static int do_write(struct call *c)
{
	struct model_inode *in = choose(c, c->r[1], is_file);
	u64 pos, len, i;
	u8 *data;
	int err;

	if (!in)
		return 0;
	pos = some_pos(c, c->r[2], in->attr.size);
	len = c->r[3] % 4 ? 1 + (c->r[3] >> 4) % 100 : 1 + (c->r[3] >> 4) % 20000;
	data = malloc(len);
	for (i = 0; i < len; i++)
		data[i] = 1 + (c->r[4] + i * 13) % 255;
	err = write_at(c, in, pos, data, len);
	free(data);
	return err;
}

static int do_punch(struct call *c)
{
	struct model_inode *in = choose(c, c->r[1], is_file);
	struct dxc_attr attr;
	u64 block, count, from, to;
	int err;

	if (!in)
		return 0;
	block = c->r[2] % c->w->blocks_max;
	count = 1 + c->r[3] % (c->r[4] % 2 ? 3 : c->w->blocks_max);
	attr = in->attr;
	touch(c, &attr, true);
	err = dxc_op_punch(c->layer, &attr, block, count);
	if (err)
		return err;
	from = min_t(u64, block * DAXFS_BLOCK_SIZE, in->attr.size);
	to = min_t(u64, (block + count) * DAXFS_BLOCK_SIZE, in->attr.size);
	model_write(in, from, NULL, to - from);
	touch(c, &in->attr, true);
	return 0;
}

/* Blocks behind the end, as fallocate(2) may put there, zeroed. */
static int do_prealloc(struct call *c)
{
	struct model_inode *in = choose(c, c->r[1], is_file);
	struct dxc_attr attr;
	struct dxc_part part;
	struct dxc_inode base;
	u64 block, want, got;
	dxc_off off;
	int err;

	if (!in)
		return 0;
	attr = in->attr;
	block = (attr.size + DAXFS_BLOCK_SIZE - 1) / DAXFS_BLOCK_SIZE + c->r[2] % 4;
	HOLDS(!dxc_view_map(c->layer, attr.ino, base_of(c, attr.ino, &base),
			    block * DAXFS_BLOCK_SIZE, &part, NULL));
	if (part.ex.data)
		return 0;
	want = min_t(u64, 1 + c->r[3] % 9,
		     (part.ex.pos + part.ex.len) / DAXFS_BLOCK_SIZE - block);
	err = dxc_blocks_take(c->layer, 0, want, &off, &got);
	if (err)
		return err;
	memset(c->w->vol->region.base + off, 0, got * DAXFS_BLOCK_SIZE);
	dxc_write_back(c->w->vol->region.base + off, got * DAXFS_BLOCK_SIZE);
	touch(c, &attr, false);
	err = dxc_op_map(c->layer, &attr, block, got, off);
	if (err)
		dxc_blocks_give_back(c->layer, off, got);
	else
		touch(c, &in->attr, false);
	return err;
}

static int do_xattr(struct call *c)
{
	static u8 value[5000];
	struct model_inode *in = choose(c, c->r[1], has_name);
	u32 prefix = c->r[2] % 3 ? DAXFS_XATTR_USER : DAXFS_XATTR_TRUSTED, len = 2;
	bool remove = c->r[3] % 3 == 0;
	u32 value_len = c->r[3] % 16 == 1 ? c->r[4] % sizeof(value) : c->r[4] % 40;
	char name[8];
	struct dxc_attr attr = in->attr;
	int err;

	sprintf(name, "x%u", (c->r[2] >> 2) % 4);
	if (c->r[2] % 16 == 7) {
		prefix = DAXFS_XATTR_ACL_ACCESS;
		len = 0;
	}
	if (remove && !model_xattr(in, prefix, name, len))
		return 0;
	if (!remove && in->xattr_count == MODEL_XATTRS)
		return 0;
	memset(value, c->r[4], sizeof(value));
	touch(c, &attr, false);
	err = dxc_op_xattr(c->layer, &attr, prefix, name, len, remove ? NULL : value,
			   remove ? 0 : value_len);
	if (err)
		return err;
	model_set_xattr(in, prefix, name, len, remove ? NULL : value, value_len);
	touch(c, &in->attr, false);
	return 0;
}

static int do_forget(struct call *c)
{
	struct model_inode *in = choose(c, c->r[1], is_open);

	if (in)
		close_file(c, in);
	return 0;
}

int operation_do(struct world *w, struct world_branch *b, const struct op *op)
{
	struct call c = { w, b, &b->model, &b->layer, op->r };

	switch (op->kind) {
	case OP_CREATE:
		return do_create(&c, false);
	case OP_TMPFILE:
		return do_create(&c, true);
	case OP_LINK:
		return do_link(&c);
	case OP_UNLINK:
		return do_unlink(&c, false);
	case OP_RMDIR:
		return do_unlink(&c, true);
	case OP_RENAME:
		return do_rename(&c);
	case OP_SETATTR:
		return do_setattr(&c);
	case OP_RESIZE:
		return do_resize(&c);
	case OP_WRITE:
		return do_write(&c);
	case OP_PUNCH:
		return do_punch(&c);
	case OP_PREALLOC:
		return do_prealloc(&c);
	case OP_XATTR:
		return do_xattr(&c);
	case OP_FORGET:
		/* Also in a branch that is frozen. */
		if (op->r[2] & 1) {
			c.b = branch_pick(w, op->r[0], false);
			c.m = &c.b->model;
			c.layer = &c.b->layer;
		}
		return do_forget(&c);
	}
	return 0;
}
