// SPDX-License-Identifier: GPL-2.0-only
/* Counts what the tables of an image say. The tables may change meanwhile. */
#include "usage.h"

static int read_branches(struct usage *us, const struct dxc_volume *vol)
{
	struct dxc_branch br;
	u32 index = 0;

	us->entries = vol->branch_count;
	us->branches = calloc(us->entries, sizeof(*us->branches));
	if (!us->branches)
		return -ENOMEM;
	while (dxc_branch_next(vol, &index, &br) == 0) {
		struct usage_branch *mine = &us->branches[br.id.branch];

		mine->id = br.id;
		memcpy(mine->name, br.name, sizeof(mine->name));
		us->branch_count++;
	}
	return 0;
}

struct usage_branch *usage_owner(const struct usage *us, const struct dxc_chunk_use *use)
{
	if (use->kind != DAXFS_CHUNK_LOG && use->kind != DAXFS_CHUNK_DATA)
		return NULL;
	if (use->owner.branch >= us->entries || !use->owner.generation ||
	    !dxc_owner_is(us->branches[use->owner.branch].id, use->owner))
		return NULL;
	return &us->branches[use->owner.branch];
}

static void count_chunk(struct usage *us, const struct dxc_chunk_use *use)
{
	struct usage_branch *owner = usage_owner(us, use);

	switch (use->kind) {
	case DAXFS_CHUNK_FREE:
		us->free++;
		return;
	case DAXFS_CHUNK_FREED:
		us->freed++;
		return;
	case DAXFS_CHUNK_LOG:
		us->log++;
		if (owner)
			owner->log_chunks++;
		break;
	default:
		us->data++;
		if (owner)
			owner->data_chunks++;
	}
	if (!owner)
		us->orphans++;
}

int usage_read(struct usage *us, const struct dxc_volume *vol)
{
	u32 chunks = dxc_chunk_count(vol);
	struct dxc_chunk_use use;
	struct dxc_mount mt;
	int err;

	memset(us, 0, sizeof(*us));
	if (!dxc_volume_is_writable(vol))
		return 0;
	err = read_branches(us, vol);
	if (err)
		return err;
	for (u32 i = 0; i < vol->mount_count; i++)
		if (dxc_mount_read(vol, i, &mt) == 0)
			us->mount_count++;
	for (u32 i = 0; i < chunks; i++) {
		if (dxc_chunk_read(vol, i, &use))
			us->bad++;
		else
			count_chunk(us, &use);
	}
	return 0;
}

void usage_free(struct usage *us)
{
	free(us->branches);
	us->branches = NULL;
	us->entries = 0;
}

u64 usage_of_area(const struct usage *us, const struct dxc_volume *vol, unsigned int area)
{
	switch (area) {
	case DAXFS_AREA_BRANCHES:
		return (u64)us->branch_count * sizeof(struct daxfs_branch);
	case DAXFS_AREA_MOUNTS:
		return (u64)us->mount_count * sizeof(struct daxfs_mount);
	case DAXFS_AREA_CHUNKS:
		return vol->area[area].length - (u64)us->free * sizeof(__le64);
	case DAXFS_AREA_DATA:
		/* Nobody has checked the superblock's word for it. */
		if (vol->data_blocks > vol->area[area].length / DAXFS_BLOCK_SIZE)
			return vol->area[area].length;
		return vol->data_blocks * DAXFS_BLOCK_SIZE;
	case DAXFS_AREA_DELTA:
		return (u64)(us->log + us->data + us->bad) * vol->chunk_size;
	}
	return vol->area[area].length;
}

void usage_of_image(const struct usage *us, const struct dxc_volume *vol, u64 *used,
		    u64 *size)
{
	if (!dxc_volume_is_writable(vol)) {
		*used = vol->region.size;
		*size = vol->region.size;
		return;
	}
	*used = usage_of_area(us, vol, DAXFS_AREA_DATA);
	*size = *used + vol->area[DAXFS_AREA_DELTA].length;
	*used += usage_of_area(us, vol, DAXFS_AREA_DELTA);
}
