// SPDX-License-Identifier: GPL-2.0-only
/* File names: their hash, their order, and which are legal. */
#include "core.h"

/*
 * Eight bytes per step, each mixed in by a multiplication with an odd constant
 * (2^64 divided by the golden ratio) and a shift that brings high bits down.
 * The seed, made from the image's UUID, keeps a list of colliding names from
 * colliding in every image. Lookups interpolate over the result, so all of its
 * bits must be spread evenly. Part of the media format.
 */
#define GOLDEN 0x9e3779b97f4a7c15ull

u32 dxc_name_hash(u64 seed, const void *name, u32 len)
{
	const u8 *p = name;
	u64 h = seed ^ (len * GOLDEN);
	__le64 raw;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&raw, p, 8);
		h = (h ^ le64_to_cpu(raw)) * GOLDEN;
		h ^= h >> 32;
	}
	if (len) {
		raw = 0;
		memcpy(&raw, p, len);
		h = (h ^ le64_to_cpu(raw)) * GOLDEN;
		h ^= h >> 32;
	}
	h *= GOLDEN;
	h ^= h >> 29;
	h *= GOLDEN;
	return h >> 32;
}

int dxc_name_cmp(const void *a, u32 alen, const void *b, u32 blen)
{
	int cmp = memcmp(a, b, min_t(u32, alen, blen));

	if (cmp)
		return cmp;
	return alen < blen ? -1 : alen > blen;
}

bool dxc_name_is_legal(const void *name, u32 len)
{
	const u8 *p = name;

	if (!len || len > DAXFS_NAME_MAX)
		return false;
	if (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.')))
		return false;
	return !memchr(p, '/', len) && !memchr(p, 0, len);
}
