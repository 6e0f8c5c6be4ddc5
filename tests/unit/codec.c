// SPDX-License-Identifier: GPL-2.0-only
/* What the encoders write, the decoders read: superblock, inodes, symlinks. */
#include <dirent.h>
#include "image.h"
#include "broken.h"
#include "tap.h"
#include "tests.h"

static void test_super(bool writable)
{
	struct image *img = image_standard(writable, 20);
	struct dxc_volume vol;
	struct dxc_finding f;
	u32 i;

	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, &f), 0);
	CHECK_EQ(f.code, DXC_OK);
	CHECK_EQ(vol.region.size, img->size);
	CHECK(vol.region.base == img->base);
	for (i = 0; i < DAXFS_AREA_COUNT; i++) {
		CHECK_EQ(vol.area[i].offset, img->vol.area[i].offset);
		CHECK_EQ(vol.area[i].length, img->vol.area[i].length);
		CHECK_EQ(vol.area[i].checksum, img->vol.area[i].checksum);
	}
	CHECK_EQ(vol.inode_count, img->count);
	CHECK_EQ(vol.hash_seed, 0x0123456789abcdefull);
	CHECK_EQ(vol.data_blocks, img->vol.data_blocks);
	CHECK_EQ(vol.created, 1700000000);
	CHECK_EQ(vol.chunk_size, writable ? 0x4000 : 0);
	CHECK_EQ(vol.branch_count, writable ? 4 : 0);
	CHECK_EQ(vol.mount_count, writable ? 8 : 0);
	CHECK_EQ(vol.incompat, writable);
	CHECK_EQ(vol.compat, 0);
	CHECK_EQ(vol.ro_compat, 0);
	CHECK_EQ(vol.version, DAXFS_VERSION);
	CHECK_EQ(dxc_volume_is_writable(&vol), writable);
	CHECK(!memcmp(vol.uuid, img->vol.uuid, 16));
	CHECK(!strcmp(vol.label, "unit test"));
	tap_end("a %s superblock is decoded as it was encoded",
		writable ? "writable" : "read-only");
	image_free(img);
}

static void test_super_edges(void)
{
	struct image *img = image_standard(false, 0);
	struct daxfs_super *sb = image_super(img);
	struct dxc_volume vol;
	u8 *longer, *alone;

	memset(sb->sb_label, 'L', 64);
	sb->sb_compat = cpu_to_le32(0xdeadbeef);
	sb->sb_ro_compat = cpu_to_le32(0x80000001);
	sb->sb_created = cpu_to_le64(-5ull);
	image_seal(img);
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
	CHECK_EQ(strlen(vol.label), 64);
	CHECK_EQ(vol.compat, 0xdeadbeef);
	CHECK_EQ(vol.ro_compat, 0x80000001);
	CHECK_EQ(vol.created, -5ull);
	tap_end("a full label, unknown compatible features and a date before 1970 open");

	dxc_super_encode(&vol, sb);
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
	CHECK_EQ(strlen(vol.label), 64);
	CHECK_EQ(vol.compat, 0xdeadbeef);
	CHECK_EQ(vol.ro_compat, 0x80000001);
	tap_end("encoding what was decoded changes nothing");

	longer = calloc(1, img->size + 12345);
	memcpy(longer, img->base, img->size);
	CHECK_EQ(dxc_volume_open(&vol, longer, img->size + 12345, NULL), 0);
	CHECK_EQ(vol.region.size, img->size);
	tap_end("a region longer than the image is cut to the image");
	free(longer);

	/* The sanitizer sees to it that there is nothing behind it. */
	alone = malloc(DAXFS_SB_SIZE);
	memcpy(alone, img->base, DAXFS_SB_SIZE);
	CHECK_EQ(dxc_volume_open(&vol, alone, img->size, NULL), 0);
	CHECK_EQ(vol.inode_count, le64_to_cpu(sb->sb_inode_count));
	tap_end("the superblock alone is enough to read it");
	free(alone);
	image_free(img);
}

static void check_same(const struct dxc_inode *a, const struct dxc_inode *b)
{
	CHECK_EQ(a->ino, b->ino);
	CHECK_EQ(a->mode, b->mode);
	CHECK_EQ(a->flags, b->flags);
	CHECK_EQ(a->uid, b->uid);
	CHECK_EQ(a->gid, b->gid);
	CHECK_EQ(a->nlink, b->nlink);
	CHECK_EQ(a->xattr, b->xattr);
	CHECK_EQ(a->size, b->size);
	CHECK_EQ(a->mtime, b->mtime);
	CHECK_EQ(a->mtime_nsec, b->mtime_nsec);
	CHECK_EQ(a->count, b->count);
	CHECK_EQ(a->parent, b->parent);
	CHECK_EQ(a->rdev_major, b->rdev_major);
	CHECK_EQ(a->rdev_minor, b->rdev_minor);
	if (!S_ISCHR(a->mode) && !S_ISBLK(a->mode))
		CHECK_EQ(a->data, b->data);
	CHECK_EQ(a->entry_size, b->entry_size);
}

