// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mount slots and the leases of branches: who is there, and who may write what.
 * Decides nothing about clocks: that a mount is dead, the caller says.
 *
 * Nothing here is made durable. After a power failure nobody is there, and a
 * word that came back with an old value names somebody whose heartbeat stands
 * still.
 *
 * A slot's other members are stored by its owner after it was claimed; until
 * then they are those of an earlier owner. That misleads nobody: the earlier
 * mt_seen_seq is not above what ss_commit_seq was when the slot was claimed,
 * and the new owner reads the tables only afterwards, when what was freed up
 * to there is in them no longer.
 */
#include "words.h"

#define EPOCH_MASK	0x7fffffffull
#define SAY_TRIES	64	/* a hostile kernel may store to a slot all the time */

static dxc_off slot_at(const struct dxc_volume *vol, u32 slot)
{
	return vol->area[DAXFS_AREA_MOUNTS].offset + (u64)slot * sizeof(struct daxfs_mount);
}

#define MT_AT(vol, slot, member) (slot_at(vol, slot) + offsetof(struct daxfs_mount, member))

static u64 owner_word(u32 slot, u32 epoch)
{
	return dxc_word_seal_pair(DAXFS_WORD_OWNER, slot, epoch);
}

/* The epoch of whom slot is claimed by, or 0: a word that no mount ever stores there is nobody's. */
static u32 epoch_of(u64 owner, u32 slot)
{
	u64 value;

	if (!dxc_word_is(owner, DAXFS_WORD_OWNER, &value) || dxc_value_index(value) != slot ||
	    dxc_value_number(value) > EPOCH_MASK)
		return 0;
	return dxc_value_number(value);
}

/*
 * mt_seen_seq: a number, and below it bits of the epoch of who says it. What the slot's owner before
 * has said, or says late, is nothing then. A number that has no room is the last that has some.
 */
#define SEEN_EPOCH_BITS	12

static u64 seen_word(u32 epoch, u64 seq)
{
	return dxc_number_word(min_t(u64, seq, DXC_SEQ_LIMIT - 1) << SEEN_EPOCH_BITS |
			       (epoch & ((1u << SEEN_EPOCH_BITS) - 1)));
}

static u64 seen_open(u64 word, u32 epoch)
{
	u64 said;

	if (!dxc_word_is(word, DAXFS_WORD_NUMBER, &said) ||
	    (said ^ epoch) & ((1u << SEEN_EPOCH_BITS) - 1))
		return 0;
	return said >> SEEN_EPOCH_BITS;
}

/* mt_applied. */
#define APPLIED_WRITABLE	1u
#define APPLIED_SAID		2u
#define APPLIED_EPOCH_SHIFT	2
#define APPLIED_SEQ_SHIFT	(APPLIED_EPOCH_SHIFT + SEEN_EPOCH_BITS)

static u64 applied_word(u32 epoch, bool writable, bool said, u64 seq)
{
	u64 value = writable ? APPLIED_WRITABLE : 0;

	if (said)
		value |= APPLIED_SAID | (seq & DXC_APPLIED_MASK) << APPLIED_SEQ_SHIFT |
			(epoch & ((1u << SEEN_EPOCH_BITS) - 1)) << APPLIED_EPOCH_SHIFT;
	return dxc_number_word(value);
}

static void applied_open(u64 word, u32 epoch, struct dxc_mount *mt)
{
	u64 said;

	if (!dxc_word_is(word, DAXFS_WORD_NUMBER, &said))
		return;
	mt->writable = said & APPLIED_WRITABLE;
	mt->follows = said & APPLIED_SAID &&
		!((said >> APPLIED_EPOCH_SHIFT ^ epoch) & ((1u << SEEN_EPOCH_BITS) - 1));
	mt->applied = said >> APPLIED_SEQ_SHIFT;
}

