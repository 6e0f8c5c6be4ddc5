// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rejecting tests of what only writable images have: shared state, tables,
 * logs, views. The harness is in rules.c.
 */
#include <dirent.h>
#include <stdio.h>
#include "layer.h"
#include "rules.h"
#include "seal.h"

#define NEED(e)                                                                 \
	do {                                                                    \
		if (!(e)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e); \
			abort();                                                \
		}                                                               \
	} while (0)

static const struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };

/* ---- what is damaged ---- */

static struct daxfs_shared *shared(struct patient *p)
{
	return (struct daxfs_shared *)(p->img->base + AREA(SHARED)->offset);
}

static struct daxfs_branch *entry(struct patient *p, u32 index)
{
	return (struct daxfs_branch *)(p->img->base + AREA(BRANCHES)->offset) + index;
}

static struct daxfs_mount *slot(struct patient *p, u32 index)
{
	return (struct daxfs_mount *)(p->img->base + AREA(MOUNTS)->offset) + index;
}

static __le64 *chunk_word(struct patient *p, u32 chunk)
{
	return (__le64 *)(p->img->base + AREA(CHUNKS)->offset) + chunk;
}

static struct daxfs_chunk *chunk_head(struct patient *p, u32 chunk)
{
	return (struct daxfs_chunk *)(p->img->base + dxc_chunk_offset(&p->img->vol, chunk));
}

/* The log of a branch, read to its end. */
static void read_log(struct patient *p, struct dxc_owner id, struct dxc_log *log)
{
	static u64 buf[IMAGE_SEGMENT / 8];
	struct dxc_branch br;
	u32 size;
	int err;

	NEED(dxc_branch_get(&p->img->vol, id, &br) == 0);
	NEED(dxc_log_open(&p->img->vol, br.head_word, br.first_seq, log) == 0);
	do {
		err = dxc_log_read(&p->img->vol, log, buf, &size);
	} while (!err);
	NEED(err == -ENODATA);
}

/* A child of a branch; which entry and generation it has. */
static struct dxc_owner child(struct patient *p, struct dxc_owner parent, const char *name)
{
	struct dxc_branch br;
	struct dxc_log log;

	read_log(p, parent, &log);
	NEED(dxc_branch_create(&p->img->vol, 0, parent, name, 1, 0, log.seq, &br) == 0);
	return br.id;
}

static u64 pair(u32 kind, u32 index, u64 number)
{
	return dxc_word_seal_pair(kind, index, number);
}

static u64 number(u64 value)
{
	return dxc_word_seal(DAXFS_WORD_NUMBER, value);
}

static u64 word_of(struct dxc_owner id)
{
	return pair(DAXFS_WORD_BRANCH, id.branch, id.generation);
}

static void set_parent(struct patient *p, u32 index, u64 word)
{
	LE64(entry(p, index)->br_parent, word);
	seal_entry(entry(p, index));
}

static void set_name(struct patient *p, u32 index, const char *name)
{
	memset(entry(p, index)->br_name, 0, sizeof(entry(p, index)->br_name));
	memcpy(entry(p, index)->br_name, name, strlen(name));
	seal_entry(entry(p, index));
}

/* ---- records ---- */

static u64 record_room[IMAGE_SEGMENT / 8];

static struct dxc_record start(void)
{
	struct dxc_record rec;

	dxc_record_start(&rec, record_room, sizeof(record_room));
	return rec;
}

static void append_to(struct patient *p, struct dxc_owner id, struct dxc_record *rec)
{
	const struct dxc_volume *vol = &p->img->vol;
	struct dxc_log log;
	dxc_chunk hint = 0;

	read_log(p, id, &log);
	/* By who has been writing it all along. */
	log.ours = log.chunk != DXC_NO_CHUNK;
	NEED(dxc_log_append(vol, &log, id, dxc_branch_head_at(vol, id.branch), &hint, rec) == 0);
}

static void append(struct patient *p, struct dxc_record *rec)
{
	append_to(p, main_id, rec);
}

/* An inode of the base, to be changed and logged. */
static struct dxc_attr attr_of(struct patient *p, u32 ino)
{
	struct dxc_inode in;
	struct dxc_attr attr = { .ino = ino };

	NEED(dxc_inode_read(&p->img->vol, ino, &in, NULL) == 0);
	attr.mode = in.mode;
	attr.nlink = in.nlink;
	attr.uid = in.uid;
	attr.gid = in.gid;
	attr.size = in.size;
	attr.rdev_major = in.rdev_major;
	attr.rdev_minor = in.rdev_minor;
	attr.parent = in.parent;
	return attr;
}

/* One record that says one thing of one inode. */
static void say(struct patient *p, const struct dxc_attr *attr)
{
	struct dxc_record rec = start();

	dxc_record_inode(&rec, attr);
	append(p, &rec);
}

static dxc_chunk data_chunk(struct patient *p, struct dxc_owner id)
{
	dxc_chunk hint = 4, chunk;

	NEED(dxc_chunk_take(&p->img->vol, &hint, DAXFS_CHUNK_DATA, id, 1, &chunk) == 0);
	return chunk;
}

