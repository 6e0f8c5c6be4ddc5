// SPDX-License-Identifier: GPL-2.0-only
/*
 * The branch table's entries: what they say, making and naming them. What becomes
 * of branches is in fate.c.
 *
 * Everything here is a sequence of stores that may end anywhere: with the
 * power, or with this kernel while others go on reading. A fence stands where
 * the order of two stores matters, and its comment names them; those between
 * two fences may arrive in any order, and in words of 8 bytes.
 */
#include "words.h"

/* How often an entry that does not hold together is looked at while it changes. */
#define READ_TRIES	8

/* ---- entries ---- */

/* A character of several bytes at p, which a NUL is behind; 0: that is none. */
static u32 read_character(const u8 *p, u32 *length)
{
	u32 c;

	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		*length = 2;
		c = p[0] & 0x1f;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		*length = 3;
		c = p[0] & 0x0f;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		*length = 4;
		c = p[0] & 0x07;
	} else {
		return 0;
	}
	for (u32 i = 1; i < *length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	/* One that has a shorter form, a surrogate, past the last. */
	if ((*length == 3 && c < 0x800) || (*length == 4 && c < 0x10000) ||
	    (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	return c;
}

/* Does it show nothing, end a line, or change what is around it? */
static bool is_formatting(u32 c)
{
	return c <= 0xa0 || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

bool dxc_branch_name_is_legal(const char *name)
{
	u32 i, length, c;

	for (i = 0; name[i]; i += length) {
		length = 1;
		if ((u8)name[i] >= 0x80) {
			c = read_character((const u8 *)name + i, &length);
			if (!c || is_formatting(c))
				return false;
		} else if (!((name[i] >= 'a' && name[i] <= 'z') ||
			     (name[i] >= 'A' && name[i] <= 'Z') ||
			     (name[i] >= '0' && name[i] <= '9') ||
			     ((name[i] == '-' || name[i] == '.') && i) || name[i] == '_' ||
			     name[i] == '/' || name[i] == '@' || name[i] == '+' ||
			     name[i] == ':')) {
			return false;
		}
		if (i + length > DAXFS_BRANCH_NAME_MAX)
			return false;
	}
	return i;
}

/*
 * br_checksum is the crc32c of 148 bytes: the generation as __le64, br_parent,
 * br_uid, and br_name with its padding. What changes while a branch lives is
 * not in it; the words of those have a check each.
 */
#define SUMMED_NAME	20u
#define SUMMED_UID	16u
#define SUMMED		(SUMMED_NAME + sizeof(((struct daxfs_branch *)0)->br_name))

static u32 entry_checksum(const struct daxfs_branch *raw, u64 generation)
{
	__le64 gen = cpu_to_le64(generation);
	u32 crc = dxc_crc32c(0, &gen, sizeof(gen));

	crc = dxc_crc32c(crc, &raw->br_parent, sizeof(raw->br_parent));
	crc = dxc_crc32c(crc, &raw->br_uid, sizeof(raw->br_uid));
	return dxc_crc32c(crc, raw->br_name, sizeof(raw->br_name));
}

/*
 * Makes the members of a copy of an entry right that br_checksum is about, where one bit of
 * them or of it is flipped. False: there is more damage, or it is not there.
 */
static bool entry_mend(struct daxfs_branch *raw, u64 generation)
{
	u32 rest = entry_checksum(raw, generation) ^ le32_to_cpu(raw->br_checksum);
	/* What the last bit of the last byte makes of the remainder. */
	u32 power = 0x82f63b78;
	u32 at, bit;

	if (!rest)
		return true;
	if (!(rest & (rest - 1))) {
		raw->br_checksum ^= cpu_to_le32(rest);
		return true;
	}
	for (at = SUMMED; at-- > SUMMED_UID;) {
		for (bit = 8; bit--; power = power >> 1 ^ (power & 1 ? 0x82f63b78 : 0)) {
			if (power != rest)
				continue;
			if (at >= SUMMED_NAME)
				raw->br_name[at - SUMMED_NAME] ^= 1u << bit;
			else
				raw->br_uid ^= cpu_to_le32(1u << ((at - SUMMED_UID) * 8 + bit));
			return true;
		}
	}
	return false;
}

static void mend_word(__le64 *word)
{
	u64 right = le64_to_cpu(*word);

	if (dxc_word_mend(&right))
		*word = cpu_to_le64(right);
}

bool dxc_entry_mend(struct daxfs_branch *raw)
{
	struct daxfs_branch before = *raw;
	u64 generation;
	u32 state;

	mend_word(&raw->br_state);
	state = dxc_state_open(le64_to_cpu(raw->br_state), &generation);
	if (state != DAXFS_BRANCH_FREE) {
		mend_word(&raw->br_parent);
		mend_word(&raw->br_head);
		mend_word(&raw->br_winner);
		mend_word(&raw->br_lease);
		mend_word(&raw->br_first_seq);
		mend_word(&raw->br_limit);
	}
	if (state == DAXFS_BRANCH_LIVE || state == DAXFS_BRANCH_DEAD)
		entry_mend(raw, generation);
	return memcmp(&before, raw, sizeof(before)) != 0;
}

static void entry_encode(const struct dxc_branch *br, struct daxfs_branch *raw)
{
	u32 i;

	memset(raw, 0, sizeof(*raw));
	raw->br_state = cpu_to_le64(dxc_state_word(br->state, br->id.generation));
	raw->br_parent = cpu_to_le64(dxc_branch_word(br->parent));
	raw->br_head = cpu_to_le64(dxc_link_seal(br->head_word));
	raw->br_winner = cpu_to_le64(dxc_branch_word(br->winner));
	raw->br_lease = cpu_to_le64(br->lease);
	raw->br_first_seq = cpu_to_le64(dxc_number_word(br->first_seq));
	raw->br_limit = cpu_to_le64(br->limit ? dxc_number_word(br->limit) : 0);
	raw->br_created = cpu_to_le64((u64)br->created);
	raw->br_uid = cpu_to_le32(br->uid);
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

/* A copy of an entry, which is mended, whose state was found to be state. */
static int entry_decode(const struct dxc_volume *vol, u32 index, u64 state,
			struct daxfs_branch *raw, struct dxc_branch *br,
			struct dxc_finding *f)
{
	u32 crc;

	memset(br, 0, sizeof(*br));
	br->id.branch = index;
	br->state = dxc_state_open(state, &br->id.generation);
	if ((br->state != DAXFS_BRANCH_LIVE && br->state != DAXFS_BRANCH_DEAD) ||
	    (index == DAXFS_MAIN_BRANCH && br->state != DAXFS_BRANCH_LIVE))
		return BR_BAD(DXC_BR_STATE, br_state, state);
	mend_word(&raw->br_parent);
	/* Only main is its own parent. */
	if (!dxc_branch_word_open(le64_to_cpu(raw->br_parent), &br->parent) ||
	    !br->parent.generation || br->parent.branch >= vol->branch_count ||
	    (br->parent.branch == index) != (index == DAXFS_MAIN_BRANCH) ||
	    (index == DAXFS_MAIN_BRANCH && !dxc_owner_is(br->parent, br->id)))
		return BR_BAD(DXC_BR_PARENT, br_parent, le64_to_cpu(raw->br_parent));
	crc = entry_checksum(raw, br->id.generation);
	if (!entry_mend(raw, br->id.generation))
		return BR_BAD(DXC_BR_CHECKSUM, br_checksum, crc);
	if (!name_decode(raw, br->name) ||
	    (index == DAXFS_MAIN_BRANCH && strcmp(br->name, "main") != 0))
		return BR_BAD(DXC_BR_NAME, br_name, 0);
	if (!dxc_word_is(le64_to_cpu(raw->br_first_seq), DAXFS_WORD_NUMBER, &br->first_seq))
		return BR_BAD(DXC_BR_WORD, br_first_seq, le64_to_cpu(raw->br_first_seq));
	/* None where it is no word: it costs nobody his branch. */
	if (!dxc_word_is(le64_to_cpu(raw->br_limit), DAXFS_WORD_NUMBER, &br->limit))
		br->limit = 0;
	br->uid = le32_to_cpu(raw->br_uid);
	br->created = (s64)le64_to_cpu(raw->br_created);
	return 0;
}

u64 dxc_branch_head_word(const struct dxc_volume *vol, u32 index)
{
	return dxc_link_open(dxc_word_load(vol, BR_AT(vol, index, br_head)));
}

/* Words that others store while they look. */
static int read_words(const struct dxc_volume *vol, struct dxc_branch *br, struct dxc_finding *f)
{
	u32 index = br->id.branch;
	u64 winner = dxc_word_load(vol, BR_AT(vol, index, br_winner));

	br->head_word = dxc_branch_head_word(vol, index);
	br->head = dxc_head_link(br->head_word);
	br->lease = dxc_word_get(vol, BR_AT(vol, index, br_lease));
	/* Whether its log goes on in another's cannot be told. */
	if (!dxc_winner_open(winner, &br->winner))
		return BR_BAD(DXC_BR_WORD, br_winner, winner);
	return 0;
}

/* One try; *sum is the checksum of what is stored, right or not. */
static noinline_for_stack int read_entry(const struct dxc_volume *vol, u32 index, u64 state,
					 struct dxc_branch *br, u32 *sum,
					 struct dxc_finding *f)
{
	struct daxfs_branch raw;
	int err = dxc_region_read(&vol->region, dxc_entry_at(vol, index), &raw, sizeof(raw));

	if (err)
		return err;
	*sum = dxc_crc32c(0, &raw, sizeof(raw));
	return entry_decode(vol, index, state, &raw, br, f);
}

int dxc_branch_read(const struct dxc_volume *vol, u32 index, struct dxc_branch *br,
		    struct dxc_finding *f)
{
	u32 state, sum = 0, before = 0;
	u64 word, generation;
	int err = -ENOENT, tries;

	if (index >= vol->branch_count)
		return -ENOENT;
	for (tries = 0; tries < READ_TRIES; tries++) {
		word = dxc_word_load(vol, BR_AT(vol, index, br_state));
		state = dxc_state_open(word, &generation);
		if (index != DAXFS_MAIN_BRANCH && dxc_state_is_nobodys(state))
			return -ENOENT;
		err = read_entry(vol, index, word, br, &sum, f);
		if (err != -EUCLEAN)
			break;
		/* Half of it may be of another branch, or of another name: it goes on changing. */
		if (tries && sum == before)
			return err;
		before = sum;
	}
	return err ? err : read_words(vol, br, f);
}

int dxc_branch_still(const struct dxc_volume *vol, struct dxc_owner id,
		     struct dxc_owner parent)
{
	u64 generation, lies_on;
	u32 state;
	int tries;

	if (id.branch >= vol->branch_count)
		return -ESTALE;
	/* One flipped bit in each is no change; more may be half of one. */
	for (tries = 0; tries < READ_TRIES; tries++) {
		state = dxc_state_open(dxc_word_load(vol, BR_AT(vol, id.branch, br_state)),
				       &generation);
		if (state == DXC_STATE_UNKNOWN)
			continue;
		if (state != DAXFS_BRANCH_LIVE || generation != id.generation)
			return -ESTALE;
		lies_on = dxc_word_get(vol, BR_AT(vol, id.branch, br_parent));
		/* Of the entry's next user, when the state is not the same afterwards. */
		if (dxc_is_live(vol, id))
			return lies_on == dxc_branch_word(parent) ? 0 : -EUCLEAN;
	}
	return -EUCLEAN;
}

/* The first chunk of the log of a branch that is gone, as long as its entry is nobody's since. */
static dxc_chunk last_head(const struct dxc_volume *vol, struct dxc_owner id)
{
	struct daxfs_branch raw;
	u64 head;

	if (dxc_region_read(&vol->region, dxc_entry_at(vol, id.branch), &raw, sizeof(raw)))
		return DXC_NO_CHUNK;
	head = dxc_head_link(dxc_link_open(le64_to_cpu(raw.br_head)));
	if (entry_checksum(&raw, id.generation) != le32_to_cpu(raw.br_checksum) || !head ||
	    head == DXC_LINK_UNKNOWN)
		return DXC_NO_CHUNK;
	return head - 1;
}

bool dxc_branch_was_committed(const struct dxc_volume *vol, struct dxc_owner gone,
			      struct dxc_owner parent, dxc_chunk known)
{
	struct dxc_chunk_use use;
	dxc_chunk head;

	head = gone.branch < vol->branch_count ? last_head(vol, gone) : DXC_NO_CHUNK;
	if (head == DXC_NO_CHUNK)
		head = known;
	return head != DXC_NO_CHUNK && head < dxc_chunk_count(vol) &&
	       !dxc_chunk_read(vol, head, &use) && use.kind == DAXFS_CHUNK_LOG &&
	       dxc_owner_is(use.owner, parent);
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
	__le64 parent;
	u64 gen;

	if (dxc_region_read(&vol->region, dxc_entry_at(vol, index), raw, sizeof(*raw)))
		return false;
	if (dxc_state_open(le64_to_cpu(raw->br_state), &gen) != DAXFS_BRANCH_MAKING ||
	    !dxc_branch_word_open(le64_to_cpu(raw->br_winner), id) ||
	    id->branch == DAXFS_MAIN_BRANCH || id->generation != gen || !dxc_is_live(vol, *id))
		return false;
	mend_word(&raw->br_parent);
	parent = cpu_to_le64(dxc_word_get(vol, BR_AT(vol, id->branch, br_parent)));
	return parent == raw->br_parent && entry_mend(raw, gen) && name_decode(raw, name);
}

/* The branch that entry index has the new name of, if its own is written in part only. */
static bool find_renamed(const struct dxc_volume *vol, u32 index, struct dxc_branch *br)
{
	struct daxfs_branch raw;
	struct dxc_owner id;

	return read_rename(vol, index, &raw, &id) &&
	       dxc_branch_read(vol, id.branch, br, NULL) == -EUCLEAN &&
	       !entry_decode(vol, id.branch, dxc_state_word(DAXFS_BRANCH_LIVE, id.generation),
			     &raw, br, NULL) &&
	       !read_words(vol, br, NULL) && dxc_is_live(vol, br->parent);
}

/* Is it the name that is stored, but for a flipped bit? */
static bool may_be_name(const char *stored, const char *name)
{
	u32 wrong = 0, i;
	u8 flipped;

	for (i = 0; i < DAXFS_BRANCH_NAME_MAX + 1 && wrong < 2; i++) {
		flipped = stored[i] ^ *name;
		if (flipped)
			wrong += flipped & (flipped - 1) ? 2 : 1;
		if (*name)
			name++;
	}
	return wrong < 2;
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
		    !may_be_name(stored, name))
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
		    dxc_word_says(vol, BR_AT(vol, i, br_parent), dxc_branch_word(parent)) &&
		    !read_live(vol, i, br) && dxc_owner_is(br->parent, parent))
			return 0;
	}
	return -ENOENT;
}

/*
 * May entry index be a live child, of *parent? -EUCLEAN: as far as can be told, and nothing
 * else is known of it; -ENOENT: no.
 */
static int read_child(const struct dxc_volume *vol, u32 index, struct dxc_owner *parent,
		      struct dxc_branch *br)
{
	u32 state = dxc_entry_state(vol, index);
	int err;

	if (index == DAXFS_MAIN_BRANCH || dxc_state_is_nobodys(state) ||
	    state == DAXFS_BRANCH_DEAD ||
	    !dxc_branch_word_open(dxc_word_get(vol, BR_AT(vol, index, br_parent)), parent))
		return -ENOENT;
	err = read_live(vol, index, br);
	if (!err && !dxc_owner_is(br->parent, *parent))
		err = -ENOENT;
	return !err || err == -ENOENT ? err : -EUCLEAN;
}

bool dxc_branch_has_children(const struct dxc_volume *vol, struct dxc_owner id)
{
	u64 word = dxc_branch_word(id);
	struct dxc_owner parent;
	struct dxc_branch br;
	u32 i;

	for (i = DAXFS_MAIN_BRANCH + 1; i < vol->branch_count; i++)
		if (dxc_word_says(vol, BR_AT(vol, i, br_parent), word) &&
		    read_child(vol, i, &parent, &br) != -ENOENT)
			return true;
	return false;
}

bool dxc_branch_is_frozen(const struct dxc_volume *vol, struct dxc_owner id)
{
	return dxc_winner_is_set(dxc_word_get(vol, BR_AT(vol, id.branch, br_winner))) ||
	       dxc_branch_has_children(vol, id);
}

static void start_frozen(const struct dxc_volume *vol, struct dxc_frozen *frozen)
{
	u64 word = dxc_word_get(vol, BR_AT(vol, frozen->id.branch, br_winner));

	frozen->is = dxc_winner_is_set(word);
	frozen->seq = DXC_NO_SEQ;
}

/* Entry index is asked whether it is a child of it. */
static void note_child(const struct dxc_volume *vol, u32 index, struct dxc_frozen *frozen)
{
	struct dxc_owner parent;
	struct dxc_branch br;
	int err = read_child(vol, index, &parent, &br);

	if (err == -ENOENT || !dxc_owner_is(parent, frozen->id))
		return;
	frozen->is = true;
	/* All of them say the same. */
	if (!err && frozen->seq == DXC_NO_SEQ)
		frozen->seq = br.first_seq;
}

void dxc_branch_frozen(const struct dxc_volume *vol, struct dxc_frozen *frozen)
{
	u64 word = dxc_branch_word(frozen->id);
	u32 i;

	start_frozen(vol, frozen);
	for (i = DAXFS_MAIN_BRANCH + 1; i < vol->branch_count; i++)
		if (dxc_word_says(vol, BR_AT(vol, i, br_parent), word))
			note_child(vol, i, frozen);
}

int dxc_branches_frozen(const struct dxc_volume *vol, struct dxc_frozen *list, u32 count)
{
	struct dxc_frozen **by_index = dxc_alloc(vol->branch_count, sizeof(struct dxc_frozen *));
	struct dxc_owner parent;
	u32 i;

	if (!by_index)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		start_frozen(vol, &list[i]);
		by_index[list[i].id.branch] = &list[i];
	}
	for (i = DAXFS_MAIN_BRANCH + 1; i < vol->branch_count; i++)
		if (dxc_branch_word_open(dxc_word_get(vol, BR_AT(vol, i, br_parent)), &parent) &&
		    parent.branch < vol->branch_count && by_index[parent.branch])
			note_child(vol, i, by_index[parent.branch]);
	dxc_free(by_index);
	return 0;
}