/* What the owner of a slot says of itself; host: for people, so half of it will do. */
static void read_slot(const struct dxc_volume *vol, u32 slot, u32 epoch, struct dxc_mount *mt)
{
	u64 branch = dxc_word_load(vol, MT_AT(vol, slot, mt_branch));
	u32 i;

	memset(mt, 0, sizeof(*mt));
	mt->slot = slot;
	mt->epoch = epoch;
	mt->heartbeat = dxc_word_load(vol, MT_AT(vol, slot, mt_heartbeat));
	/* Nothing, where it cannot be read: nothing is reclaimed. */
	mt->seen_seq = seen_open(dxc_word_load(vol, MT_AT(vol, slot, mt_seen_seq)), epoch);
	if (!dxc_branch_word_open(branch, &mt->branch))
		memset(&mt->branch, 0, sizeof(mt->branch));
	/* After mt_branch: it is taken back before that is another one. */
	applied_open(dxc_word_load(vol, MT_AT(vol, slot, mt_applied)), epoch, mt);
	if (dxc_region_read(&vol->region, MT_AT(vol, slot, mt_host), mt->host,
			    sizeof(mt->host) - 1))
		mt->host[0] = 0;
	/* It goes to terminals. */
	for (i = 0; i < sizeof(mt->host) && mt->host[i]; i++)
		if (mt->host[i] < 0x21 || mt->host[i] > 0x7e)
			mt->host[i] = '?';
}

int dxc_mount_read(const struct dxc_volume *vol, u32 slot, struct dxc_mount *mt)
{
	u32 epoch = epoch_of(dxc_word_load(vol, MT_AT(vol, slot, mt_owner)), slot);

	if (!epoch)
		return -ENOENT;
	read_slot(vol, slot, epoch, mt);
	return 0;
}

/* Takes the slot if it is free, or its owner is dead. */
static bool claim_slot(const struct dxc_volume *vol, u32 slot, u32 epoch_mine,
		       bool (*dead)(void *priv, const struct dxc_mount *mt), void *priv)
{
	dxc_off at = MT_AT(vol, slot, mt_owner);
	u64 owner = dxc_word_get(vol, at), mine = owner_word(slot, epoch_mine);
	u32 epoch = epoch_of(owner, slot);
	struct dxc_mount mt;

	if (epoch) {
		if (!dead)
			return false;
		read_slot(vol, slot, epoch, &mt);
		if (!dead(priv, &mt))
			return false;
	}
	return dxc_word_exchange(vol, at, owner, mine) == owner;
}

/*
 * What is stored in a slot is exchanged for what was there before its owner was looked at: who was
 * taken for dead stores nothing in what is another's by now. False: it is.
 */
static bool say(const struct dxc_volume *vol, u32 slot, u32 epoch, dxc_off at, u64 word)
{
	u32 tries = SAY_TRIES;
	u64 old;

	do {
		old = dxc_word_load(vol, at);
		if (!dxc_word_says(vol, MT_AT(vol, slot, mt_owner), owner_word(slot, epoch)))
			return false;
	} while (dxc_cmpxchg(dxc_word_at(vol, at), cpu_to_le64(old), cpu_to_le64(word)) !=
		 cpu_to_le64(old) && --tries);
	return true;
}

/* The slot was just claimed. */
static void first_beat(const struct dxc_volume *vol, u32 slot)
{
	dxc_off at = MT_AT(vol, slot, mt_heartbeat);
	u32 tries = 0;
	u64 beat;

	/* The owner before may store one more. */
	do
		beat = dxc_word_load(vol, at);
	while (dxc_cmpxchg(dxc_word_at(vol, at), cpu_to_le64(beat), cpu_to_le64(beat + 1)) !=
	       cpu_to_le64(beat) && ++tries < SAY_TRIES);
}

int dxc_mount_claim(const struct dxc_volume *vol, u32 epoch, struct dxc_owner branch,
		    bool writable, const char *host,
		    bool (*dead)(void *priv, const struct dxc_mount *mt), void *priv,
		    u32 *slot)
{
	__le64 name[sizeof(((struct daxfs_mount *)0)->mt_host) / sizeof(__le64)] = {};
	u32 i, n;

	epoch &= EPOCH_MASK;
	if (!epoch)
		return -EINVAL;
	for (i = 0; i < vol->mount_count; i++)
		if (claim_slot(vol, i, epoch, NULL, NULL))
			break;
	/* Only then at the expense of others. */
	for (n = 0; i == vol->mount_count && dead && n < vol->mount_count; n++)
		if (claim_slot(vol, n, epoch, dead, priv))
			i = n;
	if (i == vol->mount_count)
		return -EUSERS;
	/* Has seen nothing: nothing is reclaimed until the owner says what it has. */
	dxc_mount_set_seen(vol, i, epoch, 0);
	first_beat(vol, i);
	dxc_mount_set_branch(vol, i, epoch, branch, writable);
	memcpy(name, host, strnlen(host, sizeof(name)));
	for (n = 0; n < sizeof(name) / sizeof(name[0]); n++)
		say(vol, i, epoch, MT_AT(vol, i, mt_host) + n * sizeof(name[0]),
		    le64_to_cpu(name[n]));
	*slot = i;
	return 0;
}