static void map(struct patient *p, u32 ino, u64 block, dxc_off data)
{
	struct dxc_record rec = start();

	dxc_record_range(&rec, ino, block, 1, data);
	append(p, &rec);
}

/* One line for each lie, as far as it fits: this is read as a table. */
/* clang-format off */

/* ---- shared state ---- */

DAMAGE(ss_zero_first) { shared(p)->ss_zero0[0] = 1; }
DAMAGE(ss_zero_hfs) { shared(p)->ss_zero0[63] = 1; }
DAMAGE(ss_zero_last) { shared(p)->ss_zero1[3983] = 1; }
DAMAGE(ino_used) { LE64(shared(p)->ss_next_ino, number(p->img->count)); }
DAMAGE(ino_zero) { LE64(shared(p)->ss_next_ino, number(0)); }
DAMAGE(ino_none) { LE64(shared(p)->ss_next_ino, 0); }
DAMAGE(seq_far) { LE64(shared(p)->ss_commit_seq, number(1ull << 41)); }
DAMAGE(seq_none) { shared(p)->ss_commit_seq ^= cpu_to_le64(3); }
DAMAGE(gen_none) { shared(p)->ss_next_gen ^= cpu_to_le64(1ull << 63 | 1); }
DAMAGE(taken_none) { LE64(shared(p)->ss_taken, pair(DAXFS_WORD_BRANCH, 1, 1)); }
DAMAGE(salt_none) { LE64(shared(p)->ss_next_salt, pair(DAXFS_WORD_BRANCH, 1, 1)); }
DAMAGE(ss_flip) { shared(p)->ss_next_ino ^= cpu_to_le64(1ull << 40); }
DAMAGE(lock_flip) { LE64(shared(p)->ss_lock, 1); }
DAMAGE(ino_logged)
{
	struct dxc_attr attr = { .ino = p->img->count + 1, .mode = S_IFREG | 0644, .nlink = 1 };
	struct dxc_record rec = start();

	dxc_record_inode(&rec, &attr);
	dxc_record_link(&rec, 1, "new", 3, attr.ino, DT_REG);
	append(p, &rec);
}
DAMAGE(ino_gone)
{
	/* It was made and has no name any more: nothing shows it, but the log knows it. */
	struct dxc_attr attr = { .ino = p->img->count + 1, .mode = S_IFREG | 0644 };

	say(p, &attr);
}
DAMAGE(gen_used) { LE64(shared(p)->ss_next_gen, number(1)); }
DAMAGE(gen_child) { child(p, main_id, "a"); LE64(shared(p)->ss_next_gen, number(2)); }
DAMAGE(gen_salt)
{
	struct dxc_attr attr = attr_of(p, INO("block"));

	say(p, &attr);
	LE64(shared(p)->ss_next_salt, number(1));
}

/* ---- branches ---- */

