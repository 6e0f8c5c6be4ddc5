// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mutations of scripts that keep them scripts: fields of items get values that
 * mean something, items and records come, go and move. Now and then the bytes
 * are left to libFuzzer.
 */
#include <stdio.h>
#include "../unit/broken.h"
#include "script.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_len, const uint8_t *other,
				 size_t other_len, uint8_t *to, size_t max,
				 unsigned int seed);

#define PARTS_MAX 128u
#define ITEMS_MAX 64u

struct splicer {
	const struct script_ground *gr;
	u64 state;
	u8 *data;
	u32 len, max;
	struct part parts[PARTS_MAX];
	u32 count;
};

static u32 some(struct splicer *sp, u32 n)
{
	return (broken_random(&sp->state) >> 32) % n;
}

static void parse(struct splicer *sp)
{
	u32 at = SCRIPT_HEADER;

	sp->count = 0;
	while (sp->count < PARTS_MAX &&
	       script_next(sp->data, sp->len, &at, &sp->parts[sp->count]))
		sp->count++;
}

/* Takes bytes out and puts others in; the length of the part around, if any, follows. */
static bool edit(struct splicer *sp, struct part *part, u32 at, u32 out,
		 const void *bytes, u32 in)
{
	u32 len;

	if (sp->len - out + in > sp->max)
		return false;
	memmove(sp->data + at + in, sp->data + at + out, sp->len - at - out);
	if (in)
		memcpy(sp->data + at, bytes, in);
	sp->len += in - out;
	if (part) {
		len = part->len - out + in;
		sp->data[part->at + 2] = len;
		sp->data[part->at + 3] = len >> 8;
	}
	return true;
}

/* Where a part begins, or the end. */
static u32 some_border(struct splicer *sp)
{
	u32 i = some(sp, sp->count + 1);

	return i < sp->count ? sp->parts[i].at : sp->len;
}

static struct part *some_record(struct splicer *sp)
{
	u32 start, i;

	if (!sp->count)
		return NULL;
	start = some(sp, sp->count);
	for (i = 0; i < sp->count; i++) {
		struct part *part = &sp->parts[(start + i) % sp->count];

		if (part->kind == PART_RECORD && part->len)
			return part;
	}
	return NULL;
}

/* Offsets of the items of a record in the input, and where they end. */
static u32 items_of(const struct splicer *sp, const struct part *part,
		    u32 at[ITEMS_MAX + 1])
{
	u32 from = part->at + PART_HEADER, n = 0, size;

	while (n < ITEMS_MAX && from + sizeof(struct daxfs_item) <= part->end) {
		at[n++] = from;
		size = sp->data[from + 2] | sp->data[from + 3] << 8;
		if (size < sizeof(struct daxfs_item) || size > part->end - from)
			size = part->end - from;
		from += size;
	}
	at[n] = min_t(u32, from, part->end);
	return n;
}

/* ---- values that mean something ---- */

static u64 some_ino(struct splicer *sp)
{
	const struct dxc_volume *vol = sp->gr->vol;

	switch (some(sp, 8)) {
	case 0:
		return DAXFS_ROOT_INO;
	case 1:
	case 2:
		return 1 + some(sp, vol->inode_count + 2);
	case 3:
		/* Of main's log, if it has one. */
		return vol->inode_count + some(sp, sp->gr->inodes - vol->inode_count + 1);
	case 4:
	case 5:
		return sp->gr->inodes + some(sp, 4);
	case 6:
		return sp->gr->inodes + some(sp, SCRIPT_INODES + 2);
	}
	return some(sp, 40) ? sp->gr->inodes + some(sp, 8) : broken_random(&sp->state);
}

static u32 some_mode(struct splicer *sp)
{
	static const u32 types[] = { S_IFREG,  S_IFREG, S_IFREG, S_IFDIR,
				     S_IFDIR,  S_IFDIR, S_IFLNK, S_IFCHR,
				     S_IFSOCK, S_IFIFO, S_IFBLK, 0 };

	return types[some(sp, 12)] | some(sp, 01000);
}

