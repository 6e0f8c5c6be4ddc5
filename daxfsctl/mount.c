// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl mount, and mount.daxfs as mount(8) calls it: finds out what SOURCE
 * is, makes a mount of it, and attaches that to DIR as the last step, so that
 * whatever fails leaves nothing behind.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid.h>

#include "applet.h"
#include "branch.h"
#include "devdax.h"
#include "dmabuf.h"
#include "image.h"
#include "message.h"
#include "mount.h"
#include "mount_context.h"
#include "mount_optstr.h"
#include "mounted.h"
#include "writeback.h"

enum { OPTION_WRITE_BACK = 1 };

const struct applet_option mount_options[] = {
	{ 'o', "options", "LIST", "mount options, see daxfs(5) and mount(8)" },
	{ 't', "types", "TYPE", "daxfs; taken from mount(8)" },
	{ 'f', "fake", NULL, "check the arguments, mount nothing" },
	{ 's', "sloppy", NULL, "ignore options that the kernel does not know" },
	{ 'n', "no-mtab", NULL, "taken from mount(8), means nothing" },
	{ 'N', "namespace", "NS",
	  "mount in the mount namespace of this process or file" },
	{ 'v', "verbose", NULL, "say what was mounted" },
	{ OPTION_WRITE_BACK, "write-back", NULL,
	  "write what changes back to the image file when it is unmounted" },
	{ 0 }
};

#define SOURCE_NAME_LEN 160

struct mount_job {
	const char *spec; /* as messages name it */
	const char *dir; /* NULL: the mount is attached to no directory, see root */
	const char *namespace;
	struct mount_optstr opts;
	bool fake, sloppy, verbose;
	bool is_helper; /* mount(8) made the arguments */
	bool write_back;
	/* found out on the way: */
	char name[SOURCE_NAME_LEN]; /* what findmnt shows as SOURCE */
	int dmabuf; /* -1: none */
	char *volume; /* a mount of the region, or NULL; owned */
	char *file; /* where to write back to, or NULL; owned */
	int *root; /* instead of dir: where to put an fd of the root directory */
};

/* "daxfs:LABEL", or the UUID when there is no label. */
static void set_name(struct mount_job *job, const char *label, const __u8 uuid[16])
{
	char text[37];

	uuid_unparse_lower(uuid, text);
	snprintf(job->name, sizeof(job->name), "daxfs:%s", *label ? label : text);
}

static int status_of(int err)
{
	switch (-err) {
	case ENOMEM:
	case ENFILE:
	case EMFILE:
		return MOUNT_SYSTEM;
	case EPERM:
	case EACCES:
		return MOUNT_USAGE;
	}
	return MOUNT_FAILED;
}

static void print_lines(const struct mount_job *job, const char *head, char *lines)
{
	char *rest = lines;
	char *line;

	while ((line = strsep(&rest, "\n")))
		message_error("%s: %s%s", job->spec, head, line);
}

/* Words for an errno that the kernel gave without any. */
static const char *words_for(int err)
{
	switch (-err) {
	case EBUSY:
		return "is in use";
	case ENODEV:
		return "the kernel does not know daxfs";
	case ENOSYS:
		return "this kernel is too old: it has no fsopen(2)";
	case EPERM:
		return "only root may mount (CAP_SYS_ADMIN)";
	case EROFS:
		return "cannot be written to; mount it with -o ro";
	case EUCLEAN:
		return "the image is damaged";
	case EINVAL:
		return "the kernel refuses these options; its log may say why";
	}
	return strerror(-err);
}

/* Says why the kernel refused; an exit status. */
static int explain(const struct mount_job *job, struct mount_context *ctx, int err)
{
	if (ctx->errors)
		print_lines(job, "", ctx->errors);
	else
		message_error("%s: %s", job->spec, words_for(err));
	if (err == -ENODEV && !ctx->errors)
		message_hint("load the module: modprobe daxfs, or insmod kmod/daxfs.ko");
	return status_of(err);
}

