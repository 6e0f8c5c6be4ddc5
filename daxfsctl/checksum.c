// SPDX-License-Identifier: GPL-2.0-only
/*
 * crc32c of what several threads have read. A crc is the remainder of a
 * polynomial over GF(2); to append len bytes multiplies it by x^(8 len), as in
 * zlib's crc32_combine(). Bits are reversed: the highest one is x^0.
 */
#include "checksum.h"

#define POLY	0x82f63b78u
#define ONE	0x80000000u

/* a * b modulo the polynomial. */
static u32 multiply(u32 a, u32 b)
{
	u32 product = 0;

	for (u32 bit = ONE; bit; bit >>= 1) {
		if (a & bit)
			product ^= b;
		b = b & 1 ? b >> 1 ^ POLY : b >> 1;
	}
	return product;
}

u32 checksum_join(u32 first, u32 second, u64 len)
{
	u32 power = ONE >> 8, shift = ONE;

	if (!first)
		return second;
	for (; len; len >>= 1) {
		if (len & 1)
			shift = multiply(shift, power);
		power = multiply(power, power);
	}
	return multiply(shift, first) ^ second;
}
