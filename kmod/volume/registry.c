// SPDX-License-Identifier: GPL-2.0-only
/*
 * The volumes that are open: one per region in this kernel, however many mounts it has.
 * Owns the backing and the checked superblock, and what a volume has for its branches.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/slab.h>
#include "volume.h"
#include "backing/backing.h"

/*
 * Guards the list. Held while a backing is opened, so that two mounts of one
 * region do not both open it; taken with no other lock of ours held.
 */
static DEFINE_MUTEX(daxfs_volumes_lock);
/*
 * Guards the list, too, for daxfs_volumes_walk(). A device that goes keeps others from
 * going until we were told, which closing a backing may wait for with the mutex held.
 */
static DEFINE_SPINLOCK(list_lock);
static LIST_HEAD(daxfs_volumes);
static u64 instances;	/* volumes that there were */

static bool volume_is(const struct daxfs_volume *vol, struct fs_context *fc,
		      const struct daxfs_mount_options *opt,
		      const struct daxfs_device *device)
{
	const struct daxfs_backing *backing = vol->backing;
	int id;

	if (opt->volume)
		return vol->instance == opt->volume;
	if (opt->dmabuf)
		return backing->dmabuf == opt->dmabuf;
	if (opt->has_phys)
		return backing->kind == DAXFS_BACKING_PHYS &&
			backing->phys == opt->phys && backing->size == opt->size;
	if (backing->kind != DAXFS_BACKING_DAX || backing->device.dev != device->dev ||
	    backing->device.is_char != device->is_char)
		return false;
	/* A number that a removed device had may be another's by now. */
	id = daxfs_backing_hold(backing);
	if (id < 0)
		return false;
	daxfs_backing_exit(backing, id);
	return true;
}

static struct daxfs_backing *open_backing(struct fs_context *fc,
					  const struct daxfs_mount_options *opt,
					  const struct daxfs_device *device)
{
	if (opt->dmabuf)
		return daxfs_dmabuf_open(fc, opt);
	if (opt->has_phys)
		return daxfs_phys_open(fc, opt);
	return device->is_char ? daxfs_devdax_open(fc) : daxfs_dax_open(fc);
}

/* The name in messages: what a person called it, or else its UUID. */
static void name_volume(struct daxfs_volume *vol)
{
	if (vol->core.label[0])
		strscpy(vol->name, vol->core.label, sizeof(vol->name));
	else
		snprintf(vol->name, sizeof(vol->name), "%pU", vol->core.uuid);
}

static void list_volume(struct daxfs_volume *vol)
{
	spin_lock(&list_lock);
	list_add(&vol->list, &daxfs_volumes);
	spin_unlock(&list_lock);
}

static void unlist_volume(struct daxfs_volume *vol)
{
	spin_lock(&list_lock);
	list_del(&vol->list);
	spin_unlock(&list_lock);
}

void daxfs_volumes_walk(void (*each)(struct daxfs_volume *vol, void *arg), void *arg)
{
	struct daxfs_volume *vol;

	spin_lock(&list_lock);
	list_for_each_entry(vol, &daxfs_volumes, list)
		each(vol, arg);
	spin_unlock(&list_lock);
}

/* In the list, as soon as it has a backing. */
static void get_volume(void *vol)
{
	kref_get(&((struct daxfs_volume *)vol)->ref);
}

static void put_volume(void *vol)
{
	daxfs_volume_put(vol);
}

/* What a volume with branches has: space, srcu, heartbeats. */
static int init_branches(struct daxfs_volume *vol, struct fs_context *fc)
{
	int err;

	mutex_init(&vol->ops_lock);
	mutex_init(&vol->settle_lock);
	init_rwsem(&vol->tree);
	INIT_LIST_HEAD(&vol->branches);
	INIT_LIST_HEAD(&vol->supers);
	vol->noticed_seq = dxc_commit_seq(&vol->core);
	vol->seen_seq = vol->noticed_seq;
	daxfs_set_left(vol, vol->noticed_seq);
	vol->commit_at = dxc_commit_at(&vol->core);
	/* Of a device that goes at this moment; whoever says that it does stores there after that. */
	smp_mb();
	if (READ_ONCE(vol->backing->down))
		WRITE_ONCE(vol->commit_at, &vol->left_raw);
	err = init_srcu_struct(&vol->srcu);
	if (err)
		goto fail;
	err = dxc_space_init(&vol->space, &vol->core);
	if (err)
		goto srcu;
	if (vol->backing->has_pages) {
		/* By who had the range mapped when it was mounted before: see phys.c. */
		vol->was_mapped = vol->backing->in_use;
		vol->space.busy = daxfs_blocks_busy;
		vol->space.priv = vol->backing;
	}
	err = daxfs_slots_init(vol);
	if (err)
		goto space;
	daxfs_tally_init(vol);
	return 0;

space:
	dxc_space_exit(&vol->space);
srcu:
	cleanup_srcu_struct(&vol->srcu);
fail:
	errorf(fc, "daxfs: out of memory");
	return err;
}

