// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the checker that only writable images have: shared state, branch
 * table, chunk table, logs.
 *
 * What an entry, a word or a record may say is checked where it is decoded.
 * Here is what only all of them show: that the branches are one tree with
 * names of their own, that each chunk belongs to a live branch that uses it,
 * that numbers to be given out are not in use already, and that every log can
 * be replayed. Views are looked at in check_view.c.
 *
 * A kernel that dies leaves things that the next one clears up: those are
 * findings too, but dxc_code_is_leftover() knows them. Where a log is in two
 * branches' hands until then, nothing is said of it.
 *
 * Trust: every entry of the branch table is copied once; the tree is what the
 * copies say, so loops are found by marks and the walk over it ends. A branch's
 * log is loaded after its parent's, and lets go of before its next sibling's:
 * as many layers are in memory as the tree is deep.
 */
#include "checker.h"
#include "node.h"
#include "words.h"

struct named {
	char name[DAXFS_BRANCH_NAME_MAX + 1];
	u32 index;
};

static dxc_off chunk_word_at(const struct dxc_volume *vol, dxc_chunk chunk)
{
	return vol->area[DAXFS_AREA_CHUNKS].offset + (u64)chunk * sizeof(__le64);
}

static int pause_at(u64 i)
{
	return i % 1024 ? 0 : dxc_pause();
}

/*
 * A word with one flipped bit is read as what it was, so nothing else is wrong with
 * it. One that somebody stores meanwhile is looked at twice.
 */
static int check_word(struct delta *d, unsigned int area, dxc_off at)
{
	u64 word = dxc_word_load(d->c->vol, at), right = word;

	if (!dxc_word_mend(&right) || right == word || dxc_word_load(d->c->vol, at) != word)
		return 0;
	return found(d->c, DXC_TB_FLIP, area, 0, at, right);
}

/* ---- mounts, and what they hold ---- */

static bool is_gone(const struct delta *d, u32 slot)
{
	const struct dxc_check *chk = d->c->chk;
	struct dxc_mount mt;

	return chk->gone && !dxc_mount_read(d->c->vol, slot, &mt) && chk->gone(chk->priv, &mt);
}

static bool holder_is_gone(const struct delta *d, dxc_holder holder)
{
	u32 slot, epoch;

	return !dxc_holder_is_there(d->c->vol, holder) ||
	       !dxc_holder_open(d->c->vol, holder, &slot, &epoch) || is_gone(d, slot);
}

static int check_mounts(struct delta *d)
{
	struct checker *c = d->c;
	const struct dxc_volume *vol = c->vol;
	dxc_off at = vol->area[DAXFS_AREA_MOUNTS].offset;
	struct dxc_mount mt;
	u64 owner;
	u32 i;
	int err = 0;

	/* mt_owner is the first member. */
	for (i = 0; !err && i < vol->mount_count; i++, at += sizeof(struct daxfs_mount)) {
		err = check_word(d, DAXFS_AREA_MOUNTS, at);
		owner = dxc_word_get(vol, at);
		if (err || !owner)
			continue;
		if (dxc_mount_read(vol, i, &mt)) {
			err = found(c, DXC_MT_OWNER, DAXFS_AREA_MOUNTS, 0, at, owner);
			continue;
		}
		err = check_word(d, DAXFS_AREA_MOUNTS,
				 at + offsetof(struct daxfs_mount, mt_seen_seq));
		if (!err)
			err = check_word(d, DAXFS_AREA_MOUNTS,
					 at + offsetof(struct daxfs_mount, mt_branch));
		if (!err && is_gone(d, i))
			err = found(c, DXC_MT_GONE, DAXFS_AREA_MOUNTS, 0, at, i);
	}
	return err;
}

/* ---- shared state ---- */

#define SS_FOUND(code, member, detail) \
	found(c, code, DAXFS_AREA_SHARED, 0, base + offsetof(struct daxfs_shared, member), detail)

