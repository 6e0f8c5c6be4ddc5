// SPDX-License-Identifier: GPL-2.0-only
/* Repairs the checksums of an image that was damaged on purpose. */
#include "seal.h"

void seal_areas(u8 *base, u64 size)
{
	struct daxfs_super *sb = (struct daxfs_super *)base;
	unsigned int i;

	for (i = DAXFS_AREA_INODES; i <= DAXFS_AREA_EXTENTS; i++) {
		struct daxfs_area *ar = &sb->sb_areas[i];
		u64 off = le64_to_cpu(ar->ar_offset), len = le64_to_cpu(ar->ar_length);

		if (dxc_range_ok(off, len, 0, size))
			ar->ar_checksum = cpu_to_le32(dxc_crc32c(0, base + off, len));
	}
}

void seal_super(u8 *base)
{
	struct daxfs_super *sb = (struct daxfs_super *)base;

	sb->sb_checksum = 0;
	sb->sb_checksum = cpu_to_le32(dxc_crc32c(0, sb, sizeof(*sb)));
}

dxc_off seal_copy_offset(const u8 *base, u64 size)
{
	u64 image = le64_to_cpu(((const struct daxfs_super *)base)->sb_image_size);

	if (image % DAXFS_BLOCK_SIZE || image > size ||
	    image < DAXFS_HEADER_SIZE + DAXFS_TRAILER_SIZE)
		image = size & ~(u64)(DAXFS_BLOCK_SIZE - 1);
	return image - DAXFS_SB_SIZE;
}

void seal(u8 *base, u64 size)
{
	seal_areas(base, size);
	seal_super(base);
	memcpy(base + seal_copy_offset(base, size), base, DAXFS_SB_SIZE);
}

void seal_chunk(struct daxfs_chunk *ch)
{
	u32 crc = dxc_crc32c(0, &ch->ch_first_seq, 3 * sizeof(__le64));

	ch->ch_checksum = cpu_to_le32(dxc_crc32c(crc, &ch->ch_prev_seq, 3 * sizeof(__le64)));
}

void seal_record(const struct daxfs_chunk *ch, struct daxfs_record *at, u32 room)
{
	u32 size = le32_to_cpu(at->lr_size);
	u32 crc = dxc_crc32c(0, &ch->ch_salt, sizeof(ch->ch_salt));

	if (size < sizeof(*at) || size > room)
		return;
	crc = dxc_crc32c(crc, &at->lr_size, size - sizeof(at->lr_checksum));
	at->lr_checksum = cpu_to_le32(crc);
}

void seal_word(__le64 *word)
{
	u64 value = le64_to_cpu(*word);

	if (value)
		*word = cpu_to_le64(dxc_word_seal(value >> 8 & 0xf, value >> 12));
}

void seal_entry(struct daxfs_branch *br)
{
	__le64 generation = cpu_to_le64(le64_to_cpu(br->br_state) >> 28);
	u32 crc = dxc_crc32c(0, &generation, sizeof(generation));

	crc = dxc_crc32c(crc, &br->br_parent, sizeof(br->br_parent));
	crc = dxc_crc32c(crc, &br->br_uid, sizeof(br->br_uid));
	br->br_checksum = cpu_to_le32(dxc_crc32c(crc, br->br_name, sizeof(br->br_name)));
}
