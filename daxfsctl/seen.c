// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds volumes. Of a block device 4 KiB are read; only what begins with a
 * superblock is looked at further. Whatever is there may be anybody's: nothing is
 * believed but through the core. Prints nothing.
 */
#include "seen.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devdax.h"
#include "image.h"
#include "mounted.h"
#include "usage.h"

/* Super blocks of this machine whose roots answer. */
struct roots {
	struct libmnt_table *table;
	struct mounted *mounted;
	size_t *seen; /* index in the list of each one's volume */
	size_t count;
};

/* ---- the list ---- */

/* A new one at the end of the list; takes over source, which may be NULL without memory. */
static struct seen *add_seen(struct seen_list *list, char *source, const char *backing)
{
	struct seen *seen = NULL;

	if (source)
		seen = reallocarray(list->seen, list->count + 1, sizeof(*seen));
	if (!seen) {
		free(source);
		return NULL;
	}
	list->seen = seen;
	seen += list->count++;
	*seen = (struct seen){ .source = source, .backing = backing };
	return seen;
}

static int add_target(struct seen *seen, const char *path)
{
	char **targets =
		reallocarray(seen->targets, seen->target_count + 1, sizeof(*targets));
	char *copy = strdup(path);

	if (targets)
		seen->targets = targets;
	if (!targets || !copy) {
		free(copy);
		return -ENOMEM;
	}
	targets[seen->target_count++] = copy;
	return 0;
}

void seen_free(struct seen_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct seen *seen = &list->seen[i];

		for (size_t t = 0; t < seen->target_count; t++)
			free(seen->targets[t]);
		free(seen->targets);
		free(seen->source);
	}
	free(list->seen);
	list->seen = NULL;
	list->count = 0;
}

/* ---- images ---- */

static const char *backing_of(const struct source *src)
{
	switch (src->kind) {
	case SOURCE_FILE:
		return "file";
	case SOURCE_BLOCK:
		return "block";
	case SOURCE_DEVDAX:
		return "dax";
	case SOURCE_PHYS:
		return "phys";
	case SOURCE_MOUNT:
		break;
	}
	return "unknown";
}

static dev_t device_at(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode)))
		return 0;
	return st.st_rdev;
}

/* An image that is open, as source. */
static int add_image(struct seen_list *list, const struct image *img, const char *source)
{
	const struct dxc_volume *vol = &img->vol;
	struct seen *seen = add_seen(list, strdup(source), backing_of(&img->src));
	struct usage us;

	if (!seen)
		return -ENOMEM;
	seen->is_known = true;
	seen->version = vol->version;
	memcpy(seen->label, vol->label, sizeof(seen->label));
	memcpy(seen->uuid, vol->uuid, sizeof(seen->uuid));
	seen->size = vol->region.size;
	seen->region = img->src.size;
	seen->device = device_at(source);
	if (usage_read(&us, vol) != 0)
		return -ENOMEM;
	usage_of_image(&us, vol, &seen->used, &seen->of);
	seen->has_usage = true;
	seen->has_branches = dxc_volume_is_writable(vol);
	seen->branches = us.branch_count;
	usage_free(&us);
	return 0;
}

/* Passes over what cannot be opened. 0 or -ENOMEM. */
static int look_at(struct seen_list *list, const char *path)
{
	struct image img;
	int err;

	err = image_open(&img, path);
	if (err)
		return err == -ENOMEM ? err : 0;
	err = img.src.kind == SOURCE_MOUNT ? 0 : add_image(list, &img, path);
	image_close(&img);
	return err;
}

/* ---- devices ---- */

