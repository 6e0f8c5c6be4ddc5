// SPDX-License-Identifier: GPL-2.0-only
/*
 * crc32c for programs; the kernel uses its own (env.h). Eight bytes per step
 * with eight tables ("slicing by 8", Kounavis and Berry, 2005), or the
 * processor's instruction where the compiler is allowed to use it.
 */
#include "env.h"

#define POLY 0x82f63b78u	/* Castagnoli, bits reversed */

static u32 table[8][256];

__attribute__((constructor)) static void make_tables(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ POLY : c >> 1;
		table[0][i] = c;
	}
	for (u32 i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

u32 dxc_crc32c(u32 crc, const void *data, size_t n)
{
	const u8 *p = data;

	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		__le64 raw;
		u64 w;

		memcpy(&raw, p, 8);
		w = le64_to_cpu(raw) ^ crc;
		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= table[7 - k][w >> 8 * k & 0xff];
	}
	while (n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}
