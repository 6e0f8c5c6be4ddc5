// SPDX-License-Identifier: GPL-2.0-only
/*
 * The branch table's entries: what they say, making and naming them; and the
 * words that are counted up. What becomes of branches is in fate.c.
 *
 * Everything here is a sequence of stores that may end anywhere: with the
 * power, or with this kernel while others go on reading. A fence stands where
 * the order of two stores matters, and its comment names them; those between
 * two fences may arrive in any order, and in words of 8 bytes.
 */
#include "words.h"

/* How often an entry that does not hold together is looked at while it changes. */
#define READ_TRIES	8

/* ---- words of the shared state ---- */

/* Takes a number of a counter that only grows, from floor up to limit; durable. */
static int count_up(const struct dxc_volume *vol, dxc_off at, u64 floor, u64 limit, u64 *value)
{
	__le64 *word = (__le64 *)(vol->region.base + at);
	__le64 old = READ_ONCE(*word), seen;

	for (;;) {
		*value = max_t(u64, le64_to_cpu(old), floor);
		if (*value >= limit)
			return -ENOSPC;
		seen = dxc_cmpxchg(word, old, cpu_to_le64(*value + 1));
		if (seen == old)
			break;
		old = seen;
	}
	if (vol->region.persistent)
		dxc_write_back(word, sizeof(*word));
	/* The counter is past the number before anything bears it. */
	dxc_fence(vol);
	return 0;
}

int dxc_next_ino(const struct dxc_volume *vol, dxc_ino *ino)
{
	return count_up(vol, SS_AT(vol, ss_next_ino), vol->inode_count + 1, DXC_INO_LIMIT, ino);
}

u64 dxc_commit_seq(const struct dxc_volume *vol)
{
	return dxc_word_load(vol, SS_AT(vol, ss_commit_seq));
}

u64 dxc_commit_seq_advance(const struct dxc_volume *vol)
{
	u64 seq = 0;

	/* Others who see the new value see what was stored before it. */
	dxc_fence(vol);
	if (count_up(vol, SS_AT(vol, ss_commit_seq), 0, ~0ull, &seq))
		return ~0ull;	/* somebody wrote it: nobody gets there by counting */
	return seq + 1;
}

/* ---- entries ---- */

bool dxc_branch_name_is_legal(const char *name)
{
	u32 i;

	for (i = 0; name[i]; i++) {
		if (i == DAXFS_BRANCH_NAME_MAX)
			return false;
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
		      (name[i] >= '0' && name[i] <= '9') ||
		      ((name[i] == '-' || name[i] == '.') && i) || name[i] == '_'))
			return false;
	}
	return i;
}

/*
 * br_checksum is the crc32c of 68 bytes: the generation as __le32, br_parent,
 * br_created, and br_name with its padding. What changes while a branch lives
 * is not in it: br_state's low half, br_head, br_winner, br_lease; br_first_seq
 * is proved by the log.
 */
static u32 entry_checksum(const struct daxfs_branch *raw, u32 generation)
{
	__le32 gen = cpu_to_le32(generation);
	u32 crc = dxc_crc32c(0, &gen, sizeof(gen));

	crc = dxc_crc32c(crc, &raw->br_parent, sizeof(raw->br_parent));
	crc = dxc_crc32c(crc, &raw->br_created, sizeof(raw->br_created));
	return dxc_crc32c(crc, raw->br_name, sizeof(raw->br_name));
}

static void entry_encode(const struct dxc_branch *br, struct daxfs_branch *raw)
{
	u32 i;

	memset(raw, 0, sizeof(*raw));
	raw->br_state = cpu_to_le64(dxc_state_word(br->state, br->id.generation));
	raw->br_parent = cpu_to_le64(dxc_id_word(br->parent));
	raw->br_head = cpu_to_le64(br->head);
	raw->br_winner = cpu_to_le64(dxc_id_word(br->winner));
	raw->br_lease = cpu_to_le64(br->lease);
	raw->br_first_seq = cpu_to_le64(br->first_seq);
	raw->br_created = cpu_to_le64((u64)br->created);
	for (i = 0; i < DAXFS_BRANCH_NAME_MAX && br->name[i]; i++)
		raw->br_name[i] = br->name[i];
	raw->br_checksum = cpu_to_le32(entry_checksum(raw, br->id.generation));
}