static u64 some_size(struct splicer *sp)
{
	switch (some(sp, 6)) {
	case 0:
		return 0;
	case 1:
		return some(sp, 5000);
	case 2:
		return some(sp, 40) * DAXFS_BLOCK_SIZE;
	case 3:
		return 3;
	case 4:
		return some(sp, 200000);
	}
	return some(sp, 4) ? 1ull << some(sp, 64) : DXC_SIZE_MAX;
}

static u64 some_block(struct splicer *sp)
{
	u64 last = DXC_BLOCKS_MAX;

	return some(sp, 12) ? some(sp, 32) : last - some(sp, 40);
}

static u64 some_place(struct splicer *sp)
{
	const struct dxc_volume *vol = sp->gr->vol;
	u64 block = some(sp, 16);

	if (some(sp, 10))
		return dxc_chunk_offset(vol, sp->gr->data[0]) + block * DAXFS_BLOCK_SIZE;
	return some(sp, 2) ? vol->area[DAXFS_AREA_DELTA].offset +
				     some(sp, 100) * DAXFS_BLOCK_SIZE :
			     block * DAXFS_BLOCK_SIZE;
}

static u32 some_name(struct splicer *sp, char *name)
{
	/* Of the base, of operations, and one that is as long as can be. */
	u32 n = some(sp, 20), len;

	len = n < 10 ? sprintf(name, "n%u", n) : sprintf(name, "c%u", n - 10);
	if (n == 19)
		return sprintf(name, "d");
	if (n != 18)
		return len;
	memset(name + len, 'y', DAXFS_NAME_MAX - len);
	return DAXFS_NAME_MAX;
}

/* ---- items ---- */

static void add_inode(struct splicer *sp, struct dxc_record *rec, u64 ino, u32 mode)
{
	struct dxc_attr attr = { .ino = ino, .mode = mode, .nlink = some(sp, 4) };

	if (S_ISDIR(mode)) {
		attr.parent = some(sp, 2) ? DAXFS_ROOT_INO : some_ino(sp);
		attr.nlink = 2 + some(sp, 2);
	} else if (S_ISLNK(mode)) {
		attr.size = some(sp, 10) ? 3 : some_size(sp);
	} else if (S_ISREG(mode)) {
		attr.size = some_size(sp);
	}
	if (!some(sp, 10))
		attr.nlink = ~0u - some(sp, 2);
	dxc_record_inode(rec, &attr);
}

static void add_item(struct splicer *sp, struct dxc_record *rec)
{
	static const u8 value[1000] = { 7 };
	char name[DAXFS_NAME_MAX + 8];
	u32 len = some_name(sp, name), prefix = 1 + some(sp, 5), value_len;

	switch (some(sp, 9)) {
	case 0:
	case 1:
		add_inode(sp, rec, some_ino(sp), some_mode(sp));
		break;
	case 2:
		dxc_record_link(rec, some_ino(sp), name, len, some_ino(sp),
				dxc_type_of_mode(some_mode(sp)));
		break;
	case 3:
		dxc_record_unlink(rec, some_ino(sp), name, len, some_ino(sp));
		break;
	case 4:
	case 5:
		dxc_record_range(rec, some_ino(sp), some_block(sp), 1 + some(sp, 6),
				 some_place(sp));
		break;
	case 6:
		dxc_record_range(rec, some_ino(sp), some_block(sp), 1 + some(sp, 30), 0);
		break;
	case 7:
		dxc_record_symlink(rec, some_ino(sp), "n/m", 3);
		break;
	case 8:
		sprintf(name, "x%u", some(sp, 4));
		value_len = some(sp, 4) ? some(sp, 8) ? some(sp, 20) : some(sp, 1000) : 0;
		dxc_record_xattr(rec, some_ino(sp), prefix, name,
				 prefix >= DAXFS_XATTR_ACL_ACCESS ? 0 : 2,
				 value_len || some(sp, 2) ? value : NULL, value_len);
		break;
	}
}

