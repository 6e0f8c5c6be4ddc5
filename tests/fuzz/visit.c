// SPDX-License-Identifier: GPL-2.0-only
/* Looks at all that a view shows. */
#include <sanitizer/asan_interface.h>
#include "../unit/broken.h"
#include "diff.h"
#include "visit.h"

/* Enough for every honest view that is fuzzed. */
#define MAX_STEPS 20000
/* Parts of a file that are looked at. */
#define MAX_PARTS 400

bool visit_is_verbose;

/* Blocks of a delta area that are looked at: of all that is fuzzed. */
#define MAX_BLOCKS 1024

struct visitor {
	const struct dxc_layer *top;
	struct visit *v;
	bool honest;
	struct dxc_file file;
	dxc_ino owners[MAX_BLOCKS]; /* whose a block of the delta area is */
	struct dxc_diff_dir told[VISIT_DIRS]; /* the first that a diff had names in */
	u32 told_count;
};

bool visit_is_answer(int err)
{
	switch (err) {
	case 0:
	case -EUCLEAN:
	case -EIO:
	case -ENOMEM:
	case -ENOENT:
	case -ESTALE:
	case -ENOSPC:
	case -EBUSY:
	case -EEXIST:
	case -EPERM:
	case -E2BIG:
	case -ENODATA:
	case -ENOTEMPTY:
	case -ERANGE:
	case -EFBIG:
		return true;
	}
	fprintf(stderr, "the answer is %d\n", err);
	return false;
}

static void failed(struct visitor *vi, int err, dxc_ino ino)
{
	vi->v->errors++;
	MUST(visit_is_answer(err));
	if (vi->honest) {
		fprintf(stderr, "a view without findings: error %d, inode %llu\n", err,
			(unsigned long long)ino);
		abort();
	}
}

static bool is_tired(struct visitor *vi)
{
	return ++vi->v->steps > MAX_STEPS;
}

static u64 mix(u64 n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	n = (n ^ n >> 27) * 0x94d049bb133111ebull;
	return n ^ n >> 31;
}

/* Sums do not mind the order in which things are met. */
static void note(struct visitor *vi, const char *what, u64 a, u64 b, u64 c, u64 d)
{
	u64 sum = mix(mix(mix(mix(a + what[0]) + b) + c) + d);

	vi->v->digest += sum;
	if (visit_is_verbose)
		fprintf(stderr, "%s %llu %llu 0x%llx 0x%llx\n", what,
			(unsigned long long)a, (unsigned long long)b,
			(unsigned long long)c, (unsigned long long)d);
}

static u64 hash(const void *bytes, u64 len)
{
	return (u64)dxc_name_hash(1, bytes, len) << 32 | dxc_name_hash(2, bytes, len);
}

/* ---- contents ---- */

/* No two files have a block of the delta area. */
static void check_owner(struct visitor *vi, const struct dxc_extent *ex)
{
	const struct dxc_area *delta = &vi->top->vol->area[DAXFS_AREA_DELTA];
	u64 block = (ex->data - delta->offset) / DAXFS_BLOCK_SIZE, i;

	for (i = block; i < block + ex->len / DAXFS_BLOCK_SIZE && i < MAX_BLOCKS; i++) {
		MUST(!vi->owners[i] || vi->owners[i] == vi->file.attr.ino);
		vi->owners[i] = vi->file.attr.ino;
	}
}

static void check_place(struct visitor *vi, const struct dxc_extent *ex)
{
	const struct dxc_volume *vol = vi->top->vol;
	const struct dxc_area *data = &vol->area[DAXFS_AREA_DATA];
	const struct dxc_area *delta = &vol->area[DAXFS_AREA_DELTA];

	MUST(!(ex->len % DAXFS_BLOCK_SIZE));
	if (ex->packed) {
		/* Never mapped where it is: what is read is the file's alone. */
		MUST(ex->len == DAXFS_BLOCK_SIZE && ex->packed <= DAXFS_PACKED_MAX);
		MUST(ex->data % DAXFS_BLOCK_SIZE + ex->packed <= DAXFS_BLOCK_SIZE);
		MUST(dxc_range_ok(ex->data, ex->packed, data->offset, data->length));
		MUST(!__asan_region_is_poisoned(vol->region.base + ex->data, ex->packed));
		return;
	}
	MUST(!(ex->data % DAXFS_BLOCK_SIZE) && !(ex->len % DAXFS_BLOCK_SIZE));
	MUST(dxc_range_ok(ex->data, ex->len, data->offset, data->length) ||
	     dxc_range_ok(ex->data, ex->len, delta->offset, delta->length));
	/* As user space does in a mapping, all bytes at once. */
	MUST(!__asan_region_is_poisoned(vol->region.base + ex->data, ex->len));
	if (vi->honest && ex->data >= delta->offset)
		check_owner(vi, ex);
}

