// SPDX-License-Identifier: GPL-2.0-only
/* The calls on the root directory of a mount, include/daxfs/ioctl.h. */
#include <linux/fs.h>
#include <linux/uaccess.h>
#include "daxfs.h"
#include "backing/backing.h"

static void fill_info(const struct daxfs_volume *vol, struct daxfs_volume_info *info)
{
	const struct dxc_volume *core = &vol->core;

	info->dv_version = core->version;
	memcpy(info->dv_uuid, core->uuid, sizeof(info->dv_uuid));
	strscpy(info->dv_label, core->label, sizeof(info->dv_label));
	info->dv_image_size = core->region.size;
	info->dv_region_size = vol->backing->size;
	info->dv_inode_count = core->inode_count;
	info->dv_data_blocks = core->data_blocks;
	info->dv_block_size = DAXFS_BLOCK_SIZE;
	info->dv_backing = vol->backing->kind;
	if (vol->backing->kind == DAXFS_BACKING_PHYS)
		info->dv_phys = vol->backing->phys;
	info->dv_incompat = core->incompat;
	info->dv_ro_compat = core->ro_compat;
	info->dv_compat = core->compat;
	info->dv_flags = READ_ONCE(vol->validated) ? DAXFS_VOLUME_VALIDATED : 0;
}

static long volume_info(struct inode *root, void __user *arg)
{
	struct daxfs_volume_info info = {};
	u32 size;
	int rest;

	if (get_user(size, (u32 __user *)arg))
		return -EFAULT;
	if (size < sizeof(size) || size > PAGE_SIZE)
		return -EINVAL;
	/* A newer program's members must be zero: it is told that they mean nothing. */
	if (size > sizeof(info)) {
		rest = check_zeroed_user(arg + sizeof(info), size - sizeof(info));
		if (rest <= 0)
			return rest ? rest : -E2BIG;
	}
	fill_info(daxfs_volume_of(root), &info);
	info.dv_size = min_t(size_t, size, sizeof(info));
	return copy_to_user(arg, &info, info.dv_size) ? -EFAULT : 0;
}

long daxfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct inode *inode = file_inode(file);

	if (inode != d_inode(inode->i_sb->s_root))
		return -ENOTTY;
	/* The size is in the structure, so that it may grow. */
	if (_IOC_TYPE(cmd) == DAXFS_IOC_MAGIC &&
	    _IOC_NR(cmd) == _IOC_NR(DAXFS_IOC_VOLUME_INFO))
		return volume_info(inode, (void __user *)arg);
	return -ENOTTY;
}