/* ---- making, naming ---- */

/* Without its state. */
static noinline_for_stack void write_members(const struct dxc_volume *vol, u32 index,
					     const struct dxc_branch *br)
{
	const u32 from = offsetof(struct daxfs_branch, br_parent);
	struct daxfs_branch raw;

	entry_encode(br, &raw);
	dxc_region_write(vol, dxc_entry_at(vol, index) + from, (const u8 *)&raw + from,
			 sizeof(raw) - from);
}

void dxc_branch_format(const struct dxc_volume *vol, s64 created, u32 uid, u64 salt)
{
	struct dxc_branch br = {
		.id = { DAXFS_MAIN_BRANCH, 1 },
		.parent = { DAXFS_MAIN_BRANCH, 1 },
		.state = DAXFS_BRANCH_LIVE,
		.first_seq = 1,
		.created = created,
		.uid = uid,
		.name = "main",
	};

	dxc_word_store(vol, BR_AT(vol, DAXFS_MAIN_BRANCH, br_state),
		       dxc_state_word(br.state, br.id.generation));
	write_members(vol, DAXFS_MAIN_BRANCH, &br);
	dxc_word_store(vol, SS_AT(vol, ss_next_ino), dxc_number_word(vol->inode_count + 1));
	dxc_word_store(vol, SS_AT(vol, ss_commit_seq), dxc_number_word(1));
	dxc_word_store(vol, SS_AT(vol, ss_next_gen), dxc_number_word(2));
	dxc_word_store(vol, SS_AT(vol, ss_next_salt), dxc_number_word(salt));
	dxc_word_store(vol, SS_AT(vol, ss_taken), dxc_number_word(1));
	dxc_fence(vol);
}

