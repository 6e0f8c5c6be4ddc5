// SPDX-License-Identifier: GPL-2.0-only
/*
 * The full checker, behind the mount option "validate", fsck and the fuzzers.
 *
 * What a single inode, entry, extent or xattr may say is checked where it is
 * decoded, at every use. Here is what only the whole can show: that the
 * checksums hold, that the directories are one tree and count the links right,
 * that names are sorted (so that every lookup finds what readdir shows), that
 * no two files share a part of their blocks, that nothing hides after the end
 * of a file. The contents of files are in check_contents.c, what writable images
 * have besides in check_delta.c.
 */
#include "checker.h"

/* ---- superblock, zeros, checksums ---- */

static int check_copy(struct checker *c)
{
	dxc_off at = dxc_super_copy_at(c->vol->region.size);
	u8 *copy = dxc_alloc(1, DAXFS_SB_SIZE);
	int err;

	if (!copy)
		return -ENOMEM;
	err = dxc_region_read(&c->vol->region, 0, c->buf, DAXFS_SB_SIZE);
	if (!err)
		err = dxc_region_read(&c->vol->region, at, copy, DAXFS_SB_SIZE);
	if (!err && memcmp(c->buf, copy, DAXFS_SB_SIZE) != 0)
		err = found(c, DXC_SB_COPY, DAXFS_AREA_COUNT, 0, at, 0);
	dxc_free(copy);
	return err;
}

static int check_zero(struct checker *c, dxc_off from, dxc_off to)
{
	u64 n, at;
	int err;

	for (; from < to; from += n) {
		n = min_t(u64, to - from, DAXFS_BLOCK_SIZE);
		err = dxc_region_read(&c->vol->region, from, c->buf, n);
		if (err)
			return err;
		at = first_nonzero(c->buf, n);
		if (at < n)
			return found(c, DXC_ZERO_AREA, DAXFS_AREA_COUNT, 0,
				     from + at, c->buf[at]);
	}
	return 0;
}

void dxc_zero_range(const struct dxc_volume *vol, u32 index, dxc_off *from, dxc_off *to)
{
	bool writable = dxc_volume_is_writable(vol);

	if (index) {
		*from = vol->region.size - DAXFS_TRAILER_SIZE;
		*to = dxc_super_copy_at(vol->region.size);
	} else {
		/* The shared state is behind the superblock. */
		*from = writable ? 2 * DAXFS_SB_SIZE : DAXFS_SB_SIZE;
		*to = writable ? DAXFS_TABLES_OFFSET : DAXFS_HEADER_SIZE;
	}
}

static int check_zeros(struct checker *c)
{
	dxc_off from, to;
	u32 i;
	int err = 0;

	for (i = 0; !err && i < DXC_ZERO_RANGES; i++) {
		dxc_zero_range(c->vol, i, &from, &to);
		err = check_zero(c, from, to);
	}
	return err;
}

static int check_checksum(struct checker *c, unsigned int area)
{
	const struct dxc_area *ar = &c->vol->area[area];
	u64 done, n;
	u32 crc = 0;
	int err;

	for (done = 0; done < ar->length; done += n) {
		n = min_t(u64, ar->length - done, DAXFS_BLOCK_SIZE);
		err = dxc_region_read(&c->vol->region, ar->offset + done, c->buf, n);
		if (!err && done % 0x100000 == 0)
			err = dxc_pause();
		if (err)
			return err;
		crc = dxc_crc32c(crc, c->buf, n);
	}
	if (crc != ar->checksum)
		return found(c, DXC_AREA_CHECKSUM, area, 0, ar->offset, crc);
	return 0;
}

/* ---- pieces of areas ---- */

