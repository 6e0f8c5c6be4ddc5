// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a branch operation makes stale: inodes of the super blocks whose view it
 * discards or changes, and their mappings. They are told while tree is held for
 * writing, and unmapped by daxfs_stale_settle() when it is free: unmapping
 * takes locks that those who wait for tree may hold. Why an operation changes
 * anything is branch_op.c's.
 *
 * Inodes are stale, too, when they are of another life of their super block than the
 * present one. A death begins a new life, so that all of them are at one store;
 * the root is brought over by daxfs_home_move().
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include "view.h"

void daxfs_forget_times(struct inode *inode)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(inode->i_sb);

	if (likely(!daxfs_is(DAXFS_I(inode), DAXFS_I_TIMES)))
		return;
	spin_lock(&sbi->dirty_lock);
	list_del_init(&DAXFS_I(inode)->dirty);
	daxfs_clear(DAXFS_I(inode), DAXFS_I_TIMES);
	spin_unlock(&sbi->dirty_lock);
}

void daxfs_forget_all_times(struct daxfs_sb_info *sbi)
{
	struct daxfs_inode_info *info, *next;

	spin_lock(&sbi->dirty_lock);
	list_for_each_entry_safe(info, next, &sbi->dirty, dirty) {
		list_del_init(&info->dirty);
		daxfs_clear(info, DAXFS_I_TIMES);
	}
	spin_unlock(&sbi->dirty_lock);
}

struct inode *daxfs_inode_discard(struct super_block *sb, dxc_ino ino, struct dxc_layer *now)
{
	struct inode *inode = daxfs_find_inode(sb, ino);

	if (!inode)
		return NULL;
	/* The root is there always, also of a super block that is being mounted. */
	if (inode->i_mode && ino == DAXFS_ROOT_INO) {
		daxfs_calls->refresh(inode, now);
	} else if (inode->i_mode) {
		daxfs_set(DAXFS_I(inode), DAXFS_I_STALE);
		daxfs_forget_times(inode);
		remove_inode_hash(inode);
		return inode;
	}
	/* Not the last reference, or one that is being filled in from now on. */
	iput(inode);
	return NULL;
}

bool daxfs_stale_pin(struct daxfs_stale *st, struct daxfs_sb_info *sbi)
{
	/* Ours is kept alive by the file of the ioctl. */
	if (sbi == st->ours || sbi->pinned)
		return true;
	if (!atomic_inc_not_zero(&sbi->sb->s_active))
		return false;
	sbi->pinned = true;
	return true;
}

static void add_stale(struct daxfs_stale *st, struct inode *inode)
{
	DAXFS_I(inode)->stale_next = st->inodes;
	st->inodes = inode;
}

/* What sbi holds of the inodes in layer was discarded; now it shows now. */
void daxfs_stale_layer(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		       const struct dxc_layer *layer, struct dxc_layer *now)
{
	u32 bucket = 0, skip = 0;
	struct inode *inode;
	dxc_ino ino;

	if (dxc_layer_is_empty(layer) || !daxfs_stale_pin(st, sbi))
		return;
	while (!dxc_layer_next_ino(layer, &bucket, &skip, &ino)) {
		inode = daxfs_inode_discard(sbi->sb, ino, now);
		if (!inode)
			continue;
		/* Layers below may have it without a name, which nobody can use now. */
		dxc_orphan_closed(layer->lower, ino);
		add_stale(st, inode);
	}
	daxfs_view_changed(sbi);
}

static void refresh_ino(struct daxfs_stale *st, struct daxfs_sb_info *sbi, dxc_ino ino,
			struct dxc_layer *now)
{
	struct inode *inode = daxfs_find_inode(sbi->sb, ino);
	struct dxc_file file;

	if (!inode)
		return;
	if (dxc_view_inode(now, ino, &file, NULL) == -ESTALE) {
		/* Two references; one is enough to unmap it, and this is not the last. */
		iput(daxfs_inode_discard(sbi->sb, ino, now));
	} else if (inode->i_mode) {
		daxfs_calls->refresh(inode, now);
	}
	add_stale(st, inode);
}

/* The same for a super block whose branch was changed, not discarded. */
static void refresh_layer(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
			  const struct dxc_layer *layer, struct dxc_layer *now)
{
	u32 bucket = 0, skip = 0;
	dxc_ino ino;

	if (dxc_layer_is_empty(layer) || !daxfs_stale_pin(st, sbi))
		return;
	while (!dxc_layer_next_ino(layer, &bucket, &skip, &ino))
		refresh_ino(st, sbi, ino, now);
	daxfs_view_changed(sbi);
}

