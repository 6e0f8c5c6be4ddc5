// SPDX-License-Identifier: GPL-2.0-only
/* Inputs of fuzz_replay, and the regions they are about. */
#include <stdio.h>
#include "../property/world.h"
#include "../unit/broken.h"
#include "../unit/seal.h"
#include "change.h"
#include "script.h"
#include "seed.h"

#define CHUNKS 24u /* of the delta area */

/* ---- parts ---- */

bool script_next(const u8 *input, u32 len, u32 *at, struct part *part)
{
	if (*at + PART_HEADER > len)
		return false;
	part->at = *at;
	part->kind = input[*at] % PART_KINDS;
	part->arg = input[*at + 1];
	part->len =
		min_t(u32, input[*at + 2] | input[*at + 3] << 8, len - *at - PART_HEADER);
	part->data = (u8 *)input + *at + PART_HEADER;
	*at += PART_HEADER + part->len;
	part->end = *at;
	return true;
}

bool script_add(u8 *input, u32 *len, u32 max, u32 kind, u32 arg, const void *data,
		u32 data_len)
{
	u8 *to = input + *len;

	if (*len + PART_HEADER + data_len > max)
		return false;
	to[0] = kind;
	to[1] = arg;
	to[2] = data_len;
	to[3] = data_len >> 8;
	memcpy(to + PART_HEADER, data, data_len);
	*len += PART_HEADER + data_len;
	return true;
}

/* ---- the regions ---- */

static void load(const struct script_ground *gr, struct dxc_owner id,
		 struct dxc_space *space, struct dxc_layer *lower,
		 struct dxc_layer *layer)
{
	struct dxc_branch br;

	MUST(!dxc_branch_get(gr->vol, id, &br));
	MUST(!dxc_layer_init(layer, gr->vol, space, lower, &br));
	MUST(!dxc_layer_load(layer, &br, false, NULL));
}

/* Random operations on the target, or on main. */
static void grow(const struct script_ground *gr, struct dxc_owner id, u32 count, u64 seed)
{
	const struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
	bool child = !dxc_owner_is(id, main_id);
	struct visit *seen = malloc(sizeof(*seen));
	struct dxc_layer main, layer;
	struct dxc_space space;
	u8 how[CHANGE_BYTES];
	u32 i, k;

	MUST(seen && !dxc_space_init(&space, gr->vol));
	load(gr, main_id, &space, NULL, child ? &main : &layer);
	if (child)
		load(gr, id, &space, &main, &layer);
	visit(&layer, true, seen);
	for (i = 0; i < count; i++) {
		for (k = 0; k < CHANGE_BYTES; k++)
			how[k] = broken_random(&seed) >> 40;
		change(&layer, seen, how);
	}
	dxc_layer_free(&layer);
	if (child)
		dxc_layer_free(&main);
	dxc_space_exit(&space);
	free(seen);
}

static u64 shown_in_main(const struct script_ground *gr)
{
	u64 first = gr->vol->inode_count + 1, shown = 0, ino;
	struct dxc_layer main;
	struct dxc_space space;
	struct dxc_file file;

	MUST(gr->inodes - first <= 64);
	MUST(!dxc_space_init(&space, gr->vol));
	load(gr, (struct dxc_owner){ DAXFS_MAIN_BRANCH, 1 }, &space, NULL, &main);
	for (ino = first; ino < gr->inodes; ino++)
		if (!dxc_view_inode(&main, ino, &file, NULL))
			shown |= 1ull << (ino - first);
	dxc_layer_free(&main);
	dxc_space_exit(&space);
	return shown;
}

static void ground_new(struct script_ground *gr, bool child)
{
	struct image *img = world_image(CHUNKS, IMAGE_CHUNK);
	dxc_chunk hint = 0;
	struct dxc_branch br;
	dxc_ino ino;
	u32 i;

	arena_open(&gr->arena, img);
	gr->vol = &img->vol;
	img->vol.region.persistent = true;
	MUST(!dxc_branch_find(gr->vol, "main", &br));
	if (child) {
		grow(gr, br.id, 60, 8);
		MUST(!dxc_branch_create(gr->vol, 0, br.id, "child", 1, 0, 1000, &br));
	}
	gr->target = br.id;
	MUST(!dxc_next_ino(gr->vol, &gr->inodes));
	for (i = 1; i < SCRIPT_INODES; i++)
		MUST(!dxc_next_ino(gr->vol, &ino));
	gr->shown = shown_in_main(gr);
	/* The last ones are data, and those before them are left for logs. */
	for (i = 0; i < SCRIPT_CHUNKS; i++) {
		hint = CHUNKS - SCRIPT_CHUNKS + i;
		MUST(!dxc_chunk_take(gr->vol, &hint, DAXFS_CHUNK_DATA, gr->target, 1,
				     &gr->data[i]));
		gr->logs[i] = CHUNKS - 2 * SCRIPT_CHUNKS + i;
		MUST(dxc_chunk_is_free(gr->vol, gr->logs[i]));
	}
	arena_keep(&gr->arena);
}