static int remember(struct pieces *p, dxc_off start, u64 len, u64 size,
		    const struct dxc_inode *inode)
{
	struct piece *bigger;
	u64 room;

	if (!len)
		return 0;
	if (p->count == p->room) {
		room = p->room ? p->room * 2 : 1024;
		bigger = dxc_alloc(room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		if (p->count)
			memcpy(bigger, p->list, p->count * sizeof(*bigger));
		dxc_free(p->list);
		p->list = bigger;
		p->room = room;
	}
	p->list[p->count].start = start;
	p->list[p->count].len = len;
	p->list[p->count].size = size;
	p->list[p->count].checksum = inode->checksum;
	p->list[p->count++].ino = inode->ino;
	return 0;
}

static int piece_cmp(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/*
 * Equal files are stored once, so the same piece may be used many times; a
 * part of one may not. They share the whole array of extents, if they have one,
 * so an extent is in one array only. Directories share nothing. What is walked
 * afterwards is only what does not overlap, so that many inodes that claim one
 * long array cannot make the check as long as the square of the image.
 */
static int check_overlap(struct checker *c, struct pieces *p, unsigned int code,
			 unsigned int area, bool may_share)
{
	dxc_off end = 0;
	u64 i;
	int err;

	dxc_sort(p->list, p->count, sizeof(*p->list), piece_cmp);
	for (i = 0; i < p->count; i++) {
		const struct piece *me = &p->list[i];
		bool same = i && dxc_piece_is_same(me, me - 1);

		if (me->start < end && !(same && may_share && me->size)) {
			if (area == DAXFS_AREA_DIRS)
				c->seen[me->ino - 1].overlaps = true;
			err = found(c, code, area, me->ino, me->start, me->start);
			if (err)
				return err;
		}
		end = max_t(u64, end, me->start + me->len);
	}
	return 0;
}

/* ---- files ---- */

/* A mapping shows the last block to its end: nothing may be there. */
static int check_tail(struct checker *c, const struct dxc_inode *inode,
		      const struct dxc_extent *ex)
{
	u64 tail = inode->size % DAXFS_BLOCK_SIZE, at;
	dxc_off block;
	int err;

	if (!tail || inode->size < ex->pos || inode->size - ex->pos >= ex->len)
		return 0;
	block = ex->data + (inode->size - ex->pos);
	err = dxc_region_read(&c->vol->region, block, c->buf,
			      DAXFS_BLOCK_SIZE - tail);
	if (err)
		return err;
	at = first_nonzero(c->buf, DAXFS_BLOCK_SIZE - tail);
	if (at < DAXFS_BLOCK_SIZE - tail)
		return found(c, DXC_FILE_TAIL, DAXFS_AREA_DATA, inode->ino,
			     block + at, c->buf[at]);
	return 0;
}

static int check_extents(struct checker *c, const struct dxc_inode *inode)
{
	struct dxc_finding f;
	struct dxc_extent ex;
	dxc_pos end = 0;
	u32 i;
	int err;

	for (i = 0; i < inode->count; i++) {
		err = breathe(c, i);
		if (err)
			return err;
		err = dxc_extent_read(c->vol, inode, i, &ex, &f);
		if (err)
			return decoded(c, err, &f);
		if (ex.pos < end)
			return found(c, DXC_EX_ORDER, DAXFS_AREA_EXTENTS,
				     inode->ino, inode->data, ex.pos);
		end = ex.pos + ex.len;
		err = remember(&c->data, ex.data, ex.len, 0, inode);
		if (!err)
			err = check_tail(c, inode, &ex);
		if (err)
			return err;
	}
	return 0;
}

/* Each array once; those that overlap one before were reported. */
static int check_arrays(struct checker *c)
{
	dxc_off end = 0;
	u64 i;
	int err;

	for (i = 0; i < c->arrays.count; i++) {
		const struct piece *me = &c->arrays.list[i];
		const struct dxc_inode file = {
			.ino = me->ino,
			.mode = S_IFREG,
			.flags = DAXFS_IN_EXTENTS,
			.size = me->size,
			.count = me->len / sizeof(struct daxfs_extent),
			.data = me->start,
		};

		if (me->start < end)
			continue;
		end = me->start + me->len;
		err = breathe(c, i);
		if (!err)
			err = check_extents(c, &file);
		if (err)
			return err;
	}
	return 0;
}

static int check_file(struct checker *c, const struct dxc_inode *inode)
{
	struct dxc_finding f;
	struct dxc_extent ex;
	int err;

	/* Of nothing it is 0. */
	if (inode->checksum && !inode->data) {
		err = found(c, DXC_FILE_CHECKSUM, DAXFS_AREA_INODES, inode->ino, 0, 0);
		if (err)
			return err;
	}
	if (inode->flags & DAXFS_IN_EXTENTS)
		return remember(&c->arrays, inode->data,
				(u64)inode->count * sizeof(struct daxfs_extent),
				inode->size, inode);
	if (!inode->size)
		return 0;
	err = dxc_extent_map(c->vol, inode, 0, &ex, &f);
	if (err)
		return decoded(c, err, &f);
	err = remember(&c->data, ex.data, ex.packed ? ex.packed : ex.len, inode->size, inode);
	return err || ex.packed ? err : check_tail(c, inode, &ex);
}

static int check_symlink(struct checker *c, const struct dxc_inode *inode)
{
	struct dxc_finding f;

	/* The buffer is a block; a target with its NUL is at most that long. */
	return decoded(c, dxc_symlink_read(c->vol, inode, (char *)c->buf, &f), &f);
}

/* ---- xattrs ---- */

static int check_set(struct checker *c, u32 ref, u32 *size)
{
	const struct dxc_inode owner = { .xattr = ref };
	dxc_off start = c->vol->area[DAXFS_AREA_XATTRS].offset + (ref - 1) * 8ull;
	struct dxc_xattr *xa = dxc_alloc(2, sizeof(*xa)), *last;
	struct dxc_finding f;
	dxc_off end = 0;
	u32 pad;
	int err, cmp;

	if (!xa)
		return -ENOMEM;
	last = xa + 1;
	*size = 0;
	while (!(err = dxc_xattr_next(c->vol, &owner, xa, &f))) {
		cmp = xa->prefix < last->prefix ? -1 : xa->prefix > last->prefix;
		if (!cmp)
			cmp = dxc_name_cmp(xa->name, xa->name_len, last->name, last->name_len);
		if (end && cmp <= 0)
			err = found(c, DXC_XA_ORDER, DAXFS_AREA_XATTRS, 0, xa->value, 0);
		end = xa->value + xa->value_len;
		/*
		 * After the last entry come zeros up to the end of the set: up
		 * to 3 of its own and 4 of the set's.
		 */
		pad = (xa->left ? xa->next : xa->end) - end;
		if (!err && pad) {
			if (pad > 7)
				err = found(c, DXC_XA_PADDING, DAXFS_AREA_XATTRS, 0, end, pad);
			else
				err = dxc_region_read(&c->vol->region, end, c->buf, pad);
			if (!err && pad <= 7 && first_nonzero(c->buf, pad) < pad)
				err = found(c, DXC_XA_PADDING, DAXFS_AREA_XATTRS, 0, end, pad);
		}
		if (err)
			goto out;
		memcpy(last, xa, sizeof(*last));
	}
	if (err == -ENODATA) {
		*size = xa->end - start;
		err = 0;
	} else {
		err = decoded(c, err, &f);
	}
out:
	dxc_free(xa);
	return err;
}

/* Sets lie one after the other; only where one starts may an inode point. */
static int check_sets(struct checker *c)
{
	const struct dxc_area *ar = &c->vol->area[DAXFS_AREA_XATTRS];
	u64 at = 0;
	u32 size;
	int err;

	c->set_starts = dxc_alloc(ar->length / 64 + 1, 1);
	if (!c->set_starts)
		return -ENOMEM;
	while (at < ar->length) {
		if (at / 8 + 1 > 0xffffffffull)
			return found(c, DXC_INO_XATTR, DAXFS_AREA_XATTRS, 0,
				     ar->offset + at, at);
		err = check_set(c, at / 8 + 1, &size);
		/* Without a size there is no telling where the next one starts. */
		if (err || !size)
			return err;
		c->set_starts[at / 64] |= 1u << (at / 8 % 8);
		at += size;
		err = dxc_pause();
		if (err)
			return err;
	}
	return 0;
}

static int check_xattr_ref(struct checker *c, const struct dxc_inode *inode)
{
	u64 at = inode->xattr - 1ull;

	if (!inode->xattr || c->set_starts[at / 8] & 1u << at % 8)
		return 0;
	return found(c, DXC_INO_XATTR, DAXFS_AREA_INODES, inode->ino, 0, inode->xattr);
}

/* ---- inodes ---- */

static int check_inode(struct checker *c, dxc_ino ino)
{
	struct seen *seen = &c->seen[ino - 1];
	struct dxc_inode inode;
	struct dxc_finding f;
	int err;

	err = dxc_inode_read(c->vol, ino, &inode, &f);
	if (err)
		return decoded(c, err, &f);
	seen->type = dxc_type_of_mode(inode.mode);
	seen->nlink = inode.nlink;
	seen->parent = inode.parent;
	err = check_xattr_ref(c, &inode);
	if (err)
		return err;
	if (S_ISREG(inode.mode))
		return check_file(c, &inode);
	if (S_ISLNK(inode.mode))
		return check_symlink(c, &inode);
	if (S_ISDIR(inode.mode))
		return remember(&c->dirs, inode.data, inode.size, 0, &inode);
	return 0;
}

/* ---- directories ---- */

/* One entry and its inode. */
static int check_entry(struct checker *c, const struct dxc_inode *dir,
		       const struct dxc_dirent *de, dxc_off at)
{
	struct seen *child = &c->seen[de->ino - 1];
	u32 rest = dir->entry_size - DAXFS_DIRENT_HEADER - de->len;
	int err = 0;

	if (de->hash != dxc_name_hash(c->vol->hash_seed, dxc_dirent_name(de), de->len))
		err = found(c, DXC_DE_HASH, DAXFS_AREA_DIRS, dir->ino, at, de->hash);
	if (!err)
		err = dxc_region_read(&c->vol->region, at + dir->entry_size - rest,
				      c->buf, rest);
	if (!err && first_nonzero(c->buf, rest) < rest)
		err = found(c, DXC_DE_PADDING, DAXFS_AREA_DIRS, dir->ino, at, 0);
	if (err || !child->type)
		return err;
	if (de->type != child->type)
		return found(c, DXC_DE_TYPE, DAXFS_AREA_DIRS, dir->ino, at, de->type);
	child->names++;
	if (child->type != S_IFDIR >> 12)
		return 0;
	c->seen[dir->ino - 1].subdirs++;
	if (child->parent != dir->ino)
		return found(c, DXC_DIR_PARENT, DAXFS_AREA_DIRS, de->ino, at, dir->ino);
	return 0;
}

static int check_directory(struct checker *c, dxc_ino ino, struct dxc_dirent *de)
{
	struct dxc_dirent *last = de + 1;
	struct dxc_inode dir;
	struct dxc_finding f;
	dxc_off at;
	bool have_last = false;
	u32 i;
	int err;

	err = dxc_inode_read(c->vol, ino, &dir, &f);
	if (err)
		return decoded(c, err, &f);
	/* Somebody may have changed it since the first reading. */
	if (!S_ISDIR(dir.mode))
		return found(c, DXC_INO_MODE, DAXFS_AREA_INODES, ino, 0, dir.mode);
	for (i = 0; i < dir.count; i++) {
		err = breathe(c, i);
		if (err)
			return err;
		at = dir.data + (u64)i * dir.entry_size;
		err = dxc_dir_entry(c->vol, &dir, i, de, &f);
		if (err) {
			err = decoded(c, err, &f);
			if (err)
				return err;
			continue;
		}
		err = check_entry(c, &dir, de, at);
		if (!err && have_last &&
		    (de->hash < last->hash ||
		     (de->hash == last->hash &&
		      dxc_name_cmp(dxc_dirent_name(last), last->len,
				   dxc_dirent_name(de), de->len) >= 0)))
			err = found(c, DXC_DE_ORDER, DAXFS_AREA_DIRS, ino, at, i);
		if (err)
			return err;
		memcpy(last, de, offsetof(struct dxc_dirent, raw) +
		       DAXFS_DIRENT_HEADER + de->len);
		have_last = true;
	}
	return 0;
}

static int check_directories(struct checker *c)
{
	struct dxc_dirent *de = dxc_alloc(2, sizeof(*de));
	u64 i;
	int err = 0;

	if (!de)
		return -ENOMEM;
	for (i = 0; !err && i < c->vol->inode_count; i++) {
		err = breathe(c, i);
		if (!err && c->seen[i].type == S_IFDIR >> 12 && !c->seen[i].overlaps)
			err = check_directory(c, i + 1, de);
	}
	dxc_free(de);
	return err;
}

static int check_links(struct checker *c, dxc_ino ino)
{
	const struct seen *seen = &c->seen[ino - 1];
	bool dir = seen->type == S_IFDIR >> 12;

	if (!seen->type)
		return 0;
	if (dir && seen->names != (ino == DAXFS_ROOT_INO ? 0 : 1))
		return found(c, DXC_DIR_NAMES, DAXFS_AREA_INODES, ino, 0, seen->names);
	if (seen->nlink != (dir ? 2 + seen->subdirs : seen->names))
		return found(c, DXC_INO_NLINK, DAXFS_AREA_INODES, ino, 0, seen->nlink);
	return 0;
}

/*
 * Every directory's chain of parents must end at the root. Each walk leaves its
 * number on the way; meeting an older number means that what follows is known
 * to be good (or was reported), meeting its own that it is a loop.
 */
static int check_loop(struct checker *c, dxc_ino ino)
{
	u32 mark = ino;
	dxc_ino at = ino;
	struct seen *seen;

	if (c->seen[ino - 1].type != S_IFDIR >> 12)
		return 0;
	while (at != DAXFS_ROOT_INO) {
		seen = &c->seen[at - 1];
		if (seen->mark)
			return seen->mark == mark ?
				found(c, DXC_DIR_LOOP, DAXFS_AREA_INODES, ino, 0, at) : 0;
		seen->mark = mark;
		if (!seen->type)
			return 0;
		/* dxc_inode_read() checked the range of a directory's parent. */
		if (seen->type != S_IFDIR >> 12)
			return found(c, DXC_INO_PARENT, DAXFS_AREA_INODES, ino, 0, at);
		at = seen->parent;
	}
	return 0;
}

static int check_all(struct checker *c)
{
	const struct dxc_volume *vol = c->vol;
	unsigned int area;
	dxc_ino ino;
	int err;

	err = check_copy(c);
	if (!err)
		err = check_zeros(c);
	for (area = DAXFS_AREA_INODES; !err && area <= DAXFS_AREA_EXTENTS; area++)
		err = check_checksum(c, area);
	if (!err)
		err = check_sets(c);
	for (ino = 1; !err && ino <= vol->inode_count; ino++) {
		err = breathe(c, ino);
		if (!err)
			err = check_inode(c, ino);
	}
	if (!err && c->seen[0].type && c->seen[0].type != S_IFDIR >> 12)
		err = found(c, DXC_INO_MODE, DAXFS_AREA_INODES, DAXFS_ROOT_INO, 0,
			    c->seen[0].type);
	if (!err)
		err = check_overlap(c, &c->arrays, DXC_FILE_OVERLAP, DAXFS_AREA_EXTENTS, true);
	if (!err)
		err = check_arrays(c);
	if (!err)
		err = check_overlap(c, &c->data, DXC_FILE_OVERLAP, DAXFS_AREA_DATA, true);
	if (!err)
		err = check_overlap(c, &c->dirs, DXC_DIR_OVERLAP, DAXFS_AREA_DIRS, false);
	if (!err)
		err = check_directories(c);
	for (ino = 1; !err && ino <= vol->inode_count; ino++) {
		err = breathe(c, ino);
		if (!err)
			err = check_links(c, ino);
		if (!err)
			err = check_loop(c, ino);
	}
	if (!err && dxc_volume_is_writable(vol))
		err = dxc_check_delta(c);
	/* Last: whether logs can be read does not depend on what is in files. */
	if (!err)
		err = dxc_check_contents(c);
	return err;
}

int dxc_check(const struct dxc_volume *vol, struct dxc_check *chk)
{
	struct checker c = { .vol = vol, .chk = chk };
	int err = -ENOMEM;

	chk->findings = 0;
	chk->leftovers = 0;
	chk->partial = false;
	chk->logs = false;
	c.seen = dxc_alloc(vol->inode_count, sizeof(*c.seen));
	c.buf = dxc_alloc(1, DAXFS_BLOCK_SIZE);
	if (c.seen && c.buf)
		err = check_all(&c);
	dxc_free(c.data.list);
	dxc_free(c.dirs.list);
	dxc_free(c.arrays.list);
	dxc_free(c.set_starts);
	dxc_free(c.buf);
	dxc_free(c.seen);
	return err;
}
