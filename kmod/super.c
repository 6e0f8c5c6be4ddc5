// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file system type: mount options, super blocks, statfs. A super block is
 * one view of one volume; mounting the same view again gives the same one.
 */
#include <linux/file.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include "daxfs.h"
#include "backing/backing.h"

enum {
	OPT_PHYS,
	OPT_SIZE,
	OPT_DMABUF,
	OPT_VALIDATE,
};

static const struct fs_parameter_spec daxfs_parameters[] = {
	fsparam_string("phys", OPT_PHYS),
	fsparam_string("size", OPT_SIZE),
	fsparam_fd("dmabuf", OPT_DMABUF),
	fsparam_flag("validate", OPT_VALIDATE),
	{}
};

/* A number with an optional K, M, G or T, and nothing after it. */
static int parse_bytes(struct fs_context *fc, const struct fs_parameter *param,
		       u64 *bytes)
{
	unsigned int shift = 0;
	char text[24];
	size_t len;

	if (strscpy(text, param->string, sizeof(text)) <= 0)
		goto bad;
	len = strlen(text);
	switch (text[len - 1]) {
	case 'T': case 't':
		shift += 10;
		fallthrough;
	case 'G': case 'g':
		shift += 10;
		fallthrough;
	case 'M': case 'm':
		shift += 10;
		fallthrough;
	case 'K': case 'k':
		shift += 10;
		text[len - 1] = 0;
	}
	if (kstrtoull(text, 0, bytes) || *bytes > U64_MAX >> shift)
		goto bad;
	*bytes <<= shift;
	return 0;
bad:
	return invalf(fc, "daxfs: %s=%s is no size: give bytes, 0x..., or a number with K, M, G or T",
		      param->key, param->string);
}

static int take_dmabuf(struct fs_context *fc, const struct fs_parameter *param,
		       struct daxfs_mount_options *opt, int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return invalf(fc, "daxfs: dmabuf: file descriptor %d is no dma-buf", fd);
	if (opt->dmabuf)
		dma_buf_put(opt->dmabuf);
	opt->dmabuf = dmabuf;
	return 0;
}

static int daxfs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct daxfs_mount_options *opt = fc->fs_private;
	struct fs_parse_result result;
	u64 bytes;
	int key, err;

	key = fs_parse(fc, daxfs_parameters, param, &result);
	switch (key) {
	case OPT_PHYS:
		err = parse_bytes(fc, param, &bytes);
		if (err)
			return err;
		opt->phys = bytes;
		opt->has_phys = true;
		return 0;
	case OPT_SIZE:
		err = parse_bytes(fc, param, &bytes);
		if (err)
			return err;
		opt->size = bytes;
		opt->has_size = true;
		return 0;
	case OPT_DMABUF:
		return take_dmabuf(fc, param, opt, result.uint_32);
	case OPT_VALIDATE:
		opt->validate = true;
		return 0;
	}
	return key;
}

static int check_options(struct fs_context *fc, const struct daxfs_mount_options *opt)
{
	if (opt->has_phys && !opt->has_size)
		return invalf(fc, "daxfs: phys= needs size=");
	if (opt->has_size && !opt->has_phys)
		return invalf(fc, "daxfs: size= needs phys=");
	if (opt->has_phys && opt->dmabuf)
		return invalf(fc, "daxfs: phys= and dmabuf exclude each other");
	if (!opt->has_phys && !opt->dmabuf &&
	    (!fc->source || !fc->source[0] || !strcmp(fc->source, "none")))
		return invalf(fc, "daxfs: nothing to mount: give phys=,size=, a dmabuf or a DAX device as source");
	if (PAGE_SIZE != DAXFS_BLOCK_SIZE)
		return invalf(fc, "daxfs: the block size is %u, but this kernel's pages have %lu bytes",
			      DAXFS_BLOCK_SIZE, PAGE_SIZE);
	return 0;
}

/* ---- super block ---- */

