/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: how operations on branches end, who is taken for dead, and what
 * becomes free. daxfs(5) names the events and their fields. Kernels without
 * CONFIG_TRACEPOINTS have none of it.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM daxfs

#if !defined(DAXFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DAXFS_TRACE_H

#include <linux/tracepoint.h>
#include "volume.h"

/*
 * Branches are given as dxc_id_word().
 *
 * An operation on a branch has ended. name and other as in struct daxfs_branch_op,
 * but name is that of the branch which the mount showed, if none was given. id
 * is 0 when there is no such branch. discarded: other branches that are gone.
 */
DECLARE_EVENT_CLASS(daxfs_branch_class,
	TP_PROTO(const struct daxfs_sb_info *sbi, const char *name, const char *other,
		 u64 id, u64 parent, u32 discarded, int error),
	TP_ARGS(sbi, name, other, id, parent, discarded, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__string(volume, sbi->volume->name)
		__string(name, name)
		__string(other, other)
		__field(u32, branch)
		__field(u64, generation)
		__field(u32, parent)
		__field(u64, parent_generation)
		__field(u32, discarded)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = sbi->sb->s_dev;
		daxfs_assign_str(volume, sbi->volume->name);
		daxfs_assign_str(name, name);
		daxfs_assign_str(other, other);
		__entry->branch = dxc_word_id(id).branch;
		__entry->generation = dxc_word_id(id).generation;
		__entry->parent = dxc_word_id(parent).branch;
		__entry->parent_generation = dxc_word_id(parent).generation;
		__entry->discarded = discarded;
		__entry->error = error;
	),
	TP_printk("dev=%u:%u name=%s branch=%u:%llu parent=%u:%llu discarded=%u error=%d volume=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __get_str(name),
		  __entry->branch, __entry->generation, __entry->parent,
		  __entry->parent_generation, __entry->discarded, __entry->error,
		  __get_str(volume))
);

#define DAXFS_BRANCH_EVENT(event)							\
DEFINE_EVENT(daxfs_branch_class, event,							\
	TP_PROTO(const struct daxfs_sb_info *sbi, const char *name, const char *other,	\
		 u64 id, u64 parent, u32 discarded, int error), \
	TP_ARGS(sbi, name, other, id, parent, discarded, error))

DAXFS_BRANCH_EVENT(daxfs_branch_create);
DAXFS_BRANCH_EVENT(daxfs_branch_switch);
DAXFS_BRANCH_EVENT(daxfs_branch_commit);
DAXFS_BRANCH_EVENT(daxfs_branch_abort);

DEFINE_EVENT_PRINT(daxfs_branch_class, daxfs_branch_rename,
	TP_PROTO(const struct daxfs_sb_info *sbi, const char *name, const char *other,
		 u64 id, u64 parent, u32 discarded, int error),
	TP_ARGS(sbi, name, other, id, parent, discarded, error),
	TP_printk("dev=%u:%u name=%s to=%s branch=%u:%llu parent=%u:%llu error=%d volume=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __get_str(name), __get_str(other),
		  __entry->branch, __entry->generation, __entry->parent,
		  __entry->parent_generation, __entry->error, __get_str(volume))
);

/*
 * sbi has taken something from a mount that is gone: its slot and epoch (0 where
 * the word in the region named none), and its host where that was found.
 */
DECLARE_EVENT_CLASS(daxfs_takeover_class,
	TP_PROTO(const struct daxfs_sb_info *sbi, u64 branch, dxc_holder from,
		 const char *host),
	TP_ARGS(sbi, branch, from, host),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__string(volume, sbi->volume->name)
		__string(host, host)
		__field(u32, branch)
		__field(u64, generation)
		__field(u32, slot)
		__field(u32, epoch)
	),
	TP_fast_assign(
		__entry->dev = sbi->sb->s_dev;
		daxfs_assign_str(volume, sbi->volume->name);
		daxfs_assign_str(host, host);
		__entry->branch = dxc_word_id(branch).branch;
		__entry->generation = dxc_word_id(branch).generation;
		__entry->slot = 0;
		__entry->epoch = 0;
		dxc_holder_open(&sbi->volume->core, from, &__entry->slot, &__entry->epoch);
	),
	TP_printk("dev=%u:%u branch=%u:%llu from_slot=%u from_epoch=%u from_host=%s volume=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->branch,
		  __entry->generation, __entry->slot, __entry->epoch, __get_str(host),
		  __get_str(volume))
);