void dxc_mount_release(const struct dxc_volume *vol, u32 slot, u32 epoch)
{
	epoch &= EPOCH_MASK;
	/* A region at rest has nothing random in it, so two copies of it are the same. */
	say(vol, slot, epoch, MT_AT(vol, slot, mt_seen_seq), dxc_number_word(0));
	say(vol, slot, epoch, MT_AT(vol, slot, mt_applied), applied_word(epoch, false, false, 0));
	/* Not if somebody thought us dead and took it. */
	dxc_word_exchange(vol, MT_AT(vol, slot, mt_owner), owner_word(slot, epoch), 0);
}

void dxc_mount_clear(const struct dxc_volume *vol, u32 slot,
		     bool (*dead)(void *priv, const struct dxc_mount *mt), void *priv)
{
	dxc_off at = MT_AT(vol, slot, mt_owner);
	u64 owner = dxc_word_get(vol, at);
	u32 epoch = epoch_of(owner, slot);
	struct dxc_mount mt;

	if (epoch) {
		read_slot(vol, slot, epoch, &mt);
		if (!dead || !dead(priv, &mt))
			return;
	}
	if (owner)
		dxc_word_exchange(vol, at, owner, 0);
}

static bool clear_holder(const struct dxc_volume *vol, dxc_off at)
{
	dxc_holder holder = dxc_word_get(vol, at);

	return holder && !dxc_holder_is_there(vol, holder) &&
	       dxc_word_exchange(vol, at, holder, 0) == holder;
}

bool dxc_holders_clear(const struct dxc_volume *vol)
{
	bool any = clear_holder(vol, SS_AT(vol, ss_lock));
	u32 i;

	for (i = 0; i < vol->branch_count; i++)
		any |= clear_holder(vol, BR_AT(vol, i, br_lease));
	return any;
}

bool dxc_holder_open(const struct dxc_volume *vol, dxc_holder holder, u32 *slot, u32 *epoch)
{
	u64 value;

	if (!dxc_word_is(holder, DAXFS_WORD_HOLDER, &value) || !dxc_value_number(value) ||
	    dxc_value_number(value) > EPOCH_MASK || dxc_value_index(value) >= vol->mount_count)
		return false;
	*slot = dxc_value_index(value);
	*epoch = dxc_value_number(value);
	return true;
}

bool dxc_holder_is_there(const struct dxc_volume *vol, dxc_holder holder)
{
	u32 slot, epoch;

	return dxc_holder_open(vol, holder, &slot, &epoch) &&
	       dxc_word_says(vol, MT_AT(vol, slot, mt_owner), owner_word(slot, epoch));
}

u64 dxc_mount_heartbeat(const struct dxc_volume *vol, u32 slot)
{
	return dxc_word_load(vol, MT_AT(vol, slot, mt_heartbeat));
}

bool dxc_mount_beat(const struct dxc_volume *vol, u32 slot, u32 epoch)
{
	dxc_off at = MT_AT(vol, slot, mt_heartbeat);
	u64 beat = dxc_word_load(vol, at);

	/*
	 * Looked at after the heartbeat was: whoever takes the slot counts that up after it took it,
	 * so a beat that comes later than that fails, and one before it only adds 1.
	 */
	if (!dxc_word_says(vol, MT_AT(vol, slot, mt_owner), owner_word(slot, epoch & EPOCH_MASK)))
		return false;
	dxc_cmpxchg(dxc_word_at(vol, at), cpu_to_le64(beat), cpu_to_le64(beat + 1));
	return true;
}

void dxc_mount_set_branch(const struct dxc_volume *vol, u32 slot, u32 epoch,
			  struct dxc_owner branch, bool writable)
{
	epoch &= EPOCH_MASK;
	say(vol, slot, epoch, MT_AT(vol, slot, mt_applied),
	    applied_word(epoch, writable, false, 0));
	say(vol, slot, epoch, MT_AT(vol, slot, mt_branch), dxc_branch_word(branch));
}

bool dxc_mount_set_applied(const struct dxc_volume *vol, u32 slot, u32 epoch, bool writable,
			   u64 seq)
{
	epoch &= EPOCH_MASK;
	return say(vol, slot, epoch, MT_AT(vol, slot, mt_applied),
		   applied_word(epoch, writable, true, seq));
}