static int apply_settings(const struct mount_job *job, struct mount_context *ctx)
{
	for (size_t i = 0; i < job->opts.count; i++) {
		const struct mount_setting *set = &job->opts.settings[i];
		int err;

		/* mount(8) passes "rw" whether or not the user wrote it. */
		if (job->is_helper && !job->opts.remount && strcmp(set->key, "rw") == 0)
			continue;
		/* The kernel takes it as a file descriptor: set_volume(). */
		if (job->volume && strcmp(set->key, "volume") == 0)
			continue;
		err = mount_context_set(ctx, set->key, set->value);
		if (err == -EINVAL && job->sloppy && ctx->errors &&
		    strstr(ctx->errors, "Unknown parameter")) {
			free(ctx->errors);
			ctx->errors = NULL;
			continue;
		}
		if (err)
			return err;
	}
	return 0;
}

/* A dma-buf with the image in it; an exit status. */
static int load_image(struct mount_job *job, const struct image *img)
{
	uint64_t size = img->vol.region.size;
	int err;

	job->dmabuf = dmabuf_alloc(DMABUF_HEAP, size);
	if (job->dmabuf == -ENODEV) {
		message_error(
			"%s: the kernel has neither %s nor /dev/udmabuf to put an image file in",
			job->spec, DMABUF_HEAP);
		message_hint("write the image to a pmem device, or to memory for phys=");
		return MOUNT_FAILED;
	}
	if (job->dmabuf < 0) {
		message_error("%s: no dma-buf of %" PRIu64
			      " bytes can be had from %s: %s",
			      job->spec, size, DMABUF_HEAP, strerror(-job->dmabuf));
		return status_of(job->dmabuf);
	}
	err = dmabuf_load(job->dmabuf, img->src.fd, size);
	if (err) {
		message_error("%s: cannot be copied into a dma-buf: %s", job->spec,
			      strerror(-err));
		return status_of(err);
	}
	return MOUNT_OK;
}

/*
 * Shows dir this image already? Loaded again it would be a second copy over the
 * first, which mount -a, seeing another source than its line's, asks for.
 */
static bool is_mounted_at(const char *dir, const __u8 uuid[16])
{
	struct daxfs_volume_info info = { .dv_size = sizeof(info) };
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct stat st;
	bool same;

	if (fd < 0)
		return false;
	/* Any directory of the mount answers, not its root alone. */
	same = !fstat(fd, &st) && st.st_ino == DAXFS_ROOT_INO &&
	       !ioctl(fd, DAXFS_IOC_VOLUME_INFO, &info) &&
	       memcmp(info.dv_uuid, uuid, sizeof(info.dv_uuid)) == 0;
	close(fd);
	return same;
}

/* Is a mount of this machine written back to that file already? */
static bool is_written_back(const char *path)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_table *table = mounted_table();
	struct libmnt_fs *fs;
	bool found = false;

	while (iter && table && !found && mnt_table_next_fs(table, iter, &fs) == 0) {
		char *other = mounted_is_daxfs(fs) ? writeback_path(mnt_fs_get_target(fs)) :
						     NULL;

		found = other && strcmp(other, path) == 0;
		free(other);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return found;
}

/* Files are written by mappings, which not every file system has that can be written to (9p, some FUSE). */
static bool can_be_mapped(const char *path)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map != MAP_FAILED)
		munmap(map, size);
	if (fd >= 0)
		close(fd);
	return map != MAP_FAILED;
}

/* Said before it is mounted, what would come to light when it is unmounted. An exit status. */
static int prepare_write_back(struct mount_job *job, const struct image *img)
{
	const char *why = NULL;

	job->file = realpath(job->spec, NULL);
	if (!job->file)
		why = strerror(errno);
	else if (!dxc_volume_is_writable(&img->vol))
		why = "has no branches, so that nothing in it can change";
	else if (job->opts.attributes & MOUNT_ATTR_RDONLY)
		why = "is mounted read-only, so that nothing in it can change";
	else if (!writeback_can_keep(job->file))
		why = "has a name that cannot be kept as a mount option";
	else if (access(job->file, W_OK) < 0)
		why = "may not be written to";
	else if (!can_be_mapped(job->file))
		why = "is on a file system that maps no file for writing, as --write-back needs";
	else if (is_written_back(job->file))
		why = "is mounted with --write-back already";
	if (!why)
		return MOUNT_OK;
	message_error("%s: %s", job->spec, why);
	return MOUNT_FAILED;
}

