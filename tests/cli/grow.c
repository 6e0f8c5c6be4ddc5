// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes branches of an image file without a kernel, through the core: what
 * the CLI's tests compare. `grow IMAGE BRANCH COMMAND...` where COMMAND is one of
 *
 *	branch PARENT		makes BRANCH
 *	create PATH [TEXT]	mkdir PATH	symlink PATH TARGET
 *	write PATH TEXT		chmod PATH MODE	xattr PATH VALUE
 *	unlink PATH		rmdir PATH	link OLD NEW	rename OLD NEW
 *	put PATH BLOCK TEXT	TEXT, and zeros behind it, in one block of a file
 *	punch PATH BLOCK	a hole in its place
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "../../kmod/core/layer.h"

#define LAYERS_MAX 64

static struct dxc_volume vol;
static struct dxc_space space;
static struct dxc_layer layers[LAYERS_MAX];
static struct dxc_layer *top;

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "grow: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static int load(const struct dxc_branch *br)
{
	struct dxc_branch parent;
	int depth = 0;

	if (br->id.branch != DAXFS_MAIN_BRANCH) {
		must(dxc_branch_get(&vol, br->parent, &parent), "parent");
		depth = load(&parent) + 1;
	}
	must(depth < LAYERS_MAX ? 0 : -E2BIG, "depth");
	top = &layers[depth];
	must(dxc_layer_init(top, &vol, &space, depth ? top - 1 : NULL, br), "layer");
	must(dxc_layer_load(top, br, true, NULL), "log");
	/* As if one mount did all that is asked for, one run after the other. */
	top->log.ours = top->log.chunk != DXC_NO_CHUNK;
	return depth;
}

static void get(dxc_ino ino, struct dxc_file *file)
{
	must(dxc_view_inode(top, ino, file, NULL), "inode");
}

static const struct dxc_inode *base_of(const struct dxc_file *file)
{
	return file->in_base ? &file->base : NULL;
}

/* The directory that holds the last component, which *name becomes. */
static void get_parent(const char *path, struct dxc_file *dir, const char **name)
{
	struct dxc_dirent de;

	get(DAXFS_ROOT_INO, dir);
	for (;;) {
		const char *slash;

		path += strspn(path, "/");
		slash = strchr(path, '/');
		*name = path;
		if (!slash)
			return;
		must(dxc_view_lookup(top, dir->attr.ino, base_of(dir), path,
				     (u32)(slash - path), &de, NULL),
		     path);
		get(de.ino, dir);
		path = slash;
	}
}

static int find(const char *path, struct dxc_file *file)
{
	struct dxc_file dir;
	struct dxc_dirent de;
	const char *name;
	int err;

	get_parent(path, &dir, &name);
	err = dxc_view_lookup(top, dir.attr.ino, base_of(&dir), name, (u32)strlen(name),
			      &de, NULL);
	if (!err)
		get(de.ino, file);
	return err;
}

static void touch(struct dxc_attr *attr)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	attr->mtime = now.tv_sec;
	attr->mtime_nsec = (u32)now.tv_nsec;
	attr->ctime = attr->mtime;
	attr->ctime_nsec = attr->mtime_nsec;
}

static void put(struct dxc_attr *attr, u64 block, const char *text)
{
	dxc_off off;
	u64 got;

	must(dxc_blocks_take(top, 0, 1, &off, &got), "blocks");
	memset(vol.region.base + off, 0, DAXFS_BLOCK_SIZE);
	memcpy(vol.region.base + off, text, strlen(text));
	touch(attr);
	must(dxc_op_map(top, attr, block, 1, off), "map");
}

static void fill(const char *path, const char *text)
{
	struct dxc_file file;

	must(find(path, &file), path);
	file.attr.size = strlen(text);
	put(&file.attr, 0, text);
}

static void create(const char *path, u32 mode, const char *target)
{
	struct dxc_attr attr = { .mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1 };
	struct dxc_file dir;
	const char *name;

	get_parent(path, &dir, &name);
	must(dxc_next_ino(&vol, &attr.ino), "inode number");
	touch(&attr);
	dxc_attr_set_btime(&attr, attr.mtime, attr.mtime_nsec);
	touch(&dir.attr);
	if (S_ISDIR(mode))
		attr.parent = dir.attr.ino;
	attr.size = target ? strlen(target) : 0;
	must(dxc_op_create(top, &dir.attr, name, (u32)strlen(name), &attr, target, NULL,
			   0),
	     path);
}

