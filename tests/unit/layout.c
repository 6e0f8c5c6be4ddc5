// SPDX-License-Identifier: GPL-2.0-only
/*
 * The media format as literal numbers: a second witness beside the assertions
 * in format.h, which somebody who moves a member would move along. An image
 * made by any version of daxfs with DAXFS_VERSION 2 depends on all of them.
 */
#include <stdio.h>
#include "core.h"
#include "tap.h"
#include "tests.h"

/* clang-format off */
#define MEMBER(type, member, at, bytes) \
	{ #type, #member, offsetof(struct type, member), \
	  sizeof(((struct type *)0)->member), at, bytes }

static const struct {
	const char *type, *member;
	u32 offset, size;		/* as compiled */
	u32 want_offset, want_size;
} members[] = {
	MEMBER(daxfs_area, ar_offset, 0, 8),
	MEMBER(daxfs_area, ar_length, 8, 8),
	MEMBER(daxfs_area, ar_checksum, 16, 4),
	MEMBER(daxfs_area, ar_reserved0, 20, 4),
	MEMBER(daxfs_area, ar_reserved1, 24, 8),

	MEMBER(daxfs_super, sb_magic, 0, 8),
	MEMBER(daxfs_super, sb_checksum, 8, 4),
	MEMBER(daxfs_super, sb_version, 12, 4),
	MEMBER(daxfs_super, sb_block_size, 16, 4),
	MEMBER(daxfs_super, sb_area_count, 20, 4),
	MEMBER(daxfs_super, sb_zero0, 24, 16),
	MEMBER(daxfs_super, sb_image_size, 40, 8),
	MEMBER(daxfs_super, sb_chunk_size, 48, 4),
	MEMBER(daxfs_super, sb_reserved0, 52, 2),
	MEMBER(daxfs_super, sb_zero1, 54, 10),
	MEMBER(daxfs_super, sb_compat, 64, 4),
	MEMBER(daxfs_super, sb_ro_compat, 68, 4),
	MEMBER(daxfs_super, sb_incompat, 72, 4),
	MEMBER(daxfs_super, sb_reserved1, 76, 4),
	MEMBER(daxfs_super, sb_zero2, 80, 16),
	MEMBER(daxfs_super, sb_uuid, 96, 16),
	MEMBER(daxfs_super, sb_label, 112, 64),
	MEMBER(daxfs_super, sb_inode_count, 176, 8),
	MEMBER(daxfs_super, sb_hash_seed, 184, 8),
	MEMBER(daxfs_super, sb_data_blocks, 192, 8),
	MEMBER(daxfs_super, sb_created, 200, 8),
	MEMBER(daxfs_super, sb_branch_count, 208, 4),
	MEMBER(daxfs_super, sb_mount_count, 212, 4),
	MEMBER(daxfs_super, sb_reserved2, 216, 216),
	MEMBER(daxfs_super, sb_zero3, 432, 720),
	MEMBER(daxfs_super, sb_areas, 1152, 384),
	MEMBER(daxfs_super, sb_zero4, 1536, 2560),

	MEMBER(daxfs_inode, in_mode, 0, 2),
	MEMBER(daxfs_inode, in_flags, 2, 2),
	MEMBER(daxfs_inode, in_uid, 4, 4),
	MEMBER(daxfs_inode, in_gid, 8, 4),
	MEMBER(daxfs_inode, in_nlink, 12, 4),
	MEMBER(daxfs_inode, in_size, 16, 8),
	MEMBER(daxfs_inode, in_mtime, 24, 8),
	MEMBER(daxfs_inode, in_mtime_nsec, 32, 4),
	MEMBER(daxfs_inode, in_xattr, 36, 4),
	MEMBER(daxfs_inode, in_data, 40, 8),
	MEMBER(daxfs_inode, in_count, 48, 4),
	MEMBER(daxfs_inode, in_parent, 52, 4),
	MEMBER(daxfs_inode, in_unit, 56, 2),
	MEMBER(daxfs_inode, in_reserved0, 58, 2),
	MEMBER(daxfs_inode, in_checksum, 60, 4),

	MEMBER(daxfs_dirent, de_hash, 0, 4),
	MEMBER(daxfs_dirent, de_ino, 4, 4),
	MEMBER(daxfs_dirent, de_type, 8, 1),
	MEMBER(daxfs_dirent, de_len, 9, 1),
	MEMBER(daxfs_dirent, de_name, 10, 54),

	MEMBER(daxfs_extent, ex_pos, 0, 8),
	MEMBER(daxfs_extent, ex_len, 8, 8),
	MEMBER(daxfs_extent, ex_data, 16, 8),

	MEMBER(daxfs_xattr_set, xs_size, 0, 4),
	MEMBER(daxfs_xattr_set, xs_count, 4, 4),

	MEMBER(daxfs_xattr_entry, xe_prefix, 0, 1),
	MEMBER(daxfs_xattr_entry, xe_name_len, 1, 1),
	MEMBER(daxfs_xattr_entry, xe_reserved0, 2, 2),
	MEMBER(daxfs_xattr_entry, xe_value_len, 4, 4),

	MEMBER(daxfs_shared, ss_zero0, 0, 64),
	MEMBER(daxfs_shared, ss_next_ino, 64, 8),
	MEMBER(daxfs_shared, ss_commit_seq, 72, 8),
	MEMBER(daxfs_shared, ss_lock, 80, 8),
	MEMBER(daxfs_shared, ss_next_gen, 88, 8),
	MEMBER(daxfs_shared, ss_next_salt, 96, 8),
	MEMBER(daxfs_shared, ss_taken, 104, 8),
	MEMBER(daxfs_shared, ss_zero1, 112, 3984),

	MEMBER(daxfs_branch, br_state, 0, 8),
	MEMBER(daxfs_branch, br_parent, 8, 8),
	MEMBER(daxfs_branch, br_head, 16, 8),
	MEMBER(daxfs_branch, br_winner, 24, 8),
	MEMBER(daxfs_branch, br_lease, 32, 8),
	MEMBER(daxfs_branch, br_first_seq, 40, 8),
	MEMBER(daxfs_branch, br_limit, 48, 8),
	MEMBER(daxfs_branch, br_created, 56, 8),
	MEMBER(daxfs_branch, br_uid, 64, 4),
	MEMBER(daxfs_branch, br_checksum, 68, 4),
	MEMBER(daxfs_branch, br_tail, 72, 8),
	MEMBER(daxfs_branch, br_watch, 80, 8),
	MEMBER(daxfs_branch, br_reserved0, 88, 40),
	MEMBER(daxfs_branch, br_name, 128, 128),

	MEMBER(daxfs_mount, mt_owner, 0, 8),
	MEMBER(daxfs_mount, mt_heartbeat, 8, 8),
	MEMBER(daxfs_mount, mt_seen_seq, 16, 8),
	MEMBER(daxfs_mount, mt_branch, 24, 8),
	MEMBER(daxfs_mount, mt_applied, 32, 8),
	MEMBER(daxfs_mount, mt_host, 40, 24),

	MEMBER(daxfs_chunk, ch_magic, 0, 4),
	MEMBER(daxfs_chunk, ch_checksum, 4, 4),
	MEMBER(daxfs_chunk, ch_first_seq, 8, 8),
	MEMBER(daxfs_chunk, ch_index, 16, 8),
	MEMBER(daxfs_chunk, ch_salt, 24, 8),
	MEMBER(daxfs_chunk, ch_next, 32, 8),
	MEMBER(daxfs_chunk, ch_prev_seq, 40, 8),
	MEMBER(daxfs_chunk, ch_count, 48, 4),
	MEMBER(daxfs_chunk, ch_reserved0, 52, 12),

	MEMBER(daxfs_record, lr_checksum, 0, 4),
	MEMBER(daxfs_record, lr_size, 4, 4),
	MEMBER(daxfs_record, lr_seq, 8, 8),

	MEMBER(daxfs_item, it_type, 0, 2),
	MEMBER(daxfs_item, it_size, 2, 2),
	MEMBER(daxfs_item, it_kind, 4, 1),
	MEMBER(daxfs_item, it_len, 5, 1),
	MEMBER(daxfs_item, it_len2, 6, 2),
	MEMBER(daxfs_item, it_ino, 8, 8),

	MEMBER(daxfs_item_inode, ii_item, 0, 16),
	MEMBER(daxfs_item_inode, ii_mode, 16, 4),
	MEMBER(daxfs_item_inode, ii_nlink, 20, 4),
	MEMBER(daxfs_item_inode, ii_uid, 24, 4),
	MEMBER(daxfs_item_inode, ii_gid, 28, 4),
	MEMBER(daxfs_item_inode, ii_size, 32, 8),
	MEMBER(daxfs_item_inode, ii_btime, 40, 8),
	MEMBER(daxfs_item_inode, ii_data, 48, 8),
	MEMBER(daxfs_item_inode, ii_atime, 56, 8),
	MEMBER(daxfs_item_inode, ii_mtime, 64, 8),
	MEMBER(daxfs_item_inode, ii_ctime, 72, 8),
	MEMBER(daxfs_item_inode, ii_atime_nsec, 80, 4),
	MEMBER(daxfs_item_inode, ii_mtime_nsec, 84, 4),
	MEMBER(daxfs_item_inode, ii_ctime_nsec, 88, 4),
	MEMBER(daxfs_item_inode, ii_btime_nsec, 92, 4),

	MEMBER(daxfs_item_name, na_item, 0, 16),
	MEMBER(daxfs_item_name, na_dir, 16, 8),

	MEMBER(daxfs_item_range, ra_item, 0, 16),
	MEMBER(daxfs_item_range, ra_block, 16, 8),
	MEMBER(daxfs_item_range, ra_count, 24, 8),
	MEMBER(daxfs_item_range, ra_data, 32, 8),

	MEMBER(daxfs_item_xattr, xa_item, 0, 16),
};

