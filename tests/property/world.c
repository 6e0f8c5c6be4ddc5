// SPDX-License-Identifier: GPL-2.0-only
/* Branches and their models: the base, opening, loading anew, branch operations. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "operations.h"

jmp_buf *fail_jump;
char fail_text[512];

void fail_at(const char *file, int line, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(fail_text, sizeof(fail_text), "%s:%d: ", file, line);
	va_start(args, format);
	vsnprintf(fail_text + n, sizeof(fail_text) - n, format, args);
	va_end(args);
	if (fail_jump)
		longjmp(*fail_jump, 1);
	fflush(stdout);
	fprintf(stderr, "%s\n", fail_text);
	/* Nothing that runs at exit has something to add. */
	_exit(WORLD_FAILED);
}

/* ---- the base ---- */

struct image *world_image(u32 chunks, u32 chunk_size)
{
	struct image *img = image_new();
	u32 dir, ino, i;
	char name[8];

	img->writable = true;
	img->chunks = chunks;
	img->chunk_size = chunk_size;
	img->branches = WORLD_BRANCHES + 4;
	image_file(img, 1, "n0", 0);
	image_file(img, 1, "n1", 5000);
	ino = image_file(img, 1, "n2", 9 * 4096 - 1);
	image_symlink(img, 1, "n3", "n1");
	i = image_add(img, 1, "n4", S_IFCHR | 0666);
	img->inodes[i - 1].inode.rdev_major = 1;
	img->inodes[i - 1].inode.rdev_minor = 3;
	dir = image_add(img, 1, "n5", S_IFDIR | 0755);
	image_link(img, dir, "n0", ino);
	for (i = 1; i < 12; i++) {
		sprintf(name, "n%u", i);
		image_file(img, dir, name, i % 3 ? 0 : i * 1000);
	}
	dir = image_add(img, dir, "d", S_IFDIR | 0700);
	image_file(img, dir, "n1", 4096);
	image_packed(img, 1, "n8", 30);
	image_packed(img, dir, "n9", 2047);
	image_add(img, 1, "n6", S_IFDIR | 0755);
	ino = image_file(img, 1, "n7", 100000);
	image_extent_add(img, ino, 8192, 4096);
	image_extent_add(img, ino, 40960, 8192);
	image_extent_add(img, ino, 49152, 4096);
	image_extent_add(img, ino, 98304, 4096);
	image_xattr_add(img, 2, DAXFS_XATTR_USER, "x0", "1", 1);
	image_xattr_add(img, 2, DAXFS_XATTR_USER, "x1", "", 0);
	image_xattr_add(img, 2, DAXFS_XATTR_TRUSTED, "x0", "yes", 3);
	image_xattr_add(img, 7, DAXFS_XATTR_ACL_DEFAULT, "", "\2\0\0\0ab", 6);
	image_build(img);
	return img;
}

/* From what the image was made of, not from what the core reads. */
static void model_of_image(struct model *m, const struct image *img)
{
	u32 i, at, pos = 0;

	for (i = 0; i < img->count; i++) {
		const struct image_inode *from = &img->inodes[i];
		const struct dxc_inode *in = &from->inode;
		struct dxc_attr attr = {
			.ino = in->ino,
			.mode = in->mode,
			.nlink = in->nlink,
			.uid = in->uid,
			.gid = in->gid,
			.size = in->size,
			.rdev_major = in->rdev_major,
			.rdev_minor = in->rdev_minor,
			.parent = S_ISDIR(in->mode) ? in->parent : 0,
			.atime = in->mtime,
			.mtime = in->mtime,
			.ctime = in->mtime,
			.atime_nsec = in->mtime_nsec,
			.mtime_nsec = in->mtime_nsec,
			.ctime_nsec = in->mtime_nsec,
		};
		struct model_inode *to = model_add(m, &attr);
		const struct daxfs_xattr_entry *xe;

		for (pos = 0; S_ISREG(in->mode) && pos < in->size; pos++) {
			bool hole = in->flags & DAXFS_IN_EXTENTS;

			for (at = 0; hole && at < in->count; at++)
				hole = !(pos >= from->extents[at].pos &&
					 pos - from->extents[at].pos <
						 from->extents[at].len);
			to->data[pos] = hole ? 0 : image_byte(in->ino, pos);
		}
		if (S_ISLNK(in->mode))
			memcpy(to->data, from->target, in->size);
		for (at = 0, pos = 0; at < from->xattr_count; at++) {
			xe = (void *)((u8 *)from->xattrs + pos);
			model_set_xattr(to, xe->xe_prefix, (const char *)(xe + 1),
					xe->xe_name_len,
					(const u8 *)(xe + 1) + xe->xe_name_len,
					le32_to_cpu(xe->xe_value_len));
			pos += dxc_xattr_entry_size(xe->xe_name_len,
						    le32_to_cpu(xe->xe_value_len));
		}
	}
	for (i = 0; i < img->name_count; i++)
		model_link(m, img->names[i].dir, img->names[i].name, img->names[i].len,
			   img->names[i].ino);
}

