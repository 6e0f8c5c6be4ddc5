// SPDX-License-Identifier: GPL-2.0-only
/* Looking up names in base directories: flat sorted arrays of entries with the name inside. */
#include "entry.h"

/* Hash word of one entry. */
static int hash_at(const struct dxc_volume *vol, const struct dxc_inode *dir,
		   u32 index, u32 *hash)
{
	dxc_off at = dxc_dirent_at(dir, index);
	__le32 raw;
	int err;

	if (likely(!vol->region.poisons)) {
		raw = READ_ONCE(*(const __le32 *)(vol->region.base + at));
	} else {
		err = dxc_region_read(&vol->region, at, &raw, sizeof(raw));
		if (err)
			return err;
	}
	*hash = le32_to_cpu(raw);
	return 0;
}

/* Compares (hash, name) wanted with entry index: <0, 0, >0 in *cmp. */
static int compare_at(const struct dxc_volume *vol, const struct dxc_inode *dir,
		      u32 index, u32 hash, const char *name, u32 len,
		      struct dxc_dirent *de, int *cmp, struct dxc_finding *f)
{
	const __le64 *from = dxc_dirent_words(vol, dir, index, de);
	u32 i;

	if (unlikely(!from))
		return dxc_dirent_bad(dir, index, DXC_OK, 0, f);
	dxc_dirent_head(from, de);
	if (unlikely(de->len > dir->entry_size - DAXFS_DIRENT_HEADER))
		return dxc_dirent_bad(dir, index, DXC_DE_NAME, de->len, f);
	if (de->hash != hash) {
		*cmp = hash < de->hash ? -1 : 1;
		return 0;
	}
	for (i = 2; i * 8 < DAXFS_DIRENT_HEADER + de->len; i++)
		de->raw.words[i] = READ_ONCE(from[i]);
	/* Who asks has a legal name; an equal one needs no look. */
	*cmp = dxc_name_cmp(name, len, dxc_dirent_name(de), de->len);
	return 0;
}

/*
 * Entries are sorted by hash, and hashes are spread evenly: the place of a name
 * is guessed from the hashes at both ends of what is left, and a guess is right
 * within the square root of the distance, so that two or three of them are
 * enough for millions of entries. An array that was made to mislead costs a few
 * guesses more, then halving takes over. Names with one hash are sorted by
 * name. Every step makes the interval [lo, hi) smaller, so the loop ends
 * whatever the region says, also when it changes meanwhile.
 */
int dxc_dir_lookup(const struct dxc_volume *vol, const struct dxc_inode *dir,
		   const char *name, u32 len, struct dxc_dirent *de,
		   struct dxc_finding *f)
{
	u32 lo = 0, hi = dir->count, mid, seen, want;
	u64 lo_hash = 0, hi_hash = 1ull << 32;	/* hashes just outside */
	int guesses = 8, err, cmp;

	if (len > dir->entry_size - DAXFS_DIRENT_HEADER)
		return -ENOENT;
	want = dxc_name_hash(vol->hash_seed, name, len);
	while (lo < hi) {
		if (guesses > 0 && lo_hash < want && want < hi_hash) {
			guesses--;
			/* The factors of the product are below 2^32. */
			mid = lo + (u32)(((u64)(hi - lo) * (want - lo_hash)) /
					 (hi_hash - lo_hash));
			if (mid >= hi)
				mid = hi - 1;
		} else {
			mid = lo + (hi - lo) / 2;
		}
		err = hash_at(vol, dir, mid, &seen);
		if (unlikely(err))
			return dxc_dirent_bad(dir, mid, DXC_OK, 0, f);
		cmp = want < seen ? -1 : want > seen;
		if (!cmp) {
			err = compare_at(vol, dir, mid, want, name, len, de, &cmp, f);
			if (unlikely(err))
				return err;
			if (!cmp)
				return dxc_dirent_target(vol, dir, mid, de, f);
		}
		if (cmp > 0) {
			lo = mid + 1;
			lo_hash = seen;
		} else {
			hi = mid;
			hi_hash = seen;
		}
	}
	return -ENOENT;
}