bool dxc_branch_is_renaming(const struct dxc_volume *vol, u32 index, struct dxc_owner *id)
{
	struct daxfs_branch raw;

	return index != DAXFS_MAIN_BRANCH && index < vol->branch_count &&
	       read_rename(vol, index, &raw, id);
}

static noinline_for_stack bool is_whole(const struct dxc_volume *vol, u32 index)
{
	struct dxc_branch br;

	return !dxc_branch_read(vol, index, &br, NULL);
}

/* True if the name was written. */
static bool finish_rename(const struct dxc_volume *vol, u32 index, bool started)
{
	const u32 from = offsetof(struct daxfs_branch, br_uid);
	struct daxfs_branch raw;
	struct dxc_owner id;

	if (!read_rename(vol, index, &raw, &id))
		return false;
	/* After a crash, one that is whole has its old name or its new one already. */
	if (!started && is_whole(vol, id.branch))
		return false;
	dxc_region_write(vol, dxc_entry_at(vol, id.branch) + from, (const u8 *)&raw + from,
			 sizeof(raw) - from);
	/* The name is whole before the entry it could be taken from again is free. */
	dxc_fence(vol);
	return true;
}

/* Of a branch without a log that is made there: none that an earlier branch of the entry had lately. */
static u64 first_head(const struct dxc_volume *vol, u32 index)
{
	return dxc_head_next(dxc_link_open(dxc_word_load(vol, BR_AT(vol, index, br_head))), 0);
}

