// SPDX-License-Identifier: GPL-2.0-only
/*
 * Repairs what the checker finds.
 *
 * What is wrong, the checker says: here it is asked again, and what is done
 * follows from its findings. The one thing that is found out here is whose the
 * chunks are when their table lies: each log is read without asking the table
 * (dxc_space.survey), and a chunk that one of them uses is its branch's. One
 * that two use, or that belongs to a branch whose log cannot be read, is left
 * as it is.
 *
 * Locking: the caller has the volume lock and all leases, by dxc_repair_begin().
 */
#include "checker.h"
#include "repair.h"
#include "words.h"

/* Of entries of the branch table. */
#define MARK_LOST	1u
#define MARK_TWICE	2u
#define MARK_RESERVED	4u

/* What the survey has of a branch, besides its node. */
struct account {
	dxc_chunk tail;		/* first chunk of the segment that its log ends in */
	u32 used;		/* bytes of it */
	u32 size;		/* bytes of it in all */
	u64 salt;		/* the highest of its log */
	bool cut;		/* records that were read no more are behind that */
	bool late;		/* a writer that had lost its lease may have gone on behind that */
	u64 base_seq, seq;	/* where it starts, and ends */
	u64 lost_from, lost_to;	/* records that -y gives up; the same: none, to ~0: nobody knows how many */
	bool fills;		/* children stand on it: the log is to end where they were made over it */
	dxc_chunk fill;		/* and this is the segment that says so */
	struct dxc_attr *root;	/* for it: the root as it is */
	bool takes;		/* its log uses a log chunk that is not its own, says the table */
	bool leaves;		/* and it has one that its log does not use */
};

struct mender {
	const struct dxc_volume *vol;
	const struct dxc_repair *rep;
	struct checker c;
	struct dxc_check chk;
	u8 *marks;		/* one for each entry of the branch table */
	struct account *accounts; /* likewise */
	bool shared_zero;	/* what must be zero in the shared state is not */
	bool all_read;		/* every branch's log could be read */
	u64 generation, salt;	/* the highest that were given */
	dxc_ino ino;		/* the highest number of an inode */
};

enum dxc_remedy dxc_code_remedy(unsigned int code)
{
	if (dxc_code_is_leftover(code))
		return DXC_REMEDY_SAFE;
	switch (code) {
	case DXC_SB_COPY:
	case DXC_TB_FLIP:
	case DXC_SS_WORD:
	case DXC_SS_ZERO:
	case DXC_SS_INO:
	case DXC_SS_GEN:
	case DXC_BR_RESERVED:
	case DXC_CH_WORD:
	case DXC_CH_SEQ:
	case DXC_LR_CHAIN:
	case DXC_LR_BLOCKS:
		return DXC_REMEDY_SAFE;
	/* Others have a checksum that is right: somebody made it so. */
	case DXC_SB_MAGIC:
	case DXC_SB_CHECKSUM:
	case DXC_ZERO_AREA:
	case DXC_BR_TWICE:
	case DXC_BR_LOST:
	case DXC_LR_CUT:
	case DXC_LR_GAP:
		return DXC_REMEDY_ASKED;
	}
	return DXC_REMEDY_NONE;
}

/* ---- taking hold ---- */

int dxc_repair_begin(const struct dxc_volume *vol, struct dxc_repair *rep, u32 epoch,
		     const char *host)
{
	struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
	dxc_holder holder = 0;
	struct dxc_branch br;
	struct dxc_mount mt;
	u32 i;
	int err;

	rep->me = 0;
	if (!dxc_volume_is_writable(vol))
		return 0;
	for (i = 0; i < vol->mount_count; i++)
		dxc_mount_clear(vol, i, rep->gone, rep->priv);
	/* Who only stood still decides nothing by what is given to others. */
	if (dxc_holders_clear(vol))
		dxc_branch_fence(vol);
	err = dxc_mount_claim(vol, epoch, main_id, true, host, NULL, NULL, &rep->slot);
	if (err)
		return err == -EUSERS ? -EBUSY : err;
	rep->epoch = epoch;
	rep->me = dxc_holder_of(rep->slot, epoch);
	err = dxc_lock_take(vol, rep->me, &holder);
	/* Who only reads holds neither, but a slot. */
	for (i = 0; !err && i < vol->mount_count; i++)
		if (i != rep->slot && !dxc_mount_read(vol, i, &mt))
			err = -EBUSY;
	for (i = 0; !err && i < vol->branch_count; i++) {
		holder = 0;
		if (!dxc_branch_read(vol, i, &br, NULL) &&
		    dxc_lease_take(vol, br.id, rep->me, &holder) == -EBUSY)
			err = -EBUSY;
	}
	if (err)
		dxc_repair_end(vol, rep);
	return err;
}