/* What a counter of the shared state says; unknown where that cannot be told. */
static u64 counter(const struct delta *d, dxc_off at, u64 unknown)
{
	u64 number;

	return dxc_number_get(d->c->vol, at, &number) ? number : unknown;
}

/* Nothing is past a counter that cannot be read. */
static void read_counters(struct delta *d)
{
	const struct dxc_volume *vol = d->c->vol;

	d->next_ino = counter(d, SS_AT(vol, ss_next_ino), ~0ull);
	d->next_gen = counter(d, SS_AT(vol, ss_next_gen), ~0ull);
	d->next_salt = counter(d, SS_AT(vol, ss_next_salt), ~0ull);
	d->commit_seq = counter(d, SS_AT(vol, ss_commit_seq), ~0ull);
}

static int check_counter(struct delta *d, dxc_off at)
{
	u64 word = dxc_word_load(d->c->vol, at);
	int err = check_word(d, DAXFS_AREA_SHARED, at);

	if (!err && counter(d, at, ~0ull) == ~0ull)
		err = found(d->c, DXC_SS_WORD, DAXFS_AREA_SHARED, 0, at, word);
	return err;
}

static int check_shared(struct delta *d)
{
	struct checker *c = d->c;
	const struct dxc_volume *vol = c->vol;
	dxc_off base = vol->area[DAXFS_AREA_SHARED].offset;
	const struct daxfs_shared *ss = (const struct daxfs_shared *)c->buf;
	dxc_holder lock;
	u64 at;
	int err;

	err = dxc_region_read(&vol->region, base, c->buf, sizeof(*ss));
	if (err)
		return err;
	read_counters(d);
	lock = dxc_word_get(vol, SS_AT(vol, ss_lock));
	at = first_nonzero(ss->ss_zero0, sizeof(ss->ss_zero0));
	if (at < sizeof(ss->ss_zero0))
		err = SS_FOUND(DXC_SS_ZERO, ss_zero0[at], ss->ss_zero0[at]);
	at = first_nonzero(ss->ss_zero1, sizeof(ss->ss_zero1));
	if (!err && at < sizeof(ss->ss_zero1))
		err = SS_FOUND(DXC_SS_ZERO, ss_zero1[at], ss->ss_zero1[at]);
	if (!err)
		err = check_counter(d, SS_AT(vol, ss_next_ino));
	if (!err)
		err = check_counter(d, SS_AT(vol, ss_commit_seq));
	if (!err && d->commit_seq >= DXC_SEQ_LIMIT && d->commit_seq != ~0ull)
		err = SS_FOUND(DXC_SS_WORD, ss_commit_seq,
			       dxc_word_load(vol, SS_AT(vol, ss_commit_seq)));
	if (!err)
		err = check_counter(d, SS_AT(vol, ss_next_gen));
	if (!err)
		err = check_counter(d, SS_AT(vol, ss_next_salt));
	if (!err)
		err = check_counter(d, SS_AT(vol, ss_taken));
	if (!err)
		err = check_word(d, DAXFS_AREA_SHARED, SS_AT(vol, ss_lock));
	if (!err && d->next_ino <= vol->inode_count)
		err = SS_FOUND(DXC_SS_INO, ss_next_ino, d->next_ino);
	if (!err && lock && holder_is_gone(d, lock))
		err = SS_FOUND(DXC_SS_LOCK, ss_lock, lock);
	return err;
}

/* Generations and salts have to be below their counters; one may have been counted up since. */
static int check_generation(struct delta *d, u64 number)
{
	struct checker *c = d->c;
	dxc_off base = c->vol->area[DAXFS_AREA_SHARED].offset;

	if (number >= d->next_gen)
		read_counters(d);
	return number < d->next_gen ? 0 : SS_FOUND(DXC_SS_GEN, ss_next_gen, number);
}

static int check_salt(struct delta *d, u64 number)
{
	struct checker *c = d->c;
	dxc_off base = c->vol->area[DAXFS_AREA_SHARED].offset;

	if (number >= d->next_salt)
		read_counters(d);
	return number < d->next_salt ? 0 : SS_FOUND(DXC_SS_GEN, ss_next_salt, number);
}