/* Also what is behind the end, as long as there is something. */
static void visit_file(struct visitor *vi)
{
	const struct dxc_inode *base = visit_base(&vi->file);
	dxc_ino ino = vi->file.attr.ino;
	struct dxc_extent whole = { 0 };
	struct dxc_part part;
	dxc_pos pos = 0;
	u64 units, seen = 0;
	u32 n;
	int err;

	err = dxc_view_blocks(vi->top, ino, base, 0, DXC_BLOCKS_MAX, &units);
	if (err) {
		failed(vi, err, ino);
		return;
	}
	for (n = 0; n < MAX_PARTS && !is_tired(vi); n++) {
		err = dxc_view_map(vi->top, ino, base, pos, &part, NULL);
		if (err == -EFBIG)
			break;
		if (err) {
			failed(vi, err, ino);
			return;
		}
		MUST(part.ex.pos <= pos && part.ex.pos + part.ex.len > pos);
		MUST(part.ex.data || !part.own);
		if (part.ex.data) {
			check_place(vi, &part.ex);
			part.ex.data += pos - part.ex.pos;
		}
		part.ex.len -= pos - part.ex.pos;
		part.ex.pos = pos;
		pos += part.ex.len;
		if (part.ex.data)
			seen += dxc_extent_units(&part.ex);
		/* Two layers may cut the same thing in different places. */
		if (whole.len && !part.ex.data == !whole.data &&
		    (!whole.data || whole.data + whole.len == part.ex.data)) {
			whole.len += part.ex.len;
			continue;
		}
		if (whole.len && whole.data)
			note(vi, "part", ino, whole.pos, whole.len, whole.data);
		whole = part.ex;
	}
	if (whole.len && whole.data)
		note(vi, "part", ino, whole.pos, whole.len, whole.data);
	MUST(err != -EFBIG || seen == units || broken_noise);
}

static void visit_link(struct visitor *vi)
{
	u64 size = vi->file.attr.size;
	char *buf;
	int err;

	/* So much a caller has to allocate before he can ask for the target. */
	MUST(size <= DAXFS_SYMLINK_MAX);
	buf = malloc(size + 1);
	MUST(buf);
	err = dxc_view_symlink(vi->top, &vi->file, buf, NULL);
	if (err) {
		failed(vi, err, vi->file.attr.ino);
	} else {
		MUST(strlen(buf) == size);
		note(vi, "target", vi->file.attr.ino, size, hash(buf, size), 0);
	}
	free(buf);
}

static int visit_xattr(void *priv, u32 prefix, const char *name, u32 len)
{
	struct visitor *vi = priv;
	const struct dxc_inode *base = visit_base(&vi->file);
	dxc_ino ino = vi->file.attr.ino;
	u8 *value;
	int size, got;

	if (is_tired(vi))
		return 1;
	MUST(*dxc_xattr_prefix(prefix) && len <= 255);
	size = dxc_view_xattr(vi->top, ino, base, prefix, name, len, NULL, 0, NULL);
	if (size < 0) {
		failed(vi, size, ino);
		return 0;
	}
	value = malloc(size + 1);
	MUST(value);
	/* Of no bytes the length is asked for, which may be another one by now. */
	got = size ? dxc_view_xattr(vi->top, ino, base, prefix, name, len, value, size,
				    NULL) :
		     0;
	if (got < 0)
		failed(vi, got, ino);
	else
		note(vi, "xattr", ino, prefix, hash(name, len), hash(value, got));
	free(value);
	return 0;
}

/* ---- names ---- */

static void visit_inode(struct visitor *vi)
{
	const struct dxc_attr *at = &vi->file.attr;
	int err;

	MUST(at->nlink && at->atime_nsec < 1000000000 && at->mtime_nsec < 1000000000 &&
	     at->ctime_nsec < 1000000000 && at->btime_nsec <= 1000000000);
	MUST(at->btime_nsec || !at->btime);
	MUST(at->size <= DXC_SIZE_MAX);
	note(vi, "inode", at->ino, at->mode, at->nlink, at->size);
	note(vi, "owner", at->ino, at->uid, at->gid, at->parent);
	note(vi, "device", at->ino, at->rdev_major, at->rdev_minor, at->atime_nsec);
	note(vi, "times", at->ino, at->atime, at->mtime, at->ctime);
	note(vi, "born", at->ino, at->btime, at->btime_nsec, 0);
	if (S_ISREG(at->mode))
		visit_file(vi);
	else if (S_ISLNK(at->mode))
		visit_link(vi);
	err = dxc_view_xattrs(vi->top, at->ino, visit_base(&vi->file), visit_xattr, vi,
			      NULL);
	if (err && err != 1)
		failed(vi, err, at->ino);
}

static bool was_entered(const struct visit *v, dxc_ino ino)
{
	u32 i;

	for (i = 0; i < v->dir_count; i++)
		if (v->dirs[i] == ino)
			return true;
	return false;
}

