// SPDX-License-Identifier: GPL-2.0-only
/* Base directories: flat sorted arrays of entries with the name inside. */
#include "core.h"

/* Offset of an entry; index < dir->count, so it is inside the area. */
static dxc_off entry_at(const struct dxc_inode *dir, u32 index)
{
	return dir->data + (u64)index * dir->entry_size;
}

/*
 * The words of an entry: in the region, where each may be read once, or a copy
 * in de->raw when the memory may be broken. index < dir->count, and the array
 * was found inside its area when the directory was read.
 */
static const __le64 *entry_words(const struct dxc_volume *vol, const struct dxc_inode *dir,
				 u32 index, struct dxc_dirent *de)
{
	dxc_off at = entry_at(dir, index);

	if (likely(!vol->region.poisons))
		return (const __le64 *)(vol->region.base + at);
	if (dxc_region_read(&vol->region, at, de->raw.bytes,
			    min_t(u32, dir->entry_size, DXC_DIRENT_MAX)))
		return NULL;
	return de->raw.words;
}

/* The first two words, which hold everything but the rest of the name. */
static void fetch_head(const __le64 *from, struct dxc_dirent *de)
{
	u64 w;

	de->raw.words[0] = READ_ONCE(from[0]);
	w = le64_to_cpu(de->raw.words[0]);
	de->hash = (u32)w;
	de->ino = w >> 32;
	de->raw.words[1] = READ_ONCE(from[1]);
	w = le64_to_cpu(de->raw.words[1]);
	de->type = (u8)w;
	de->len = (u8)(w >> 8);
}

static int unreadable(const struct dxc_inode *dir, u32 index, struct dxc_finding *f)
{
	return dxc_found(f, -EIO, DXC_DE_INO, DAXFS_AREA_DIRS, dir->ino,
			 entry_at(dir, index), 0);
}

static int bad_name(const struct dxc_inode *dir, u32 index, u32 len,
		    struct dxc_finding *f)
{
	return dxc_found(f, -EUCLEAN, DXC_DE_NAME, DAXFS_AREA_DIRS, dir->ino,
			 entry_at(dir, index), len);
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

#define ONES	0x0101010101010101ull
#define SIGNS	0x8080808080808080ull

/* Has a sign bit set when one of the eight bytes is NUL or '/' (Mycroft's test). */
static u64 suspects(u64 w)
{
	u64 x = w ^ '/' * ONES;

	return ((w - ONES) & ~w) | ((x - ONES) & ~x);
}

/*
 * readdir asks for every entry, so this counts instructions: the name is copied
 * and searched for what dxc_name_is_legal() forbids in the same pass, eight
 * bytes at a time. Bytes before and after the name are made to pass.
 */
int dxc_dir_entry(const struct dxc_volume *vol, const struct dxc_inode *dir,
		  u32 index, struct dxc_dirent *de, struct dxc_finding *f)
{
	const char *name = dxc_dirent_name(de);
	const __le64 *from;
	u32 end, i;
	u64 w, bad = 0;

	if (unlikely(index >= dir->count))
		return -ENOENT;
	from = entry_words(vol, dir, index, de);
	if (unlikely(!from))
		return unreadable(dir, index, f);
	fetch_head(from, de);
	if (unlikely(de->len - 1u >= dir->entry_size - DAXFS_DIRENT_HEADER))
		return bad_name(dir, index, de->len, f);
	end = DAXFS_DIRENT_HEADER + de->len;
	w = le64_to_cpu(de->raw.words[1]) | 0xffff;
	for (i = 2; i * 8 < end; i++) {
		bad |= suspects(w);
		de->raw.words[i] = READ_ONCE(from[i]);
		w = le64_to_cpu(de->raw.words[i]);
	}
	w |= ~0ull << 1 << ((end - 1) % 8 * 8 + 7);
	bad |= suspects(w);
	if (unlikely(bad & SIGNS))
		return bad_name(dir, index, de->len, f);
	if (unlikely(name[0] == '.' && (de->len == 1 || (de->len == 2 && name[1] == '.'))))
		return bad_name(dir, index, de->len, f);
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
	const __le64 *from = entry_words(vol, dir, index, de);
	u32 i;

	if (unlikely(!from))
		return unreadable(dir, index, f);
	fetch_head(from, de);
	if (unlikely(de->len > dir->entry_size - DAXFS_DIRENT_HEADER))
		return bad_name(dir, index, de->len, f);
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