void dxc_repair_end(const struct dxc_volume *vol, struct dxc_repair *rep)
{
	struct dxc_owner id = { 0 };

	if (!rep->me)
		return;
	for (id.branch = 0; id.branch < vol->branch_count; id.branch++)
		dxc_lease_drop(vol, id, rep->me);
	dxc_lock_drop(vol, rep->me);
	dxc_mount_release(vol, rep->slot, rep->epoch);
	rep->me = 0;
}

/* ---- the superblock, zeros ---- */

static int mend_super(struct mender *m)
{
	dxc_off copy_at = dxc_super_copy_at(m->vol->region.size);
	dxc_off from = m->rep->from_copy ? copy_at : 0;
	dxc_off to = m->rep->from_copy ? 0 : copy_at;
	u8 *buf = dxc_alloc(2, DAXFS_SB_SIZE);
	int err;

	if (!buf)
		return -ENOMEM;
	err = dxc_region_read(&m->vol->region, from, buf, DAXFS_SB_SIZE);
	if (!err)
		err = dxc_region_read(&m->vol->region, to, buf + DAXFS_SB_SIZE, DAXFS_SB_SIZE);
	if (!err && (m->rep->asked || !m->rep->from_copy) &&
	    memcmp(buf, buf + DAXFS_SB_SIZE, DAXFS_SB_SIZE) != 0) {
		dxc_region_write(m->vol, to, buf, DAXFS_SB_SIZE);
		dxc_fence(m->vol);	/* against nothing: it is whole, or its checksum is wrong */
	}
	dxc_free(buf);
	return err;
}

/* What is not zero from there to there becomes it. Durable after the next fence. */
static int clear(struct mender *m, dxc_off from, dxc_off to)
{
	u64 n;
	int err;

	for (; from < to; from += n) {
		n = min_t(u64, to - from, DAXFS_BLOCK_SIZE - from % DAXFS_BLOCK_SIZE);
		err = dxc_region_read(&m->vol->region, from, m->c.buf, n);
		if (err)
			return err;
		if (first_nonzero(m->c.buf, n) == n)
			continue;
		memset(m->c.buf, 0, n);
		dxc_region_write(m->vol, from, m->c.buf, n);
	}
	return 0;
}

static int mend_zeros(struct mender *m)
{
	dxc_off from, to;
	u32 i;
	int err = 0;

	for (i = 0; !err && i < DXC_ZERO_RANGES; i++) {
		dxc_zero_range(m->vol, i, &from, &to);
		err = clear(m, from, to);
	}
	return err;
}

/* ---- what the checker says of the tables ---- */

/* One that cannot have been given out says nothing of the counter. */
static void note_generation(struct mender *m, u64 number)
{
	if (number < DXC_GEN_LIMIT - 1)
		m->generation = max_t(u64, m->generation, number);
}

static void note_salt(struct mender *m, u64 number)
{
	if (number < DXC_WORD_LIMIT - 1)
		m->salt = max_t(u64, m->salt, number);
}

static int note(void *priv, const struct dxc_finding *f)
{
	struct mender *m = priv;
	u64 index = (f->offset - m->vol->area[DAXFS_AREA_BRANCHES].offset) /
		sizeof(struct daxfs_branch);

	switch (f->code) {
	case DXC_SS_ZERO:
		m->shared_zero = true;
		break;
	case DXC_SS_GEN:
		if (f->offset == SS_AT(m->vol, ss_next_gen))
			note_generation(m, f->detail);
		else
			note_salt(m, f->detail);
		break;
	case DXC_BR_LOST:
		m->marks[index] |= MARK_LOST;
		break;
	case DXC_BR_TWICE:
		m->marks[index] |= MARK_TWICE;
		break;
	case DXC_BR_RESERVED:
		m->marks[index] |= MARK_RESERVED;
		break;
	}
	return 0;
}

#define CLEAR_MEMBER(m, base, type, member) \
	clear(m, (base) + offsetof(struct type, member), \
	      (base) + offsetof(struct type, member) + sizeof(((struct type *)0)->member))

