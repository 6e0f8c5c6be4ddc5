/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading one directory entry, the hottest decoder: inlined into the kernel's
 * readdir loop, and behind dxc_dir_entry() for everybody else.
 */
#ifndef DXC_ENTRY_H
#define DXC_ENTRY_H

#include "core.h"

/* In entry.c: fills in *f; code DXC_OK stands for memory that cannot be read. */
int dxc_dirent_bad(const struct dxc_inode *dir, u32 index, unsigned int code,
		   u64 detail, struct dxc_finding *f);

/* Offset of an entry; index < dir->count, so it is inside the area. */
static inline dxc_off dxc_dirent_at(const struct dxc_inode *dir, u32 index)
{
	return dir->data + (u64)index * dir->entry_size;
}

/*
 * The words of an entry: in the region, where each may be read once, or a copy
 * in de->raw when the memory may be broken. index < dir->count, and the array
 * was found inside its area when the directory was read.
 */
static __always_inline const __le64 *
dxc_dirent_words(const struct dxc_volume *vol, const struct dxc_inode *dir, u32 index,
		 struct dxc_dirent *de)
{
	dxc_off at = dxc_dirent_at(dir, index);

	if (likely(!vol->region.poisons))
		return (const __le64 *)(vol->region.base + at);
	if (dxc_region_read(&vol->region, at, de->raw.bytes,
			    min_t(u32, dir->entry_size, DXC_DIRENT_MAX)))
		return NULL;
	return de->raw.words;
}

/* The first two words, which hold everything but the rest of the name. */
static __always_inline void dxc_dirent_head(const __le64 *from, struct dxc_dirent *de)
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

/* May what the entry says of its inode be believed? */
static __always_inline int
dxc_dirent_target(const struct dxc_volume *vol, const struct dxc_inode *dir, u32 index,
		  const struct dxc_dirent *de, struct dxc_finding *f)
{
	/* The root is nobody's entry. */
	if (unlikely(de->ino <= DAXFS_ROOT_INO || de->ino > vol->inode_count))
		return dxc_dirent_bad(dir, index, DXC_DE_INO, de->ino, f);
	if (unlikely(de->type > 12 || !(1u << de->type & DXC_DIRENT_TYPES)))
		return dxc_dirent_bad(dir, index, DXC_DE_TYPE, de->type, f);
	return 0;
}

#define DXC_ONES	0x0101010101010101ull
#define DXC_SIGNS	0x8080808080808080ull

/* Has a sign bit set when one of the eight bytes is NUL or '/' (Mycroft's test). */
static __always_inline u64 dxc_dirent_suspects(u64 w)
{
	u64 x = w ^ '/' * DXC_ONES;

	return ((w - DXC_ONES) & ~w) | ((x - DXC_ONES) & ~x);
}

/*
 * readdir asks for every entry, so this counts instructions: the name is copied
 * and searched for what dxc_name_is_legal() forbids in the same pass, eight
 * bytes at a time. Bytes before and after the name are made to pass.
 */
static __always_inline int
dxc_dirent_read(const struct dxc_volume *vol, const struct dxc_inode *dir, u32 index,
		struct dxc_dirent *de, struct dxc_finding *f)
{
	const char *name = dxc_dirent_name(de);
	const __le64 *from;
	u32 end, i;
	u64 w, bad = 0;

	if (unlikely(index >= dir->count))
		return -ENOENT;
	from = dxc_dirent_words(vol, dir, index, de);
	if (unlikely(!from))
		return dxc_dirent_bad(dir, index, DXC_OK, 0, f);
	dxc_dirent_head(from, de);
	if (unlikely(de->len - 1u >= dir->entry_size - DAXFS_DIRENT_HEADER))
		return dxc_dirent_bad(dir, index, DXC_DE_NAME, de->len, f);
	end = DAXFS_DIRENT_HEADER + de->len;
	w = le64_to_cpu(de->raw.words[1]) | 0xffff;
	for (i = 2; i * 8 < end; i++) {
		bad |= dxc_dirent_suspects(w);
		de->raw.words[i] = READ_ONCE(from[i]);
		w = le64_to_cpu(de->raw.words[i]);
	}
	w |= ~0ull << 1 << ((end - 1) % 8 * 8 + 7);
	bad |= dxc_dirent_suspects(w);
	if (unlikely(bad & DXC_SIGNS))
		return dxc_dirent_bad(dir, index, DXC_DE_NAME, de->len, f);
	if (unlikely(name[0] == '.' && (de->len == 1 || (de->len == 2 && name[1] == '.'))))
		return dxc_dirent_bad(dir, index, DXC_DE_NAME, de->len, f);
	return dxc_dirent_target(vol, dir, index, de, f);
}

#endif