/* ---- branches ---- */

/* Renames that were not finished; entries that are being made are no branches yet. */
static int find_renames(struct delta *d)
{
	u32 count = d->c->vol->branch_count, i;
	struct dxc_owner id;
	int err = 0;

	for (i = 0; !err && i < count; i++) {
		err = pause_at(i);
		if (!err && dxc_branch_is_renaming(d->c->vol, i, &id))
			d->nodes[id.branch].renamed = true;
	}
	return err;
}

#define BR_FOUND(code, index, member, detail) \
	found(c, code, DAXFS_AREA_BRANCHES, 0, \
	      dxc_entry_at(c->vol, index) + offsetof(struct daxfs_branch, member), detail)

#define ENTRY_WORDS (sizeof(struct daxfs_branch) / sizeof(__le64))

union entry {
	struct daxfs_branch br;
	__le64 words[ENTRY_WORDS];
};
_Static_assert(ENTRY_WORDS <= 32, "the words of an entry are bits of a u32");

/* What the entry says without flipped bits, and in which words they are: bits of *flipped. */
static noinline_for_stack int find_flips(const struct dxc_volume *vol, dxc_off at,
					 union entry *right, u32 *flipped)
{
	union entry raw;
	u32 i, differ = 0;
	int err;

	*flipped = 0;
	err = dxc_region_read(&vol->region, at, &raw, sizeof(raw));
	if (err)
		return err;
	*right = raw;
	if (!dxc_entry_mend(&right->br))
		return 0;
	for (i = 0; i < ENTRY_WORDS; i++) {
		/* Somebody may be storing there. */
		if (dxc_word_load(vol, at + i * sizeof(__le64)) != le64_to_cpu(raw.words[i]))
			return 0;
		if (raw.words[i] != right->words[i])
			differ |= 1u << i;
	}
	*flipped = differ;
	return 0;
}

/* Which 8 bytes of an entry have a flipped bit. */
static int check_flips(struct delta *d, u32 index)
{
	const struct dxc_volume *vol = d->c->vol;
	dxc_off at = dxc_entry_at(vol, index);
	union entry right;
	u32 flipped, i;
	int err;

	err = find_flips(vol, at, &right, &flipped);
	for (i = 0; !err && i < ENTRY_WORDS; i++)
		if (flipped & 1u << i)
			err = found(d->c, DXC_TB_FLIP, DAXFS_AREA_BRANCHES, 0,
				    at + i * sizeof(__le64), le64_to_cpu(right.words[i]));
	return err;
}

static int check_entry(struct delta *d, u32 index)
{
	struct branch_node *node = &d->nodes[index];
	struct checker *c = d->c;
	struct daxfs_branch raw;
	struct dxc_finding f;
	int err;

	err = check_flips(d, index);
	if (err)
		return err;
	err = dxc_branch_read(c->vol, index, &node->br, &f);
	if (err) {
		memset(&node->br, 0, sizeof(node->br));
		if (err == -ENOENT)
			return dxc_entry_state(c->vol, index) == DAXFS_BRANCH_LEFT ?
				BR_FOUND(DXC_BR_LEFT, index, br_state, 0) : 0;
		node->bad = true;
		if (err == -EUCLEAN && node->renamed) {
			c->chk->partial = true;
			return BR_FOUND(DXC_BR_RENAME, index, br_name, 0);
		}
		return decoded(c, err, &f);
	}
	err = dxc_region_read(&c->vol->region, dxc_entry_at(c->vol, index), &raw, sizeof(raw));
	if (err)
		return err;
	if (first_nonzero(raw.br_reserved0, sizeof(raw.br_reserved0)) < sizeof(raw.br_reserved0))
		err = BR_FOUND(DXC_BR_RESERVED, index, br_reserved0, 0);
	if (!err && raw.br_limit && !node->br.limit)
		err = BR_FOUND(DXC_BR_WORD, index, br_limit, le64_to_cpu(raw.br_limit));
	if (!err && node_is_live(node) && node->br.lease && holder_is_gone(d, node->br.lease))
		err = BR_FOUND(DXC_BR_LEASE, index, br_lease, node->br.lease);
	return err ? err : check_generation(d, node->br.id.generation);
}