/* The name of a copy of an entry, which has to be legal and padded with NUL. */
static bool name_decode(const struct daxfs_branch *raw, char *name)
{
	u32 i;

	if (raw->br_name[sizeof(raw->br_name) - 1])
		return false;
	memcpy(name, raw->br_name, sizeof(raw->br_name));
	if (!dxc_branch_name_is_legal(name))
		return false;
	for (i = strlen(name); i < sizeof(raw->br_name); i++)
		if (name[i])
			return false;
	return true;
}

#define BR_BAD(code, member, detail) \
	dxc_found(f, -EUCLEAN, code, DAXFS_AREA_BRANCHES, 0, \
		  BR_AT(vol, index, member), detail)

/* A copy of an entry whose state was found to be state. */
static int entry_decode(const struct dxc_volume *vol, u32 index, u64 state,
			const struct daxfs_branch *raw, struct dxc_branch *br,
			struct dxc_finding *f)
{
	u32 crc;

	memset(br, 0, sizeof(*br));
	br->state = state & DXC_STATE_MASK;
	br->id.branch = index;
	br->id.generation = state >> DXC_GEN_SHIFT;
	br->parent = dxc_word_id(le64_to_cpu(raw->br_parent));
	if ((br->state != DAXFS_BRANCH_LIVE && br->state != DAXFS_BRANCH_DEAD) ||
	    !br->id.generation ||
	    (index == DAXFS_MAIN_BRANCH && br->state != DAXFS_BRANCH_LIVE))
		return BR_BAD(DXC_BR_STATE, br_state, state);
	/* Only main is its own parent. */
	if (br->parent.branch >= vol->branch_count ||
	    (br->parent.branch == index) != (index == DAXFS_MAIN_BRANCH) ||
	    (index == DAXFS_MAIN_BRANCH && !dxc_owner_is(br->parent, br->id)))
		return BR_BAD(DXC_BR_PARENT, br_parent, le64_to_cpu(raw->br_parent));
	crc = entry_checksum(raw, br->id.generation);
	if (le32_to_cpu(raw->br_checksum) != crc)
		return BR_BAD(DXC_BR_CHECKSUM, br_checksum, crc);
	if (!name_decode(raw, br->name) ||
	    (index == DAXFS_MAIN_BRANCH && strcmp(br->name, "main") != 0))
		return BR_BAD(DXC_BR_NAME, br_name, 0);
	br->first_seq = le64_to_cpu(raw->br_first_seq);
	br->created = (s64)le64_to_cpu(raw->br_created);
	return 0;
}

/* Words that others store while they look. */
static void read_words(const struct dxc_volume *vol, struct dxc_branch *br)
{
	br->head = dxc_word_load(vol, BR_AT(vol, br->id.branch, br_head));
	br->winner = dxc_word_id(dxc_word_load(vol, BR_AT(vol, br->id.branch, br_winner)));
	br->lease = dxc_word_load(vol, BR_AT(vol, br->id.branch, br_lease));
}

int dxc_branch_read(const struct dxc_volume *vol, u32 index, struct dxc_branch *br,
		    struct dxc_finding *f)
{
	struct daxfs_branch raw, before;
	u64 state;
	int err = -ENOENT, tries;

	if (index >= vol->branch_count)
		return -ENOENT;
	for (tries = 0; tries < READ_TRIES; tries++) {
		state = dxc_word_load(vol, BR_AT(vol, index, br_state));
		if (index != DAXFS_MAIN_BRANCH &&
		    ((state & DXC_STATE_MASK) == DAXFS_BRANCH_FREE ||
		     (state & DXC_STATE_MASK) == DAXFS_BRANCH_MAKING))
			return -ENOENT;
		err = dxc_region_read(&vol->region, dxc_entry_at(vol, index), &raw, sizeof(raw));
		if (err)
			return err;
		err = entry_decode(vol, index, state, &raw, br, f);
		if (!err)
			break;
		/* Half of it may be of another branch, or of another name: it goes on changing. */
		if (tries && !memcmp(&raw, &before, sizeof(raw)))
			return err;
		before = raw;
	}
	if (err)
		return err;
	read_words(vol, br);
	return 0;
}

