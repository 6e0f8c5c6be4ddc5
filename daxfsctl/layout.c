// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decides where areas and file contents go. Long runs of data get 2 MiB
 * boundaries, short ones fill what that leaves free, each in the first free
 * place that is large enough; so files of one directory mostly stay together
 * and an image has hardly any unused blocks. Small files share blocks, if there
 * are several. What a writable image has besides
 * stands around this: tables before, the delta area after the contents.
 */
#include "layout.h"

/* A piece is at most this long, so that several threads share a large file. */
#define PIECE_MAX	(8ull << 20)

/*
 * Free places, and the largest one below each node of a binary tree over
 * them: the first that is large enough is found in log2(count) steps.
 */
struct places {
	struct layout_gap *free;
	size_t count;
	size_t room;
	u64 *largest;		/* 2 * leaves nodes, node 1 is the root */
	size_t leaves;
};

static u64 round_up(u64 n, u64 unit)
{
	return (n + unit - 1) / unit * unit;
}

static int add_place(struct places *places, dxc_off off, u64 len)
{
	if (!len)
		return 0;
	if (places->count == places->room) {
		size_t room = places->room ? places->room * 2 : 64;
		struct layout_gap *more = realloc(places->free, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		places->free = more;
		places->room = room;
	}
	places->free[places->count].off = off;
	places->free[places->count].len = len;
	places->count++;
	return 0;
}

static int build_tree(struct places *places)
{
	places->leaves = 1;
	while (places->leaves < places->count)
		places->leaves *= 2;
	places->largest = calloc(places->leaves * 2, sizeof(*places->largest));
	if (!places->largest)
		return -ENOMEM;
	for (size_t i = 0; i < places->count; i++)
		places->largest[places->leaves + i] = places->free[i].len;
	for (size_t i = places->leaves - 1; i > 0; i--)
		places->largest[i] = max_t(u64, places->largest[2 * i],
					   places->largest[2 * i + 1]);
	return 0;
}

/* The last place has no end, so there always is one. */
static dxc_off take_place(struct places *places, u64 len)
{
	struct layout_gap *gap;
	size_t node = 1;
	dxc_off off;

	while (node < places->leaves) {
		node *= 2;
		if (places->largest[node] < len)
			node++;
	}
	gap = &places->free[node - places->leaves];
	off = gap->off;
	gap->off += len;
	gap->len -= len;
	places->largest[node] = gap->len;
	for (node /= 2; node; node /= 2)
		places->largest[node] = max_t(u64, places->largest[2 * node],
					      places->largest[2 * node + 1]);
	return off;
}

/*
 * Can a huge page map some of it? Then its offset is made equal to its
 * position, modulo 2 MiB: a whole file's first byte is on a boundary.
 */
static bool wants_boundary(const struct dxc_extent *part)
{
	return part->len >= DAXFS_HUGE_SIZE;
}

/* Long parts, one after the other; what is between them becomes places. */
static int place_long(const struct dedupe *dedupe, struct places *places, dxc_off at)
{
	for (size_t i = 0; i < dedupe->count; i++) {
		struct tree_content *content = dedupe->contents[i];

		for (u32 k = 0; k < content->part_count; k++) {
			struct dxc_extent *part = &content->parts[k];
			u64 phase = part->pos % DAXFS_HUGE_SIZE;
			dxc_off off;

			if (!wants_boundary(part))
				continue;
			off = at / DAXFS_HUGE_SIZE * DAXFS_HUGE_SIZE + phase;
			if (off < at)
				off += DAXFS_HUGE_SIZE;
			if (add_place(places, at, off - at))
				return -ENOMEM;
			part->data = off;
			at = off + part->len;
		}
	}
	return add_place(places, at, INT64_MAX - at);
}

/*
 * Blocks that small files are being packed into. Files that follow each other in the
 * tree, and so are near each other in directories, mostly get into one block; those
 * that are open at a time are enough to leave little of any of them.
 */
#define PACKS_OPEN 16

struct pack {
	struct tree_content *first; /* alone in it so far, or NULL */
	dxc_off off;		/* where the next one goes; 0: no block */
	u32 left;
};

struct packs {
	struct pack open[PACKS_OPEN];
	struct layout *layout;
};

static bool may_be_packed(const struct tree_content *content)
{
	return content->size <= DAXFS_PACKED_MAX && !content->sparse;
}

/* The first that has room, or one instead of the fullest. */
static struct pack *choose_pack(struct packs *packs, struct places *places, u32 need)
{
	struct pack *fullest = &packs->open[0];

	for (size_t i = 0; i < PACKS_OPEN; i++) {
		struct pack *pack = &packs->open[i];

		if (pack->off && pack->left >= need)
			return pack;
		if (pack->left < fullest->left)
			fullest = pack;
	}
	fullest->off = take_place(places, DAXFS_BLOCK_SIZE);
	fullest->left = DAXFS_BLOCK_SIZE;
	fullest->first = NULL;
	return fullest;
}

/* One that stays alone in its block is no packed file: it can be mapped where it is. */
static void put_in_pack(struct packs *packs, struct places *places, struct tree_content *content)
{
	u32 need = (u32)round_up(content->size, DAXFS_PACKED_ALIGN);
	struct pack *pack = choose_pack(packs, places, need);

	content->whole.data = pack->off;
	if (pack->left == DAXFS_BLOCK_SIZE) {
		pack->first = content;
	} else {
		if (pack->first) {
			pack->first->packed = true;
			pack->first->whole.len = pack->first->size;
			pack->first = NULL;
			packs->layout->packed_files++;
			packs->layout->packed_blocks++;
		}
		content->packed = true;
		content->whole.len = content->size;
		packs->layout->packed_files++;
	}
	pack->off += need;
	pack->left -= need;
}

static void place_short(struct layout *layout, const struct dedupe *dedupe,
			struct places *places, bool pack)
{
	struct packs packs = { .layout = layout };

	for (size_t i = 0; i < dedupe->count; i++) {
		struct tree_content *content = dedupe->contents[i];

		if (pack && may_be_packed(content)) {
			put_in_pack(&packs, places, content);
			continue;
		}
		for (u32 k = 0; k < content->part_count; k++)
			if (!wants_boundary(&content->parts[k]))
				content->parts[k].data =
					take_place(places, content->parts[k].len);
	}
}

static int order_pieces(const void *a, const void *b)
{
	const struct layout_piece *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

/* Bytes of the file in a part: not those behind its end. */
static u64 part_bytes(const struct tree_content *content, const struct dxc_extent *part)
{
	return min_t(u64, part->len, content->size - part->pos);
}

/* What follows a piece up to the next one in its block, or to the end of that, is zero. */
static void set_rooms(struct layout *layout)
{
	struct layout_piece *pieces = layout->pieces;

	for (size_t i = 0; i < layout->piece_count; i++) {
		dxc_off end = round_up(pieces[i].off + pieces[i].len, DAXFS_BLOCK_SIZE);

		if (i + 1 < layout->piece_count && pieces[i + 1].off < end)
			end = pieces[i + 1].off;
		pieces[i].room = end - pieces[i].off;
	}
}

static int make_pieces(struct layout *layout, const struct dedupe *dedupe)
{
	size_t room = 0;

	for (size_t i = 0; i < dedupe->count; i++)
		for (u32 k = 0; k < dedupe->contents[i]->part_count; k++)
			room += round_up(dedupe->contents[i]->parts[k].len, PIECE_MAX) /
				PIECE_MAX;
	if (!room)
		return 0;
	layout->pieces = calloc(room, sizeof(*layout->pieces));
	if (!layout->pieces)
		return -ENOMEM;
	for (size_t i = 0; i < dedupe->count; i++) {
		struct tree_content *content = dedupe->contents[i];

		for (u32 k = 0; k < content->part_count; k++) {
			const struct dxc_extent *part = &content->parts[k];
			u64 bytes = part_bytes(content, part);

			for (u64 done = 0; done < bytes; done += PIECE_MAX) {
				struct layout_piece *piece =
					&layout->pieces[layout->piece_count++];

				piece->content = content;
				piece->pos = part->pos + done;
				piece->off = part->data + done;
				piece->len = min_t(u64, bytes - done, PIECE_MAX);
			}
			/* One for all that are packed together: the first is at its start. */
			layout->data_blocks += content->packed ?
						       part->data % DAXFS_BLOCK_SIZE == 0 :
						       part->len / DAXFS_BLOCK_SIZE;
			layout->bytes_to_copy += bytes;
		}
	}
	qsort(layout->pieces, layout->piece_count, sizeof(*layout->pieces), order_pieces);
	set_rooms(layout);
	return 0;
}

static void put_area(struct layout *layout, unsigned int id, dxc_off *at, u64 length,
		     u64 count)
{
	layout->counts[id] = count;
	if (!length)
		return;
	layout->area[id].offset = round_up(*at, DAXFS_BLOCK_SIZE);
	layout->area[id].length = length;
	*at = layout->area[id].offset + length;
}

/* ---- what makes an image writable ---- */

static u64 content_bytes(const struct dedupe *dedupe)
{
	u64 bytes = 0;

	for (size_t i = 0; i < dedupe->count; i++)
		for (u32 k = 0; k < dedupe->contents[i]->part_count; k++)
			bytes += dedupe->contents[i]->parts[k].len;
	return bytes;
}

/* How long the delta area would be if it started at the given offset. */
static u64 delta_length(const struct layout_delta *delta, const struct dedupe *dedupe,
			dxc_off start)
{
	u64 used = start + DAXFS_TRAILER_SIZE, bytes;

	if (delta->bytes)
		return delta->bytes;
	if (!delta->room)
		bytes = round_up(max_t(u64, LAYOUT_DELTA_DEFAULT, content_bytes(dedupe) / 2),
				 LAYOUT_CHUNK);
	else
		bytes = delta->room > used ? (delta->room - used) & ~(LAYOUT_CHUNK - 1ull) : 0;
	bytes = max_t(u64, bytes, LAYOUT_CHUNKS_MIN * (u64)LAYOUT_CHUNK);
	return min_t(u64, bytes, LAYOUT_CHUNKS_MAX * (u64)LAYOUT_CHUNK);
}

/*
 * How many chunks there will be is known after the contents have their place,
 * which is behind the table of chunks. So that gets room for as many as there
 * would be without contents; hardly ever more than the header has anyway.
 */
static void put_tables(struct layout *layout, const struct layout_delta *delta,
		       const struct dedupe *dedupe, dxc_off *at)
{
	u64 chunks = delta_length(delta, dedupe, 0) / LAYOUT_CHUNK;
	dxc_off end = DAXFS_SB_SIZE;

	layout->chunk_size = LAYOUT_CHUNK;
	layout->branch_count = delta->branches;
	layout->mount_count = DAXFS_MOUNTS_DEFAULT;
	put_area(layout, DAXFS_AREA_SHARED, &end, sizeof(struct daxfs_shared), 1);
	end = DAXFS_TABLES_OFFSET;
	put_area(layout, DAXFS_AREA_BRANCHES, &end,
		 layout->branch_count * sizeof(struct daxfs_branch), layout->branch_count);
	put_area(layout, DAXFS_AREA_MOUNTS, &end,
		 layout->mount_count * sizeof(struct daxfs_mount), layout->mount_count);
	put_area(layout, DAXFS_AREA_CHUNKS, &end, chunks * sizeof(__le64), chunks);
	*at = max_t(u64, *at, end);
}

/* On a huge page's boundary, so that runs of chunks can be mapped by one. */
static void put_delta(struct layout *layout, const struct layout_delta *delta,
		      const struct dedupe *dedupe, dxc_off *at)
{
	u64 length;

	*at = round_up(*at, DAXFS_HUGE_SIZE);
	length = delta_length(delta, dedupe, *at);
	put_area(layout, DAXFS_AREA_DELTA, at, length, length / LAYOUT_CHUNK);
	layout->counts[DAXFS_AREA_CHUNKS] = length / LAYOUT_CHUNK;
	layout->area[DAXFS_AREA_CHUNKS].length = length / LAYOUT_CHUNK * sizeof(__le64);
}

/* ---- all of it ---- */

/* Directories, symlinks and extent arrays get their place in their area. */
static void put_metadata(struct layout *layout, struct tree *tree,
			 const struct dedupe *dedupe, dxc_off *at)
{
	u64 dirs = 0, links = 0, extents = 0, names = 0, targets = 0;

	put_area(layout, DAXFS_AREA_INODES, at,
		 (u64)tree->inode_count * sizeof(struct daxfs_inode), tree->inode_count);

	for (u32 i = 0; i < tree->inode_count; i++) {
		struct tree_inode *inode = tree->inodes[i];

		if (!S_ISDIR(inode->mode))
			continue;
		inode->size = (u64)inode->dir.count * inode->dir.entry_size;
		inode->dir.offset = dirs;
		names += inode->dir.count;
		dirs += inode->size;
	}
	put_area(layout, DAXFS_AREA_DIRS, at, dirs, names);
	put_area(layout, DAXFS_AREA_XATTRS, at, tree->xattrs.length, tree->xattrs.sets);

	for (u32 i = 0; i < tree->inode_count; i++) {
		struct tree_inode *inode = tree->inodes[i];

		if (!S_ISLNK(inode->mode))
			continue;
		inode->link.offset = links;
		links += inode->size + 1;
		targets++;
	}
	put_area(layout, DAXFS_AREA_LINKS, at, links, targets);

	for (size_t i = 0; i < dedupe->count; i++) {
		struct tree_content *content = dedupe->contents[i];

		if (!content->sparse || !content->part_count)
			continue;
		content->extents = extents * sizeof(struct daxfs_extent);
		extents += content->part_count;
	}
	put_area(layout, DAXFS_AREA_EXTENTS, at, extents * sizeof(struct daxfs_extent),
		 extents);

	/* So far relative to areas whose start was not known. */
	for (u32 i = 0; i < tree->inode_count; i++) {
		struct tree_inode *inode = tree->inodes[i];

		if (S_ISDIR(inode->mode) && inode->dir.count)
			inode->dir.offset += layout->area[DAXFS_AREA_DIRS].offset;
		else if (S_ISDIR(inode->mode))
			inode->dir.offset = 0;
		else if (S_ISLNK(inode->mode))
			inode->link.offset += layout->area[DAXFS_AREA_LINKS].offset;
	}
	for (size_t i = 0; i < dedupe->count; i++)
		if (dedupe->contents[i]->sparse && dedupe->contents[i]->part_count)
			dedupe->contents[i]->extents +=
				layout->area[DAXFS_AREA_EXTENTS].offset;
}

static int put_data(struct layout *layout, const struct dedupe *dedupe, bool pack, dxc_off *at)
{
	struct places places = { 0 };
	const struct layout_piece *last;
	dxc_off start = round_up(*at, DAXFS_BLOCK_SIZE);
	int err;

	err = place_long(dedupe, &places, start);
	if (!err)
		err = build_tree(&places);
	if (err)
		goto out;
	place_short(layout, dedupe, &places, pack);
	err = make_pieces(layout, dedupe);
	if (err || !layout->piece_count)
		goto out;
	/* Blocks before the first piece stay out of the area. */
	start = layout->pieces[0].off;
	last = &layout->pieces[layout->piece_count - 1];
	*at = start;
	put_area(layout, DAXFS_AREA_DATA, at,
		 round_up(last->off + last->len, DAXFS_BLOCK_SIZE) - start,
		 layout->data_blocks);
out:
	free(places.largest);
	free(places.free);
	return err;
}

static int add_gap(struct layout *layout, size_t *room, dxc_off from, dxc_off to)
{
	if (from >= to)
		return 0;
	if (layout->gap_count == *room) {
		struct layout_gap *more;

		*room = *room ? *room * 2 : 64;
		more = realloc(layout->gaps, *room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		layout->gaps = more;
	}
	layout->gaps[layout->gap_count].off = from;
	layout->gaps[layout->gap_count].len = to - from;
	layout->gap_count++;
	return 0;
}

/*
 * Memory and devices hold something before: what the image does not use is
 * made zero too, for the sake of whoever wrote there and of equal images.
 * Superblock and its copy belong to the gaps: a device is no image for as long
 * as they are zero. So do shared state and tables, which start as zeros.
 *
 * The delta area does not: it may be nearly all of a large memory, and nothing
 * reads a chunk that no table or log refers to. A log's chunk is read only
 * after its header was written, and what an earlier image left behind that
 * header has another salt (see the writer); a block is in a file only after it
 * was filled.
 */
static int find_gaps(struct layout *layout)
{
	const struct dxc_area *delta = &layout->area[DAXFS_AREA_DELTA];
	size_t room = 0;
	dxc_off at = 0;
	int err = 0;

	for (unsigned int i = DAXFS_AREA_INODES; i < DAXFS_AREA_DATA && !err; i++) {
		const struct dxc_area *area = &layout->area[i];

		if (!area->length)
			continue;
		err = add_gap(layout, &room, at, area->offset);
		at = area->offset + area->length;
	}
	for (size_t i = 0; i < layout->piece_count && !err; i++) {
		const struct layout_piece *piece = &layout->pieces[i];

		err = add_gap(layout, &room, at, piece->off);
		at = piece->off + piece->room;
	}
	if (delta->length && !err) {
		err = add_gap(layout, &room, at, delta->offset);
		at = delta->offset + delta->length;
	}
	return err ? err : add_gap(layout, &room, at, layout->image_size);
}

int layout_make(struct layout *layout, struct tree *tree, const struct dedupe *dedupe,
		const struct layout_delta *delta, bool pack)
{
	dxc_off at = DAXFS_HEADER_SIZE;
	int err;

	memset(layout, 0, sizeof(*layout));
	if (delta->wanted)
		put_tables(layout, delta, dedupe, &at);
	put_metadata(layout, tree, dedupe, &at);
	err = put_data(layout, dedupe, pack, &at);
	if (err)
		return err;
	if (delta->wanted)
		put_delta(layout, delta, dedupe, &at);
	layout->image_size = round_up(at, DAXFS_BLOCK_SIZE) + DAXFS_TRAILER_SIZE;
	return find_gaps(layout);
}

void layout_free(struct layout *layout)
{
	free(layout->pieces);
	free(layout->gaps);
	memset(layout, 0, sizeof(*layout));
}
