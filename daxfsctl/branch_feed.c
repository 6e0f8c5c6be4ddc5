// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads what a branch changed, piece by piece: by the core, from a branch whose logs
 * were read here, or from the kernel's pages, which the core filled there.
 */
#include "branch_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- layers ---- */

static int read_layer(struct feed *feed, enum daxfs_diff_part part,
		      const struct dxc_diff_dir *dirs, u32 count,
		      const struct feed_taker *taker)
{
	struct dxc_diff diff = {
		.name = taker->name,
		.inode = taker->inode,
		.priv = taker->priv,
	};
	struct dxc_diff_place place = { { 0, 0 } };
	struct dxc_finding *f = &feed->finding;
	int err;

	dxc_diff_open(&diff, feed->top);
	do {
		diff.steps = ~0u;
		switch (part) {
		case DAXFS_DIFF_NAMES:
			err = dxc_diff_names(&diff, &place, f);
			break;
		case DAXFS_DIFF_INODES:
			err = dxc_diff_inodes(&diff, &place, f);
			break;
		case DAXFS_DIFF_FILES:
			err = dxc_diff_files(&diff, &place, f);
			break;
		default:
			err = dxc_diff_dirs(&diff, dirs, count, &place, f);
		}
		if (!err && part == DAXFS_DIFF_NAMES) {
			part = DAXFS_DIFF_INODES;
			memset(&place, 0, sizeof(place));
			err = 1;
		}
	} while (err > 0);
	return err;
}

void feed_of_layer(struct feed *feed, const struct dxc_layer *top)
{
	memset(feed, 0, sizeof(*feed));
	feed->fd = -1;
	feed->read = read_layer;
	feed->top = top;
}

/* ---- pages of the kernel ---- */

static int take_name(const struct feed_taker *taker, const struct daxfs_diff_name *rec)
{
	struct dxc_diff_name name = {
		.dir = rec->dn_dir,
		.before = rec->dn_before,
		.after = rec->dn_after,
		.type_before = rec->dn_type_before,
		.type_after = rec->dn_type_after,
		.pos = rec->dn_pos,
		.len = rec->dn_len,
		.name = rec->dn_name,
	};

	return taker->name(taker->priv, &name);
}

static void get_attr(const struct daxfs_diff_attr *from, struct dxc_attr *attr)
{
	attr->size = from->da_size;
	attr->mtime = from->da_mtime;
	attr->mtime_nsec = from->da_mtime_nsec;
	attr->mode = from->da_mode;
	attr->uid = from->da_uid;
	attr->gid = from->da_gid;
	attr->nlink = from->da_nlink;
	attr->rdev_major = from->da_rdev_major;
	attr->rdev_minor = from->da_rdev_minor;
}

static int take_inode(const struct feed_taker *taker, const struct daxfs_diff_inode *rec)
{
	struct dxc_diff_inode inode = {
		.ino = rec->dx_ino,
		.differs = rec->dx_differs,
		.was = rec->dx_before.da_nlink != 0,
		.is = rec->dx_after.da_nlink != 0,
	};

	get_attr(&rec->dx_before, &inode.before);
	get_attr(&rec->dx_after, &inode.after);
	return taker->inode(taker->priv, &inode);
}

static int take_page(struct feed *feed, const struct feed_taker *taker)
{
	const char *at = feed->records, *end = at + feed->page.bd_used;
	int err = 0;

	while (!err && at < end) {
		const struct daxfs_diff_name *name = (const void *)at;

		if (name->dn_kind == DAXFS_DIFF_NAME)
			err = take_name(taker, name);
		else if (name->dn_kind == DAXFS_DIFF_INODE)
			err = take_inode(taker, (const void *)at);
		at += name->dn_size;
	}
	return err;
}

static int read_pages(struct feed *feed, enum daxfs_diff_part part,
		      const struct dxc_diff_dir *dirs, u32 count,
		      const struct feed_taker *taker)
{
	struct daxfs_branch_diff *page = &feed->page;
	u64 id = page->bd_id;
	int err = 0;

	page->bd_part = part;
	page->bd_place[0] = 0;
	page->bd_place[1] = 0;
	page->bd_dirs = (uintptr_t)dirs;
	page->bd_dir_count = part == DAXFS_DIFF_DIRS ? count : 0;
	while (!err && page->bd_part != DAXFS_DIFF_END) {
		page->bd_size = sizeof(*page);
		page->bd_room = DAXFS_DIFF_ROOM_MAX;
		page->bd_records = (uintptr_t)feed->records;
		if (ioctl(feed->fd, DAXFS_IOC_BRANCH_DIFF, page) < 0) {
			err = -errno;
			memcpy(feed->reason, page->bd_reason, sizeof(feed->reason));
			feed->reason[sizeof(feed->reason) - 1] = '\0';
			break;
		}
		/* Another branch has the name by now. */
		if (id && page->bd_id != id)
			return -EAGAIN;
		id = page->bd_id;
		err = take_page(feed, taker);
	}
	return err;
}

int feed_of_mount(struct feed *feed, int fd, const char *name)
{
	memset(feed, 0, sizeof(*feed));
	feed->fd = fd;
	feed->read = read_pages;
	strncpy(feed->page.bd_name, name, sizeof(feed->page.bd_name) - 1);
	feed->records = malloc(DAXFS_DIFF_ROOM_MAX);
	return feed->records ? 0 : -ENOMEM;
}

void feed_rewind(struct feed *feed)
{
	feed->page.bd_seq = 0;
	feed->page.bd_names_seq = 0;
	feed->page.bd_id = 0;
	feed->reason[0] = '\0';
}

void feed_close(struct feed *feed)
{
	free(feed->records);
	feed->records = NULL;
}