static const struct {
	const char *type;
	u32 size, want;
} types[] = {
#define TYPE(type, bytes) { #type, sizeof(struct type), bytes }
	TYPE(daxfs_area, 32),
	TYPE(daxfs_super, 4096),
	TYPE(daxfs_inode, 64),
	TYPE(daxfs_dirent, 64),
	TYPE(daxfs_extent, 24),
	TYPE(daxfs_xattr_set, 8),
	TYPE(daxfs_xattr_entry, 8),
	TYPE(daxfs_shared, 4096),
	TYPE(daxfs_branch, 256),
	TYPE(daxfs_mount, 64),
	TYPE(daxfs_chunk, 64),
	TYPE(daxfs_record, 16),
	TYPE(daxfs_item, 16),
	TYPE(daxfs_item_inode, 96),
	TYPE(daxfs_item_name, 24),
	TYPE(daxfs_item_range, 40),
	TYPE(daxfs_item_xattr, 16),
};

static const struct {
	const char *name;
	u64 value, want;
} constants[] = {
#define CONSTANT(name, number) { #name, name, number }
	CONSTANT(DAXFS_SB_MAGIC_LEN, 8),
	CONSTANT(DAXFS_SUPER_MAGIC, 0x46786164),
	CONSTANT(DAXFS_VERSION, 2),
	CONSTANT(DAXFS_SB_SIZE, 0x1000),
	CONSTANT(DAXFS_HEADER_SIZE, 0x200000),
	CONSTANT(DAXFS_TABLES_OFFSET, 0x120000),
	CONSTANT(DAXFS_TRAILER_SIZE, 0x40000),
	CONSTANT(DAXFS_BLOCK_SIZE, 0x1000),
	CONSTANT(DAXFS_HUGE_SIZE, 0x200000),
	CONSTANT(DAXFS_LABEL_LEN, 64),
	CONSTANT(DAXFS_COMPAT_KNOWN, 0),
	CONSTANT(DAXFS_RO_COMPAT_KNOWN, 0),
	CONSTANT(DAXFS_INCOMPAT_DELTA, 1),
	CONSTANT(DAXFS_INCOMPAT_KNOWN, 1),
	CONSTANT(DAXFS_AREA_SHARED, 0),
	CONSTANT(DAXFS_AREA_BRANCHES, 1),
	CONSTANT(DAXFS_AREA_MOUNTS, 2),
	CONSTANT(DAXFS_AREA_CHUNKS, 3),
	CONSTANT(DAXFS_AREA_INODES, 4),
	CONSTANT(DAXFS_AREA_DIRS, 5),
	CONSTANT(DAXFS_AREA_XATTRS, 6),
	CONSTANT(DAXFS_AREA_LINKS, 7),
	CONSTANT(DAXFS_AREA_EXTENTS, 8),
	CONSTANT(DAXFS_AREA_DATA, 9),
	CONSTANT(DAXFS_AREA_DELTA, 10),
	CONSTANT(DAXFS_AREA_SPARE, 11),
	CONSTANT(DAXFS_AREA_COUNT, 12),
	CONSTANT(DAXFS_ROOT_INO, 1),
	CONSTANT(DAXFS_MAX_INODES, 0xfffffff0),
	CONSTANT(DAXFS_NAME_MAX, 255),
	CONSTANT(DAXFS_SYMLINK_MAX, 4095),
	CONSTANT(DAXFS_IN_EXTENTS, 1),
	CONSTANT(DAXFS_IN_PACKED, 2),
	CONSTANT(DAXFS_IN_KNOWN, 3),
	CONSTANT(DAXFS_PACKED_MAX, 2048),
	CONSTANT(DAXFS_PACKED_ALIGN, 8),
	CONSTANT(DAXFS_DIRENT_UNIT, 64),
	CONSTANT(DAXFS_DIRENT_HEADER, 10),
	CONSTANT(DAXFS_DIRENT_UNITS_MAX, 5),
	CONSTANT(DAXFS_XATTR_USER, 1),
	CONSTANT(DAXFS_XATTR_TRUSTED, 2),
	CONSTANT(DAXFS_XATTR_SECURITY, 3),
	CONSTANT(DAXFS_XATTR_ACL_ACCESS, 4),
	CONSTANT(DAXFS_XATTR_ACL_DEFAULT, 5),
	CONSTANT(DAXFS_XATTR_PREFIXES, 6),
	CONSTANT(DAXFS_XATTR_VALUE_MAX, 0x10000),
	CONSTANT(DAXFS_XATTR_SET_MAX, 0x100000),
	CONSTANT(DAXFS_MAIN_BRANCH, 0),
	CONSTANT(DAXFS_BRANCH_NAME_MAX, 127),
	CONSTANT(DAXFS_BRANCHES_DEFAULT, 256),
	CONSTANT(DAXFS_BRANCHES_MAX, 65535),
	CONSTANT(DAXFS_BRANCH_DEPTH_MAX, 128),
	CONSTANT(DAXFS_MOUNTS_DEFAULT, 256),
	CONSTANT(DAXFS_CHUNK_DEFAULT, 0x1000),
	CONSTANT(DAXFS_CHUNK_MIN, 0x1000),
	CONSTANT(DAXFS_CHUNK_MAX, 0x10000),
	CONSTANT(DAXFS_WORD_STATE, 1),
	CONSTANT(DAXFS_WORD_BRANCH, 2),
	CONSTANT(DAXFS_WORD_LINK, 3),
	CONSTANT(DAXFS_WORD_HOLDER, 4),
	CONSTANT(DAXFS_WORD_OWNER, 5),
	CONSTANT(DAXFS_WORD_NUMBER, 6),
	CONSTANT(DAXFS_RECORD_MAX, 0x10fc0),
	CONSTANT(DAXFS_ITEMS_MAX, 16),
	CONSTANT(DAXFS_BRANCH_FREE, 0),
	CONSTANT(DAXFS_BRANCH_MAKING, 0x0f),
	CONSTANT(DAXFS_BRANCH_LIVE, 0x33),
	CONSTANT(DAXFS_BRANCH_LEFT, 0x3c),
	CONSTANT(DAXFS_BRANCH_DEAD, 0x55),
	CONSTANT(DAXFS_CHUNK_FREE, 0),
	CONSTANT(DAXFS_CHUNK_LOG, 8),
	CONSTANT(DAXFS_CHUNK_DATA, 9),
	CONSTANT(DAXFS_CHUNK_FREED, 10),
	CONSTANT(DAXFS_CHUNK_MAGIC, 0x4b4e4843),
	CONSTANT(DAXFS_ITEM_INODE, 1),
	CONSTANT(DAXFS_ITEM_LINK, 2),
	CONSTANT(DAXFS_ITEM_UNLINK, 3),
	CONSTANT(DAXFS_ITEM_MAP, 4),
	CONSTANT(DAXFS_ITEM_UNMAP, 5),
	CONSTANT(DAXFS_ITEM_SYMLINK, 6),
	CONSTANT(DAXFS_ITEM_XATTR, 7),
	CONSTANT(DAXFS_ITEM_UNXATTR, 8),
};