static void test_inodes(void)
{
	struct image *img = image_standard(false, 300);
	struct dxc_finding f;
	struct dxc_inode in;
	u32 i, types = 0;

	for (i = 0; i < img->count; i++) {
		memset(&in, 0xee, sizeof(in));
		if (!CHECK_EQ(dxc_inode_read(&img->vol, i + 1, &in, &f), 0))
			continue;
		check_same(&in, &img->inodes[i].inode);
		types |= 1u << dxc_type_of_mode(in.mode);
	}
	CHECK_EQ(types, DXC_DIRENT_TYPES);
	tap_end("inodes of all seven types are decoded as they were encoded");

	image_raw(img, 2)->in_mtime = cpu_to_le64(1ull << 63);
	image_raw(img, 2)->in_uid = cpu_to_le32(0xfffffffe);
	image_raw(img, 2)->in_gid = cpu_to_le32(0xfffffffe);
	image_raw(img, 2)->in_nlink = cpu_to_le32(0xffffffff);
	image_raw(img, 2)->in_mode = cpu_to_le16(S_IFREG | 07777);
	CHECK_EQ(dxc_inode_read(&img->vol, 2, &in, &f), 0);
	CHECK_EQ(in.mtime, INT64_MIN);
	CHECK_EQ(in.uid, 0xfffffffe);
	CHECK_EQ(in.gid, 0xfffffffe);
	CHECK_EQ(in.nlink, 0xffffffff);
	CHECK_EQ(in.mode, S_IFREG | 07777);
	tap_end("the extreme values of an inode's members are kept");

	CHECK_EQ(dxc_inode_read(&img->vol, 0, &in, &f), -EUCLEAN);
	CHECK_EQ(f.code, DXC_INO_RANGE);
	CHECK_EQ(dxc_inode_read(&img->vol, img->count + 1, &in, &f), -EUCLEAN);
	CHECK_EQ(f.code, DXC_INO_RANGE);
	CHECK_EQ(f.detail, img->count + 1);
	CHECK_EQ(dxc_inode_read(&img->vol, ~0ull, &in, &f), -EUCLEAN);
	CHECK_EQ(dxc_inode_read(&img->vol, 1ull << 58, &in, NULL), -EUCLEAN);
	tap_end("DXC_INO_RANGE refuses inode number 0 and numbers past the table");

	i = img->vol.area[DAXFS_AREA_XATTRS].length / 8;
	image_raw(img, 2)->in_xattr = cpu_to_le32(i);
	CHECK_EQ(dxc_inode_read(&img->vol, 2, &in, &f), 0);
	image_raw(img, 2)->in_xattr = cpu_to_le32(i + 1);
	CHECK_EQ(dxc_inode_read(&img->vol, 2, &in, &f), -EUCLEAN);
	CHECK_EQ(f.code, DXC_INO_XATTR);
	tap_end("an inode whose xattrs start past their area is refused when it is read");
	image_free(img);
}

static void test_types(void)
{
	CHECK_EQ(dxc_type_of_mode(S_IFREG | 0777), DT_REG);
	CHECK_EQ(dxc_type_of_mode(S_IFDIR | 01777), DT_DIR);
	CHECK_EQ(dxc_type_of_mode(S_IFLNK | 0777), DT_LNK);
	CHECK_EQ(dxc_type_of_mode(S_IFCHR), DT_CHR);
	CHECK_EQ(dxc_type_of_mode(S_IFBLK), DT_BLK);
	CHECK_EQ(dxc_type_of_mode(S_IFIFO), DT_FIFO);
	CHECK_EQ(dxc_type_of_mode(S_IFSOCK), DT_SOCK);
	tap_end("the type of a mode is the d_type of getdents");
}

static void test_symlinks(void)
{
	struct image *img = image_standard(false, 0);
	struct dxc_finding f;
	struct dxc_inode in;
	char *buf;

	CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "link"), &in, &f), 0);
	buf = malloc(in.size + 1);
	CHECK_EQ(dxc_symlink_read(&img->vol, &in, buf, &f), 0);
	CHECK(!strcmp(buf, "hello"));
	free(buf);
	CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "longlink"), &in, &f), 0);
	CHECK_EQ(in.size, 4095);
	buf = malloc(in.size + 1);
	CHECK_EQ(dxc_symlink_read(&img->vol, &in, buf, &f), 0);
	CHECK_EQ(strlen(buf), 4095);
	tap_end("symlink targets of 5 and of 4095 bytes are read whole");

	img->base[in.data + 4095] = 'x';
	CHECK_EQ(dxc_symlink_read(&img->vol, &in, buf, &f), -EUCLEAN);
	CHECK_EQ(f.code, DXC_LINK_TARGET);
	CHECK_EQ(buf[0], 0);
	img->base[in.data + 4095] = 0;
	img->base[in.data + 10] = 0;
	CHECK_EQ(dxc_symlink_read(&img->vol, &in, buf, NULL), -EUCLEAN);
	CHECK_EQ(buf[0], 0);
	tap_end("a symlink target with a NUL inside or none at its end is refused and not shown");
	free(buf);
	image_free(img);
}

void codec_tests(void)
{
	test_super(false);
	test_super(true);
	test_super_edges();
	test_inodes();
	test_types();
	test_symlinks();
}