/* Items that belong together: most logs that can be replayed are made of them. */
static void add_idiom(struct splicer *sp, struct dxc_record *rec)
{
	u64 ino = some_ino(sp), dir = some(sp, 2) ? DAXFS_ROOT_INO : some_ino(sp);
	u32 mode = some_mode(sp), type = dxc_type_of_mode(mode), len;
	char name[DAXFS_NAME_MAX + 8];
	struct dxc_attr attr = { .ino = ino, .mode = mode, .nlink = 1 };

	len = some_name(sp, name);
	if (S_ISDIR(mode)) {
		attr.nlink = 2;
		attr.parent = dir;
	}
	if (S_ISLNK(mode))
		attr.size = 3;
	switch (some(sp, 5)) {
	case 0: /* made, and named */
	case 1:
		dxc_record_inode(rec, &attr);
		if (S_ISLNK(mode))
			dxc_record_symlink(rec, ino, "n/m", 3);
		dxc_record_link(rec, dir, name, len, ino, type);
		break;
	case 2: /* a name gone */
		dxc_record_unlink(rec, dir, name, len, ino);
		attr.nlink = some(sp, 3);
		dxc_record_inode(rec, &attr);
		break;
	case 3: /* renamed */
		dxc_record_unlink(rec, dir, name, len, ino);
		len = some_name(sp, name);
		dxc_record_link(rec, some(sp, 2) ? dir : some_ino(sp), name, len, ino,
				type);
		break;
	case 4: /* written */
		attr.mode = S_IFREG | 0644;
		attr.parent = 0;
		attr.size = some_size(sp);
		dxc_record_inode(rec, &attr);
		dxc_record_range(rec, ino, some_block(sp), 1 + some(sp, 4),
				 some_place(sp));
		break;
	}
}

static const u8 *new_items(struct splicer *sp, bool idiom, u32 *len)
{
	static u64 buf[512];
	struct dxc_record rec;

	dxc_record_start(&rec, buf, sizeof(buf));
	if (idiom)
		add_idiom(sp, &rec);
	else
		add_item(sp, &rec);
	*len = rec.size - sizeof(struct daxfs_record);
	return (const u8 *)buf + sizeof(struct daxfs_record);
}

static void put(u8 *at, u64 value, u32 width)
{
	memcpy(at, &value, width);
}

#define PUT(at, type, member, value)                     \
	put((at) + offsetof(struct type, member), value, \
	    sizeof(((struct type *)0)->member))

/* A text gets another length, and the item may say that it fits. */
static void change_length(struct splicer *sp, u8 *item)
{
	u32 type = item[0], head = sizeof(struct daxfs_item_name), len, len2 = 0;

	len = some(sp, 4) ? some(sp, 256) : item[offsetof(struct daxfs_item, it_len)];
	if (type == DAXFS_ITEM_XATTR || type == DAXFS_ITEM_SYMLINK)
		len2 = some(sp, 2) ? some(sp, 64) : some(sp, 0x10000);
	if (type == DAXFS_ITEM_XATTR || type == DAXFS_ITEM_UNXATTR)
		head = sizeof(struct daxfs_item_xattr);
	PUT(item, daxfs_item, it_len, len);
	PUT(item, daxfs_item, it_len2, len2);
	if (some(sp, 2))
		PUT(item, daxfs_item, it_size, (head + len + len2 + 7) & ~7u);
}

