// SPDX-License-Identifier: GPL-2.0-only
/* Walks an image as a mount and its users would. */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include "must.h"
#include "walk.h"

/* Enough for every honest image that is fuzzed. */
#define MAX_STEPS 20000

struct walker {
	const struct dxc_volume *vol;
	struct walk_result *res;
	bool honest;
	u8 *visited; /* bits by inode number, as an inode cache would know */
	u32 depth;
};

/* Counts an error; one that nobody can have caused but the core is fatal. */
static void failed(struct walker *w, int err, const struct dxc_finding *f)
{
	w->res->errors++;
	MUST(err == -EUCLEAN || err == -ENOENT);
	if (w->honest) {
		fprintf(stderr, "an image without findings: %s, inode %llu\n",
			dxc_code_text(f->code), (unsigned long long)f->ino);
		abort();
	}
}

static bool tired(struct walker *w)
{
	return ++w->res->steps > MAX_STEPS;
}

/* As user space does in a mapping, all bytes at once. */
static void touch(const struct dxc_volume *vol, dxc_off off, u64 len)
{
	MUST(dxc_range_ok(off, len, 0, vol->region.size));
	MUST(!len || !__asan_region_is_poisoned(vol->region.base + off, len));
}

static void walk_file(struct walker *w, const struct dxc_inode *in)
{
	const struct dxc_area *data = &w->vol->area[DAXFS_AREA_DATA];
	struct dxc_finding f = { 0 };
	struct dxc_extent ex;
	dxc_pos pos = 0;
	int err;

	for (pos = 0; pos < in->size && !tired(w); pos = ex.pos + ex.len) {
		err = dxc_extent_map(w->vol, in, pos, &ex, &f);
		if (err) {
			failed(w, err, &f);
			return;
		}
		MUST(ex.len && ex.pos <= pos && pos - ex.pos < ex.len);
		MUST(ex.pos + ex.len > ex.pos);
		MUST(ex.pos + ex.len <= ((in->size + 4095) & ~4095ull));
		if (!ex.data)
			continue;
		if (ex.packed) {
			MUST(ex.packed == in->size && ex.packed <= DAXFS_PACKED_MAX);
			MUST(ex.data % DAXFS_BLOCK_SIZE + ex.packed <= DAXFS_BLOCK_SIZE);
			ex.len = ex.packed;
		} else {
			MUST(!(ex.data % DAXFS_BLOCK_SIZE));
		}
		MUST(dxc_range_ok(ex.data, ex.len, data->offset, data->length));
		touch(w->vol, ex.data, ex.len);
		w->res->bytes += ex.len;
	}
	MUST(dxc_extent_map(w->vol, in, in->size, &ex, &f) == -ENXIO);
}

/* In a file that the checker let through, the map leads to every extent. */
static void walk_extents(struct walker *w, const struct dxc_inode *in)
{
	struct dxc_extent ex, at;
	struct dxc_finding f;
	u32 i;

	for (i = 0; w->honest && !dxc_extent_read(w->vol, in, i, &ex, &f); i++) {
		MUST(!dxc_extent_map(w->vol, in, ex.pos, &at, &f));
		MUST(at.pos == ex.pos && at.len == ex.len && at.data == ex.data);
	}
}

static void walk_link(struct walker *w, const struct dxc_inode *in)
{
	/* Exactly as long as core.h says it must be. */
	char *buf = malloc(in->size + 1);
	struct dxc_finding f = { 0 };
	int err = dxc_symlink_read(w->vol, in, buf, &f);

	if (err)
		failed(w, err, &f);
	else
		MUST(strlen(buf) == in->size);
	MUST(strlen(buf) <= in->size);
	free(buf);
}