DAMAGE(br_no_state) { LE64(entry(p, 0)->br_state, pair(DAXFS_WORD_STATE, 7, 1)); }
DAMAGE(br_no_gen) { LE64(entry(p, 0)->br_state, pair(DAXFS_WORD_STATE, DAXFS_BRANCH_LIVE, 0)); }
DAMAGE(br_main_free) { LE64(entry(p, 0)->br_state, 0); }
DAMAGE(br_main_dead) { LE64(entry(p, 0)->br_state, pair(DAXFS_WORD_STATE, DAXFS_BRANCH_DEAD, 1)); }
DAMAGE(br_main_child) { child(p, main_id, "a"); set_parent(p, 0, word_of((struct dxc_owner){ 1, 2 })); }
DAMAGE(br_own_parent) { child(p, main_id, "a"); set_parent(p, 1, word_of((struct dxc_owner){ 1, 2 })); }
DAMAGE(br_far_parent) { child(p, main_id, "a"); set_parent(p, 1, word_of((struct dxc_owner){ 4, 1 })); }
DAMAGE(br_other_main) { set_name(p, 0, "mein"); }
DAMAGE(br_dash) { child(p, main_id, "a"); set_name(p, 1, "-a"); }
DAMAGE(br_no_name) { child(p, main_id, "a"); set_name(p, 1, ""); }
DAMAGE(br_checksum) { entry(p, 0)->br_checksum ^= cpu_to_le32(3); }
DAMAGE(br_moved) { child(p, main_id, "a"); LE32(entry(p, 1)->br_uid, 3); }
DAMAGE(br_flip) { child(p, main_id, "a"); entry(p, 1)->br_name[77] = 1; }
DAMAGE(br_flip_uid) { LE32(entry(p, 0)->br_uid, 1u << 31); }
DAMAGE(br_flip_sum) { entry(p, 0)->br_checksum ^= cpu_to_le32(1); }
DAMAGE(br_flip_state) { entry(p, 0)->br_state ^= cpu_to_le64(1); }
DAMAGE(br_flip_free) { LE64(entry(p, 2)->br_state, 1ull << 30); }
DAMAGE(br_first) { entry(p, 0)->br_first_seq ^= cpu_to_le64(5); }
DAMAGE(br_limit) { LE64(entry(p, 0)->br_limit, 3); }
DAMAGE(br_reserved0) { entry(p, 0)->br_reserved0[0] = 1; }
DAMAGE(br_reserved_end) { child(p, main_id, "a"); entry(p, 1)->br_reserved0[39] = 1; }
DAMAGE(br_twice) { child(p, main_id, "a"); child(p, main_id, "b"); set_name(p, 2, "a"); }
DAMAGE(br_second_main) { child(p, main_id, "a"); set_name(p, 1, "main"); }
DAMAGE(br_orphan)
{
	child(p, child(p, main_id, "a"), "b");
	LE64(entry(p, 1)->br_state, pair(DAXFS_WORD_STATE, DAXFS_BRANCH_DEAD, 2));
}
DAMAGE(br_reused) { child(p, child(p, main_id, "a"), "b"); set_parent(p, 2, pair(DAXFS_WORD_BRANCH, 1, 5)); }
DAMAGE(br_winner) { LE64(entry(p, 0)->br_winner, word_of(child(p, main_id, "a"))); }
DAMAGE(br_no_winner) { LE64(entry(p, 0)->br_winner, pair(DAXFS_WORD_BRANCH, 3, 1)); }
DAMAGE(br_renaming)
{
	struct dxc_owner id = child(p, main_id, "a");

	NEED(dxc_branch_rename(&p->img->vol, 0, id, "longer-name") == 0);
	/* Not finished: the whole name is there, and stands in its place in part. */
	LE64(entry(p, 2)->br_state, pair(DAXFS_WORD_STATE, DAXFS_BRANCH_MAKING, id.generation));
	entry(p, 1)->br_name[0] = 'a';
}
DAMAGE(br_left) { LE64(entry(p, 2)->br_state, pair(DAXFS_WORD_STATE, DAXFS_BRANCH_LEFT, 1)); }
DAMAGE(br_lease) { LE64(entry(p, 0)->br_lease, dxc_holder_of(1, 77)); }
DAMAGE(br_lease_noise) { LE64(entry(p, 0)->br_lease, 5); }
DAMAGE(ss_lock) { LE64(shared(p)->ss_lock, dxc_holder_of(1, 77)); }
DAMAGE(mt_owner) { LE64(slot(p, 1)->mt_owner, pair(DAXFS_WORD_OWNER, 0, 5)); }
DAMAGE(mt_no_epoch) { LE64(slot(p, 0)->mt_owner, pair(DAXFS_WORD_OWNER, 0, 0)); }
DAMAGE(mt_gone) { LE64(slot(p, 1)->mt_owner, pair(DAXFS_WORD_OWNER, 1, EPOCH_GONE)); }
DAMAGE(mt_gone_holds)
{
	mt_gone(p);
	LE64(entry(p, 0)->br_lease, dxc_holder_of(1, EPOCH_GONE));
	LE64(shared(p)->ss_lock, dxc_holder_of(1, EPOCH_GONE));
}
DAMAGE(br_loop)
{
	set_parent(p, 1, word_of(child(p, child(p, main_id, "a"), "b")));
}
DAMAGE(br_loop3)
{
	set_parent(p, 1, word_of(child(p, child(p, child(p, main_id, "a"), "b"), "c")));
}

/* ---- chunks ---- */

DAMAGE(ch_kind) { LE64(*chunk_word(p, 3), pair(11, 0, 1)); }
DAMAGE(ch_flip) { LE64(*chunk_word(p, 3), 1ull << 40); }
DAMAGE(ch_free) { LE64(*chunk_word(p, 3), pair(0, 0, 1ull << 20)); }
DAMAGE(ch_rest) { LE64(*chunk_word(p, 3), pair(DAXFS_CHUNK_DATA, 0, 1) ^ 1ull << 24 ^ 1ull << 50); }
DAMAGE(ch_far) { LE64(*chunk_word(p, 3), pair(DAXFS_CHUNK_DATA, 4, 1)); }
DAMAGE(ch_nobody) { LE64(*chunk_word(p, 3), pair(DAXFS_CHUNK_DATA, 3, 1)); }
DAMAGE(ch_older) { LE64(*chunk_word(p, 3), pair(DAXFS_CHUNK_LOG, 0, 2)); }
DAMAGE(ch_dead)
{
	data_chunk(p, child(p, main_id, "a"));
	LE64(entry(p, 1)->br_state, pair(DAXFS_WORD_STATE, DAXFS_BRANCH_DEAD, 2));
}
DAMAGE(ch_future) { LE64(*chunk_word(p, 3), dxc_word_seal(DAXFS_CHUNK_FREED, 2)); }
DAMAGE(ch_idle_log) { LE64(*chunk_word(p, 7), pair(DAXFS_CHUNK_LOG, 0, 1)); }

/* ---- logs ---- */

