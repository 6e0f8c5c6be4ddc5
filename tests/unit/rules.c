// SPDX-License-Identifier: GPL-2.0-only
/*
 * One rejecting test per rule: for every code of enum dxc_code at least one
 * way to damage an image so that this code, and no unrelated one, is found.
 */
#include <dirent.h>
#include <stdio.h>
#include "seal.h"
#include "branch.h"
#include "broken.h"
#include "rules.h"
#include "tap.h"
#include "tests.h"

enum { MANY = 30 };

/* One line for each lie, as far as it fits: this is read as a table. */
/* clang-format off */

/* ---- superblock ---- */

DAMAGE(sb_short) { p->size = 4095; }
DAMAGE(sb_none) { p->size = 0; }
DAMAGE(sb_magic) { p->sb->sb_magic[7] ^= 1; }
DAMAGE(sb_blank) { memset(p->sb, 0, sizeof(*p->sb)); }
DAMAGE(sb_version) { LE32(p->sb->sb_version, 3); }
DAMAGE(sb_version1) { LE32(p->sb->sb_version, 1); }
DAMAGE(sb_version0) { LE32(p->sb->sb_version, 0); }
DAMAGE(sb_checksum) { p->sb->sb_checksum ^= cpu_to_le32(1); }
DAMAGE(sb_unsealed) { p->sb->sb_uuid[3] ^= 1; }
DAMAGE(sb_feature) { p->sb->sb_incompat |= cpu_to_le32(0x80000000); }
DAMAGE(sb_feature2) { p->sb->sb_incompat |= cpu_to_le32(2); }
DAMAGE(sb_block_size) { LE32(p->sb->sb_block_size, 8192); }
DAMAGE(sb_block_zero) { LE32(p->sb->sb_block_size, 0); }
DAMAGE(sb_image_zero) { LE64(p->sb->sb_image_size, 0); }
DAMAGE(sb_image_small) { LE64(p->sb->sb_image_size, DAXFS_HEADER_SIZE + DAXFS_TRAILER_SIZE - 4096); }
DAMAGE(sb_image_odd) { PLUS64(p->sb->sb_image_size, -512); }
DAMAGE(sb_region) { p->size--; }
DAMAGE(sb_region_huge) { LE64(p->sb->sb_image_size, 1ull << 63); }
DAMAGE(zero0) { p->sb->sb_zero0[0] = 1; }
DAMAGE(zero0_end) { p->sb->sb_zero0[15] = 1; }
DAMAGE(reserved0) { LE16(p->sb->sb_reserved0, 0x100); }
DAMAGE(zero1) { p->sb->sb_zero1[9] = 1; }
DAMAGE(reserved1) { LE32(p->sb->sb_reserved1, 1); }
DAMAGE(zero2) { p->sb->sb_zero2[0] = 1; }
DAMAGE(reserved2) { p->sb->sb_reserved2[215] = 1; }
DAMAGE(zero3) { p->sb->sb_zero3[0] = 1; }
DAMAGE(zero4) { p->sb->sb_zero4[2559] = 1; }
DAMAGE(ar_reserved0) { LE32(p->ar[DAXFS_AREA_DIRS].ar_reserved0, 1); }
DAMAGE(ar_reserved1) { LE64(p->ar[DAXFS_AREA_SPARE].ar_reserved1, 1); }
DAMAGE(ar_data_sum) { LE32(p->ar[DAXFS_AREA_DATA].ar_checksum, 1); }
DAMAGE(area_count) { LE32(p->sb->sb_area_count, 11); }
DAMAGE(no_inodes) { LE64(p->sb->sb_inode_count, 0); }
DAMAGE(many_inodes) { LE64(p->sb->sb_inode_count, DAXFS_MAX_INODES + 1ull); }
DAMAGE(data_blocks) { LE64(p->sb->sb_data_blocks, AREA(DATA)->length / 4096 + 1); }
DAMAGE(one_branch) { LE32(p->sb->sb_branch_count, 1); }
DAMAGE(one_mount) { LE32(p->sb->sb_mount_count, 1); }
DAMAGE(no_branch) { LE32(p->sb->sb_branch_count, 0); }
DAMAGE(no_mount) { LE32(p->sb->sb_mount_count, 0); }
DAMAGE(many_branches) { LE32(p->sb->sb_branch_count, 65536); }
DAMAGE(many_mounts) { LE32(p->sb->sb_mount_count, 65536); }
DAMAGE(label_control) { p->sb->sb_label[0] = '\n'; }
DAMAGE(label_escape) { p->sb->sb_label[1] = 0x1b; }
DAMAGE(label_delete) { p->sb->sb_label[0] = 0x7f; }
DAMAGE(label_rest) { p->sb->sb_label[63] = 'x'; }
DAMAGE(area_odd) { PLUS64(p->ar[DAXFS_AREA_DIRS].ar_offset, 64); }
DAMAGE(area_far) { LE64(p->ar[DAXFS_AREA_DATA].ar_offset, 1ull << 40); }
DAMAGE(area_wraps) { LE64(p->ar[DAXFS_AREA_DATA].ar_offset, -4096ull); }
DAMAGE(area_long) { LE64(p->ar[DAXFS_AREA_DATA].ar_length, -4096ull); }
DAMAGE(area_trailer)
{
	LE64(p->ar[DAXFS_AREA_DATA].ar_length,
	     p->img->size - DAXFS_TRAILER_SIZE - AREA(DATA)->offset + 4096);
}
DAMAGE(area_ghost) { LE64(p->ar[DAXFS_AREA_EXTENTS].ar_length, 0); }
DAMAGE(area_header) { LE64(p->ar[DAXFS_AREA_INODES].ar_offset, DAXFS_HEADER_SIZE - 4096); }
DAMAGE(shared_moved) { LE64(p->ar[DAXFS_AREA_SHARED].ar_offset, 0x2000); }
DAMAGE(tables_low) { LE64(p->ar[DAXFS_AREA_BRANCHES].ar_offset, DAXFS_TABLES_OFFSET - 4096); }
DAMAGE(delta_odd) { PLUS64(p->ar[DAXFS_AREA_DELTA].ar_offset, 4096); }
DAMAGE(area_same) { LE64(p->ar[DAXFS_AREA_DIRS].ar_offset, AREA(INODES)->offset); }
DAMAGE(area_swapped)
{
	struct daxfs_area t = p->ar[DAXFS_AREA_XATTRS];

	p->ar[DAXFS_AREA_XATTRS] = p->ar[DAXFS_AREA_LINKS];
	p->ar[DAXFS_AREA_LINKS] = t;
	/* XATTRS is read as units of eight bytes. */
	LE64(p->ar[DAXFS_AREA_XATTRS].ar_length, 8);
}
DAMAGE(area_one_byte)
{
	LE64(p->ar[DAXFS_AREA_LINKS].ar_length, AREA(EXTENTS)->offset + 1 - AREA(LINKS)->offset);
}
DAMAGE(area_on_super) { LE64(p->ar[DAXFS_AREA_SHARED].ar_offset, 0); }
DAMAGE(fewer_inodes) { PLUS64(p->sb->sb_inode_count, -1); }
DAMAGE(inodes_odd) { PLUS64(p->ar[DAXFS_AREA_INODES].ar_length, 1); }
DAMAGE(dirs_odd) { PLUS64(p->ar[DAXFS_AREA_DIRS].ar_length, -1); }
DAMAGE(extents_odd) { PLUS64(p->ar[DAXFS_AREA_EXTENTS].ar_length, 8); }
DAMAGE(xattrs_odd) { PLUS64(p->ar[DAXFS_AREA_XATTRS].ar_length, -4); }
DAMAGE(data_odd) { PLUS64(p->ar[DAXFS_AREA_DATA].ar_length, -512); }
DAMAGE(branches_short) { PLUS64(p->ar[DAXFS_AREA_BRANCHES].ar_length, -128); }
DAMAGE(mounts_short) { PLUS64(p->ar[DAXFS_AREA_MOUNTS].ar_length, -64); }
DAMAGE(chunks_short) { PLUS64(p->ar[DAXFS_AREA_CHUNKS].ar_length, -8); }
DAMAGE(shared_long) { PLUS64(p->ar[DAXFS_AREA_SHARED].ar_length, 4096); }
DAMAGE(delta_short) { PLUS64(p->ar[DAXFS_AREA_DELTA].ar_length, -4096); }
DAMAGE(delta_less) { PLUS64(p->ar[DAXFS_AREA_DELTA].ar_length, -(u64)IMAGE_CHUNK); }
DAMAGE(a_chunk) { LE32(p->sb->sb_chunk_size, IMAGE_CHUNK); }
DAMAGE(chunk_small) { LE32(p->sb->sb_chunk_size, DAXFS_CHUNK_MIN / 2); }
DAMAGE(chunk_large) { LE32(p->sb->sb_chunk_size, DAXFS_CHUNK_MAX * 2); }
DAMAGE(chunk_odd) { LE32(p->sb->sb_chunk_size, IMAGE_CHUNK + 4096); }
DAMAGE(feature_off) { LE32(p->sb->sb_incompat, 0); }
DAMAGE(feature_on) { LE32(p->sb->sb_incompat, DAXFS_INCOMPAT_DELTA); }
DAMAGE(no_delta) { memset(&p->ar[DAXFS_AREA_DELTA], 0, sizeof(*p->ar)); }
DAMAGE(no_shared) { memset(&p->ar[DAXFS_AREA_SHARED], 0, sizeof(*p->ar)); }
DAMAGE(spare)
{
	LE64(p->ar[DAXFS_AREA_SPARE].ar_offset, AREA_END(DATA));
	LE64(p->ar[DAXFS_AREA_SPARE].ar_length, 4096);
}

