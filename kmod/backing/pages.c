// SPDX-License-Identifier: GPL-2.0-only
/* Who holds struct pages of a region, besides page tables: I/O, pipes. */
#include "backing.h"

bool daxfs_blocks_busy(void *priv, dxc_off off, u64 blocks)
{
	const struct daxfs_backing *backing = priv;
	struct page *page;
	u64 i;

	if (!backing->has_pages)
		return false;
	for (i = 0; i < blocks; i++) {
		page = pfn_to_page(PHYS_PFN(daxfs_backing_phys(backing, off)) + i);
		if (page_ref_count(page) > DAXFS_IDLE_PAGE_REFS)
			return true;
	}
	return false;
}

bool daxfs_blocks_pinned(const struct daxfs_backing *backing, dxc_off off, u64 blocks)
{
	struct page *page;
	u64 i;

	if (!backing->has_pages)
		return false;
	page = pfn_to_page(PHYS_PFN(daxfs_backing_phys(backing, off)));
	for (i = 0; i < blocks; i++) {
		if (daxfs_page_pins(page + i) > 0)
			return true;
	}
	return false;
}