/* One field of one item. */
static void change_field(struct splicer *sp, struct part *part)
{
	u32 at[ITEMS_MAX + 1], n = items_of(sp, part, at), i, size, type;
	u8 *item;

	if (!n)
		return;
	i = some(sp, n);
	item = sp->data + at[i];
	size = at[i + 1] - at[i];
	type = item[0];
	if (!some(sp, 4)) {
		PUT(item, daxfs_item, it_ino, some_ino(sp));
	} else if (type != DAXFS_ITEM_INODE && !some(sp, 6)) {
		change_length(sp, item);
	} else if (!some(sp, 20)) {
		PUT(item, daxfs_item, it_size,
		    some(sp, 2) ? size + 8 - some(sp, 17) : some(sp, 0x10000) & ~7u);
	} else if (type == DAXFS_ITEM_INODE && size >= sizeof(struct daxfs_item_inode)) {
		switch (some(sp, 7)) {
		case 0:
			PUT(item, daxfs_item_inode, ii_mode, some_mode(sp));
			break;
		case 1:
		case 2:
			PUT(item, daxfs_item_inode, ii_nlink, some(sp, 5));
			break;
		case 3:
		case 4:
			PUT(item, daxfs_item_inode, ii_size, some_size(sp));
			break;
		case 5:
			PUT(item, daxfs_item_inode, ii_data, some_ino(sp));
			break;
		default:
			PUT(item, daxfs_item_inode, ii_nlink, ~0u - some(sp, 2));
			break;
		}
	} else if ((type == DAXFS_ITEM_MAP || type == DAXFS_ITEM_UNMAP) &&
		   size >= sizeof(struct daxfs_item_range)) {
		switch (some(sp, 4)) {
		case 0:
			PUT(item, daxfs_item_range, ra_block, some_block(sp));
			break;
		case 1:
			PUT(item, daxfs_item_range, ra_count, 1 + some(sp, 16));
			break;
		case 2:
			PUT(item, daxfs_item_range, ra_count, 1ull << some(sp, 64));
			break;
		default:
			PUT(item, daxfs_item_range, ra_data, some_place(sp));
			break;
		}
	} else if (size > sizeof(struct daxfs_item_name)) {
		switch (some(sp, 4)) {
		case 0:
			PUT(item, daxfs_item_name, na_dir, some_ino(sp));
			break;
		case 1:
			item[sizeof(struct daxfs_item_name) + 1] = '0' + some(sp, 9);
			break;
		case 2:
			item[offsetof(struct daxfs_item, it_kind)] =
				dxc_type_of_mode(some_mode(sp));
			break;
		default:
			item[0] = 1 + some(sp, 8);
			break;
		}
	} else {
		item[some(sp, size)] = some(sp, 256);
	}
}

/* Two records side by side become one, or one becomes two. */
static void join_or_split(struct splicer *sp, struct part *part)
{
	static const u8 head[PART_HEADER] = { PART_RECORD };
	struct part *next = part + 1;
	u32 at[ITEMS_MAX + 1], n = items_of(sp, part, at), len, rest;

	if (next < sp->parts + sp->count && next->kind == PART_RECORD && some(sp, 2)) {
		len = next->len;
		edit(sp, NULL, next->at, PART_HEADER, NULL, 0);
		len += part->len;
		sp->data[part->at + 2] = len;
		sp->data[part->at + 3] = len >> 8;
	} else if (n > 1) {
		n = at[1 + some(sp, n - 1)];
		rest = part->end - n;
		if (!edit(sp, NULL, n, 0, head, sizeof(head)))
			return;
		sp->data[n + 2] = rest;
		sp->data[n + 3] = rest >> 8;
		len = n - part->at - PART_HEADER;
		sp->data[part->at + 2] = len;
		sp->data[part->at + 3] = len >> 8;
	}
}

static void move_item(struct splicer *sp, struct part *part, bool away)
{
	u32 at[ITEMS_MAX + 1], n = items_of(sp, part, at), i, len, to;
	static u8 copy[1024];
	struct part *other;

	if (!n)
		return;
	i = some(sp, n);
	len = at[i + 1] - at[i];
	if (away) {
		edit(sp, part, at[i], len, NULL, 0);
		return;
	}
	if (len > sizeof(copy))
		return;
	memcpy(copy, sp->data + at[i], len);
	other = some_record(sp);
	n = items_of(sp, other, at);
	to = at[some(sp, n + 1)];
	edit(sp, other, to, 0, copy, len);
}

static void add_other(struct splicer *sp)
{
	u8 part[PART_HEADER + 8] = { 0 };
	u64 value = some(sp, 3) ? some(sp, 32) : broken_random(&sp->state);
	u32 len = 0;

	part[0] = PART_CHUNK + some(sp, 3);
	part[1] = some(sp, 256);
	if (part[0] == PART_WORD) {
		len = sizeof(value);
		if (!some(sp, 2))
			value = dxc_word_seal_pair(DAXFS_CHUNK_LOG + some(sp, 3),
						   sp->gr->target.branch,
						   sp->gr->target.generation);
	} else if (part[0] == PART_CHANGE) {
		len = 4;
		value = broken_random(&sp->state);
	}
	part[2] = len;
	memcpy(part + PART_HEADER, &value, len);
	edit(sp, NULL, some_border(sp), 0, part, PART_HEADER + len);
}

