// SPDX-License-Identifier: GPL-2.0-only
/* Base directories: flat sorted arrays of entries with the name inside. */
#include "core.h"

/* Offset of an entry; index < dir->count, so it is inside the area. */
static dxc_off entry_at(const struct dxc_inode *dir, u32 index)
{
	return dir->data + (u64)index * dir->entry_size;
}

/*
 * Fetches the entry up to the end of its name, each word once, into de->raw and
 * fills in the rest of *de. The name is not looked at. index < dir->count, and
 * the array was found inside its area when the directory was read.
 */
static int fetch_entry(const struct dxc_volume *vol, const struct dxc_inode *dir,
		       u32 index, struct dxc_dirent *de, struct dxc_finding *f)
{
	dxc_off at = entry_at(dir, index);
	const __le64 *from = (const __le64 *)(vol->region.base + at);
	__le64 *to = de->raw.words;
	u32 words, i;
	int err;

	if (unlikely(vol->region.poisons)) {
		err = dxc_region_read(&vol->region, at, de->raw.bytes,
				      min_t(u32, dir->entry_size, DXC_DIRENT_MAX));
		if (unlikely(err))
			return dxc_found(f, err, DXC_DE_INO, DAXFS_AREA_DIRS,
					 dir->ino, at, 0);
		from = to;
	}
	to[0] = READ_ONCE(from[0]);
	to[1] = READ_ONCE(from[1]);
	de->len = de->raw.head.de_len;
	if (unlikely(de->len > dir->entry_size - DAXFS_DIRENT_HEADER))
		return dxc_found(f, -EUCLEAN, DXC_DE_NAME, DAXFS_AREA_DIRS,
				 dir->ino, at, de->len);
	words = (DAXFS_DIRENT_HEADER + de->len + 7) / 8;
	for (i = 2; i < words; i++)
		to[i] = READ_ONCE(from[i]);
	de->ino = le32_to_cpu(de->raw.head.de_ino);
	de->hash = le32_to_cpu(de->raw.head.de_hash);
	de->type = de->raw.head.de_type;
	return 0;
}

#define ONES	0x0101010101010101ull
#define SIGNS	0x8080808080808080ull

/* Is one of the eight bytes zero? (Mycroft's test, exact as a yes or no.) */
static bool has_zero(u64 w)
{
	return (w - ONES) & ~w & SIGNS;
}

/*
 * dxc_name_is_legal() for a name in de->raw, eight bytes at a time: readdir
 * asks for every entry. Bytes around the name are made to pass.
 */
static bool entry_name_is_legal(const struct dxc_dirent *de)
{
	u32 end = DAXFS_DIRENT_HEADER + de->len, i;
	const char *name = dxc_dirent_name(de);
	u64 w;

	if (!de->len || (name[0] == '.' &&
			 (de->len == 1 || (de->len == 2 && name[1] == '.'))))
		return false;
	for (i = 1; i * 8 < end; i++) {
		w = le64_to_cpu(de->raw.words[i]);
		if (i == 1)
			w |= 0xffff;
		if (end < i * 8 + 8)
			w |= ~0ull << (end - i * 8) * 8;
		if (has_zero(w) || has_zero(w ^ '/' * ONES))
			return false;
	}
	return true;
}

/* May what the entry says of its inode be believed? */
static int check_target(const struct dxc_volume *vol, const struct dxc_inode *dir,
			u32 index, const struct dxc_dirent *de, struct dxc_finding *f)
{
	/* The root is nobody's entry. */
	if (unlikely(de->ino <= DAXFS_ROOT_INO || de->ino > vol->inode_count))
		return dxc_found(f, -EUCLEAN, DXC_DE_INO, DAXFS_AREA_DIRS,
				 dir->ino, entry_at(dir, index), de->ino);
	if (unlikely(de->type > 12 || !(1u << de->type & DXC_DIRENT_TYPES)))
		return dxc_found(f, -EUCLEAN, DXC_DE_TYPE, DAXFS_AREA_DIRS,
				 dir->ino, entry_at(dir, index), de->type);
	return 0;
}

int dxc_dir_entry(const struct dxc_volume *vol, const struct dxc_inode *dir,
		  u32 index, struct dxc_dirent *de, struct dxc_finding *f)
{
	int err;

	if (unlikely(index >= dir->count))
		return -ENOENT;
	err = fetch_entry(vol, dir, index, de, f);
	if (unlikely(err))
		return err;
	if (unlikely(!entry_name_is_legal(de)))
		return dxc_found(f, -EUCLEAN, DXC_DE_NAME, DAXFS_AREA_DIRS,
				 dir->ino, entry_at(dir, index), de->len);
	return check_target(vol, dir, index, de, f);
}

/* Hash word of one entry. */
static int hash_at(const struct dxc_volume *vol, const struct dxc_inode *dir,
		   u32 index, u32 *hash)
{
	dxc_off at = entry_at(dir, index);
	__le32 raw;
	int err;

	if (likely(!vol->region.poisons)) {
		*hash = le32_to_cpu(READ_ONCE(*(const __le32 *)(vol->region.base + at)));
		return 0;
	}
	err = dxc_region_read(&vol->region, at, &raw, sizeof(raw));
	*hash = le32_to_cpu(raw);
	return err;
}

/* Compares (hash, name) wanted with entry index: <0, 0, >0 in *cmp. */
static int compare_at(const struct dxc_volume *vol, const struct dxc_inode *dir,
		      u32 index, u32 hash, const char *name, u32 len,
		      struct dxc_dirent *de, int *cmp, struct dxc_finding *f)
{
	int err = fetch_entry(vol, dir, index, de, f);

	if (unlikely(err))
		return err;
	if (de->hash != hash)
		*cmp = hash < de->hash ? -1 : 1;
	else
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
			return dxc_found(f, err, DXC_DE_INO, DAXFS_AREA_DIRS,
					 dir->ino, entry_at(dir, mid), 0);
		cmp = want < seen ? -1 : want > seen;
		if (!cmp) {
			err = compare_at(vol, dir, mid, want, name, len, de, &cmp, f);
			if (unlikely(err))
				return err;
			if (!cmp)
				return check_target(vol, dir, mid, de, f);
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