static int clear_reserved(struct mender *m, u32 index)
{
	dxc_off at = dxc_entry_at(m->vol, index);

	return CLEAR_MEMBER(m, at, daxfs_branch, br_reserved0);
}

static int clear_shared(struct mender *m)
{
	dxc_off at = m->vol->area[DAXFS_AREA_SHARED].offset;
	int err = CLEAR_MEMBER(m, at, daxfs_shared, ss_zero0);

	return err ? err : CLEAR_MEMBER(m, at, daxfs_shared, ss_zero1);
}

/* ---- flipped bits ---- */

/* A word with a flipped bit becomes what everybody reads. Durable after the next fence. */
static void mend_word(struct mender *m, dxc_off at)
{
	u64 right = dxc_word_get(m->vol, at);

	if (right != dxc_word_load(m->vol, at))
		dxc_word_store(m->vol, at, right);
}

static int mend_flips(struct mender *m)
{
	const struct dxc_volume *vol = m->vol;
	u32 chunks = dxc_chunk_count(vol), i;
	struct daxfs_branch raw;
	dxc_off at;
	int err;

	for (at = SS_AT(vol, ss_next_ino); at <= SS_AT(vol, ss_taken); at += sizeof(__le64))
		mend_word(m, at);
	for (i = 0; i < vol->mount_count; i++) {
		at = vol->area[DAXFS_AREA_MOUNTS].offset + (u64)i * sizeof(struct daxfs_mount);
		mend_word(m, at + offsetof(struct daxfs_mount, mt_owner));
		if (!dxc_word_load(vol, at))
			continue;
		mend_word(m, at + offsetof(struct daxfs_mount, mt_seen_seq));
		mend_word(m, at + offsetof(struct daxfs_mount, mt_branch));
	}
	for (i = 0; i < vol->branch_count; i++) {
		err = dxc_region_read(&vol->region, dxc_entry_at(vol, i), &raw, sizeof(raw));
		if (err)
			return err;
		if (dxc_entry_mend(&raw))
			dxc_region_write(vol, dxc_entry_at(vol, i), &raw, sizeof(raw));
	}
	for (i = 0; i < chunks; i++)
		mend_word(m, vol->area[DAXFS_AREA_CHUNKS].offset + (u64)i * sizeof(__le64));
	dxc_fence(vol);	/* against nothing: all of them said the same before */
	return 0;
}

/* A commit sequence that cannot be read is behind all that chunks were freed at. */
static void mend_seq(struct mender *m)
{
	u32 count = dxc_chunk_count(m->vol), i;
	struct dxc_chunk_use use;
	u64 seq;

	if (dxc_number_get(m->vol, SS_AT(m->vol, ss_commit_seq), &seq) && seq < DXC_SEQ_LIMIT)
		return;
	for (i = 0, seq = 1; i < count; i++)
		if (!dxc_chunk_read(m->vol, i, &use) && use.kind == DAXFS_CHUNK_FREED &&
		    use.freed_seq < DXC_SEQ_LIMIT - 2)
			seq = max_t(u64, seq, use.freed_seq);
	dxc_word_store(m->vol, SS_AT(m->vol, ss_commit_seq), dxc_number_word(seq + 1));
	dxc_fence(m->vol);	/* before anything is freed at it */
}

/* The second of two branches of one name gets another that nobody has. */
static void rename_second(struct mender *m, const struct dxc_branch *br)
{
	char name[DAXFS_BRANCH_NAME_MAX + 1] = "";
	u32 n = br->id.branch, len, i;

	/* The table has fewer entries than there are numbers of five digits. */
	for (len = 0; br->name[len] && len < DAXFS_BRANCH_NAME_MAX - 6; len++)
		name[len] = br->name[len];
	name[len] = '.';
	for (i = 0; i < 5; i++, n /= 10)
		name[len + 5 - i] = "0123456789"[n % 10];
	/* One that is taken, or a full table, is for people to see to. */
	dxc_branch_rename(m->vol, 0, br->id, name);
}

static int recover(struct mender *m)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	int err = dxc_branch_recover(m->vol, &rest);

	dxc_branch_free_left(m->vol);
	/* A bad entry of main's is left alone, and all that hangs on it. */
	return err == -EUCLEAN ? 0 : err;
}

