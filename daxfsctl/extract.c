// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes what an image shows to a directory. Knows no options and no output.
 *
 * The image may lie: that a directory is inside itself, that many have the same
 * entries, that a name is there twice. So each directory is entered once, names
 * are read in a time that grows with the image, and nothing is made but by a call
 * that fails when the name is there. The way down and up is by descriptors of
 * directories that were just made, never by paths: no symlink is followed,
 * whoever puts it there, and trees may be deeper than PATH_MAX.
 */
#include "extract.h"

#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "extract_attributes.h"
#include "path.h"

#define COPY_SIZE 0x40000
/*
 * So many times the names that there is room for may be read: a directory that
 * claims the entries of another takes nothing from those that come after it.
 */
#define NAMES_TIMES 4

/* A directory being written. */
struct level {
	struct dxc_file dir;
	u64 pos; /* of the next entry */
	size_t path_len, way_len;
	dev_t dev; /* which directory of the target it is */
	ino_t ino;
	bool own; /* it gets the attributes that the image says */
};

/* A directory, or a file with several names, that was made already. */
struct known {
	dxc_ino ino;
	dev_t dev; /* what it is in the target */
	ino_t target_ino;
	char way[]; /* a file: its path from the target */
};

struct walk {
	struct extract *ex;
	struct level *levels;
	size_t depth, room;
	int dir; /* of the innermost level */
	char *path; /* in the image */
	char *way; /* in the target, from "./" */
	size_t path_room, way_room;
	void *known; /* tree of struct known */
	u64 names_left;
	unsigned char *buf;
};

static void lose(struct walk *walk, const char *what, int err,
		 const struct dxc_finding *f)
{
	static const struct dxc_finding none;

	walk->ex->lost(walk->ex->priv, walk->path, what, err, f ? f : &none);
}

/* Is it no use going on with other files? */
static bool is_final(int err)
{
	switch (-err) {
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case EMFILE:
	case ENFILE:
	case ESTALE:
		return true;
	}
	return false;
}

/* ---- what was seen ---- */

static int compare_known(const void *a, const void *b)
{
	dxc_ino left = ((const struct known *)a)->ino;
	dxc_ino right = ((const struct known *)b)->ino;

	return (left > right) - (left < right);
}

static struct known *find_known(struct walk *walk, dxc_ino ino)
{
	const struct known key = { .ino = ino };
	struct known **found = tfind(&key, &walk->known, compare_known);

	return found ? *found : NULL;
}

static int remember(struct walk *walk, dxc_ino ino, const char *way,
		    const struct stat *st)
{
	struct known *known = malloc(sizeof(*known) + strlen(way) + 1);

	if (!known)
		return -ENOMEM;
	known->ino = ino;
	known->dev = st->st_dev;
	known->target_ino = st->st_ino;
	strcpy(known->way, way);
	if (tsearch(known, &walk->known, compare_known))
		return 0;
	free(known);
	return -ENOMEM;
}

/* ---- files ---- */

/* The part of a file from *pos on; moves *pos behind it. */
static int copy_part(struct walk *walk, const struct dxc_file *file, int fd, dxc_pos *pos,
		     struct dxc_finding *f, bool *image_is_bad)
{
	struct dxc_extent ex;
	u64 done = 0;
	int err;

	*image_is_bad = true;
	err = contents_map(&walk->ex->from, file, *pos, &ex, f);
	*pos += err ? 0 : ex.len;
	while (!err && ex.data && done < ex.len) {
		size_t n = min_t(u64, ex.len - done, COPY_SIZE);
		ssize_t written;

		*image_is_bad = true;
		err = dxc_region_read(&walk->ex->from.vol->region, ex.data + done,
				      walk->buf, n);
		if (err)
			break;
		*image_is_bad = false;
		written = pwrite(fd, walk->buf, n, (off_t)(ex.pos + done));
		err = written > 0 ? 0 : written ? -errno : -EIO;
		done += written > 0 ? (u64)written : 0;
	}
	return err;
}

/*
 * What is there only in part is taken away again. 0 also when it is the image's
 * fault, *made is then -1.
 */
