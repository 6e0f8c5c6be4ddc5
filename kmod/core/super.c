// SPDX-License-Identifier: GPL-2.0-only
/*
 * The superblock: decoded and checked in one place, encoded in one place.
 * Nothing behind it is looked at before everything here holds.
 */
#include "core.h"

/* What has to be true of the areas, by index. */
static const struct area_rule {
	bool delta;		/* belongs to writable images only */
	u16 unit;		/* bytes of an element, length is a multiple */
	bool checksummed;
} rules[DAXFS_AREA_COUNT] = {
	[DAXFS_AREA_SHARED] = { true, sizeof(struct daxfs_shared), false },
	[DAXFS_AREA_BRANCHES] = { true, sizeof(struct daxfs_branch), false },
	[DAXFS_AREA_MOUNTS] = { true, sizeof(struct daxfs_mount), false },
	[DAXFS_AREA_CHUNKS] = { true, sizeof(__le64), false },
	[DAXFS_AREA_INODES] = { false, sizeof(struct daxfs_inode), true },
	[DAXFS_AREA_DIRS] = { false, DAXFS_DIRENT_UNIT, true },
	[DAXFS_AREA_XATTRS] = { false, 8, true },
	[DAXFS_AREA_LINKS] = { false, 1, true },
	[DAXFS_AREA_EXTENTS] = { false, sizeof(struct daxfs_extent), true },
	[DAXFS_AREA_DATA] = { false, DAXFS_BLOCK_SIZE, false },
	[DAXFS_AREA_DELTA] = { true, DAXFS_BLOCK_SIZE, false },
	[DAXFS_AREA_SPARE] = { true, 1, false },
};

static int sb_found(struct dxc_finding *f, int err, unsigned int code,
		    unsigned int area, dxc_off offset, u64 detail)
{
	return dxc_found(f, err, code, area, 0, offset, detail);
}

#define SB_BAD(code, member, detail) \
	sb_found(f, -EUCLEAN, code, DAXFS_AREA_COUNT, \
		 offsetof(struct daxfs_super, member), detail)

/* Offset of the first nonzero byte, or n. */
static u64 nonzero_at(const u8 *p, u64 n)
{
	u64 i;

	for (i = 0; i < n; i++)
		if (p[i])
			break;
	return i;
}

static int check_zero(const struct daxfs_super *sb, struct dxc_finding *f)
{
	static const struct {
		u16 offset, length;
	} zeros[] = {
#define ZERO(m) { offsetof(struct daxfs_super, m), sizeof(((struct daxfs_super *)0)->m) }
		ZERO(sb_zero0), ZERO(sb_reserved0), ZERO(sb_zero1),
		ZERO(sb_reserved1), ZERO(sb_zero2), ZERO(sb_reserved2),
		ZERO(sb_zero3), ZERO(sb_zero4),
#undef ZERO
	};
	u64 i, at;

	for (i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++) {
		at = nonzero_at((const u8 *)sb + zeros[i].offset, zeros[i].length);
		if (at < zeros[i].length)
			return sb_found(f, -EUCLEAN, DXC_SB_RESERVED,
					DAXFS_AREA_COUNT, zeros[i].offset + at, 0);
	}
	return 0;
}

/* The label may become part of terminal output and of udev links. */
static bool label_is_text(const u8 *label)
{
	u32 len, i;

	for (len = 0; len < DAXFS_LABEL_LEN && label[len]; len++)
		if (label[len] < 0x20 || label[len] == 0x7f)
			return false;
	for (i = len; i < DAXFS_LABEL_LEN; i++)
		if (label[i])
			return false;
	return true;
}

static int check_areas(struct dxc_volume *vol, const struct daxfs_super *sb,
		       struct dxc_finding *f)
{
	bool delta = vol->incompat & DAXFS_INCOMPAT_DELTA;
	u64 limit = vol->region.size - DAXFS_TRAILER_SIZE;
	u64 end = DAXFS_SB_SIZE;
	unsigned int i;

