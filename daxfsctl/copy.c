// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies a region. What is in use the core says; that the copy is in order, the
 * core's checker does, and its repair takes away what mounts have left. Knows
 * nothing of mounts and locks, and prints nothing.
 */
#include "copy.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../kmod/core/repair.h"

#define BUFFER_BYTES (256u << 10)
#define BLOCK DAXFS_BLOCK_SIZE
/* What one round of repairs brings to light the next one repairs (fsck_repair.c). */
#define ROUNDS_MAX 8

/* One pass: buffers, and what to do with a range of the region. */
struct pass {
	struct copy *copy;
	u8 *now;	/* what is in the region */
	u8 *then;	/* what was copied */
	bool counts;	/* a difference is a change that only a writer makes */
	int (*range)(struct pass *pass, dxc_off off, size_t len);
};

static int fail(struct copy *copy, int err, const char *what)
{
	copy->what = what;
	return err;
}

static bool is_zero(const u8 *block)
{
	return !block[0] && memcmp(block, block + 1, BLOCK - 1) == 0;
}

static int write_blocks(struct pass *pass, dxc_off off, size_t from, size_t end)
{
	int err;

	if (from == end)
		return 0;
	err = target_write(pass->copy->target, off + from, pass->now + from, end - from);
	return err ? fail(pass->copy, err, "cannot be written") : 0;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Runs of blocks that are not zero. */
static int write_data(struct pass *pass, dxc_off off, size_t len)
{
	size_t from = 0;
	int err = 0;

	for (size_t at = 0; at < len && !err; at += BLOCK) {
		if (len - at >= BLOCK && !is_zero(pass->now + at))
			continue;
		if (len - at < BLOCK)
			break;
		err = write_blocks(pass, off, from, at);
		from = at + BLOCK;
	}
	return err ? err : write_blocks(pass, off, from, len);
}

/* Blocks that are not what was copied. */
static int write_changes(struct pass *pass, dxc_off off, size_t len)
{
	int err = target_read(pass->copy->target, off, pass->then, len);

	if (err)
		return fail(pass->copy, err, "cannot be read again");
	for (size_t at = 0; at < len && !err; at += BLOCK) {
		size_t n = min_size(len - at, BLOCK);

		if (memcmp(pass->now + at, pass->then + at, n) == 0)
			continue;
		pass->copy->changed += pass->counts;
		err = write_blocks(pass, off, at, at + n);
	}
	return err;
}

static int copy_range(struct pass *pass, dxc_off off, u64 len)
{
	struct copy *copy = pass->copy;
	int err = 0;

	for (u64 done = 0; done < len && !err; done += BUFFER_BYTES) {
		size_t n = min_t(u64, len - done, BUFFER_BYTES);

		if (copy->cancelled && *copy->cancelled)
			return -EINTR;
		if (copy->tick)
			copy->tick(copy->priv);
		/* One fetch: it may be written meanwhile. */
		err = dxc_region_read(&copy->vol->region, off + done, pass->now, n);
		if (err)
			return fail(copy, err, "cannot be copied");
		err = pass->range(pass, off + done, n);
		progress_add(copy->progress, n);
		progress_draw(copy->progress);
	}
	return err;
}

static bool is_in_use(const struct dxc_volume *vol, dxc_chunk chunk)
{
	struct dxc_chunk_use use;

	/* A word that means nothing may be of a chunk that something is in. */
	return dxc_chunk_read(vol, chunk, &use) ||
	       (use.kind != DAXFS_CHUNK_FREE && use.kind != DAXFS_CHUNK_FREED);
}

static int copy_chunks(struct pass *pass)
{
	const struct dxc_volume *vol = pass->copy->vol;
	u32 count = dxc_chunk_count(vol);
	int err = 0;

	for (u32 i = 0; i < count && !err; i++)
		if (is_in_use(vol, i))
			err = copy_range(pass, dxc_chunk_offset(vol, i), vol->chunk_size);
	return err;
}

static int start_pass(struct pass *pass, struct copy *copy,
		      int (*range)(struct pass *pass, dxc_off off, size_t len))
{
	memset(pass, 0, sizeof(*pass));
	pass->copy = copy;
	pass->range = range;
	pass->now = malloc(BUFFER_BYTES);
	pass->then = malloc(BUFFER_BYTES);
	return pass->now && pass->then ? 0 : fail(copy, -ENOMEM, "cannot be copied");
}

static void end_pass(struct pass *pass)
{
	free(pass->now);
	free(pass->then);
}

static u64 bytes_in_chunks(const struct dxc_volume *vol)
{
	u32 count = dxc_chunk_count(vol);
	u64 bytes = 0;

	for (u32 i = 0; i < count; i++)
		bytes += is_in_use(vol, i) ? vol->chunk_size : 0;
	return bytes;
}

int copy_all(struct copy *copy)
{
	const struct dxc_volume *vol = copy->vol;
	const struct dxc_area *delta = &vol->area[DAXFS_AREA_DELTA];
	u64 size = vol->region.size, end = size, after = size;
	struct pass pass;
	int err;

	if (dxc_volume_is_writable(vol)) {
		end = delta->offset;
		after = delta->offset + delta->length;
	}
	progress_start(copy->progress, "copying", end + bytes_in_chunks(vol) + size - after);
	err = start_pass(&pass, copy, write_data);
	if (!err)
		err = copy_range(&pass, 0, end);
	if (!err && dxc_volume_is_writable(vol))
		err = copy_chunks(&pass);
	if (!err)
		err = copy_range(&pass, after, size - after);
	end_pass(&pass);
	return err;
}

int copy_again(struct copy *copy)
{
	/* Mounts that only read change the others, too. */
	static const struct {
		unsigned int area;
		bool counts;
	} tables[] = {
		{ DAXFS_AREA_SHARED, false },
		{ DAXFS_AREA_BRANCHES, true },
		{ DAXFS_AREA_MOUNTS, false },
		{ DAXFS_AREA_CHUNKS, false },
	};
	const struct dxc_volume *vol = copy->vol;
	struct pass pass;
	int err = 0;

	copy->changed = 0;
	if (!dxc_volume_is_writable(vol))
		return 0;
	err = start_pass(&pass, copy, write_changes);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !err; i++) {
		pass.counts = tables[i].counts;
		err = copy_range(&pass, vol->area[tables[i].area].offset,
				 vol->area[tables[i].area].length);
	}
	pass.counts = true;
	if (!err)
		err = copy_chunks(&pass);
	end_pass(&pass);
	return err;
}