/* ---- inodes ---- */

DAMAGE(mode_zero) { LE16(RAW("fifo")->in_mode, 0644); }
DAMAGE(mode_all) { LE16(RAW("fifo")->in_mode, 0xffff); }
DAMAGE(root_is_file)
{
	struct daxfs_inode *raw = image_raw(p->img, 1);

	LE16(raw->in_mode, S_IFIFO | 0644);
	raw->in_size = raw->in_data = 0;
	raw->in_count = raw->in_parent = 0;
	raw->in_unit = 0;
}
DAMAGE(flag_unknown) { LE16(RAW("block")->in_flags, 4); }
DAMAGE(flag_high) { LE16(RAW("sparse")->in_flags, 0x8001); }
DAMAGE(flag_dir) { LE16(RAW("sub")->in_flags, DAXFS_IN_EXTENTS); }
DAMAGE(flag_both) { LE16(RAW("packed8")->in_flags, DAXFS_IN_KNOWN); }
DAMAGE(flag_packed_dir) { LE16(RAW("sub")->in_flags, DAXFS_IN_PACKED); }
DAMAGE(packed_count) { LE32(RAW("packed8")->in_count, 1); }
DAMAGE(packed_empty) { LE64(RAW("packed8")->in_size, 0); }
DAMAGE(packed_long) { LE64(RAW("packed2048")->in_size, DAXFS_PACKED_MAX + 1); }
DAMAGE(packed_odd) { PLUS64(RAW("packed8")->in_data, 4); }
DAMAGE(packed_crossing) { PLUS64(RAW("packed2048")->in_data, 2048 - 40 + 8); }
DAMAGE(packed_before) { LE64(RAW("packed8")->in_data, AREA(DATA)->offset - 8); }
DAMAGE(packed_after) { LE64(RAW("packed8")->in_data, AREA_END(DATA)); }
DAMAGE(nsec) { LE32(RAW("sock")->in_mtime_nsec, 1000000000); }
DAMAGE(in_reserved0) { LE16(RAW("sock")->in_reserved0, 1); }
DAMAGE(in_checksum) { LE32(RAW("sock")->in_checksum, 1u << 31); }
DAMAGE(no_uid) { LE32(RAW("sock")->in_uid, -1); }
DAMAGE(no_gid) { LE32(RAW("sock")->in_gid, -1); }
DAMAGE(file_parent) { LE32(RAW("block")->in_parent, 1); }
DAMAGE(file_unit) { LE16(RAW("block")->in_unit, 1); }
DAMAGE(file_count) { LE32(RAW("block")->in_count, 1); }
DAMAGE(link_count) { LE32(RAW("link")->in_count, 1); }
DAMAGE(fifo_count) { LE32(RAW("fifo")->in_count, 1); }
DAMAGE(nlink_zero) { LE32(RAW("hello")->in_nlink, 0); }
DAMAGE(nlink_less) { LE32(RAW("hard1")->in_nlink, 2); }
DAMAGE(nlink_more) { LE32(RAW("hard1")->in_nlink, 4); }
DAMAGE(nlink_dir) { LE32(RAW("sub")->in_nlink, 2); }
DAMAGE(nlink_root) { PLUS32(image_raw(p->img, 1)->in_nlink, 1); }
DAMAGE(size_huge) { LE64(RAW("sparse")->in_size, 1ull << 63); }
DAMAGE(size_edge) { LE64(RAW("allhole")->in_size, DXC_SIZE_MAX + 1); }
DAMAGE(dir_size) { PLUS64(RAW("many")->in_size, 64); }
DAMAGE(dir_count) { PLUS32(RAW("many")->in_count, 1); }
DAMAGE(dir_unit0) { LE16(RAW("emptydir")->in_unit, 0); }
DAMAGE(dir_unit6) { LE16(RAW("emptydir")->in_unit, 6); }
DAMAGE(link_empty) { LE64(RAW("link")->in_size, 0); }
DAMAGE(link_long) { LE64(RAW("longlink")->in_size, 4096); }
DAMAGE(fifo_size) { LE64(RAW("fifo")->in_size, 1); }
DAMAGE(data_unaligned) { PLUS64(RAW("block")->in_data, 512); }
DAMAGE(data_before) { LE64(RAW("block")->in_data, AREA(DATA)->offset - 4096); }
DAMAGE(data_after) { LE64(RAW("block")->in_data, AREA_END(DATA)); }
DAMAGE(data_none) { LE64(RAW("block")->in_data, 0); }
DAMAGE(data_past) { LE64(RAW("block")->in_size, AREA_END(DATA) - le64_to_cpu(RAW("block")->in_data) + 1); }
DAMAGE(empty_data) { LE64(RAW("empty")->in_data, AREA(DATA)->offset); }
DAMAGE(ex_unaligned) { PLUS64(RAW("sparse")->in_data, 4); }
DAMAGE(ex_past) { LE32(RAW("sparse")->in_count, 0x10000000); }
DAMAGE(ex_outside) { LE64(RAW("sparse")->in_data, AREA(DATA)->offset); }
DAMAGE(ex_none) { LE64(RAW("allhole")->in_data, AREA(EXTENTS)->offset); }
DAMAGE(dir_unaligned) { PLUS64(RAW("many")->in_data, -32); }
DAMAGE(dir_outside) { LE64(RAW("many")->in_data, AREA(INODES)->offset); }
DAMAGE(dir_wraps) { LE64(RAW("many")->in_data, -64ull); }
DAMAGE(dir_data) { LE64(RAW("emptydir")->in_data, AREA(DIRS)->offset); }
DAMAGE(link_outside) { LE64(RAW("link")->in_data, AREA(EXTENTS)->offset); }
DAMAGE(link_past) { LE64(RAW("link")->in_data, AREA_END(LINKS) - 5); }
DAMAGE(major) { LE64(RAW("null")->in_data, 1ull << 44); }
DAMAGE(minor) { LE64(RAW("null")->in_data, 1ull << 20); }
DAMAGE(fifo_data) { LE64(RAW("fifo")->in_data, 1); }
DAMAGE(sock_data) { LE64(RAW("sock")->in_data, AREA(DATA)->offset); }
DAMAGE(parent_zero) { LE32(RAW("sub")->in_parent, 0); }
DAMAGE(parent_past) { LE32(RAW("sub")->in_parent, p->img->count + 1); }
DAMAGE(parent_self) { LE32(RAW("sub")->in_parent, INO("sub")); }
DAMAGE(parent_root) { LE32(image_raw(p->img, 1)->in_parent, INO("sub")); }
DAMAGE(parent_file) { LE32(RAW("deep")->in_parent, INO("hello")); }
DAMAGE(xattr_past) { LE32(RAW("hello")->in_xattr, 1 + AREA(XATTRS)->length / 8); }
DAMAGE(xattr_huge) { LE32(RAW("hello")->in_xattr, -1); }
DAMAGE(xattr_inside) { PLUS32(RAW("hello")->in_xattr, 1); }

