// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a volume before it is unmounted: its device is taken away, or root
 * shuts it down. From then on nobody enters the backing (-EIO), nothing of the
 * region is mapped, and no struct page of it names a file. What is left is to be
 * unmounted. Other kernels see mounts whose heartbeats have stopped.
 *
 * Whoever maps something looks at backing->down under the mapping's
 * invalidate_lock, and what was mapped before is unmapped under it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/uaccess.h>
#include "daxfs.h"
#include "backing/backing.h"

/* How long a device that goes is kept for those who have its pages. */
#define PATIENCE (10 * HZ)

/* Of which volumes: by one or the other. */
struct loss {
	const struct dax_device *dax;
	const struct daxfs_volume *vol;
	const char *why;
};

static bool is_of(const struct loss *loss, const struct daxfs_volume *vol)
{
	return loss->vol ? vol == loss->vol : vol->backing->dax == loss->dax;
}

static void mark_down(struct daxfs_volume *vol, const char *why)
{
	bool was_down = xchg(&vol->backing->down, true);

	/* Nothing more is looked at: see shut_down(). */
	WRITE_ONCE(vol->commit_at, &vol->left_raw);
	if (!was_down && vol->name[0])
		pr_warn("%s: %s: all of it says EIO until it is unmounted\n", vol->name, why);
}

static void mark_one(struct daxfs_volume *vol, void *arg)
{
	const struct loss *loss = arg;

	if (is_of(loss, vol))
		mark_down(vol, loss->why);
}

static void unmap_all(struct super_block *sb)
{
	daxfs_sweep(sb, 0, daxfs_inode_unmap);
}

/* Under s_umount, so that inodes and volume stay. One that is being unmounted has nothing mapped. */
static void unmap_one(struct super_block *sb, void *arg)
{
	if (is_of(arg, DAXFS_SB(sb)->volume))
		unmap_all(sb);
}

/* All are marked first: s_umount of one that is being unmounted is held for a while. */
static void shut_down(struct loss *loss)
{
	daxfs_volumes_walk(mark_one, loss);
	/* Who looks for news of branches does so inside RCU. */
	synchronize_rcu();
	if (loss->dax)
		daxfs_export_revoke(loss->dax);
	iterate_supers_type(&daxfs_type, unmap_one, loss);
}

static void sync_one(struct super_block *sb, void *arg)
{
	const struct loss *loss = arg;

	if (is_of(loss, DAXFS_SB(sb)->volume))
		sb->s_op->sync_fs(sb, 1);
}

/* ---- pages that somebody else has ---- */

/* The frames [pfn, end) of a region of a device. end: 0 where there is none. */
struct frames {
	const struct dax_device *dax;
	unsigned long from;		/* those before it were looked at */
	unsigned long pfn, end;
};

/* Of several regions the one that ends first. */
static void find_frames(struct daxfs_volume *vol, void *arg)
{
	const struct daxfs_backing *backing = vol->backing;
	unsigned long end = backing->first_pfn + PHYS_PFN(backing->size);
	struct frames *frames = arg;

	if (!backing->has_pages || backing->dax != frames->dax || end <= frames->from)
		return;
	if (!frames->end || end < frames->end) {
		frames->pfn = max(frames->from, backing->first_pfn);
		frames->end = end;
	}
}

/*
 * A page that is read or written by I/O, or is in a pipe, outlives its mapping, but
 * not its device, whose driver does not wait. A page that a fault has given to the
 * kernel may have been mapped after all was unmapped: then it is again.
 */
static void wait_for_pages(struct loss *loss)
{
	unsigned long until = jiffies + PATIENCE;
	struct frames frames = { .dax = loss->dax };

	for (;; frames.from = frames.end) {
		frames.end = 0;
		daxfs_volumes_walk(find_frames, &frames);
		if (!frames.end)
			return;
		while (!daxfs_pages_are_idle(&frames.pfn, frames.end)) {
			if (time_after(jiffies, until)) {
				pr_warn("a device is taken away while pages of it are still in use (a pipe, direct I/O)\n");
				return;
			}
			msleep(20);
			iterate_supers_type(&daxfs_type, unmap_one, loss);
		}
	}
}

void daxfs_device_removed(struct dax_device *dax)
{
	struct loss loss = { .dax = dax, .why = "its device is taken away" };

	shut_down(&loss);
	wait_for_pages(&loss);
}

/* From the block layer: the same for one super block, with its s_umount. */
void daxfs_super_shutdown(struct super_block *sb)
{
	mark_down(DAXFS_SB(sb)->volume, "its device is gone");
	synchronize_rcu();
	unmap_all(sb);
}

/* FS_IOC_SHUTDOWN, on any file: as if the power had gone, for all mounts of the volume here. */
long daxfs_ioctl_shutdown(struct super_block *sb, u32 __user *arg)
{
	struct loss loss = { .vol = DAXFS_SB(sb)->volume, .why = "shut down by ioctl" };
	u32 flags;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (get_user(flags, arg))
		return -EFAULT;
	switch (flags) {
	case FS_SHUTDOWN_FLAGS_DEFAULT:
	case FS_SHUTDOWN_FLAGS_LOGFLUSH:
		iterate_supers_type(&daxfs_type, sync_one, &loss);
		break;
	case FS_SHUTDOWN_FLAGS_NOLOGFLUSH:
		break;
	default:
		return -EINVAL;
	}
	shut_down(&loss);
	return 0;
}
