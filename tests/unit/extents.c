// SPDX-License-Identifier: GPL-2.0-only
/* Where the bytes of files are: the map of contiguous and of sparse files. */
#include <stdio.h>
#include "image.h"
#include "broken.h"
#include "tap.h"
#include "tests.h"

/* What holds for every answer, true or not: it holds pos and is in bounds. */
static bool sane(const struct dxc_volume *vol, const struct dxc_inode *in, dxc_pos pos,
		 const struct dxc_extent *ex)
{
	const struct dxc_area *data = &vol->area[DAXFS_AREA_DATA];

	return ex->pos <= pos && ex->len && pos - ex->pos < ex->len &&
	       ex->pos + ex->len <= ((in->size + 4095) & ~4095ull) &&
	       ex->pos % 4096 == 0 && ex->len % 4096 == 0 &&
	       (!ex->data ||
		(ex->packed && ex->data % 4096 + ex->packed <= 4096 &&
		 dxc_range_ok(ex->data, ex->packed, data->offset, data->length)) ||
		(ex->data % 4096 == 0 &&
		 dxc_range_ok(ex->data, ex->len, data->offset, data->length)));
}

static void check_content(struct image *img, u32 ino)
{
	const struct image_inode *n = &img->inodes[ino - 1];
	u64 bytes = min_t(u64, n->inode.size, 200000);
	u32 who = n->share ? n->share : ino, k;
	struct dxc_inode in;
	struct dxc_extent ex;
	dxc_pos pos;

	CHECK_EQ(dxc_inode_read(&img->vol, ino, &in, NULL), 0);
	for (pos = 0; pos < bytes; pos++) {
		bool hole = in.flags & DAXFS_IN_EXTENTS;

		for (k = 0; k < n->inode.count && hole; k++)
			hole = pos < n->extents[k].pos ||
			       pos >= n->extents[k].pos + n->extents[k].len;
		CHECK_EQ(dxc_extent_map(&img->vol, &in, pos, &ex, NULL), 0);
		CHECK(sane(&img->vol, &in, pos, &ex));
		CHECK_EQ(ex.data == 0, hole);
		if (!hole)
			CHECK_EQ(img->base[ex.data + (pos - ex.pos)],
				 image_byte(who, pos));
		/* The longest part: its neighbours are of another kind or place. */
		if (hole && ex.pos)
			for (k = 0, hole = false; k < n->inode.count; k++)
				hole |= n->extents[k].pos + n->extents[k].len == ex.pos;
		CHECK(!ex.data || !in.count || ex.len <= 8192);
		if (!ex.data && ex.pos)
			CHECK(hole);
	}
	CHECK_EQ(dxc_extent_map(&img->vol, &in, in.size, &ex, NULL), -ENXIO);
	CHECK_EQ(dxc_extent_map(&img->vol, &in, ~0ull, &ex, NULL), -ENXIO);
}

/* What is in its block around it must not be seen. */
static void test_packed(void)
{
	static const char *const names[] = { "packed30", "packed8", "packed2048", "packedtwin",
					     "packed2009" };
	struct image *img = image_standard(false, 0);
	u8 block[4096], rest[100];
	struct dxc_inode in;
	struct dxc_extent ex;
	u32 i, ino;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ino = image_ino(img, names[i]);
		check_content(img, ino);
		CHECK_EQ(dxc_inode_read(&img->vol, ino, &in, NULL), 0);
		CHECK_EQ(dxc_extent_map(&img->vol, &in, 0, &ex, NULL), 0);
		CHECK_EQ(ex.packed, in.size);
		CHECK_EQ(dxc_extent_stored(&ex, 0), in.size);
		CHECK_EQ(dxc_extent_stored(&ex, in.size - 1), 1);
		CHECK_EQ(dxc_extent_stored(&ex, in.size), 0);
		CHECK_EQ(dxc_extent_units(&ex), (in.size + 511) / 512);
		memset(block, 0xff, sizeof(block));
		CHECK_EQ(dxc_extent_copy(&img->vol.region, &ex, 0, block, sizeof(block)), 0);
		CHECK(!memcmp(block, img->base + in.data, in.size));
		CHECK(!block[in.size] && !memcmp(block + in.size, block + in.size + 1,
						 sizeof(block) - in.size - 1));
		memset(rest, 0xff, sizeof(rest));
		CHECK_EQ(dxc_extent_copy(&img->vol.region, &ex, in.size - 3, rest, 100), 0);
		CHECK(!memcmp(rest, img->base + in.data + in.size - 3, 3));
		CHECK(!rest[3] && !memcmp(rest + 3, rest + 4, 96));
	}
	tap_end("every byte of a packed file is where the map says, and zeros are read behind it");
	image_free(img);
}