DAMAGE(lr_no_log) { LE64(entry(p, 0)->br_head, dxc_link_seal(3)); }
DAMAGE(lr_head_far) { LE64(entry(p, 0)->br_head, dxc_link_seal(9)); }
DAMAGE(lr_itself) { ino_logged(p); LE64(chunk_head(p, 0)->ch_next, dxc_link_seal(1)); }
/* A record of the log's first segment, which another one follows. */
static void damage_record(struct patient *p, bool first)
{
	struct dxc_attr attr = attr_of(p, INO("block"));
	struct dxc_branch br;
	struct dxc_log log;
	u32 size, last;
	u8 *at;

	do {
		say(p, &attr);
		NEED(dxc_branch_get(&p->img->vol, main_id, &br) == 0);
		NEED(dxc_log_open(&p->img->vol, br.head_word, br.first_seq, &log) == 0);
	} while (!dxc_log_next(&p->img->vol, log.head));
	for (last = 0; log.seq != log.end_seq; last = log.used - size)
		NEED(dxc_log_read(&p->img->vol, &log, record_room, &size) == 0);
	at = p->img->base + dxc_chunk_offset(&p->img->vol, log.head);
	at[first ? sizeof(struct daxfs_chunk) + 20 : last + 20] ^= 1;
}
DAMAGE(lr_gap) { damage_record(p, false); }
DAMAGE(lr_gap_first) { damage_record(p, true); }
DAMAGE(lr_data_chunk) { ino_logged(p); LE64(*chunk_word(p, 0), pair(DAXFS_CHUNK_DATA, 0, 1)); }
DAMAGE(lr_others_log)
{
	struct dxc_attr attr = attr_of(p, INO("block"));
	struct dxc_owner a;

	say(p, &attr);
	a = child(p, main_id, "a");
	entry(p, a.branch)->br_head = entry(p, 0)->br_head;
}
DAMAGE(lr_before_parent)
{
	struct dxc_attr attr = attr_of(p, INO("block"));
	struct dxc_record rec = start();
	struct dxc_owner a;

	say(p, &attr);
	a = child(p, main_id, "a");
	LE64(entry(p, a.branch)->br_first_seq, number(1));
	dxc_record_inode(&rec, &attr);
	append_to(p, a, &rec);
	LE64(entry(p, a.branch)->br_first_seq, number(2));
}
/* The child was made when its parent's log had one record. */
DAMAGE(lr_fewer)
{
	LE64(entry(p, child(p, main_id, "a").branch)->br_first_seq, number(2));
}
/* A writer adds to a log that a child was made over. */
DAMAGE(lr_late)
{
	struct dxc_attr attr = attr_of(p, INO("block"));

	say(p, &attr);
	child(p, main_id, "a");
	say(p, &attr);
	say(p, &attr);
}
DAMAGE(lr_late_first)
{
	struct dxc_attr attr = attr_of(p, INO("block"));

	child(p, main_id, "a");
	say(p, &attr);
}
DAMAGE(lr_item)
{
	struct dxc_record rec = start();
	struct dxc_attr attr = attr_of(p, INO("block"));

	dxc_record_inode(&rec, &attr);
	LE16(((struct daxfs_item *)(rec.buf + sizeof(struct daxfs_record)))->it_type, 99);
	append(p, &rec);
}
DAMAGE(lr_dir)
{
	struct dxc_record rec = start();

	dxc_record_link(&rec, INO("hello"), "x", 1, INO("block"), DT_REG);
	append(p, &rec);
}
DAMAGE(lr_link)
{
	struct dxc_record rec = start();

	dxc_record_link(&rec, 1, "x", 1, INO("block"), DT_FIFO);
	append(p, &rec);
}
DAMAGE(lr_type)
{
	struct dxc_attr attr = attr_of(p, INO("fifo"));

	attr.mode = S_IFSOCK | 0600;
	say(p, &attr);
}
DAMAGE(lr_range) { map(p, INO("sub"), 0, dxc_chunk_offset(&p->img->vol, data_chunk(p, main_id))); }
DAMAGE(lr_symlink)
{
	struct dxc_record rec = start();

	dxc_record_symlink(&rec, INO("block"), "target", 6);
	append(p, &rec);
}
DAMAGE(lr_symlink_longer)
{
	struct dxc_attr attr = attr_of(p, INO("link"));

	attr.size++;
	say(p, &attr);
}
DAMAGE(lr_symlink_none)
{
	struct dxc_attr attr = { .ino = p->img->count + 1, .mode = S_IFLNK | 0777, .nlink = 1, .size = 6 };
	struct dxc_record rec = start();

	LE64(shared(p)->ss_next_ino, number(attr.ino + 1));
	dxc_record_inode(&rec, &attr);
	dxc_record_link(&rec, 1, "new", 3, attr.ino, DT_LNK);
	append(p, &rec);
}
DAMAGE(lr_unlink)
{
	struct dxc_record rec = start();

	dxc_record_unlink(&rec, INO("sub"), "never", 5, INO("block"));
	append(p, &rec);
}
DAMAGE(lr_unlink_new)
{
	struct dxc_attr attr = { .ino = p->img->count + 1, .mode = S_IFDIR | 0755, .nlink = 2, .parent = 1 };
	struct dxc_attr root = attr_of(p, 1);
	struct dxc_record rec = start();

	root.nlink++;
	dxc_record_inode(&rec, &attr);
	dxc_record_inode(&rec, &root);
	dxc_record_link(&rec, 1, "new", 3, attr.ino, DT_DIR);
	append(p, &rec);
	rec = start();
	dxc_record_unlink(&rec, attr.ino, "never", 5, INO("block"));
	append_to(p, child(p, main_id, "a"), &rec);
	LE64(shared(p)->ss_next_ino, number(attr.ino + 1));
}
DAMAGE(lr_free_block) { map(p, INO("block"), 0, dxc_chunk_offset(&p->img->vol, 5)); }
DAMAGE(lr_log_block) { map(p, INO("block"), 0, dxc_chunk_offset(&p->img->vol, 0)); }
DAMAGE(lr_others_block)
{
	struct dxc_owner a = child(p, main_id, "a");

	map(p, INO("block"), 0, dxc_chunk_offset(&p->img->vol, data_chunk(p, a)));
	/* It was there when the child was made. */
	LE64(entry(p, a.branch)->br_first_seq, number(2));
}
DAMAGE(lr_block_twice)
{
	dxc_off data = dxc_chunk_offset(&p->img->vol, data_chunk(p, main_id));

	map(p, INO("block"), 0, data);
	map(p, INO("hello"), 0, data);
}