/* ---- the copy ---- */

static bool is_gone(void *priv, const struct dxc_mount *mt)
{
	const struct dxc_repair *rep = priv;

	return !rep->me || mt->slot != rep->slot;
}

/* What the checker found: damage, or something that the next writer clears up. */
struct findings {
	struct copy *copy;
	struct dxc_repair *rep;
	bool damaged;
	bool left_over;
};

static int collect(void *priv, const struct dxc_finding *f)
{
	struct findings *found = priv;

	if (dxc_code_is_leftover(f->code))
		found->left_over = true;
	else
		found->damaged = true;
	return 0;
}

static bool collector_gone(void *priv, const struct dxc_mount *mt)
{
	return is_gone(((struct findings *)priv)->rep, mt);
}

static void collector_progress(void *priv, u64 done, u64 total)
{
	struct progress *progress = ((struct findings *)priv)->copy->progress;

	progress->total = total;
	atomic_store(&progress->done, done);
	progress_draw(progress);
}

static int check(struct copy *copy, const struct dxc_volume *vol, struct dxc_repair *rep,
		 struct findings *found)
{
	struct dxc_check chk = {
		.report = collect,
		.progress = collector_progress,
		.gone = collector_gone,
		.priv = found,
	};
	int err;

	*found = (struct findings){ .copy = copy, .rep = rep };
	err = dxc_check(vol, &chk);
	rep->logs = chk.logs;
	return err;
}

static int repair(struct copy *copy, const struct dxc_volume *vol, struct dxc_repair *rep)
{
	struct findings found;
	int err = check(copy, vol, rep, &found);

	copy->damaged = found.damaged;
	/* What is damaged is for fsck: here nothing more of it is to be lost. */
	for (int round = 0; !err && found.left_over && !found.damaged && round < ROUNDS_MAX;
	     round++) {
		err = dxc_repair(vol, rep);
		if (!err)
			err = check(copy, vol, rep, &found);
	}
	return err;
}

/* Free chunks: nobody reads what was in them. */
static int punch(struct copy *copy, const struct dxc_volume *vol)
{
	u32 count = dxc_chunk_count(vol);
	int err = 0;

	for (u32 i = 0; i < count && !err; i++) {
		dxc_chunk_reclaim(vol, i, ~0ull);
		if (dxc_chunk_is_free(vol, i))
			err = target_punch(copy->target, dxc_chunk_offset(vol, i),
					   vol->chunk_size);
	}
	return err;
}

static int tidy(struct copy *copy, const struct dxc_volume *vol)
{
	struct dxc_repair rep = { .gone = is_gone };
	u32 epoch = 0;
	int err;

	rep.priv = &rep;
	while (!(epoch & 0x7fffffff))
		if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
			return -EIO;
	err = dxc_repair_begin(vol, &rep, epoch & 0x7fffffff, "save");
	if (err)
		return err;
	err = repair(copy, vol, &rep);
	if (!err)
		err = punch(copy, vol);
	dxc_repair_end(vol, &rep);
	return err;
}

int copy_tidy(struct copy *copy)
{
	u64 size = copy->vol->region.size;
	struct dxc_volume vol;
	void *map;
	int err;

	progress_start(copy->progress, "checking", 1);
	err = target_map_writable(copy->target, size, &map);
	if (err)
		return fail(copy, err, "cannot be mapped");
	err = dxc_volume_open(&vol, map, size, NULL);
	if (!err && dxc_volume_is_writable(&vol))
		err = tidy(copy, &vol);
	target_unmap(copy->target, map, size);
	return err ? fail(copy, err, "is not the image that was written to it") : 0;
}