/* Was it, or its parent, made or discarded while the table was read? */
static bool has_changed(const struct delta *d, const struct branch_node *node)
{
	const struct branch_node *parent = &d->nodes[node->br.parent.branch];
	struct dxc_branch br;
	int err = dxc_branch_read(d->c->vol, node->br.id.branch, &br, NULL);

	if (err || br.state != node->br.state || !dxc_owner_is(br.id, node->br.id))
		return true;
	err = dxc_branch_read(d->c->vol, node->br.parent.branch, &br, NULL);
	return err == -ENOENT ? parent->br.id.generation != 0 :
	       !err && (br.state != parent->br.state || !dxc_owner_is(br.id, parent->br.id));
}

/* The parent is there, and nothing of a commit is left to do. */
static int check_relations(struct delta *d, u32 index)
{
	struct branch_node *node = &d->nodes[index], *parent, *winner;
	struct dxc_owner id = node->br.winner;
	struct checker *c = d->c;
	int err = 0;

	if (!node_is_live(node))
		return 0;
	/* dxc_branch_read() checked that the parent is in the table. */
	parent = &d->nodes[node->br.parent.branch];
	node->live = node_is_live(parent) && dxc_owner_is(parent->br.id, node->br.parent);
	if (!node->live && !parent->bad && has_changed(d, node))
		return 0;
	/* The dead are in the table as long as anything of theirs is: fate.c. */
	if (!node->live && !parent->bad)
		err = BR_FOUND(dxc_owner_is(parent->br.id, node->br.parent) ?
			       DXC_BR_ORPHAN : DXC_BR_LOST,
			       index, br_parent, dxc_id_word(node->br.parent));
	if (err || !dxc_id_word(id))
		return err;
	/* A winner that is dead has passed all of its chunks to this branch. */
	winner = id.branch < c->vol->branch_count ? &d->nodes[id.branch] : NULL;
	node->commits = winner && (winner->bad || (node_is_live(winner) &&
						   dxc_owner_is(winner->br.id, id) &&
						   dxc_owner_is(winner->br.parent, node->br.id)));
	return BR_FOUND(DXC_BR_WINNER, index, br_winner, dxc_id_word(id));
}

/* As check_loop() of directories: marks of older walks are known to be good. */
static int check_climb(struct delta *d, u32 index)
{
	struct branch_node *node = &d->nodes[index];
	struct checker *c = d->c;

	while (node->live && node->br.id.branch != DAXFS_MAIN_BRANCH) {
		if (node->mark) {
			if (node->mark != index + 1)
				return 0;
			return BR_FOUND(DXC_BR_LOOP, index, br_parent,
					dxc_id_word(node->br.parent));
		}
		node->mark = index + 1;
		node = &d->nodes[node->br.parent.branch];
	}
	return 0;
}

static int order_names(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int cmp = strcmp(x->name, y->name);

	if (cmp)
		return cmp;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int check_names(struct delta *d)
{
	u32 count = d->c->vol->branch_count, n = 0, i;
	struct checker *c = d->c;
	struct named *list = dxc_alloc(count, sizeof(*list));
	int err = 0;

	if (!list)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		if (!node_is_live(&d->nodes[i]))
			continue;
		memcpy(list[n].name, d->nodes[i].br.name, sizeof(list[n].name));
		list[n++].index = i;
	}
	dxc_sort(list, n, sizeof(*list), order_names);
	for (i = 1; !err && i < n; i++)
		if (!strcmp(list[i].name, list[i - 1].name))
			err = BR_FOUND(DXC_BR_TWICE, list[i].index, br_name, list[i - 1].index);
	dxc_free(list);
	return err;
}