/*
 * Index of an entry that is being made from now on, with that generation, or 0. Of one that another
 * began to make nothing is known but that he may go on: it is not taken.
 */
static u32 claim_entry(const struct dxc_volume *vol, u64 generation)
{
	u32 i;

	for (i = DAXFS_MAIN_BRANCH + 1; i < vol->branch_count; i++)
		if (dxc_entry_state(vol, i) == DAXFS_BRANCH_FREE &&
		    dxc_word_change(vol, BR_AT(vol, i, br_state), 0,
				    dxc_state_word(DAXFS_BRANCH_MAKING, generation)))
			return i;
	return 0;
}

/* Nobody stores to it any more: who was making it, and was taken for dead, is done with it. */
static void give_left_back(const struct dxc_volume *vol, struct dxc_owner id)
{
	dxc_entry_change(vol, id, DAXFS_BRANCH_LEFT, DAXFS_BRANCH_FREE);
}

/*
 * The same with the volume lock. -EAGAIN: that was taken over, maybe before the entry was claimed,
 * so whoever did it has not left it to us. -ENOSPC.
 */
static int claim_locked(const struct dxc_volume *vol, u64 lock, u64 generation, u32 *index)
{
	struct dxc_owner id = { .generation = generation };

	*index = claim_entry(vol, generation);
	if (!*index)
		return -ENOSPC;
	if (!lock || dxc_lock_is_held(vol, lock))
		return 0;
	id.branch = *index;
	dxc_entry_change(vol, id, DAXFS_BRANCH_MAKING, DAXFS_BRANCH_FREE);
	give_left_back(vol, id);
	return -EAGAIN;
}