static int mend_entries(struct mender *m)
{
	struct dxc_branch br;
	struct delta d;
	bool lost = false;
	u32 i;
	int err;

	err = mend_flips(m);
	if (err)
		return err;
	mend_seq(m);
	err = dxc_delta_start(&d, &m->c);
	dxc_delta_end(&d);
	if (!err && m->shared_zero)
		err = clear_shared(m);
	for (i = 0; !err && i < m->vol->branch_count; i++) {
		if (m->marks[i] & MARK_RESERVED)
			err = clear_reserved(m, i);
		if (err || !m->rep->asked || dxc_branch_read(m->vol, i, &br, NULL))
			continue;
		if (m->marks[i] & MARK_LOST) {
			/* It goes as one that was aborted. */
			dxc_word_store(m->vol, BR_AT(m->vol, i, br_state),
				       dxc_state_word(DAXFS_BRANCH_DEAD, br.id.generation));
			lost = true;
		} else if (m->marks[i] & MARK_TWICE) {
			rename_second(m, &br);
		}
	}
	if (lost)
		dxc_fence(m->vol);	/* dead before its chunks are anybody's */
	return err ? err : recover(m);
}

/* ---- whose the chunks are ---- */

/* Number of the record behind the last one of a log, as far as it can be read. */
static int find_log_end(struct mender *m, const struct dxc_branch *br, u64 *end)
{
	void *buf = dxc_alloc(1, dxc_segment_max(m->vol));
	struct dxc_log log;
	u32 size;
	int err;

	if (!buf)
		return -ENOMEM;
	err = dxc_log_open(m->vol, br->head, br->first_seq, &log);
	while (!err)
		err = dxc_log_read(m->vol, &log, buf, &size);
	*end = log.seq;
	dxc_free(buf);
	return err == -ENODATA || err == -EUCLEAN ? 0 : err;
}

/*
 * Loads a branch over one that has lost records. Where its log does not fit any more, it ends:
 * the next one may say something of what is not there.
 */
static int load_what_fits(struct delta *d, u32 index, struct dxc_finding *f)
{
	struct branch_node *node = &d->nodes[index];
	struct mender *m = d->priv;
	u64 used_bytes = (u64)dxc_chunk_count(m->vol) * d->space.chunk_bytes;
	u64 want_bytes = (u64)dxc_chunk_count(m->vol) * sizeof(*d->space.survey);
	u64 frozen_seq = node->frozen_seq, end = 0;
	struct account *account = &m->accounts[index];
	u8 *before = dxc_alloc(1, used_bytes + want_bytes);
	u32 tries;
	int err;

	if (!before)
		return -ENOMEM;
	memcpy(before, d->space.used, used_bytes);
	memcpy(before + used_bytes, d->space.survey, want_bytes);
	err = dxc_delta_load(d, index, f);
	/* Without the record that does not fit; then, without any. */
	for (tries = 0; !err && !node->layer && tries < 2; tries++) {
		memcpy(d->space.used, before, used_bytes);
		memcpy(d->space.survey, before + used_bytes, want_bytes);
		node->frozen_seq = tries ? node->base_seq : max_t(u64, node->read_seq, 1) - 1;
		if (node->frozen_seq < node->base_seq)
			node->frozen_seq = node->base_seq;
		account->lost_from = node->frozen_seq;
		err = dxc_delta_load(d, index, f);
	}
	node->frozen_seq = frozen_seq;
	if (!err && node->layer && tries) {
		err = find_log_end(m, &node->br, &end);
		account->lost_to = min_t(u64, end, frozen_seq);
		node->layer->damaged = true;
	}
	dxc_free(before);
	return err;
}

/* The layer is what the log will say: what follows is lost, and children know where it ended. */
static int note_lost(struct delta *d, u32 index)
{
	struct branch_node *node = &d->nodes[index];
	struct mender *m = d->priv;
	struct account *account = &m->accounts[index];
	struct dxc_layer *layer = node->layer;
	struct dxc_file root;
	int err;

	if (account->lost_from == account->lost_to) {
		account->lost_from = layer->log.seq;
		account->lost_to = node->frozen_seq;
	}
	node->lost = true;
	if (!node->child || layer->log.seq >= node->frozen_seq)
		return 0;
	err = dxc_view_inode(layer, DAXFS_ROOT_INO, &root, NULL);
	if (err == -EUCLEAN || err == -ESTALE) {
		node->read = false;
		return 0;
	}
	account->root = err ? NULL : dxc_alloc(1, sizeof(root.attr));
	if (!account->root)
		return err ? err : -ENOMEM;
	*account->root = root.attr;
	account->fills = true;
	account->lost_to = node->frozen_seq;
	layer->log.seq = node->frozen_seq;
	layer->damaged = false;
	return 0;
}