/* ---- views ---- */

DAMAGE(lr_missing)
{
	struct dxc_attr attr = attr_of(p, INO("block"));

	attr.nlink = 0;
	say(p, &attr);
}
DAMAGE(lr_missing_dir)
{
	struct dxc_attr attr = attr_of(p, INO("deeper"));

	attr.nlink = 0;
	say(p, &attr);
}
DAMAGE(lr_nlink)
{
	struct dxc_attr attr = attr_of(p, INO("block"));

	attr.nlink = 2;
	say(p, &attr);
}
DAMAGE(lr_nlink_dir)
{
	struct dxc_attr attr = attr_of(p, INO("sub"));

	attr.nlink++;
	say(p, &attr);
}
/* What is wrong with others does not keep a log from being looked at. */
DAMAGE(lr_nlink_bad_branch)
{
	lr_nlink_dir(p);
	child(p, main_id, "a");
	entry(p, 1)->br_uid ^= 5;
}
DAMAGE(lr_nlink_orphan)
{
	br_orphan(p);
	lr_nlink_dir(p);
}
DAMAGE(lr_nlink_unlink)
{
	struct dxc_record rec = start();

	dxc_record_unlink(&rec, 1, "block", 5, INO("block"));
	append(p, &rec);
}
DAMAGE(lr_nlink_over)
{
	/* Another file gets the name: both are counted wrong then. */
	struct dxc_record rec = start();

	dxc_record_link(&rec, 1, "block", 5, INO("hello"), DT_REG);
	append(p, &rec);
}
DAMAGE(lr_nlink_child)
{
	struct dxc_attr attr = attr_of(p, INO("hard1"));
	struct dxc_record rec = start();

	attr.nlink = 2;
	dxc_record_inode(&rec, &attr);
	append_to(p, child(p, child(p, main_id, "a"), "b"), &rec);
}
DAMAGE(lr_names_two)
{
	struct dxc_record rec = start();
	struct dxc_attr root = attr_of(p, 1);

	root.nlink++;
	dxc_record_inode(&rec, &root);
	dxc_record_link(&rec, 1, "second", 6, INO("emptydir"), DT_DIR);
	append(p, &rec);
}
DAMAGE(lr_names_none)
{
	struct dxc_record rec = start();
	struct dxc_attr root = attr_of(p, 1);

	root.nlink--;
	dxc_record_inode(&rec, &root);
	dxc_record_unlink(&rec, 1, "emptydir", 8, INO("emptydir"));
	append(p, &rec);
}
DAMAGE(lr_names_root)
{
	struct dxc_record rec = start();
	struct dxc_attr dir = attr_of(p, INO("emptydir"));

	dir.nlink++;
	dxc_record_inode(&rec, &dir);
	dxc_record_link(&rec, dir.ino, "up", 2, 1, DT_DIR);
	append(p, &rec);
}
DAMAGE(lr_parent)
{
	struct dxc_attr attr = attr_of(p, INO("emptydir"));

	attr.parent = INO("sub");
	say(p, &attr);
}
DAMAGE(lr_parent_moved)
{
	struct dxc_record rec = start();
	struct dxc_attr root = attr_of(p, 1), sub = attr_of(p, INO("sub"));

	root.nlink--;
	sub.nlink++;
	dxc_record_inode(&rec, &root);
	dxc_record_inode(&rec, &sub);
	dxc_record_unlink(&rec, 1, "emptydir", 8, INO("emptydir"));
	dxc_record_link(&rec, sub.ino, "emptydir", 8, INO("emptydir"), DT_DIR);
	append(p, &rec);
}
DAMAGE(lr_lost)
{
	struct dxc_record rec = start();
	struct dxc_attr root = attr_of(p, 1), sub = attr_of(p, INO("sub"));
	struct dxc_attr deeper = attr_of(p, INO("deeper"));

	root.nlink--;
	deeper.nlink++;
	sub.parent = deeper.ino;
	dxc_record_inode(&rec, &root);
	dxc_record_inode(&rec, &deeper);
	dxc_record_inode(&rec, &sub);
	dxc_record_unlink(&rec, 1, "sub", 3, sub.ino);
	dxc_record_link(&rec, deeper.ino, "sub", 3, sub.ino, DT_DIR);
	append(p, &rec);
}
DAMAGE(lr_cut)
{
	struct dxc_attr attr = attr_of(p, INO("block"));

	say(p, &attr);
	say(p, &attr);
	say(p, &attr);
	/* A bit of the second record; what it said was said before. */
	((u8 *)chunk_head(p, 0))[sizeof(struct daxfs_chunk) + 112 + 40] ^= 1;
}
DAMAGE(lr_torn)
{
	struct dxc_attr attr = attr_of(p, INO("block"));

	say(p, &attr);
	/* As far as the power lasted: a size, a number, no checksum. */
	((u8 *)chunk_head(p, 0))[sizeof(struct daxfs_chunk) + 112] = 112;
	((u8 *)chunk_head(p, 0))[sizeof(struct daxfs_chunk) + 112 + 8] = 2;
}
DAMAGE(lr_torn_last)
{
	struct dxc_attr attr = attr_of(p, INO("block"));

	say(p, &attr);
	((u8 *)chunk_head(p, 0))[p->img->vol.chunk_size - 1] = 1;
}
DAMAGE(lr_over)
{
	/* All is counted right, but the name of the base was not taken away. */
	struct dxc_attr hello = attr_of(p, INO("hello")), block = attr_of(p, INO("block"));
	struct dxc_record rec = start();

	hello.nlink--;
	block.nlink++;
	dxc_record_inode(&rec, &hello);
	dxc_record_inode(&rec, &block);
	dxc_record_link(&rec, 1, "hello", 5, block.ino, DT_REG);
	append(p, &rec);
}
DAMAGE(lr_over_child)
{
	struct dxc_attr fifo = attr_of(p, INO("fifo")), sock = attr_of(p, INO("sock"));
	struct dxc_record rec = start();

	fifo.nlink++;
	dxc_record_inode(&rec, &fifo);
	dxc_record_link(&rec, 1, "new", 3, fifo.ino, DT_FIFO);
	append(p, &rec);
	rec = start();
	fifo.nlink--;
	sock.nlink++;
	dxc_record_inode(&rec, &fifo);
	dxc_record_inode(&rec, &sock);
	dxc_record_link(&rec, 1, "new", 3, sock.ino, DT_SOCK);
	append_to(p, child(p, main_id, "a"), &rec);
}