struct script_ground *script_ground(u32 flags)
{
	static struct script_ground both[2];

	if (!both[0].vol) {
		ground_new(&both[0], false);
		ground_new(&both[1], true);
	}
	return &both[!!(flags & SCRIPT_CHILD)];
}

/* ---- carrying out ---- */

struct writer {
	struct script_ground *gr;
	struct dxc_log log;
	u32 used; /* log chunks */
	u64 buf[IMAGE_SEGMENT / sizeof(u64)]; /* records are aligned to 8 bytes */
};

static dxc_off head_at(const struct writer *wr)
{
	return dxc_branch_head_at(wr->gr->vol, wr->gr->target.branch);
}

static bool take(struct writer *wr, dxc_chunk *chunk)
{
	dxc_chunk hint;

	if (wr->used == SCRIPT_CHUNKS)
		return false;
	hint = wr->gr->logs[wr->used++];
	return !dxc_chunk_take(wr->gr->vol, &hint, DAXFS_CHUNK_LOG, wr->gr->target, 1,
			       chunk);
}

static void put_record(struct writer *wr, const struct part *part)
{
	const struct dxc_volume *vol = wr->gr->vol;
	struct dxc_record rec;
	dxc_chunk chunk;
	dxc_off at;

	dxc_record_start(&rec, wr->buf, sizeof(wr->buf));
	memcpy(rec.buf + rec.size, part->data, part->len);
	rec.size += part->len;
	if (part->arg & RECORD_LATE)
		wr->log.seq++;
	if (dxc_log_has_room(vol, &wr->log, &rec)) {
		if (dxc_log_add(vol, &wr->log, &rec))
			return;
	} else if (!part->len || !take(wr, &chunk) ||
		   dxc_log_extend(vol, &wr->log, head_at(wr), chunk, 1, &rec)) {
		return;
	}
	if (!(part->arg & RECORD_TORN))
		return;
	at = dxc_chunk_offset(vol, wr->log.chunk) + wr->log.used - 1;
	vol->region.base[at] ^= 1;
}

/*
 * The record that follows is in the next chunk, whose first number is a little
 * or much higher. Or (high bit) the chunk leads to any of them, and is the last.
 */
static void script_chunk(struct writer *wr, const struct part *part)
{
	const struct dxc_volume *vol = wr->gr->vol;
	dxc_off next;

	if (wr->log.chunk == DXC_NO_CHUNK)
		return;
	if (part->arg & 0x80) {
		next = dxc_chunk_offset(vol, wr->log.chunk) +
		       offsetof(struct daxfs_chunk, ch_next);
		dxc_publish(vol, next,
			    dxc_link_seal(part->arg & 0x7f ? CHUNKS - (part->arg & 0x1f) :
							     part->arg << 20));
		wr->used = SCRIPT_CHUNKS;
	}
	wr->log.seq += part->arg & 0x40 ? ~0ull - 0x1000 : part->arg & 0x3f;
	wr->log.used = vol->chunk_size;
}

