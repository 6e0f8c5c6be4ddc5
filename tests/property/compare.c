// SPDX-License-Identifier: GPL-2.0-only
/* Is what a view shows what the model says? And is every block accounted for? */
#include <stdio.h>
#include "node.h"
#include "operations.h"

bool compare_loose_tails;

static const struct dxc_inode *base_of(const struct dxc_file *file)
{
	return file->in_base ? &file->base : NULL;
}

/* ---- names ---- */

static void compare_dir(const struct model *m, const struct dxc_layer *top, dxc_ino dir,
			const struct dxc_inode *base)
{
	struct model_name *na;
	struct dxc_dirent de;
	u64 pos = 0, last = 0;
	u32 i, n = 0, found = 0;
	int err;

	while (!(err = dxc_view_next(top, dir, base, &pos, &de, NULL))) {
		if (n++ && pos <= last)
			FAIL("dir %llu: position %llu after %llu",
			     (unsigned long long)dir, (unsigned long long)pos,
			     (unsigned long long)last);
		last = pos++;
		na = model_lookup(m, dir, dxc_dirent_name(&de), de.len);
		if (!na)
			FAIL("dir %llu lists %.*s", (unsigned long long)dir, de.len,
			     dxc_dirent_name(&de));
		if (na->ino != de.ino)
			FAIL("dir %llu lists %.*s as %llu, not %llu",
			     (unsigned long long)dir, de.len, dxc_dirent_name(&de),
			     (unsigned long long)de.ino, (unsigned long long)na->ino);
		HOLDS(de.type == dxc_type_of_mode(model_find(m, na->ino)->attr.mode));
	}
	HOLDS(err == -ENOENT);
	for (i = 0; i < m->name_count; i++) {
		na = &m->names[i];
		/* Names of other directories are looked for too: mostly absent ones. */
		err = dxc_view_lookup(top, dir, base, na->name, na->len, &de, NULL);
		if (na->dir == dir) {
			found++;
			if (err)
				FAIL("dir %llu: no %.*s: %d", (unsigned long long)dir,
				     (int)na->len, na->name, err);
			HOLDS(de.ino == na->ino);
			HOLDS(de.type ==
			      dxc_type_of_mode(model_find(m, na->ino)->attr.mode));
		} else if (!model_lookup(m, dir, na->name, na->len)) {
			HOLDS(err == -ENOENT);
		}
	}
	if (n != found)
		FAIL("dir %llu lists %u names of %u", (unsigned long long)dir, n, found);
	err = dxc_view_dir_empty(top, dir, base, NULL);
	HOLDS(err == (found ? -ENOTEMPTY : 0));
}

/* ---- contents ---- */

/* at NULL: zeros. */
static bool same_bytes(const u8 *at, const u8 *want, u64 len)
{
	static const u8 zeros[DAXFS_BLOCK_SIZE];
	u64 n;

	for (; len; len -= n, want += n) {
		n = min_t(u64, len, sizeof(zeros));
		if (memcmp(at ? at : zeros, want, n) != 0)
			return false;
		if (at)
			at += n;
	}
	return true;
}

static void compare_part(const struct model_inode *in, const struct dxc_layer *top,
			 u64 pos, const struct dxc_part *part)
{
	const u8 *at = top->vol->region.base + part->ex.data + (pos - part->ex.pos);
	u64 end = min_t(u64, part->ex.pos + part->ex.len, in->attr.size), i = pos;
	static u8 block[DAXFS_BLOCK_SIZE];

	if (part->ex.packed) {
		HOLDS(pos == part->ex.pos && part->ex.len == sizeof(block));
		HOLDS(!dxc_extent_copy(&top->vol->region, &part->ex, pos, block, sizeof(block)));
		at = block;
	}
	/* Byte by byte only to say which one it is. */
	if (same_bytes(part->ex.data ? at : NULL, in->data + pos, end - pos))
		i = end;
	for (; i < end; i++)
		if ((part->ex.data ? at[i - pos] : 0) != in->data[i])
			FAIL("inode %llu, byte %llu of %llu: %u, not %u (%s)",
			     (unsigned long long)in->attr.ino, (unsigned long long)i,
			     (unsigned long long)in->attr.size,
			     part->ex.data ? at[i - pos] : 0, in->data[i],
			     !part->ex.data ? "hole" :
			     part->own	    ? "own" :
					      "lower");
	/* The rest of the last block could be seen through a mapping. */
	for (; part->ex.data && i >= in->attr.size && i % DAXFS_BLOCK_SIZE; i++)
		if (at[i - pos] && !compare_loose_tails)
			FAIL("inode %llu: byte %llu behind the end is not zero",
			     (unsigned long long)in->attr.ino, (unsigned long long)i);
}