static int prepare_file(struct mount_job *job)
{
	struct image img;
	int err, status;

	err = image_open(&img, job->spec);
	if (err) {
		char *text = image_strerror(&img, err);

		message_error("%s: %s", job->spec, text ? text : strerror(-err));
		free(text);
		return status_of(err);
	}
	set_name(job, img.vol.label, img.vol.uuid);
	if (is_mounted_at(job->dir, img.vol.uuid)) {
		message_error("%s: is mounted on %s already", job->spec, job->dir);
		status = MOUNT_FAILED;
	} else {
		status = job->write_back ? prepare_write_back(job, &img) : MOUNT_OK;
		if (!status && !job->fake)
			status = load_image(job, &img);
	}
	image_close(&img);
	return status;
}

/* The kernel shows the image's own name, whatever is given here. */
static int prepare_phys(struct mount_job *job)
{
	snprintf(job->name, sizeof(job->name), "%s", job->spec);
	return MOUNT_OK;
}

/* SOURCE is a region of physical memory: as options, which is how the kernel takes it. */
static int set_phys(struct mount_job *job, const struct source *src)
{
	char phys[32], size[32];

	snprintf(phys, sizeof(phys), "0x%" PRIx64, src->phys);
	snprintf(size, sizeof(size), "0x%" PRIx64, src->size);
	if (mount_optstr_set(&job->opts, "phys", phys) ||
	    mount_optstr_set(&job->opts, "size", size)) {
		message_error("%s: %s", job->spec, strerror(ENOMEM));
		return MOUNT_SYSTEM;
	}
	return prepare_phys(job);
}

/* SOURCE is a device DAX one. What the kernel lacks for it, the kernel says. */
static int prepare_devdax(struct mount_job *job, const struct source *src)
{
	struct stat st;
	int err = 0;

	if (!job->fake && stat(src->path, &st) == 0)
		err = devdax_bind(st.st_rdev, src->path, DEVDAX_FOR_MOUNTS);
	if (err == -EBUSY) {
		message_error("%s: is open or mapped in a program, or is the kernel's own memory",
			      job->spec);
		return MOUNT_FAILED;
	}
	return MOUNT_OK;
}

/* Another branch of what is mounted at path. */
static int prepare_volume(struct mount_job *job, const char *path)
{
	job->volume = strdup(path);
	if (!job->volume) {
		message_error("%s: %s", job->spec, strerror(ENOMEM));
		return MOUNT_SYSTEM;
	}
	/* A source would be a second thing to mount. */
	snprintf(job->name, sizeof(job->name), "none");
	return MOUNT_OK;
}

/* Finds out what to mount and what to call it; an exit status. */
static int prepare(struct mount_job *job)
{
	const struct mount_setting *volume = mount_optstr_find(&job->opts, "volume");
	struct source src;
	int err, status = MOUNT_OK;

	if (job->write_back && (volume || mount_optstr_find(&job->opts, "phys"))) {
		message_error("%s: is no image file, which --write-back is for", job->spec);
		return MOUNT_FAILED;
	}
	if (volume && volume->value)
		return prepare_volume(job, volume->value);
	if (mount_optstr_find(&job->opts, "phys"))
		return prepare_phys(job);
	snprintf(job->name, sizeof(job->name), "none");
	/* Then the options say what to mount, or the kernel that they do not. */
	if (strcmp(job->spec, "none") == 0)
		return MOUNT_OK;
	err = source_parse(job->spec, &src);
	if (err) {
		message_error("%s: %s", job->spec, source_strerror(err));
		return status_of(err);
	}
	if (job->write_back && src.kind != SOURCE_FILE) {
		message_error("%s: is no image file, which --write-back is for", job->spec);
		source_close(&src);
		return MOUNT_FAILED;
	}
	switch (src.kind) {
	case SOURCE_FILE:
		status = prepare_file(job);
		break;
	case SOURCE_PHYS:
		status = set_phys(job, &src);
		break;
	case SOURCE_DEVDAX:
		status = prepare_devdax(job, &src);
		if (status)
			break;
		/* fall through */
	case SOURCE_BLOCK:
		if (strlen(src.path) < sizeof(job->name)) {
			strcpy(job->name, src.path);
			break;
		}
		message_error("%s: path too long", job->spec);
		status = MOUNT_FAILED;
		break;
	case SOURCE_MOUNT:
		if (mount_optstr_find(&job->opts, "branch")) {
			status = prepare_volume(job, src.path);
			break;
		}
		message_error(
			"%s: is mounted; -o branch=NAME mounts another branch of it, mount --bind shows it at a second place",
			job->spec);
		status = MOUNT_FAILED;
		break;
	}
	source_close(&src);
	return status;
}