/* Words that carry a check of their own, which is made right, and are not those of somebody else's lock. */
static void script_word(struct writer *wr, const struct part *part)
{
	static const u32 shared[] = { offsetof(struct daxfs_shared, ss_next_ino),
				      offsetof(struct daxfs_shared, ss_commit_seq),
				      offsetof(struct daxfs_shared, ss_next_gen) };
	static const u32 entry[] = { offsetof(struct daxfs_branch, br_head),
				     offsetof(struct daxfs_branch, br_winner),
				     offsetof(struct daxfs_branch, br_first_seq),
				     offsetof(struct daxfs_branch, br_state) };
	const struct dxc_volume *vol = wr->gr->vol;
	const struct dxc_area *ar = vol->area;
	u32 index = part->arg & 0x3f;
	__le64 value = 0;
	dxc_off at;

	memcpy(&value, part->data, min_t(u32, part->len, sizeof(value)));
	seal_word(&value);
	switch (part->arg >> 6) {
	case 0:
	case 1:
		at = ar[DAXFS_AREA_CHUNKS].offset + index % CHUNKS * sizeof(__le64);
		break;
	case 2:
		at = ar[DAXFS_AREA_BRANCHES].offset +
		     index / 4 % 3 * sizeof(struct daxfs_branch) + entry[index % 4];
		break;
	default:
		at = ar[DAXFS_AREA_SHARED].offset + shared[index % 3];
		break;
	}
	dxc_region_write(vol, at, &value, sizeof(value));
}

/* What the bytes call records follows one another, as far as their sizes make sense. */
static void seal_raw(struct daxfs_chunk *ch, dxc_chunk chunk, u32 chunk_size)
{
	u64 seq = le64_to_cpu(ch->ch_first_seq);
	struct daxfs_record *at;
	u32 pos, size;

	ch->ch_magic = cpu_to_le32(DAXFS_CHUNK_MAGIC);
	ch->ch_index = cpu_to_le64(chunk);
	seal_chunk(ch);
	for (pos = sizeof(*ch); chunk_size - pos >= sizeof(*at); pos += size) {
		at = (struct daxfs_record *)((u8 *)ch + pos);
		size = le32_to_cpu(at->lr_size);
		if (size <= sizeof(*at) || size % 8 || size > chunk_size - pos)
			return;
		at->lr_seq = cpu_to_le64(seq++);
		seal_record(ch, at, chunk_size - pos);
	}
}

/* A log of one chunk, which the bytes are. */
static void put_raw(struct writer *wr, u32 flags, const u8 *bytes, u32 len)
{
	const struct dxc_volume *vol = wr->gr->vol;
	dxc_chunk chunk;
	dxc_off at;

	if (!take(wr, &chunk))
		return;
	at = dxc_chunk_offset(vol, chunk);
	dxc_region_write(vol, at, bytes, min_t(u32, len, vol->chunk_size));
	if (!(flags & SCRIPT_UNSEALED))
		seal_raw((struct daxfs_chunk *)(vol->region.base + at), chunk,
			 vol->chunk_size);
	dxc_publish(vol, head_at(wr), chunk + 1ull);
}

struct script_ground *script_open(const u8 *input, u32 len)
{
	u32 flags = len ? input[0] : 0, at = SCRIPT_HEADER;
	struct script_ground *gr = script_ground(flags);
	static struct writer wr;
	struct dxc_branch br;
	struct part part;

	arena_restore(&gr->arena);
	wr.gr = gr;
	wr.used = 0;
	MUST(!dxc_branch_get(gr->vol, gr->target, &br));
	MUST(!dxc_log_open(gr->vol, br.head_word, br.first_seq, &wr.log));
	MUST(wr.log.chunk == DXC_NO_CHUNK);
	if (flags & SCRIPT_RAW && len > SCRIPT_HEADER) {
		put_raw(&wr, flags, input + SCRIPT_HEADER, len - SCRIPT_HEADER);
		return gr;
	}
	while (script_next(input, len, &at, &part)) {
		if (part.kind == PART_RECORD)
			put_record(&wr, &part);
		else if (part.kind == PART_CHUNK)
			script_chunk(&wr, &part);
		else if (part.kind == PART_WORD)
			script_word(&wr, &part);
	}
	return gr;
}

bool script_revives(const struct script_ground *gr)
{
	static u64 room[IMAGE_SEGMENT / sizeof(u64)];
	struct dxc_item item;
	struct dxc_branch br;
	struct dxc_log log;
	u64 number;
	u32 size, pos;

	if (dxc_branch_get(gr->vol, gr->target, &br) ||
	    dxc_log_open(gr->vol, br.head_word, br.first_seq, &log))
		return false;
	while (!dxc_log_read(gr->vol, &log, room, &size)) {
		for (pos = 0; !dxc_item_next(gr->vol, room, size, &pos, &item);) {
			number = item.ino - gr->vol->inode_count - 1;
			if (item.ino > gr->vol->inode_count && item.ino < gr->inodes &&
			    !(gr->shown >> number & 1))
				return true;
		}
	}
	return false;
}