static int survey_log(struct delta *d, u32 index)
{
	struct branch_node *node = &d->nodes[index];
	struct mender *m = d->priv;
	struct account *account = &m->accounts[index];
	const struct branch_node *parent = &d->nodes[node->br.parent.branch];
	bool lost = index != DAXFS_MAIN_BRANCH && parent->lost;
	struct dxc_finding f;
	int err;

	/* A commit that is not over could not be finished: two have that log. */
	if (node->commits || d->depth > DAXFS_BRANCH_DEPTH_MAX)
		return 0;
	/*
	 * A log that is damaged ends before that from now on, if that was asked for. So do those of
	 * children, where they refer to what is lost.
	 */
	d->salvages = m->rep->asked;
	err = lost ? load_what_fits(d, index, &f) : dxc_delta_load(d, index, &f);
	if (err || !node->layer)
		return err;
	node->read = !node->layer->shares && (!node->layer->damaged || d->salvages);
	node->lost = lost;
	m->ino = max_t(dxc_ino, m->ino, node->layer->last_ino);
	account->tail = node->layer->log.chunk;
	account->used = node->layer->log.used;
	account->size = dxc_log_size(m->vol, &node->layer->log);
	account->salt = node->layer->last_salt;
	account->cut = node->layer->damaged;
	account->late = node->layer->log.seq == node->layer->log.limit_seq;
	account->base_seq = node->layer->log.base_seq;
	account->seq = node->layer->log.seq;
	return account->cut && d->salvages ? note_lost(d, index) : 0;
}

static bool is_in_use(const struct dxc_chunk_use *use)
{
	return use->kind == DAXFS_CHUNK_LOG || use->kind == DAXFS_CHUNK_DATA;
}

/*
 * A branch whose log is another's, or an old one of its own, reads well and is not what
 * it was: the word that names its log is damaged, not the table. It shows in
 * chunks that are another's too, or in log chunks that it takes while it leaves
 * those that the table says it has.
 */
static void doubt(struct mender *m, struct delta *d)
{
	u32 count = dxc_chunk_count(m->vol), i;
	const struct dxc_want *want;
	struct dxc_chunk_use use;

	for (i = 0; i < count; i++) {
		want = &d->space.survey[i];
		if (dxc_chunk_read(m->vol, i, &use))
			use.kind = DAXFS_CHUNK_FREE;
		if (want->twice)
			d->nodes[want->owner.branch].read = false;
		if (want->owner.generation && want->kind == DAXFS_CHUNK_LOG &&
		    !(is_in_use(&use) && dxc_owner_is(use.owner, want->owner)))
			m->accounts[want->owner.branch].takes = true;
		if (use.kind == DAXFS_CHUNK_LOG && !dxc_owner_is(use.owner, want->owner) &&
		    dxc_owner_is(use.owner, d->nodes[use.owner.branch].br.id))
			m->accounts[use.owner.branch].leaves = true;
	}
	for (i = 0; i < m->vol->branch_count; i++) {
		if (m->accounts[i].takes && m->accounts[i].leaves)
			d->nodes[i].read = false;
		if (d->nodes[i].bad || (node_is_live(&d->nodes[i]) && !d->nodes[i].read))
			m->all_read = false;
	}
}

/* A chunk that no log wants, from *at on: nobody reads what was given up, there is no mount. */
static bool find_free(const struct mender *m, const struct delta *d, dxc_chunk *at)
{
	struct dxc_chunk_use use;

	for (; *at < dxc_chunk_count(m->vol); ++*at)
		if (!dxc_chunk_read(m->vol, *at, &use) &&
		    (use.kind == DAXFS_CHUNK_FREE || use.kind == DAXFS_CHUNK_FREED) &&
		    !d->space.survey[*at].owner.generation)
			return true;
	return false;
}

/*
 * Segments that let logs end where children know them to. Without room for all, or before it is
 * known which salts are used, what is damaged stays as it is, and all that stands on it.
 */