const struct rule delta_rules[] = {
	FOUND_RW(SS_ZERO, ss_zero_first, 0), FOUND_RW(SS_ZERO, ss_zero_hfs, 0),
	FOUND_RW(SS_ZERO, ss_zero_last, 0),
	FOUND_RW(SS_INO, ino_used, 0), FOUND_RW(SS_INO, ino_zero, 0), FOUND_RW(SS_WORD, ino_none, 0),
	FOUND_RW(SS_WORD, seq_far, 0),
	FOUND_RW(SS_WORD, seq_none, 0), FOUND_RW(SS_WORD, gen_none, 0), FOUND_RW(SS_WORD, salt_none, 0),
	FOUND_RW(SS_WORD, taken_none, 0),
	FOUND_RW(TB_FLIP, ss_flip, 0), FOUND_RW(TB_FLIP, lock_flip, 0), FOUND_RW(TB_FLIP, br_flip, 0),
	FOUND_RW(TB_FLIP, br_flip_uid, 0), FOUND_RW(TB_FLIP, br_flip_sum, 0),
	FOUND_RW(TB_FLIP, br_flip_state, 0), FOUND_RW(TB_FLIP, br_flip_free, 0),
	FOUND_RW(TB_FLIP, ch_flip, 0), FOUND_RW(BR_WORD, br_first, 0), FOUND_RW(BR_WORD, br_limit, 0),
	FOUND_RW(SS_INO, ino_logged, 0), FOUND_RW(SS_INO, ino_gone, 0),
	FOUND_RW(SS_GEN, gen_used, 0), FOUND_RW(SS_GEN, gen_child, 0), FOUND_RW(SS_GEN, gen_salt, 0),
	FOUND_RW(BR_STATE, br_no_state, 0), FOUND_RW(BR_STATE, br_no_gen, 0),
	FOUND_RW(BR_STATE, br_main_free, 0), FOUND_RW(BR_STATE, br_main_dead, 0),
	FOUND_RW(BR_PARENT, br_main_child, 0), FOUND_RW(BR_PARENT, br_own_parent, 0),
	FOUND_RW(BR_PARENT, br_far_parent, 0),
	FOUND_RW(BR_NAME, br_other_main, 0), FOUND_RW(BR_NAME, br_dash, 0),
	FOUND_RW(BR_NAME, br_no_name, 0),
	FOUND_RW(BR_CHECKSUM, br_checksum, 0), FOUND_RW(BR_CHECKSUM, br_moved, 0),
	FOUND_RW(BR_RESERVED, br_reserved0, 0),
	FOUND_RW(BR_RESERVED, br_reserved_end, 0),
	FOUND_RW(BR_TWICE, br_twice, 0), FOUND_RW(BR_TWICE, br_second_main, 0),
	FOUND_RW(BR_ORPHAN, br_orphan, 0), FOUND_RW(BR_LOST, br_reused, 0),
	FOUND_RW(BR_WINNER, br_winner, 0), FOUND_RW(BR_WINNER, br_no_winner, 0),
	FOUND_RW(BR_RENAME, br_renaming, 0),
	FOUND_RW(BR_LEFT, br_left, 0),
	FOUND_RW(BR_LEASE, br_lease, 0), FOUND_RW(BR_LEASE, br_lease_noise, 0),
	FOUND_RW(SS_LOCK, ss_lock, 0),
	FOUND_RW(MT_OWNER, mt_owner, 0), FOUND_RW(MT_OWNER, mt_no_epoch, 0),
	FOUND_RW(MT_GONE, mt_gone, 0),
	FOUND_RW(MT_GONE, mt_gone_holds, ALSO(BR_LEASE) | ALSO(SS_LOCK)),
	FOUND_RW(BR_LOOP, br_loop, 0), FOUND_RW(BR_LOOP, br_loop3, 0),
	FOUND_RW(CH_WORD, ch_kind, 0), FOUND_RW(CH_WORD, ch_free, 0), FOUND_RW(CH_WORD, ch_rest, 0),
	FOUND_RW(CH_WORD, ch_far, 0),
	FOUND_RW(CH_OWNER, ch_nobody, 0), FOUND_RW(CH_OWNER, ch_older, 0),
	FOUND_RW(CH_OWNER, ch_dead, 0),
	FOUND_RW(CH_SEQ, ch_future, 0),
	FOUND_RW(CH_IDLE, ch_idle_log, 0),
	FOUND_RW(LR_START, lr_no_log, 0), FOUND_RW(LR_START, lr_head_far, 0),
	FOUND_RW(LR_GAP, lr_itself, 0), FOUND_RW(LR_GAP, lr_gap, 0),
	FOUND_RW(LR_GAP, lr_gap_first, 0), FOUND_RW(LR_CHAIN, lr_data_chunk, 0),
	FOUND_RW(LR_START, lr_others_log, 0), FOUND_RW(LR_START, lr_before_parent, 0),
	FOUND_RW(LR_GAP, lr_fewer, 0), FOUND_RW(LR_TORN, lr_late, 0),
	FOUND_RW(CH_IDLE, lr_late_first, 0),
	FOUND_RW(LR_ITEM, lr_item, 0), FOUND_RW(LR_DIR, lr_dir, 0), FOUND_RW(LR_LINK, lr_link, 0),
	FOUND_RW(LR_TYPE, lr_type, 0), FOUND_RW(LR_RANGE, lr_range, 0),
	FOUND_RW(LR_SYMLINK, lr_symlink, 0),
	FOUND_RW(LINK_TARGET, lr_symlink_longer, 0), FOUND_RW(LINK_TARGET, lr_symlink_none, 0),
	FOUND_RW(LR_UNLINK, lr_unlink, 0), FOUND_RW(LR_UNLINK, lr_unlink_new, 0),
	FOUND_RW(LR_BLOCKS, lr_free_block, 0), FOUND_RW(LR_BLOCKS, lr_log_block, 0),
	/* main cannot be loaded, so its child's chunk is not looked at */
	FOUND_RW(LR_BLOCKS, lr_others_block, 0), FOUND_RW(LR_BLOCKS, lr_block_twice, 0),
	FOUND_RW(LR_MISSING, lr_missing, 0), FOUND_RW(LR_MISSING, lr_missing_dir, 0),
	FOUND_RW(LR_NLINK, lr_nlink, 0), FOUND_RW(LR_NLINK, lr_nlink_dir, 0),
	FOUND_RW(LR_NLINK, lr_nlink_unlink, 0), FOUND_RW(LR_NLINK, lr_nlink_over, ALSO(LR_OVER)),
	FOUND_RW(LR_NLINK, lr_nlink_child, 0),
	FOUND_RW(LR_NLINK, lr_nlink_bad_branch, ALSO(BR_CHECKSUM)),
	FOUND_RW(LR_NLINK, lr_nlink_orphan, ALSO(BR_ORPHAN)),
	FOUND_RW(LR_NAMES, lr_names_two, 0), FOUND_RW(LR_NAMES, lr_names_none, 0),
	FOUND_RW(LR_NAMES, lr_names_root, 0),
	FOUND_RW(LR_PARENT, lr_parent, 0), FOUND_RW(LR_PARENT, lr_parent_moved, 0),
	FOUND_RW(LR_LOST, lr_lost, 0),
	FOUND_RW(LR_CUT, lr_cut, 0), FOUND_RW(LR_TORN, lr_torn, 0), FOUND_RW(LR_TORN, lr_torn_last, 0),
	FOUND_RW(LR_OVER, lr_over, 0), FOUND_RW(LR_OVER, lr_over_child, 0),
};