static void compare_file(const struct model_inode *in, const struct dxc_layer *top,
			 const struct dxc_inode *base)
{
	u64 end = in->attr.size / DAXFS_BLOCK_SIZE + 40, units, blocks = 0, b;
	struct dxc_part part, one;
	dxc_pos pos;

	for (pos = 0; pos < in->attr.size; pos = part.ex.pos + part.ex.len) {
		HOLDS(!dxc_view_map(top, in->attr.ino, base, pos, &part, NULL));
		HOLDS(part.ex.pos <= pos && pos < part.ex.pos + part.ex.len);
		HOLDS(!(part.ex.pos % DAXFS_BLOCK_SIZE) &&
		      (part.ex.packed || !(part.ex.data % DAXFS_BLOCK_SIZE)));
		HOLDS(!part.ex.packed || (!part.own && !part.ex.pos));
		HOLDS(part.ex.data || !part.own);
		compare_part(in, top, pos, &part);
	}
	/* Block by block the same must be said. */
	part.ex.len = 0;
	for (b = 0; b < end; b++) {
		pos = b * DAXFS_BLOCK_SIZE;
		HOLDS(!dxc_view_map(top, in->attr.ino, base, pos, &one, NULL));
		blocks += one.ex.packed ? (one.ex.packed + 511) / 512 :
			  one.ex.data	? DAXFS_BLOCK_SIZE / 512 :
					  0;
		if (!part.ex.len || pos >= part.ex.pos + part.ex.len)
			HOLDS(!dxc_view_map(top, in->attr.ino, base, pos, &part, NULL));
		HOLDS(!one.ex.data == !part.ex.data);
		HOLDS(!one.ex.data ||
		      one.ex.data + pos - one.ex.pos == part.ex.data + pos - part.ex.pos);
		HOLDS(one.own == part.own);
	}
	HOLDS(!dxc_view_blocks(top, in->attr.ino, base, 0, DXC_BLOCKS_MAX, &units));
	if (units != blocks)
		FAIL("inode %llu: %llu units, not %llu",
		     (unsigned long long)in->attr.ino, (unsigned long long)units,
		     (unsigned long long)blocks);
}

static void compare_symlink(const struct model_inode *in, const struct dxc_layer *top,
			    const struct dxc_file *file)
{
	char buf[DAXFS_SYMLINK_MAX + 1];

	HOLDS(!dxc_view_symlink(top, file, buf, NULL));
	HOLDS(strlen(buf) == in->attr.size && !memcmp(buf, in->data, in->attr.size));
}

/* ---- xattrs ---- */

struct listing {
	struct model_inode *in;
	u32 seen;
};

static int on_xattr(void *priv, u32 prefix, const char *name, u32 len)
{
	struct listing *li = priv;

	HOLDS(model_xattr(li->in, prefix, name, len));
	li->seen++;
	return 0;
}

