// SPDX-License-Identifier: GPL-2.0-only
/* Extended attributes: walking a set, finding one, names and their prefixes. */
#include <stdio.h>
#include "image.h"
#include "broken.h"
#include "tap.h"
#include "tests.h"

static void test_walk(void)
{
	static const struct {
		u32 prefix;
		const char *name, *value;
	} want[] = {
		{ DAXFS_XATTR_USER, "a", "1" },
		{ DAXFS_XATTR_USER, "ab", "" },
		{ DAXFS_XATTR_TRUSTED, "overlay.opaque", "y" },
	};
	struct image *img = image_standard(false, 0);
	struct dxc_inode in, other;
	struct dxc_xattr xa = { 0 };
	struct dxc_finding f;
	u32 i;

	CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "hello"), &in, &f), 0);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(dxc_xattr_next(&img->vol, &in, &xa, &f), 0);
		CHECK_EQ(xa.prefix, want[i].prefix);
		CHECK(!strcmp(xa.name, want[i].name));
		CHECK_EQ(xa.name_len, strlen(want[i].name));
		CHECK_EQ(xa.value_len, strlen(want[i].value));
		CHECK(!memcmp(img->base + xa.value, want[i].value, xa.value_len));
	}
	CHECK_EQ(dxc_xattr_next(&img->vol, &in, &xa, &f), -ENODATA);
	CHECK_EQ(dxc_xattr_next(&img->vol, &in, &xa, &f), -ENODATA);
	tap_end("a walk shows the xattrs of an inode in order and ends");

	CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "block"), &other, &f), 0);
	CHECK_EQ(in.xattr, other.xattr);
	CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "link"), &other, &f), 0);
	CHECK(other.xattr && in.xattr != other.xattr);
	tap_end("equal sets are shared, others are not");

	CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "empty"), &other, &f), 0);
	memset(&xa, 0, sizeof(xa));
	CHECK_EQ(dxc_xattr_next(&img->vol, &other, &xa, &f), -ENODATA);
	CHECK_EQ(dxc_xattr_find(&img->vol, &other, 1, "a", 1, &xa, &f), -ENODATA);
	tap_end("an inode without xattrs has none");
	image_free(img);
}

static void test_find(void)
{
	struct image *img = image_new();
	u32 ino = image_file(img, 1, "f", 0), i;
	char name[256], *value = malloc(65536);
	struct dxc_inode in;
	struct dxc_xattr xa;

	memset(value, 'v', 65536);
	for (i = 0; i < 200; i++) {
		sprintf(name, "key-%03u", i);
		image_xattr_add(img, ino, DAXFS_XATTR_USER, name, value, i);
	}
	memset(name, 'n', 255);
	name[255] = 0;
	image_xattr_add(img, ino, DAXFS_XATTR_USER, name, value, 65536);
	image_build(img);
	CHECK_EQ(dxc_inode_read(&img->vol, ino, &in, NULL), 0);
	for (i = 0; i < 200; i++) {
		char key[16];

		sprintf(key, "key-%03u", i);
		memset(&xa, 0xee, sizeof(xa));
		CHECK_EQ(dxc_xattr_find(&img->vol, &in, DAXFS_XATTR_USER, key, 7, &xa,
					NULL),
			 0);
		CHECK_EQ(xa.value_len, i);
		CHECK_EQ(xa.prefix, DAXFS_XATTR_USER);
	}
	memset(&xa, 0xee, sizeof(xa));
	CHECK_EQ(dxc_xattr_find(&img->vol, &in, DAXFS_XATTR_USER, name, 255, &xa, NULL),
		 0);
	CHECK_EQ(xa.value_len, 65536);
	CHECK_EQ(xa.name_len, 255);
	CHECK(!memcmp(img->base + xa.value, value, 65536));
	tap_end("each of 201 xattrs of an inode is found with its value, up to 64 KiB");

	CHECK_EQ(dxc_xattr_find(&img->vol, &in, DAXFS_XATTR_USER, "key-0", 5, &xa, NULL),
		 -ENODATA);
	CHECK_EQ(dxc_xattr_find(&img->vol, &in, DAXFS_XATTR_USER, "key-0000", 8, &xa,
				NULL),
		 -ENODATA);
	CHECK_EQ(dxc_xattr_find(&img->vol, &in, DAXFS_XATTR_TRUSTED, "key-000", 7, &xa,
				NULL),
		 -ENODATA);
	CHECK_EQ(dxc_xattr_find(&img->vol, &in, DAXFS_XATTR_USER, "", 0, &xa, NULL),
		 -ENODATA);
	tap_end("an xattr with another name or prefix is not found");
	free(value);
	image_free(img);
}

