// SPDX-License-Identifier: GPL-2.0-only
/*
 * That the files of the base still hold what they were made with: their
 * checksums, for the checker (check.c).
 *
 * Every byte of DATA is read at most once, whatever the inodes claim: equal
 * files share their pieces, and pieces that overlap were reported and are not
 * read.
 */
#include "checker.h"

/* Between pauses, and calls of progress. */
#define STRIDE	0x100000u

/* What is read in one check. */
struct reading {
	struct checker *c;
	u64 done;		/* bytes */
	u32 crc;		/* of the file that is being read */
};

/* Adds len bytes at off to the checksum. */
static int read_bytes(struct reading *rd, dxc_off off, u64 len)
{
	const struct dxc_volume *vol = rd->c->vol;
	u64 n, before;
	int err;

	for (; len; off += n, len -= n) {
		n = min_t(u64, len, DAXFS_BLOCK_SIZE);
		before = rd->done;
		rd->done += n;
		if (before / STRIDE != rd->done / STRIDE) {
			if (rd->c->chk->progress)
				rd->c->chk->progress(rd->c->chk->priv, rd->done,
						     vol->area[DAXFS_AREA_DATA].length);
			err = dxc_pause();
			if (err)
				return err;
		}
		err = dxc_region_read(&vol->region, off, rd->c->buf, n);
		if (err)
			return err;
		rd->crc = dxc_crc32c(rd->crc, rd->c->buf, n);
	}
	return 0;
}

/* What an array of extents holds, in their order. -EUCLEAN: that was reported. */
static int read_extents(struct reading *rd, const struct piece *array)
{
	const struct dxc_area *data = &rd->c->vol->area[DAXFS_AREA_DATA];
	const struct dxc_inode file = {
		.ino = array->ino,
		.mode = S_IFREG,
		.flags = DAXFS_IN_EXTENTS,
		.size = array->size,
		.count = array->len / sizeof(struct daxfs_extent),
		.data = array->start,
	};
	struct dxc_extent ex;
	u32 i;
	int err;

	for (i = 0; i < file.count; i++) {
		err = breathe(rd->c, i);
		if (!err)
			err = dxc_extent_read(rd->c->vol, &file, i, &ex, NULL);
		if (err)
			return err;
		/* More than there is: some overlap. */
		if (ex.len > data->length - min_t(u64, data->length, rd->done))
			return -EUCLEAN;
		if (ex.pos >= file.size)
			continue;
		err = read_bytes(rd, ex.data, min_t(u64, ex.len, file.size - ex.pos));
		if (err)
			return err;
	}
	return 0;
}

static int read_piece(struct reading *rd, const struct piece *piece, bool array)
{
	rd->crc = 0;
	return array ? read_extents(rd, piece) : read_bytes(rd, piece->start, piece->size);
}

/* Around packed files nothing may hide. */
static int check_gap(struct reading *rd, dxc_off from, dxc_off to, dxc_ino ino)
{
	u64 at, len = from < to ? to - from : 0;
	int err;

	if (!len)
		return 0;
	err = dxc_region_read(&rd->c->vol->region, from, rd->c->buf, len);
	if (err)
		return err;
	at = first_nonzero(rd->c->buf, len);
	if (at == len)
		return 0;
	return found(rd->c, DXC_FILE_TAIL, DAXFS_AREA_DATA, ino, from + at, rd->c->buf[at]);
}

static dxc_off block_of(dxc_off off)
{
	return off & ~(dxc_off)(DAXFS_BLOCK_SIZE - 1);
}

/*
 * What is between the pieces before, which end at end, and me, as far as it is in
 * blocks of packed files. last: the packed file that was last, or NULL; me NULL:
 * there is no more.
 */
static int check_gaps(struct reading *rd, const struct piece *last, const struct piece *me,
		      dxc_off end)
{
	bool packed = me && me->len < DAXFS_BLOCK_SIZE;
	bool same = packed && last && block_of(last->start) == block_of(me->start);
	int err = 0;

	if (last && !same)
		err = check_gap(rd, end, block_of(last->start) + DAXFS_BLOCK_SIZE, last->ino);
	if (!err && packed)
		err = check_gap(rd, max_t(u64, end, block_of(me->start)), me->start,
				same ? last->ino : me->ino);
	return err;
}

/* Each piece once, for all files that have it. */
static int check_pieces(struct reading *rd, const struct pieces *pieces, bool arrays)
{
	unsigned int area = arrays ? DAXFS_AREA_EXTENTS : DAXFS_AREA_DATA;
	const struct piece *read = NULL, *packed = NULL, *me;
	dxc_off end = 0;
	int err = 0;
	u64 i;

	for (i = 0; i < pieces->count; i++) {
		me = &pieces->list[i];
		if (!read || !dxc_piece_is_same(me, read)) {
			bool overlaps = me->start < end;

			if (!arrays && !overlaps) {
				err = check_gaps(rd, packed, me, end);
				if (err)
					return err;
				packed = me->len < DAXFS_BLOCK_SIZE ? me : NULL;
			}
			end = max_t(u64, end, me->start + me->len);
			read = NULL;
			/* Extents are read with their array. */
			if (overlaps || !me->size)
				continue;
			read = me;
			err = read_piece(rd, me, arrays);
			if (err && err != -EUCLEAN)
				return err;
			if (err)
				read = NULL;
		}
		if (read && rd->crc != me->checksum) {
			err = found(rd->c, DXC_FILE_CHECKSUM, area, me->ino, me->start, rd->crc);
			if (err)
				return err;
		}
	}
	return check_gaps(rd, packed, NULL, end);
}

int dxc_check_contents(struct checker *c)
{
	struct reading rd = { .c = c };
	int err;

	err = check_pieces(&rd, &c->data, false);
	return err ? err : check_pieces(&rd, &c->arrays, true);
}