/* ---- directories ---- */

DAMAGE(de_ino_zero) { LE32(image_entry(p->img, "hello")->de_ino, 0); }
DAMAGE(de_ino_root) { LE32(image_entry(p->img, "emptydir")->de_ino, 1); }
DAMAGE(de_ino_past) { LE32(image_entry(p->img, "hello")->de_ino, p->img->count + 1); }
DAMAGE(de_type_other) { image_entry(p->img, "hello")->de_type = DT_LNK; }
DAMAGE(de_type_zero) { image_entry(p->img, "hello")->de_type = 0; }
DAMAGE(de_type_wht) { image_entry(p->img, "hello")->de_type = DT_WHT; }
DAMAGE(de_type_odd) { image_entry(p->img, "hello")->de_type = 3; }
DAMAGE(de_type_high) { image_entry(p->img, "hello")->de_type = 32 + DT_REG; }
DAMAGE(de_slash) { image_entry(p->img, "hello")->de_name[1] = '/'; }
DAMAGE(de_nul) { image_entry(p->img, "hello")->de_name[1] = 0; }
DAMAGE(de_empty) { image_entry(p->img, "hello")->de_len = 0; }
DAMAGE(de_long) { image_entry(p->img, "entry-5")->de_len = 55; }
DAMAGE(de_dot)
{
	struct daxfs_dirent *de = image_entry(p->img, "hello");

	de->de_len = 1;
	memcpy(de->de_name, ".\0\0\0\0", 5);
}
DAMAGE(de_dotdot)
{
	struct daxfs_dirent *de = image_entry(p->img, "hello");

	de->de_len = 2;
	memcpy(de->de_name, "..\0\0\0", 5);
}
DAMAGE(de_padding) { image_entry(p->img, "hello")->de_name[53] = 1; }
DAMAGE(de_padding_next) { image_entry(p->img, "hello")->de_name[5] = 1; }
DAMAGE(de_hash)
{
	/* Alone in its directory, so that the order stays right. */
	PLUS32(image_entry(p->img, "deeper")->de_hash, 1);
}
DAMAGE(de_order)
{
	struct daxfs_dirent *a = image_dirent(p->img, INO("many"), 0), t = *a;

	*a = *image_dirent(p->img, INO("many"), 1);
	*image_dirent(p->img, INO("many"), 1) = t;
}
DAMAGE(de_twice)
{
	/* Both names for the inode of the one that is left. */
	*image_dirent(p->img, INO("many"), 0) = *image_dirent(p->img, INO("many"), 1);
}

/* ---- extents, symlinks, xattrs ---- */

#define EX(i)	image_extent(p->img, INO("sparse"), i)
#define SET(name)	image_set(p->img, INO(name))
#define XA(name, i)	image_xattr(p->img, INO(name), i)

DAMAGE(ex_pos_odd) { PLUS64(EX(1)->ex_pos, 1); }
DAMAGE(ex_len_odd) { PLUS64(EX(1)->ex_len, -512); }
DAMAGE(ex_len_zero) { LE64(EX(1)->ex_len, 0); }
DAMAGE(ex_data_odd) { PLUS64(EX(1)->ex_data, 2048); }
DAMAGE(ex_overlap) { LE64(EX(2)->ex_pos, 45056); }
DAMAGE(ex_swapped)
{
	struct daxfs_extent t = *EX(0);

	*EX(0) = *EX(2);
	*EX(2) = t;
}
DAMAGE(ex_data_low) { LE64(EX(1)->ex_data, AREA(DATA)->offset - 4096); }
DAMAGE(ex_data_high) { LE64(EX(1)->ex_data, AREA_END(DATA)); }
DAMAGE(ex_data_zero) { LE64(EX(1)->ex_data, 0); }
DAMAGE(ex_after) { LE64(EX(3)->ex_pos, 102400); }
DAMAGE(ex_wraps) { LE64(EX(3)->ex_pos, -4096ull); }
DAMAGE(ex_len_huge) { LE64(EX(3)->ex_len, -4096ull); }
DAMAGE(target_nul) { p->img->base[le64_to_cpu(RAW("longlink")->in_data) + 100] = 0; }
DAMAGE(target_open) { p->img->base[le64_to_cpu(RAW("longlink")->in_data) + 4095] = 'x'; }
DAMAGE(set_odd) { PLUS32(SET("link")->xs_size, -4); }
DAMAGE(set_odd_more) { PLUS32(SET("hello")->xs_size, 4); }
DAMAGE(set_zero) { LE32(SET("link")->xs_size, 0); }
DAMAGE(set_short) { LE32(SET("link")->xs_size, 16); }
DAMAGE(set_huge) { LE32(SET("link")->xs_size, 0xfffffff8); }
DAMAGE(set_empty) { LE32(SET("link")->xs_count, 0); }
DAMAGE(set_more) { LE32(SET("link")->xs_count, 3); }
DAMAGE(value_huge) { LE32(XA("link", 0)->xe_value_len, -1); }
DAMAGE(value_past) { LE32(XA("link", 0)->xe_value_len, 60); }
DAMAGE(value_large) { LE32(XA("deep", 2)->xe_value_len, DAXFS_XATTR_VALUE_MAX + 1); }
DAMAGE(xe_reserved) { LE16(XA("link", 0)->xe_reserved0, 1); }
DAMAGE(prefix_zero) { XA("link", 0)->xe_prefix = 0; }
DAMAGE(prefix_high) { XA("link", 0)->xe_prefix = DAXFS_XATTR_PREFIXES; }
DAMAGE(name_nul) { ((u8 *)(XA("hello", 2) + 1))[3] = 0; }
DAMAGE(name_none) { XA("link", 0)->xe_name_len = 0; }
DAMAGE(name_acl) { XA("deep", 1)->xe_name_len = 1; }
DAMAGE(xa_prefixes) { XA("hello", 0)->xe_prefix = DAXFS_XATTR_SECURITY; }
DAMAGE(xa_names) { *(u8 *)(XA("hello", 0) + 1) = 'b'; }
DAMAGE(xa_twice)
{
	/* "ab" with no value becomes "a" with none: the padding stays zero. */
	XA("hello", 1)->xe_name_len = 1;
	((u8 *)(XA("hello", 1) + 1))[1] = 0;
}
DAMAGE(pad_entry) { ((u8 *)(XA("hello", 0) + 1))[3] = 1; }
DAMAGE(pad_last) { ((u8 *)SET("hello"))[le32_to_cpu(SET("hello")->xs_size) - 1] = 1; }
DAMAGE(pad_set)
{
	/* deep: three entries; take the last one away and leave its room. */
	LE32(SET("deep")->xs_count, 2);
	memset(XA("deep", 2), 0, dxc_xattr_entry_size(0, 6));
}
DAMAGE(pad_eight)
{
	/* As small as room that nobody needs can be: an entry without padding, and 8 bytes. */
	LE32(XA("link", 0)->xe_value_len, 7);
	memset((u8 *)(XA("link", 0) + 1) + 1 + 7, 0, 8);
}
DAMAGE(pad_seven) { ((u8 *)SET("longlink"))[le32_to_cpu(SET("longlink")->xs_size) - 1] = 1; }
DAMAGE(pad_seventh) { ((u8 *)SET("longlink"))[le32_to_cpu(SET("longlink")->xs_size) - 7] = 1; }