	for (i = 0; i < DAXFS_AREA_COUNT; i++) {
		const struct daxfs_area *raw = &sb->sb_areas[i];
		struct dxc_area *ar = &vol->area[i];
		dxc_off at = offsetof(struct daxfs_super, sb_areas) +
			     i * sizeof(*raw);

		ar->offset = le64_to_cpu(raw->ar_offset);
		ar->length = le64_to_cpu(raw->ar_length);
		ar->checksum = le32_to_cpu(raw->ar_checksum);
		if (raw->ar_reserved0 || raw->ar_reserved1 ||
		    (!rules[i].checksummed && ar->checksum))
			return sb_found(f, -EUCLEAN, DXC_SB_RESERVED,
					DAXFS_AREA_COUNT, at + 16, 0);
		if (!ar->length) {
			if (ar->offset)
				return sb_found(f, -EUCLEAN, DXC_SB_AREA_BOUNDS,
						i, at, ar->offset);
			if (delta && rules[i].delta && i != DAXFS_AREA_SPARE)
				return sb_found(f, -EUCLEAN, DXC_SB_DELTA, i, at, 0);
			continue;
		}
		if ((rules[i].delta && !delta) || i == DAXFS_AREA_SPARE)
			return sb_found(f, -EUCLEAN, DXC_SB_DELTA, i, at, ar->offset);
		if (ar->offset % DAXFS_BLOCK_SIZE || ar->offset > limit ||
		    ar->length > limit - ar->offset)
			return sb_found(f, -EUCLEAN, DXC_SB_AREA_BOUNDS, i, at,
					ar->offset);
		/* Areas lie in the order of their numbers. */
		if (ar->offset < end)
			return sb_found(f, -EUCLEAN, DXC_SB_AREA_ORDER, i, at,
					ar->offset);
		end = ar->offset + ar->length;
		if (ar->length % rules[i].unit)
			return sb_found(f, -EUCLEAN, DXC_SB_AREA_LENGTH, i, at + 8,
					ar->length);
		if (!rules[i].delta && ar->offset < DAXFS_HEADER_SIZE)
			return sb_found(f, -EUCLEAN, DXC_SB_AREA_BOUNDS, i, at,
					ar->offset);
	}
	return 0;
}

/* Lengths that follow from counts. */
static int check_counts(const struct dxc_volume *vol, struct dxc_finding *f)
{
	const struct dxc_area *ar = vol->area;
	u64 chunks;

	if (!vol->inode_count || vol->inode_count > DAXFS_MAX_INODES)
		return SB_BAD(DXC_SB_COUNT, sb_inode_count, vol->inode_count);
	if (ar[DAXFS_AREA_INODES].length !=
	    vol->inode_count * sizeof(struct daxfs_inode))
		return sb_found(f, -EUCLEAN, DXC_SB_AREA_LENGTH, DAXFS_AREA_INODES,
				offsetof(struct daxfs_super, sb_inode_count),
				ar[DAXFS_AREA_INODES].length);
	if (vol->data_blocks > ar[DAXFS_AREA_DATA].length / DAXFS_BLOCK_SIZE)
		return SB_BAD(DXC_SB_COUNT, sb_data_blocks, vol->data_blocks);

	if (!dxc_volume_is_writable(vol)) {
		if (vol->chunk_size)
			return SB_BAD(DXC_SB_CHUNK_SIZE, sb_chunk_size, vol->chunk_size);
		if (vol->branch_count)
			return SB_BAD(DXC_SB_COUNT, sb_branch_count, vol->branch_count);
		if (vol->mount_count)
			return SB_BAD(DXC_SB_COUNT, sb_mount_count, vol->mount_count);
		return 0;
	}

	if (vol->chunk_size < DAXFS_CHUNK_MIN || vol->chunk_size > DAXFS_CHUNK_MAX ||
	    vol->chunk_size & (vol->chunk_size - 1))
		return SB_BAD(DXC_SB_CHUNK_SIZE, sb_chunk_size, vol->chunk_size);
	if (!vol->branch_count || vol->branch_count > DAXFS_BRANCHES_MAX)
		return SB_BAD(DXC_SB_COUNT, sb_branch_count, vol->branch_count);
	if (!vol->mount_count || vol->mount_count > DAXFS_BRANCHES_MAX)
		return SB_BAD(DXC_SB_COUNT, sb_mount_count, vol->mount_count);
	if (ar[DAXFS_AREA_SHARED].offset != DAXFS_SB_SIZE)
		return sb_found(f, -EUCLEAN, DXC_SB_AREA_BOUNDS, DAXFS_AREA_SHARED,
				0, ar[DAXFS_AREA_SHARED].offset);
	if (ar[DAXFS_AREA_BRANCHES].offset < DAXFS_TABLES_OFFSET)
		return sb_found(f, -EUCLEAN, DXC_SB_AREA_BOUNDS, DAXFS_AREA_BRANCHES,
				0, ar[DAXFS_AREA_BRANCHES].offset);
	chunks = ar[DAXFS_AREA_DELTA].length / vol->chunk_size;
	if (ar[DAXFS_AREA_DELTA].offset % vol->chunk_size)
		return sb_found(f, -EUCLEAN, DXC_SB_AREA_BOUNDS, DAXFS_AREA_DELTA,
				0, ar[DAXFS_AREA_DELTA].offset);
	if (ar[DAXFS_AREA_SHARED].length != sizeof(struct daxfs_shared) ||
	    ar[DAXFS_AREA_BRANCHES].length !=
	    (u64)vol->branch_count * sizeof(struct daxfs_branch) ||
	    ar[DAXFS_AREA_MOUNTS].length !=
	    (u64)vol->mount_count * sizeof(struct daxfs_mount) ||
	    ar[DAXFS_AREA_DELTA].length % vol->chunk_size ||
	    ar[DAXFS_AREA_CHUNKS].length != chunks * sizeof(__le64))
		return sb_found(f, -EUCLEAN, DXC_SB_AREA_LENGTH, DAXFS_AREA_CHUNKS,
				offsetof(struct daxfs_super, sb_areas),
				ar[DAXFS_AREA_CHUNKS].length);
	return 0;
}