/* Does a block device begin with a superblock? Reads that, and nothing else. */
static bool begins_with_super(const char *path)
{
	unsigned char block[DAXFS_SB_SIZE];
	struct dxc_volume vol;
	bool begins = false;
	struct stat st;
	off_t size;
	int fd;

	/* A drive without a medium is not to be waited for. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISBLK(st.st_mode)) {
		size = lseek(fd, 0, SEEK_END);
		begins = size >= DAXFS_SB_SIZE &&
			 pread(fd, block, sizeof(block), 0) == sizeof(block) &&
			 dxc_volume_open(&vol, block, (u64)size, NULL) == 0;
	}
	close(fd);
	return begins;
}

static int is_visible(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

/* All that sysfs names in dir, by the names that their nodes in /dev have. */
/* One that file systems use, or did last, is none of those to be looked at in passing. */
static bool can_be_mapped(const char *path)
{
	return !devdax_has_driver(device_at(path), DEVDAX_FOR_MOUNTS);
}

static int look_at_devices(struct seen_list *list, const char *dir, bool are_blocks)
{
	struct dirent **names;
	int count = scandir(dir, &names, is_visible, versionsort);
	int err = 0;

	/* Without the kernel's support there are none. */
	if (count < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	for (int i = 0; i < count; i++) {
		char path[sizeof("/dev/") + sizeof(names[i]->d_name)];

		snprintf(path, sizeof(path), "/dev/%s", names[i]->d_name);
		/* As sysfs writes the slash in cciss/c0d0. */
		for (char *p = path; (p = strchr(p, '!'));)
			*p = '/';
		if (!err && (are_blocks ? begins_with_super(path) : can_be_mapped(path)))
			err = look_at(list, path);
		free(names[i]);
	}
	free(names);
	return err;
}

/* ---- mounts ---- */

static void close_roots(struct roots *roots)
{
	for (size_t i = 0; i < roots->count; i++)
		free(roots->mounted[i].branches);
	free(roots->mounted);
	free(roots->seen);
	mnt_unref_table(roots->table);
}

static struct mounted *find_root(const struct roots *roots, dev_t dev, size_t *index)
{
	for (size_t i = 0; i < roots->count; i++) {
		if (roots->mounted[i].dev != dev)
			continue;
		*index = i;
		return &roots->mounted[i];
	}
	return NULL;
}

/* In a form that can be given to other applets, where there is one. */
static char *mounted_source(const struct mounted *mounted, struct libmnt_fs *fs)
{
	const char *source = mnt_fs_get_source(fs);
	char *text;

	if (mounted->info.dv_backing != DAXFS_BACKING_PHYS)
		return strdup(source ? source : "none");
	return asprintf(&text, "phys:0x%llx+0x%llx",
			(unsigned long long)mounted->info.dv_phys,
			(unsigned long long)mounted->info.dv_region_size) < 0 ?
		       NULL :
		       text;
}

/* A device that was looked at already is the volume that is mounted from it. */
static struct seen *seen_on(struct seen_list *list, const struct mounted *mounted,
			    const char *source)
{
	dev_t device = 0;

	if (mounted->info.dv_backing == DAXFS_BACKING_DAX && source)
		device = device_at(source);
	for (size_t i = 0; device && i < list->count; i++)
		if (list->seen[i].device == device)
			return &list->seen[i];
	return NULL;
}

/* What is mounted is asked of the mount, which knows best. */
static void tell_mounted(struct seen *seen, const struct mounted *mounted, int fd)
{
	const struct daxfs_volume_info *info = &mounted->info;
	struct statvfs fs;

	seen->is_known = true;
	seen->backing = mounted_backing(info->dv_backing);
	seen->version = info->dv_version;
	snprintf(seen->label, sizeof(seen->label), "%.*s", DAXFS_LABEL_LEN,
		 info->dv_label);
	memcpy(seen->uuid, info->dv_uuid, sizeof(seen->uuid));
	seen->size = info->dv_image_size;
	seen->region = info->dv_region_size;
	seen->has_branches = info->dv_incompat & DAXFS_INCOMPAT_DELTA;
	seen->branches = (uint32_t)mounted->count;
	if (fstatvfs(fd, &fs) == 0) {
		seen->of = (uint64_t)fs.f_blocks * fs.f_frsize;
		seen->used = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
		seen->has_usage = true;
	}
}

/* One more super block: of a volume that is known, or of a new one. */
static int add_root(struct seen_list *list, struct roots *roots, struct libmnt_fs *fs,
		    int fd)
{
	struct seen *seen = NULL;
	struct mounted mounted, *more;
	size_t *indexes, index = 0;
	int err;

	err = mounted_read(fd, &mounted);
	if (err)
		return 0;
	mounted.info.dv_label[sizeof(mounted.info.dv_label) - 1] = '\0';
	/* Not st_dev, which several mounts of one branch share. */
	mounted.dev = mnt_fs_get_devno(fs);
	for (size_t i = 0; i < roots->count && !seen; i++)
		if (mounted_is_same_volume(&roots->mounted[i], &mounted))
			seen = &list->seen[roots->seen[i]];
	if (!seen) {
		seen = seen_on(list, &mounted, mnt_fs_get_source(fs));
		if (!seen)
			seen = add_seen(list, mounted_source(&mounted, fs), "unknown");
		if (seen)
			tell_mounted(seen, &mounted, fd);
	}
	err = -ENOMEM;
	if (!seen)
		goto free_branches;
	index = (size_t)(seen - list->seen);
	more = reallocarray(roots->mounted, roots->count + 1, sizeof(*more));
	if (more)
		roots->mounted = more;
	indexes = reallocarray(roots->seen, roots->count + 1, sizeof(*indexes));
	if (indexes)
		roots->seen = indexes;
	if (!more || !indexes)
		goto free_branches;
	roots->mounted[roots->count] = mounted;
	roots->seen[roots->count++] = index;
	return 0;

free_branches:
	free(mounted.branches);
	return err;
}

/* The volumes behind all super blocks whose root can be opened. */
static int open_roots(struct seen_list *list, struct roots *roots)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	size_t index;
	int err = iter ? 0 : -ENOMEM;

	roots->table = mounted_table();
	while (!err && roots->table && mnt_table_next_fs(roots->table, iter, &fs) == 0) {
		int fd;

		if (!mounted_is_daxfs(fs) ||
		    find_root(roots, mnt_fs_get_devno(fs), &index))
			continue;
		fd = mounted_open(fs);
		if (fd < 0)
			continue;
		err = add_root(list, roots, fs, fd);
		close(fd);
	}
	mnt_free_iter(iter);
	return err;
}

/* Of what does not answer only the mount table is known. */
static int add_silent(struct seen_list *list, struct libmnt_fs *fs)
{
	const char *source = mnt_fs_get_source(fs);
	struct seen *seen = NULL;

	for (size_t i = 0; i < list->count && !seen; i++)
		if (!list->seen[i].is_known &&
		    list->seen[i].device == mnt_fs_get_devno(fs))
			seen = &list->seen[i];
	if (!seen) {
		seen = add_seen(list, strdup(source ? source : "none"), "unknown");
		if (seen)
			seen->device = mnt_fs_get_devno(fs);
	}
	return seen ? add_target(seen, mnt_fs_get_target(fs)) : -ENOMEM;
}

/* Where they all are: mounts of parts, too. silent: with those that do not answer. */
static int add_targets(struct seen_list *list, const struct roots *roots, bool silent)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	size_t index;
	int err = iter ? 0 : -ENOMEM;

	while (!err && roots->table && mnt_table_next_fs(roots->table, iter, &fs) == 0) {
		if (!mounted_is_daxfs(fs))
			continue;
		if (find_root(roots, mnt_fs_get_devno(fs), &index))
			err = add_target(&list->seen[roots->seen[index]],
					 mnt_fs_get_target(fs));
		else if (silent)
			err = add_silent(list, fs);
	}
	mnt_free_iter(iter);
	return err;
}