/* Any descriptor on the mount will do, its root too when it is part of nothing. */
static int set_volume(const struct mount_job *job, struct mount_context *ctx)
{
	int fd = open(job->volume, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = mount_context_set_fd(ctx, "volume", fd);
	close(fd);
	return err;
}

/* " (branch NAME)", or "" for an image without branches; to be freed. */
static char *branch_text(int root)
{
	struct daxfs_branch_info *list;
	char *text = NULL;
	size_t count;

	if (root < 0 || branch_list_read(root, &list, &count) != 0)
		return strdup("");
	for (size_t i = 0; i < count && !text; i++)
		if (list[i].di_flags & DAXFS_BRANCH_SHOWN &&
		    asprintf(&text, " (branch %s)", list[i].di_name) < 0)
			text = NULL;
	free(list);
	return text ? text : strdup("");
}

static void say_mounted(const struct mount_job *job, int root)
{
	char *branch = branch_text(root);

	if (job->volume)
		printf("another view of %s mounted on %s%s\n", job->volume, job->dir,
		       branch ? branch : "");
	else
		printf("%s mounted on %s as %s%s\n", job->spec, job->dir, job->name,
		       branch ? branch : "");
	free(branch);
}

/* What is mounted on dir is written back, or is not whatever was there before; an exit status. */
static int keep_write_back(const struct mount_job *job)
{
	char *dir = realpath(job->dir, NULL);
	int err = dir ? 0 : -errno;

	if (!err && job->file)
		err = writeback_set(dir, job->name, job->file);
	else if (!err)
		writeback_forget(dir);
	free(dir);
	if (!err || !job->file)
		return MOUNT_OK;
	message_error("%s: cannot be noted in /run/mount/utab: %s", job->spec, strerror(-err));
	umount2(job->dir, MNT_DETACH);
	return MOUNT_SYSTEM;
}

/* Puts the mount where the job wants it; an exit status. */
static int finish_mount(struct mount_job *job, struct mount_context *ctx)
{
	int err = 0, root = -1;

	if (job->root || job->verbose)
		root = openat(ctx->mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->root && root < 0)
		err = -errno;
	if (job->root) {
		*job->root = root;
		if (err)
			message_error("%s: its root cannot be opened: %s", job->spec,
				      strerror(-err));
		return err ? status_of(err) : MOUNT_OK;
	}
	err = mount_context_attach(ctx, job->dir);
	if (err)
		message_error("%s: cannot be mounted on: %s", job->dir, strerror(-err));
	else if (job->verbose)
		say_mounted(job, root);
	if (root >= 0)
		close(root);
	return err ? status_of(err) : keep_write_back(job);
}

/* Everything from fsopen() to move_mount(); an exit status. */
static int make_mount(struct mount_job *job)
{
	struct mount_context ctx;
	int err, status = MOUNT_OK;

	err = mount_context_open(&ctx, "daxfs");
	if (!err)
		err = mount_context_set(&ctx, "source", job->name);
	if (!err && job->dmabuf >= 0)
		err = mount_context_set_fd(&ctx, "dmabuf", job->dmabuf);
	if (!err && job->volume)
		err = set_volume(job, &ctx);
	if (!err)
		err = apply_settings(job, &ctx);
	if (!err)
		err = mount_context_create(&ctx, job->opts.attributes);
	if (err) {
		status = explain(job, &ctx, err);
		goto close_context;
	}
	if (ctx.warnings)
		print_lines(job, "warning: ", ctx.warnings);
	status = finish_mount(job, &ctx);
close_context:
	mount_context_close(&ctx);
	return status;
}

static int change_mount(struct mount_job *job)
{
	struct mount_attr attr = {
		.attr_set = job->opts.attributes,
		.attr_clr = job->opts.cleared,
	};
	struct mount_context ctx;
	int err, status = MOUNT_OK;

	/* Of mount(8) all options come that shall hold, not only the changed ones. */
	if (job->is_helper)
		attr.attr_clr |= MOUNT_OPTSTR_ALL_ATTRIBUTES;
	/* The kernel takes the access times as one choice, and daxfs has one. */
	if (attr.attr_clr & MOUNT_ATTR__ATIME) {
		attr.attr_clr |= MOUNT_ATTR__ATIME;
		attr.attr_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		attr.attr_set |= MOUNT_ATTR_NOATIME;
	}
	err = mount_context_pick(&ctx, job->dir);
	if (!err)
		err = apply_settings(job, &ctx);
	/* Without settings it is a matter of this mount alone. */
	if (!err && job->opts.count)
		err = mount_context_reconfigure(&ctx);
	if (!err && mount_setattr(AT_FDCWD, job->dir, 0, &attr, sizeof(attr)) < 0)
		err = -errno;
	if (err)
		status = explain(job, &ctx, err);
	mount_context_close(&ctx);
	return status;
}

int mount_enter_namespace(const char *namespace)
{
	char path[64];
	int fd, err;

	if (*namespace && strspn(namespace, "0123456789") == strlen(namespace)) {
		snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", namespace);
		namespace = path;
	}
	fd = open(namespace, O_RDONLY | O_CLOEXEC);
	err = fd < 0 || setns(fd, CLONE_NEWNS) < 0 ? -errno : 0;
	if (err)
		message_error("%s: cannot enter this mount namespace: %s", namespace,
			      strerror(-err));
	if (fd >= 0)
		close(fd);
	return err ? status_of(err) : MOUNT_OK;
}

/* Said before an image is loaded for nothing. */
static int check_dir(const char *dir)
{
	int fd, err;

	if (!dir)
		return MOUNT_OK;
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = errno;
	if (fd >= 0) {
		close(fd);
		return MOUNT_OK;
	}
	message_error("%s: cannot be mounted on: %s", dir, strerror(err));
	return MOUNT_FAILED;
}

static int run(struct mount_job *job)
{
	int status = MOUNT_OK;

	if (job->namespace)
		status = mount_enter_namespace(job->namespace);
	if (!status)
		status = check_dir(job->dir);
	if (status)
		return status;
	if (job->opts.remount)
		return job->fake ? MOUNT_OK : change_mount(job);
	status = prepare(job);
	if (!status && !job->fake)
		status = make_mount(job);
	if (job->dmabuf >= 0)
		close(job->dmabuf);
	return status;
}

/* The image in a dma-buf that somebody else made says what it is called. */
static int name_dmabuf(struct mount_job *job)
{
	off_t size = lseek(job->dmabuf, 0, SEEK_END);
	struct dxc_volume vol;
	void *map;
	int err;

	map = size > 0 ? mmap(NULL, size, PROT_READ, MAP_SHARED, job->dmabuf, 0) :
			 MAP_FAILED;
	if (map == MAP_FAILED)
		return -EINVAL;
	err = dxc_volume_open(&vol, map, size, NULL);
	if (!err)
		set_name(job, vol.label, vol.uuid);
	munmap(map, size);
	return err;
}

static int mount_dmabuf(struct mount_job *job)
{
	int err = name_dmabuf(job);

	job->spec = job->name;
	if (!err)
		return make_mount(job);
	message_error("the dma-buf: %s",
		      err == -EINVAL ? "holds no daxfs image" : strerror(-err));
	return MOUNT_FAILED;
}

static int mount_request(const struct mount_request *rq, int *root)
{
	struct mount_job job = { .dir = rq->target,
				 .dmabuf = rq->dmabuf_fd,
				 .root = root };
	char spec[64];
	int status;

	if (rq->options && mount_optstr_add(&job.opts, rq->options) != 0) {
		message_error("\"%s\" is no list of mount options", rq->options);
		mount_optstr_free(&job.opts);
		return MOUNT_USAGE;
	}
	snprintf(spec, sizeof(spec), "phys:0x%" PRIx64 "+0x%" PRIx64, rq->phys, rq->size);
	job.spec = rq->source ? rq->source : spec;
	if (rq->volume) {
		job.spec = rq->target;
		status = check_dir(job.dir);
		if (!status)
			status = prepare_volume(&job, rq->volume);
		if (!status)
			status = make_mount(&job);
	} else if (job.dmabuf < 0) {
		status = run(&job);
	} else {
		status = check_dir(job.dir);
		if (!status)
			status = mount_dmabuf(&job);
	}
	mount_optstr_free(&job.opts);
	free(job.volume);
	return status;
}

int mount_region(const struct mount_request *rq)
{
	return mount_request(rq, NULL);
}

int mount_unattached(const struct mount_request *rq, int *root)
{
	return mount_request(rq, root);
}

int mount_check_type(const char *verb, const char *type)
{
	if (strcmp(type, "daxfs") == 0 || strncmp(type, "daxfs.", 6) == 0)
		return MOUNT_OK;
	return applet_wrong_use(verb, MOUNT_USAGE, "the type is daxfs, not \"%s\"", type);
}

static int take_option(struct mount_job *job, int letter, char **argv)
{
	int err;

	switch (letter) {
	case 'o':
		err = mount_optstr_add(&job->opts, optarg);
		if (err == -ENOMEM) {
			message_error("%s", strerror(ENOMEM));
			return MOUNT_SYSTEM;
		}
		if (err)
			return applet_wrong_use("mount", MOUNT_USAGE,
						"-o \"%s\" is no list of options",
						optarg);
		return MOUNT_OK;
	case 't':
		return mount_check_type("mount", optarg);
	case 'f':
		job->fake = true;
		return MOUNT_OK;
	case 's':
		job->sloppy = true;
		return MOUNT_OK;
	case 'n':
		return MOUNT_OK;
	case 'N':
		job->namespace = optarg;
		return MOUNT_OK;
	case 'v':
		job->verbose = true;
		return MOUNT_OK;
	case OPTION_WRITE_BACK:
		job->write_back = true;
		return MOUNT_OK;
	}
	return applet_wrong_option("mount", MOUNT_USAGE, letter, argv);
}

/* SOURCE and DIR; for a remount DIR alone is enough. */
static int take_operands(struct mount_job *job, int argc, char **argv)
{
	if (argc == 1 && job->opts.remount) {
		job->spec = argv[0];
		job->dir = argv[0];
		return MOUNT_OK;
	}
	if (argc < 2)
		return applet_wrong_use("mount", MOUNT_USAGE, "no %s given",
					argc ? "DIR" : "SOURCE");
	if (job->write_back && job->opts.remount)
		return applet_wrong_use("mount", MOUNT_USAGE,
					"--write-back goes with no remount");
	if (argc > 2)
		return applet_wrong_use("mount", MOUNT_USAGE,
					"unexpected argument \"%s\"", argv[2]);
	job->spec = argv[0];
	job->dir = argv[1];
	return MOUNT_OK;
}

int cmd_mount(int argc, char **argv)
{
	const struct applet *applet = applet_find("mount");
	struct mount_job job = { .dmabuf = -1 };
	int letter, status = MOUNT_OK;

	job.is_helper = strcmp(argv[0], "mount") != 0;
	while (!status &&
	       (letter = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		if (letter == 'h') {
			applet_usage(applet);
			goto out;
		}
		status = take_option(&job, letter, argv);
	}
	if (!status)
		status = take_operands(&job, argc - optind, argv + optind);
	if (!status)
		status = run(&job);
out:
	mount_optstr_free(&job.opts);
	free(job.volume);
	free(job.file);
	return status;
}