static void take_away(const char *path)
{
	struct dxc_file dir, file;
	const char *name;

	must(find(path, &file), path);
	get_parent(path, &dir, &name);
	touch(&dir.attr);
	must(dxc_op_unlink(top, &dir.attr, name, (u32)strlen(name), &file.attr), path);
}

static void add_link(const char *old, const char *new)
{
	struct dxc_file dir, file;
	const char *name;

	must(find(old, &file), old);
	get_parent(new, &dir, &name);
	touch(&dir.attr);
	must(dxc_op_link(top, &dir.attr, name, (u32)strlen(name), &file.attr), new);
}

static void move(const char *old, const char *new)
{
	struct dxc_file old_dir, new_dir, file, target;
	struct dxc_rename rn = { .old_dir = &old_dir.attr, .inode = &file.attr };

	must(find(old, &file), old);
	if (find(new, &target) == 0)
		rn.target = &target.attr;
	get_parent(old, &old_dir, &rn.old_name);
	get_parent(new, &new_dir, &rn.new_name);
	rn.new_dir = old_dir.attr.ino == new_dir.attr.ino ? &old_dir.attr : &new_dir.attr;
	rn.old_len = (u32)strlen(rn.old_name);
	rn.new_len = (u32)strlen(rn.new_name);
	touch(rn.old_dir);
	touch(rn.new_dir);
	must(dxc_op_rename(top, &rn), new);
}

static void make_branch(const char *name, const char *parent_name)
{
	struct dxc_branch parent, br;

	must(dxc_branch_find(&vol, parent_name, &parent), parent_name);
	load(&parent);
	must(dxc_branch_create(&vol, 0, parent.id, name, 1, 0, top->log.seq, &br), name);
}

static void change(int argc, char **argv)
{
	const char *verb = argv[0], *path = argv[1], *more = argc > 2 ? argv[2] : NULL;
	struct dxc_file file;

	if (strcmp(verb, "create") == 0) {
		create(path, S_IFREG | 0644, NULL);
		if (more)
			fill(path, more);
	} else if (strcmp(verb, "mkdir") == 0) {
		create(path, S_IFDIR | 0755, NULL);
	} else if (strcmp(verb, "symlink") == 0 && more) {
		create(path, S_IFLNK | 0777, more);
	} else if (strcmp(verb, "write") == 0 && more) {
		fill(path, more);
	} else if (strcmp(verb, "unlink") == 0 || strcmp(verb, "rmdir") == 0) {
		take_away(path);
	} else if (strcmp(verb, "link") == 0 && more) {
		add_link(path, more);
	} else if (strcmp(verb, "rename") == 0 && more) {
		move(path, more);
	} else {
		must(find(path, &file), path);
		if (strcmp(verb, "chmod") == 0 && more) {
			file.attr.mode = (file.attr.mode & S_IFMT) |
					 (u32)strtoul(more, NULL, 8);
			must(dxc_op_setattr(top, &file.attr), path);
		} else if (strcmp(verb, "xattr") == 0 && more) {
			must(dxc_op_xattr(top, &file.attr, DAXFS_XATTR_USER, "test", 4,
					  more, (u32)strlen(more)),
			     path);
		} else if (strcmp(verb, "put") == 0 && argc > 3) {
			put(&file.attr, strtoul(more, NULL, 10), argv[3]);
		} else if (strcmp(verb, "punch") == 0 && more) {
			touch(&file.attr);
			must(dxc_op_punch(top, &file.attr, strtoul(more, NULL, 10), 1),
			     path);
		} else {
			must(-EINVAL, verb);
		}
	}
}

int main(int argc, char **argv)
{
	struct dxc_branch br;
	struct stat st;
	void *map;
	int fd;

	must(argc < 5 ? -EINVAL : 0, "arguments");
	fd = open(argv[1], O_RDWR);
	must(fd < 0 || fstat(fd, &st) < 0 ? errno : 0, argv[1]);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(map == MAP_FAILED ? errno : 0, argv[1]);
	must(dxc_volume_open(&vol, map, (u64)st.st_size, NULL), argv[1]);
	must(dxc_space_init(&space, &vol), "space");
	if (strcmp(argv[3], "branch") == 0) {
		make_branch(argv[2], argv[4]);
		return 0;
	}
	must(dxc_branch_find(&vol, argv[2], &br), argv[2]);
	load(&br);
	change(argc - 3, argv + 3);
	return 0;
}
