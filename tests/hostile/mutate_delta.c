// SPDX-License-Identifier: GPL-2.0-only
/* What there is to damage in shared state, tables and logs. */
#include "../unit/seal.h"
#include "mutate_plan.h"

/* How many items of one type in one branch are worth damaging one by one. */
#define EXAMPLES 2
#define ITEM_TYPES 9 /* with 0, of which there is none */

/* clang-format off */
static const struct mutate_member shared_members[] = {
	MEMBER(daxfs_shared, ss_zero0), MEMBER(daxfs_shared, ss_next_ino),
	MEMBER(daxfs_shared, ss_commit_seq), POOLED(daxfs_shared, ss_lock, POOL_HOLDER),
	MEMBER(daxfs_shared, ss_next_gen), MEMBER(daxfs_shared, ss_next_salt),
	MEMBER(daxfs_shared, ss_taken), MEMBER(daxfs_shared, ss_zero1),
};

static const struct mutate_member branch_members[] = {
	MEMBER(daxfs_branch, br_state), POOLED(daxfs_branch, br_parent, POOL_BRANCH),
	POOLED(daxfs_branch, br_head, POOL_LINK),
	POOLED(daxfs_branch, br_winner, POOL_BRANCH),
	POOLED(daxfs_branch, br_lease, POOL_HOLDER), MEMBER(daxfs_branch, br_first_seq),
	MEMBER(daxfs_branch, br_limit), MEMBER(daxfs_branch, br_created),
	MEMBER(daxfs_branch, br_uid), MEMBER(daxfs_branch, br_tail), MEMBER(daxfs_branch, br_watch),
	MEMBER(daxfs_branch, br_reserved0),
	MEMBER(daxfs_branch, br_name),
};

static const struct mutate_member mount_members[] = {
	MEMBER(daxfs_mount, mt_owner), MEMBER(daxfs_mount, mt_heartbeat),
	MEMBER(daxfs_mount, mt_seen_seq), POOLED(daxfs_mount, mt_branch, POOL_BRANCH),
	MEMBER(daxfs_mount, mt_applied), MEMBER(daxfs_mount, mt_host),
};

static const struct mutate_member chunk_members[] = {
	MEMBER(daxfs_chunk, ch_magic), MEMBER(daxfs_chunk, ch_first_seq),
	MEMBER(daxfs_chunk, ch_index), MEMBER(daxfs_chunk, ch_salt),
	POOLED(daxfs_chunk, ch_next, POOL_LINK), MEMBER(daxfs_chunk, ch_reserved0),
};

static const struct mutate_member record_members[] = {
	MEMBER(daxfs_record, lr_size), MEMBER(daxfs_record, lr_seq),
};

static const struct mutate_member item_members[] = {
	MEMBER(daxfs_item, it_type), MEMBER(daxfs_item, it_size),
	MEMBER(daxfs_item, it_kind), MEMBER(daxfs_item, it_len),
	MEMBER(daxfs_item, it_len2), POOLED(daxfs_item, it_ino, POOL_INODE),
};

static const struct mutate_member inode_members[] = {
	POOLED(daxfs_item_inode, ii_mode, POOL_MODE), MEMBER(daxfs_item_inode, ii_nlink),
	MEMBER(daxfs_item_inode, ii_uid), MEMBER(daxfs_item_inode, ii_size),
	MEMBER(daxfs_item_inode, ii_btime),
	POOLED(daxfs_item_inode, ii_data, POOL_INODE),
	MEMBER(daxfs_item_inode, ii_atime), MEMBER(daxfs_item_inode, ii_mtime_nsec),
	MEMBER(daxfs_item_inode, ii_btime_nsec),
};

static const struct mutate_member name_members[] = {
	POOLED(daxfs_item_name, na_dir, POOL_INODE),
};

static const struct mutate_member range_members[] = {
	MEMBER(daxfs_item_range, ra_block), MEMBER(daxfs_item_range, ra_count),
	POOLED(daxfs_item_range, ra_data, POOL_BLOCK),
};
/* clang-format on */

static void pool_add(struct mutate_plan *plan, enum mutate_pool which, u64 value)
{
	struct mutate_pool_values *pool = &plan->pools[which];
	u32 i;

	for (i = 0; i < pool->count; i++)
		if (pool->values[i] == value)
			return;
	if (pool->count < POOL_MAX)
		pool->values[pool->count++] = value;
}

static const void *raw(const u8 *base, dxc_off at)
{
	return base + at;
}

/* ---- logs ---- */

struct examples {
	u32 seen[ITEM_TYPES];
};