static int daxfs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	const struct dxc_volume *core = &daxfs_volume_of(d_inode(dentry))->core;

	buf->f_type = DAXFS_SUPER_MAGIC;
	buf->f_bsize = DAXFS_BLOCK_SIZE;
	buf->f_blocks = core->region.size / DAXFS_BLOCK_SIZE;
	buf->f_files = core->inode_count;
	buf->f_namelen = DAXFS_NAME_MAX;
	buf->f_fsid = uuid_to_fsid((u8 *)core->uuid);
	return 0;
}

/*
 * The first column of /proc/mounts: the device, or for memory without a name
 * the image's.
 */
static int daxfs_show_devname(struct seq_file *m, struct dentry *root)
{
	const struct daxfs_sb_info *sbi = DAXFS_SB(root->d_sb);

	if (sbi->volume->backing->kind != DAXFS_BACKING_DAX)
		seq_puts(m, "daxfs:");
	seq_escape(m, sbi->source, " \t\n\\#");
	return 0;
}

/* What can be given to mount again; a dma-buf is known by no text. */
static int daxfs_show_options(struct seq_file *m, struct dentry *root)
{
	const struct daxfs_volume *vol = daxfs_volume_of(d_inode(root));
	const struct daxfs_backing *backing = vol->backing;

	if (backing->kind == DAXFS_BACKING_PHYS)
		seq_printf(m, ",phys=%#llx,size=%#llx", (u64)backing->phys,
			   backing->size);
	if (READ_ONCE(vol->validated))
		seq_puts(m, ",validate");
	return 0;
}

static void free_sbi(struct daxfs_sb_info *sbi)
{
	daxfs_volume_put(sbi->volume);
	kfree(sbi->source);
	kfree(sbi);
}

static void daxfs_kill_sb(struct super_block *sb)
{
	struct daxfs_sb_info *sbi = DAXFS_SB(sb);

	kill_anon_super(sb);
	if (sbi)
		free_sbi(sbi);
}

static const struct super_operations daxfs_super_ops = {
	.alloc_inode = daxfs_alloc_inode,
	.free_inode = daxfs_free_inode,
	.statfs = daxfs_statfs,
	.show_options = daxfs_show_options,
	.show_devname = daxfs_show_devname,
};

static int fill_super(struct super_block *sb, struct fs_context *fc)
{
	const struct dxc_volume *core = &DAXFS_SB(sb)->volume->core;
	struct inode *root;

	sb->s_magic = DAXFS_SUPER_MAGIC;
	sb->s_blocksize = DAXFS_BLOCK_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_time_gran = 1;
	sb->s_op = &daxfs_super_ops;
	sb->s_xattr = daxfs_xattr_handlers;
	sb->s_export_op = &daxfs_export_ops;
	sb->s_flags |= SB_POSIXACL | SB_NOATIME;
	super_set_uuid(sb, core->uuid, sizeof(core->uuid));

	root = daxfs_iget(sb, DAXFS_ROOT_INO);
	if (IS_ERR(root)) {
		errorf(fc, "daxfs: the root directory cannot be read: error %ld",
		       PTR_ERR(root));
		return PTR_ERR(root);
	}
	if (!S_ISDIR(root->i_mode)) {
		iput(root);
		errorf(fc, "daxfs: the root is no directory");
		return -EUCLEAN;
	}
	sb->s_root = d_make_root(root);
	return sb->s_root ? 0 : -ENOMEM;
}

static int same_view(struct super_block *sb, struct fs_context *fc)
{
	struct daxfs_sb_info *sbi = fc->s_fs_info;

	return DAXFS_SB(sb) && DAXFS_SB(sb)->volume == sbi->volume;
}