static int decode(struct dxc_volume *vol, struct daxfs_super *sb,
		  struct dxc_finding *f)
{
	__le32 stored;
	u32 crc;
	u64 size;
	int err;

	if (memcmp(sb->sb_magic, DAXFS_SB_MAGIC, DAXFS_SB_MAGIC_LEN) != 0)
		return sb_found(f, -EINVAL, DXC_SB_MAGIC, DAXFS_AREA_COUNT, 0, 0);

	/* Before the checksum: another format may compute it in another way. */
	vol->version = le32_to_cpu(sb->sb_version);
	if (vol->version != DAXFS_VERSION)
		return sb_found(f, -EOPNOTSUPP,
				vol->version < DAXFS_VERSION ? DXC_SB_OLD : DXC_SB_VERSION,
				DAXFS_AREA_COUNT, offsetof(struct daxfs_super, sb_version),
				vol->version);
	stored = sb->sb_checksum;
	sb->sb_checksum = 0;
	crc = dxc_crc32c(0, sb, sizeof(*sb));
	if (le32_to_cpu(stored) != crc)
		return sb_found(f, -EBADMSG, DXC_SB_CHECKSUM, DAXFS_AREA_COUNT,
				offsetof(struct daxfs_super, sb_checksum), crc);

	vol->compat = le32_to_cpu(sb->sb_compat);
	vol->ro_compat = le32_to_cpu(sb->sb_ro_compat);
	vol->incompat = le32_to_cpu(sb->sb_incompat);
	if (vol->incompat & ~DAXFS_INCOMPAT_KNOWN)
		return sb_found(f, -EOPNOTSUPP, DXC_SB_FEATURE, DAXFS_AREA_COUNT,
				offsetof(struct daxfs_super, sb_incompat),
				vol->incompat & ~DAXFS_INCOMPAT_KNOWN);
	if (le32_to_cpu(sb->sb_block_size) != DAXFS_BLOCK_SIZE)
		return SB_BAD(DXC_SB_BLOCK_SIZE, sb_block_size,
			      le32_to_cpu(sb->sb_block_size));
	if (le32_to_cpu(sb->sb_area_count) != DAXFS_AREA_COUNT)
		return SB_BAD(DXC_SB_COUNT, sb_area_count,
			      le32_to_cpu(sb->sb_area_count));
	size = le64_to_cpu(sb->sb_image_size);
	if (size % DAXFS_BLOCK_SIZE ||
	    size < DAXFS_HEADER_SIZE + DAXFS_TRAILER_SIZE)
		return SB_BAD(DXC_SB_IMAGE_SIZE, sb_image_size, size);
	if (size > vol->region.size)
		return SB_BAD(DXC_SB_REGION_SIZE, sb_image_size, size);
	vol->region.size = size;

	err = check_zero(sb, f);
	if (err)
		return err;
	if (!label_is_text(sb->sb_label))
		return SB_BAD(DXC_SB_LABEL, sb_label, 0);

