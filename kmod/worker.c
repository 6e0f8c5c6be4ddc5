// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker: what has to be done for a volume now and then, and soon after
 * somebody asked for it. Follows what other kernels did, logs times, gives back what
 * nobody reads any more, looks whether leases are lost. It calls everybody, and nobody
 * calls it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "daxfs.h"
#include "volume/trace.h"
#include "backing/backing.h"

/* What a super block has to have done for it now and then. */
static void tend_super(struct daxfs_sb_info *sbi, bool flush)
{
	struct super_block *sb = sbi->sb;

	daxfs_home_reflect(sbi);
	if (READ_ONCE(sbi->sweep) != sbi->swept)
		daxfs_super_refresh(sbi);
	/* Not while it is frozen: then nothing may change. */
	if (flush && !list_empty_careful(&sbi->dirty) && sb_start_write_trylock(sb)) {
		daxfs_flush_all_times(sb);
		sb_end_write(sb);
	}
}

/*
 * The super block after prev in the list that can be locked against being
 * unmounted, with s_umount held: as long as we have it, umount waits.
 */
static struct daxfs_sb_info *lock_next(struct daxfs_volume *vol, unsigned int *index)
{
	struct daxfs_sb_info *sbi;
	unsigned int i = 0;

	down_read(&vol->tree);
	list_for_each_entry(sbi, &vol->supers, list) {
		if (i++ < *index || !down_read_trylock(&sbi->sb->s_umount))
			continue;
		if (sbi->sb->s_root && sbi->sb->s_flags & SB_ACTIVE) {
			*index = i;
			up_read(&vol->tree);
			return sbi;
		}
		up_read(&sbi->sb->s_umount);
	}
	up_read(&vol->tree);
	return NULL;
}

/*
 * Who was taken for dead long enough to lose the slot takes another one, as soon
 * as there is one. What was freed meanwhile did not wait for him. Under ops_lock:
 * no operation holds the volume lock by the old one.
 */
static void keep_slots(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;
	unsigned int index = 0;

	while ((sbi = lock_next(vol, &index))) {
		if (sbi->epoch && !daxfs_slot_is_ours(sbi)) {
			pr_notice_ratelimited("%s: another kernel took this one for dead\n",
					      vol->name);
			trace_daxfs_slot_lost(sbi, READ_ONCE(sbi->shown));
			daxfs_slot_claim_again(sbi, dxc_word_id(READ_ONCE(sbi->shown)),
					       !sb_rdonly(sbi->sb));
			WRITE_ONCE(vol->look_again, true);
		}
		up_read(&sbi->sb->s_umount);
	}
}

/* So that somebody who stops is noticed, not only when he is in the way. */
static void observe(struct daxfs_volume *vol)
{
	struct dxc_mount mt;
	u32 i;

	for (i = 0; i < vol->core.mount_count; i++) {
		if (!dxc_mount_read(&vol->core, i, &mt))
			daxfs_mount_is_dead(vol, &mt);
		if (i % 1024 == 1023)
			cond_resched();
	}
}

void daxfs_tend(struct work_struct *work)
{
	struct daxfs_volume *vol = container_of(work, struct daxfs_volume, tend.work);
	bool often = xchg(&vol->tend_all, false), again;
	struct daxfs_sb_info *sbi;
	unsigned int index = 0;
	u64 seq = 0;
	int id;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return;
	/* An operation in progress calls us again when it is done. */
	if (mutex_trylock(&vol->ops_lock)) {
		keep_slots(vol);
		again = xchg(&vol->look_again, false);
		if ((dxc_commit_seq(&vol->core) == vol->left_seq && !again) || !daxfs_notice(vol))
			seq = vol->left_seq;
		else if (again)
			WRITE_ONCE(vol->look_again, true);
		daxfs_follow_all(vol);
		mutex_unlock(&vol->ops_lock);
	}
	while ((sbi = lock_next(vol, &index))) {
		tend_super(sbi, often);
		up_read(&sbi->sb->s_umount);
	}
	if (seq && seq != vol->seen_seq)
		daxfs_seen_advance(vol, seq);
	else if (xchg(&vol->followed, false) || often)
		daxfs_retired_settle(vol);
	if ((seq || often) && vol->backing->writable)
		daxfs_chunks_reclaim(vol);
	if (often)
		observe(vol);
	daxfs_backing_exit(vol->backing, id);
}

/*
 * What an operation finds out by itself, for who does none. Waits for tree, which a branch
 * operation or a reload may hold for long, so it is not the heartbeats' work; daxfs_tend()
 * may have to wait longer, for readers.
 */
void daxfs_look(struct work_struct *work)
{
	struct daxfs_volume *vol = container_of(work, struct daxfs_volume, look);
	int id = daxfs_backing_enter(vol->backing);

	if (id < 0)
		return;
	daxfs_leases_check(vol);
	daxfs_relations_check(vol);
	if (daxfs_follow_any(vol))
		daxfs_tend_soon(vol);
	daxfs_backing_exit(vol->backing, id);
}