void daxfs_stale_touched(struct daxfs_stale *st, struct daxfs_loaded_branch *branch,
			 const struct dxc_touched *touched)
{
	struct daxfs_sb_info *sbi;
	u32 i;

	if (!touched->count)
		return;
	list_for_each_entry(sbi, &st->vol->supers, list) {
		if (sbi->branch != branch || sbi->dead)
			continue;
		if (touched->all) {
			WRITE_ONCE(sbi->sweep, sbi->sweep + 1);
		} else if (daxfs_stale_pin(st, sbi)) {
			for (i = 0; i < touched->count; i++)
				refresh_ino(st, sbi, touched->ino[i], &branch->layer);
		}
		daxfs_view_changed(sbi);
	}
}

/* The branch below both, which may be one of them. main lies below all. */
struct daxfs_loaded_branch *daxfs_branch_common(struct daxfs_loaded_branch *a,
						struct daxfs_loaded_branch *b)
{
	unsigned int a_depth = daxfs_branch_depth(a), b_depth = daxfs_branch_depth(b);

	for (; a_depth > b_depth; a_depth--)
		a = a->parent;
	for (; b_depth > a_depth; b_depth--)
		b = b->parent;
	while (a != b) {
		a = a->parent;
		b = b->parent;
	}
	return a;
}

/* The super block leaves its view for another. */
void daxfs_stale_view(struct daxfs_stale *st, struct daxfs_sb_info *sbi,
		      struct daxfs_loaded_branch *to)
{
	struct daxfs_loaded_branch *from = sbi->branch, *branch;
	struct daxfs_loaded_branch *base = daxfs_branch_common(from, to);

	for (branch = from; branch != base; branch = branch->parent)
		daxfs_stale_layer(st, sbi, &branch->layer, &to->layer);
	for (branch = to; branch != base; branch = branch->parent)
		daxfs_stale_layer(st, sbi, &branch->layer, &to->layer);
	daxfs_forget_all_times(sbi);
	daxfs_branch_show(sbi, to, &st->branches);
}

/* An inode of a life that is over. */
static void bury_one(struct inode *inode)
{
	struct daxfs_hold hold;
	struct dxc_layer *layer;

	if (!daxfs_is_stale(inode) || daxfs_is_root(inode))
		return;
	if (!inode->i_nlink && !daxfs_is(DAXFS_I(inode), DAXFS_I_STALE)) {
		/* A branch below may have it without a name, which nobody can use from here now. */
		layer = daxfs_view_read(inode->i_sb, &hold);
		dxc_orphan_closed(layer, inode->i_ino);
		daxfs_view_read_end(inode->i_sb, &hold);
	}
	daxfs_set(DAXFS_I(inode), DAXFS_I_STALE);
	remove_inode_hash(inode);
	daxfs_calls->unmap(inode);
}

/* The next store to what is mapped comes here, and is refused. */
static void close_mappings(struct daxfs_sb_info *sbi)
{
	if (!READ_ONCE(sbi->mapped) || !atomic_inc_not_zero(&sbi->sb->s_active))
		return;
	daxfs_sweep(sbi->sb, DAXFS_I_MAPPED, daxfs_calls->unmap);
	daxfs_super_put(sbi);
}

/* Forgets inodes of dead super blocks, and unmaps from visitors what was writable. */
static void settle_supers(struct daxfs_volume *vol)
{
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &vol->supers, list) {
		if (sbi->dying) {
			sbi->dying = false;
			daxfs_sweep(sbi->sb, 0, bury_one);
		}
		if (sbi->closing) {
			sbi->closing = false;
			close_mappings(sbi);
		}
	}
}

/* Without tree: unmaps what is stale, frees what is not used. */
void daxfs_stale_settle(struct daxfs_stale *st)
{
	struct daxfs_sb_info *sbi, *next;
	struct inode *inode;

	while ((inode = st->inodes)) {
		st->inodes = DAXFS_I(inode)->stale_next;
		daxfs_calls->unmap(inode);
		iput(inode);
	}
	settle_supers(st->vol);
	daxfs_branch_free_list(&st->branches);
	INIT_LIST_HEAD(&st->branches);
	/* ops_lock keeps them in the list. */
	list_for_each_entry_safe(sbi, next, &st->vol->supers, list) {
		if (sbi->pinned) {
			sbi->pinned = false;
			daxfs_super_put(sbi);
		}
	}
}

/*
 * Entries that ->pfn_mkwrite has agreed to (cow.c) are writable afterwards, or will not be:
 * after blocks were frozen and unmapped, and before they are unmapped once more. May take
 * hundreds of milliseconds; only memory without struct pages needs it.
 */
static void await_answers(struct daxfs_volume *vol)
{
	/* Between the answer and the store to the entry nobody sleeps. */
	if (READ_ONCE(vol->answered) && xchg(&vol->answered, false))
		synchronize_rcu_tasks();
}

/*
 * Pages that were mapped writable are the parent's now: the next write to them
 * has to fault, and copies.
 */