void world_open(struct world *w, struct image *img)
{
	const struct dxc_area *ar = img->vol.area;
	struct world_branch *main = &w->branches[0];

	memset(w, 0, sizeof(*w));
	w->img = img;
	w->vol = &img->vol;
	w->vol->region.persistent = true;
	w->blocks_max = 50;
	memset(img->base + ar[DAXFS_AREA_SHARED].offset, 0, ar[DAXFS_AREA_SHARED].length);
	memset(img->base + ar[DAXFS_AREA_BRANCHES].offset, 0,
	       ar[DAXFS_AREA_BRANCHES].length);
	dxc_branch_format(w->vol, 1, 0, 1);
	HOLDS(!dxc_space_init(&w->space, w->vol));
	HOLDS(!dxc_branch_find(w->vol, "main", &main->br));
	HOLDS(!dxc_mount_claim(w->vol, 77, main->br.id, true, "here", NULL, NULL,
			       &w->slot));
	main->live = true;
	HOLDS(!dxc_layer_init(&main->layer, w->vol, &w->space, NULL, &main->br));
	HOLDS(!dxc_layer_load(&main->layer, &main->br, true, NULL));
	model_of_image(&main->model, img);
}

static void drop_branch(struct world_branch *b)
{
	dxc_layer_free(&b->layer);
	model_free(&b->model);
	memset(b, 0, sizeof(*b));
}

void world_close(struct world *w)
{
	u32 i;

	follower_leave(w);
	for (i = WORLD_BRANCHES; i--;)
		drop_branch(&w->branches[i]);
	dxc_space_exit(&w->space);
}

/* ---- branches ---- */

bool branch_has_children(struct world *w, const struct world_branch *b)
{
	u32 i;

	for (i = 0; i < WORLD_BRANCHES; i++)
		if (w->branches[i].live && w->branches[i].parent == b)
			return true;
	return false;
}

/* Branch n of those that live and, if leaf, have no children. */
struct world_branch *branch_pick(struct world *w, u32 n, bool leaf)
{
	struct world_branch *found[WORLD_BRANCHES];
	u32 i, count = 0;

	for (i = 0; i < WORLD_BRANCHES; i++)
		if (w->branches[i].live &&
		    (!leaf || !branch_has_children(w, &w->branches[i])))
			found[count++] = &w->branches[i];
	return found[n % count];
}

static int do_branch(struct world *w, const struct op *op)
{
	struct world_branch *parent = branch_pick(w, op->r[0], false), *b = NULL;
	struct dxc_branch br;
	char name[16];
	u32 i;
	int err;

	for (i = 1; i < WORLD_BRANCHES && !b; i++)
		if (!w->branches[i].live)
			b = &w->branches[i];
	if (!b)
		return 0;
	sprintf(name, "b%u", w->names++);
	err = dxc_branch_create(w->vol, 0, parent->br.id, name, w->now, 0,
				parent->layer.log.seq, &br);
	if (err)
		return err;
	err = dxc_layer_init(&b->layer, w->vol, &w->space, &parent->layer, &br);
	if (err) {
		struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };

		broken_alloc_at = 0;
		HOLDS(!dxc_branch_abort(w->vol, br.id, &rest));
		return err;
	}
	b->br = br;
	b->live = true;
	b->parent = parent;
	model_copy(&b->model, &parent->model);
	/* The mount that shows it has files open, or another one that still shows the parent. */
	if (op->r[1] & 1)
		model_take_open(&b->model, &parent->model);
	return 0;
}