static void plan_fills(struct mender *m, struct delta *d)
{
	bool can = d->next_salt != ~0ull;
	dxc_chunk at = 0;
	u32 i;

	for (i = 0; i < m->vol->branch_count; i++)
		can &= !d->nodes[i].read || m->accounts[i].salt < d->next_salt;
	for (i = 0; i < m->vol->branch_count; i++) {
		if (!m->accounts[i].fills || !d->nodes[i].read)
			continue;
		can &= find_free(m, d, &at);
		m->accounts[i].fill = at++;
	}
	for (i = 0; !can && i < m->vol->branch_count; i++)
		if (d->nodes[i].lost && (m->accounts[i].fills || d->nodes[i].read))
			d->nodes[i].read = !m->accounts[i].fills && !m->accounts[i].cut;
	for (i = 0; i < m->vol->branch_count; i++)
		m->all_read &= !node_is_live(&d->nodes[i]) || d->nodes[i].read;
}

/* In br_head or ch_next, whose turn goes on. */
static void store_link(const struct mender *m, dxc_off at, u64 link)
{
	u64 was = dxc_link_open(dxc_word_load(m->vol, at));

	dxc_publish(m->vol, at,
		    dxc_link_seal(dxc_head_next(was == DXC_LINK_UNKNOWN ? 0 : was, link)));
}

/* The log goes on with one record, which says nothing new, of the last number that it had. */
static int fill(struct mender *m, struct delta *d, u32 index)
{
	const struct account *account = &m->accounts[index];
	struct dxc_chunk_use use = { .kind = DAXFS_CHUNK_LOG, .owner = d->nodes[index].br.id };
	struct dxc_log log = { .head = DXC_NO_CHUNK, .chunk = DXC_NO_CHUNK,
			       .base_seq = account->seq, .seq = account->lost_to - 1 };
	dxc_off at = dxc_branch_head_at(m->vol, index);
	struct dxc_record rec;
	int err;

	if (account->tail != DXC_NO_CHUNK && account->used > sizeof(struct daxfs_chunk))
		at = dxc_chunk_offset(m->vol, account->tail) +
			offsetof(struct daxfs_chunk, ch_next);
	if (!dxc_chunk_set(m->vol, account->fill, &use))
		return -EBUSY;
	dxc_record_start(&rec, m->c.buf, DAXFS_BLOCK_SIZE);
	dxc_record_inode(&rec, account->root);
	err = dxc_log_extend(m->vol, &log, 0, account->fill, 1, &rec);
	if (err)
		return err;
	d->space.survey[account->fill].owner = use.owner;
	d->space.survey[account->fill].kind = DAXFS_CHUNK_LOG;
	note_salt(m, log.salt);
	store_link(m, at, account->fill + 1ull);
	return 0;
}

/*
 * The end of a log is where its next record goes: nothing is behind it, and no
 * segment follows.
 */
static int mend_end(struct mender *m, struct delta *d, u32 i)
{
	const struct account *account = &m->accounts[i];
	dxc_off at;
	int err;

	if (!d->nodes[i].read || (account->cut && !m->rep->asked))
		return 0;
	if (account->lost_from != account->lost_to && m->rep->lost)
		m->rep->lost(m->rep->priv, &d->nodes[i].br, account->lost_from, account->lost_to);
	if (account->tail == DXC_NO_CHUNK) {
		if (account->late && d->nodes[i].br.head)
			store_link(m, dxc_branch_head_at(m->vol, i), 0);
		return account->fills ? fill(m, d, i) : 0;
	}
	at = dxc_chunk_offset(m->vol, account->tail);
	if (account->cut || (account->late && dxc_log_next(m->vol, account->tail)))
		store_link(m, at + offsetof(struct daxfs_chunk, ch_next), 0);
	/* A log has a record, or no segment. */
	if (account->used == sizeof(struct daxfs_chunk))
		store_link(m, dxc_branch_head_at(m->vol, i), 0);
	err = clear(m, at + account->used, at + account->size);
	return !err && account->fills ? fill(m, d, i) : err;
}

/* Those that others stand on before them: what stands on them is cut for their sake. */
static int mend_ends(struct mender *m, struct delta *d)
{
	u32 i, k;
	int err = 0;

	for (k = 0; k < 2; k++)
		for (i = 0; !err && i < m->vol->branch_count; i++)
			if (m->accounts[i].fills == !k)
				err = mend_end(m, d, i);
	return err;
}