/* ---- the whole ---- */

DAMAGE(copy) { p->img->base[p->img->size - 4096 + 8] ^= 1; }
DAMAGE(copy_end) { p->img->base[p->img->size - 1] ^= 1; }
DAMAGE(sum_inodes) { RAW("hello")->in_uid ^= 1; }
DAMAGE(sum_dirs)
{
	PLUS32(p->ar[DAXFS_AREA_DIRS].ar_checksum, 1);
	seal_super(p->img->base);
	memcpy(p->img->base + p->img->size - 4096, p->img->base, 4096);
}
DAMAGE(sum_xattrs) { p->img->base[AREA(XATTRS)->offset + 17] ^= 4; }
DAMAGE(sum_links) { p->img->base[AREA(LINKS)->offset] ^= 1; }
DAMAGE(sum_extents) { LE64(EX(0)->ex_pos, 12288); }
DAMAGE(zero_first) { p->img->base[0x1000] = 1; }
DAMAGE(zero_last) { p->img->base[0x1fffff] = 1; }
DAMAGE(zero_tables) { p->img->base[0x11ffff] = 1; }
DAMAGE(zero_second) { p->img->base[0x2000] = 1; }
DAMAGE(zero_trailer) { p->img->base[p->img->size - DAXFS_TRAILER_SIZE] = 1; }
DAMAGE(zero_raid) { p->img->base[p->img->size - 4097] = 1; }
DAMAGE(tail_whole) { p->img->base[le64_to_cpu(RAW("hello")->in_data) + 13] = 1; }
DAMAGE(tail_last) { p->img->base[le64_to_cpu(RAW("twoblocks")->in_data) + 8191] = 1; }
DAMAGE(tail_sparse) { p->img->base[le64_to_cpu(EX(3)->ex_data) + 4095] = 1; }
DAMAGE(tail_shared) { LE64(RAW("twin")->in_size, 4999); }
DAMAGE(sum_wrong) { LE32(RAW("hello")->in_checksum, 0); }
DAMAGE(sum_empty) { LE32(RAW("empty")->in_checksum, 1); }
DAMAGE(sum_hole) { LE32(RAW("allhole")->in_checksum, 1); }
DAMAGE(sum_array) { PLUS32(RAW("sparse")->in_checksum, 1); }
DAMAGE(sum_twin) { PLUS32(RAW("twin")->in_checksum, 1); }
DAMAGE(byte_first) { p->img->base[le64_to_cpu(RAW("hello")->in_data)] ^= 1; }
DAMAGE(byte_last) { p->img->base[le64_to_cpu(RAW("nine")->in_data) + 9 * 4096 - 2] ^= 0x80; }
DAMAGE(byte_shared) { p->img->base[le64_to_cpu(RAW("twin")->in_data) + 4999] ^= 2; }
DAMAGE(byte_sparse) { p->img->base[le64_to_cpu(EX(1)->ex_data) + 8191] ^= 4; }
DAMAGE(byte_sparse_last) { p->img->base[le64_to_cpu(EX(3)->ex_data) + 100000 - 98304 - 1] ^= 8; }
DAMAGE(byte_packed) { p->img->base[le64_to_cpu(RAW("packed8")->in_data) + 7] ^= 8; }
DAMAGE(gap_first) { p->img->base[le64_to_cpu(RAW("packed30")->in_data) + 30] = 1; }
DAMAGE(gap_last) { p->img->base[le64_to_cpu(RAW("packed2048")->in_data) + 4096 - 40 - 1] = 1; }
DAMAGE(gap_block) { p->img->base[le64_to_cpu(RAW("packed2009")->in_data) + 4095] = 1; }
DAMAGE(gap_start)
{
	/* Its first file moves, and leaves its bytes. */
	PLUS64(RAW("packed2009")->in_data, 2016);
}
DAMAGE(overlap_packed) { LE64(RAW("packed8")->in_data, le64_to_cpu(RAW("packed30")->in_data) + 8); }
DAMAGE(overlap_shorter) { LE64(RAW("packedtwin")->in_size, 29); }
DAMAGE(overlap_whole) { LE64(RAW("block")->in_data, le64_to_cpu(RAW("packed30")->in_data)); }
DAMAGE(overlap_part) { LE64(RAW("block")->in_data, le64_to_cpu(RAW("nine")->in_data) + 4096); }
DAMAGE(overlap_start) { LE64(RAW("block")->in_data, le64_to_cpu(RAW("nine")->in_data)); }
DAMAGE(overlap_extent) { LE64(EX(0)->ex_data, le64_to_cpu(RAW("nine")->in_data) + 8192); }
DAMAGE(overlap_dirs)
{
	RAW("sub")->in_data = RAW("many")->in_data;
}
DAMAGE(array_part)
{
	/* Two extents of another file's four. */
	struct daxfs_inode *raw = RAW("allhole");

	LE32(raw->in_count, 2);
	raw->in_data = RAW("sparse")->in_data;
}
DAMAGE(array_twice)
{
	struct daxfs_inode *raw = RAW("allhole");

	raw->in_count = RAW("sparse")->in_count;
	raw->in_data = RAW("sparse")->in_data;
}
DAMAGE(loop)
{
	/* /sub becomes deeper, and deep/deeper becomes sub, which holds deep. */
	u32 sub = INO("sub"), deeper = INO("deeper");

	LE32(image_entry(p->img, "sub")->de_ino, deeper);
	LE32(image_entry(p->img, "deeper")->de_ino, sub);
	LE32(image_raw(p->img, deeper)->in_parent, 1);
	LE32(image_raw(p->img, sub)->in_parent, INO("deep"));
}
DAMAGE(dir_parent) { LE32(RAW("deep")->in_parent, 1); }
DAMAGE(dir_unnamed)
{
	image_entry(p->img, "emptydir")->de_type = DT_REG;
	LE32(image_entry(p->img, "emptydir")->de_ino, INO("empty"));
}
DAMAGE(dir_two_names) { LE32(image_entry(p->img, "emptydir")->de_ino, INO("sub")); }