static void mutate(struct splicer *sp)
{
	u8 head[PART_HEADER] = { PART_RECORD };
	struct part *part = some_record(sp), copy;
	static u8 bytes[SCRIPT_MAX];
	u32 at[ITEMS_MAX + 1], len, to, n;
	const u8 *items;

	switch (some(sp, 14)) {
	case 0:
	case 1:
	case 2: /* a new record */
		items = new_items(sp, some(sp, 4), &len);
		head[1] = some(sp, 30) ? 0 : some(sp, 256);
		head[2] = len;
		head[3] = len >> 8;
		to = some_border(sp);
		if (edit(sp, NULL, to, 0, items, len) &&
		    !edit(sp, NULL, to, 0, head, sizeof(head)))
			edit(sp, NULL, to, len, NULL, 0);
		return;
	case 3: /* a part goes */
		if (sp->count) {
			copy = sp->parts[some(sp, sp->count)];
			edit(sp, NULL, copy.at, copy.end - copy.at, NULL, 0);
		}
		return;
	case 4: /* a part again */
		if (sp->count) {
			copy = sp->parts[some(sp, sp->count)];
			memcpy(bytes, sp->data + copy.at, copy.end - copy.at);
			edit(sp, NULL, some_border(sp), 0, bytes, copy.end - copy.at);
		}
		return;
	case 5:
		add_other(sp);
		return;
	}
	if (!part)
		return;
	switch (some(sp, 8)) {
	case 0: /* one more item */
		items = new_items(sp, false, &len);
		n = items_of(sp, part, at);
		edit(sp, part, at[some(sp, n + 1)], 0, items, len);
		break;
	case 1:
		move_item(sp, part, true);
		break;
	case 2:
		move_item(sp, part, false);
		break;
	case 3:
		join_or_split(sp, part);
		break;
	default:
		change_field(sp, part);
		break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	static struct splicer sp;
	u32 times;

	sp.state = seed * 0x9e3779b97f4a7c15ull + 1;
	broken_random(&sp.state);
	if (size < SCRIPT_HEADER) {
		memset(data, 0, SCRIPT_HEADER);
		size = SCRIPT_HEADER;
	}
	if (!some(&sp, 24))
		data[0] ^= 1u << some(&sp, SCRIPT_FLAGS);
	if (!some(&sp, 24))
		data[1] = some(&sp, 256);
	if (data[0] & SCRIPT_RAW || !some(&sp, 10))
		return LLVMFuzzerMutate(data, size, max);
	sp.gr = script_ground(data[0]);
	sp.data = data;
	sp.len = size;
	sp.max = max;
	for (times = 1 + some(&sp, 3); times; times--) {
		parse(&sp);
		mutate(&sp);
	}
	return sp.len;
}

/* The first parts of one, and some of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_len, const uint8_t *other,
				 size_t other_len, uint8_t *to, size_t max,
				 unsigned int seed)
{
	static struct splicer sp;
	u32 cut, from, len;

	if (one_len < SCRIPT_HEADER || other_len < SCRIPT_HEADER || one_len > max ||
	    (one[0] | other[0]) & SCRIPT_RAW)
		return 0;
	sp.state = seed * 0x9e3779b97f4a7c15ull + 1;
	broken_random(&sp.state);
	sp.data = (u8 *)one;
	sp.len = one_len;
	parse(&sp);
	cut = some_border(&sp);
	sp.data = (u8 *)other;
	sp.len = other_len;
	parse(&sp);
	from = some_border(&sp);
	len = min_t(u32, other_len - from, max - cut);
	memcpy(to, one, cut);
	memcpy(to + cut, other + from, len);
	return cut + len;
}
