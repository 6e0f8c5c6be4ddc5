// SPDX-License-Identifier: GPL-2.0-only
/* Known answers: crc32c, the hash of names, which names are legal, their order. */
#include <stdio.h>
#include "core.h"
#include "broken.h"
#include "tap.h"
#include "tests.h"

static void test_crc32c(void)
{
	u8 buf[300], slow[32];
	u32 crc, at, i;

	CHECK_EQ(dxc_crc32c(0, "", 0), 0);
	CHECK_EQ(dxc_crc32c(0, "123456789", 9), 0xe3069283);
	/* RFC 3720, appendix B.4 */
	memset(slow, 0, 32);
	CHECK_EQ(dxc_crc32c(0, slow, 32), 0x8a9136aa);
	memset(slow, 0xff, 32);
	CHECK_EQ(dxc_crc32c(0, slow, 32), 0x62a8ab43);
	for (i = 0; i < 32; i++)
		slow[i] = i;
	CHECK_EQ(dxc_crc32c(0, slow, 32), 0x46dd794e);
	tap_end("crc32c gives the values of RFC 3720");

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = i * 151 + (i >> 3);
	crc = dxc_crc32c(0, buf, sizeof(buf));
	for (at = 0; at <= sizeof(buf); at++)
		CHECK_EQ(dxc_crc32c(dxc_crc32c(0, buf, at), buf + at, sizeof(buf) - at),
			 crc);
	tap_end("crc32c of a buffer is the same in any two pieces, aligned or not");
}

static void test_golden(void)
{
	static const struct {
		u64 seed;
		const char *name;
		u32 hash;
	} golden[] = {
		{ 0, "a", 0x0a7580f3 },
		{ 0, "b", 0x2d496c96 },
		{ 0, "1234567", 0x2d2f0d17 },
		{ 0, "12345678", 0x23aae1ef },
		{ 0, "123456789", 0x47094fa0 },
		{ 0, "lost+found", 0x4b9f2cec },
		{ 1, "lost+found", 0x3d1610ff },
		{ 0x0123456789abcdef, "lost+found", 0x71055736 },
		{ 0xffffffffffffffff, "the quick brown fox jumps over the lazy dog",
		  0x20594eb2 },
		{ 0, "\xc3\xa9t\xc3\xa9", 0x9c96fc3f },
	};
	char longest[256];
	size_t i;

	for (i = 0; i < sizeof(golden) / sizeof(golden[0]); i++)
		CHECK_EQ(dxc_name_hash(golden[i].seed, golden[i].name,
				       strlen(golden[i].name)),
			 golden[i].hash);
	memset(longest, 'x', 255);
	CHECK_EQ(dxc_name_hash(42, longest, 255), 0x3e1a5449);
	tap_end("the hash of names gives the values that existing images depend on");
}

/* Lookups interpolate: every part of the hash's range must get its share. */
static void test_spread(void)
{
	static const char *const patterns[] = {
		"%u",
		"%08u",
		"file-%u.txt",
		"IMG_%05u.JPG",
		"%u-a-long-common-tail-of-names",
		"usr-share-doc-package-%u",
	};
	enum { NAMES = 64000, BINS = 256, EACH = NAMES / BINS };
	u32 bins[BINS], p, i, seed;
	char name[64];
	int len;

	for (p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++)
		for (seed = 0; seed < 3; seed++) {
			double chi = 0;

			memset(bins, 0, sizeof(bins));
			for (i = 0; i < NAMES; i++) {
				len = snprintf(name, sizeof(name), patterns[p], i);
				bins[dxc_name_hash(seed * 0x123456789ull, name, len) >>
				     24]++;
			}
			for (i = 0; i < BINS; i++)
				chi += ((double)bins[i] - EACH) *
				       ((double)bins[i] - EACH) / EACH;
			/* 255 degrees of freedom: mean 255, deviation 23; more even is fine. */
			if (!CHECK(chi < 255 + 6 * 23))
				printf("# %s with seed %u: %f\n", patterns[p], seed, chi);
		}
	tap_end("the hash spreads names that differ in a number evenly over its range");
}