/* ---- the table ---- */

static const struct rule base_rules[] = {
	OPENS(SB_SHORT, sb_short, -EINVAL), OPENS(SB_SHORT, sb_none, -EINVAL),
	OPENS(SB_MAGIC, sb_magic, -EINVAL), OPENS(SB_MAGIC, sb_blank, -EINVAL),
	OPENS(SB_VERSION, sb_version, -EOPNOTSUPP),
	OPENS(SB_OLD, sb_version1, -EOPNOTSUPP),
	OPENS(SB_OLD, sb_version0, -EOPNOTSUPP),
	{ DXC_SB_CHECKSUM, "sb_checksum", sb_checksum, UNSEALED, -EBADMSG, 0, false },
	{ DXC_SB_CHECKSUM, "sb_unsealed", sb_unsealed, UNSEALED, -EBADMSG, 0, false },
	OPENS(SB_FEATURE, sb_feature, -EOPNOTSUPP),
	OPENS(SB_FEATURE, sb_feature2, -EOPNOTSUPP),
	BAD(SB_BLOCK_SIZE, sb_block_size), BAD(SB_BLOCK_SIZE, sb_block_zero),
	BAD(SB_IMAGE_SIZE, sb_image_zero), BAD(SB_IMAGE_SIZE, sb_image_small),
	BAD(SB_IMAGE_SIZE, sb_image_odd),
	BAD(SB_REGION_SIZE, sb_region), BAD(SB_REGION_SIZE, sb_region_huge),
	BAD(SB_RESERVED, zero0), BAD(SB_RESERVED, zero0_end), BAD(SB_RESERVED, reserved0),
	BAD(SB_RESERVED, zero1), BAD(SB_RESERVED, reserved1), BAD(SB_RESERVED, zero2),
	BAD(SB_RESERVED, reserved2), BAD(SB_RESERVED, zero3), BAD(SB_RESERVED, zero4),
	BAD(SB_RESERVED, ar_reserved0), BAD(SB_RESERVED, ar_reserved1),
	BAD(SB_RESERVED, ar_data_sum),
	BAD(SB_COUNT, area_count), BAD(SB_COUNT, no_inodes), BAD(SB_COUNT, many_inodes),
	BAD(SB_COUNT, data_blocks), BAD(SB_COUNT, one_branch), BAD(SB_COUNT, one_mount),
	BAD_RW(SB_COUNT, no_branch), BAD_RW(SB_COUNT, no_mount),
	BAD_RW(SB_COUNT, many_branches), BAD_RW(SB_COUNT, many_mounts),
	BAD(SB_LABEL, label_control), BAD(SB_LABEL, label_escape),
	BAD(SB_LABEL, label_delete), BAD(SB_LABEL, label_rest),
	BAD(SB_AREA_BOUNDS, area_odd), BAD(SB_AREA_BOUNDS, area_far),
	BAD(SB_AREA_BOUNDS, area_wraps), BAD(SB_AREA_BOUNDS, area_long),
	BAD(SB_AREA_BOUNDS, area_trailer), BAD(SB_AREA_BOUNDS, area_ghost),
	BAD(SB_AREA_BOUNDS, area_header), BAD_RW(SB_AREA_BOUNDS, shared_moved),
	BAD_RW(SB_AREA_BOUNDS, tables_low), BAD_RW(SB_AREA_BOUNDS, delta_odd),
	BAD(SB_AREA_ORDER, area_same), BAD(SB_AREA_ORDER, area_swapped),
	BAD(SB_AREA_ORDER, area_one_byte),
	BAD_RW(SB_AREA_ORDER, area_on_super),
	BAD(SB_AREA_LENGTH, fewer_inodes), BAD(SB_AREA_LENGTH, inodes_odd),
	BAD(SB_AREA_LENGTH, dirs_odd), BAD(SB_AREA_LENGTH, extents_odd),
	BAD(SB_AREA_LENGTH, xattrs_odd), BAD(SB_AREA_LENGTH, data_odd),
	BAD_RW(SB_AREA_LENGTH, branches_short), BAD_RW(SB_AREA_LENGTH, mounts_short),
	BAD_RW(SB_AREA_LENGTH, chunks_short), BAD_RW(SB_AREA_LENGTH, shared_long),
	BAD_RW(SB_AREA_LENGTH, delta_short), BAD_RW(SB_AREA_LENGTH, delta_less),
	BAD(SB_CHUNK_SIZE, a_chunk), BAD_RW(SB_CHUNK_SIZE, chunk_small),
	BAD_RW(SB_CHUNK_SIZE, chunk_large), BAD_RW(SB_CHUNK_SIZE, chunk_odd),
	BAD_RW(SB_DELTA, feature_off), BAD(SB_DELTA, feature_on),
	BAD_RW(SB_DELTA, no_delta), BAD_RW(SB_DELTA, no_shared), BAD(SB_DELTA, spare),

	FOUND(INO_MODE, mode_zero, 0), FOUND(INO_MODE, mode_all, 0),
	/* Without a root nothing is named and nothing has a parent. */
	FOUND(INO_MODE, root_is_file,
	      ALSO(INO_NLINK) | ALSO(DIR_NAMES) | ALSO(INO_PARENT) | ALSO(DIR_LOOP)),
	FOUND(INO_FLAGS, flag_unknown, 0), FOUND(INO_FLAGS, flag_high, 0),
	FOUND(INO_FLAGS, flag_both, ALSO(FILE_TAIL)),
	/* A directory that cannot be read has entries that are not counted. */
	FOUND(INO_FLAGS, flag_dir, ALSO(INO_NLINK) | ALSO(DIR_NAMES)),
	FOUND(INO_FLAGS, flag_packed_dir, ALSO(INO_NLINK) | ALSO(DIR_NAMES)),
	/* The room of one that is not there is to be zero, as all between packed files. */
	FOUND(INO_RESERVED, packed_count, ALSO(FILE_TAIL)),
	FOUND(INO_SIZE, packed_empty, ALSO(FILE_TAIL)),
	FOUND(INO_SIZE, packed_long, ALSO(FILE_TAIL)),
	FOUND(INO_DATA, packed_odd, ALSO(FILE_TAIL)),
	FOUND(INO_DATA, packed_crossing, ALSO(FILE_TAIL)),
	FOUND(INO_DATA, packed_before, ALSO(FILE_TAIL)),
	FOUND(INO_DATA, packed_after, ALSO(FILE_TAIL)),
	FOUND(INO_NSEC, nsec, 0),
	FOUND(INO_RESERVED, in_reserved0, 0), FOUND(INO_RESERVED, in_checksum, 0),
	FOUND(INO_RESERVED, no_uid, 0), FOUND(INO_RESERVED, no_gid, 0),
	FOUND(INO_RESERVED, file_parent, 0), FOUND(INO_RESERVED, file_unit, 0),
	FOUND(INO_RESERVED, file_count, 0), FOUND(INO_RESERVED, link_count, 0),
	FOUND(INO_RESERVED, fifo_count, 0),
	FOUND(INO_NLINK, nlink_zero, 0), FOUND(INO_NLINK, nlink_less, 0),
	FOUND(INO_NLINK, nlink_more, 0), FOUND(INO_NLINK, nlink_dir, 0),
	FOUND(INO_NLINK, nlink_root, 0),
	FOUND(INO_SIZE, size_huge, 0), FOUND(INO_SIZE, size_edge, 0),
	FOUND(INO_SIZE, dir_size, ALSO(INO_NLINK)), FOUND(INO_SIZE, dir_count, ALSO(INO_NLINK)),
	FOUND(INO_SIZE, dir_unit0, ALSO(INO_NLINK)),
	FOUND(INO_SIZE, dir_unit6, ALSO(INO_NLINK)),
	FOUND(INO_SIZE, link_empty, 0), FOUND(INO_SIZE, link_long, 0),
	FOUND(INO_SIZE, fifo_size, 0),
	FOUND(INO_DATA, data_unaligned, 0), FOUND(INO_DATA, data_before, 0),
	FOUND(INO_DATA, data_after, 0), FOUND(INO_DATA, data_none, 0),
	FOUND(INO_DATA, data_past, 0), FOUND(INO_DATA, empty_data, 0),
	FOUND(INO_DATA, ex_unaligned, 0), FOUND(INO_DATA, ex_past, 0),
	FOUND(INO_DATA, ex_outside, 0), FOUND(INO_DATA, ex_none, 0),
	FOUND(INO_DATA, dir_unaligned, ALSO(INO_NLINK)),
	FOUND(INO_DATA, dir_outside, ALSO(INO_NLINK)),
	FOUND(INO_DATA, dir_wraps, ALSO(INO_NLINK)), FOUND(INO_DATA, dir_data, ALSO(INO_NLINK)),
	FOUND(INO_DATA, link_outside, 0), FOUND(INO_DATA, link_past, 0),
	FOUND(INO_DATA, major, 0), FOUND(INO_DATA, minor, 0),
	FOUND(INO_DATA, fifo_data, 0), FOUND(INO_DATA, sock_data, 0),
	FOUND(INO_PARENT, parent_zero, ALSO(INO_NLINK) | ALSO(DIR_NAMES)),
	FOUND(INO_PARENT, parent_past, ALSO(INO_NLINK) | ALSO(DIR_NAMES)),
	FOUND(INO_PARENT, parent_self, ALSO(INO_NLINK) | ALSO(DIR_NAMES)),
	FOUND(INO_PARENT, parent_root, ALSO(INO_NLINK) | ALSO(DIR_NAMES)),
	FOUND(INO_PARENT, parent_file, ALSO(DIR_PARENT)),
	FOUND(INO_XATTR, xattr_past, 0), FOUND(INO_XATTR, xattr_huge, 0),
	FOUND(INO_XATTR, xattr_inside, 0),

	FOUND(DE_INO, de_ino_zero, ALSO(INO_NLINK)),
	FOUND(DE_INO, de_ino_root, ALSO(INO_NLINK) | ALSO(DIR_NAMES)),
	FOUND(DE_INO, de_ino_past, ALSO(INO_NLINK)),
	FOUND(DE_TYPE, de_type_other, ALSO(INO_NLINK)),
	FOUND(DE_TYPE, de_type_zero, ALSO(INO_NLINK)),
	FOUND(DE_TYPE, de_type_wht, ALSO(INO_NLINK)),
	FOUND(DE_TYPE, de_type_odd, ALSO(INO_NLINK)),
	FOUND(DE_TYPE, de_type_high, ALSO(INO_NLINK)),
	FOUND(DE_NAME, de_slash, ALSO(INO_NLINK)), FOUND(DE_NAME, de_nul, ALSO(INO_NLINK)),
	FOUND(DE_NAME, de_empty, ALSO(INO_NLINK)), FOUND(DE_NAME, de_long, ALSO(INO_NLINK)),
	FOUND(DE_NAME, de_dot, ALSO(INO_NLINK)), FOUND(DE_NAME, de_dotdot, ALSO(INO_NLINK)),
	FOUND(DE_PADDING, de_padding, 0), FOUND(DE_PADDING, de_padding_next, 0),
	FOUND(DE_HASH, de_hash, 0),
	FOUND(DE_ORDER, de_order, 0), FOUND(DE_ORDER, de_twice, ALSO(INO_NLINK)),
	FOUND(EX_ALIGN, ex_pos_odd, 0), FOUND(EX_ALIGN, ex_len_odd, 0),
	FOUND(EX_ALIGN, ex_len_zero, 0), FOUND(EX_ALIGN, ex_data_odd, 0),
	FOUND(EX_ORDER, ex_overlap, 0), FOUND(EX_ORDER, ex_swapped, ALSO(FILE_CHECKSUM)),
	FOUND(EX_BOUNDS, ex_data_low, 0), FOUND(EX_BOUNDS, ex_data_high, 0),
	FOUND(EX_BOUNDS, ex_data_zero, 0), FOUND(EX_BOUNDS, ex_after, 0),
	FOUND(EX_BOUNDS, ex_wraps, 0), FOUND(EX_BOUNDS, ex_len_huge, 0),
	FOUND(LINK_TARGET, target_nul, 0), FOUND(LINK_TARGET, target_open, 0),
	/* After a set that cannot be read nobody knows where others start. */
	FOUND(XA_SIZE, set_odd, ALSO(INO_XATTR)), FOUND(XA_SIZE, set_zero, ALSO(INO_XATTR)),
	FOUND(XA_SIZE, set_odd_more, ALSO(INO_XATTR)),
	FOUND(XA_SIZE, set_short, ALSO(INO_XATTR)), FOUND(XA_SIZE, set_huge, ALSO(INO_XATTR)),
	FOUND(XA_SIZE, set_empty, ALSO(INO_XATTR)), FOUND(XA_SIZE, set_more, ALSO(INO_XATTR)),
	FOUND(XA_SIZE, value_huge, ALSO(INO_XATTR)), FOUND(XA_SIZE, value_past, ALSO(INO_XATTR)),
	FOUND(XA_SIZE, value_large, ALSO(INO_XATTR)), FOUND(XA_SIZE, xe_reserved, ALSO(INO_XATTR)),
	FOUND(XA_PREFIX, prefix_zero, ALSO(INO_XATTR)), FOUND(XA_PREFIX, prefix_high, ALSO(INO_XATTR)),
	FOUND(XA_NAME, name_nul, ALSO(INO_XATTR)), FOUND(XA_NAME, name_none, ALSO(INO_XATTR)),
	FOUND(XA_NAME, name_acl, ALSO(INO_XATTR)),
	FOUND(XA_ORDER, xa_prefixes, 0), FOUND(XA_ORDER, xa_names, 0), FOUND(XA_ORDER, xa_twice, 0),
	FOUND(XA_PADDING, pad_entry, 0), FOUND(XA_PADDING, pad_last, 0),
	FOUND(XA_PADDING, pad_set, 0), FOUND(XA_PADDING, pad_eight, 0),
	FOUND(XA_PADDING, pad_seven, 0), FOUND(XA_PADDING, pad_seventh, 0),

	FOUND_RAW(SB_COPY, copy), FOUND_RAW(SB_COPY, copy_end),
	FOUND_RAW(AREA_CHECKSUM, sum_inodes), FOUND_RAW(AREA_CHECKSUM, sum_dirs),
	FOUND_RAW(AREA_CHECKSUM, sum_xattrs), FOUND_RAW(AREA_CHECKSUM, sum_links),
	FOUND_RAW(AREA_CHECKSUM, sum_extents),
	FOUND(ZERO_AREA, zero_first, 0), FOUND(ZERO_AREA, zero_last, 0),
	FOUND(ZERO_AREA, zero_trailer, 0), FOUND(ZERO_AREA, zero_raid, 0),
	{ DXC_ZERO_AREA, "zero_second", zero_second, CHECK_, 0, 0, true },
	{ DXC_ZERO_AREA, "zero_tables", zero_tables, CHECK_, 0, 0, true },
	FOUND(FILE_TAIL, tail_whole, 0), FOUND(FILE_TAIL, tail_last, 0),
	FOUND(FILE_TAIL, tail_sparse, 0), FOUND(FILE_TAIL, tail_shared, ALSO(FILE_OVERLAP) | ALSO(FILE_CHECKSUM)),
	FOUND(FILE_OVERLAP, overlap_part, 0), FOUND(FILE_OVERLAP, overlap_start, ALSO(FILE_CHECKSUM)),
	FOUND(FILE_OVERLAP, overlap_extent, ALSO(FILE_CHECKSUM)),
	FOUND_RAW(FILE_CHECKSUM, byte_packed),
	FOUND_RAW(FILE_TAIL, gap_first), FOUND_RAW(FILE_TAIL, gap_last),
	FOUND_RAW(FILE_TAIL, gap_block),
	FOUND(FILE_TAIL, gap_start, ALSO(FILE_CHECKSUM)),
	FOUND(FILE_OVERLAP, overlap_packed, ALSO(FILE_TAIL)),
	FOUND(FILE_OVERLAP, overlap_shorter, ALSO(FILE_CHECKSUM)),
	FOUND(FILE_OVERLAP, overlap_whole, ALSO(FILE_TAIL)),
	FOUND_RAW(FILE_CHECKSUM, byte_first), FOUND_RAW(FILE_CHECKSUM, byte_last),
	FOUND_RAW(FILE_CHECKSUM, byte_shared), FOUND_RAW(FILE_CHECKSUM, byte_sparse),
	FOUND_RAW(FILE_CHECKSUM, byte_sparse_last),
	FOUND(FILE_CHECKSUM, sum_wrong, 0), FOUND(FILE_CHECKSUM, sum_empty, 0),
	FOUND(FILE_CHECKSUM, sum_hole, 0), FOUND(FILE_CHECKSUM, sum_array, 0),
	FOUND(FILE_CHECKSUM, sum_twin, 0),
	FOUND(FILE_OVERLAP, array_part, ALSO(FILE_CHECKSUM)), FOUND(FILE_OVERLAP, array_twice, 0),
	/* Neither its own entries nor the other's are counted for it. */
	FOUND(DIR_OVERLAP, overlap_dirs,
	      ALSO(INO_NLINK) | ALSO(DIR_NAMES) | ALSO(DE_ORDER)),
	FOUND(DIR_LOOP, loop, 0),
	FOUND(DIR_PARENT, dir_parent, 0),
	FOUND(DIR_NAMES, dir_unnamed, ALSO(INO_NLINK)),
	FOUND(DIR_NAMES, dir_two_names, ALSO(DIR_PARENT) | ALSO(INO_NLINK)),
};