static void compare_xattrs(struct model_inode *in, const struct dxc_layer *top,
			   const struct dxc_inode *base)
{
	struct listing li = { in, 0 };
	static u8 value[65536];
	struct model_xattr *xa;
	u32 i;

	HOLDS(!dxc_view_xattrs(top, in->attr.ino, base, on_xattr, &li, NULL));
	HOLDS(li.seen == in->xattr_count);
	for (i = 0; i < in->xattr_count; i++) {
		xa = &in->xattrs[i];
		HOLDS(dxc_view_xattr(top, in->attr.ino, base, xa->prefix, xa->name,
				     xa->name_len, NULL, 0, NULL) == (int)xa->value_len);
		HOLDS(dxc_view_xattr(top, in->attr.ino, base, xa->prefix, xa->name,
				     xa->name_len, value, sizeof(value),
				     NULL) == (int)xa->value_len);
		HOLDS(!memcmp(value, xa->value, xa->value_len));
	}
	HOLDS(dxc_view_xattr(top, in->attr.ino, base, DAXFS_XATTR_USER, "absent", 6,
			     value, 9, NULL) == -ENODATA);
}

/* ---- everything ---- */

static void compare_attr(const struct dxc_attr *got, const struct dxc_attr *want)
{
#define SAME(member)                                                                \
	do {                                                                        \
		if (got->member != want->member)                                    \
			FAIL("inode %llu: " #member " is %lld, not %lld",           \
			     (unsigned long long)want->ino, (long long)got->member, \
			     (long long)want->member);                              \
	} while (0)
	SAME(ino);
	SAME(mode);
	SAME(nlink);
	SAME(uid);
	SAME(gid);
	SAME(size);
	SAME(rdev_major);
	SAME(rdev_minor);
	SAME(parent);
	SAME(atime);
	SAME(mtime);
	SAME(ctime);
	SAME(atime_nsec);
	SAME(mtime_nsec);
	SAME(ctime_nsec);
	SAME(btime);
	SAME(btime_nsec);
#undef SAME
}

void compare_view(const struct model *m, const struct dxc_layer *layer, bool open)
{
	const struct dxc_inode *base;
	struct model_inode *in;
	struct dxc_file file;
	dxc_ino ino;
	u32 i;
	int err;

	for (ino = 1; ino <= layer->vol->inode_count + 3; ino++)
		if (!model_find(m, ino))
			HOLDS(dxc_view_inode(layer, ino, &file, NULL) == -ESTALE);
	for (i = 0; i < m->inode_count; i++) {
		in = m->inodes[i];
		err = dxc_view_inode(layer, in->attr.ino, &file, NULL);
		if (!in->attr.nlink) {
			HOLDS(err == -ESTALE);
			if (!open)
				continue;
		} else {
			if (err)
				FAIL("inode %llu: %d", (unsigned long long)in->attr.ino,
				     err);
			compare_attr(&file.attr, &in->attr);
			if (!file.touched)
				HOLDS(file.in_base);
		}
		base = base_of(&file);
		if (S_ISDIR(in->attr.mode) && in->attr.nlink)
			compare_dir(m, layer, in->attr.ino, base);
		else if (S_ISREG(in->attr.mode))
			compare_file(in, layer, base);
		else if (S_ISLNK(in->attr.mode) && in->attr.nlink)
			compare_symlink(in, layer, &file);
		compare_xattrs(in, layer, base);
	}
}

static bool bit_of(const struct dxc_layer *layer, dxc_chunk chunk, u32 block)
{
	const struct dxc_space *space = layer->space;

	return space->used[(u64)chunk * space->chunk_bytes + block / 8] >> block % 8 & 1;
}

void compare_tally(const struct dxc_volume *vol)
{
	struct dxc_tally was = *vol->tally;

	HOLDS(dxc_tally_count(vol));
	HOLDS(le64_to_cpu(was.unused) == dxc_space_free_chunks(vol));
	HOLDS(!memcmp(&was, vol->tally, sizeof(was)));
}