static int make_regular(struct walk *walk, const struct dxc_file *file, const char *name,
			int *made)
{
	struct dxc_finding f = { 0 };
	bool image_is_bad = false;
	dxc_pos pos = 0;
	int err = 0;

	*made = openat(walk->dir, name,
		       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*made < 0) {
		err = -errno;
		lose(walk, NULL, err, NULL);
		return err;
	}
	/* Holes are what is not written. */
	if (file->attr.size > INT64_MAX)
		err = -EFBIG;
	else if (ftruncate(*made, (off_t)file->attr.size) < 0)
		err = -errno;
	while (!err && pos < file->attr.size)
		err = copy_part(walk, file, *made, &pos, &f, &image_is_bad);
	if (!err)
		return 0;
	lose(walk, NULL, err, image_is_bad ? &f : NULL);
	close(*made);
	*made = -1;
	unlinkat(walk->dir, name, 0);
	return image_is_bad && err != -ENOMEM ? 0 : err;
}

/* Symlinks, devices, FIFOs and sockets. 0 also when it is not what is there, *made is then -1. */
static int make_special(struct walk *walk, const struct dxc_file *file, const char *name,
			int *made)
{
	const struct dxc_attr *attr = &file->attr;
	struct dxc_finding f = { 0 };
	struct stat st;
	char *target;
	int err;

	if (S_ISLNK(attr->mode)) {
		err = contents_link(&walk->ex->from, file, &target, &f);
		if (!err) {
			err = symlinkat(target, walk->dir, name) < 0 ? -errno : 0;
			free(target);
		}
	} else {
		err = mknodat(walk->dir, name, (attr->mode & S_IFMT) | 0600,
			      makedev(attr->rdev_major, attr->rdev_minor)) < 0 ?
			      -errno :
			      0;
	}
	if (!err) {
		*made = openat(walk->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		err = *made < 0 || fstat(*made, &st) < 0 ? -errno : 0;
		/* Made and opened are two steps: somebody else may have come between. */
		if (!err && (((st.st_mode ^ attr->mode) & S_IFMT) || st.st_nlink > 1))
			err = -ESTALE;
	}
	if (!err)
		return 0;
	lose(walk, NULL, err, &f);
	if (*made >= 0)
		close(*made);
	*made = -1;
	return err == -ESTALE ? 0 : err;
}

/* The directory of a way from the target, component by component; the last one in *name. */
static int open_way(struct walk *walk, const char *way, const char **name)
{
	int dir = fcntl(walk->ex->target, F_DUPFD_CLOEXEC, 0);
	char part[DAXFS_NAME_MAX + 1];
	const char *slash;

	while (dir >= 0 && (slash = strchr(way, '/'))) {
		int next;

		snprintf(part, sizeof(part), "%.*s", (int)(slash - way), way);
		next = openat(dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(dir);
		dir = next;
		way = slash + 1;
	}
	*name = way;
	return dir < 0 ? -errno : dir;
}

/* One more name for what is in the target already. */
static int make_link(struct walk *walk, const struct known *known, const char *name)
{
	const char *old;
	struct stat st;
	int err;
	int dir = open_way(walk, known->way, &old);

	if (dir < 0) {
		lose(walk, NULL, dir, NULL);
		return dir;
	}
	/* Somebody else may have put something there: then it is not what was made. */
	err = fstatat(dir, old, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	if (!err && (st.st_dev != known->dev || st.st_ino != known->target_ino))
		err = -ESTALE;
	if (!err && linkat(dir, old, walk->dir, name, 0) < 0)
		err = -errno;
	close(dir);
	if (err)
		lose(walk, NULL, err, NULL);
	return err == -ESTALE ? 0 : err;
}

static void lose_attribute(void *priv, const char *what, int err,
			   const struct dxc_finding *f)
{
	lose(priv, what, err, f);
}

/* Owner, xattrs, mode and times; the last thing that is done to a file. */
static int set_attributes(struct walk *walk, const struct dxc_file *file, int fd)
{
	const struct attributes at = {
		.from = &walk->ex->from,
		.file = file,
		.fd = fd,
		.value = walk->buf,
		.lost = lose_attribute,
		.priv = walk,
	};

	return attributes_set(&at);
}

/* ---- directories ---- */

/* Makes dir, open at fd, the innermost level. Takes over fd. */
static int enter(struct walk *walk, const struct dxc_file *dir, int fd, bool own)
{
	struct level *level;
	struct stat st;
	int err = -ENOMEM;

	if (walk->depth == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 16;

		level = reallocarray(walk->levels, room, sizeof(*level));
		if (!level)
			goto close_fd;
		walk->levels = level;
		walk->room = room;
	}
	if (fstat(fd, &st) < 0) {
		err = -errno;
		goto close_fd;
	}
	err = remember(walk, dir->attr.ino, "", &st);
	if (err)
		goto close_fd;
	level = &walk->levels[walk->depth++];
	*level = (struct level){
		.dir = *dir,
		.path_len = strlen(walk->path),
		.way_len = strlen(walk->way),
		.dev = st.st_dev,
		.ino = st.st_ino,
		.own = own,
	};
	if (walk->dir >= 0)
		close(walk->dir);
	walk->dir = fd;
	return 0;

close_fd:
	close(fd);
	return err;
}

static int make_directory(struct walk *walk, const struct dxc_file *dir, const char *name)
{
	struct dxc_finding f = { 0 };
	int err = 0;
	int fd;

	if (find_known(walk, dir->attr.ino)) {
		err = dxc_found(&f, -EUCLEAN, DXC_DIR_NAMES, DAXFS_AREA_DIRS,
				dir->attr.ino, 0, 2);
		lose(walk, NULL, err, &f);
		return 0;
	}
	if (mkdirat(walk->dir, name, 0700) < 0)
		err = -errno;
	fd = err ? -1 :
		   openat(walk->dir, name,
			  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!err && fd < 0)
		err = -errno;
	if (err) {
		lose(walk, NULL, err, NULL);
		return err;
	}
	err = enter(walk, dir, fd, true);
	if (err)
		lose(walk, NULL, err, NULL);
	return err;
}

/* Back to the level above, whose directory must be where it was. */
static int leave(struct walk *walk)
{
	struct level *level = &walk->levels[walk->depth - 1];
	struct level *above = walk->depth > 1 ? level - 1 : NULL;
	int up = -1, err = 0;
	struct stat st;

	walk->path[level->path_len] = '\0';
	/* Before the directory gets a mode that may forbid it. */
	if (above) {
		up = openat(walk->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (up < 0 || fstat(up, &st) < 0)
			err = -errno;
		else if (st.st_dev != above->dev || st.st_ino != above->ino)
			err = -ESTALE;
	}
	if (err)
		lose(walk, NULL, err, NULL);
	else if (level->own)
		err = set_attributes(walk, &level->dir, walk->dir);
	close(walk->dir);
	walk->dir = up;
	walk->depth--;
	/* Without the directory above there is no going on. */
	return err && above && (up < 0 || err == -ESTALE) ? -ESTALE : err;
}

/* ---- entries ---- */

static int make_file(struct walk *walk, const struct dxc_file *file, const char *name)
{
	const struct known *known = NULL;
	struct stat st;
	int fd = -1, err;

	if (file->attr.nlink > 1)
		known = find_known(walk, file->attr.ino);
	if (known && *known->way)
		return make_link(walk, known, name);
	if (S_ISREG(file->attr.mode))
		err = make_regular(walk, file, name, &fd);
	else
		err = make_special(walk, file, name, &fd);
	if (err || fd < 0)
		return err;
	if (file->attr.nlink > 1 && !known) {
		err = fstat(fd, &st) < 0 ? -errno : 0;
		if (!err)
			err = remember(walk, file->attr.ino, walk->way, &st);
	}
	if (!err)
		err = set_attributes(walk, file, fd);
	close(fd);
	return err;
}

/* The file that walk->path names, under name in the directory of the innermost level. */
static int make(struct walk *walk, const struct dxc_file *file, const char *name)
{
	int err;

	if (S_ISDIR(file->attr.mode))
		err = make_directory(walk, file, name);
	else
		err = make_file(walk, file, name);
	return is_final(err) ? err : 0;
}

static int make_entry(struct walk *walk, const struct dxc_dirent *de)
{
	struct level *level = &walk->levels[walk->depth - 1];
	char name[DAXFS_NAME_MAX + 1];
	struct dxc_finding f = { 0 };
	struct dxc_file file;
	int err;

	memcpy(name, dxc_dirent_name(de), de->len);
	name[de->len] = '\0';
	err = path_join(&walk->path, &walk->path_room, level->path_len, name);
	if (!err)
		err = path_join(&walk->way, &walk->way_room, level->way_len, name);
	if (err)
		return err;
	/* The core says so of every entry that it returns; here it must be true. */
	if (!dxc_name_is_legal(name, (u32)strlen(name)) || strlen(name) != de->len)
		err = dxc_found(&f, -EUCLEAN, DXC_DE_NAME, DAXFS_AREA_DIRS,
				level->dir.attr.ino, 0, de->len);
	if (!err)
		err = contents_inode(&walk->ex->from, de->ino, &file, &f);
	if (err == -ESTALE)
		err = dxc_found(&f, -EUCLEAN, DXC_DE_INO, DAXFS_AREA_DIRS,
				level->dir.attr.ino, 0, de->ino);
	if (!err && dxc_type_of_mode(file.attr.mode) != de->type)
		err = dxc_found(&f, -EUCLEAN, DXC_DE_TYPE, DAXFS_AREA_DIRS, de->ino, 0,
				de->type);
	if (err == -ENOMEM)
		return err;
	if (err) {
		lose(walk, NULL, err, &f);
		return 0;
	}
	return make(walk, &file, name);
}

/* The next entry of the innermost level, or out of it. */
static int walk_on(struct walk *walk)
{
	struct level *level = &walk->levels[walk->depth - 1];
	struct dxc_finding f = { 0 };
	struct dxc_dirent de;
	char what[40];
	int err;

	walk->path[level->path_len] = '\0';
	walk->way[level->way_len] = '\0';
	err = contents_next(&walk->ex->from, &level->dir, &level->pos, &de, &f);
	if (err == -ENOENT || err == -ENOMEM)
		return err == -ENOENT ? leave(walk) : err;
	if (!walk->names_left--) {
		walk->names_left = 0;
		err = dxc_found(&f, -EUCLEAN, DXC_DIR_OVERLAP, DAXFS_AREA_DIRS,
				level->dir.attr.ino, 0, level->dir.base.data);
		lose(walk, "what else is in it", err, &f);
		return leave(walk);
	}
	if (err) {
		snprintf(what, sizeof(what), "entry %llu",
			 (unsigned long long)level->pos);
		lose(walk, what, err, &f);
		level->pos++;
		return 0;
	}
	level->pos++;
	return make_entry(walk, &de);
}

/* The directory that is there at the start. */
static int start(struct walk *walk, const struct dxc_file *file, const char *name,
		 bool own)
{
	/* Of the target itself: attributes are not set through somebody else's descriptor. */
	int fd = openat(walk->ex->target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	if (!name)
		return enter(walk, file, fd, own);
	walk->dir = fd;
	err = path_join(&walk->way, &walk->way_room, strlen(walk->way), name);
	return err ? err : make(walk, file, name);
}

int extract_file(struct extract *ex, const struct dxc_file *file, const char *path,
		 const char *name, bool own)
{
	struct walk walk = {
		.ex = ex,
		.dir = -1,
		.names_left = contents_names_max(&ex->from) * NAMES_TIMES,
		.path = strdup(path),
		.path_room = strlen(path) + 1,
		.way = strdup("./"),
		.way_room = sizeof("./"),
		.buf = malloc(COPY_SIZE),
	};
	int err = walk.path && walk.way && walk.buf ? 0 : -ENOMEM;

	_Static_assert(COPY_SIZE >= DAXFS_XATTR_VALUE_MAX,
		       "values of xattrs fit the buffer");
	if (!err)
		err = start(&walk, file, name, own);
	while (!err && walk.depth) {
		err = walk_on(&walk);
		err = is_final(err) ? err : 0;
	}
	if (walk.dir >= 0)
		close(walk.dir);
	tdestroy(walk.known, free);
	free(walk.levels);
	free(walk.path);
	free(walk.way);
	free(walk.buf);
	return err;
}