static void test_content(void)
{
	static const char *const whole[] = { "empty", "hello", "block", "twoblocks",
					     "twin",  "nine",  "hard3" };
	static const char *const sparse[] = { "sparse", "sparsetwin", "allhole",
					      "holetail", "holeempty" };
	struct image *img = image_standard(false, 0);
	struct dxc_extent ex;
	struct dxc_inode in;
	u32 i, ino;

	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		check_content(img, image_ino(img, whole[i]));
	CHECK_EQ(img->inodes[image_ino(img, "twin") - 1].inode.data,
		 img->inodes[image_ino(img, "twoblocks") - 1].inode.data);
	tap_end("every byte of a contiguous file is where the map says, also of a file stored once for two");
	for (i = 0; i < sizeof(sparse) / sizeof(sparse[0]); i++)
		check_content(img, image_ino(img, sparse[i]));
	tap_end("every byte of a sparse file is where the map says, and holes are as long as they are");

	ino = image_ino(img, "holetail");
	CHECK_EQ(dxc_inode_read(&img->vol, ino, &in, NULL), 0);
	CHECK_EQ(dxc_extent_map(&img->vol, &in, (1ull << 40) - 1, &ex, NULL), 0);
	CHECK_EQ(ex.pos, 4096);
	CHECK_EQ(ex.len, (1ull << 40) - 4096);
	CHECK_EQ(ex.data, 0);
	tap_end("a hole of a terabyte is one answer");

	image_raw(img, ino)->in_size = cpu_to_le64(INT64_MAX);
	CHECK_EQ(dxc_inode_read(&img->vol, ino, &in, NULL), 0);
	CHECK_EQ(dxc_extent_map(&img->vol, &in, INT64_MAX - 1, &ex, NULL), 0);
	CHECK(sane(&img->vol, &in, INT64_MAX - 1, &ex));
	CHECK_EQ(ex.pos + ex.len, 1ull << 63);
	image_raw(img, ino)->in_size = cpu_to_le64(1ull << 63);
	CHECK_EQ(dxc_inode_read(&img->vol, ino, &in, NULL), -EUCLEAN);
	tap_end("a file may be as long as loff_t can count, and no longer");
	image_free(img);
}

static void test_extent_read(void)
{
	struct image *img = image_standard(false, 0);
	u32 ino = image_ino(img, "sparse"), k;
	struct dxc_extent ex;
	struct dxc_inode in;

	CHECK_EQ(dxc_inode_read(&img->vol, ino, &in, NULL), 0);
	for (k = 0; k < in.count; k++) {
		CHECK_EQ(dxc_extent_read(&img->vol, &in, k, &ex, NULL), 0);
		CHECK_EQ(ex.pos, img->inodes[ino - 1].extents[k].pos);
		CHECK_EQ(ex.len, img->inodes[ino - 1].extents[k].len);
		CHECK_EQ(ex.data, img->inodes[ino - 1].extents[k].data);
	}
	CHECK_EQ(k, 4);
	CHECK_EQ(dxc_extent_read(&img->vol, &in, k, &ex, NULL), -ENOENT);
	CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "hello"), &in, NULL), 0);
	CHECK_EQ(dxc_extent_read(&img->vol, &in, 0, &ex, NULL), -ENOENT);
	tap_end("extents are decoded as they were encoded, and a file without has none");
	image_free(img);
}

/* A file with many extents, every second block a hole. */
static void test_many(void)
{
	enum { EXTENTS = 5000 };
	struct image *img = image_new();
	u32 ino = image_file(img, 1, "comb", EXTENTS * 8192ull), i;
	struct dxc_extent ex, keep;
	struct dxc_inode in;
	u64 before, state = 99, pos, most = 0;
	int err;

	for (i = 0; i < EXTENTS; i++)
		image_extent_add(img, ino, i * 8192ull + 4096, 4096);
	image_build(img);
	CHECK_EQ(dxc_inode_read(&img->vol, ino, &in, NULL), 0);
	for (pos = 0; pos < in.size; pos += 1021) {
		before = broken_copies;
		CHECK_EQ(dxc_extent_map(&img->vol, &in, pos, &ex, NULL), 0);
		most = max_t(u64, most, broken_copies - before);
		CHECK_EQ(ex.pos, pos & ~4095ull);
		CHECK_EQ(ex.len, 4096);
		CHECK_EQ(ex.data != 0, (pos & 4096) != 0);
	}
	CHECK(most <= 13);
	tap_end("finding one of 5000 extents takes at most 13 fetches");

	for (i = 0; i < EXTENTS * 4; i++) {
		struct daxfs_extent *a =
			image_extent(img, ino, broken_random(&state) % EXTENTS);
		struct daxfs_extent *b =
			image_extent(img, ino, broken_random(&state) % EXTENTS);
		struct daxfs_extent t = *a;

		*a = *b;
		*b = t;
	}
	for (i = 0; i < 20000; i++) {
		pos = broken_random(&state) % in.size;
		before = broken_copies;
		CHECK_EQ(dxc_extent_map(&img->vol, &in, pos, &ex, NULL), 0);
		CHECK(broken_copies - before <= 13);
		CHECK(sane(&img->vol, &in, pos, &ex));
	}
	tap_end("an extent array in random order gives answers in bounds that hold the position");

	image_reset(img);
	broken_noise = 5;
	for (i = 0; i < 50000; i++) {
		pos = broken_random(&state) % in.size;
		memset(&keep, 0, sizeof(keep));
		err = dxc_extent_map(&img->vol, &in, pos, &keep, NULL);
		CHECK(err == 0 || err == -EUCLEAN);
		if (!err)
			CHECK(sane(&img->vol, &in, pos, &keep));
	}
	broken_noise = 0;
	tap_end("an extent array that changes all the time gives such answers or EUCLEAN");
	image_free(img);
}

void extents_tests(void)
{
	test_packed();
	test_content();
	test_extent_read();
	test_many();
}
