// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loaded before the C library: the directory $FAKE_MOUNT looks like a mounted
 * daxfs to the program under test, which so shows what it makes of the kernel's
 * answers.
 *
 *	$FAKE_BRANCHES	file of the list: name index generation parent-index
 *			parent-generation flags mounts used host, one a line
 *	$FAKE_ERROR	number of the errno of all calls that change something
 *	$FAKE_REASON	what bo_reason then says
 *	$FAKE_IMAGE	file that is the region
 *	$FAKE_CALLS	file to which calls that change something are appended
 *	$FAKE_MOUNTINFO	file that is read as /proc/self/mountinfo
 *	$FAKE_LABEL	label of the volume
 *	$FAKE_NO_UTF8	there is no locale C.UTF-8
 *	$FAKE_FS	words of mount options that its fsopen() and friends know:
 *			what is asked of them is appended to $FAKE_CALLS, and what
 *			was mounted is $FAKE_MOUNT
 *
 * What somebody else does meanwhile, mount or no mount, as shell commands:
 *
 *	$FAKE_MKDIR	whenever a directory was made
 *	$FAKE_SYMLINK	whenever a symlink was made
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <daxfs/format.h>
#include <daxfs/ioctl.h>

static bool is_fake(int fd)
{
	const char *path = getenv("FAKE_MOUNT");
	struct stat a, b;

	return path && stat(path, &a) == 0 && fstat(fd, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool is_fake_path(const char *path)
{
	const char *mount = getenv("FAKE_MOUNT");
	struct stat a, b;

	return mount && path && stat(mount, &a) == 0 && stat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static FILE *open_file(const char *name, const char *path, const char *mode)
{
	FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, name);
	const char *mountinfo = getenv("FAKE_MOUNTINFO");

	if (mountinfo && strcmp(path, "/proc/self/mountinfo") == 0)
		path = mountinfo;
	return real(path, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	return open_file("fopen", path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	return open_file("fopen64", path, mode);
}

char *setlocale(int category, const char *name)
{
	char *(*real)(int, const char *) = dlsym(RTLD_NEXT, "setlocale");

	if (name && strcmp(name, "C.UTF-8") == 0 && getenv("FAKE_NO_UTF8"))
		return NULL;
	return real(category, name);
}

static void meddle(const char *variable)
{
	const char *command = getenv(variable);

	if (command && system(command) != 0)
		abort();
}

int symlinkat(const char *target, int dir, const char *name)
{
	int (*real)(const char *, int, const char *) = dlsym(RTLD_NEXT, "symlinkat");
	int err = real(target, dir, name);

	if (!err)
		meddle("FAKE_SYMLINK");
	return err;
}

int mkdirat(int dir, const char *name, mode_t mode)
{
	int (*real)(int, const char *, mode_t) = dlsym(RTLD_NEXT, "mkdirat");
	int err = real(dir, name, mode);

	if (!err)
		meddle("FAKE_MKDIR");
	return err;
}

int statfs(const char *path, struct statfs *fs)
{
	int (*real)(const char *, struct statfs *) = dlsym(RTLD_NEXT, "statfs");
	int err = real(path, fs);

	if (!err && is_fake_path(path))
		fs->f_type = DAXFS_SUPER_MAGIC;
	return err;
}

int statfs64(const char *path, struct statfs64 *fs)
{
	return statfs(path, (struct statfs *)fs);
}

int fstatfs(int fd, struct statfs *fs)
{
	int (*real)(int, struct statfs *) = dlsym(RTLD_NEXT, "fstatfs");
	int err = real(fd, fs);

	if (!err && is_fake(fd))
		fs->f_type = DAXFS_SUPER_MAGIC;
	return err;
}

int fstatfs64(int fd, struct statfs64 *fs)
{
	return fstatfs(fd, (struct statfs *)fs);
}

int statx(int fd, const char *path, int flags, unsigned int mask, struct statx *stx)
{
	int (*real)(int, const char *, int, unsigned int, struct statx *) =
		dlsym(RTLD_NEXT, "statx");
	int err = real(fd, path, flags, mask, stx);

	if (!err && (*path ? is_fake_path(path) : is_fake(fd))) {
		stx->stx_attributes_mask |= STATX_ATTR_MOUNT_ROOT;
		stx->stx_attributes |= STATX_ATTR_MOUNT_ROOT;
	}
	return err;
}

/* Two at a time, so that the list is asked for more than once. */
static int list(struct daxfs_branch_list *dl)
{
	struct daxfs_branch_info *out = (void *)(unsigned long)dl->dl_branches;
	FILE *file = fopen(getenv("FAKE_BRANCHES"), "re");
	unsigned long index, gen, parent, parent_gen, flags, mounts, used;
	char name[128], host[64];

	dl->dl_count = 0;
	dl->dl_next = 0;
	while (file &&
	       fscanf(file, "%127s %lu %lu %lu %lu %lu %lu %lu %63s", name, &index, &gen,
		      &parent, &parent_gen, &flags, &mounts, &used, host) == 9) {
		struct daxfs_branch_info *br = &out[dl->dl_count];

		if (index < dl->dl_start)
			continue;
		if (dl->dl_count == 2 || dl->dl_count == dl->dl_room) {
			dl->dl_next = (__u32)index;
			break;
		}
		memset(br, 0, sizeof(*br));
		memcpy(br->di_name, name, sizeof(br->di_name));
		br->di_id = index | (__u64)gen << 16;
		br->di_parent = parent | (__u64)parent_gen << 16;
		br->di_created = 1700000000123456789 + (__s64)index;
		br->di_uid = 1000 + (__u32)gen;
		br->di_flags = (__u32)flags;
		br->di_mounts = (__u32)mounts;
		br->di_used = used;
		if (strcmp(host, "-") != 0)
			memcpy(br->di_host, host, sizeof(br->di_host));
		dl->dl_count++;
	}
	if (file)
		fclose(file);
	return 0;
}

/* What older tests do not ask for stays zero. */
static int tell(struct daxfs_volume_info *info)
{
	const char *label = getenv("FAKE_LABEL");

	if (!label)
		return 0;
	info->dv_version = 2;
	strncpy(info->dv_label, label, sizeof(info->dv_label) - 1);
	memset(info->dv_uuid, 0x11, sizeof(info->dv_uuid));
	info->dv_image_size = 64 << 20;
	info->dv_region_size = 128 << 20;
	info->dv_backing = DAXFS_BACKING_PHYS;
	info->dv_phys = 0x100000000;
	info->dv_incompat = DAXFS_INCOMPAT_DELTA;
	return 0;
}

static int change(unsigned long request, struct daxfs_branch_op *op)
{
	static const char *const names[] = { "CREATE", "SWITCH", "COMMIT", "ABORT",
					     "RENAME" };
	const char *calls = getenv("FAKE_CALLS"), *error = getenv("FAKE_ERROR");
	const char *reason = getenv("FAKE_REASON");
	FILE *file;

	if (calls && (file = fopen(calls, "ae"))) {
		fprintf(file, "%s %u name=%s other=%s flags=%u\n",
			names[_IOC_NR(request) - _IOC_NR(DAXFS_IOC_BRANCH_CREATE)],
			op->bo_size, op->bo_name, op->bo_other, op->bo_flags);
		fclose(file);
	}
	if (!error)
		return 0;
	if (reason)
		strncpy(op->bo_reason, reason, sizeof(op->bo_reason));
	errno = atoi(error);
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	struct daxfs_dmabuf *db;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(request) != DAXFS_IOC_MAGIC || !is_fake(fd))
		return real(fd, request, arg);
	if (request == DAXFS_IOC_VOLUME_INFO)
		return tell(arg);
	if (request == DAXFS_IOC_BRANCH_LIST && getenv("FAKE_BRANCHES"))
		return list(arg);
	if (request >= DAXFS_IOC_BRANCH_CREATE && request <= DAXFS_IOC_BRANCH_RENAME)
		return change(request, arg);
	if (request == DAXFS_IOC_DMABUF && getenv("FAKE_IMAGE")) {
		db = arg;
		db->db_fd = open(getenv("FAKE_IMAGE"), O_RDONLY | O_CLOEXEC);
		return db->db_fd < 0 ? -1 : 0;
	}
	errno = request == DAXFS_IOC_DMABUF ? EPERM : ENOTTY;
	return -1;
}

/* ---- mounting: nothing is passed on to the kernel ---- */

static int fs_log = -1;

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	FILE *file = fopen(getenv("FAKE_CALLS"), "ae");
	va_list args;

	if (!file)
		abort();
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fclose(file);
}

static bool is_known(const char *key)
{
	char words[256], *rest = words, *word;

	strncpy(words, getenv("FAKE_FS"), sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	while ((word = strsep(&rest, " ")))
		if (strcmp(word, key) == 0)
			return true;
	return false;
}

/* A descriptor of which the lines that the filesystem says can be read. */
int fsopen(const char *type, unsigned int flags)
{
	int ends[2];

	(void)flags;
	if (!getenv("FAKE_FS")) {
		errno = ENODEV;
		return -1;
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	fs_log = ends[1];
	note("fsopen %s\n", type);
	return ends[0];
}

int fspick(int dir, const char *path, unsigned int flags)
{
	(void)dir;
	note("fspick %s\n", path);
	return fsopen("again", flags);
}

int fsconfig(int fs, unsigned int command, const char *key, const void *value, int aux)
{
	(void)fs;
	(void)aux;
	switch (command) {
	case FSCONFIG_CMD_CREATE:
		note("create\n");
		return 0;
	case FSCONFIG_CMD_RECONFIGURE:
		note("reconfigure\n");
		return 0;
	case FSCONFIG_SET_FD:
		note("set %s to a file\n", key);
		return 0;
	}
	if (!is_known(key)) {
		dprintf(fs_log, "e daxfs: Unknown parameter '%s'", key);
		errno = EINVAL;
		return -1;
	}
	note("set %s%s%s\n", key, value ? "=" : "", value ? (const char *)value : "");
	return 0;
}

int fsmount(int fs, unsigned int flags, unsigned int attributes)
{
	(void)fs;
	(void)flags;
	note("mount with attributes 0x%x\n", attributes);
	return open(getenv("FAKE_MOUNT"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int move_mount(int from, const char *from_path, int to, const char *path,
	       unsigned int flags)
{
	(void)from;
	(void)from_path;
	(void)to;
	(void)flags;
	note("move to %s\n", path);
	return 0;
}

int mount_setattr(int dir, const char *path, unsigned int flags,
		  struct mount_attr *attr, size_t size)
{
	(void)dir;
	(void)flags;
	(void)size;
	note("attributes of %s: set 0x%llx, clear 0x%llx\n", path,
	     (unsigned long long)attr->attr_set, (unsigned long long)attr->attr_clr);
	return 0;
}

int setns(int fd, int type)
{
	char self[32], path[256];
	ssize_t n;

	(void)type;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	note("enter %s\n", path);
	return 0;
}