static void add_item(struct mutate_plan *plan, const u8 *base, dxc_off at, u32 branch)
{
	const struct daxfs_item *item = raw(base, at);
	u32 size = le16_to_cpu(item->it_size);
	u64 ino = le64_to_cpu(item->it_ino);

	ADD(plan, item_members, at, 0, branch);
	pool_add(plan, POOL_INODE, ino);
	switch (le16_to_cpu(item->it_type)) {
	case DAXFS_ITEM_INODE:
		ADD(plan, inode_members, at, 0, branch);
		break;
	case DAXFS_ITEM_LINK:
	case DAXFS_ITEM_UNLINK:
	case DAXFS_ITEM_SYMLINK:
		ADD(plan, name_members, at, 0, branch);
		mutate_add(plan, at + sizeof(struct daxfs_item_name), 1, branch, "name");
		mutate_add(plan, at + size - 1, 1, branch, "end of a name");
		break;
	case DAXFS_ITEM_MAP:
		pool_add(plan, POOL_BLOCK,
			 le64_to_cpu(((const struct daxfs_item_range *)item)->ra_data));
		ADD(plan, range_members, at, 0, branch);
		break;
	case DAXFS_ITEM_UNMAP:
		ADD(plan, range_members, at, 0, branch);
		break;
	default:
		mutate_add(plan, at + sizeof(*item), 1, branch, "xattr name");
		mutate_add(plan, at + size - 1, 1, branch, "end of an xattr");
		break;
	}
}

static void add_record(struct mutate_plan *plan, const u8 *base, dxc_off chunk,
		       dxc_off at, u32 branch, struct examples *examples)
{
	const struct daxfs_record *rec = raw(base, at);
	dxc_off item = at + sizeof(*rec), end = at + le32_to_cpu(rec->lr_size);
	u32 type, size;

	plan->records = mutate_room(plan->records, plan->record_count, &plan->record_room,
				    sizeof(*plan->records));
	plan->records[plan->record_count++] = (struct mutate_record){ chunk, at };
	if (!examples->seen[0]++)
		ADD(plan, record_members, at, 0, branch);
	for (; item + sizeof(struct daxfs_item) <= end; item += size) {
		const struct daxfs_item *it = raw(base, item);

		type = le16_to_cpu(it->it_type);
		size = le16_to_cpu(it->it_size);
		if (size < sizeof(*it) || type >= ITEM_TYPES)
			return;
		if (examples->seen[type]++ < EXAMPLES)
			add_item(plan, base, item, branch);
	}
}

/* The image is sound: what is in it is where it should be. */
static void add_log(struct mutate_plan *plan, const u8 *base, const struct dxc_branch *br)
{
	struct examples examples = { 0 };
	struct dxc_log log;
	u32 size, chunk_at = 0;
	dxc_chunk last = DXC_NO_CHUNK;
	void *buf = malloc(dxc_segment_max(&plan->vol));
	dxc_off chunk;

	if (!buf)
		abort();
	if (dxc_log_open(&plan->vol, br->head, br->first_seq, &log))
		goto out;
	while (!dxc_log_read(&plan->vol, &log, buf, &size)) {
		chunk = dxc_chunk_offset(&plan->vol, log.chunk);
		if (log.chunk != last) {
			last = log.chunk;
			pool_add(plan, POOL_LINK, dxc_link_seal(log.chunk + 1ull));
			if (chunk_at++ < 2)
				ADD(plan, chunk_members, chunk, 0, br->id.branch);
			mutate_add_range(plan, chunk, plan->vol.chunk_size);
		}
		add_record(plan, base, chunk, chunk + log.used - size, br->id.branch,
			   &examples);
	}
out:
	free(buf);
}

/* ---- tables ---- */

static void add_branches(struct mutate_plan *plan, const u8 *base)
{
	struct dxc_branch br;
	u32 index = 0;
	dxc_off at;

	while (!dxc_branch_next(&plan->vol, &index, &br)) {
		at = plan->vol.area[DAXFS_AREA_BRANCHES].offset +
		     br.id.branch * sizeof(struct daxfs_branch);
		pool_add(plan, POOL_BRANCH,
			 dxc_word_seal_pair(DAXFS_WORD_BRANCH, br.id.branch,
					    br.id.generation));
		/* The same entry in another use. */
		pool_add(plan, POOL_BRANCH,
			 dxc_word_seal_pair(DAXFS_WORD_BRANCH, br.id.branch,
					    br.id.generation + 1));
		ADD(plan, branch_members, at, 0, br.id.branch);
		add_log(plan, base, &br);
	}
	pool_add(plan, POOL_BRANCH,
		 dxc_word_seal_pair(DAXFS_WORD_BRANCH, plan->vol.branch_count, 1));
}

/* One word of each kind in each branch, and those around. */
static void add_chunks(struct mutate_plan *plan)
{
	dxc_off table = plan->vol.area[DAXFS_AREA_CHUNKS].offset;
	u64 seen[POOL_MAX], word;
	u32 count = 0, i, k;

	for (i = 0; i < dxc_chunk_count(&plan->vol); i++) {
		struct mutate_field field = { .offset = table + i * sizeof(__le64),
					      .width = sizeof(__le64) };

		word = mutate_get(plan->vol.region.base, &field);
		for (k = 0; k < count && seen[k] != word; k++)
			;
		if (k < count || count == POOL_MAX)
			continue;
		seen[count++] = word;
		pool_add(plan, POOL_WORD, word);
		pool_add(plan, POOL_LINK, dxc_link_seal(i + 1ull));
		pool_add(plan, POOL_BLOCK, dxc_chunk_offset(&plan->vol, i));
		mutate_add(plan, field.offset, 8, i, "chunk")->pool = POOL_WORD;
	}
	pool_add(plan, POOL_LINK, dxc_link_seal(dxc_chunk_count(&plan->vol) + 1ull));
}

