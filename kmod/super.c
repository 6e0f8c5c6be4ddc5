// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file system type: mount options, super blocks, statfs. A super block is
 * one branch of one volume (or all of one without branches); mounting the same
 * again gives the same one.
 */
#include <linux/file.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/magic.h>
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
	OPT_VOLUME,
	OPT_BRANCH,
	OPT_VALIDATE,
	OPT_DISCARDED,
};

static const struct fs_parameter_spec daxfs_parameters[] = {
	fsparam_string("phys", OPT_PHYS),
	fsparam_string("size", OPT_SIZE),
	fsparam_fd("dmabuf", OPT_DMABUF),
	fsparam_fd("volume", OPT_VOLUME),
	fsparam_string("branch", OPT_BRANCH),
	fsparam_flag("validate", OPT_VALIDATE),
	fsparam_flag("discarded", OPT_DISCARDED),
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

/* A reference. Their files are all that there is in their file system. */
static struct dma_buf *dmabuf_of(const struct file *file)
{
	struct dma_buf *dmabuf = file->private_data;

	if (file_inode(file)->i_sb->s_magic != DMA_BUF_MAGIC || file->f_mode & FMODE_PATH)
		return ERR_PTR(-EINVAL);
	get_dma_buf(dmabuf);
	return dmabuf;
}

static int take_dmabuf(struct fs_context *fc, const struct fs_parameter *param,
		       struct daxfs_mount_options *opt, int fd)
{
	/* As take_volume(). */
	bool is_file = param->type == fs_value_is_file;
	struct dma_buf *dmabuf = is_file ? dmabuf_of(param->file) : dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return invalf(fc, "daxfs: dmabuf: the file descriptor is no dma-buf");
	if (opt->dmabuf)
		dma_buf_put(opt->dmabuf);
	opt->dmabuf = dmabuf;
	return 0;
}

static const struct super_operations daxfs_super_ops;

/*
 * volume: the volume of the mount that a file descriptor is of. It is found again
 * when something is mounted, for which a right is needed; whoever only says so
 * keeps nothing in use.
 */
static int take_volume(struct fs_context *fc, const struct fs_parameter *param,
		       struct daxfs_mount_options *opt, int fd)
{
	/* Older kernels do not say which descriptor the file was given by. */
	bool is_file = param->type == fs_value_is_file;
	struct file *file = is_file ? get_file(param->file) : fget_raw(fd);
	struct super_block *sb;
	char *device;

	if (!file)
		return invalf(fc, "daxfs: volume: %d is no file descriptor", fd);
	sb = file_inode(file)->i_sb;
	if (sb->s_op != &daxfs_super_ops) {
		fput(file);
		return invalf(fc, "daxfs: volume: the file descriptor is of no daxfs");
	}
	device = kstrdup(DAXFS_SB(sb)->source, GFP_KERNEL);
	if (!device) {
		fput(file);
		return -ENOMEM;
	}
	kfree(opt->device);
	opt->volume = DAXFS_SB(sb)->volume->instance;
	opt->device = device;
	fput(file);
	return 0;
}

static int take_branch(struct fs_context *fc, struct fs_parameter *param,
		       struct daxfs_mount_options *opt)
{
	if (!dxc_branch_name_is_legal(param->string))
		return invalf(fc, "daxfs: branch=%s is no name for a branch", param->string);
	kfree(opt->branch);
	opt->branch = param->string;
	param->string = NULL;
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
	case OPT_VOLUME:
		return take_volume(fc, param, opt, result.uint_32);
	case OPT_BRANCH:
		return take_branch(fc, param, opt);
	case OPT_VALIDATE:
		opt->validate = true;
		return 0;
	case OPT_DISCARDED:
		/* mount(8) gives a remount what /proc/mounts says. */
		if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE)
			return 0;
		return invalf(fc, "daxfs: discarded: says what became of a branch, and is no option");
	}
	return key;
}

/* A source that is more than a name to be shown. */
static bool names_device(const char *source)
{
	return source && source[0] && strcmp(source, "none") && strncmp(source, "daxfs:", 6);
}