/* The lease of branch. */
DEFINE_EVENT(daxfs_takeover_class, daxfs_lease_takeover,
	TP_PROTO(const struct daxfs_sb_info *sbi, u64 branch, dxc_holder from,
		 const char *host),
	TP_ARGS(sbi, branch, from, host)
);

/* A mount slot; branch is what that mount said that it shows. */
DEFINE_EVENT(daxfs_takeover_class, daxfs_slot_takeover,
	TP_PROTO(const struct daxfs_sb_info *sbi, u64 branch, dxc_holder from,
		 const char *host),
	TP_ARGS(sbi, branch, from, host)
);

/* The volume lock, which is of no branch. */
DEFINE_EVENT_PRINT(daxfs_takeover_class, daxfs_lock_takeover,
	TP_PROTO(const struct daxfs_sb_info *sbi, u64 branch, dxc_holder from,
		 const char *host),
	TP_ARGS(sbi, branch, from, host),
	TP_printk("dev=%u:%u from_slot=%u from_epoch=%u from_host=%s volume=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->slot, __entry->epoch,
		  __get_str(host), __get_str(volume))
);

/* The other side: sbi, which has this slot, was taken for dead. */
DECLARE_EVENT_CLASS(daxfs_lost_class,
	TP_PROTO(const struct daxfs_sb_info *sbi, u64 branch),
	TP_ARGS(sbi, branch),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__string(volume, sbi->volume->name)
		__field(u32, branch)
		__field(u64, generation)
		__field(u32, slot)
		__field(u32, epoch)
	),
	TP_fast_assign(
		__entry->dev = sbi->sb->s_dev;
		daxfs_assign_str(volume, sbi->volume->name);
		__entry->branch = dxc_word_id(branch).branch;
		__entry->generation = dxc_word_id(branch).generation;
		__entry->slot = sbi->slot;
		__entry->epoch = sbi->epoch;
	),
	TP_printk("dev=%u:%u branch=%u:%llu slot=%u epoch=%u volume=%s",
		  MAJOR(__entry->dev), MINOR(__entry->dev), __entry->branch,
		  __entry->generation, __entry->slot, __entry->epoch, __get_str(volume))
);

/* The lease of branch is another mount's. */
DEFINE_EVENT(daxfs_lost_class, daxfs_lease_lost,
	TP_PROTO(const struct daxfs_sb_info *sbi, u64 branch),
	TP_ARGS(sbi, branch)
);

/* The slot is another mount's; branch is what sbi shows. */
DEFINE_EVENT(daxfs_lost_class, daxfs_slot_lost,
	TP_PROTO(const struct daxfs_sb_info *sbi, u64 branch),
	TP_ARGS(sbi, branch)
);

/* Chunks that were freed up to commit sequence seen are free for anybody. */
TRACE_EVENT(daxfs_reclaim,
	TP_PROTO(const struct daxfs_volume *vol, u64 seen, u32 chunks),
	TP_ARGS(vol, seen, chunks),
	TP_STRUCT__entry(
		__string(volume, vol->name)
		__field(u64, seen)
		__field(u32, chunks)
	),
	TP_fast_assign(
		daxfs_assign_str(volume, vol->name);
		__entry->seen = seen;
		__entry->chunks = chunks;
	),
	TP_printk("seen=%lld chunks=%u volume=%s", (s64)__entry->seen, __entry->chunks,
		  __get_str(volume))
);

/* Blocks that a branch has given up and nobody reads any more: it may give them out again. */
TRACE_EVENT(daxfs_settle,
	TP_PROTO(const struct daxfs_volume *vol, u64 branch, u64 blocks),
	TP_ARGS(vol, branch, blocks),
	TP_STRUCT__entry(
		__string(volume, vol->name)
		__field(u32, branch)
		__field(u64, generation)
		__field(u64, blocks)
	),
	TP_fast_assign(
		daxfs_assign_str(volume, vol->name);
		__entry->branch = dxc_word_id(branch).branch;
		__entry->generation = dxc_word_id(branch).generation;
		__entry->blocks = blocks;
	),
	TP_printk("branch=%u:%llu blocks=%llu volume=%s", __entry->branch, __entry->generation,
		  __entry->blocks, __get_str(volume))
);

#endif

/* Beside this file, not in include/trace/events: by the -I of Kbuild. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