static void exit_branches(struct daxfs_volume *vol)
{
	daxfs_slots_exit(vol);
	dxc_space_exit(&vol->space);
	/* A task that was killed did not wait for the grace period that it had started. */
	synchronize_srcu(&vol->srcu);
	cleanup_srcu_struct(&vol->srcu);
}

static struct daxfs_volume *open_volume(struct fs_context *fc,
					const struct daxfs_mount_options *opt,
					const struct daxfs_device *device)
{
	struct daxfs_volume *vol;
	struct dxc_finding f = {};
	int err, id;

	vol = kzalloc(sizeof(*vol), GFP_KERNEL);
	if (!vol)
		return ERR_PTR(-ENOMEM);
	kref_init(&vol->ref);
	vol->commit_at = &vol->left_raw;
	mutex_init(&vol->validate_lock);
	vol->backing = open_backing(fc, opt, device);
	if (IS_ERR(vol->backing)) {
		err = PTR_ERR(vol->backing);
		goto free;
	}
	list_volume(vol);
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		err = id;
		goto unlist;
	}
	err = dxc_volume_open(&vol->core, vol->backing->base, vol->backing->size, &f);
	/* Of a physical range contents of files alone are read so: metadata is looked up in place. */
	vol->core.region.poisons = vol->backing->poisons &&
				   vol->backing->kind != DAXFS_BACKING_PHYS;
	vol->core.region.persistent = vol->backing->persistent;
	if (err) {
		daxfs_bad_mount(fc, err, &f);
		goto exit;
	}
	name_volume(vol);
	vol->backing->owner = vol;
	vol->backing->get_owner = get_volume;
	vol->backing->put_owner = put_volume;
	vol->instance = ++instances;
	if (daxfs_has_branches(vol)) {
		err = init_branches(vol, fc);
		if (err)
			goto exit;
	}
	daxfs_backing_exit(vol->backing, id);
	return vol;

exit:
	daxfs_backing_exit(vol->backing, id);
unlist:
	unlist_volume(vol);
	vol->backing->ops->close(vol->backing);
free:
	kfree(vol);
	return ERR_PTR(err);
}

struct daxfs_volume *daxfs_volume_get(struct fs_context *fc,
				      const struct daxfs_mount_options *opt)
{
	struct daxfs_device device = {};
	struct daxfs_volume *vol;
	int err;

	if (!opt->volume && !opt->dmabuf && !opt->has_phys) {
		err = daxfs_device_find(fc, &device);
		if (err)
			return ERR_PTR(err);
	}
	mutex_lock(&daxfs_volumes_lock);
	list_for_each_entry(vol, &daxfs_volumes, list) {
		if (volume_is(vol, fc, opt, &device)) {
			if (READ_ONCE(vol->backing->down)) {
				errorf(fc, "daxfs: %s was shut down, and is still in use: unmount it, and close its dma-bufs",
				       vol->name);
				vol = ERR_PTR(-EIO);
				goto out;
			}
			kref_get(&vol->ref);
			goto out;
		}
	}
	if (opt->volume) {
		errorf(fc, "daxfs: volume: the mount that was named is gone");
		vol = ERR_PTR(-ESTALE);
		goto out;
	}
	vol = open_volume(fc, opt, &device);
out:
	mutex_unlock(&daxfs_volumes_lock);
	return vol;
}

static void release_volume(struct kref *ref)
{
	struct daxfs_volume *vol = container_of(ref, struct daxfs_volume, ref);

	unlist_volume(vol);
	mutex_unlock(&daxfs_volumes_lock);
	if (daxfs_has_branches(vol))
		exit_branches(vol);
	vol->backing->ops->close(vol->backing);
	kfree(vol);
}

void daxfs_volume_put(struct daxfs_volume *vol)
{
	kref_put_mutex(&vol->ref, release_volume, &daxfs_volumes_lock);
}

/* The first damage is enough to refuse; the rest is fsck's business. */
static int stop_at_first(void *priv, const struct dxc_finding *f)
{
	if (dxc_code_is_leftover(f->code))
		return 0;
	daxfs_bad_mount(priv, -EUCLEAN, f);
	return f->code == DXC_AREA_CHECKSUM ? -EBADMSG : -EUCLEAN;
}

/* Each time it is asked for: others may have written since the last time. */
int daxfs_volume_validate(struct daxfs_volume *vol, struct fs_context *fc, bool *partial)
{
	struct dxc_check chk = { .report = stop_at_first, .priv = fc };
	int err, id;

	err = mutex_lock_killable(&vol->validate_lock);
	if (err)
		return err;
	id = daxfs_backing_enter(vol->backing);
	if (id < 0) {
		err = id;
		goto out;
	}
	err = dxc_check(&vol->core, &chk);
	daxfs_backing_exit(vol->backing, id);
	*partial = chk.partial;
	if (!err && !chk.partial)
		WRITE_ONCE(vol->validated, true);
out:
	mutex_unlock(&vol->validate_lock);
	return err;
}

/* ---- what the module says ---- */

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
