// SPDX-License-Identifier: GPL-2.0-only
/* Every byte of the metadata changed, regions of every length: nothing but answers. */
#include <stdio.h>
#include "image.h"
#include "seal.h"
#include "broken.h"
#include "tap.h"
#include "tests.h"

static int count_report(void *priv, const struct dxc_finding *f)
{
	return 0;
}

static void test_super_bytes(bool writable)
{
	static const u8 masks[] = { 0xff, 0x01, 0x80 };
	struct image *img = image_standard(writable, 3);
	struct dxc_check chk = { .report = count_report };
	struct dxc_volume vol;
	struct dxc_finding f;
	u32 i, m, opened = 0;
	int err;

	for (i = 0; i < DAXFS_SB_SIZE; i++) {
		for (m = 0; m < sizeof(masks); m++) {
			img->base[i] ^= masks[m];
			CHECK(dxc_volume_open(&vol, img->base, img->size, &f) < 0);
			CHECK(f.code != DXC_OK);
			image_seal(img);
			err = dxc_volume_open(&vol, img->base, img->size, &f);
			CHECK((err != 0) == (f.code != DXC_OK));
			if (!err && m == 0) {
				opened++;
				CHECK_EQ(dxc_check(&vol, &chk), 0);
			}
			memcpy(img->base, img->pristine, DAXFS_SB_SIZE);
		}
	}
	image_reset(img);
	/* UUID, label, seed, date: what may be anything. */
	CHECK(opened > 40 && opened < 400);
	tap_end("any changed byte of a %s superblock fails the checksum; with a repaired one the open fails or the check ends",
		writable ? "writable" : "read-only");
	image_free(img);
}

static void test_area_bytes(void)
{
	struct image *img = image_standard(false, 3);
	struct dxc_check chk = { .report = count_report };
	struct dxc_volume vol;
	u64 at, tried = 0, silent = 0;
	u32 i;

	for (i = DAXFS_AREA_INODES; i <= DAXFS_AREA_EXTENTS; i++) {
		const struct dxc_area *ar = &img->vol.area[i];
		/* Of directories and symlinks every ninth byte: mostly padding and text. */
		u32 step = i == DAXFS_AREA_DIRS || i == DAXFS_AREA_LINKS ? 9 : 1;

		for (at = ar->offset; at < ar->offset + ar->length; at += step) {
			img->base[at] ^= 0xff;
			seal(img->base, img->size);
			CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
			CHECK_EQ(dxc_check(&vol, &chk), 0);
			tried++;
			silent += !chk.findings;
			img->base[at] ^= 0xff;
		}
	}
	printf("# %llu bytes changed, %llu of them without a finding\n",
	       (unsigned long long)tried, (unsigned long long)silent);
	tap_end("the check ends whatever byte of the inodes, directories, xattrs, symlinks, extents is changed");
	image_free(img);
}

/* The region is on the heap with exactly the length tried, so that ASan sees a step too far. */
static void test_lengths(void)
{
	struct image *img = image_standard(false, 3);
	u64 marks[] = { 0, 4096, 0x1000, 0x200000, img->size / 2, img->size };
	struct dxc_volume vol;
	struct dxc_finding f;
	u64 size;
	s64 d;
	u32 i;
	u8 *cut;
	int err;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		for (d = -130; d <= 130; d++) {
			size = marks[i] + d;
			if ((s64)size < 0 || size > img->size ||
			    (d % 13 && marks[i] > 4096))
				continue;
			cut = malloc(size ? size : 1);
			memcpy(cut, img->base, size);
			err = dxc_volume_open(&vol, cut, size, &f);
			if (size < 4096) {
				CHECK_EQ(err, -EINVAL);
				CHECK_EQ(f.code, DXC_SB_SHORT);
			} else if (size < img->size) {
				CHECK_EQ(err, -EUCLEAN);
				CHECK_EQ(f.code, DXC_SB_REGION_SIZE);
			} else {
				CHECK_EQ(err, 0);
			}
			free(cut);
		}
	tap_end("a region cut short anywhere is refused, and nothing after its end is read");

	/* The same with a superblock that goes along with the cut. */
	for (size = DAXFS_HEADER_SIZE; size < img->size; size += 4096) {
		struct dxc_check chk = { .report = count_report };

		cut = malloc(size);
		memcpy(cut, img->base, size);
		((struct daxfs_super *)cut)->sb_image_size = cpu_to_le64(size);
		seal(cut, size);
		if (!dxc_volume_open(&vol, cut, size, &f))
			CHECK_EQ(dxc_check(&vol, &chk), 0);
		else
			CHECK(f.code != DXC_OK);
		free(cut);
	}
	tap_end("an image whose superblock lies about a cut is refused or checked inside its bounds");
	image_free(img);
}

/* I-3: whatever is fetched once is checked in the copy, so a changing region is no danger. */
static void test_changing(void)
{
	struct image *img = image_standard(false, 30);
	struct dxc_check chk = { .report = count_report };
	struct dxc_volume vol;
	u32 i;
	int err;

	for (i = 1; i <= 500; i++) {
		CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
		broken_noise = i * 0x9e3779b97f4a7c15ull;
		err = dxc_check(&vol, &chk);
		broken_noise = 0;
		CHECK_EQ(err, 0);
		CHECK(chk.findings);
	}
	tap_end("the check ends and stays in bounds while the region changes under it");
	image_free(img);
}

void bytes_tests(void)
{
	test_super_bytes(false);
	test_super_bytes(true);
	test_area_bytes();
	test_lengths();
	test_changing();
}