static int check_options(struct fs_context *fc, const struct daxfs_mount_options *opt)
{
	if (opt->has_phys && !opt->has_size)
		return invalf(fc, "daxfs: phys= needs size=");
	if (opt->has_size && !opt->has_phys)
		return invalf(fc, "daxfs: size= needs phys=");
	if (opt->has_phys && opt->dmabuf)
		return invalf(fc, "daxfs: phys= and dmabuf exclude each other");
	if (opt->volume && (opt->has_phys || opt->dmabuf || names_device(fc->source)))
		return invalf(fc, "daxfs: volume says where the image is; phys=, dmabuf and a source exclude it");
	if (!opt->has_phys && !opt->dmabuf && !opt->volume &&
	    (!fc->source || !fc->source[0] || !strcmp(fc->source, "none")))
		return invalf(fc, "daxfs: nothing to mount: give phys=,size=, a dmabuf or a DAX device as source");
	if (PAGE_SIZE != DAXFS_BLOCK_SIZE)
		return invalf(fc, "daxfs: the block size is %u, but this kernel's pages have %lu bytes",
			      DAXFS_BLOCK_SIZE, PAGE_SIZE);
	return 0;
}

/* ---- super block ---- */

/* A number of inodes that nothing but space keeps from being made. */
#define MANY_FILES BIT_ULL(40)

/*
 * Of what is free, what writing all of it would take of the log: a record for each
 * piece, and room for that to be written anew. Chunks are not used to the last block.
 */
static u64 logs_take(const struct dxc_layer *layer, u64 blocks)
{
	return blocks / 1024 + 8 * layer->space->chunk_blocks;
}

/* What the branch that is shown could write. */
static int count_space(struct super_block *sb, struct kstatfs *buf)
{
	struct daxfs_volume *vol = DAXFS_SB(sb)->volume;
	const struct dxc_volume *core = &vol->core;
	const struct dxc_layer *layer;
	struct daxfs_hold hold;
	u64 logs;
	int id;

	buf->f_blocks = core->area[DAXFS_AREA_DELTA].length / DAXFS_BLOCK_SIZE +
			core->data_blocks;
	buf->f_files = MANY_FILES;
	buf->f_ffree = MANY_FILES - core->inode_count;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	/* Before the branch is held: to walk the chunk table of a large region takes its time. */
	daxfs_tally_refresh(vol);
	layer = daxfs_view_read(sb, &hold);
	/* What others may still read is had by whoever runs out of space: he waits for them. */
	buf->f_bfree = min(dxc_space_told(layer), buf->f_blocks);
	logs = logs_take(layer, buf->f_bfree);
	daxfs_view_read_end(sb, &hold);
	buf->f_bavail = buf->f_bfree - min(buf->f_bfree, logs);
	daxfs_backing_exit(vol->backing, id);
	return 0;
}

/*
 * A branch's own, as inode numbers are: of two branches they may be different files.
 * The UUID of the super block is the image's, as that of subvolumes elsewhere.
 */
static __kernel_fsid_t fsid_of(const struct daxfs_sb_info *sbi)
{
	__kernel_fsid_t fsid = uuid_to_fsid((u8 *)sbi->volume->core.uuid);
	u64 id = READ_ONCE(sbi->shown);

	if (dxc_word_id(id).branch == DAXFS_MAIN_BRANCH)
		return fsid;
	fsid.val[0] ^= id >> 32;
	fsid.val[1] ^= (u32)id;
	return fsid;
}

static int daxfs_statfs(struct dentry *dentry, struct kstatfs *buf)
{
	const struct daxfs_volume *vol = DAXFS_SB(dentry->d_sb)->volume;
	const struct dxc_volume *core = &vol->core;

	if (READ_ONCE(vol->backing->down))
		return -EIO;
	buf->f_type = DAXFS_SUPER_MAGIC;
	buf->f_bsize = DAXFS_BLOCK_SIZE;
	buf->f_blocks = core->region.size / DAXFS_BLOCK_SIZE;
	buf->f_files = core->inode_count;
	buf->f_namelen = DAXFS_NAME_MAX;
	buf->f_fsid = fsid_of(DAXFS_SB(dentry->d_sb));
	return daxfs_has_branches(vol) ? count_space(dentry->d_sb, buf) : 0;
}