/* clang-format on */

const u32 delta_rule_count = sizeof(delta_rules) / sizeof(delta_rules[0]);

/* ---- what is not damaged ---- */

struct written {
	struct dxc_layer layer;
	struct dxc_attr root;
};

static void load(struct written *w, struct image *img, struct dxc_space *space,
		 struct dxc_layer *lower, struct dxc_owner id)
{
	struct dxc_file file;
	struct dxc_branch br;

	NEED(dxc_branch_get(&img->vol, id, &br) == 0);
	NEED(dxc_layer_init(&w->layer, &img->vol, space, lower, &br) == 0);
	NEED(dxc_layer_load(&w->layer, &br, true, NULL) == 0);
	NEED(dxc_view_inode(&w->layer, 1, &file, NULL) == 0);
	w->root = file.attr;
}

static struct dxc_attr look(const struct written *w, u32 ino, struct dxc_file *file)
{
	NEED(dxc_view_inode(&w->layer, ino, file, NULL) == 0);
	return file->attr;
}

static void make(struct written *w, struct dxc_attr *dir, const char *name, u32 mode,
		 const char *target, struct dxc_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	NEED(dxc_next_ino(w->layer.vol, &attr->ino) == 0);
	attr->mode = mode;
	attr->nlink = S_ISDIR(mode) ? 2 : 1;
	attr->parent = S_ISDIR(mode) ? dir->ino : 0;
	attr->size = target ? strlen(target) : 0;
	NEED(dxc_op_create(&w->layer, dir, name, strlen(name), attr, target, NULL, 0) == 0);
}