/* What the word of a chunk should be, in *use, which is what it is; false: that. */
static bool judge_chunk(const struct mender *m, const struct delta *d, dxc_chunk chunk,
			struct dxc_chunk_use *use)
{
	const struct dxc_want *want = &d->space.survey[chunk];
	bool bad = dxc_chunk_read(d->c->vol, chunk, use);
	bool owned = !bad && is_in_use(use);
	const struct branch_node *owner = owned ? &d->nodes[use->owner.branch] : NULL;

	if (want->twice)
		return false;
	/* Who cannot be asked keeps what the table says is his. */
	if (owner && (owner->bad || (node_is_live(owner) && !owner->read &&
				     dxc_owner_is(owner->br.id, use->owner))))
		return false;
	if (want->owner.generation) {
		if (!d->nodes[want->owner.branch].read ||
		    (owned && use->kind == want->kind && dxc_owner_is(use->owner, want->owner)))
			return false;
		use->kind = want->kind;
		use->owner = want->owner;
		return true;
	}
	if (!bad && !owned && (use->kind == DAXFS_CHUNK_FREE || use->freed_seq <= d->commit_seq))
		return false;
	/* It may be of one of those who cannot be asked. */
	if (bad && !m->all_read)
		return false;
	use->kind = DAXFS_CHUNK_FREED;
	use->freed_seq = d->commit_seq;
	return true;
}

static void mend_chunks(struct mender *m, const struct delta *d)
{
	u32 count = dxc_chunk_count(m->vol), i;
	struct dxc_chunk_use use;

	for (i = 0; i < count; i++)
		if (judge_chunk(m, d, i, &use))
			dxc_chunk_set(m->vol, i, &use);
	for (i = 0; i < m->vol->branch_count; i++)
		if (d->nodes[i].read)
			note_salt(m, m->accounts[i].salt);
}

static int survey(struct mender *m, struct delta *d)
{
	int err = dxc_space_init(&d->space, m->vol);

	if (err)
		return err;
	d->priv = m;
	d->space.survey = dxc_alloc(dxc_chunk_count(m->vol), sizeof(*d->space.survey));
	if (!d->space.survey)
		err = -ENOMEM;
	if (!err)
		err = dxc_delta_walk(d, survey_log);
	if (!err) {
		m->all_read = true;
		doubt(m, d);
		plan_fills(m, d);
		/* A log no longer names a segment when its chunks are given back. */
		err = mend_ends(m, d);
	}
	if (!err) {
		dxc_fence(m->vol);
		mend_chunks(m, d);
	}
	dxc_free(d->space.survey);
	dxc_space_exit(&d->space);
	return err;
}

/* ---- numbers to be given out ---- */

static void mend_counters(struct mender *m, const struct delta *d)
{
	u64 next = max_t(u64, m->vol->inode_count, m->ino) + 1, taken;
	u32 i;

	/* One that cannot be read only where nobody can have a number that is not known. */
	if (next < DXC_INO_LIMIT && (d->next_ino == ~0ull ? m->all_read : d->next_ino < next))
		dxc_word_store(m->vol, SS_AT(m->vol, ss_next_ino), dxc_number_word(next));
	for (i = 0; i < m->vol->branch_count; i++)
		note_generation(m, d->nodes[i].br.id.generation);
	if (d->next_gen == ~0ull ? m->all_read : d->next_gen <= m->generation)
		dxc_word_store(m->vol, SS_AT(m->vol, ss_next_gen),
			       dxc_number_word(m->generation + 1));
	if (d->next_salt == ~0ull ? m->all_read : d->next_salt <= m->salt)
		dxc_word_store(m->vol, SS_AT(m->vol, ss_next_salt), dxc_number_word(m->salt + 1));
	if (!dxc_number_get(m->vol, SS_AT(m->vol, ss_taken), &taken))
		dxc_word_store(m->vol, SS_AT(m->vol, ss_taken), dxc_number_word(1));
	dxc_fence(m->vol);	/* the counters are past the numbers before more are given out */
}

static int mend_delta(struct mender *m)
{
	struct delta d;
	u32 i;
	int err;

	m->marks = dxc_alloc(m->vol->branch_count, 1);
	m->accounts = dxc_alloc(m->vol->branch_count, sizeof(*m->accounts));
	err = m->marks && m->accounts ? mend_entries(m) : -ENOMEM;
	if (!err) {
		err = dxc_delta_start(&d, &m->c);
		if (!err && m->rep->logs && d.nodes[DAXFS_MAIN_BRANCH].live)
			err = survey(m, &d);
		if (!err)
			mend_counters(m, &d);
		dxc_delta_end(&d);
	}
	for (i = 0; m->accounts && i < m->vol->branch_count; i++)
		dxc_free(m->accounts[i].root);
	dxc_free(m->marks);
	dxc_free(m->accounts);
	return err;
}