	vol->chunk_size = le32_to_cpu(sb->sb_chunk_size);
	vol->inode_count = le64_to_cpu(sb->sb_inode_count);
	vol->hash_seed = le64_to_cpu(sb->sb_hash_seed);
	vol->data_blocks = le64_to_cpu(sb->sb_data_blocks);
	vol->created = (s64)le64_to_cpu(sb->sb_created);
	vol->branch_count = le32_to_cpu(sb->sb_branch_count);
	vol->mount_count = le32_to_cpu(sb->sb_mount_count);
	memcpy(vol->uuid, sb->sb_uuid, sizeof(vol->uuid));
	memcpy(vol->label, sb->sb_label, DAXFS_LABEL_LEN);
	vol->label[DAXFS_LABEL_LEN] = 0;

	err = check_areas(vol, sb, f);
	if (err)
		return err;
	return check_counts(vol, f);
}

int dxc_super_decode(struct dxc_volume *vol, struct daxfs_super *sb, u64 size,
		     struct dxc_finding *f)
{
	if (f)
		memset(f, 0, sizeof(*f));
	memset(vol, 0, sizeof(*vol));
	vol->region.size = size;
	return decode(vol, sb, f);
}

/* The superblock is too large for a kernel stack; the caller brings sb. */
static int open_with(struct dxc_volume *vol, struct daxfs_super *sb,
		     struct dxc_finding *f)
{
	int err = dxc_region_read(&vol->region, 0, sb, sizeof(*sb));

	if (err == -EUCLEAN)
		return sb_found(f, -EINVAL, DXC_SB_SHORT, DAXFS_AREA_COUNT, 0,
				vol->region.size);
	return err ? err : decode(vol, sb, f);
}

int dxc_volume_open(struct dxc_volume *vol, void *base, u64 size,
		    struct dxc_finding *f)
{
	struct daxfs_super *sb = dxc_alloc(1, sizeof(*sb));
	int err;

	if (f)
		memset(f, 0, sizeof(*f));
	if (!sb)
		return -ENOMEM;
	memset(vol, 0, sizeof(*vol));
	vol->region.base = base;
	vol->region.size = size;
	/* It is not known yet what memory this is. */
	vol->region.poisons = true;
	err = open_with(vol, sb, f);
	vol->region.poisons = DXC_POISONS;
	dxc_free(sb);
	return err;
}

void dxc_super_encode(const struct dxc_volume *vol, struct daxfs_super *sb)
{
	unsigned int i;

	memset(sb, 0, sizeof(*sb));
	memcpy(sb->sb_magic, DAXFS_SB_MAGIC, DAXFS_SB_MAGIC_LEN);
	sb->sb_version = cpu_to_le32(DAXFS_VERSION);
	sb->sb_block_size = cpu_to_le32(DAXFS_BLOCK_SIZE);
	sb->sb_area_count = cpu_to_le32(DAXFS_AREA_COUNT);
	sb->sb_image_size = cpu_to_le64(vol->region.size);
	sb->sb_chunk_size = cpu_to_le32(vol->chunk_size);
	sb->sb_compat = cpu_to_le32(vol->compat);
	sb->sb_ro_compat = cpu_to_le32(vol->ro_compat);
	sb->sb_incompat = cpu_to_le32(vol->incompat);
	memcpy(sb->sb_uuid, vol->uuid, sizeof(sb->sb_uuid));
	for (i = 0; i < DAXFS_LABEL_LEN && vol->label[i]; i++)
		sb->sb_label[i] = vol->label[i];
	sb->sb_inode_count = cpu_to_le64(vol->inode_count);
	sb->sb_hash_seed = cpu_to_le64(vol->hash_seed);
	sb->sb_data_blocks = cpu_to_le64(vol->data_blocks);
	sb->sb_created = cpu_to_le64((u64)vol->created);
	sb->sb_branch_count = cpu_to_le32(vol->branch_count);
	sb->sb_mount_count = cpu_to_le32(vol->mount_count);
	for (i = 0; i < DAXFS_AREA_COUNT; i++) {
		sb->sb_areas[i].ar_offset = cpu_to_le64(vol->area[i].offset);
		sb->sb_areas[i].ar_length = cpu_to_le64(vol->area[i].length);
		sb->sb_areas[i].ar_checksum = cpu_to_le32(vol->area[i].checksum);
	}
	sb->sb_checksum = cpu_to_le32(dxc_crc32c(0, sb, sizeof(*sb)));
}