/* Entry index if it is a live branch; one with a dead parent is not. */
static int read_live(const struct dxc_volume *vol, u32 index, struct dxc_branch *br)
{
	int err = dxc_branch_read(vol, index, br, NULL);

	if (!err && (br->state != DAXFS_BRANCH_LIVE || !dxc_is_live(vol, br->parent)))
		err = -ENOENT;
	return err;
}

int dxc_branch_get(const struct dxc_volume *vol, struct dxc_owner id, struct dxc_branch *br)
{
	int err;

	/* First of all, so that a bad entry of somebody else is not reported. */
	if (!dxc_is_live(vol, id))
		return -ESTALE;
	err = read_live(vol, id.branch, br);
	if (err == -ENOENT || (!err && br->id.generation != id.generation))
		err = -ESTALE;
	return err;
}

/*
 * A rename writes the new name, complete and with a checksum of its own, to a
 * free entry first: MAKING, with br_winner naming the branch. If that branch's
 * name was then written in part only, it is written again from there. Copies
 * entry index if it is such a one, and says which branch it is for.
 */
static bool read_rename(const struct dxc_volume *vol, u32 index, struct daxfs_branch *raw,
			struct dxc_owner *id)
{
	char name[sizeof(raw->br_name)];
	struct daxfs_branch old;
	u32 gen;

	if (dxc_region_read(&vol->region, dxc_entry_at(vol, index), raw, sizeof(*raw)))
		return false;
	gen = le64_to_cpu(raw->br_state) >> DXC_GEN_SHIFT;
	*id = dxc_word_id(le64_to_cpu(raw->br_winner));
	if ((le64_to_cpu(raw->br_state) & DXC_STATE_MASK) != DAXFS_BRANCH_MAKING ||
	    id->branch == DAXFS_MAIN_BRANCH || id->generation != gen || !dxc_is_live(vol, *id) ||
	    le32_to_cpu(raw->br_checksum) != entry_checksum(raw, gen) ||
	    !name_decode(raw, name))
		return false;
	return !dxc_region_read(&vol->region, dxc_entry_at(vol, id->branch), &old, sizeof(old)) &&
	       old.br_parent == raw->br_parent && old.br_created == raw->br_created;
}

/* The branch that entry index has the new name of, if its own is written in part only. */
static bool find_renamed(const struct dxc_volume *vol, u32 index, struct dxc_branch *br)
{
	struct daxfs_branch raw;
	struct dxc_owner id;

	if (!read_rename(vol, index, &raw, &id) ||
	    dxc_branch_read(vol, id.branch, br, NULL) != -EUCLEAN ||
	    entry_decode(vol, id.branch, dxc_state_word(DAXFS_BRANCH_LIVE, id.generation), &raw,
			 br, NULL))
		return false;
	read_words(vol, br);
	return dxc_is_live(vol, br->parent);
}

int dxc_branch_find(const struct dxc_volume *vol, const char *name, struct dxc_branch *br)
{
	char stored[sizeof(((struct daxfs_branch *)0)->br_name)];
	int err, found = -ENOENT;
	u32 i, state;

	if (!dxc_branch_name_is_legal(name))
		return -ENOENT;
	for (i = 0; i < vol->branch_count; i++) {
		/* Most entries are free or have another name: not worth a checksum. */
		state = dxc_entry_state(vol, i);
		if ((state != DAXFS_BRANCH_LIVE && state != DAXFS_BRANCH_MAKING) ||
		    dxc_region_read(&vol->region, BR_AT(vol, i, br_name), stored,
				    sizeof(stored)) ||
		    strncmp(stored, name, sizeof(stored)) != 0)
			continue;
		if (state == DAXFS_BRANCH_MAKING) {
			if (find_renamed(vol, i, br))
				return 0;
			continue;
		}
		err = read_live(vol, i, br);
		if (!err && !strcmp(br->name, name))
			return 0;
		if (err == -EUCLEAN)
			found = err;
	}
	return found;
}

