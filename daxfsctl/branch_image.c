// SPDX-License-Identifier: GPL-2.0-only
/*
 * The branches of an image that no mount speaks for: read from its tables, into
 * what a mount would say of them. No mount of it is asked whether it lives: who
 * has a slot counts.
 */
#include "branch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "applet.h"
#include "image.h"
#include "message.h"
#include "usage.h"

int branch_image_open(struct image *img, const char *source)
{
	char *text;
	int err;

	err = image_open(img, source);
	if (!err)
		return EXIT_OK;
	text = image_strerror(img, err);
	message_error("%s: %s", source, text ? text : strerror(-err));
	free(text);
	return err == -ENOENT || img->finding.code == DXC_SB_SHORT ||
			       img->finding.code == DXC_SB_MAGIC ?
		       EXIT_NOT_FOUND :
		       EXIT_FAILED;
}

static void describe(struct daxfs_branch_info *info, const struct dxc_volume *vol,
		     const struct dxc_branch *br)
{
	struct dxc_mount mt;
	__u32 slot, epoch;

	memset(info, 0, sizeof(*info));
	memcpy(info->di_name, br->name, sizeof(info->di_name));
	info->di_id = dxc_id_word(br->id);
	info->di_parent = dxc_id_word(br->parent);
	info->di_created = br->created;
	info->di_uid = br->uid;
	info->di_limit = br->limit;
	if (dxc_branch_is_frozen(vol, br->id))
		info->di_flags |= DAXFS_BRANCH_FROZEN;
	if (dxc_holder_is_there(vol, br->lease) &&
	    dxc_holder_open(vol, br->lease, &slot, &epoch) &&
	    !dxc_mount_read(vol, slot, &mt)) {
		info->di_flags |= DAXFS_BRANCH_WRITTEN;
		memcpy(info->di_host, mt.host, sizeof(mt.host));
	}
}

static int read_branches(struct branch_mount *bm, const struct dxc_volume *vol)
{
	struct dxc_branch br;
	size_t room = 0;
	u32 index = 0;

	while (dxc_branch_next(vol, &index, &br) == 0) {
		if (bm->count == room) {
			struct daxfs_branch_info *more;

			room = room ? room * 2 : 64;
			more = reallocarray(bm->branches, room, sizeof(*more));
			if (!more)
				return -ENOMEM;
			bm->branches = more;
		}
		describe(&bm->branches[bm->count++], vol, &br);
	}
	return 0;
}

static void count_mounts(struct branch_mount *bm, const struct dxc_volume *vol)
{
	struct dxc_mount mt;

	for (u32 i = 0; i < vol->mount_count; i++) {
		const struct daxfs_branch_info *found;
		struct daxfs_branch_info *br;

		if (dxc_mount_read(vol, i, &mt) != 0)
			continue;
		found = branch_with_id(bm, dxc_id_word(mt.branch));
		if (!found)
			continue;
		br = &bm->branches[found - bm->branches];
		br->di_mounts++;
		if (!br->di_host[0])
			memcpy(br->di_host, mt.host, sizeof(mt.host));
	}
}

static int count_chunks(struct branch_mount *bm, const struct dxc_volume *vol)
{
	struct usage us;
	int err;

	err = usage_read(&us, vol);
	for (size_t i = 0; !err && i < bm->count; i++) {
		struct daxfs_branch_info *br = &bm->branches[i];
		const struct usage_branch *mine =
			&us.branches[dxc_word_id(br->di_id).branch];

		if (dxc_id_word(mine->id) == br->di_id)
			br->di_used = ((__u64)mine->log_chunks + mine->data_chunks) *
				      vol->chunk_size;
	}
	usage_free(&us);
	return err;
}

static int list_image(struct branch_mount *bm, const struct image *img,
		      const char *source, bool used)
{
	int err;

	if (!dxc_volume_is_writable(&img->vol)) {
		message_error("%s: the image has no branches", source);
		return EXIT_REFUSED;
	}
	bm->path = strdup(source);
	err = bm->path ? read_branches(bm, &img->vol) : -ENOMEM;
	if (!err)
		count_mounts(bm, &img->vol);
	if (!err && used)
		err = count_chunks(bm, &img->vol);
	if (!err)
		return EXIT_OK;
	message_error("%s: %s", source, strerror(-err));
	return EXIT_FAILED;
}

int branch_source_open(struct branch_mount *bm, const char *source, bool used)
{
	struct image img;
	int status;

	memset(bm, 0, sizeof(*bm));
	bm->fd = -1;
	status = branch_image_open(&img, source);
	if (status)
		return status;
	if (img.src.kind == SOURCE_MOUNT)
		status = branch_mount_open(bm, source);
	else
		status = list_image(bm, &img, source, used);
	image_close(&img);
	return status;
}