/* clang-format on */

const struct rule *rule_at(u32 i)
{
	const u32 base_count = sizeof(base_rules) / sizeof(base_rules[0]);

	if (i < base_count)
		return &base_rules[i];
	i -= base_count;
	return i < delta_rule_count ? &delta_rules[i] : NULL;
}

bool rule_mount_is_gone(void *priv, const struct dxc_mount *mt)
{
	(void)priv;
	return mt->epoch == EPOCH_GONE;
}

static codes reported;
static u32 report_counts[DXC_CODES];

static int report(void *priv, const struct dxc_finding *f)
{
	CHECK(f->code > DXC_OK && f->code < DXC_CODES);
	CHECK(f->area <= DAXFS_AREA_COUNT);
	CHECK_EQ(f->reserved, 0);
	reported |= CODE(f->code);
	report_counts[f->code]++;
	return 0;
}

static void print_codes(codes which)
{
	u32 i;

	for (i = 0; i < DXC_CODES; i++)
		if (which & CODE(i))
			printf("# reported: %s\n", dxc_code_text(i));
}

static void test_rule(struct image *img, const struct rule *rule)
{
	struct daxfs_super *sb = image_super(img);
	struct patient p = { img, sb, sb->sb_areas, img->size };
	struct dxc_check chk = { .report = report, .gone = rule_mount_is_gone };
	struct dxc_finding f;
	struct dxc_volume vol;
	int err;

	image_reset(img);
	rule->damage(&p);
	if (rule->when != UNSEALED)
		image_seal(img);
	err = dxc_volume_open(&vol, img->base, p.size, &f);
	CHECK_EQ(err, rule->err);
	if (err) {
		CHECK_EQ(f.code, rule->code);
		CHECK_EQ(dxc_volume_open(&vol, img->base, p.size, NULL), err);
	} else {
		reported = 0;
		CHECK_EQ(dxc_check(&vol, &chk), 0);
		CHECK(reported & CODE(rule->code));
		if (!CHECK(!(reported & ~(CODE(rule->code) | rule->also))))
			print_codes(reported);
		CHECK(chk.findings > 0);
		CHECK_EQ(chk.leftovers, dxc_code_is_leftover(rule->code) ? chk.findings :
				 rule->also & CODE(DXC_BR_ORPHAN) ? 1 : 0);
		/* Whoever renames or commits it comes back to it. */
		CHECK_EQ(chk.partial, !strcmp(rule->what, "br_renaming") ||
					      !strcmp(rule->what, "br_winner"));
	}
	tap_end("DXC code %u (%s) is what is found after %s%s", rule->code,
		dxc_code_text(rule->code), rule->what,
		rule->writable ? " in a writable image" : "");
}