/*
 * What operations said is durable when they return; but for stores through
 * mappings, times of inodes written in place, and what is on its way in
 * write-combining buffers.
 */
static int daxfs_sync_fs(struct super_block *sb, int wait)
{
	struct daxfs_volume *vol = DAXFS_SB(sb)->volume;
	int err, id;

	if (!wait || sb_rdonly(sb) || !daxfs_has_branches(vol))
		return 0;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	daxfs_write_back_all(sb);
	err = daxfs_flush_all_times(sb);
	/* Whoever looks after the power came back is the other side. */
	dxc_write_fence(vol->core.region.persistent);
	daxfs_backing_exit(vol->backing, id);
	return err;
}

/* Writers wait in the VFS; what they did is durable. */
static int daxfs_freeze_fs(struct super_block *sb)
{
	struct daxfs_volume *vol = DAXFS_SB(sb)->volume;

	/* But for a branch operation through another mount, which did not see that it is frozen. */
	if (daxfs_has_branches(vol)) {
		mutex_lock(&vol->ops_lock);
		mutex_unlock(&vol->ops_lock);
	}
	return daxfs_sync_fs(sb, 1);
}

/* A copy, as the name may be changed at any time. */
static void branch_name(struct super_block *sb, char *name)
{
	struct daxfs_hold hold;

	daxfs_view_read(sb, &hold);
	strscpy(name, DAXFS_SB(sb)->dead ? DAXFS_SB(sb)->lost : hold.branch->name,
		DAXFS_BRANCH_NAME_SIZE);
	daxfs_view_read_end(sb, &hold);
}

/*
 * The first column of /proc/mounts: the device, or for memory without a name
 * the image's and the branch's.
 */
static int daxfs_show_devname(struct seq_file *m, struct dentry *root)
{
	const struct daxfs_sb_info *sbi = DAXFS_SB(root->d_sb);
	char name[DAXFS_BRANCH_NAME_SIZE];

	if (sbi->volume->backing->kind == DAXFS_BACKING_DAX) {
		seq_escape(m, sbi->source, " \t\n\\#");
		return 0;
	}
	seq_puts(m, "daxfs:");
	seq_escape(m, sbi->source, " \t\n\\#");
	if (!daxfs_has_branches(sbi->volume))
		return 0;
	branch_name(root->d_sb, name);
	if (strcmp(name, "main"))
		seq_printf(m, ":%s", name);
	return 0;
}

/* What can be given to mount again; a dma-buf is known by no text. */
static int daxfs_show_options(struct seq_file *m, struct dentry *root)
{
	const struct daxfs_volume *vol = daxfs_volume_of(d_inode(root));
	const struct daxfs_backing *backing = vol->backing;
	char name[DAXFS_BRANCH_NAME_SIZE];

	if (backing->kind == DAXFS_BACKING_PHYS)
		seq_printf(m, ",phys=%#llx,size=%#llx",
			   daxfs_shows_places(m->file) ? (u64)backing->phys : 0, backing->size);
	if (daxfs_has_branches(vol)) {
		branch_name(root->d_sb, name);
		seq_show_option(m, "branch", name);
		if (READ_ONCE(DAXFS_SB(root->d_sb)->dead))
			seq_puts(m, ",discarded");
	}
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

	/* Evicts inodes, which may have something to say to their branch. */
	kill_anon_super(sb);
	if (!sbi)
		return;
	if (daxfs_has_branches(sbi->volume))
		daxfs_branch_detach(sb);
	free_sbi(sbi);
}

static const struct super_operations daxfs_super_ops = {
	.alloc_inode = daxfs_alloc_inode,
	.free_inode = daxfs_free_inode,
	.evict_inode = daxfs_evict_inode,
	.sync_fs = daxfs_sync_fs,
	.freeze_fs = daxfs_freeze_fs,
	DAXFS_SHUTDOWN_OP(daxfs_super_shutdown)
	.statfs = daxfs_statfs,
	.show_options = daxfs_show_options,
	.show_devname = daxfs_show_devname,
};