void dxc_branch_readers(const struct dxc_volume *vol, struct dxc_owner id, u64 seq,
			bool (*skip)(void *priv, const struct dxc_mount *mt), void *priv,
			struct dxc_readers *readers)
{
	struct dxc_mount mt;
	u64 behind;
	u32 i;

	readers->any = false;
	readers->applied = seq;
	readers->seen = ~0ull;
	for (i = 0; i < vol->mount_count; i++) {
		if (dxc_mount_read(vol, i, &mt) || (skip && skip(priv, &mt)))
			continue;
		readers->seen = min_t(u64, readers->seen, mt.seen_seq);
		if (!dxc_owner_is(mt.branch, id))
			continue;
		readers->any = true;
		/* One that is ahead, or says nothing, has followed nothing. */
		behind = (seq - mt.applied) & DXC_APPLIED_MASK;
		if (!mt.follows || behind > DXC_APPLIED_MASK / 2 || behind > seq)
			behind = seq;
		readers->applied = min_t(u64, readers->applied, seq - behind);
	}
}

u64 dxc_branch_watch(const struct dxc_volume *vol, u32 index)
{
	return dxc_word_load(vol, BR_AT(vol, index, br_watch));
}

void dxc_branch_watch_up(const struct dxc_volume *vol, u32 index)
{
	__le64 *word = dxc_word_at(vol, BR_AT(vol, index, br_watch));
	__le64 old = READ_ONCE(*word), seen;
	u32 tries;

	/* Orders the slot, which was stored before it, and the log, which is read after it. */
	for (tries = 0; tries < SAY_TRIES; tries++) {
		seen = dxc_cmpxchg(word, old, cpu_to_le64(le64_to_cpu(old) + 1));
		if (seen == old)
			break;
		old = seen;
	}
}

bool dxc_mount_set_seen(const struct dxc_volume *vol, u32 slot, u32 epoch, u64 seq)
{
	epoch &= EPOCH_MASK;
	/* Whatever was read of the state before seq was read before this. */
	return say(vol, slot, epoch, MT_AT(vol, slot, mt_seen_seq), seen_word(epoch, seq));
}

u64 dxc_mount_seen(const struct dxc_volume *vol,
		   bool (*dead)(void *priv, const struct dxc_mount *mt), void *priv)
{
	/*
	 * A mount may claim a slot that was already found free. What was freed
	 * before that is not in the tables it reads; so no more is promised.
	 */
	u64 seen = dxc_commit_seq(vol);
	bool any = false;
	struct dxc_mount mt;
	u32 i;

	for (i = 0; i < vol->mount_count; i++) {
		if (dxc_mount_read(vol, i, &mt) || (dead && dead(priv, &mt)))
			continue;
		any = true;
		seen = min_t(u64, seen, mt.seen_seq);
	}
	return any ? seen : ~0ull;
}

/* ---- leases ---- */

int dxc_lease_take(const struct dxc_volume *vol, struct dxc_owner id, dxc_holder me,
		   dxc_holder *holder)
{
	struct dxc_branch br;
	int err;

	err = dxc_branch_get(vol, id, &br);
	if (err)
		return err;
	err = dxc_holder_take(vol, BR_AT(vol, id.branch, br_lease), me, holder);
	if (err)
		return err;
	if (*holder) {
		dxc_branch_next_turn(vol, id);
		dxc_fence(vol);
	}
	/* The entry may have become another branch's meanwhile, whose lease is not ours. */
	err = dxc_branch_get(vol, id, &br);
	if (err)
		dxc_lease_drop(vol, id, me);
	return err;
}

void dxc_lease_drop(const struct dxc_volume *vol, struct dxc_owner id, dxc_holder me)
{
	if (id.branch < vol->branch_count)
		dxc_word_exchange(vol, BR_AT(vol, id.branch, br_lease), me, 0);
}

bool dxc_lease_pass(const struct dxc_volume *vol, struct dxc_owner id, dxc_holder from,
		    dxc_holder to)
{
	return dxc_is_live(vol, id) &&
	       dxc_word_exchange(vol, BR_AT(vol, id.branch, br_lease), from, to) == from;
}

bool dxc_lease_names(const struct dxc_volume *vol, u32 index, dxc_holder me)
{
	return dxc_word_says(vol, BR_AT(vol, index, br_lease), me);
}

bool dxc_lease_is_held(const struct dxc_volume *vol, struct dxc_owner id, dxc_holder me)
{
	return dxc_is_live(vol, id) && dxc_lease_names(vol, id.branch, me);
}