static int new_generation(const struct dxc_volume *vol, u64 *generation)
{
	/* 0 is nobody's, 1 is main's. */
	return dxc_count_up_durably(vol, SS_AT(vol, ss_next_gen), 2, DXC_GEN_LIMIT, generation);
}

/* Can it have children? Their views would be looked up in all of its parents'. */
static int check_depth(const struct dxc_volume *vol, struct dxc_owner parent)
{
	u32 depth;

	for (depth = 1; parent.branch != DAXFS_MAIN_BRANCH; depth++) {
		if (depth == DAXFS_BRANCH_DEPTH_MAX)
			return -EMLINK;
		if (!dxc_branch_word_open(dxc_word_get(vol, BR_AT(vol, parent.branch, br_parent)),
					  &parent) ||
		    parent.branch >= vol->branch_count)
			return -EUCLEAN;
	}
	return 0;
}

int dxc_branch_create(const struct dxc_volume *vol, u64 lock, struct dxc_owner parent,
		      const char *name, s64 created, u32 uid, u64 first_seq,
		      struct dxc_branch *br)
{
	u64 generation;
	u32 index;
	int err;

	if (!dxc_branch_name_is_legal(name))
		return -EINVAL;
	/* No honest log is that long. */
	if (first_seq >= DXC_WORD_LIMIT)
		return -EUCLEAN;
	err = dxc_branch_get(vol, parent, br);
	if (err)
		return err;
	err = check_depth(vol, parent);
	if (err)
		return err;
	/* It would be taken for a sibling of the winner. */
	if (dxc_winner_is_set(dxc_word_get(vol, BR_AT(vol, parent.branch, br_winner))))
		return -EBUSY;
	if (!dxc_branch_find(vol, name, br))
		return -EEXIST;
	err = new_generation(vol, &generation);
	if (err)
		return err;
	err = claim_locked(vol, lock, generation, &index);
	if (err)
		return err;
	memset(br, 0, sizeof(*br));
	br->id.branch = index;
	br->id.generation = generation;
	br->state = DAXFS_BRANCH_MAKING;
	br->parent = parent;
	br->head_word = first_head(vol, index);
	br->first_seq = first_seq;
	br->created = created;
	br->uid = uid;
	memcpy(br->name, name, strlen(name));
	write_members(vol, index, br);
	/* Members, with head, winner and lease of none, before the state that shows them. */
	dxc_fence(vol);
	/* If we were thought dead, and the lock was taken over, it was left to us, */
	if (!dxc_entry_change(vol, br->id, DAXFS_BRANCH_MAKING, DAXFS_BRANCH_LIVE)) {
		give_left_back(vol, br->id);
		return -ESTALE;
	}
	dxc_fence(vol);	/* live before anything is done in it */
	/* or the parent may be gone: so is this. */
	if (!dxc_is_live(vol, parent)) {
		dxc_branch_unmake(vol, br->id);
		return -ESTALE;
	}
	br->state = DAXFS_BRANCH_LIVE;
	dxc_commit_seq_advance(vol);
	return 0;
}