static void test_legal(void)
{
	char name[257];
	u32 c;

	CHECK(!dxc_name_is_legal("", 0));
	CHECK(!dxc_name_is_legal(".", 1));
	CHECK(!dxc_name_is_legal("..", 2));
	CHECK(dxc_name_is_legal("...", 3));
	CHECK(dxc_name_is_legal(".a", 2));
	CHECK(dxc_name_is_legal("a.", 2));
	memset(name, 'a', sizeof(name));
	CHECK(dxc_name_is_legal(name, 255));
	CHECK(!dxc_name_is_legal(name, 256));
	for (c = 0; c < 256; c++) {
		name[7] = c;
		CHECK_EQ(dxc_name_is_legal(name, 8), c != 0 && c != '/');
		CHECK(dxc_name_is_legal(name, 7));
	}
	tap_end("a name is legal when it is 1 to 255 bytes, no '/', no NUL, not \".\" or \"..\"");
}

static int sign(int n)
{
	return n < 0 ? -1 : n > 0;
}

static void test_order(void)
{
	CHECK_EQ(sign(dxc_name_cmp("a", 1, "b", 1)), -1);
	CHECK_EQ(sign(dxc_name_cmp("b", 1, "a", 1)), 1);
	CHECK_EQ(dxc_name_cmp("ab", 2, "ab", 2), 0);
	CHECK_EQ(sign(dxc_name_cmp("a", 1, "ab", 2)), -1);
	CHECK_EQ(sign(dxc_name_cmp("ab", 2, "a", 1)), 1);
	CHECK_EQ(sign(dxc_name_cmp("b", 1, "ab", 2)), 1);
	CHECK_EQ(sign(dxc_name_cmp("\xff", 1, "a", 1)), 1);
	CHECK_EQ(sign(dxc_name_cmp("", 0, "a", 1)), -1);
	tap_end("names are ordered by unsigned bytes, a prefix before what it is a prefix of");
}

static void test_ranges(void)
{
	const u64 max = ~0ull;

	CHECK(dxc_range_ok(0, 0, 0, 0));
	CHECK(dxc_range_ok(10, 5, 10, 5));
	CHECK(dxc_range_ok(15, 0, 10, 5));
	CHECK(!dxc_range_ok(16, 0, 10, 5));
	CHECK(!dxc_range_ok(9, 1, 10, 5));
	CHECK(!dxc_range_ok(10, 6, 10, 5));
	CHECK(!dxc_range_ok(max, 2, 0, 100));
	CHECK(!dxc_range_ok(1, max, 0, 100));
	CHECK(!dxc_range_ok(50, max - 40, 40, 100));
	CHECK(dxc_range_ok(max - 1, 1, max - 1, 1));
	CHECK(!dxc_range_ok(max - 1, 2, max - 1, 1));
	CHECK(dxc_range_ok(0, max, 0, max));
	tap_end("a range is inside another only if it is, whatever overflows");
}

static void test_texts(void)
{
	u32 i, k;

	for (i = 0; i < DXC_CODES; i++) {
		CHECK(strcmp(dxc_code_text(i), dxc_code_text(DXC_CODES)));
		for (k = 0; k < i; k++)
			CHECK(strcmp(dxc_code_text(i), dxc_code_text(k)));
	}
	for (i = 0; i <= DAXFS_AREA_COUNT; i++)
		CHECK(strcmp(dxc_area_name(i), dxc_area_name(DAXFS_AREA_COUNT + 1)));
	tap_end("every code and every area has a text of its own");
}

void names_tests(void)
{
	test_crc32c();
	test_golden();
	test_spread();
	test_legal();
	test_order();
	test_ranges();
	test_texts();
}