/* What the kernel does with a name: look it up, read the inode, compare the two. */
static void visit_name(struct visitor *vi, dxc_ino dir, const struct dxc_inode *base,
		       const struct dxc_dirent *shown)
{
	struct visit_name *na;
	struct dxc_dirent de;
	char name[256];
	int err;

	memcpy(name, dxc_dirent_name(shown), shown->len);
	MUST(dxc_name_is_legal(name, shown->len));
	note(vi, "name", dir, shown->ino, shown->type, hash(name, shown->len));
	err = dxc_view_lookup(vi->top, dir, base, name, shown->len, &de, NULL);
	if (err) {
		failed(vi, err, dir);
		return;
	}
	MUST(de.len == shown->len && !memcmp(dxc_dirent_name(&de), name, de.len));
	if (vi->honest)
		MUST(de.ino == shown->ino && de.type == shown->type);
	err = dxc_view_inode(vi->top, de.ino, &vi->file, NULL);
	if (!err && (dxc_type_of_mode(vi->file.attr.mode) != de.type ||
		     (S_ISDIR(vi->file.attr.mode) &&
		      (vi->file.attr.parent != dir || de.ino == DAXFS_ROOT_INO))))
		err = -EUCLEAN;
	if (err) {
		failed(vi, err, de.ino);
		return;
	}
	if (vi->v->name_count < VISIT_NAMES) {
		na = &vi->v->names[vi->v->name_count++];
		na->dir = dir;
		na->ino = de.ino;
		na->type = de.type;
		na->len = de.len;
		memcpy(na->name, name, de.len);
	}
	visit_inode(vi);
	if (!S_ISDIR(vi->file.attr.mode) || was_entered(vi->v, de.ino))
		return;
	if (vi->v->dir_count < VISIT_DIRS)
		vi->v->dirs[vi->v->dir_count++] = de.ino;
}

static void visit_dir(struct visitor *vi, dxc_ino dir)
{
	u64 pos = 0, last = 0, n = 0;
	const struct dxc_inode *in;
	struct dxc_inode base;
	struct dxc_dirent de;
	int err;

	err = dxc_view_inode(vi->top, dir, &vi->file, NULL);
	if (err) {
		failed(vi, err, dir);
		return;
	}
	if (dir == DAXFS_ROOT_INO)
		visit_inode(vi);
	base = vi->file.base;
	in = vi->file.in_base ? &base : NULL;
	for (; !is_tired(vi); pos++) {
		err = dxc_view_next(vi->top, dir, in, &pos, &de, NULL);
		if (err)
			break;
		MUST(!n++ || pos > last);
		last = pos;
		visit_name(vi, dir, in, &de);
	}
	if (err != -ENOENT && vi->v->steps <= MAX_STEPS)
		failed(vi, err, dir);
	err = dxc_view_dir_empty(vi->top, dir, in, NULL);
	if (vi->honest)
		MUST(err == (n ? -ENOTEMPTY : 0));
}

/* ---- what the topmost layer changes ---- */

/* A directory that was told of, to be asked for. */
static int visit_diff_name(void *priv, const struct dxc_diff_name *name)
{
	struct visitor *vi = priv;

	MUST(name->len && name->len <= DAXFS_NAME_MAX && (name->before || name->after));
	if (vi->told_count < VISIT_DIRS)
		vi->told[vi->told_count++] =
			(struct dxc_diff_dir){ name->dir, name->pos };
	return 0;
}

static int visit_diff_inode(void *priv, const struct dxc_diff_inode *inode)
{
	(void)priv;
	MUST(inode->was || inode->is);
	MUST((inode->was && inode->is) || !inode->differs);
	return 0;
}

static void visit_diff(struct visitor *vi)
{
	struct dxc_diff *diff = calloc(1, sizeof(*diff));
	struct dxc_diff_place place;
	u32 part, count = 0;
	int err;

	MUST(diff);
	diff->name = visit_diff_name;
	diff->inode = visit_diff_inode;
	diff->priv = vi;
	for (part = 0; part < 4; part++) {
		dxc_diff_open(diff, vi->top);
		diff->steps = MAX_STEPS;
		memset(&place, 0, sizeof(place));
		switch (part) {
		case 0:
			err = dxc_diff_names(diff, &place, NULL);
			break;
		case 1:
			err = dxc_diff_inodes(diff, &place, NULL);
			break;
		case 2:
			err = dxc_diff_files(diff, &place, NULL);
			break;
		default:
			/* What is told goes behind them. */
			count = vi->told_count;
			err = dxc_diff_dirs(diff, vi->told, count, &place, NULL);
		}
		/* What was told may be asked for, unless somebody writes the base meanwhile. */
		MUST(err == 1 || (err == -EINVAL && !vi->honest) || visit_is_answer(err));
		MUST(!err || !vi->honest || !diff->steps);
	}
	free(diff);
}

void visit(const struct dxc_layer *top, bool honest, struct visit *v)
{
	struct visitor *vi = calloc(1, sizeof(*vi));
	u32 i;

	MUST(vi);
	vi->top = top;
	vi->v = v;
	vi->honest = honest;
	v->name_count = 0;
	v->dir_count = 1;
	v->dirs[0] = DAXFS_ROOT_INO;
	v->digest = 0;
	v->steps = 0;
	v->errors = 0;
	for (i = 0; i < v->dir_count; i++)
		visit_dir(vi, v->dirs[i]);
	visit_diff(vi);
	free(vi);
}