static void grow_main(struct written *w, struct image *img)
{
	struct dxc_attr dir, file, link, hello, sub, empty, hard;
	struct dxc_file seen;
	u64 got;
	dxc_off off;

	make(w, &w->root, "made", S_IFDIR | 0755, NULL, &dir);
	make(w, &dir, "file", S_IFREG | 0644, NULL, &file);
	make(w, &dir, "symlink", S_IFLNK | 0777, "file", &link);
	NEED(dxc_op_link(&w->layer, &w->root, "other", 5, &file) == 0);
	NEED(dxc_blocks_take(&w->layer, 0, 2, &off, &got) == 0 && got == 2);
	memset(img->base + off, 'x', 8192);
	file.size = 8192;
	NEED(dxc_op_map(&w->layer, &file, 0, 2, off) == 0);
	NEED(dxc_op_xattr(&w->layer, &file, DAXFS_XATTR_USER, "a", 1, "b", 1) == 0);
	/* Names of the base go away, alone and with others left. */
	hello = look(w, image_ino(img, "hello"), &seen);
	NEED(dxc_op_unlink(&w->layer, &w->root, "hello", 5, &hello) == 0);
	hard = look(w, image_ino(img, "hard1"), &seen);
	sub = look(w, image_ino(img, "sub"), &seen);
	NEED(dxc_op_unlink(&w->layer, &sub, "hard2", 5, &hard) == 0);
	empty = look(w, image_ino(img, "emptydir"), &seen);
	NEED(dxc_op_unlink(&w->layer, &w->root, "emptydir", 8, &empty) == 0);
}

static void grow_child(struct written *w, struct image *img)
{
	struct dxc_file seen;
	struct dxc_attr deep = look(w, image_ino(img, "deep"), &seen);
	struct dxc_attr sub = look(w, image_ino(img, "sub"), &seen), block;
	struct dxc_rename rn = {
		.old_dir = &sub, .new_dir = &w->root, .old_name = "deep", .old_len = 4,
		.new_name = "moved", .new_len = 5, .inode = &deep,
	};

	/* A directory of the base, with what is in it, moves; a file is replaced. */
	NEED(dxc_op_rename(&w->layer, &rn) == 0);
	block = look(w, image_ino(img, "block"), &seen);
	rn = (struct dxc_rename){
		.old_dir = &w->root, .new_dir = &w->root, .old_name = "block", .old_len = 5,
		.new_name = "nine", .new_len = 4, .inode = &block,
	};
	sub = look(w, image_ino(img, "nine"), &seen);
	rn.target = &sub;
	NEED(dxc_op_rename(&w->layer, &rn) == 0);
}

void delta_grow(struct image *img)
{
	struct patient p = { img, NULL, NULL, img->size };
	struct written m, c;
	struct dxc_space space;
	struct dxc_owner id;

	NEED(dxc_space_init(&space, &img->vol) == 0);
	load(&m, img, &space, NULL, main_id);
	grow_main(&m, img);
	id = child(&p, main_id, "child");
	/* Its log goes on with the number after its parent's last. */
	LE64(entry(&p, id.branch)->br_first_seq, number(m.layer.log.seq));
	load(&c, img, &space, &m.layer, id);
	grow_child(&c, img);
	child(&p, id, "grandchild");
	dxc_layer_free(&c.layer);
	dxc_layer_free(&m.layer);
	dxc_space_exit(&space);
}
