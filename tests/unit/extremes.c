// SPDX-License-Identifier: GPL-2.0-only
/*
 * The largest and smallest that each operation can be asked for: what it writes
 * is read again, or it is refused before anything is written.
 */
#include <string.h>
#include "stage.h"
#include "tap.h"
#include "tests.h"

static struct dxc_layer m;
static char longest[DAXFS_NAME_MAX + 1], target[DAXFS_SYMLINK_MAX + 1];
static u8 value[DAXFS_XATTR_VALUE_MAX];

/* It was done, and the log says so. */
static bool reads(int err)
{
	return CHECK_EQ(err, 0) && CHECK_EQ(stage_reload("main", NULL), 0);
}

/* Done, or refused for that reason; the log can be read in any case. */
static bool reads_or(int err, int refused)
{
	return CHECK(!err || err == refused) && CHECK_EQ(stage_reload("main", NULL), 0);
}

static void sizes(void)
{
	static const u64 size[] = { DXC_SIZE_MAX,
				    0,
				    DXC_SIZE_MAX - 1,
				    1,
				    DXC_SIZE_MAX - DAXFS_BLOCK_SIZE + 1,
				    DAXFS_BLOCK_SIZE,
				    DXC_SIZE_MAX - DAXFS_BLOCK_SIZE,
				    DAXFS_BLOCK_SIZE - 1,
				    DXC_SIZE_MAX,
				    50000,
				    1ull << 62,
				    0 };
	struct dxc_inode in;
	struct dxc_attr attr;
	bool copied;
	dxc_ino ino;
	size_t i;

	CHECK_EQ(stage_make(&m, 1, "sizes", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&m, ino);
	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		reads(dxc_op_resize(&m, &attr, NULL, size[i], NULL));
		CHECK_EQ(stage_attr(&m, ino).size, size[i]);
		reads(dxc_op_clean_end(&m, &attr, NULL, &copied, NULL));
	}
	CHECK_EQ(dxc_inode_read(stage, 2, &in, NULL), 0);
	attr = stage_attr(&m, 2);
	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++)
		reads(dxc_op_resize(&m, &attr, &in, size[i], NULL));
	CHECK_EQ(dxc_op_resize(&m, &attr, &in, DXC_SIZE_MAX + 1, NULL), -EUCLEAN);
	CHECK_EQ(stage_reload("main", NULL), 0);
	tap_end("a file may have each size up to DXC_SIZE_MAX");
}

static void blocks(void)
{
	static const u64 block[] = { 0, DXC_BLOCKS_MAX - 1, DXC_BLOCKS_MAX - 2,
				     1ull << 40 };
	static const struct {
		u64 block, count;
	} hole[] = { { DXC_BLOCKS_MAX - 1, 1 },
		     { 1, DXC_BLOCKS_MAX - 1 },
		     { 0, DXC_BLOCKS_MAX },
		     { 0, 1 },
		     { 1ull << 40, 1ull << 41 } };
	struct dxc_part part;
	struct dxc_inode in;
	struct dxc_attr attr;
	dxc_ino ino;
	size_t i, k;
	dxc_off off;
	u64 got;

	CHECK_EQ(dxc_inode_read(stage, 2, &in, NULL), 0);
	for (k = 0; k < 2; k++) {
		const struct dxc_inode *base = k ? &in : NULL;

		CHECK_EQ(k ? 0 : stage_make(&m, 1, "blocks", S_IFREG | 0600, &ino), 0);
		ino = k ? 2 : ino;
		attr = stage_attr(&m, ino);
		reads(dxc_op_resize(&m, &attr, base, DXC_SIZE_MAX, NULL));
		for (i = 0; i < sizeof(block) / sizeof(block[0]); i++) {
			CHECK_EQ(dxc_blocks_take(&m, 0, 1, &off, &got), 0);
			reads(dxc_op_map(&m, &attr, block[i], 1, off));
			CHECK_EQ(dxc_view_map(&m, ino, base, block[i] * DAXFS_BLOCK_SIZE,
					      &part, NULL),
				 0);
			CHECK(part.own);
		}
		for (i = 0; i < sizeof(hole) / sizeof(hole[0]); i++)
			reads(dxc_op_punch(&m, &attr, hole[i].block, hole[i].count));
		CHECK_EQ(dxc_view_map(&m, ino, base, DXC_SIZE_MAX, &part, NULL), 0);
		CHECK_EQ(part.ex.data, 0);
		CHECK_EQ(part.ex.pos + part.ex.len, DXC_SIZE_MAX + 1);
		reads(dxc_op_resize(&m, &attr, base, 5, NULL));
		CHECK_EQ(dxc_layer_compact(&m), 0);
		CHECK_EQ(stage_reload("main", NULL), 0);
	}
	tap_end("blocks and holes may lie anywhere below DXC_BLOCKS_MAX, after compaction too");
}