int dxc_branch_next(const struct dxc_volume *vol, u32 *index, struct dxc_branch *br)
{
	while (*index < vol->branch_count)
		if (!read_live(vol, (*index)++, br))
			return 0;
	return -ENOENT;
}

int dxc_branch_next_child(const struct dxc_volume *vol, struct dxc_owner parent,
			  u32 *index, struct dxc_branch *br)
{
	u32 i;

	while (*index < vol->branch_count) {
		i = (*index)++;
		if (i != DAXFS_MAIN_BRANCH &&
		    dxc_word_load(vol, BR_AT(vol, i, br_parent)) == dxc_id_word(parent) &&
		    !read_live(vol, i, br) && dxc_owner_is(br->parent, parent))
			return 0;
	}
	return -ENOENT;
}

bool dxc_branch_is_frozen(const struct dxc_volume *vol, struct dxc_owner id)
{
	struct dxc_branch br;
	u32 index = 0;

	return dxc_word_load(vol, BR_AT(vol, id.branch, br_winner)) ||
	       !dxc_branch_next_child(vol, id, &index, &br);
}

/* ---- making, naming ---- */

void dxc_branch_format(const struct dxc_volume *vol, s64 created)
{
	struct dxc_branch br = {
		.id = { DAXFS_MAIN_BRANCH, 1 },
		.parent = { DAXFS_MAIN_BRANCH, 1 },
		.state = DAXFS_BRANCH_LIVE,
		.first_seq = 1,
		.created = created,
		.name = "main",
	};
	struct daxfs_branch raw;

	entry_encode(&br, &raw);
	dxc_region_write(vol, dxc_entry_at(vol, DAXFS_MAIN_BRANCH), &raw, sizeof(raw));
	dxc_word_store(vol, SS_AT(vol, ss_next_ino), vol->inode_count + 1);
	dxc_word_store(vol, SS_AT(vol, ss_commit_seq), 1);
	dxc_word_store(vol, SS_AT(vol, ss_next_gen), 2);
	dxc_fence(vol);
}

bool dxc_branch_is_renaming(const struct dxc_volume *vol, u32 index, struct dxc_owner *id)
{
	struct daxfs_branch raw;

	return index != DAXFS_MAIN_BRANCH && index < vol->branch_count &&
	       read_rename(vol, index, &raw, id);
}

/* True if the name was written. */
static bool finish_rename(const struct dxc_volume *vol, u32 index, bool started)
{
	const u32 from = offsetof(struct daxfs_branch, br_checksum);
	struct daxfs_branch raw;
	struct dxc_owner id;
	struct dxc_branch br;

	if (!read_rename(vol, index, &raw, &id))
		return false;
	/* After a crash, one that is whole has its old name or its new one already. */
	if (!started && !dxc_branch_read(vol, id.branch, &br, NULL))
		return false;
	dxc_region_write(vol, dxc_entry_at(vol, id.branch) + from, (const u8 *)&raw + from,
			 sizeof(raw) - from);
	/* The name is whole before the entry it could be taken from again is free. */
	dxc_fence(vol);
	return true;
}

/* Index of an entry that a branch can be made in, or 0. */
static u32 find_room(const struct dxc_volume *vol)
{
	u32 i, state;

	for (i = DAXFS_MAIN_BRANCH + 1; i < vol->branch_count; i++) {
		state = dxc_entry_state(vol, i);
		/* Whoever was making it is gone: we hold the lock. */
		if (state == DAXFS_BRANCH_MAKING)
			finish_rename(vol, i, false);
		if (state == DAXFS_BRANCH_FREE || state == DAXFS_BRANCH_MAKING)
			return i;
	}
	return 0;
}

static int new_generation(const struct dxc_volume *vol, u32 *generation)
{
	u64 value = 0;
	/* 0 is nobody's, 1 is main's. */
	int err = count_up(vol, SS_AT(vol, ss_next_gen), 2, DXC_GEN_LIMIT, &value);

	*generation = value;
	return err;
}

