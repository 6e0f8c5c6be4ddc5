// SPDX-License-Identifier: GPL-2.0-only
/* Targets of base symlinks. */
#include "core.h"

int dxc_symlink_read(const struct dxc_volume *vol, const struct dxc_inode *inode,
		     char *buf, struct dxc_finding *f)
{
	/* inode->size is at most DAXFS_SYMLINK_MAX: dxc_inode_read() saw to it. */
	int err = dxc_region_read(&vol->region, inode->data, buf, inode->size + 1);

	if (!err && (buf[inode->size] || memchr(buf, 0, inode->size)))
		err = -EUCLEAN;
	if (err) {
		buf[0] = 0;
		return dxc_found(f, err, DXC_LINK_TARGET, DAXFS_AREA_LINKS,
				 inode->ino, inode->data, inode->size);
	}
	return 0;
}