static void attributes(void)
{
	static const u32 type[] = {
		S_IFREG, S_IFDIR, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK
	};
	struct dxc_attr attr, root;
	char name[8] = "type-0";
	size_t i;

	for (i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		name[5] = 'a' + i;
		memset(&attr, 0, sizeof(attr));
		attr.mode = type[i] | 07777;
		attr.nlink = 1;
		attr.uid = 0xfffffffe;
		attr.gid = 0xfffffffe;
		attr.parent = S_ISDIR(type[i]) ? 1 : 0;
		attr.atime = INT64_MIN;
		attr.mtime = INT64_MAX;
		attr.ctime = INT64_MIN;
		attr.atime_nsec = 999999999;
		attr.mtime_nsec = 999999999;
		dxc_attr_set_btime(&attr, i % 2 ? INT64_MIN : INT64_MAX, 999999999);
		if (S_ISCHR(type[i]) || S_ISBLK(type[i])) {
			attr.rdev_major = (1 << 12) - 1;
			attr.rdev_minor = (1 << 20) - 1;
		}
		root = stage_attr(&m, 1);
		CHECK_EQ(dxc_next_ino(stage, &attr.ino), 0);
		reads(dxc_op_create(&m, &root, name, 6, &attr, NULL, NULL, 0));
		attr.nlink = 0xffffffff;
		reads(dxc_op_setattr(&m, &attr));
		root = stage_attr(&m, 1);
		if (!S_ISDIR(type[i]))
			reads(dxc_op_link(&m, &root, "more", 4, &attr));
		root = stage_attr(&m, 1);
		if (!S_ISDIR(type[i]))
			reads(dxc_op_unlink(&m, &root, "more", 4, &attr));
	}
	tap_end("owners, modes, times, device numbers and link counts may be what the VFS lets through");
}

static void names(void)
{
	struct dxc_attr root, attr, other, whiteout;
	struct dxc_rename rn = { .old_dir = &root, .new_dir = &root };
	dxc_ino ino, second;

	memset(longest, 0xff, DAXFS_NAME_MAX);
	CHECK_EQ(stage_make(&m, 1, longest, S_IFREG | 0600, &ino), 0);
	CHECK_EQ(stage_make(&m, 1, "s", S_IFREG | 0600, &second), 0);
	root = stage_attr(&m, 1);
	attr = stage_attr(&m, ino);
	other = stage_attr(&m, second);
	rn.old_name = longest;
	rn.old_len = DAXFS_NAME_MAX;
	rn.new_name = "s";
	rn.new_len = 1;
	rn.inode = &attr;
	rn.target = &other;
	rn.exchange = true;
	reads(dxc_op_rename(&m, &rn));
	memset(&whiteout, 0, sizeof(whiteout));
	whiteout.mode = S_IFCHR;
	whiteout.nlink = 1;
	CHECK_EQ(dxc_next_ino(stage, &whiteout.ino), 0);
	rn.old_name = "s";
	rn.old_len = 1;
	rn.new_name = longest;
	rn.new_len = DAXFS_NAME_MAX;
	rn.exchange = false;
	rn.whiteout = &whiteout;
	reads(dxc_op_rename(&m, &rn));
	memset(target, 't', DAXFS_SYMLINK_MAX);
	memset(&attr, 0, sizeof(attr));
	attr.mode = S_IFLNK | 0777;
	attr.nlink = 1;
	attr.size = DAXFS_SYMLINK_MAX;
	CHECK_EQ(dxc_next_ino(stage, &attr.ino), 0);
	longest[0] = 'l';
	reads(dxc_op_create(&m, &root, longest, DAXFS_NAME_MAX, &attr, target, NULL, 0));
	tap_end("names of 255 bytes and targets as long as a path are read again");
}

static void xattrs(void)
{
	static const u32 len[] = { 0, 1, 255, 4096, 30000, DAXFS_XATTR_VALUE_MAX };
	struct dxc_attr attr;
	size_t i;
	u32 prefix;

	memset(longest, 'x', DAXFS_NAME_MAX);
	for (prefix = 1; prefix < DAXFS_XATTR_PREFIXES; prefix++)
		for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
			u32 name_len = prefix == DAXFS_XATTR_ACL_ACCESS ||
						       prefix == DAXFS_XATTR_ACL_DEFAULT ?
					       0 :
					       DAXFS_NAME_MAX;

			attr = stage_attr(&m, 2);
			/* What does not fit a chunk is refused. */
			reads_or(dxc_op_xattr(&m, &attr, prefix, longest, name_len, value,
					      len[i]),
				 -E2BIG);
			reads(dxc_op_xattr(&m, &attr, prefix, longest, name_len, NULL,
					   0));
		}
	tap_end("xattrs with names of 255 bytes and values of any length are read again, or refused");
}

void extremes_tests(void)
{
	stage_open(256, &m);
	sizes();
	blocks();
	attributes();
	names();
	xattrs();
	stage_close(&m);
}