int dxc_branch_create(const struct dxc_volume *vol, struct dxc_owner parent,
		      const char *name, s64 created, u64 first_seq, struct dxc_branch *br)
{
	struct daxfs_branch raw;
	u32 index, generation;
	int err;

	if (!dxc_branch_name_is_legal(name))
		return -EINVAL;
	err = dxc_branch_get(vol, parent, br);
	if (err)
		return err;
	/* It would be taken for a sibling of the winner. */
	if (dxc_word_load(vol, BR_AT(vol, parent.branch, br_winner)))
		return -EBUSY;
	if (!dxc_branch_find(vol, name, br))
		return -EEXIST;
	index = find_room(vol);
	if (!index)
		return -ENOSPC;
	err = new_generation(vol, &generation);
	if (err)
		return err;
	memset(br, 0, sizeof(*br));
	br->id.branch = index;
	br->id.generation = generation;
	br->state = DAXFS_BRANCH_MAKING;
	br->parent = parent;
	br->first_seq = first_seq;
	br->created = created;
	memcpy(br->name, name, strlen(name));
	entry_encode(br, &raw);
	dxc_region_write(vol, dxc_entry_at(vol, index), &raw, sizeof(raw));
	/* Members, with head, winner and lease of none, before the state that shows them. */
	dxc_publish(vol, BR_AT(vol, index, br_state),
		    dxc_state_word(DAXFS_BRANCH_LIVE, br->id.generation));
	/* If we were thought dead, and the lock was taken over, the parent may be gone: so is this. */
	if (!dxc_is_live(vol, parent)) {
		dxc_word_store(vol, BR_AT(vol, index, br_state),
			       dxc_state_word(DAXFS_BRANCH_DEAD, br->id.generation));
		dxc_fence(vol);	/* dead before the caller says that there is none */
		return -ESTALE;
	}
	br->state = DAXFS_BRANCH_LIVE;
	dxc_commit_seq_advance(vol);
	return 0;
}

int dxc_branch_rename(const struct dxc_volume *vol, struct dxc_owner id, const char *name)
{
	struct daxfs_branch raw;
	struct dxc_branch br, other;
	u32 index;
	int err;

	if (!dxc_branch_name_is_legal(name))
		return -EINVAL;
	err = dxc_branch_get(vol, id, &br);
	if (err)
		return err;
	if (id.branch == DAXFS_MAIN_BRANCH)
		return -EPERM;
	if (!dxc_branch_find(vol, name, &other))
		return dxc_owner_is(other.id, id) ? 0 : -EEXIST;
	index = find_room(vol);
	if (!index)
		return -ENOSPC;
	br.state = DAXFS_BRANCH_MAKING;
	br.winner = id;
	br.head = 0;
	br.lease = 0;
	memset(br.name, 0, sizeof(br.name));
	memcpy(br.name, name, strlen(name));
	entry_encode(&br, &raw);
	dxc_region_write(vol, dxc_entry_at(vol, index), &raw, sizeof(raw));
	/* The new name is whole there before the old one is written over. */
	dxc_fence(vol);
	if (!finish_rename(vol, index, true))
		err = -EUCLEAN;	/* somebody else is writing there */
	dxc_word_store(vol, BR_AT(vol, index, br_state), 0);
	/* Nobody's entry again before the next one begins. */
	dxc_commit_seq_advance(vol);
	return err;
}

bool dxc_branch_drop_unfinished(const struct dxc_volume *vol)
{
	bool any = false;
	u32 i;

	for (i = DAXFS_MAIN_BRANCH + 1; i < vol->branch_count; i++) {
		if (dxc_entry_state(vol, i) != DAXFS_BRANCH_MAKING)
			continue;
		finish_rename(vol, i, false);
		dxc_word_store(vol, BR_AT(vol, i, br_state), 0);
		any = true;
	}
	if (any)
		dxc_fence(vol);	/* against the next that makes one there */
	return any;
}