static int daxfs_get_tree(struct fs_context *fc)
{
	struct daxfs_mount_options *opt = fc->fs_private;
	struct daxfs_sb_info *sbi;
	struct super_block *sb;
	int err;

	err = check_options(fc, opt);
	if (err)
		return err;
	sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	sbi->volume = daxfs_volume_get(fc, opt);
	if (IS_ERR(sbi->volume)) {
		err = PTR_ERR(sbi->volume);
		kfree(sbi);
		return err;
	}
	sbi->source = kstrdup(sbi->volume->backing->kind == DAXFS_BACKING_DAX ?
			      fc->source : sbi->volume->name, GFP_KERNEL);
	if (!sbi->source) {
		err = -ENOMEM;
		goto free;
	}
	if (opt->validate) {
		err = daxfs_volume_validate(sbi->volume, fc);
		if (err)
			goto free;
	}
	/* Plain "mount" gives what there is; an explicit rw is told the truth. */
	if (fc->sb_flags_mask & SB_RDONLY && !(fc->sb_flags & SB_RDONLY)) {
		errorf(fc, "daxfs: rw: %s is a read-only image", sbi->volume->name);
		err = -EROFS;
		goto free;
	}
	fc->sb_flags |= SB_RDONLY;

	fc->s_fs_info = sbi;
	sb = sget_fc(fc, same_view, set_anon_super_fc);
	if (IS_ERR(sb))
		return PTR_ERR(sb);	/* fc still owns sbi, see daxfs_free_fc() */
	if (!sb->s_root) {
		err = fill_super(sb, fc);
		if (err) {
			deactivate_locked_super(sb);
			return err;
		}
		sb->s_flags |= SB_ACTIVE;
	}
	fc->root = dget(sb->s_root);
	return 0;

free:
	free_sbi(sbi);
	return err;
}

/* A read-only image stays read-only, and a mount stays where it is. */
static int daxfs_reconfigure(struct fs_context *fc)
{
	const struct daxfs_mount_options *opt = fc->fs_private;
	const struct daxfs_volume *vol = daxfs_volume_of(d_inode(fc->root));
	const struct daxfs_backing *backing = vol->backing;

	if (opt->dmabuf ||
	    (opt->has_phys && (backing->kind != DAXFS_BACKING_PHYS ||
			       backing->phys != opt->phys)) ||
	    (opt->has_size && backing->size != opt->size))
		return invalf(fc, "daxfs: remount cannot change where the image is");
	if (fc->sb_flags_mask & SB_RDONLY && !(fc->sb_flags & SB_RDONLY)) {
		errorf(fc, "daxfs: %s is a read-only image", vol->name);
		return -EROFS;
	}
	return 0;
}

static void daxfs_free_fc(struct fs_context *fc)
{
	struct daxfs_mount_options *opt = fc->fs_private;

	/* Still ours when no super block took it, or one was there already. */
	if (fc->s_fs_info)
		free_sbi(fc->s_fs_info);
	if (opt && opt->dmabuf)
		dma_buf_put(opt->dmabuf);
	kfree(opt);
}

static const struct fs_context_operations daxfs_context_ops = {
	.parse_param = daxfs_parse_param,
	.get_tree = daxfs_get_tree,
	.reconfigure = daxfs_reconfigure,
	.free = daxfs_free_fc,
};

static int daxfs_init_fs_context(struct fs_context *fc)
{
	struct daxfs_mount_options *opt = kzalloc(sizeof(*opt), GFP_KERNEL);

	if (!opt)
		return -ENOMEM;
	fc->fs_private = opt;
	fc->ops = &daxfs_context_ops;
	return 0;
}

static struct file_system_type daxfs_type = {
	.owner = THIS_MODULE,
	.name = "daxfs",
	.init_fs_context = daxfs_init_fs_context,
	.parameters = daxfs_parameters,
	.kill_sb = daxfs_kill_sb,
};

static int __init daxfs_init(void)
{
	int err = daxfs_inode_cache_init();

	daxfs_map_init();
	if (err)
		return err;
	err = register_filesystem(&daxfs_type);
	if (err)
		daxfs_inode_cache_exit();
	return err;
}

static void __exit daxfs_exit(void)
{
	unregister_filesystem(&daxfs_type);
	daxfs_inode_cache_exit();
}

module_init(daxfs_init);
module_exit(daxfs_exit);
MODULE_ALIAS_FS("daxfs");
MODULE_DESCRIPTION("File system in memory that several parties share");
MODULE_LICENSE("GPL");
DAXFS_IMPORT_NS(DMA_BUF);