/* ---- seeds ---- */

/* What the target has, but for what every script begins with. */
static bool add_words(const struct script_ground *gr, u8 *input, u32 *len)
{
	const struct dxc_area *words = &gr->vol->area[DAXFS_AREA_CHUNKS];
	struct dxc_chunk_use use;
	dxc_chunk chunk;
	bool ok;

	/* Numbers of inodes that the log has must have been given. */
	ok = script_add(input, len, SCRIPT_MAX, PART_WORD, SCRIPT_NEXT_INO,
			gr->vol->region.base + gr->vol->area[DAXFS_AREA_SHARED].offset +
				offsetof(struct daxfs_shared, ss_next_ino),
			sizeof(__le64));
	for (chunk = 0; ok && chunk < gr->logs[0]; chunk++)
		if (!dxc_chunk_read(gr->vol, chunk, &use) &&
		    use.kind == DAXFS_CHUNK_DATA && dxc_owner_is(use.owner, gr->target))
			ok = script_add(input, len, SCRIPT_MAX, PART_WORD, chunk,
					gr->vol->region.base + words->offset +
						chunk * sizeof(__le64),
					sizeof(__le64));
	return ok;
}

/* The target's log as a script. */
static bool add_log(const struct script_ground *gr, u8 *input, u32 *len)
{
	static u64 room[IMAGE_SEGMENT / sizeof(u64)];
	u8 *buf = (u8 *)room;
	dxc_chunk chunk = DXC_NO_CHUNK;
	struct dxc_branch br;
	struct dxc_log log;
	bool ok = true;
	u32 size;

	MUST(!dxc_branch_get(gr->vol, gr->target, &br));
	MUST(!dxc_log_open(gr->vol, br.head_word, br.first_seq, &log));
	while (ok && !dxc_log_read(gr->vol, &log, buf, &size)) {
		if (chunk != DXC_NO_CHUNK && chunk != log.chunk)
			ok = script_add(input, len, SCRIPT_MAX, PART_CHUNK, 0, NULL, 0);
		chunk = log.chunk;
		ok = ok && script_add(input, len, SCRIPT_MAX, PART_RECORD, 0,
				      buf + sizeof(struct daxfs_record),
				      size - sizeof(struct daxfs_record));
	}
	return ok;
}

/* A script as it stands in the first chunk of the log that it makes. */
static int save_raw(const char *dir, u32 number, const u8 *input, u32 len)
{
	const struct script_ground *gr = script_open(input, len);
	static u8 bytes[SCRIPT_MAX];

	bytes[0] = SCRIPT_RAW | (input[0] & SCRIPT_CHILD);
	memcpy(bytes + SCRIPT_HEADER,
	       gr->vol->region.base + dxc_chunk_offset(gr->vol, gr->logs[0]),
	       SCRIPT_MAX - SCRIPT_HEADER);
	for (len = SCRIPT_MAX; len > SCRIPT_HEADER + 1 && !bytes[len - 1];)
		len--;
	return seed_save(dir, number, bytes, len);
}

#define SEEDS 96u

int script_seeds(const char *dir)
{
	static u8 input[SCRIPT_MAX];
	u8 how[CHANGE_BYTES];
	const struct script_ground *gr;
	u64 seed = 1;
	u32 number, len, i, k;
	int err = 0;

	for (number = 0; !err && number < SEEDS; number++) {
		input[0] = number & 1 ? SCRIPT_CHILD : 0;
		input[0] |= number % 12 == 10 ? SCRIPT_NOISE : 0;
		input[0] |= number % 12 == 11 ? SCRIPT_NO_MEMORY : 0;
		input[1] = number;
		len = SCRIPT_HEADER;
		gr = script_open(input, len);
		grow(gr, gr->target, 1 + number / 4, seed += 0x1234567);
		if (!add_words(gr, input, &len) || !add_log(gr, input, &len))
			continue;
		for (i = 0; i < 4; i++) {
			for (k = 0; k < CHANGE_BYTES; k++)
				how[k] = broken_random(&seed) >> 40;
			script_add(input, &len, SCRIPT_MAX, PART_CHANGE, 0, how,
				   sizeof(how));
		}
		err = seed_save(dir, number, input, len);
		/* Of each dozen one of main and one of its child. */
		if (!err && number % 12 < 2)
			err = save_raw(dir, SEEDS + number, input, len);
	}
	return err;
}
