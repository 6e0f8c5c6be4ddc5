// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mounted daxfs, its list of branches, and the calls that change them. Owns
 * the words for what the kernel refuses without giving its own.
 */
#include "branch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <daxfs/format.h>

#include "../kmod/core/branch.h"
#include "applet.h"
#include "message.h"

bool branch_name_is_legal(const char *name)
{
	return dxc_branch_name_is_legal(name);
}

static bool is_mount_root(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) < 0)
		return false;
	/* Kernels that do not say: the calls on the directory will. */
	return !(stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
	       stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static bool is_daxfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == DAXFS_SUPER_MAGIC;
}

int branch_path_is_mount(const char *path, bool *is_mount)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*is_mount = is_daxfs(fd) && is_mount_root(fd);
	close(fd);
	return 0;
}

/* The root of the mount that holds the current directory; *path to be freed. */
static int open_current(char **path, int *root)
{
	char *slash, *cwd = getcwd(NULL, 0);
	int fd = -1, err = -errno;

	if (!cwd)
		return err;
	for (;;) {
		fd = open(*cwd ? cwd : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = -errno;
		if (fd < 0)
			break;
		err = -ENOENT;
		if (!is_daxfs(fd))
			break;
		err = 0;
		if (is_mount_root(fd) || !*cwd)
			break;
		close(fd);
		slash = strrchr(cwd, '/');
		*slash = '\0';
	}
	if (err) {
		if (fd >= 0)
			close(fd);
		free(cwd);
		return err;
	}
	*path = cwd;
	*root = fd;
	return 0;
}

/* By the index in the branch table, which is the lower half of an id. */
static int compare_branches(const void *a, const void *b)
{
	__u32 left = (__u32)((const struct daxfs_branch_info *)a)->di_id;
	__u32 right = (__u32)((const struct daxfs_branch_info *)b)->di_id;

	return (left > right) - (left < right);
}

static void end_texts(struct daxfs_branch_info *br)
{
	br->di_name[sizeof(br->di_name) - 1] = '\0';
	br->di_host[sizeof(br->di_host) - 1] = '\0';
}

int branch_list_read(int fd, struct daxfs_branch_info **list, size_t *count)
{
	struct daxfs_branch_info *all = NULL;
	size_t have = 0, room = 0;
	__u32 start = 0;
	int err = 0;

	do {
		struct daxfs_branch_list dl = { .dl_size = sizeof(dl),
						.dl_start = start };
		struct daxfs_branch_info *more;

		if (room - have < 64) {
			room = room ? room * 2 : 64;
			more = reallocarray(all, room, sizeof(*all));
			err = -ENOMEM;
			if (!more)
				break;
			all = more;
		}
		memset(all + have, 0, (room - have) * sizeof(*all));
		dl.dl_room = (__u32)(room - have);
		dl.dl_branches = (uintptr_t)(all + have);
		err = ioctl(fd, DAXFS_IOC_BRANCH_LIST, &dl) < 0 ? -errno : 0;
		if (err)
			break;
		/* A list that does not go on would not end either. */
		err = -EIO;
		if (dl.dl_count > room - have || (dl.dl_next && dl.dl_next <= start))
			break;
		for (__u32 i = 0; i < dl.dl_count; i++)
			end_texts(&all[have + i]);
		have += dl.dl_count;
		start = dl.dl_next;
		err = 0;
	} while (start);
	if (err) {
		free(all);
		return err;
	}
	qsort(all, have, sizeof(*all), compare_branches);
	*list = all;
	*count = have;
	return 0;
}

int branch_mount_adopt(struct branch_mount *bm, const char *path, int fd)
{
	int err;

	memset(bm, 0, sizeof(*bm));
	bm->fd = fd;
	bm->path = strdup(path);
	err = bm->path ? branch_list_read(fd, &bm->branches, &bm->count) : -ENOMEM;
	switch (-err) {
	case 0:
		return EXIT_OK;
	case ENOTTY:
		message_error(
			"%s: is part of a daxfs; branches belong to its root directory, or the module is too old for them",
			path);
		return EXIT_NOT_FOUND;
	case EROFS:
	case EOPNOTSUPP:
		message_error("%s: is mounted from an image without branches", path);
		message_hint("mkdaxfs -w makes images with branches");
		return EXIT_REFUSED;
	}
	message_error("%s: cannot list the branches: %s", path, strerror(-err));
	return err == -EPERM || err == -ESTALE ? EXIT_REFUSED : EXIT_FAILED;
}

int branch_mount_open(struct branch_mount *bm, const char *path)
{
	char *current = NULL;
	int fd, err, status;

	memset(bm, 0, sizeof(*bm));
	bm->fd = -1;
	if (!path) {
		err = open_current(&current, &fd);
		if (err) {
			if (err == -ENOENT)
				message_error("the current directory is in no daxfs");
			else
				message_error("the current directory: %s",
					      strerror(-err));
			message_hint("say with -m DIR where the daxfs is mounted");
			return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
		}
		status = branch_mount_adopt(bm, *current ? current : "/", fd);
		free(current);
		return status;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		message_error("%s: %s", path, strerror(err));
		return err == ENOENT || err == ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	if (is_daxfs(fd) && is_mount_root(fd))
		return branch_mount_adopt(bm, path, fd);
	message_error("%s: %s", path,
		      is_daxfs(fd) ? "is inside a daxfs, not where it is mounted" :
				     "is not where a daxfs is mounted");
	close(fd);
	return EXIT_NOT_FOUND;
}

void branch_mount_close(struct branch_mount *bm)
{
	if (bm->fd >= 0)
		close(bm->fd);
	bm->fd = -1;
	free(bm->path);
	free(bm->branches);
	bm->path = NULL;
	bm->branches = NULL;
	bm->count = 0;
}

const struct daxfs_branch_info *branch_shown(const struct branch_mount *bm)
{
	for (size_t i = 0; i < bm->count; i++)
		if (bm->branches[i].di_flags & DAXFS_BRANCH_SHOWN)
			return &bm->branches[i];
	return NULL;
}

const struct daxfs_branch_info *branch_named(const struct branch_mount *bm,
					     const char *name)
{
	for (size_t i = 0; i < bm->count; i++)
		if (strcmp(bm->branches[i].di_name, name) == 0)
			return &bm->branches[i];
	return NULL;
}

const struct daxfs_branch_info *branch_with_id(const struct branch_mount *bm, uint64_t id)
{
	const struct daxfs_branch_info key = { .di_id = id };
	const struct daxfs_branch_info *found;

	found = bsearch(&key, bm->branches, bm->count, sizeof(key), compare_branches);
	return found && found->di_id == id ? found : NULL;
}

const struct daxfs_branch_info *branch_parent(const struct branch_mount *bm,
					      const struct daxfs_branch_info *br)
{
	if (br->di_parent == br->di_id)
		return NULL;
	return branch_with_id(bm, br->di_parent);
}

bool branch_is_ancestor(const struct branch_mount *bm, const struct daxfs_branch_info *br,
			const struct daxfs_branch_info *below)
{
	for (size_t i = 0; below && i <= bm->count; i++) {
		if (below == br)
			return true;
		below = branch_parent(bm, below);
	}
	return false;
}

uint32_t branch_mount_flags(int fd)
{
	struct daxfs_volume_info info = { .dv_size = sizeof(info) };

	return ioctl(fd, DAXFS_IOC_VOLUME_INFO, &info) == 0 ? info.dv_flags : 0;
}

const struct daxfs_branch_info *branch_operand(const struct branch_mount *bm,
					       const char *name)
{
	const struct daxfs_branch_info *br = name ? branch_named(bm, name) :
						    branch_shown(bm);

	if (!br && name) {
		message_error("%s: there is no such branch", name);
	} else if (!br) {
		message_error("%s: the branch that it showed is discarded", bm->path);
		message_hint(
			"'daxfs-branch switch NAME -m DIR' shows another branch there");
	}
	return br;
}

/* Words for an errno that came without the kernel's own. */
static const char *words_for(unsigned long request, int err)
{
	switch (-err) {
	case EBUSY:
		return request == DAXFS_IOC_BRANCH_COMMIT ?
			       "has branches of its own; commit or abort them first" :
			       "is in use";
	case EEXIST:
		return "there is a branch of that name already";
	case EINVAL:
		return "the kernel refuses this name";
	case ENOENT:
		return "there is no such branch";
	case ENOSPC:
		return "the image has no room for another branch";
	case ENOTTY:
		return "this daxfs module knows no branches";
	case EACCES:
	case EPERM:
		return geteuid() == 0 ?
			       "this cannot be done with main" :
			       "only root and the owner of the mount's root may do that";
	case EROFS:
		return "the image or the mount is read-only";
	case ESTALE:
		return "is gone: it was committed or aborted elsewhere";
	}
	return strerror(-err);
}

static int status_of(int err)
{
	switch (-err) {
	case ENOENT:
	case ENOTTY:
		return EXIT_NOT_FOUND;
	case EBUSY:
	case EROFS:
	case ESTALE:
	case EPERM:
	case EACCES:
	case EEXIST:
		return EXIT_REFUSED;
	}
	return EXIT_FAILED;
}

int branch_call(int fd, unsigned long request, struct daxfs_branch_op *op,
		const char *about)
{
	int err;

	op->bo_size = sizeof(*op);
	if (ioctl(fd, request, op) == 0)
		return EXIT_OK;
	err = -errno;
	op->bo_reason[sizeof(op->bo_reason) - 1] = '\0';
	message_error("%s: %s", about,
		      op->bo_reason[0] ? op->bo_reason : words_for(request, err));
	return status_of(err);
}