/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_known(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(constants); i++)
		if (!strcmp(constants[i].name, name))
			return true;
	/* Checked by itself, and not part of the format. */
	return !strcmp(name, "DAXFS_SB_MAGIC") || !strcmp(name, "DAXFS_FORMAT_H") ||
	       !strcmp(name, "DAXFS_AT") || !strcmp(name, "DAXFS_SIZE");
}

/* Everything that format.h names must be in the tables above. */
static void test_complete(void)
{
	FILE *file = fopen(FORMAT_H, "r");
	char line[256], *name;
	u32 seen = 0;

	if (!CHECK(file))
		return;
	while (fgets(line, sizeof(line), file)) {
		name = line[0] == '\t' ? line + 1 : line;
		if (!strncmp(line, "#define ", 8))
			name += 8;
		else if (name == line || strncmp(name, "DAXFS_", 6))
			continue;
		name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] = 0;
		seen++;
		if (!CHECK(is_known(name)))
			printf("# %s is not in the table of constants\n", name);
	}
	fclose(file);
	CHECK(seen > 50);
	tap_end("every constant that format.h defines is in the table of this test");
}

void layout_tests(void)
{
	size_t i, k;
	u32 sum;

	for (i = 0; i < COUNT(members); i++) {
		if (members[i].offset != members[i].want_offset ||
		    members[i].size != members[i].want_size)
			printf("# %s.%s\n", members[i].type, members[i].member);
		CHECK_EQ(members[i].offset, members[i].want_offset);
		CHECK_EQ(members[i].size, members[i].want_size);
	}
	tap_end("all %zu members of the media structures are where they always were",
		COUNT(members));

	for (i = 0; i < COUNT(types); i++) {
		CHECK_EQ(types[i].size, types[i].want);
		for (sum = k = 0; k < COUNT(members); k++)
			if (!strcmp(members[k].type, types[i].type)) {
				/* In order and without holes. */
				CHECK_EQ(members[k].want_offset, sum);
				sum += members[k].want_size;
			}
		if (sum != types[i].want)
			printf("# struct %s has members that no row names\n",
			       types[i].type);
		CHECK_EQ(sum, types[i].want);
	}
	tap_end("all %zu media structures have their size, no padding, and no member is unnamed",
		COUNT(types));

	CHECK(!memcmp(DAXFS_SB_MAGIC, "\x64\x61\x78\x66\x73\x0d\x0a\x1a", 9));
	for (i = 0; i < COUNT(constants); i++) {
		if (constants[i].value != constants[i].want)
			printf("# %s\n", constants[i].name);
		CHECK_EQ(constants[i].value, constants[i].want);
	}
	tap_end("all %zu constants of the media format have their value",
		COUNT(constants) + 1);
	test_complete();
}