/* whole: nothing but what is in maps is in use (no loss for lack of memory). */
void compare_space(const struct dxc_layer *layer, bool whole)
{
	const struct dxc_volume *vol = layer->vol;
	u32 count = dxc_chunk_count(vol), per = layer->space->chunk_blocks, i, k, log = 0;
	u8 *users = calloc(count, per);
	u64 used = 0, bits = 0, data_blocks = 0;
	const struct dxc_node *node;
	struct dxc_chunk_use use;
	struct dxc_place at;
	struct dxc_run *run;
	u64 first, b;

	for (i = 0; i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = node->next) {
			u64 end = 0;
			u32 runs = 0;

			at.leaf = 0;
			at.run = DXC_NO_INDEX;
			while (dxc_blockmap_next(&node->map, &at)) {
				run = dxc_blockmap_at(&node->map, at);
				HOLDS(run->count && (!runs || run->block >= end));
				end = run->block + run->count;
				runs++;
				if (!run->data)
					continue;
				used += run->count;
				first = (run->data - vol->area[DAXFS_AREA_DELTA].offset) /
					DAXFS_BLOCK_SIZE;
				for (b = first; b < first + run->count; b++)
					if (users[b]++)
						FAIL("block %llu is in two files",
						     (unsigned long long)b);
			}
			HOLDS(runs == node->map.run_count);
		}
	}
	for (i = 0; i < layer->retired_count; i++) {
		used += layer->retired[i].count;
		first = (layer->retired[i].data - vol->area[DAXFS_AREA_DELTA].offset) /
			DAXFS_BLOCK_SIZE;
		for (b = first; b < first + layer->retired[i].count; b++)
			if (users[b]++)
				FAIL("block %llu is retired, and in use",
				     (unsigned long long)b);
	}
	for (i = 0; i < count; i++) {
		bool ours =
			!dxc_chunk_read(vol, i, &use) &&
			(use.kind == DAXFS_CHUNK_DATA || use.kind == DAXFS_CHUNK_LOG) &&
			dxc_owner_is(use.owner, layer->owner);

		for (k = 0; k < layer->chunk_count && layer->chunks[k] != i; k++)
			;
		if (ours && k == layer->chunk_count)
			FAIL("chunk %u is not in the layer's list", i);
		for (k = 0; k < per; k++) {
			if (users[i * per + k])
				HOLDS(ours && use.kind == DAXFS_CHUNK_DATA &&
				      bit_of(layer, i, k));
			if (ours && use.kind == DAXFS_CHUNK_DATA)
				bits += bit_of(layer, i, k);
		}
		if (ours && use.kind == DAXFS_CHUNK_DATA)
			data_blocks += per;
		log += ours && use.kind == DAXFS_CHUNK_LOG;
	}
	if (whole) {
		if (used != layer->used_blocks)
			FAIL("%llu blocks are counted as used, %llu are",
			     (unsigned long long)layer->used_blocks,
			     (unsigned long long)used);
		HOLDS(bits == used);
		if (data_blocks - bits != layer->free_blocks)
			FAIL("%llu blocks are counted as free, %llu are",
			     (unsigned long long)layer->free_blocks,
			     (unsigned long long)(data_blocks - bits));
		if (log != layer->log_chunks)
			FAIL("%u log chunks are counted, there are %u", layer->log_chunks,
			     log);
	}
	free(users);
}

static int load_one(const struct dxc_volume *vol, struct world *w, u32 i,
		    struct dxc_space *space, struct dxc_layer *layers, bool *loaded,
		    bool repair)
{
	struct world_branch *b = &w->branches[i];
	u32 up = b->parent ? b->parent - w->branches : 0;
	struct dxc_finding f = { 0 };
	struct dxc_branch br;
	int err;

	if (loaded[i])
		return 0;
	if (b->parent) {
		err = load_one(vol, w, up, space, layers, loaded, repair);
		if (err)
			return err;
	}
	err = dxc_branch_get(vol, b->br.id, &br);
	if (err)
		return err;
	err = dxc_layer_init(&layers[i], vol, space, b->parent ? &layers[up] : NULL, &br);
	if (err)
		return err;
	loaded[i] = true;
	if (w->far_reads)
		layers[i].holder = DXC_HOLDER_NONE;
	err = dxc_layer_load(&layers[i], &br, repair, &f);
	if (err)
		fprintf(stderr,
			"loading %s: %d: %s, inode %llu, offset 0x%llx, detail %llu\n",
			b->br.name, err, dxc_code_text(f.code), (unsigned long long)f.ino,
			(unsigned long long)f.offset, (unsigned long long)f.detail);
	return err;
}