static void test_clean(struct image *img, const char *what)
{
	struct dxc_check chk = { .report = report };
	struct dxc_volume vol;

	reported = 0;
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
	CHECK_EQ(dxc_check(&vol, &chk), 0);
	CHECK_EQ(chk.findings, 0);
	print_codes(reported);
	tap_end("the check finds nothing in a clean %s image", what);
}

static void test_table(void)
{
	codes have = CODE(DXC_OK);
	u32 i;

	/* test_inodes() in codec.c: nothing makes the check ask for such a number. */
	have |= CODE(DXC_INO_RANGE);
	/* proportion.c: these images have few branches. */
	have |= CODE(DXC_BR_DEEP);
	for (i = 0; rule_at(i); i++)
		have |= CODE(rule_at(i)->code);
	for (i = 0; i < DXC_CODES; i++)
		if (!CHECK(have & CODE(i)))
			printf("# no rule for %s\n", dxc_code_text(i));
	_Static_assert(DXC_CODES <= 128, "codes are kept as bits");
	tap_end("every code of the checker has a test that provokes it");
}

/* Each of two pieces inside a larger one overlaps it, the second one, too. */
static void test_nested(struct image *img)
{
	struct dxc_check chk = { .report = report };
	u64 nine = le64_to_cpu(image_raw(img, image_ino(img, "nine"))->in_data);
	struct dxc_volume vol;

	image_reset(img);
	LE64(image_raw(img, image_ino(img, "block"))->in_data, nine + 4096);
	LE64(image_raw(img, image_ino(img, "hard1"))->in_data, nine + 5 * 4096);
	image_seal(img);
	memset(report_counts, 0, sizeof(report_counts));
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
	CHECK_EQ(dxc_check(&vol, &chk), 0);
	CHECK_EQ(report_counts[DXC_FILE_OVERLAP], 2);
	tap_end("each file inside another one's blocks is reported");
}

