// SPDX-License-Identifier: GPL-2.0-only
/* Where the bytes of a regular base file are. */
#include "core.h"

int dxc_extent_read(const struct dxc_volume *vol, const struct dxc_inode *inode,
		    u32 index, struct dxc_extent *ex, struct dxc_finding *f)
{
	const struct dxc_area *data = &vol->area[DAXFS_AREA_DATA];
	struct daxfs_extent raw;
	dxc_off at;
	u64 end;
	int err;

	if (index >= inode->count || !(inode->flags & DAXFS_IN_EXTENTS))
		return -ENOENT;
	at = inode->data + (u64)index * sizeof(raw);
	err = dxc_region_read(&vol->region, at, &raw, sizeof(raw));
	if (unlikely(err))
		return dxc_found(f, err, DXC_EX_BOUNDS, DAXFS_AREA_EXTENTS,
				 inode->ino, at, 0);
	ex->pos = le64_to_cpu(raw.ex_pos);
	ex->len = le64_to_cpu(raw.ex_len);
	ex->data = le64_to_cpu(raw.ex_data);
	ex->packed = 0;
	if ((ex->pos | ex->len | ex->data) % DAXFS_BLOCK_SIZE || !ex->len)
		return dxc_found(f, -EUCLEAN, DXC_EX_ALIGN, DAXFS_AREA_EXTENTS,
				 inode->ino, at, ex->data);
	if (!dxc_range_ok(ex->data, ex->len, data->offset, data->length) ||
	    check_add_overflow(ex->pos, ex->len, &end) ||
	    end > ((inode->size + DAXFS_BLOCK_SIZE - 1) & ~(u64)(DAXFS_BLOCK_SIZE - 1)))
		return dxc_found(f, -EUCLEAN, DXC_EX_BOUNDS, DAXFS_AREA_EXTENTS,
				 inode->ino, at, ex->data);
	return 0;
}

int dxc_extent_map(const struct dxc_volume *vol, const struct dxc_inode *inode,
		   dxc_pos pos, struct dxc_extent *ex, struct dxc_finding *f)
{
	u32 lo = 0, hi = inode->count, mid;
	dxc_pos hole_start = 0, hole_end;
	int err;

	if (pos >= inode->size)
		return -ENXIO;
	hole_end = (inode->size + DAXFS_BLOCK_SIZE - 1) & ~(u64)(DAXFS_BLOCK_SIZE - 1);
	ex->packed = inode->flags & DAXFS_IN_PACKED ? inode->size : 0;
	if (!(inode->flags & DAXFS_IN_EXTENTS)) {
		ex->pos = 0;
		ex->len = hole_end;
		ex->data = inode->data;
		return 0;
	}
	/*
	 * What lies outside [lo, hi) ends at hole_start or before, or starts at
	 * hole_end or after; both are kept on the right side of pos, so that
	 * the hole is a true statement even if the array is not sorted.
	 */
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		err = dxc_extent_read(vol, inode, mid, ex, f);
		if (err)
			return err;
		if (pos < ex->pos) {
			hi = mid;
			hole_end = ex->pos;
		} else if (pos - ex->pos >= ex->len) {
			lo = mid + 1;
			hole_start = ex->pos + ex->len;
		} else {
			return 0;
		}
	}
	ex->pos = hole_start;
	ex->len = hole_end - hole_start;
	ex->data = 0;
	return 0;
}

int dxc_extent_copy(const struct dxc_region *rg, const struct dxc_extent *ex, dxc_pos pos,
		    void *dst, size_t len)
{
	size_t stored = min_t(u64, len, dxc_extent_stored(ex, pos));
	int err = 0;

	if (stored)
		err = dxc_region_read(rg, ex->data + (pos - ex->pos), dst, stored);
	if (!err)
		memset((u8 *)dst + stored, 0, len - stored);
	return err;
}

void dxc_extent_encode(const struct dxc_extent *ex, struct daxfs_extent *raw)
{
	raw->ex_pos = cpu_to_le64(ex->pos);
	raw->ex_len = cpu_to_le64(ex->len);
	raw->ex_data = cpu_to_le64(ex->data);
}