/* What mount(8) called the branch, or would have had to. */
static const char *name_of_branch(const struct daxfs_mount_options *opt)
{
	return opt->branch ?: "main";
}

static int attach(struct super_block *sb, struct fs_context *fc)
{
	struct daxfs_volume *vol = DAXFS_SB(sb)->volume;
	int err, id;

	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	err = daxfs_branch_attach(sb, fc, name_of_branch(fc->fs_private));
	daxfs_backing_exit(vol->backing, id);
	return err;
}

static int fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct daxfs_volume *vol = DAXFS_SB(sb)->volume;
	const struct dxc_volume *core = &vol->core;
	struct inode *root;
	int err;

	DAXFS_SB(sb)->sb = sb;
	sb->s_magic = DAXFS_SUPER_MAGIC;
	sb->s_blocksize = DAXFS_BLOCK_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = DXC_SIZE_MAX;
	sb->s_time_gran = 1;
	sb->s_op = &daxfs_super_ops;
	sb->s_xattr = daxfs_xattr_handlers;
	sb->s_export_op = &daxfs_export_ops;
	/* Who changes modes and xattrs from elsewhere takes S_NOSEC back: daxfs_inode_refresh(). */
	sb->s_flags |= SB_POSIXACL | SB_NOATIME | SB_NOSEC;
	super_set_uuid(sb, core->uuid, sizeof(core->uuid));
	if (daxfs_has_branches(vol)) {
		set_default_d_op(sb, &daxfs_dentry_ops);
		err = attach(sb, fc);
		if (err)
			return err;
	}

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

/*
 * Of those that show the branch the one that may write it, see view/home.c; not one that
 * was made for another branch and does not show it for long. A dead one shows none.
 */
static int same_view(struct super_block *sb, struct fs_context *fc)
{
	const struct daxfs_sb_info *have = DAXFS_SB(sb), *want = fc->s_fs_info;

	if (!have || have->volume != want->volume || READ_ONCE(have->shown) != want->shown)
		return 0;
	return !want->shown || (!READ_ONCE(have->dead) && !READ_ONCE(have->visiting) &&
				(!have->counted || READ_ONCE(have->dev) == sb->s_dev));
}

static bool wants_writable(const struct fs_context *fc)
{
	return fc->sb_flags_mask & SB_RDONLY && !(fc->sb_flags & SB_RDONLY);
}

/*
 * Without branches nothing can be written. Plain "mount" gives what there is;
 * an explicit rw is told the truth.
 */
static int choose_access(struct fs_context *fc, const struct daxfs_volume *vol)
{
	bool known = dxc_volume_may_be_written(&vol->core);

	if (daxfs_has_branches(vol) && vol->backing->writable && known)
		return 0;
	if (wants_writable(fc)) {
		errorf(fc, !daxfs_has_branches(vol) ? "daxfs: rw: %s is a read-only image" :
		       !known ? "daxfs: rw: %s is of a later format, to be read only" :
		       "daxfs: rw: %s is on a read-only device", vol->name);
		return -EROFS;
	}
	fc->sb_flags |= SB_RDONLY;
	return 0;
}

/* Which branch is meant, so that a super block that shows it is found. */
static int choose_branch(struct fs_context *fc, struct daxfs_sb_info *sbi)
{
	const struct daxfs_mount_options *opt = fc->fs_private;
	struct daxfs_volume *vol = sbi->volume;
	struct dxc_branch br;
	int err, id;

	if (!daxfs_has_branches(vol)) {
		if (opt->branch)
			return invalf(fc, "daxfs: branch=%s: %s has no branches: it was made without -w",
				      opt->branch, vol->name);
		return 0;
	}
	id = daxfs_backing_enter(vol->backing);
	if (id < 0)
		return id;
	err = dxc_branch_find(&vol->core, name_of_branch(opt), &br);
	daxfs_backing_exit(vol->backing, id);
	if (err) {
		errorf(fc, err == -ENOENT ? "daxfs: %s has no branch %s (error %d)" :
		       err == -EUCLEAN ? "daxfs: %s: the entry of branch %s is damaged: error %d" :
		       "daxfs: %s: branch %s cannot be found: error %d",
		       vol->name, name_of_branch(opt), err);
		return err;
	}
	sbi->shown = dxc_id_word(br.id);
	return 0;
}