void dxc_branch_unmake(const struct dxc_volume *vol, struct dxc_owner id)
{
	dxc_entry_change_from(vol, id, dxc_state_word(DAXFS_BRANCH_LIVE, id.generation),
			      DAXFS_BRANCH_LIVE, DAXFS_BRANCH_DEAD);
	dxc_fence(vol);	/* dead before the caller says that there is none */
}

/* 0: nobody is called so. */
static noinline_for_stack int find_name(const struct dxc_volume *vol, const char *name,
					struct dxc_owner *id)
{
	struct dxc_branch br;

	if (dxc_branch_find(vol, name, &br))
		return 0;
	*id = br.id;
	return -EEXIST;
}

int dxc_branch_rename(const struct dxc_volume *vol, u64 lock, struct dxc_owner id,
		      const char *name)
{
	struct dxc_owner other, renaming = id;
	struct dxc_branch br;
	u32 index;
	int err;

	if (!dxc_branch_name_is_legal(name))
		return -EINVAL;
	err = dxc_branch_get(vol, id, &br);
	if (err)
		return err;
	if (id.branch == DAXFS_MAIN_BRANCH)
		return -EPERM;
	err = find_name(vol, name, &other);
	if (err)
		return dxc_owner_is(other, id) ? 0 : err;
	err = claim_locked(vol, lock, id.generation, &index);
	if (err)
		return err;
	br.state = DAXFS_BRANCH_MAKING;
	br.winner = id;
	br.head_word = first_head(vol, index);
	br.lease = 0;
	memset(br.name, 0, sizeof(br.name));
	memcpy(br.name, name, strlen(name));
	write_members(vol, index, &br);
	/* The new name is whole there before the old one is written over. */
	dxc_fence(vol);
	/* The stores that follow are not fenced: see daxfs-protocol(7), BUGS. */
	if (lock && !dxc_lock_is_held(vol, lock))
		err = -EAGAIN;
	else if (!finish_rename(vol, index, true))
		/* The lock was taken over and the entry is LEFT, or its bytes were overwritten. */
		err = lock && !dxc_lock_is_held(vol, lock) ? -EAGAIN : -EUCLEAN;
	renaming.branch = index;
	dxc_entry_change(vol, renaming, DAXFS_BRANCH_MAKING, DAXFS_BRANCH_FREE);
	give_left_back(vol, renaming);
	/* Nobody's entry again before the next one begins. */
	dxc_commit_seq_advance(vol);
	return err;
}

bool dxc_branch_drop_unfinished(const struct dxc_volume *vol, bool leave)
{
	u64 word, generation;
	bool any = false;
	u32 i;

	for (i = DAXFS_MAIN_BRANCH + 1; i < vol->branch_count; i++) {
		word = dxc_word_get(vol, BR_AT(vol, i, br_state));
		if (dxc_state_open(word, &generation) != DAXFS_BRANCH_MAKING)
			continue;
		finish_rename(vol, i, false);
		any |= dxc_word_change(vol, BR_AT(vol, i, br_state), word,
				       leave ? dxc_state_other(word, DAXFS_BRANCH_LEFT, false) : 0);
	}
	if (any)
		dxc_fence(vol);	/* against the next that makes one there */
	return any;
}

void dxc_branch_free_left(const struct dxc_volume *vol)
{
	u64 word, generation;
	u32 i;

	for (i = DAXFS_MAIN_BRANCH + 1; i < vol->branch_count; i++) {
		word = dxc_word_get(vol, BR_AT(vol, i, br_state));
		if (dxc_state_open(word, &generation) == DAXFS_BRANCH_LEFT)
			dxc_word_change(vol, BR_AT(vol, i, br_state), word, 0);
	}
	dxc_fence(vol);
}