static int check_branches(struct delta *d)
{
	u32 count = d->c->vol->branch_count, i;
	int err = find_renames(d);

	for (i = 0; !err && i < count; i++) {
		err = pause_at(i);
		if (!err)
			err = check_entry(d, i);
	}
	for (i = 0; !err && i < count; i++)
		err = check_relations(d, i);
	for (i = 0; !err && i < count; i++)
		err = check_climb(d, i);
	return err ? err : check_names(d);
}

/* ---- chunks ---- */

static int check_chunk(struct delta *d, dxc_chunk chunk)
{
	struct checker *c = d->c;
	dxc_off at = chunk_word_at(c->vol, chunk);
	const struct branch_node *owner;
	struct dxc_chunk_use use;
	int err = check_word(d, DAXFS_AREA_CHUNKS, at);

	if (err)
		return err;
	if (dxc_chunk_read(c->vol, chunk, &use))
		return found(c, DXC_CH_WORD, DAXFS_AREA_CHUNKS, 0, at, chunk);
	switch (use.kind) {
	case DAXFS_CHUNK_FREED:
		if (use.freed_seq > d->commit_seq)
			read_counters(d);
		if (use.freed_seq > d->commit_seq)
			return found(c, DXC_CH_SEQ, DAXFS_AREA_CHUNKS, 0, at, use.freed_seq);
		break;
	case DAXFS_CHUNK_LOG:
	case DAXFS_CHUNK_DATA:
		owner = &d->nodes[use.owner.branch];
		/* One whose parent is gone, or not there, still has what it had. */
		if (!owner->bad &&
		    (!node_is_live(owner) || !dxc_owner_is(owner->br.id, use.owner)))
			return found(c, DXC_CH_OWNER, DAXFS_AREA_CHUNKS, 0, at, chunk);
		break;
	}
	return 0;
}

static int check_chunks(struct delta *d)
{
	u32 count = dxc_chunk_count(d->c->vol), i;
	int err = 0;

	for (i = 0; !err && i < count; i++) {
		err = pause_at(i);
		if (!err)
			err = check_chunk(d, i);
	}
	return err;
}

/* ---- logs ---- */

/* One of the branch's: its log or a file of it is in it. */
static int check_own_chunk(struct delta *d, const struct dxc_layer *layer, dxc_chunk chunk)
{
	const struct dxc_volume *vol = d->c->vol;
	struct dxc_chunk_use use;

	/* Of data chunks, one is kept to be filled. */
	if (dxc_chunk_read(vol, chunk, &use) || use.kind != DAXFS_CHUNK_LOG)
		return 0;
	if (dxc_space_chunk_is_idle(layer, chunk))
		return found(d->c, DXC_CH_IDLE, DAXFS_AREA_CHUNKS, 0, chunk_word_at(vol, chunk),
			     chunk);
	return 0;
}

/*
 * A name that hides one of the layers below has taken it away before: it would
 * come back with the next unlink else.
 */
static int check_covers(struct delta *d, const struct dxc_layer *layer, u32 index)
{
	const struct dxc_name *name;
	struct dxc_finding f;
	u32 i;
	int err;

	for (i = 0; i <= layer->name_mask; i++) {
		err = pause_at(i);
		if (err)
			return err;
		for (name = layer->names[i]; name; name = name->next) {
			if (name->covers || dxc_node_find(layer, name->dir)->is_new)
				continue;
			err = dxc_layer_below_name(layer, name->dir, name->name, name->len, &f);
			if (err == -ENOENT)
				continue;
			if (!err)
				err = found(d->c, DXC_LR_OVER, DAXFS_AREA_BRANCHES, name->dir,
					    dxc_entry_at(d->c->vol, index), name->ino);
			else
				err = decoded(d->c, err, &f);
			if (err)
				return err;
		}
	}
	return 0;
}

