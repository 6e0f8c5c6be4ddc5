// SPDX-License-Identifier: GPL-2.0-only
/* What the module says, in one form. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include "daxfs.h"

void daxfs_bad(struct daxfs_volume *vol, int err, const struct dxc_finding *f)
{
	if (err != -EUCLEAN && err != -EIO && err != -EBADMSG)
		return;
	/* Memory that cannot be read says nothing of what is in it. */
	if (f->code == DXC_OK)
		pr_err_ratelimited("%s: the image cannot be read: error %d\n", vol->name, err);
	else
		pr_err_ratelimited("%s: inode %llu: %s: %#llx (in %s, at %#llx)\n",
				   vol->name, f->ino, dxc_code_text(f->code),
				   f->detail, dxc_area_name(f->area), f->offset);
}

void daxfs_bad_mount(struct fs_context *fc, int err, const struct dxc_finding *f)
{
	if (f->code == DXC_OK)
		errorf(fc, "daxfs: the image cannot be read: error %d", err);
	else if (f->ino)
		errorf(fc, "daxfs: inode %llu: %s: %#llx (in %s, at %#llx)", f->ino,
		       dxc_code_text(f->code), f->detail, dxc_area_name(f->area),
		       f->offset);
	else
		errorf(fc, "daxfs: %s: %#llx (in %s, at %#llx)",
		       dxc_code_text(f->code), f->detail, dxc_area_name(f->area),
		       f->offset);
}