static struct dxc_chunk_list known_lists[WORLD_BRANCHES];

static const struct dxc_chunk_list *known(void *priv, struct dxc_owner id)
{
	struct world *w = priv;
	u32 i;

	for (i = 0; i < WORLD_BRANCHES; i++) {
		if (!w->branches[i].live || !dxc_owner_is(w->branches[i].br.id, id))
			continue;
		known_lists[i].chunks = w->branches[i].layer.chunks;
		known_lists[i].count = w->branches[i].layer.chunk_count;
		return &known_lists[i];
	}
	return NULL;
}

/*
 * b is discarded, and its mount shows what lives below: what is open there is
 * that one's, or stale if b's own, or a branch's in between, says something of it.
 */
static void pass_open(struct world_branch *b, struct world_branch *left)
{
	const struct world_branch *at;
	struct model_inode *in;
	u32 i;

	for (i = 0; i < b->model.inode_count;) {
		in = b->model.inodes[i];
		for (at = b; at != left && !dxc_layer_has(&at->layer, in->attr.ino);)
			at = at->parent;
		if (in->attr.nlink || at == left) {
			i++;
			continue;
		}
		dxc_orphan_closed(&left->layer, in->attr.ino);
		model_remove(&b->model, in->attr.ino);
	}
	model_take_open(&left->model, &b->model);
}

/* b and what descends from it; left lives. */
static void drop_tree(struct world *w, struct world_branch *b, struct world_branch *left)
{
	u32 i;

	for (i = 0; i < WORLD_BRANCHES; i++)
		if (w->branches[i].live && w->branches[i].parent == b)
			drop_tree(w, &w->branches[i], left);
	pass_open(b, left);
	drop_branch(b);
}

static void load_again(struct world *w, struct world_branch *b)
{
	struct dxc_branch br;

	HOLDS(!dxc_branch_get(w->vol, b->br.id, &br));
	HOLDS(!dxc_layer_reload(&b->layer, &br, false, NULL));
	b->loses = false;
}

static void forget_open(struct model *m)
{
	u32 i;

	for (i = 0; i < m->inode_count;)
		if (m->inodes[i]->attr.nlink)
			i++;
		else
			model_remove(m, m->inodes[i]->attr.ino);
}

static int do_commit(struct world *w, const struct op *op)
{
	struct world_branch *b = branch_pick(w, op->r[0], true), *parent = b->parent;
	struct dxc_branch_rest rest = { .known = op->r[1] & 1 ? known : NULL,
					.priv = w,
					.tail = DXC_NO_CHUNK };
	bool armed = broken_alloc_at;
	struct model model;
	u32 i;
	int err;

	if (!parent)
		return 0;
	if (op->r[1] & 2)
		rest.tail = parent->layer.log.chunk;
	err = dxc_branch_commit(w->vol, b->br.id, NULL);
	if (err)
		return err;
	err = dxc_branch_finish(w->vol, parent->br.id, &rest);
	if (err == -ENOMEM) {
		broken_alloc_at = 0;
		err = dxc_branch_finish(w->vol, parent->br.id, &rest);
	}
	HOLDS(!err);
	err = dxc_layer_merge(&parent->layer, &b->layer);
	HOLDS(!err || err == -ENOMEM);
	parent->loses |= b->loses || (armed && !broken_alloc_at);
	model = b->model;
	memset(&b->model, 0, sizeof(b->model));
	for (i = 0; i < WORLD_BRANCHES; i++)
		if (w->branches[i].live && w->branches[i].parent == parent &&
		    &w->branches[i] != b)
			drop_tree(w, &w->branches[i], parent);
	drop_branch(b);
	model_take_open(&model, &parent->model);
	model_free(&parent->model);
	parent->model = model;
	if (err) {
		broken_alloc_at = 0;
		load_again(w, parent);
		forget_open(&parent->model);
		return 0;
	}
	if (op->r[2] & 1)
		dxc_layer_settle(&parent->layer, ~0u);
	return 0;
}