static void add_mounts(struct mutate_plan *plan)
{
	u32 i;

	for (i = 0; i < 4 && i < plan->vol.mount_count; i++)
		ADD(plan, mount_members,
		    plan->vol.area[DAXFS_AREA_MOUNTS].offset +
			    i * sizeof(struct daxfs_mount),
		    0, i);
}

/* Values that no field of the image has. */
static void fill_pools(struct mutate_plan *plan)
{
	static const u32 types[] = { S_IFREG, S_IFDIR,	S_IFLNK, S_IFCHR, S_IFBLK,
				     S_IFIFO, S_IFSOCK, 0,	 0150000 };
	const struct dxc_area *data = &plan->vol.area[DAXFS_AREA_DATA];
	u32 i;

	for (i = 0; i < COUNT(types); i++)
		pool_add(plan, POOL_MODE, types[i] | 0644);
	pool_add(plan, POOL_INODE, DAXFS_ROOT_INO);
	pool_add(plan, POOL_INODE, 2);
	pool_add(plan, POOL_INODE, plan->vol.inode_count);
	pool_add(plan, POOL_INODE, plan->vol.inode_count + 1ull);
	pool_add(plan, POOL_INODE, 0x123456789ull);
	/* Contents of the base are no branch's. */
	pool_add(plan, POOL_BLOCK, data->offset);
	pool_add(plan, POOL_BLOCK, data->offset + DAXFS_HUGE_SIZE);
	/* A slot that is free, one of somebody else, one past the table. */
	pool_add(plan, POOL_HOLDER, dxc_holder_of(3, 77));
	pool_add(plan, POOL_HOLDER, dxc_holder_of(0, 77));
	pool_add(plan, POOL_HOLDER, dxc_holder_of(plan->vol.mount_count, 77));
	pool_add(plan, POOL_HOLDER, 1);
}

void mutate_add_delta(struct mutate_plan *plan, const u8 *base)
{
	if (!dxc_volume_is_writable(&plan->vol))
		return;
	fill_pools(plan);
	ADD(plan, shared_members, plan->vol.area[DAXFS_AREA_SHARED].offset, 0, 0);
	add_branches(plan, base);
	add_mounts(plan);
	add_chunks(plan);
}

/* ---- checksums ---- */

static void seal_words(u8 *base, dxc_off at, u64 count)
{
	__le64 *words = (__le64 *)(base + at);
	u64 i;

	for (i = 0; i < count; i++)
		seal_word(&words[i]);
}

void mutate_seal_delta(const struct mutate_plan *plan, u8 *base)
{
	const struct mutate_record *rec;
	const struct dxc_area *area;
	struct daxfs_branch *br;
	struct daxfs_mount *mt;
	struct daxfs_chunk *ch;
	u64 i;

	if (!dxc_volume_is_writable(&plan->vol))
		return;
	area = plan->vol.area;
	seal_words(base,
		   area[DAXFS_AREA_SHARED].offset +
			   offsetof(struct daxfs_shared, ss_next_ino),
		   5);
	seal_words(base, area[DAXFS_AREA_CHUNKS].offset, dxc_chunk_count(&plan->vol));
	mt = (struct daxfs_mount *)(base + area[DAXFS_AREA_MOUNTS].offset);
	for (i = 0; i < plan->vol.mount_count; i++) {
		seal_word(&mt[i].mt_owner);
		seal_word(&mt[i].mt_seen_seq);
		seal_word(&mt[i].mt_branch);
	}
	br = (struct daxfs_branch *)(base + area[DAXFS_AREA_BRANCHES].offset);
	for (i = 0; i < plan->vol.branch_count; i++) {
		if (!br[i].br_state)
			continue;
		/* br_state to br_limit */
		seal_words(base,
			   area[DAXFS_AREA_BRANCHES].offset +
				   i * sizeof(struct daxfs_branch),
			   7);
		seal_entry(&br[i]);
	}
	for (i = 0; i < plan->record_count; i++) {
		rec = &plan->records[i];
		ch = (struct daxfs_chunk *)(base + rec->chunk);
		/* Records of a chunk follow one another. */
		if (!i || rec->chunk != rec[-1].chunk) {
			seal_word(&ch->ch_next);
			seal_chunk(ch);
		}
		seal_record(ch, (struct daxfs_record *)(base + rec->record),
			    plan->vol.chunk_size - (rec->record - rec->chunk));
	}
}