/* ---- reporting, cost ---- */

static int stop(void *priv, const struct dxc_finding *f)
{
	(*(u32 *)priv)++;
	return -ECANCELED;
}

static u64 last_done, last_total;

static void progress(void *priv, u64 done, u64 total)
{
	last_done = done;
	last_total = total;
}

static void test_stop(struct image *ro, struct image *rw)
{
	struct dxc_volume vol;
	u32 calls = 0, i;
	struct dxc_check chk = { .report = stop, .progress = progress,
				 .gone = rule_mount_is_gone, .priv = &calls };

	for (i = 0; rule_at(i); i++) {
		const struct rule *rule = rule_at(i);
		struct image *img = rule->writable ? rw : ro;
		struct patient p = { img, image_super(img), image_super(img)->sb_areas,
				     img->size };

		if (rule->err)
			continue;
		image_reset(img);
		rule->damage(&p);
		if (rule->when != UNSEALED)
			image_seal(img);
		CHECK_EQ(dxc_volume_open(&vol, img->base, p.size, NULL), 0);
		calls = 0;
		CHECK_EQ(dxc_check(&vol, &chk), -ECANCELED);
		CHECK_EQ(calls, 1);
		CHECK_EQ(chk.findings, 1);
	}
	tap_end("the check stops at the first finding when the caller says so, for every rule");
	CHECK_EQ(last_total, ro->count);
	CHECK(last_done <= last_total);
	tap_end("the check tells its progress");
}

/*
 * Many inodes that all claim the same long array. Each is in bounds by itself;
 * a check that follows each of them takes the square of the image's size.
 */
static void test_shared_arrays(bool dirs)
{
	enum { INODES = 3000, ELEMENTS = 3000 };
	struct image *img = image_new();
	struct dxc_check chk = { .report = report };
	struct dxc_volume vol;
	u32 big, other, first, i;
	char name[32];

	big = dirs ? image_add(img, 1, "big", S_IFDIR | 0755) :
		     image_file(img, 1, "big", ELEMENTS * 8192ull);
	other = image_file(img, 1, "other", 0);
	for (i = 0; i < ELEMENTS; i++) {
		sprintf(name, "n%u", i);
		if (dirs)
			image_link(img, big, name, other);
		else
			image_extent_add(img, big, i * 8192ull, 4096);
	}
	first = img->count + 1;
	for (i = 0; i < INODES; i++) {
		sprintf(name, "i%u", i);
		image_add(img, 1, name, dirs ? S_IFDIR | 0755 : S_IFREG | 0644);
	}
	image_build(img);
	for (i = 0; i < INODES; i++) {
		struct daxfs_inode *raw = image_raw(img, first + i), keep = *raw;

		*raw = *image_raw(img, big);
		raw->in_parent = keep.in_parent;
		/* Shorter and shorter pieces, so that no two are the same. */
		LE32(raw->in_count, ELEMENTS - i % 1000);
		if (dirs)
			LE64(raw->in_size, (ELEMENTS - i % 1000) * 64ull);
		else
			raw->in_nlink = keep.in_nlink;
	}
	image_seal(img);
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
	reported = 0;
	broken_copies = 0;
	CHECK_EQ(dxc_check(&vol, &chk), 0);
	CHECK(reported & CODE(dirs ? DXC_DIR_OVERLAP : DXC_FILE_OVERLAP));
	printf("# %llu fetches\n", (unsigned long long)broken_copies);
	CHECK(broken_copies < 100000);
	tap_end("the check of %u %s that claim one array of %u takes no %u million steps",
		INODES, dirs ? "directories" : "sparse files", ELEMENTS,
		INODES * ELEMENTS / 1000000);
	image_free(img);
}

/* ---- broken memory ---- */

static void test_broken_memory(void)
{
	struct image *img = image_standard(true, 3);
	struct dxc_check chk = { .report = report };
	struct dxc_volume vol;
	struct dxc_finding f;
	u64 total, i;

	delta_grow(img);
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
	broken_copies = 0;
	CHECK_EQ(dxc_check(&vol, &chk), 0);
	total = broken_copies;
	for (i = 1; i <= total; i++) {
		/* The long rows of zeros are all alike. */
		if (i > 20 && i < total - 900 && i % 16)
			continue;
		reported = 0;
		broken_copy_at = i;
		CHECK_EQ(dxc_check(&vol, &chk), -EIO);
		CHECK_EQ(reported, 0);
		CHECK_EQ(broken_copy_at, 0);
	}
	broken_copy_at = 0;
	tap_end("the check ends with EIO and blames nobody when any of its %llu fetches fails",
		(unsigned long long)total);
	broken_copy_at = 1;
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, &f), -EIO);
	broken_copy_at = 0;
	tap_end("an image whose superblock cannot be read is not opened: EIO");

	broken_alloc_at = 1;
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), -ENOMEM);
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
	for (i = 1; i < 1000; i++) {
		broken_alloc_at = i;
		if (!dxc_check(&vol, &chk))
			break;
		broken_alloc_at = i;
		CHECK_EQ(dxc_check(&vol, &chk), -ENOMEM);
	}
	broken_alloc_at = 0;
	CHECK(i > 5 && i < 1000);
	tap_end("the check ends with ENOMEM and keeps nothing when any of its %llu allocations fails",
		(unsigned long long)i - 1);
	image_free(img);
}

void rules_tests(void)
{
	struct image *ro = image_standard(false, MANY), *rw = image_standard(true, MANY),
		     *other;
	u32 i;

	test_clean(ro, "read-only");
	test_clean(rw, "writable");
	other = image_standard(false, 5000);
	test_clean(other, "larger");
	image_free(other);
	other = image_new();
	image_build(other);
	test_clean(other, "empty");
	image_free(other);
	test_table();
	for (i = 0; rule_at(i); i++)
		test_rule(rule_at(i)->writable ? rw : ro, rule_at(i));
	image_reset(rw);
	delta_grow(rw);
	test_clean(rw, "written");
	image_reset(ro);
	test_clean(ro, "restored");
	test_nested(ro);
	test_stop(ro, rw);
	image_free(ro);
	image_free(rw);
	test_shared_arrays(true);
	test_shared_arrays(false);
	test_broken_memory();
}
