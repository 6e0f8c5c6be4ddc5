/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * daxfs, a filesystem in memory that several parties load and store.
 *
 * This file may be redistributed under the terms of the
 * GNU Lesser General Public License, version 2.1 or later.
 */
#include <stddef.h>
#include <string.h>

#include "crc32c.h"
#include "superblocks.h"

/* "daxfs\r\n", then what ends a text file on DOS */
#define DAXFS_MAGIC		"daxfs\r\n\x1a"
#define DAXFS_MAGIC_LEN		8
#define DAXFS_SB_SIZE		4096
#define DAXFS_LABEL_LEN		64

/* All in little-endian */
struct daxfs_super_block {
	uint8_t		magic[DAXFS_MAGIC_LEN];
	uint32_t	checksum;	/* crc32c of the 4096 bytes, this one as 0 */
	uint32_t	version;
	uint32_t	block_size;
	uint32_t	area_count;
	uint8_t		zero0[16];
	uint64_t	image_size;
	uint8_t		unused[48];
	uint8_t		uuid[16];
	uint8_t		label[DAXFS_LABEL_LEN];
	uint8_t		rest[DAXFS_SB_SIZE - 0xb0];
} __attribute__((packed));

static int daxfs_verify_checksum(blkid_probe pr, const struct daxfs_super_block *sb)
{
	const size_t off = offsetof(struct daxfs_super_block, checksum);
	const size_t next = off + sizeof(sb->checksum);
	const unsigned char *p = (const unsigned char *) sb;
	static const unsigned char zeros[sizeof(sb->checksum)];
	uint32_t crc;

	crc = crc32c(~0U, p, off);
	crc = crc32c(crc, zeros, sizeof(zeros));
	crc = crc32c(crc, p + next, DAXFS_SB_SIZE - next);

	return blkid_probe_verify_csum(pr, ~crc, le32_to_cpu(sb->checksum));
}

static int probe_daxfs(blkid_probe pr, const struct blkid_idmag *mag)
{
	const struct daxfs_super_block *sb;
	uint32_t block_size;

	sb = blkid_probe_get_sb(pr, mag, struct daxfs_super_block);
	if (!sb)
		return errno ? -errno : BLKID_PROBE_NONE;

	if (!daxfs_verify_checksum(pr, sb))
		return BLKID_PROBE_NONE;

	if (sb->label[0])
		blkid_probe_set_label(pr, sb->label, sizeof(sb->label));

	blkid_probe_set_uuid(pr, sb->uuid);
	blkid_probe_sprintf_version(pr, "%u", le32_to_cpu(sb->version));

	block_size = le32_to_cpu(sb->block_size);
	if (block_size)
		blkid_probe_set_block_size(pr, block_size);

	return BLKID_PROBE_OK;
}

/*
 * The copy of the superblock at the end of the image is a backup, for fsck only;
 * its place is known from image_size alone. It is no signature.
 */
const struct blkid_idinfo daxfs_idinfo =
{
	.name		= "daxfs",
	.usage		= BLKID_USAGE_FILESYSTEM,
	.probefunc	= probe_daxfs,
	.magics		=
	{
		{
			.magic	= DAXFS_MAGIC,
			.len	= DAXFS_MAGIC_LEN,
		},
		{ NULL }
	}
};