/* Did nobody think us dead, and take over, since dxc_repair_begin()? */
static bool is_held(const struct dxc_volume *vol, const struct dxc_repair *rep)
{
	return !rep->me || (dxc_holder_is_there(vol, rep->me) &&
			    dxc_lock_is_held(vol, rep->me));
}

int dxc_repair(const struct dxc_volume *vol, struct dxc_repair *rep)
{
	struct mender m = { .vol = vol, .rep = rep };
	int err;

	if (!is_held(vol, rep))
		return -EBUSY;

	m.chk.report = note;
	m.chk.priv = &m;
	m.c.vol = vol;
	m.c.chk = &m.chk;
	m.c.buf = dxc_alloc(1, DAXFS_BLOCK_SIZE);
	if (!m.c.buf)
		return -ENOMEM;
	err = mend_super(&m);
	if (!err && rep->asked)
		err = mend_zeros(&m);
	if (!err && dxc_volume_is_writable(vol))
		err = mend_delta(&m);
	dxc_free(m.c.buf);
	return err;
}

/* ---- the superblock's copy ---- */

/* Is it at that place? *vol is then what it says. */
static bool is_copy(const struct dxc_region *rg, dxc_off at, struct daxfs_super *sb,
		    struct dxc_volume *vol)
{
	u8 magic[DAXFS_SB_MAGIC_LEN];

	if (dxc_region_read(rg, at, magic, sizeof(magic)) ||
	    memcmp(magic, DAXFS_SB_MAGIC, sizeof(magic)) != 0 ||
	    dxc_region_read(rg, at, sb, sizeof(*sb)) ||
	    dxc_super_decode(vol, sb, rg->size, NULL) ||
	    dxc_super_copy_at(vol->region.size) != at)
		return false;
	vol->region.base = rg->base;
	vol->region.poisons = rg->poisons;
	return true;
}

/* What is found on the way, and how often. */
struct search {
	struct dxc_volume *vol;
	dxc_off *at;
	u8 uuid[16];		/* as what is left of the superblock has it */
	u32 same, others;	/* copies with that UUID, and with another */
};

static void consider(struct search *s, const struct dxc_volume *vol, dxc_off at)
{
	/* One that is zero was overwritten. */
	bool same = first_nonzero(s->uuid, sizeof(s->uuid)) < sizeof(s->uuid) &&
		!memcmp(vol->uuid, s->uuid, sizeof(s->uuid));

	if (same ? !s->same : !s->same && !s->others) {
		*s->vol = *vol;
		*s->at = at;
	}
	s->same += same;
	s->others += !same;
}

int dxc_super_find_copy(const struct dxc_region *rg, struct dxc_volume *vol, dxc_off *at)
{
	u64 end = rg->size / DAXFS_SB_SIZE * DAXFS_SB_SIZE;
	struct search s = { .vol = vol, .at = at };
	struct dxc_volume found;
	struct daxfs_super *sb;
	bool at_end;
	dxc_off i;

	if (end <= DAXFS_HEADER_SIZE ||
	    dxc_region_read(rg, offsetof(struct daxfs_super, sb_uuid), s.uuid, sizeof(s.uuid)))
		return -ENOENT;
	sb = dxc_alloc(1, sizeof(*sb));
	if (!sb)
		return -ENOMEM;
	at_end = is_copy(rg, dxc_super_copy_at(end), sb, &found);
	if (at_end)
		consider(&s, &found, dxc_super_copy_at(end));
	/* An image that is shorter than what it is in, and behind it maybe what an older one left. */
	for (i = DAXFS_HEADER_SIZE; !(at_end && s.same) && i < dxc_super_copy_at(end);
	     i += DAXFS_SB_SIZE)
		if (is_copy(rg, i, sb, &found))
			consider(&s, &found, i);
	dxc_free(sb);
	if (s.same == 1 || (!s.same && s.others == 1))
		return 0;
	return s.same || s.others ? -ENOTUNIQ : -ENOENT;
}