int seen_all(struct seen_list *list)
{
	struct roots roots = { 0 };
	int err;

	err = look_at_devices(list, "/sys/class/block", true);
	if (!err)
		err = look_at_devices(list, "/sys/bus/dax/devices", false);
	if (!err)
		err = open_roots(list, &roots);
	if (!err)
		err = add_targets(list, &roots, true);
	close_roots(&roots);
	return err;
}

/* ---- what was named ---- */

/* Moves the volume at index from one list to the end of another. */
static int move_seen(struct seen_list *to, struct seen_list *from, size_t index)
{
	struct seen *more = reallocarray(to->seen, to->count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	to->seen = more;
	more[to->count++] = from->seen[index];
	memmove(&from->seen[index], &from->seen[index + 1],
		(from->count - index - 1) * sizeof(*from->seen));
	from->count--;
	return 0;
}

/*
 * The volume of the mount that fd is a directory of. Its root may be out of sight:
 * then fd answers for it. -ENXIO: the mount table does not have it.
 */
static int find_mounted(struct seen_list *list, int fd)
{
	struct seen_list found = { 0 };
	struct roots roots = { 0 };
	struct libmnt_fs *fs;
	struct stat st;
	size_t index;
	int err;

	err = open_roots(&found, &roots);
	if (!err && fstat(fd, &st) < 0)
		err = -errno;
	if (!err && !find_root(&roots, st.st_dev, &index)) {
		fs = mnt_table_find_devno(roots.table, st.st_dev, MNT_ITER_FORWARD);
		err = fs ? add_root(&found, &roots, fs, fd) : -ENXIO;
	}
	if (!err)
		err = add_targets(&found, &roots, false);
	if (!err)
		err = find_root(&roots, st.st_dev, &index) ?
			      move_seen(list, &found, roots.seen[index]) :
			      -EIO;
	close_roots(&roots);
	seen_free(&found);
	return err;
}

/* The targets of a device, and what its mount says of it. */
static int find_mounts_of(struct seen_list *list)
{
	struct seen_list found = { 0 };
	struct roots roots = { 0 };
	int err;

	if (!list->seen[list->count - 1].device)
		return 0;
	err = move_seen(&found, list, list->count - 1);
	if (!err)
		err = open_roots(&found, &roots);
	if (!err)
		err = add_targets(&found, &roots, false);
	if (!err)
		err = move_seen(list, &found, 0);
	close_roots(&roots);
	seen_free(&found);
	return err;
}

int seen_one(struct seen_list *list, const char *text, char **words)
{
	struct image img;
	int err;

	*words = NULL;
	err = image_open(&img, text);
	if (err) {
		*words = image_strerror(&img, err);
		if (img.finding.code == DXC_SB_SHORT || img.finding.code == DXC_SB_MAGIC)
			return -ENOENT;
		return err;
	}
	if (img.src.kind == SOURCE_MOUNT) {
		err = find_mounted(list, img.src.fd);
		if (err == -ENXIO)
			*words = strdup("is mounted, but not in /proc/self/mountinfo");
	} else {
		/* phys: is not opened by the path that it has. */
		err = add_image(list, &img,
				img.src.kind == SOURCE_PHYS ? text : img.src.path);
		if (!err)
			err = find_mounts_of(list);
	}
	image_close(&img);
	return err;
}