/* What of a log's last chunk is not zero behind its end; *at 0: nothing. 0 or an error. */
static int find_torn(const struct dxc_layer *layer, u8 *buf, dxc_off *at)
{
	const struct dxc_volume *vol = layer->vol;
	const struct dxc_log *log = &layer->log;
	dxc_off from, end;
	u64 n, i;
	int err;

	*at = 0;
	if (log->chunk == DXC_NO_CHUNK)
		return 0;
	from = dxc_chunk_offset(vol, log->chunk) + log->used;
	end = dxc_chunk_offset(vol, log->chunk) + dxc_log_size(vol, log);
	for (; from < end; from += n) {
		n = min_t(u64, end - from, DAXFS_BLOCK_SIZE);
		err = dxc_region_read(&vol->region, from, buf, n);
		if (err)
			return err;
		i = first_nonzero(buf, n);
		if (i < n) {
			*at = from + i;
			break;
		}
	}
	return 0;
}

/* Is anything behind the log's last record? */
static int check_end(struct delta *d, struct dxc_layer *layer)
{
	struct dxc_log log = layer->log;
	dxc_off at;
	u32 size;
	int err;

	/* Somebody appends to it. */
	err = dxc_layer_scratch(layer);
	if (err)
		return err;
	err = dxc_log_read(d->c->vol, &log, layer->scratch, &size);
	dxc_layer_drop_scratch(layer);
	if (err != -ENODATA)
		return err == -EIO ? err : 0;
	if (layer->behind)
		return found(d->c, DXC_LR_CUT, DAXFS_AREA_DELTA, 0, layer->behind,
			     layer->log.seq);
	err = find_torn(layer, d->c->buf, &at);
	if (err || !at)
		return err;
	return found(d->c, DXC_LR_TORN, DAXFS_AREA_DELTA, 0, at, layer->log.seq);
}

static void unload(struct branch_node *node)
{
	if (!node->layer)
		return;
	dxc_layer_free(node->layer);
	dxc_free(node->layer);
	node->layer = NULL;
}

int dxc_delta_load(struct delta *d, u32 index, struct dxc_finding *f)
{
	struct branch_node *node = &d->nodes[index];
	struct dxc_layer *lower = NULL;
	int err;

	if (index != DAXFS_MAIN_BRANCH)
		lower = d->nodes[node->br.parent.branch].layer;
	node->layer = dxc_alloc(1, sizeof(*node->layer));
	if (!node->layer)
		return -ENOMEM;
	err = dxc_layer_init(node->layer, d->c->vol, &d->space, lower, &node->br);
	if (err) {
		dxc_free(node->layer);
		node->layer = NULL;
		return err;
	}
	node->layer->salvages = d->salvages;
	node->layer->frozen_seq = node->frozen_seq;
	err = dxc_layer_load(node->layer, &node->br, false, f);
	if (err) {
		node->base_seq = node->layer->log.base_seq;
		node->read_seq = node->layer->log.seq;
		unload(node);
		return err == -EUCLEAN ? 0 : err;
	}
	f->code = DXC_OK;
	return node->layer->unread;
}

/*
 * Loads a branch over its parent, which is loaded, and checks it. Without a
 * layer afterwards it could not be loaded, and nothing can be said of what is
 * above it. Nor, for now, of a branch that a commit was begun to.
 */