/* One super block cannot be both; a bind mount of it can be read-only. */
static int same_access(struct fs_context *fc, const struct super_block *sb)
{
	if (!((fc->sb_flags ^ sb->s_flags) & SB_RDONLY))
		return 0;
	errorf(fc, "daxfs: branch %s is mounted %s already; mount -o remount,%s changes that for all its mounts",
	       name_of_branch(fc->fs_private), sb_rdonly(sb) ? "read-only" : "writable",
	       sb_rdonly(sb) ? "rw" : "ro");
	return -EBUSY;
}

static struct daxfs_sb_info *make_sbi(struct fs_context *fc)
{
	const struct daxfs_mount_options *opt = fc->fs_private;
	struct daxfs_sb_info *sbi = kzalloc(sizeof(*sbi), GFP_KERNEL);
	int err;

	if (!sbi)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&sbi->list);
	INIT_LIST_HEAD(&sbi->pulse.list);
	INIT_LIST_HEAD(&sbi->dirty);
	spin_lock_init(&sbi->dirty_lock);
	mutex_init(&sbi->sweep_lock);
	INIT_WORK(&sbi->put_work, daxfs_put_super_work);
	sbi->volume = daxfs_volume_get(fc, opt);
	if (IS_ERR(sbi->volume)) {
		err = PTR_ERR(sbi->volume);
		kfree(sbi);
		return ERR_PTR(err);
	}
	if (sbi->volume->backing->kind != DAXFS_BACKING_DAX)
		sbi->source = kstrdup(sbi->volume->name, GFP_KERNEL);
	else
		sbi->source = kstrdup(opt->device ?: fc->source, GFP_KERNEL);
	if (!sbi->source) {
		free_sbi(sbi);
		return ERR_PTR(-ENOMEM);
	}
	return sbi;
}

static int daxfs_get_tree(struct fs_context *fc)
{
	struct daxfs_mount_options *opt = fc->fs_private;
	struct daxfs_sb_info *sbi;
	struct super_block *sb;
	bool partial = false;
	int err;

	err = check_options(fc, opt);
	if (err)
		return err;
	sbi = make_sbi(fc);
	if (IS_ERR(sbi))
		return PTR_ERR(sbi);
	if (opt->validate) {
		err = daxfs_volume_validate(sbi->volume, fc, &partial);
		if (err)
			goto free;
	}
	err = choose_access(fc, sbi->volume);
	if (!err)
		err = choose_branch(fc, sbi);
	if (err)
		goto free;

	fc->s_fs_info = sbi;
	sb = sget_fc(fc, same_view, set_anon_super_fc);
	if (IS_ERR(sb))
		return PTR_ERR(sb);	/* fc still owns sbi, see daxfs_free_fc() */
	if (!sb->s_root) {
		err = fill_super(sb, fc);
		/* What was left half done is done now, if anybody can write here. */
		if (!err && partial)
			err = daxfs_volume_validate(sbi->volume, fc, &partial);
		if (err) {
			deactivate_locked_super(sb);
			return err;
		}
		sb->s_flags |= SB_ACTIVE;
	} else {
		err = same_access(fc, sb);
		if (err) {
			deactivate_locked_super(sb);
			return err;
		}
	}
	if (partial)
		warnf(fc, "daxfs: %s: a commit that is not finished keeps branches from being validated",
		      DAXFS_SB(sb)->volume->name);
	fc->root = dget(sb->s_root);
	return 0;

free:
	free_sbi(sbi);
	return err;
}

