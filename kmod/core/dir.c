// SPDX-License-Identifier: GPL-2.0-only
/* Base directories: flat sorted arrays of entries with the name inside. */
#include "core.h"

/* Offset of an entry; index < dir->count, so it is inside the area. */
static dxc_off entry_at(const struct dxc_inode *dir, u32 index)
{
	return dir->data + (u64)index * dir->entry_size;
}

int dxc_dir_entry(const struct dxc_volume *vol, const struct dxc_inode *dir,
		  u32 index, struct dxc_dirent *de, struct dxc_finding *f)
{
	dxc_off at;
	u32 len;
	int err;

	if (unlikely(index >= dir->count))
		return -ENOENT;
	at = entry_at(dir, index);
	/* One line is by far the most common size, worth a copy of known length. */
	if (likely(dir->entry_size == DAXFS_DIRENT_UNIT))
		err = dxc_region_read(&vol->region, at, de->raw.bytes, DAXFS_DIRENT_UNIT);
	else
		err = dxc_region_read(&vol->region, at, de->raw.bytes,
				      min_t(u32, dir->entry_size, DXC_DIRENT_MAX));
	if (unlikely(err))
		return dxc_found(f, err, DXC_DE_INO, DAXFS_AREA_DIRS, dir->ino, at, 0);

	len = de->raw.head.de_len;
	de->ino = le32_to_cpu(de->raw.head.de_ino);
	de->hash = le32_to_cpu(de->raw.head.de_hash);
	de->type = de->raw.head.de_type;
	de->len = len;
	if (unlikely(len > dir->entry_size - DAXFS_DIRENT_HEADER ||
		     !dxc_name_is_legal(dxc_dirent_name(de), len)))
		return dxc_found(f, -EUCLEAN, DXC_DE_NAME, DAXFS_AREA_DIRS,
				 dir->ino, at, len);
	/* The root is nobody's entry. */
	if (unlikely(de->ino <= DAXFS_ROOT_INO || de->ino > vol->inode_count))
		return dxc_found(f, -EUCLEAN, DXC_DE_INO, DAXFS_AREA_DIRS,
				 dir->ino, at, de->ino);
	if (unlikely(de->type > 12 || !(1u << de->type & DXC_DIRENT_TYPES)))
		return dxc_found(f, -EUCLEAN, DXC_DE_TYPE, DAXFS_AREA_DIRS,
				 dir->ino, at, de->type);
	return 0;
}

/* Hash word of one entry. */
static int hash_at(const struct dxc_volume *vol, const struct dxc_inode *dir,
		   u32 index, u32 *hash)
{
	__le32 raw;
	int err = dxc_region_read(&vol->region, entry_at(dir, index), &raw, sizeof(raw));

	*hash = le32_to_cpu(raw);
	return err;
}

/*
 * Finds an index near the first entry whose hash is not less than the one
 * wanted. Hashes are spread evenly, so the place is guessed from the hashes at
 * both ends of what is left, and the guess is right within the square root of
 * the distance: two or three guesses are enough for millions of entries. An
 * array that was made to mislead the guesses costs their number more, then
 * halving takes over. Every step makes the interval smaller, so the loop ends
 * whatever the region says, also when it changes meanwhile.
 */
static int lower_bound(const struct dxc_volume *vol, const struct dxc_inode *dir,
		       u32 want, u32 *index)
{
	u32 lo = 0, hi = dir->count;		/* the answer is in [lo, hi] */
	u64 lo_hash = 0, hi_hash = 1ull << 32;	/* hashes just outside of it */
	int guesses = 8, err;
	u32 mid, hash;

	while (lo < hi) {
		if (guesses > 0 && lo_hash < want && want < hi_hash) {
			guesses--;
			/* A 64-bit product: (hi - lo) and the hashes are below 2^32. */
			mid = lo + (u32)(((u64)(hi - lo) * (want - lo_hash)) /
					 (hi_hash - lo_hash));
			if (mid >= hi)
				mid = hi - 1;
		} else {
			mid = lo + (hi - lo) / 2;
		}
		err = hash_at(vol, dir, mid, &hash);
		if (unlikely(err))
			return err;
		if (hash < want) {
			lo = mid + 1;
			lo_hash = hash;
		} else {
			hi = mid;
			hi_hash = hash;
			/* Most often found; look one back instead of guessing on. */
			if (hash == want) {
				if (!mid)
					break;
				err = hash_at(vol, dir, mid - 1, &hash);
				if (unlikely(err))
					return err;
				if (hash < want) {
					lo = mid;
					break;
				}
				hi = mid - 1;
				hi_hash = hash;
				guesses = 0;
			}
		}
	}
	*index = lo;
	return 0;
}

/* Compares (hash, name) wanted with entry index: <0, 0, >0 in *cmp. */
static int compare_at(const struct dxc_volume *vol, const struct dxc_inode *dir,
		      u32 index, u32 hash, const char *name, u32 len,
		      struct dxc_dirent *de, int *cmp, struct dxc_finding *f)
{
	int err = dxc_dir_entry(vol, dir, index, de, f);

	if (err)
		return err;
	if (de->hash != hash)
		*cmp = hash < de->hash ? -1 : 1;
	else
		*cmp = dxc_name_cmp(name, len, dxc_dirent_name(de), de->len);
	return 0;
}

int dxc_dir_lookup(const struct dxc_volume *vol, const struct dxc_inode *dir,
		   const char *name, u32 len, struct dxc_dirent *de,
		   struct dxc_finding *f)
{
	u32 hash, lo, hi, mid;
	int err, cmp;

	if (len > dir->entry_size - DAXFS_DIRENT_HEADER)
		return -ENOENT;
	hash = dxc_name_hash(vol->hash_seed, name, len);
	err = lower_bound(vol, dir, hash, &lo);
	if (unlikely(err))
		return dxc_found(f, err, DXC_DE_INO, DAXFS_AREA_DIRS, dir->ino,
				 dir->data, 0);
	if (lo >= dir->count)
		return -ENOENT;
	err = compare_at(vol, dir, lo, hash, name, len, de, &cmp, f);
	if (err || !cmp)
		return err;
	if (cmp < 0)
		return -ENOENT;

	/* Several names with one hash; sorted by name, so halve what is left. */
	lo++;
	hi = dir->count;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		err = compare_at(vol, dir, mid, hash, name, len, de, &cmp, f);
		if (err || !cmp)
			return err;
		if (cmp < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return -ENOENT;
}

void dxc_dirent_encode(void *raw, u32 entry_size, u32 hash, dxc_ino ino,
		       u8 type, const void *name, u32 len)
{
	struct daxfs_dirent *de = raw;

	memset(raw, 0, entry_size);
	de->de_hash = cpu_to_le32(hash);
	de->de_ino = cpu_to_le32((u32)ino);
	de->de_type = type;
	de->de_len = len;
	memcpy((u8 *)raw + DAXFS_DIRENT_HEADER, name, len);
}