static int check_log(struct delta *d, u32 index)
{
	struct branch_node *node = &d->nodes[index];
	struct checker *c = d->c;
	const struct dxc_volume *vol = c->vol;
	dxc_off base = vol->area[DAXFS_AREA_SHARED].offset;
	struct dxc_finding f;
	u32 i;
	int err;

	if (node->commits) {
		d->c->chk->partial = true;
		return 0;
	}
	if (d->depth > DAXFS_BRANCH_DEPTH_MAX)
		return BR_FOUND(DXC_BR_DEEP, index, br_parent, dxc_id_word(node->br.parent));
	err = dxc_delta_load(d, index, &f);
	if (err || !node->layer)
		return err ? err : report(c, &f);
	/* Also what has no name any more: it would be two things in one log. */
	if (node->layer->last_ino >= d->next_ino)
		read_counters(d);
	if (node->layer->last_ino >= d->next_ino)
		err = found(c, DXC_SS_INO, DAXFS_AREA_SHARED, node->layer->last_ino,
			    base + offsetof(struct daxfs_shared, ss_next_ino), d->next_ino);
	if (!err && node->layer->log_chunks)
		err = check_salt(d, node->layer->last_salt);
	for (i = 0; !err && i < node->layer->chunk_count; i++)
		err = check_own_chunk(d, node->layer, node->layer->chunks[i]);
	if (!err)
		err = check_end(d, node->layer);
	if (!err)
		err = check_covers(d, node->layer, index);
	/* What others stand on is looked at with them. */
	if (err || (index != DAXFS_MAIN_BRANCH && node->child))
		return err;
	/* Those that say nothing show what their parents show. */
	for (; node->br.id.branch != DAXFS_MAIN_BRANCH && dxc_layer_is_empty(node->layer);
	     node = &d->nodes[node->br.parent.branch])
		;
	if (node->viewed)
		return 0;
	node->viewed = true;
	return dxc_check_view(c, node->layer, dxc_entry_at(vol, node->br.id.branch));
}

/*
 * Parents before children, along the links of the tree. What hangs on a bad
 * entry, or in a loop, cannot be reached from main.
 */
int dxc_delta_walk(struct delta *d, int (*visit)(struct delta *d, u32 index))
{
	u32 count = d->c->vol->branch_count, i;
	u32 at = DAXFS_MAIN_BRANCH;
	struct branch_node *node;
	int err;

	for (i = 0; i < count; i++)
		d->nodes[i].frozen_seq = DXC_NO_SEQ;
	for (i = count - 1; i > DAXFS_MAIN_BRANCH; i--) {
		if (!d->nodes[i].live)
			continue;
		node = &d->nodes[d->nodes[i].br.parent.branch];
		d->nodes[i].sibling = node->child;
		node->child = i;
		node->frozen_seq = d->nodes[i].br.first_seq;
	}
	d->depth = 0;
	err = visit(d, at);
	while (!err) {
		node = &d->nodes[at];
		if (node->layer && node->child) {
			at = node->child;
			/* Each child is taken off the list when it is entered. */
			node->child = d->nodes[at].sibling;
			d->depth++;
			err = dxc_pause();
			if (!err)
				err = visit(d, at);
		} else {
			unload(node);
			if (at == DAXFS_MAIN_BRANCH)
				break;
			at = node->br.parent.branch;
			d->depth--;
		}
	}
	for (i = 0; err && i < count; i++)
		unload(&d->nodes[i]);
	return err;
}

int dxc_delta_start(struct delta *d, struct checker *c)
{
	int err;

	memset(d, 0, sizeof(*d));
	d->c = c;
	d->nodes = dxc_alloc(c->vol->branch_count, sizeof(*d->nodes));
	if (!d->nodes)
		return -ENOMEM;
	err = check_shared(d);
	if (!err)
		err = check_mounts(d);
	if (!err)
		err = check_branches(d);
	if (!err)
		err = check_chunks(d);
	return err;
}

void dxc_delta_end(struct delta *d)
{
	dxc_free(d->nodes);
}

int dxc_check_delta(struct checker *c)
{
	bool has_base = !c->chk->findings;
	struct delta d;
	int err;

	err = dxc_delta_start(&d, c);
	/* What a log says is meant for the base, and for the logs of the parents. */
	if (!err && has_base && d.nodes[DAXFS_MAIN_BRANCH].live) {
		err = dxc_space_init(&d.space, c->vol);
		if (!err)
			err = dxc_space_index(&d.space, c->vol);
		if (!err) {
			c->chk->logs = true;
			err = dxc_delta_walk(&d, check_log);
		}
		dxc_space_exit(&d.space);
	}
	dxc_delta_end(&d);
	return err;
}