static void walk_xattrs(struct walker *w, const struct dxc_inode *in)
{
	const struct dxc_area *area = &w->vol->area[DAXFS_AREA_XATTRS];
	struct dxc_xattr xa = { 0 }, again;
	struct dxc_finding f = { 0 };
	int err;

	while (!(err = dxc_xattr_next(w->vol, in, &xa, &f))) {
		if (tired(w))
			return;
		MUST(*dxc_xattr_prefix(xa.prefix));
		MUST(strlen(xa.name) == xa.name_len);
		MUST(dxc_range_ok(xa.value, xa.value_len, area->offset, area->length));
		touch(w->vol, xa.value, xa.value_len);
		err = dxc_xattr_find(w->vol, in, xa.prefix, xa.name, xa.name_len, &again,
				     &f);
		if (w->honest)
			MUST(!err && again.value == xa.value &&
			     again.value_len == xa.value_len);
	}
	if (err != -ENODATA)
		failed(w, err, &f);
}

static void walk_inode(struct walker *w, const struct dxc_inode *in);

/* What the kernel does with a name: look it up, read the inode, compare the two. */
static void walk_name(struct walker *w, const struct dxc_inode *dir,
		      const struct dxc_dirent *shown)
{
	struct dxc_finding f = { 0 };
	struct dxc_dirent de;
	struct dxc_inode in;
	char name[256];
	int err;

	memcpy(name, dxc_dirent_name(shown), shown->len);
	err = dxc_dir_lookup(w->vol, dir, name, shown->len, &de, &f);
	if (err) {
		failed(w, err, &f);
		return;
	}
	MUST(de.len == shown->len && !memcmp(dxc_dirent_name(&de), name, de.len));
	MUST(de.ino > DAXFS_ROOT_INO && de.ino <= w->vol->inode_count);
	if (w->honest)
		MUST(de.ino == shown->ino && de.type == shown->type);
	err = dxc_inode_read(w->vol, de.ino, &in, &f);
	if (!err && (dxc_type_of_mode(in.mode) != de.type ||
		     (S_ISDIR(in.mode) && in.parent != dir->ino)))
		err = -EUCLEAN;
	if (err) {
		failed(w, err, &f);
		return;
	}
	if (w->visited[de.ino / 8] & 1u << de.ino % 8)
		return;
	w->visited[de.ino / 8] |= 1u << de.ino % 8;
	walk_inode(w, &in);
}

static void walk_dir(struct walker *w, const struct dxc_inode *dir)
{
	struct dxc_finding f = { 0 };
	struct dxc_dirent de;
	u32 i;
	int err;

	/* Each directory has one parent, so a path cannot meet itself. */
	MUST(++w->depth <= w->vol->inode_count);
	w->res->dirs++;
	for (i = 0; i < dir->count && !tired(w); i++) {
		err = dxc_dir_entry(w->vol, dir, i, &de, &f);
		if (err) {
			failed(w, err, &f);
			continue;
		}
		MUST(dxc_name_is_legal(dxc_dirent_name(&de), de.len));
		walk_name(w, dir, &de);
	}
	MUST(dxc_dir_entry(w->vol, dir, dir->count, &de, &f) == -ENOENT);
	w->depth--;
}

static void walk_inode(struct walker *w, const struct dxc_inode *in)
{
	MUST(in->mtime_nsec < 1000000000);
	w->res->files++;
	if (S_ISREG(in->mode)) {
		walk_file(w, in);
		walk_extents(w, in);
	} else if (S_ISLNK(in->mode))
		walk_link(w, in);
	else if (S_ISDIR(in->mode))
		walk_dir(w, in);
	walk_xattrs(w, in);
}

void walk(const struct dxc_volume *vol, bool honest, struct walk_result *result)
{
	struct walker w = { .vol = vol, .res = result, .honest = honest };
	struct dxc_finding f = { 0 };
	struct dxc_inode root;
	int err;

	memset(result, 0, sizeof(*result));
	err = dxc_inode_read(vol, DAXFS_ROOT_INO, &root, &f);
	if (!err && !S_ISDIR(root.mode))
		err = -EUCLEAN;
	if (err) {
		failed(&w, err, &f);
		return;
	}
	w.visited = calloc(vol->inode_count / 8 + 1, 1);
	MUST(w.visited);
	walk_inode(&w, &root);
	free(w.visited);
}