static void test_set_limit(void)
{
	struct image *img = image_new();
	u32 large = image_file(img, 1, "large", 0),
	    larger = image_file(img, 1, "larger", 0), i;
	char name[8], *value = calloc(1, 65536);
	struct dxc_xattr xa = { 0 };
	struct dxc_finding f;
	struct dxc_inode in;

	for (i = 0; i < 16; i++) {
		sprintf(name, "%02u", i);
		/* 8 of the set's header, 16 * (8 + 2 + value + padding): 1 MiB and 8 more. */
		image_xattr_add(img, large, DAXFS_XATTR_USER, name, value,
				65526 - 10 * (i == 15));
		image_xattr_add(img, larger, DAXFS_XATTR_USER, name, value, 65526);
	}
	image_build(img);
	CHECK_EQ(dxc_inode_read(&img->vol, large, &in, NULL), 0);
	for (i = 0; !dxc_xattr_next(&img->vol, &in, &xa, &f); i++)
		;
	CHECK_EQ(i, 16);
	memset(&xa, 0, sizeof(xa));
	CHECK_EQ(dxc_inode_read(&img->vol, larger, &in, NULL), 0);
	CHECK_EQ(dxc_xattr_next(&img->vol, &in, &xa, &f), -EUCLEAN);
	CHECK_EQ(f.code, DXC_XA_SIZE);
	CHECK_EQ(f.detail, DAXFS_XATTR_SET_MAX + 8);
	tap_end("a set of 1 MiB is walked, one that is 8 bytes longer is refused");
	free(value);
	image_free(img);
}

static void test_split(void)
{
	static const struct {
		const char *name;
		u32 prefix, len;
	} names[] = {
		{ "user.a", DAXFS_XATTR_USER, 5 },
		{ "user..", DAXFS_XATTR_USER, 5 },
		{ "trusted.overlay.opaque", DAXFS_XATTR_TRUSTED, 8 },
		{ "security.capability", DAXFS_XATTR_SECURITY, 9 },
		{ "system.posix_acl_access", DAXFS_XATTR_ACL_ACCESS, 23 },
		{ "system.posix_acl_default", DAXFS_XATTR_ACL_DEFAULT, 24 },
		{ "user.", 0, 0 },
		{ "user", 0, 0 },
		{ "", 0, 0 },
		{ "trusted.", 0, 0 },
		{ "security.", 0, 0 },
		{ "system.posix_acl_accessx", 0, 0 },
		{ "system.posix_acl", 0, 0 },
		{ "system.nfs4_acl", 0, 0 },
		{ "User.a", 0, 0 },
	};
	u32 i, len;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		len = 0;
		CHECK_EQ(dxc_xattr_split(names[i].name, &len), names[i].prefix);
		CHECK_EQ(len, names[i].len);
		if (names[i].prefix)
			CHECK(!strncmp(dxc_xattr_prefix(names[i].prefix), names[i].name,
				       names[i].len));
	}
	CHECK(!strcmp(dxc_xattr_prefix(0), ""));
	CHECK(!strcmp(dxc_xattr_prefix(DAXFS_XATTR_PREFIXES), ""));
	CHECK(!strcmp(dxc_xattr_prefix(~0u), ""));
	tap_end("xattr names are split into the prefixes of the format, others are refused");
}

static void test_noise(void)
{
	struct image *img = image_standard(false, 0);
	static const char *const names[] = { "hello", "deep", "link" };
	struct dxc_inode in;
	struct dxc_xattr xa;
	u32 i, steps;
	int err;

	for (i = 0; i < 60000; i++) {
		CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, names[i % 3]), &in,
					NULL),
			 0);
		broken_noise = i + 1;
		memset(&xa, 0, sizeof(xa));
		steps = 0;
		while (!(err = dxc_xattr_next(&img->vol, &in, &xa, NULL))) {
			const struct dxc_area *ar = &img->vol.area[DAXFS_AREA_XATTRS];

			CHECK(dxc_range_ok(xa.value, xa.value_len, ar->offset,
					   ar->length));
			CHECK(++steps < 1000);
		}
		broken_noise = 0;
		CHECK(err == -ENODATA || err == -EUCLEAN);
	}
	tap_end("a set that changes all the time gives values inside the area and an end");
	image_free(img);
}

void xattrs_tests(void)
{
	test_walk();
	test_find();
	test_set_limit();
	test_split();
	test_noise();
}