void daxfs_stale_mappings(struct daxfs_stale *st, struct daxfs_loaded_branch *branch)
{
	struct daxfs_sb_info *sbi;

	await_answers(st->vol);
	list_for_each_entry(sbi, &st->vol->supers, list) {
		if (!READ_ONCE(sbi->mapped) || !sbi->branch)
			continue;
		/* The only one that had any is the writer; he may have moved on already. */
		if ((sbi->branch != branch && sbi->branch->parent != branch) ||
		    !atomic_inc_not_zero(&sbi->sb->s_active))
			continue;
		daxfs_sweep(sbi->sb, DAXFS_I_MAPPED, daxfs_calls->unmap);
		daxfs_super_put(sbi);
	}
}

/*
 * They are kept until daxfs_stale_settle(), as a last reference is not given up
 * under tree. None is in a list already: of what sb shows nothing was discarded.
 */
static void unmap_stores(struct daxfs_stale *st, struct super_block *sb)
{
	struct inode *inode;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (!daxfs_is(DAXFS_I(inode), DAXFS_I_MAPPED) || !igrab(inode))
			continue;
		spin_unlock(&sb->s_inode_list_lock);
		unmap_mapping_range(inode->i_mapping, 0, 0, 0);
		add_stale(st, inode);
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
}

bool daxfs_layer_is_pinned(const struct daxfs_volume *vol, const struct dxc_layer *layer)
{
	u32 i;

	for (i = 0; i < layer->chunk_count; i++) {
		if (daxfs_blocks_pinned(vol->backing,
					dxc_chunk_offset(&vol->core, layer->chunks[i]),
					vol->space.chunk_blocks))
			return true;
	}
	return false;
}

bool daxfs_stale_pinned(struct daxfs_stale *st, struct daxfs_loaded_branch *branch)
{
	struct daxfs_volume *vol = st->vol;
	struct daxfs_sb_info *sbi;
	bool mapped = false;

	list_for_each_entry(sbi, &vol->supers, list) {
		if (!READ_ONCE(sbi->mapped) || sbi->branch != branch)
			continue;
		mapped = true;
		/* Of one that is being unmounted nothing is mapped, but pages may be held. */
		if (daxfs_stale_pin(st, sbi))
			unmap_stores(st, sbi->sb);
	}
	if (!vol->backing->has_pages || (!mapped && !branch->was_mapped))
		return false;
	/* Also of files that nobody has open any more. */
	if (daxfs_layer_is_pinned(vol, &branch->layer))
		return true;
	/* Pages are held only by way of a mapping. */
	if (!mapped)
		branch->was_mapped = false;
	return false;
}

/* Is branch above parent, and not by way of the winner? */
bool daxfs_branch_is_discarded(const struct daxfs_loaded_branch *branch,
			       const struct daxfs_loaded_branch *parent,
			       const struct daxfs_loaded_branch *winner)
{
	for (; branch; branch = branch->parent) {
		if (branch->parent == parent)
			return branch != winner;
	}
	return false;
}

/*
 * The child's layer is still its own, and says over the parent's what the
 * parent will: so inodes can be told now, before there is only one.
 */
void daxfs_stale_commit(struct daxfs_stale *st, struct daxfs_loaded_branch *parent,
			struct daxfs_loaded_branch *child)
{
	struct daxfs_loaded_branch *branch;
	struct daxfs_sb_info *sbi;

	list_for_each_entry(sbi, &st->vol->supers, list) {
		if (!sbi->branch || sbi->branch == child || sbi->dead)
			continue;
		if (sbi->branch == parent) {
			refresh_layer(st, sbi, &child->layer, &child->layer);
		} else if (sbi == st->ours &&
			   daxfs_branch_is_discarded(sbi->branch, parent, child)) {
			for (branch = sbi->branch; branch != parent; branch = branch->parent)
				daxfs_stale_layer(st, sbi, &branch->layer, &child->layer);
			daxfs_stale_layer(st, sbi, &child->layer, &child->layer);
			daxfs_forget_all_times(sbi);
		}
	}
}

/* Files without a name in a layer whose log is to be read anew: it will not have them. */
void daxfs_stale_orphans(struct daxfs_stale *st, struct daxfs_loaded_branch *parent,
			 const struct dxc_layer *layer)
{
	struct daxfs_sb_info *sbi;
	u32 bucket = 0, skip = 0;
	struct inode *inode;
	dxc_ino ino;

	while (!dxc_layer_next_ino(layer, &bucket, &skip, &ino)) {
		if (!dxc_layer_has_orphan(layer, ino))
			continue;
		list_for_each_entry(sbi, &st->vol->supers, list) {
			if (!sbi->branch || sbi->dead ||
			    daxfs_branch_common(sbi->branch, parent) != parent ||
			    !daxfs_stale_pin(st, sbi))
				continue;
			inode = daxfs_inode_discard(sbi->sb, ino, &parent->layer);
			if (inode)
				add_stale(st, inode);
		}
	}
}