/* Does the remount name another place, or another branch? */
static int check_same(struct fs_context *fc)
{
	const struct daxfs_mount_options *opt = fc->fs_private;
	const struct daxfs_volume *vol = daxfs_volume_of(d_inode(fc->root));
	const struct daxfs_backing *backing = vol->backing;
	char name[DAXFS_BRANCH_NAME_SIZE];

	if (opt->dmabuf || opt->volume ||
	    (opt->has_phys && (backing->kind != DAXFS_BACKING_PHYS ||
			       backing->phys != opt->phys)) ||
	    (opt->has_size && backing->size != opt->size))
		return invalf(fc, "daxfs: remount cannot change where the image is");
	if (!opt->branch)
		return 0;
	if (!daxfs_has_branches(vol))
		return invalf(fc, "daxfs: branch=%s: %s has no branches", opt->branch, vol->name);
	branch_name(fc->root->d_sb, name);
	if (strcmp(name, opt->branch))
		return invalf(fc, "daxfs: remount cannot change the branch; 'daxfsctl branch switch %s' does",
			      opt->branch);
	return 0;
}

/* A read-only image stays read-only, and a mount stays where it is. */
static int daxfs_reconfigure(struct fs_context *fc)
{
	struct super_block *sb = fc->root->d_sb;
	const struct daxfs_volume *vol = DAXFS_SB(sb)->volume;
	bool writable;
	int err;

	err = check_same(fc);
	if (err)
		return err;
	if (!daxfs_has_branches(vol)) {
		if (!wants_writable(fc))
			return 0;
		errorf(fc, "daxfs: %s is a read-only image", vol->name);
		return -EROFS;
	}
	if (!(fc->sb_flags_mask & SB_RDONLY))
		return 0;
	writable = !(fc->sb_flags & SB_RDONLY);
	if (writable == READ_ONCE(DAXFS_SB(sb)->home_rw) && writable == !sb_rdonly(sb))
		return 0;
	return daxfs_branch_set_writable(sb, fc, writable);
}

static void daxfs_free_fc(struct fs_context *fc)
{
	struct daxfs_mount_options *opt = fc->fs_private;

	/* Still ours when no super block took it, or one was there already. */
	if (fc->s_fs_info)
		free_sbi(fc->s_fs_info);
	if (!opt)
		return;
	if (opt->dmabuf)
		dma_buf_put(opt->dmabuf);
	kfree(opt->device);
	kfree(opt->branch);
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

struct file_system_type daxfs_type = {
	.owner = THIS_MODULE,
	.name = "daxfs",
	.init_fs_context = daxfs_init_fs_context,
	.parameters = daxfs_parameters,
	.kill_sb = daxfs_kill_sb,
	.fs_flags = FS_ALLOW_IDMAP,
};

static const struct daxfs_calls calls = {
	.refresh = daxfs_inode_refresh,
	.unmap = daxfs_inode_unmap,
	.flush_times = daxfs_flush_all_times,
	.forget_times = daxfs_forget_all_times,
	.has_open = daxfs_inode_is_open,
	.tend = daxfs_tend,
	.look = daxfs_look,
};

static int __init daxfs_init(void)
{
	int err;

	daxfs_calls = &calls;
	daxfs_dax_removed = daxfs_device_removed;
	err = daxfs_inode_cache_init();
	if (err)
		return err;
	err = daxfs_branch_module_init();
	if (err)
		goto cache;
	err = register_filesystem(&daxfs_type);
	if (err)
		goto branches;
	return 0;

branches:
	daxfs_branch_module_exit();
cache:
	daxfs_inode_cache_exit();
	return err;
}

static void __exit daxfs_exit(void)
{
	unregister_filesystem(&daxfs_type);
	/* Waits for super blocks that are put by others than umount(2). */
	daxfs_branch_module_exit();
	daxfs_phys_exit();
	daxfs_inode_cache_exit();
}

module_init(daxfs_init);
module_exit(daxfs_exit);
MODULE_ALIAS_FS("daxfs");
MODULE_DESCRIPTION("File system in memory that several parties share");
MODULE_LICENSE("GPL");
DAXFS_IMPORT_NS(DMA_BUF);