static int do_abort(struct world *w, const struct op *op)
{
	struct world_branch *b = branch_pick(w, op->r[0], false);
	struct dxc_branch_rest rest = { .known = op->r[1] & 1 ? known : NULL,
					.priv = w,
					.tail = DXC_NO_CHUNK };
	int err;

	if (!b->parent)
		return 0;
	err = dxc_branch_abort(w->vol, b->br.id, &rest);
	if (!err)
		drop_tree(w, b, b->parent);
	return err;
}

/* All mounts go and one comes back. */
static int do_remount(struct world *w)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_layer fresh[WORLD_BRANCHES];
	struct dxc_space space;
	u32 i;
	int err;

	err = dxc_branch_recover(w->vol, &rest);
	if (err)
		return err;
	err = world_load(w->vol, w, &space, fresh, true);
	if (err == -ENOMEM) {
		/* Who loads to write gives back what nobody has any more: there is no way back. */
		world_unload(w, &space, fresh);
		broken_alloc_at = 0;
		err = world_load(w->vol, w, &space, fresh, true);
	}
	HOLDS(!err);
	dxc_space_exit(&w->space);
	w->space = space;
	for (i = 0; i < WORLD_BRANCHES; i++) {
		if (!w->branches[i].live)
			continue;
		dxc_layer_free(&w->branches[i].layer);
		w->branches[i].layer = fresh[i];
		w->branches[i].loses = false;
		w->branches[i].layer.space = &w->space;
		if (w->branches[i].parent)
			w->branches[i].layer.lower = &w->branches[i].parent->layer;
		forget_open(&w->branches[i].model);
	}
	return 0;
}

static bool is_open(void *priv, dxc_ino ino)
{
	return model_find(priv, ino);
}

static void settle(struct world *w)
{
	struct world_branch *b;
	u32 i;

	for (i = 0; i < WORLD_BRANCHES; i++) {
		b = &w->branches[i];
		if (!b->live)
			continue;
		if (b->layer.closed && !branch_has_children(w, b))
			dxc_layer_forget_closed(&b->layer, is_open, &b->model);
		dxc_layer_settle(&b->layer, ~0u);
	}
}

int world_do(struct world *w, const struct op *op)
{
	struct world_branch *b = branch_pick(w, op->r[0], true);
	int err = 0;

	u32 i;

	w->now++;
	/* The follower has looked before it compares: nobody else reads what is given up. */
	for (i = 0; i < WORLD_BRANCHES; i++)
		w->branches[i].layer.quiet_word = w->branches[i].live ? dxc_commit_word(w->vol) : 0;
	if (op->kind == OP_BRANCH || op->kind == OP_COMMIT || op->kind == OP_ABORT)
		follower_leave(w);
	switch (op->kind) {
	case OP_BRANCH:
		err = do_branch(w, op);
		break;
	case OP_COMMIT:
		err = do_commit(w, op);
		break;
	case OP_ABORT:
		err = do_abort(w, op);
		break;
	case OP_REMOUNT:
		err = do_remount(w);
		break;
	case OP_COMPACT:
		err = dxc_layer_compact(&b->layer);
		break;
	case OP_SETTLE:
		settle(w);
		break;
	case OP_SEEN:
		dxc_mount_set_seen(w->vol, w->slot, 77, dxc_commit_seq(w->vol));
		break;
	case OP_COMPARE:
		compare_all(w);
		follower_compare(w);
		break;
	default:
		err = operation_do(w, b, op);
	}
	w->done[op->kind] += !err;
	w->no_space += err == -ENOSPC;
	w->no_memory += err == -ENOMEM;
	if (err && err != -ENOSPC && err != -ENOMEM)
		FAIL("operation %u: error %d", op->kind, err);
	return err;
}

struct world_branch *world_target(struct world *w, const struct op *op)
{
	return branch_pick(w, op->r[0], true);
}

void world_print(FILE *to, const struct op *op)
{
	static const char *const names[] = {
		"create", "tmpfile", "link",  "unlink",	  "rmdir", "rename",  "setattr",
		"resize", "write",   "punch", "prealloc", "xattr", "forget",  "compact",
		"branch", "commit",  "abort", "settle",	  "seen",  "remount", "compare",
	};

	fprintf(to, "%s %u %u %u %u %u\n", names[op->kind], op->r[0], op->r[1], op->r[2],
		op->r[3], op->r[4]);
}
