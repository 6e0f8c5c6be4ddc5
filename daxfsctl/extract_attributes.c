// SPDX-License-Identifier: GPL-2.0-only
/*
 * The order is that of what undoes what: a new owner takes capabilities and
 * set-id bits away, a mode may forbid xattrs, and all of them change times.
 */
#include "extract_attributes.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The xattrs being copied. */
struct copy {
	const struct attributes *at;
	int err; /* the last that is not the image's */
};

/* A descriptor with O_PATH is good for calls on paths only. */
static bool has_path_only(const struct attributes *at)
{
	u32 mode = at->file->attr.mode;

	return !S_ISREG(mode) && !S_ISDIR(mode);
}

static void path_of(const struct attributes *at, char path[32])
{
	snprintf(path, 32, "/proc/self/fd/%d", at->fd);
}

static bool is_roots_business(u32 prefix, int err)
{
	return geteuid() != 0 &&
	       (prefix == DAXFS_XATTR_TRUSTED || prefix == DAXFS_XATTR_SECURITY) &&
	       (err == -EPERM || err == -EOPNOTSUPP);
}

static int set_xattr(const struct attributes *at, const char *name, size_t size)
{
	char path[32];
	int err;

	path_of(at, path);
	if (has_path_only(at))
		err = setxattr(path, name, at->value, size, 0);
	else
		err = fsetxattr(at->fd, name, at->value, size, 0);
	return err < 0 ? -errno : 0;
}

/* Goes on whatever happens: the next one may be fine. */
static int copy_xattr(void *priv, u32 prefix, const char *name, u32 len)
{
	struct copy *copy = priv;
	const struct attributes *at = copy->at;
	struct dxc_finding f = { 0 };
	char what[32 + 6 + 256];
	const char *full = what + 6;
	int size, err;

	snprintf(what, sizeof(what), "xattr %s%.*s", dxc_xattr_prefix(prefix), (int)len,
		 name);
	size = contents_xattr(at->from, at->file, prefix, name, len, at->value, &f);
	err = size < 0 ? size : set_xattr(at, full, (size_t)size);
	if (!err || is_roots_business(prefix, err))
		return 0;
	at->lost(at->priv, what, err, &f);
	if (size >= 0 || err == -ENOMEM)
		copy->err = err;
	return 0;
}

static int copy_xattrs(const struct attributes *at)
{
	struct dxc_finding f = { 0 };
	struct copy copy = { .at = at };
	int err;

	err = contents_xattrs(at->from, at->file, copy_xattr, &copy, &f);
	if (err)
		at->lost(at->priv, "xattrs", err, &f);
	return err == -ENOMEM ? err : copy.err;
}

/* Is the file the owner's that the image says? */
static bool set_owner(const struct attributes *at, int *err)
{
	const struct dxc_attr *attr = &at->file->attr;
	struct stat st;

	if (fchownat(at->fd, "", attr->uid, attr->gid, AT_EMPTY_PATH) == 0)
		return true;
	if (geteuid() == 0) {
		*err = -errno;
		at->lost(at->priv, "owner", *err, NULL);
		return false;
	}
	return fstat(at->fd, &st) == 0 && st.st_uid == attr->uid &&
	       st.st_gid == attr->gid;
}

static int set_mode(const struct attributes *at, u32 mode)
{
	char path[32];
	int err;

	path_of(at, path);
	err = has_path_only(at) ? chmod(path, mode) : fchmod(at->fd, mode);
	if (!err)
		return 0;
	err = -errno;
	at->lost(at->priv, "mode", err, NULL);
	return err;
}

static int set_times(const struct attributes *at)
{
	const struct dxc_attr *attr = &at->file->attr;
	const struct timespec times[2] = {
		{ .tv_sec = attr->atime, .tv_nsec = attr->atime_nsec },
		{ .tv_sec = attr->mtime, .tv_nsec = attr->mtime_nsec },
	};
	int err;

	if (utimensat(at->fd, "", times, AT_EMPTY_PATH) == 0)
		return 0;
	err = -errno;
	at->lost(at->priv, "times", err, NULL);
	return err;
}

int attributes_set(const struct attributes *at)
{
	u32 mode = at->file->attr.mode & 07777;
	int err = 0, last;

	if (!set_owner(at, &err))
		mode &= 01777;
	last = copy_xattrs(at);
	err = last ? last : err;
	if (!S_ISLNK(at->file->attr.mode)) {
		last = set_mode(at, mode);
		err = last ? last : err;
	}
	last = set_times(at);
	return last ? last : err;
}
