// SPDX-License-Identifier: GPL-2.0-only
/* Entries of base directories: one is read, found bad, encoded. */
#include "entry.h"

int dxc_dir_entry(const struct dxc_volume *vol, const struct dxc_inode *dir,
		  u32 index, struct dxc_dirent *de, struct dxc_finding *f)
{
	return dxc_dirent_read(vol, dir, index, de, f);
}

/* What dxc_dirent_read() found wrong, in the order of its checks; an errno. */
int dxc_dirent_bad(const struct dxc_inode *dir, u32 index, unsigned int code,
		   u64 detail, struct dxc_finding *f)
{
	return dxc_found(f, code == DXC_OK ? -EIO : -EUCLEAN,
			 code == DXC_OK ? DXC_DE_INO : code, DAXFS_AREA_DIRS, dir->ino,
			 dxc_dirent_at(dir, index), detail);
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