int world_load(const struct dxc_volume *vol, struct world *w, struct dxc_space *space,
	       struct dxc_layer *layers, bool repair)
{
	bool loaded[WORLD_BRANCHES] = { false };
	u32 i;
	int err;

	memset(layers, 0, WORLD_BRANCHES * sizeof(*layers));
	err = dxc_space_init(space, vol);
	for (i = 0; i < WORLD_BRANCHES && !err; i++)
		if (w->branches[i].live)
			err = load_one(vol, w, i, space, layers, loaded, repair);
	return err;
}

void world_unload(struct world *w, struct dxc_space *space, struct dxc_layer *layers)
{
	u32 i;

	(void)w;
	for (i = 0; i < WORLD_BRANCHES; i++)
		dxc_layer_free(&layers[i]);
	dxc_space_exit(space);
}

/* Chunks that belong to nobody who lives. */
static void compare_owners(struct world *w)
{
	u32 count = dxc_chunk_count(w->vol), i, k;
	struct dxc_chunk_use use;

	for (i = 0; i < count; i++) {
		HOLDS(!dxc_chunk_read(w->vol, i, &use));
		if (use.kind != DAXFS_CHUNK_LOG && use.kind != DAXFS_CHUNK_DATA)
			continue;
		for (k = 0; k < WORLD_BRANCHES; k++)
			if (w->branches[k].live &&
			    dxc_owner_is(use.owner, w->branches[k].br.id))
				break;
		if (k == WORLD_BRANCHES)
			FAIL("chunk %u belongs to nobody", i);
	}
}

/* What no branch above can have open is open, or it is known that it is not. */
static void compare_orphans(const struct world_branch *b)
{
	u32 bucket = 0, skip = 0;
	dxc_ino ino;

	while (!b->layer.closed && !dxc_layer_next_ino(&b->layer, &bucket, &skip, &ino))
		if (dxc_layer_has_orphan(&b->layer, ino) && !model_find(&b->model, ino))
			FAIL("inode %llu: not open, and not forgotten",
			     (unsigned long long)ino);
}

void compare_all(struct world *w)
{
	struct dxc_layer fresh[WORLD_BRANCHES];
	struct dxc_space space;
	u32 i;

	for (i = 0; i < WORLD_BRANCHES; i++) {
		if (!w->branches[i].live)
			continue;
		compare_view(&w->branches[i].model, &w->branches[i].layer, true);
		compare_space(&w->branches[i].layer, !w->branches[i].loses);
		if (!branch_has_children(w, &w->branches[i]))
			compare_orphans(&w->branches[i]);
	}
	compare_owners(w);
	HOLDS(!world_load(w->vol, w, &space, fresh, false));
	for (i = 0; i < WORLD_BRANCHES; i++) {
		if (!w->branches[i].live)
			continue;
		compare_view(&w->branches[i].model, &fresh[i], false);
		compare_space(&fresh[i], false);
		HOLDS(fresh[i].log.chunk == w->branches[i].layer.log.chunk);
		/* A log that was rewritten to nothing begins again as that of a new branch. */
		if (fresh[i].log.chunk == DXC_NO_CHUNK)
			continue;
		HOLDS(fresh[i].log.seq == w->branches[i].layer.log.seq);
		HOLDS(fresh[i].log.used == w->branches[i].layer.log.used);
		HOLDS(fresh[i].log.salted == w->branches[i].layer.log.salted);
	}
	world_unload(w, &space, fresh);
}
